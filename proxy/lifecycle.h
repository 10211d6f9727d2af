/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public listeners, CONNECTIONS_MAX, signals, and graceful shutdown.
 *
 * SIGTERM and SIGINT start the shutdown, as does IDLE_SHUTDOWN without activity: the process
 * reports not ready but still serves for DRAIN_DELAY; then it accepts no new connections, lets
 * running requests finish, and closes WebSockets with 1001. A second SIGTERM or SIGINT, or
 * DRAIN_TIMEOUT, ends the process immediately. SIGHUP reloads certificates and secrets, SIGUSR1
 * toggles debug logging. The service manager (NOTIFY_SOCKET) is notified.
 */
#ifndef PROXY_LIFECYCLE_H
#define PROXY_LIFECYCLE_H

#include "base/net/listen.h"
#include "base/process/notify.h"
#include "proxy/proxy.h"

#define LIFECYCLE_SIGNALS   4
#define LIFECYCLE_LISTENERS 2

struct lifecycle;

struct lifecycle_listener {
	struct lifecycle *lifecycle;
	struct listen *listen; /* NULL: closed */
	struct tls_context *tls;
};

struct lifecycle {
	struct proxy *proxy;
	struct loop_signal signals[LIFECYCLE_SIGNALS];
	struct lifecycle_listener listeners[LIFECYCLE_LISTENERS];
	struct loop_timer delay_timer;
	struct loop_timer drain_timer;
	struct loop_timer idle_timer;
	struct loop_timer trim_timer;
	struct loop_timer resume_timer; /* while paused */
	struct notify notify;		/* to the service manager, if there is one */
	size_t connections_peak;	/* since malloc_trim was called last */
	bool is_paused;			/* at CONNECTIONS_MAX: not accepting */
	bool got_signal;		/* has received SIGTERM or SIGINT */
};

/* Binds the public listeners and handles signals. The HTTPS listener uses p->tls. */
bool lifecycle_start(struct lifecycle *l, struct proxy *p, struct err *e) MUST_CHECK;

/* Closes all connections and listeners after the event loop has stopped. May be called after a
 * failed start. */
void lifecycle_fini(struct lifecycle *l);

#endif
