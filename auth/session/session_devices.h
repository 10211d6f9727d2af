/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a session: see auth/auth_session.h. They are stored with it, and end with it.
 */
#ifndef AUTH_SESSION_SESSION_DEVICES_H
#define AUTH_SESSION_SESSION_DEVICES_H

#include "auth/session/session.h"

struct session_device {
	struct auth_device_id id;
	int64_t since_ms; /* wall clock */
	char name[AUTH_DEVICE_NAME_MAX + 1];
};

/* Adds a device under a fresh id; replaces the oldest one if there are too many. False: out of
 * memory. */
bool session_device_add(struct auth_session *s, struct str name,
			struct auth_device_id *id) MUST_CHECK;

/* Adds a stored device. */
bool session_device_restore(struct auth_session *s, const struct session_device *device) MUST_CHECK;

/* Returns the session that has this device, or NULL. */
struct auth_session *session_device_find(struct session_store *st, const struct auth_device_id *id);

bool session_has_device(const struct auth_session *s, const struct auth_device_id *id);

/* Removes the device and notifies the watches of its connections, so that they end. */
void session_device_end(struct auth_session *s, const struct auth_device_id *id);

/* Moves all devices to another session of the same user. */
void session_devices_move(struct auth_session *from, struct auth_session *to);

#endif
