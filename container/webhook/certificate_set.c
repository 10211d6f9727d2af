/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure functions: a Secret's JSON in, a step and a patch out.
 */
#include "container/webhook/certificate_set.h"

#include <stdio.h>

#include "base/crypto/crypto.h"
#include "base/net/tls/certificate_pem.h"

#define VALUE_MAX_BYTES	  65536u
#define PATCH_VALUE_BYTES 8192u /* for one key, without copies of it */
#define AUTHORITIES_MAX	  4u
#define RENEWAL_PARTS	  3 /* renewed when a third of the lifetime is left */

static void
read_text(const struct json_node *data, const char *key, struct buf *text)
{
	struct str base64;

	if (!json_get_str(json_member(data, key), "", &base64, NULL) ||
	    !crypto_base64_decode(text, base64))
		buf_clear(text);
}

static void
read_pair(const struct json_node *data, const char *certificate, const char *key,
	  struct certificate_pair *pair)
{
	struct buf text;

	buf_init(&text, SECRET_MAX_BYTES);
	read_text(data, certificate, &pair->certificate);
	if (buf_reserve(&text, PATCH_VALUE_BYTES))
		read_text(data, key, &text);
	if (text.len > 0)
		pair->key = secret_from_str(buf_view(&text));
	buf_wipe_fini(&text);
}

bool
certificate_set_read(struct certificate_set *s, const struct json_node *secret, struct err *e)
{
	const struct json_node *data = json_find(secret, "data");
	struct str version;

	*s = (struct certificate_set){.version = ""};
	buf_init(&s->authorities, VALUE_MAX_BYTES);
	buf_init(&s->current.certificate, VALUE_MAX_BYTES);
	buf_init(&s->next.certificate, VALUE_MAX_BYTES);
	if (!json_get_str(secret, "metadata.resourceVersion", &version, e))
		return false;
	if (version.len >= sizeof(s->version))
		return err_set(e, ERR_PROTOCOL, "metadata.resourceVersion: too long");
	(void)snprintf(s->version, sizeof(s->version), "%.*s", STR_FMT(version));
	s->is_renewal_asked =
		json_member(json_find(secret, "metadata.annotations"), CERTIFICATE_RENEW) != NULL;
	if (data == NULL)
		return true;
	read_text(data, "ca.crt", &s->authorities);
	read_pair(data, "tls.crt", "tls.key", &s->current);
	read_pair(data, "next.crt", "next.key", &s->next);
	return true;
}

static void
pair_fini(struct certificate_pair *p)
{
	buf_fini(&p->certificate);
	secret_free(p->key);
	p->key = NULL;
}

void
certificate_set_fini(struct certificate_set *s)
{
	buf_fini(&s->authorities);
	pair_fini(&s->current);
	pair_fini(&s->next);
}

/* Whether the certificate is valid at this time, by its dates. */
static bool
is_valid_at(struct str pem, int64_t now_s)
{
	int64_t begins_at_s;
	int64_t ends_at_s;

	return certificate_pem_dates(pem, &begins_at_s, &ends_at_s) && begins_at_s <= now_s &&
	       now_s < ends_at_s;
}

static bool
is_verified(const struct certificate_set *s, struct str pem, int64_t now_s)
{
	struct str rest = buf_view(&s->authorities);
	struct str authority;

	while (certificate_pem_next(&rest, &authority))
		if (is_valid_at(authority, now_s) && certificate_pem_is_signed_by(pem, authority))
			return true;
	return false;
}

static bool
is_usable(const struct certificate_set *s, const struct certificate_pair *p,
	  const struct certificate_terms *t)
{
	struct str pem = buf_view(&p->certificate);

	return p->key != NULL && is_valid_at(pem, t->now_s) &&
	       certificate_pem_names(pem, t->host) && certificate_pem_has_key(pem, p->key) &&
	       is_verified(s, pem, t->now_s);
}

bool
certificate_set_is_usable(const struct certificate_set *s, const struct certificate_terms *terms)
{
	return is_usable(s, &s->current, terms);
}

/* Whether the certificate is unreadable, or the last part of its lifetime has begun. */
static bool
is_due(struct str pem, const struct certificate_terms *t)
{
	int64_t begins_at_s;
	int64_t ends_at_s;

	if (!certificate_pem_dates(pem, &begins_at_s, &ends_at_s))
		return true;
	int64_t lifetime_s = ends_at_s - begins_at_s;
	if ((uint64_t)lifetime_s > t->lifetime_s)
		lifetime_s = (int64_t)t->lifetime_s;
	return ends_at_s - t->now_s <= lifetime_s / RENEWAL_PARTS;
}

static bool
has_expired_authority(const struct certificate_set *s, int64_t now_s)
{
	struct str rest = buf_view(&s->authorities);
	struct str authority;

	while (certificate_pem_next(&rest, &authority))
		if (!is_valid_at(authority, now_s))
			return true;
	return false;
}

enum certificate_step
certificate_set_plan(const struct certificate_set *s, const struct certificate_terms *terms)
{
	bool has_next = is_usable(s, &s->next, terms);

	if (!is_usable(s, &s->current, terms))
		return has_next ? CERTIFICATE_PROMOTE : CERTIFICATE_CREATE;
	if (has_next)
		return terms->is_trusted ? CERTIFICATE_PROMOTE : CERTIFICATE_KEEP;
	if (s->is_renewal_asked || is_due(buf_view(&s->current.certificate), terms))
		return CERTIFICATE_PREPARE;
	return has_expired_authority(s, terms->now_s) ? CERTIFICATE_TRIM : CERTIFICATE_KEEP;
}

/* Appends the new authority, if there is one, and those that are valid. */
static void
write_authorities(const struct certificate_set *s, const char *fresh, int64_t now_s,
		  struct buf *out)
{
	struct str rest = buf_view(&s->authorities);
	struct str authority;
	size_t count = 0;

	if (fresh != NULL) {
		buf_add_str(out, str_from(fresh));
		count++;
	}
	while (count < AUTHORITIES_MAX && certificate_pem_next(&rest, &authority)) {
		if (!is_valid_at(authority, now_s))
			continue;
		buf_add_str(out, authority);
		buf_add_byte(out, '\n');
		count++;
	}
}

static void
write_value(struct json_writer *w, const char *key, struct str value)
{
	struct buf text;

	buf_init(&text, 2 * VALUE_MAX_BYTES);
	if (!buf_reserve(&text, value.len * 2 + 4) || !crypto_base64_encode(&text, value))
		w->out->failed = true;
	json_write_str(w, key, buf_view(&text));
	buf_wipe_fini(&text);
}

static void
write_current(struct json_writer *w, struct str certificate, const struct secret *key)
{
	write_value(w, "tls.crt", certificate);
	write_value(w, "tls.key", secret_view(key));
	json_write_null(w, "next.crt");
	json_write_null(w, "next.key");
}

static void
write_pairs(struct json_writer *w, const struct certificate_set *s, enum certificate_step step,
	    const struct service_certificate *fresh)
{
	switch (step) {
	case CERTIFICATE_CREATE:
		write_current(w, str_from(fresh->certificate), fresh->key);
		break;
	case CERTIFICATE_PREPARE:
		write_value(w, "next.crt", str_from(fresh->certificate));
		write_value(w, "next.key", secret_view(fresh->key));
		break;
	case CERTIFICATE_PROMOTE:
		write_current(w, buf_view(&s->next.certificate), s->next.key);
		break;
	case CERTIFICATE_KEEP:
	case CERTIFICATE_TRIM:
		break;
	}
}

bool
certificate_set_patch(const struct certificate_set *s, enum certificate_step step,
		      const struct service_certificate *fresh, int64_t now_s, struct buf *out,
		      struct err *e)
{
	struct json_writer w;
	struct buf authorities;

	buf_init(&authorities, VALUE_MAX_BYTES);
	write_authorities(s, fresh->authority, now_s, &authorities);
	json_write_begin_object(&w, out);
	json_write_object(&w, "metadata");
	json_write_str(&w, "resourceVersion", str_from(s->version));
	if (s->is_renewal_asked && fresh->authority != NULL) {
		json_write_object(&w, "annotations");
		json_write_null(&w, CERTIFICATE_RENEW);
		json_write_close(&w, '}');
	}
	json_write_close(&w, '}');
	json_write_object(&w, "data");
	write_value(&w, "ca.crt", buf_view(&authorities));
	write_pairs(&w, s, step, fresh);
	json_write_close(&w, '}');
	bool ok = buf_is_ok(&authorities) && json_write_end_object(&w);
	buf_fini(&authorities);
	return ok || err_set(e, ERR_LIMIT, "the Secret's values are too large");
}
