/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifies a service manager of the state of the process: ready, reloading, stopping, watchdog.
 * The protocol is systemd's (sd_notify(3)): datagrams to the unix socket that NOTIFY_SOCKET names,
 * which is a path or, with @ in front, an abstract name.
 *
 * Notifications never block. If the manager does not listen, this is logged and not treated as an
 * error.
 */
#ifndef BASE_PROCESS_NOTIFY_H
#define BASE_PROCESS_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/net/loop.h"

struct notify {
	struct sockaddr_un address;
	socklen_t address_len;
	int fd; /* -1: no service manager */
	bool failed;
	uint64_t alive_every_ms; /* 0: no watchdog */
	struct loop_timer alive;
};

/* Variables that the service manager sets; any may be NULL. */
struct notify_environment {
	const char *socket;	  /* NOTIFY_SOCKET */
	const char *watchdog_us;  /* WATCHDOG_USEC: the watchdog's period in microseconds */
	const char *watchdog_pid; /* WATCHDOG_PID: the process that should send notifications */
};

/* On failure sends no notifications; the other functions may still be called. */
bool notify_init(struct notify *n, struct loop *l, const struct notify_environment *environment,
		 struct err *e) MUST_CHECK;
void notify_fini(struct notify *n);

/* Also sends status, one line for people, and starts watchdog notifications. */
void notify_ready(struct notify *n, const char *status);

/* Call notify_ready afterwards. */
void notify_reloading(struct notify *n);

/* The process is shutting down, which takes at most timeout_ms. */
void notify_stopping(struct notify *n, uint64_t timeout_ms);

#endif
