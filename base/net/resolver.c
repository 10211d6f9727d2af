/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look-up is reference-counted by the loop and its thread; the last to release it frees it. The
 * thread closes its end of a pipe when it is done, which wakes the loop.
 */
#include "base/net/resolver.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/process/thread.h"

struct lookup {
	atomic_uint refs;
	int done_fd; /* the thread's end of the pipe */
	char *name;
	int error; /* of getaddrinfo; like the addresses, valid once the pipe is closed */
	struct ip ips[RESOLVER_IPS_MAX];
	size_t count;
};

struct resolver {
	struct loop *loop;
	char *name;
	uint64_t timeout_ms;
	resolver_done_fn *done;
	void *arg;
	struct lookup *lookup; /* NULL: no thread runs */
	int fd;		       /* our end of the pipe, while there is a lookup */
	struct loop_io io;
	struct loop_timer timer;
	bool is_awaited; /* done has not been called yet */
};

static void
lookup_free(struct lookup *q)
{
	free(q->name);
	free(q);
}

static void
lookup_unref(struct lookup *q)
{
	if (atomic_fetch_sub(&q->refs, 1) == 1)
		lookup_free(q);
}

static void
add_address(struct lookup *q, const struct addrinfo *a)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	if (q->count == RESOLVER_IPS_MAX)
		return;
	if (a->ai_family == AF_INET && a->ai_addrlen >= sizeof(sin)) {
		memcpy(&sin, a->ai_addr, sizeof(sin));
		ip_from_bytes(&q->ips[q->count++], &sin.sin_addr, true);
	} else if (a->ai_family == AF_INET6 && a->ai_addrlen >= sizeof(sin6)) {
		memcpy(&sin6, a->ai_addr, sizeof(sin6));
		ip_from_bytes(&q->ips[q->count++], &sin6.sin6_addr, false);
	}
}

static void *
run_lookup(void *arg)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct lookup *q = arg;
	struct addrinfo *list = NULL;

	q->error = getaddrinfo(q->name, NULL, &hints, &list);
	if (q->error == 0) {
		for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
			add_address(q, a);
		freeaddrinfo(list);
	}
	(void)close(q->done_fd);
	lookup_unref(q);
	return NULL;
}

static bool
start_thread(struct lookup *q)
{
	pthread_t thread;

	if (!thread_start(&thread, run_lookup, q, NULL))
		return false;
	(void)pthread_detach(thread);
	return true;
}

/* Releases the look-up, whose thread may still run. */
static void
drop_lookup(struct resolver *r)
{
	loop_io_fini(&r->io);
	(void)close(r->fd);
	lookup_unref(r->lookup);
	r->lookup = NULL;
}

static void
report(struct resolver *r, const struct resolver_result *result)
{
	loop_timer_stop(&r->timer);
	r->is_awaited = false;
	r->done(result, r->arg);
}

static void
on_ended(void *arg, unsigned ready)
{
	struct resolver *r = arg;
	struct resolver_result result = {.outcome = RESOLVER_FOUND, .err = ERR_INIT};
	const struct lookup *q = r->lookup;
	int error = q->error;

	(void)ready;
	result.count = q->count;
	memcpy(result.ips, q->ips, sizeof(result.ips));
	drop_lookup(r);
	if (!r->is_awaited)
		return;
	if (error != 0) {
		bool is_unknown = error == EAI_NONAME || error == EAI_NODATA;
		result.outcome = is_unknown ? RESOLVER_NO_SUCH_NAME : RESOLVER_FAILED;
		err_set(&result.err, ERR_CONNECT, "%s: %s", r->name, gai_strerror(error));
	} else if (result.count == 0) {
		result.outcome = RESOLVER_NO_SUCH_NAME;
		err_set(&result.err, ERR_CONNECT, "%s: no address", r->name);
	}
	report(r, &result);
}

static void
on_timeout(void *arg)
{
	struct resolver *r = arg;
	struct resolver_result result = {.outcome = RESOLVER_FAILED, .err = ERR_INIT};

	err_set(&result.err, ERR_TIMEOUT, "%s: the name was not resolved in time", r->name);
	report(r, &result);
}

struct resolver *
resolver_new(struct loop *l, const char *name, uint64_t timeout_ms, resolver_done_fn *done,
	     void *arg, struct err *e)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r == NULL || (r->name = strdup(name)) == NULL) {
		free(r);
		err_set(e, ERR_MEMORY, "out of memory to resolve names");
		return NULL;
	}
	r->loop = l;
	r->timeout_ms = timeout_ms;
	r->done = done;
	r->arg = arg;
	loop_timer_init(&r->timer, l, on_timeout, r);
	return r;
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	loop_timer_fini(&r->timer);
	if (r->lookup != NULL)
		drop_lookup(r);
	free(r->name);
	free(r);
}

static struct lookup *
lookup_new(const char *name, int done_fd)
{
	struct lookup *q = calloc(1, sizeof(*q));

	if (q == NULL || (q->name = strdup(name)) == NULL) {
		free(q);
		return NULL;
	}
	atomic_init(&q->refs, 2);
	q->done_fd = done_fd;
	return q;
}

bool
resolver_start(struct resolver *r)
{
	int fds[2];

	if (r->lookup != NULL || pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	r->lookup = lookup_new(r->name, fds[1]);
	if (r->lookup == NULL || !start_thread(r->lookup)) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		if (r->lookup != NULL)
			lookup_free(r->lookup);
		r->lookup = NULL;
		return false;
	}
	r->fd = fds[0];
	r->is_awaited = true;
	loop_io_init(&r->io, r->loop, r->fd, on_ended, r);
	loop_io_want(&r->io, LOOP_READ);
	loop_timer_start(&r->timer, r->timeout_ms);
	return true;
}
