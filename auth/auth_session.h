/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions as seen from outside of auth/: times, watches and devices. Part of the public interface:
 * include auth/auth.h.
 *
 * Devices are computers that a user has authorized for SSH in a signed-in browser. A device has
 * its own token, which is valid for the workspace's SSH endpoint only and ends with the browser's
 * session.
 */
#ifndef AUTH_AUTH_SESSION_H
#define AUTH_AUTH_SESSION_H

#include <stdint.h>

#include "base/list.h"
#include "base/str.h"

#define AUTH_DEVICES_MAX     8u /* devices of a session; a further one replaces the oldest */
#define AUTH_DEVICE_NAME_MAX 64u
#define AUTH_DEVICE_ID_BYTES 16u

struct auth_session;

struct auth_device_id {
	uint8_t bytes[AUTH_DEVICE_ID_BYTES]; /* all zero: none */
};

struct auth_device {
	char id[2 * AUTH_DEVICE_ID_BYTES + 1]; /* hexadecimal, for forms; it authorizes nothing */
	struct str name;		       /* printable ASCII; valid as long as the session */
	int64_t since_ms;		       /* wall clock */
};

/* Wall clock, milliseconds since 1970 UTC. */
struct auth_session_times {
	int64_t opened_ms;
	int64_t answered_ms; /* when GitLab last confirmed access */
	int64_t expires_ms;
	int64_t idle_limit_ms; /* earlier if the session is not used for this long */
};

enum auth_end {
	AUTH_END_SIGNED_OUT,
	AUTH_END_EXPIRED,
	AUTH_END_REFUSED,
	AUTH_END_UNSHARED, /* the port is no longer shared with its guests */
	/* The session continues, but must not be used until GitLab confirms access: it did not
	 * respond before its last answer expired. */
	AUTH_END_UNCONFIRMED,
};
typedef void auth_ended_fn(enum auth_end reason, void *arg);

/* Reports the end of a session, or of its last confirmation. A watched session (an open WebSocket,
 * a long request) counts as used. */
struct auth_watch {
	struct auth_session *session; /* NULL: not watching */
	LIST_ENTRY(auth_watch) entry;
	auth_ended_fn *fn;
	void *arg;
	struct auth_device_id device; /* copied from auth_verdict; set before the start */
};
LIST_HEAD(auth_watch_list, auth_watch);

/* What the page about a device shows. */
enum auth_device_step {
	AUTH_DEVICE_TYPE_CODE,	/* a form for the code that the device shows */
	AUTH_DEVICE_WRONG_CODE, /* the form again, after an unknown code */
	AUTH_DEVICE_ASK,	/* "Let <name> connect by SSH?" */
	AUTH_DEVICE_DONE,	/* authorized: the device continues by itself */
};
struct auth_device_page { /* views into the verdict's arena */
	enum auth_device_step step;
	struct str name;
	struct str address; /* of a device that shows a code; otherwise empty */
	/* Hidden fields of the form, which its POST sends back; unused ones are empty. */
	struct str code;
	struct str port;
	struct str challenge;
	struct str state;
};

#endif
