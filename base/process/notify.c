/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends sd_notify(3) datagrams, and pings a watchdog from a timer.
 */
#include "base/process/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log/log.h"
#include "base/process/fd.h"
#include "base/str.h"

#define MESSAGE_MAX	512
#define STOP_MARGIN_MS	5000u /* margin between our deadline and the manager's */
#define SIGNS_PER_ALARM 2u    /* watchdog notifications in each period that the manager allows */

static bool
set_address(struct notify *n, const char *socket_name, struct err *e)
{
	size_t len = strlen(socket_name);
	bool is_abstract = socket_name[0] == '@';

	if (!is_abstract && socket_name[0] != '/')
		return err_set(e, ERR_CONFIG, "neither a path nor an abstract name: \"%.64s\"",
			       socket_name);
	/* Abstract names have an explicit length; paths need room for their NUL. */
	if (len < 2 || len + (is_abstract ? 0 : 1) > sizeof(n->address.sun_path))
		return err_set(e, ERR_CONFIG, "its name has %zu bytes; 2 to %zu can be used", len,
			       sizeof(n->address.sun_path) - 1);
	n->address.sun_family = AF_UNIX;
	memcpy(n->address.sun_path, socket_name, len);
	if (is_abstract)
		n->address.sun_path[0] = '\0';
	n->address_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (is_abstract ? 0 : 1));
	return true;
}

static bool
open_socket(struct notify *n, const char *socket_name, struct err *e)
{
	if (!set_address(n, socket_name, e))
		return false;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return n->fd >= 0 || err_set_errno(e, errno, "socket");
}

/* Sends one datagram. Logs only the first failure: a busy manager may receive the next one. */
static void
tell(struct notify *n, const char *message)
{
	struct err e = ERR_INIT;

	if (n->fd < 0 || sendto(n->fd, message, strlen(message), MSG_NOSIGNAL,
				(const struct sockaddr *)&n->address, n->address_len) >= 0)
		return;
	if (n->failed)
		return;
	n->failed = true;
	err_set_errno(&e, errno, "NOTIFY_SOCKET");
	log_warn(NULL, "service manager not notified", log_err(&e));
}

static void
on_alive(void *arg)
{
	struct notify *n = arg;

	tell(n, "WATCHDOG=1");
	loop_timer_start(&n->alive, n->alive_every_ms);
}

/* Interval of watchdog notifications; 0: the manager does not request them from this process. */
static uint64_t
alive_every_ms(const struct notify_environment *environment)
{
	uint64_t us = 0;
	uint64_t pid = 0;

	if (environment->watchdog_us == NULL ||
	    !str_to_u64(str_from(environment->watchdog_us), 1, UINT64_MAX, &us))
		return 0;
	if (environment->watchdog_pid != NULL &&
	    (!str_to_u64(str_from(environment->watchdog_pid), 1, INT32_MAX, &pid) ||
	     pid != (uint64_t)getpid()))
		return 0;
	us /= SIGNS_PER_ALARM;
	return us >= 1000 ? us / 1000 : 1;
}

bool
notify_init(struct notify *n, struct loop *l, const struct notify_environment *environment,
	    struct err *e)
{
	*n = (struct notify){.fd = -1};
	loop_timer_init(&n->alive, l, on_alive, n);
	if (environment->socket == NULL || environment->socket[0] == '\0')
		return true;
	if (!open_socket(n, environment->socket, e))
		return err_wrap(e, "NOTIFY_SOCKET");
	n->alive_every_ms = alive_every_ms(environment);
	return true;
}

void
notify_fini(struct notify *n)
{
	loop_timer_fini(&n->alive);
	fd_close(n->fd);
	n->fd = -1;
}

void
notify_ready(struct notify *n, const char *status)
{
	char message[MESSAGE_MAX];

	(void)snprintf(message, sizeof(message), "READY=1\nSTATUS=%.400s", status);
	tell(n, message);
	if (n->alive_every_ms != 0)
		loop_timer_start(&n->alive, n->alive_every_ms);
}

void
notify_reloading(struct notify *n)
{
	char message[MESSAGE_MAX];

	(void)snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%llu",
		       (unsigned long long)clock_monotonic_us());
	tell(n, message);
}

void
notify_stopping(struct notify *n, uint64_t timeout_ms)
{
	char message[MESSAGE_MAX];

	(void)snprintf(message, sizeof(message),
		       "STOPPING=1\nSTATUS=Draining\nEXTEND_TIMEOUT_USEC=%llu",
		       (unsigned long long)(timeout_ms + STOP_MARGIN_MS) * 1000);
	tell(n, message);
}
