/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process from listening to the last connection: public listeners, the limit on connections,
 * signals, draining.
 *
 * SIGTERM and SIGINT shut down in order: not ready, but serving for DRAIN_DELAY; then no new
 * connections are accepted, running requests may finish, and WebSockets are closed with 1001. A
 * second signal, or DRAIN_TIMEOUT, ends the process at once. The same happens after IDLE_SHUTDOWN
 * without activity. SIGHUP reloads certificates and secrets, SIGUSR1 turns debug logging on and
 * off. The service manager (NOTIFY_SOCKET) is notified.
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
	struct notify notify;		/* the service manager, where there is one */
	size_t connections_peak;	/* since memory was given back last */
	bool is_paused;
};

/* Binds the public listeners and takes the signals. p->tls goes with the HTTPS listener. */
bool lifecycle_start(struct lifecycle *l, struct proxy *p, struct err *e) MUST_CHECK;

/* After the loop: closes what is left. Fine after a start that failed. */
void lifecycle_fini(struct lifecycle *l);

#endif
