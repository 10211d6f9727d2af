/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding of session records. Numbers are big-endian, texts are preceded by their length in two
 * bytes. A record holds tokens: the owner of the bytes wipes them.
 */
#include "auth/session/session_record.h"

#include "auth/session/session_cookie.h"
#include "auth/session/session_lifetime.h"
#include "auth/session/session_private.h"
#include "base/clock.h"

#define FLAG_REFRESH_LOST 1u
/* Id, user id, five times, flags, and the lengths of six texts. */
#define FIXED_BYTES (SESSION_ID_BYTES + 8 + 5 * 8 + 1 + 6 * 2)

size_t
session_record_size(const struct auth_session *s)
{
	return FIXED_BYTES + s->cookie_len + strlen(s->user.username) + strlen(s->user.name) +
	       strlen(s->user.email) + secret_view(s->tokens.pair.access).len +
	       secret_view(s->tokens.pair.refresh).len;
}

static void
write_u64(struct buf *out, uint64_t value)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_add_byte(out, (char)(uint8_t)(value >> shift));
}

static void
write_text(struct buf *out, struct str text)
{
	buf_add_byte(out, (char)(uint8_t)(text.len >> 8));
	buf_add_byte(out, (char)(uint8_t)text.len);
	buf_add_str(out, text);
}

bool
session_record_write(const struct auth_session *s, struct buf *out)
{
	uint64_t now_ms = clock_monotonic_ms();
	int64_t wall_ms = clock_wall_ms();
	int64_t token_expires_ms = 0;

	if (s->tokens.expires_ms != 0)
		token_expires_ms = wall_ms + (int64_t)(s->tokens.expires_ms - now_ms);
	buf_add(out, s->id, sizeof(s->id));
	write_u64(out, s->user.id);
	write_u64(out, (uint64_t)s->opened_wall_ms);
	write_u64(out, (uint64_t)wall_ms - (now_ms - session_used_ms(s)));
	write_u64(out, (uint64_t)s->authorization.allowed_wall_ms);
	write_u64(out, (uint64_t)token_expires_ms);
	write_u64(out, s->tokens.pair.lifetime_ms);
	buf_add_byte(out, s->tokens.refresh_lost ? FLAG_REFRESH_LOST : 0);
	write_text(out, session_cookie(s));
	write_text(out, str_from(s->user.username));
	write_text(out, str_from(s->user.name));
	write_text(out, str_from(s->user.email));
	write_text(out, secret_view(s->tokens.pair.access));
	write_text(out, secret_view(s->tokens.pair.refresh));
	return buf_is_ok(out);
}

struct record_reader {
	struct str rest;
	bool ok;
};

static struct str
read_bytes(struct record_reader *r, size_t len)
{
	struct str bytes = str_take(r->rest, len);

	if (bytes.len != len)
		r->ok = false;
	r->rest = str_skip(r->rest, len);
	return bytes;
}

static uint64_t
read_number(struct record_reader *r, size_t len)
{
	struct str bytes = read_bytes(r, len);
	uint64_t value = 0;

	for (size_t i = 0; i < bytes.len; i++)
		value = value << 8 | (uint8_t)bytes.data[i];
	return value;
}

static struct str
read_text(struct record_reader *r, size_t max)
{
	size_t len = (size_t)read_number(r, 2);

	if (len > max)
		r->ok = false;
	return read_bytes(r, len);
}

static void
read_name(struct record_reader *r, char out[GITLAB_TEXT_MAX + 1])
{
	struct str text = read_text(r, GITLAB_TEXT_MAX);

	if (!r->ok)
		return;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
}

static struct secret *
read_token(struct record_reader *r)
{
	struct str text = read_text(r, GITLAB_TOKEN_MAX);

	return r->ok && text.len > 0 ? secret_from_str(text) : NULL;
}

bool
session_record_read(struct str *rest, struct session_record *record, struct err *e)
{
	struct record_reader r = {*rest, true};
	struct str id = read_bytes(&r, SESSION_ID_BYTES);
	uint64_t flags;

	*record = (struct session_record){.user = {.is_active = true}};
	if (r.ok)
		memcpy(record->id, id.data, id.len);
	record->user.id = read_number(&r, 8);
	record->opened_ms = (int64_t)read_number(&r, 8);
	record->used_ms = (int64_t)read_number(&r, 8);
	record->allowed_ms = (int64_t)read_number(&r, 8);
	record->token_expires_ms = (int64_t)read_number(&r, 8);
	record->tokens.lifetime_ms = read_number(&r, 8);
	flags = read_number(&r, 1);
	record->refresh_lost = (flags & FLAG_REFRESH_LOST) != 0;
	record->cookie = read_text(&r, SESSION_COOKIE_MAX);
	read_name(&r, record->user.username);
	read_name(&r, record->user.name);
	read_name(&r, record->user.email);
	record->tokens.access = read_token(&r);
	record->tokens.refresh = read_token(&r);
	*rest = r.rest;
	if (!r.ok || record->tokens.access == NULL)
		return err_set(e, ERR_PROTOCOL, "malformed session record");
	return true;
}
