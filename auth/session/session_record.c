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
#include "base/record.h"

#define FLAG_REFRESH_LOST 1u
#define FLAG_DEVICES	  2u /* the texts are followed by the number of devices and the devices */
/* Id, user id, five times, flags, and the lengths of six texts. */
#define FIXED_BYTES (SESSION_ID_BYTES + 8 + 5 * 8 + 1 + 6 * 2)

static size_t
devices_size(const struct auth_session *s)
{
	size_t size = s->devices_count == 0 ? 0 : 1;

	for (size_t i = 0; i < s->devices_count; i++)
		size += AUTH_DEVICE_ID_BYTES + 8 + 2 + strlen(s->devices[i].name);
	return size;
}

size_t
session_record_size(const struct auth_session *s)
{
	return FIXED_BYTES + s->cookie_len + strlen(s->user.username) + strlen(s->user.name) +
	       strlen(s->user.email) + secret_view(s->tokens.pair.access).len +
	       secret_view(s->tokens.pair.refresh).len + devices_size(s);
}

static void
write_u64(struct buf *out, uint64_t value)
{
	record_write_number(out, value, sizeof(value));
}

static void
write_text(struct buf *out, struct str text)
{
	record_write_text(out, text, 2);
}

static void
write_devices(const struct auth_session *s, struct buf *out)
{
	if (s->devices_count == 0)
		return;
	buf_add_byte(out, (char)(uint8_t)s->devices_count);
	for (size_t i = 0; i < s->devices_count; i++) {
		buf_add(out, s->devices[i].id.bytes, AUTH_DEVICE_ID_BYTES);
		write_u64(out, (uint64_t)s->devices[i].since_ms);
		write_text(out, str_from(s->devices[i].name));
	}
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
	buf_add_byte(out, (char)((s->tokens.refresh_lost ? FLAG_REFRESH_LOST : 0) |
				 (s->devices_count > 0 ? FLAG_DEVICES : 0)));
	write_text(out, session_cookie(s));
	write_text(out, str_from(s->user.username));
	write_text(out, str_from(s->user.name));
	write_text(out, str_from(s->user.email));
	write_text(out, secret_view(s->tokens.pair.access));
	write_text(out, secret_view(s->tokens.pair.refresh));
	write_devices(s, out);
	return buf_is_ok(out);
}

static void
read_name(struct record_reader *r, char out[GITLAB_TEXT_MAX + 1])
{
	struct str text = record_read_text(r, 2, GITLAB_TEXT_MAX);

	if (!r->ok)
		return;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
}

static struct secret *
read_token(struct record_reader *r)
{
	struct str text = record_read_text(r, 2, GITLAB_TOKEN_MAX);

	return r->ok && text.len > 0 ? secret_from_str(text) : NULL;
}

static void
read_devices(struct record_reader *r, struct session_record *record)
{
	size_t count = (size_t)record_read_number(r, 1);

	r->ok = r->ok && count <= AUTH_DEVICES_MAX;
	for (size_t i = 0; r->ok && i < count; i++) {
		struct session_device *device = &record->devices[i];
		struct str id = record_read_bytes(r, AUTH_DEVICE_ID_BYTES);
		int64_t since_ms = (int64_t)record_read_number(r, 8);
		struct str name = record_read_text(r, 2, AUTH_DEVICE_NAME_MAX);

		if (!r->ok)
			return;
		memcpy(device->id.bytes, id.data, id.len);
		memcpy(device->name, name.data, name.len);
		device->since_ms = since_ms;
		record->devices_count++;
	}
}

bool
session_record_read(struct str *rest, struct session_record *record, struct err *e)
{
	struct record_reader r = {*rest, true};
	struct str id = record_read_bytes(&r, SESSION_ID_BYTES);
	uint64_t flags;

	*record = (struct session_record){.user = {.is_active = true}};
	if (r.ok)
		memcpy(record->id, id.data, id.len);
	record->user.id = record_read_number(&r, 8);
	record->opened_ms = (int64_t)record_read_number(&r, 8);
	record->used_ms = (int64_t)record_read_number(&r, 8);
	record->allowed_ms = (int64_t)record_read_number(&r, 8);
	record->token_expires_ms = (int64_t)record_read_number(&r, 8);
	record->tokens.lifetime_ms = record_read_number(&r, 8);
	flags = record_read_number(&r, 1);
	record->refresh_lost = (flags & FLAG_REFRESH_LOST) != 0;
	record->cookie = record_read_text(&r, 2, SESSION_COOKIE_MAX);
	read_name(&r, record->user.username);
	read_name(&r, record->user.name);
	read_name(&r, record->user.email);
	record->tokens.access = read_token(&r);
	record->tokens.refresh = read_token(&r);
	if (r.ok && (flags & FLAG_DEVICES) != 0)
		read_devices(&r, record);
	*rest = r.rest;
	if (!r.ok || record->tokens.access == NULL)
		return err_set(e, ERR_PROTOCOL, "malformed session record");
	return true;
}
