/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polls the files with stat(2) every few seconds: unlike inotify, this works on every file system,
 * and follows the symbolic links that Kubernetes swaps.
 */
#include "proxy/reload.h"

#define CERTIFICATE	0      /* index in parts */
#define OWN_INTERVAL_MS 60000u /* of checks whether a certificate of our own must be renewed */

static bool
reload_certificate(struct reload *r, struct err *e)
{
	return tls_context_reload(r->proxy->tls, e);
}

static bool
reload_client_secret(struct reload *r, struct err *e)
{
	struct auth_settings *s = &r->settings->auth;
	struct secret *secret = NULL;

	if (!settings_read_secret(r->settings->files.client_secret, &secret, e))
		return false;
	secret_free(s->client_secret);
	s->client_secret = secret;
	return true;
}

static bool
replace_master_keys(struct proxy *p, const struct auth_keys *keys, struct err *e)
{
	return (p->broker == NULL || broker_replace_keys(p->broker, keys, e)) &&
	       relay_replace_keys(p->relay, keys, e);
}

/* A sidecar's cookie keys, or a relay's master keys. */
static bool
reload_keys(struct reload *r, struct err *e)
{
	struct settings *s = r->settings;
	bool is_relay = r->proxy->relay != NULL;
	struct auth_keys *used = is_relay ? &s->relay.master_keys : &s->auth.cookie_keys;
	struct auth_keys keys = {.count = 0};
	bool ok = settings_read_keys(s->files.keys, &keys, e) &&
		  (is_relay ? replace_master_keys(r->proxy, &keys, e)
			    : auth_replace_keys(r->proxy->auth, &keys, e));

	if (!ok) {
		auth_keys_fini(&keys);
		return false;
	}
	auth_keys_fini(used);
	*used = keys;
	return true;
}

static bool
reload_relay_key(struct reload *r, struct err *e)
{
	struct auth_settings *s = &r->settings->auth;
	struct secret *key = NULL;

	if (!settings_read_relay_key(r->settings->files.relay_key, &key, e))
		return false;
	secret_free(s->relay_key);
	s->relay_key = key;
	return true;
}

static bool
replace_authorities(const char *file, struct fetch *client, struct err *e)
{
	if (!tls_check_authorities(file, e))
		return false;
	fetch_reload_authorities(client);
	return true;
}

static bool
reload_authorities(struct reload *r, struct err *e)
{
	return replace_authorities(r->settings->gitlab_ca_file, r->clients->gitlab, e);
}

static bool
reload_relay_authorities(struct reload *r, struct err *e)
{
	return replace_authorities(r->settings->relay_ca_file, r->clients->relay, e);
}

static bool
has_own_certificate(const struct reload *r)
{
	return r->proxy->tls != NULL && r->settings->tls.source == SETTINGS_TLS_SELF;
}

static bool
reload_deny_list(struct reload *r, struct err *e)
{
	return broker_reload_deny_list(r->proxy->broker, e);
}

static const struct reload_part {
	const char *name;
	bool (*apply)(struct reload *r, struct err *e);
} parts[RELOAD_PARTS] = {
	{"certificate", reload_certificate},
	{"client secret", reload_client_secret},
	{"keys", reload_keys},
	{"GitLab's authorities", reload_authorities},
	{"relay key", reload_relay_key},
	{"relay's authorities", reload_relay_authorities},
	{"deny list", reload_deny_list},
};

void
reload_log_certificate(const struct proxy *p, const char *message)
{
	char fingerprint[TLS_FINGERPRINT_SIZE];

	tls_context_fingerprint(p->tls, fingerprint);
	log_info(NULL, message, log_int("expires_at", tls_context_expires_at_s(p->tls)),
		 log_cstr("fingerprint", fingerprint));
}

static void
report(struct reload *r, size_t part, bool ok, const struct err *e)
{
	bool is_certificate = parts[part].apply == reload_certificate;

	r->proxy->metrics.reloads[ok ? 0 : 1]++;
	if (ok && is_certificate)
		reload_log_certificate(r->proxy, has_own_certificate(r) ? "certificate renewed"
									: "certificate reloaded");
	else if (ok)
		log_info(NULL, "reloaded", log_cstr("part", parts[part].name));
	else if (is_certificate)
		log_error(NULL, "certificate not reloaded; the old one remains in use", log_err(e));
	else
		log_error(NULL, "not reloaded; the old one remains in use",
			  log_cstr("part", parts[part].name), log_err(e));
}

static void
apply(struct reload *r, size_t part)
{
	struct err e = ERR_INIT;

	file_watch_apply(r->files[part], RELOAD_PATHS);
	report(r, part, parts[part].apply(r, &e), &e);
}

/* The timer runs without RELOAD_INTERVAL, too, if there is a certificate of our own to renew. */
static void
start_timer(struct reload *r)
{
	uint64_t interval_ms = r->settings->reload_interval_ms;

	if (interval_ms > 0 || has_own_certificate(r))
		loop_timer_start(&r->timer, interval_ms > 0 ? interval_ms : OWN_INTERVAL_MS);
}

static void
on_timer(void *arg)
{
	struct reload *r = arg;

	for (size_t i = 0; i < RELOAD_PARTS && r->settings->reload_interval_ms > 0; i++)
		if (file_watch_check(r->files[i], RELOAD_PATHS))
			apply(r, i);
	if (has_own_certificate(r) && tls_context_is_due(r->proxy->tls))
		apply(r, CERTIFICATE);
	start_timer(r);
}

static void
name_files(struct reload *r)
{
	const struct settings *s = r->settings;

	if (r->proxy->tls != NULL) {
		r->files[0][0].path = s->tls.cert_file;
		r->files[0][1].path = s->tls.key_file;
	}
	r->files[1][0].path = r->clients->gitlab == NULL ? NULL : s->files.client_secret;
	r->files[2][0].path = s->files.keys;
	r->files[3][0].path = r->clients->gitlab == NULL ? NULL : s->gitlab_ca_file;
	r->files[4][0].path = s->files.relay_key;
	r->files[5][0].path = r->clients->relay == NULL ? NULL : s->relay_ca_file;
	r->files[6][0].path = r->proxy->broker == NULL ? NULL : s->relay.deny_file;
}

void
reload_start(struct reload *r, struct proxy *p, struct settings *settings,
	     const struct gitlab_clients *clients)
{
	*r = (struct reload){.proxy = p, .settings = settings, .clients = clients};
	name_files(r);
	for (size_t i = 0; i < RELOAD_PARTS; i++)
		file_watch_apply(r->files[i], RELOAD_PATHS);
	loop_timer_init(&r->timer, p->loop, on_timer, r);
	start_timer(r);
}

void
reload_fini(struct reload *r)
{
	if (r->proxy != NULL)
		loop_timer_fini(&r->timer);
}

void
reload_now(struct reload *r)
{
	for (size_t i = 0; i < RELOAD_PARTS; i++)
		if (r->files[i][0].path != NULL || (i == CERTIFICATE && has_own_certificate(r)))
			apply(r, i);
}
