/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is version || host || time || sealed record; the plain part is its associated data. An
 * answer is version || sealed record, whose associated data has the request's nonce.
 */
#include "auth/broker/broker_message.h"

#include "base/ascii.h"
#include "base/record.h"

#define MESSAGE_VERSION 1
#define KEY_LABEL	"workspace-proxy broker 1\n"
#define REQUEST_LABEL	"workspace-proxy broker request 1\n"
#define ANSWER_LABEL	"workspace-proxy broker answer 1\n"
#define HEAD_MAX	(1 + 2 + RELAY_AUTHORITY_MAX + 8)
#define CODE_MAX	512u
#define VERIFIER_MIN	43u
#define VERIFIER_MAX	128u
#define TOKEN_MAX	4096u
#define ID_TOKEN_MAX	65536u
#define SCOPE_MAX	1024u

void
broker_channel_fini(struct broker_channel *c)
{
	secret_free(c->key);
	*c = (struct broker_channel){.key = NULL};
}

static bool
request_associated(struct buf *out, struct str head)
{
	buf_init(out, sizeof(REQUEST_LABEL) + HEAD_MAX);
	buf_add_str(out, STR(REQUEST_LABEL));
	return buf_add_str(out, head);
}

static bool
answer_associated(struct buf *out, const struct broker_channel *c)
{
	buf_init(out, sizeof(ANSWER_LABEL) + sizeof(c->nonce));
	buf_add_str(out, STR(ANSWER_LABEL));
	return buf_add(out, c->nonce, sizeof(c->nonce));
}

/* Reserves the whole message at once, so that no part is left in memory that was reallocated. */
static bool
plain_init(struct buf *plain, size_t max, struct err *e)
{
	buf_init(plain, max);
	return buf_reserve(plain, max) || err_set(e, ERR_MEMORY, "broker message");
}

static bool
seal_request(const struct broker_request *r, struct buf *out, struct broker_channel *c,
	     struct err *e)
{
	struct buf associated;
	struct buf plain;
	size_t head_len = out->len;
	bool ok;

	ok = request_associated(&associated, buf_view(out));
	ok = plain_init(&plain, BROKER_REQUEST_MAX, e) && ok;
	record_write_number(&plain, (uint64_t)r->operation, 1);
	record_write_text(&plain, r->code, 2);
	record_write_text(&plain, r->verifier, 2);
	record_write_text(&plain, r->token, 2);
	if (ok && !buf_is_ok(&plain))
		ok = err_set(e, ERR_LIMIT, "broker request is too long");
	ok = ok && crypto_seal(c->key, buf_view(&plain), buf_view(&associated), out, e);
	if (ok)
		memcpy(c->nonce, out->data + head_len, sizeof(c->nonce));
	buf_wipe_fini(&plain);
	buf_fini(&associated);
	return ok;
}

bool
broker_request_seal(const struct broker_request *r, const struct secret *workspace_key,
		    struct buf *out, struct broker_channel *c, struct err *e)
{
	bool ok;

	c->key = crypto_derive_key(workspace_key, STR_NONE, STR(KEY_LABEL), e);
	if (c->key == NULL)
		return false;
	record_write_number(out, MESSAGE_VERSION, 1);
	record_write_text(out, r->authority, 2);
	record_write_number(out, (uint64_t)r->sent_ms, 8);
	ok = buf_is_ok(out) ? seal_request(r, out, c, e)
			    : err_set(e, ERR_LIMIT, "broker request is too long");
	if (!ok)
		broker_channel_fini(c);
	return ok;
}

static bool
open_with_master(const struct secret *master, struct str authority, struct str sealed,
		 struct str associated, struct buf *memory, struct broker_channel *c)
{
	struct secret *workspace_key = relay_derive_key(master, authority, NULL);
	bool ok;

	c->key = workspace_key == NULL
			 ? NULL
			 : crypto_derive_key(workspace_key, STR_NONE, STR(KEY_LABEL), NULL);
	secret_free(workspace_key);
	ok = c->key != NULL && crypto_open(c->key, sealed, associated, memory, NULL);
	if (ok)
		memcpy(c->nonce, sealed.data, sizeof(c->nonce));
	else
		broker_channel_fini(c);
	return ok;
}

static bool
open_sealed(const struct auth_keys *masters, struct str authority, struct str head,
	    struct str sealed, struct buf *memory, struct broker_channel *c)
{
	struct buf associated;
	bool ok = false;

	if (sealed.len >= CRYPTO_SEAL_OVERHEAD && buf_reserve(memory, BROKER_REQUEST_MAX) &&
	    request_associated(&associated, head)) {
		for (size_t i = 0; i < masters->count && !ok; i++)
			ok = open_with_master(masters->keys[i], authority, sealed,
					      buf_view(&associated), memory, c);
		buf_fini(&associated);
	}
	return ok;
}

static bool
is_visible(struct str s, size_t min, size_t max)
{
	return s.len >= min && s.len <= max && ascii_all_visible(s);
}

/* Whether the request has exactly the fields of its operation. */
static bool
fits_operation(const struct broker_request *r)
{
	switch (r->operation) {
	case BROKER_REDEEM:
		return is_visible(r->code, 1, CODE_MAX) &&
		       is_visible(r->verifier, VERIFIER_MIN, VERIFIER_MAX) &&
		       ascii_all_alnum_or(r->verifier, STR("-._~")) && r->token.len == 0;
	case BROKER_REFRESH:
	case BROKER_REVOKE:
		return r->code.len == 0 && r->verifier.len == 0 &&
		       is_visible(r->token, 1, TOKEN_MAX);
	case BROKER_OPERATIONS:
		break;
	}
	return false;
}

static bool
parse_request(struct broker_request *r, struct str plain)
{
	struct record_reader reader = {plain, true};
	uint64_t operation = record_read_number(&reader, 1);

	r->code = record_read_text(&reader, 2, CODE_MAX);
	r->verifier = record_read_text(&reader, 2, VERIFIER_MAX);
	r->token = record_read_text(&reader, 2, TOKEN_MAX);
	if (!reader.ok || reader.rest.len > 0 || operation >= BROKER_OPERATIONS)
		return false;
	r->operation = (enum broker_operation)operation;
	return fits_operation(r);
}

enum relay_result
broker_request_open(struct broker_request *r, struct str text,
		    const struct relay_settings *settings, int64_t now_ms, struct buf *memory,
		    struct broker_channel *c)
{
	struct record_reader reader = {text, true};
	uint64_t version = record_read_number(&reader, 1);

	*r = (struct broker_request){.sent_ms = 0};
	*c = (struct broker_channel){.key = NULL};
	r->authority = record_read_text(&reader, 2, RELAY_AUTHORITY_MAX);
	r->sent_ms = (int64_t)(record_read_number(&reader, 8) & INT64_MAX);
	if (!reader.ok || version != MESSAGE_VERSION || text.len > BROKER_REQUEST_MAX)
		return RELAY_MALFORMED;
	if (!relay_zones_contain(&settings->zones, r->authority))
		return RELAY_OUTSIDE_ZONES;
	if (!open_sealed(&settings->master_keys, r->authority,
			 str_take(text, text.len - reader.rest.len), reader.rest, memory, c))
		return RELAY_FORGED;
	if (!parse_request(r, buf_view(memory))) {
		broker_channel_fini(c);
		return RELAY_MALFORMED;
	}
	return r->sent_ms >= now_ms - BROKER_SKEW_MS && r->sent_ms <= now_ms + BROKER_SKEW_MS
		       ? RELAY_VALID
		       : RELAY_STALE;
}

static void
write_answer(const struct broker_answer *a, struct buf *plain)
{
	record_write_number(plain, (uint64_t)a->outcome, 1);
	record_write_number(plain, a->retry_after_s, 4);
	record_write_number(plain, (uint64_t)a->answered_ms, 8);
	record_write_number(plain, a->lifetime_ms, 8);
	record_write_text(plain, a->access, 2);
	record_write_text(plain, a->refresh, 2);
	record_write_text(plain, a->id_token, 4);
	record_write_text(plain, a->scope, 2);
	record_write_text(plain, a->reason, 2);
}

bool
broker_answer_seal(const struct broker_answer *a, const struct broker_channel *c, struct buf *out,
		   struct err *e)
{
	struct buf associated;
	struct buf plain;
	bool ok;

	ok = answer_associated(&associated, c);
	ok = plain_init(&plain, BROKER_ANSWER_MAX, e) && ok;
	write_answer(a, &plain);
	record_write_number(out, MESSAGE_VERSION, 1);
	if (ok && (!buf_is_ok(&plain) || !buf_is_ok(out)))
		ok = err_set(e, ERR_LIMIT, "broker answer is too long");
	ok = ok && crypto_seal(c->key, buf_view(&plain), buf_view(&associated), out, e);
	buf_wipe_fini(&plain);
	buf_fini(&associated);
	return ok;
}

static bool
parse_answer(struct broker_answer *a, struct str plain)
{
	struct record_reader r = {plain, true};
	uint64_t outcome = record_read_number(&r, 1);

	a->retry_after_s = (uint32_t)record_read_number(&r, 4);
	a->answered_ms = (int64_t)(record_read_number(&r, 8) & INT64_MAX);
	a->lifetime_ms = record_read_number(&r, 8);
	a->access = record_read_text(&r, 2, TOKEN_MAX);
	a->refresh = record_read_text(&r, 2, TOKEN_MAX);
	a->id_token = record_read_text(&r, 4, ID_TOKEN_MAX);
	a->scope = record_read_text(&r, 2, SCOPE_MAX);
	a->reason = record_read_text(&r, 2, ERR_TEXT_MAX);
	a->outcome = (enum broker_outcome)outcome;
	return r.ok && r.rest.len == 0 && outcome < BROKER_OUTCOMES;
}

bool
broker_answer_open(struct broker_answer *a, struct str text, const struct broker_channel *c,
		   struct buf *memory)
{
	struct str sealed = str_skip(text, 1);
	struct buf associated;
	bool ok;

	*a = (struct broker_answer){.outcome = BROKER_LOST};
	if (text.len > BROKER_ANSWER_MAX || sealed.len < CRYPTO_SEAL_OVERHEAD ||
	    text.data[0] != MESSAGE_VERSION || !buf_reserve(memory, sealed.len))
		return false;
	ok = answer_associated(&associated, c) &&
	     crypto_open(c->key, sealed, buf_view(&associated), memory, NULL) &&
	     parse_answer(a, buf_view(memory));
	buf_fini(&associated);
	return ok;
}
