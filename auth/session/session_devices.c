/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short array, allocated with the first device, because most sessions have none.
 */
#include "auth/session/session_devices.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/session/session_file.h"
#include "auth/session/session_private.h"
#include "auth/session/session_table.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/crypto/crypto_equal.h"

static bool
is_id(const struct auth_device_id *a, const struct auth_device_id *b)
{
	return crypto_equal(STR_BYTES(a->bytes), STR_BYTES(b->bytes));
}

static struct session_device *
find(const struct auth_session *s, const struct auth_device_id *id)
{
	for (size_t i = 0; i < s->devices_count; i++)
		if (is_id(&s->devices[i].id, id))
			return &s->devices[i];
	return NULL;
}

static void
remove_at(struct auth_session *s, size_t index)
{
	s->devices_count--;
	memmove(&s->devices[index], &s->devices[index + 1],
		(s->devices_count - index) * sizeof(s->devices[0]));
}

bool
session_device_restore(struct auth_session *s, const struct session_device *device)
{
	if (s->devices == NULL)
		s->devices = calloc(AUTH_DEVICES_MAX, sizeof(s->devices[0]));
	if (s->devices == NULL)
		return false;
	if (s->devices_count == AUTH_DEVICES_MAX) {
		const struct auth_device_id oldest = s->devices[0].id;
		session_device_end(s, &oldest);
	}
	s->devices[s->devices_count++] = *device;
	return true;
}

bool
session_device_add(struct auth_session *s, struct str name, struct auth_device_id *id)
{
	struct session_device device = {.since_ms = clock_wall_ms()};

	crypto_random(device.id.bytes, sizeof(device.id.bytes));
	(void)snprintf(device.name, sizeof(device.name), "%.*s", STR_FMT(name));
	if (!session_device_restore(s, &device))
		return false;
	*id = device.id;
	session_file_touch(s->store->file);
	return true;
}

struct auth_session *
session_device_find(struct session_store *st, const struct auth_device_id *id)
{
	struct auth_session *s = NULL;

	while ((s = session_table_next(&st->table, s)) != NULL)
		if (find(s, id) != NULL)
			return s;
	return NULL;
}

bool
session_has_device(const struct auth_session *s, const struct auth_device_id *id)
{
	return find(s, id) != NULL;
}

void
session_device_end(struct auth_session *s, const struct auth_device_id *id)
{
	struct session_device *device = find(s, id);

	if (device == NULL)
		return;
	log_info(NULL, "device signed out", log_cstr("user", s->user.username),
		 log_cstr("device", device->name));
	remove_at(s, (size_t)(device - s->devices));
	session_file_touch(s->store->file);
	session_notify_device(s, id);
}

void
session_devices_move(struct auth_session *from, struct auth_session *to)
{
	free(to->devices);
	to->devices = from->devices;
	to->devices_count = from->devices_count;
	from->devices = NULL;
	from->devices_count = 0;
	session_file_touch(to->store->file);
}

size_t
auth_session_devices(const struct auth_session *s, struct auth_device out[AUTH_DEVICES_MAX])
{
	for (size_t i = 0; i < s->devices_count; i++) {
		const struct session_device *device = &s->devices[i];
		struct buf hex;

		buf_init(&hex, sizeof(out[i].id) - 1);
		err_assert(crypto_hex_encode(&hex, STR_BYTES(device->id.bytes)));
		memcpy(out[i].id, hex.data, hex.len);
		out[i].id[hex.len] = '\0';
		buf_fini(&hex);
		out[i].name = str_from(device->name);
		out[i].since_ms = device->since_ms;
	}
	return s->devices_count;
}
