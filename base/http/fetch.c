/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client on libcurl's multi interface: its sockets and its timer are events of the loop.
 */
#include "base/http/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/http/fetch_library.h"
#include "base/http/fetch_private.h"
#include "base/log/log.h"

#define IDLE_CONNECTIONS 4

/* One descriptor of libcurl's that the loop watches. */
struct fetch_socket {
	struct fetch *fetch;
	LIST_ENTRY(fetch_socket) entry;
	struct loop_io io;
	int fd;
};

/* The call is neither started nor waiting afterwards. */
static void
call_unlink(struct fetch_call *call)
{
	struct fetch *f = call->fetch;

	if (call->is_waiting) {
		TAILQ_REMOVE(&f->waiting[call->priority], call, waiting_entry);
		call->is_waiting = false;
		return;
	}
	if (!LIST_IS_LINKED(call, entry))
		return;
	LIST_UNLINK(call, entry);
	(void)curl_multi_remove_handle(f->multi, call->easy);
	f->started_count--;
}

static void
call_free(struct fetch_call *call)
{
	loop_timer_fini(&call->deadline);
	loop_timer_fini(&call->stall);
	call_unlink(call);
	fetch_call_fini(call);
	free(call);
}

static bool
has_room(const struct fetch *f, enum fetch_priority priority)
{
	unsigned reserved = priority == FETCH_HIGH ? 0 : f->connections_reserved;

	return f->started_count + reserved < f->connections_max;
}

/* What libcurl does not take, which is a lack of memory, ends by its deadline. */
static void
call_begin(struct fetch_call *call)
{
	struct fetch *f = call->fetch;

	TAILQ_REMOVE(&f->waiting[call->priority], call, waiting_entry);
	call->is_waiting = false;
	if (curl_multi_add_handle(f->multi, call->easy) != CURLM_OK)
		loop_timer_start(&call->deadline, 0);
	LIST_INSERT_HEAD(&f->calls, call, entry);
	f->started_count++;
}

static void
start_waiting_calls(struct fetch *f)
{
	for (unsigned priority = FETCH_PRIORITIES; priority-- > 0;) {
		while (!TAILQ_EMPTY(&f->waiting[priority]) && has_room(f, priority))
			call_begin(TAILQ_FIRST(&f->waiting[priority]));
	}
}

static void
free_all_calls(struct fetch *f)
{
	while (!LIST_EMPTY(&f->calls))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it unlinks itself */
		call_free(LIST_FIRST(&f->calls));
	for (unsigned priority = 0; priority < FETCH_PRIORITIES; priority++) {
		while (!TAILQ_EMPTY(&f->waiting[priority]))
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
			call_free(TAILQ_FIRST(&f->waiting[priority]));
	}
}

static void
socket_free(struct fetch_socket *s)
{
	LIST_REMOVE(s, entry);
	loop_io_fini(&s->io);
	free(s);
}

static void
fetch_destroy(struct fetch *f)
{
	struct fetch_socket *s;
	struct fetch_socket *next_socket;

	free_all_calls(f);
	if (f->multi != NULL)
		(void)curl_multi_cleanup(f->multi);
	LIST_FOREACH_SAFE (s, &f->sockets, entry, next_socket)
		socket_free(s);
	loop_timer_fini(&f->timer);
	free(f->ca_file);
	free(f->user_agent);
	free(f);
	curl_global_cleanup();
}

/* Calls done and frees the call. False when that freed the client as well. */
static bool
finish_call(struct fetch_call *call, CURLcode code)
{
	struct fetch *f = call->fetch;
	struct fetch_response response;
	struct err e = ERR_INIT;
	long request_bytes = 0;
	bool at_proxy;

	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	fetch_call_response(call, &response);
	at_proxy = code != CURLE_OK && fetch_call_explain(call, code, &e);
	if (code == CURLE_OK && (response.status < 100 || response.status > 599))
		(void)err_set(&e, ERR_PROTOCOL, "%s: unknown status", call->host);
	log_debug(NULL, "fetch done", log_cstr("host", call->host),
		  log_int("status", response.status), log_err(&e));

	call_unlink(call);
	f->is_calling = true;
	/* libcurl's count of request bytes includes what it sent to the proxy. */
	call->done(e.code == ERR_NONE ? &response : NULL, &e, request_bytes > 0 && !at_proxy,
		   call->arg);
	f->is_calling = false;
	call_free(call);
	if (!f->is_freed) {
		start_waiting_calls(f);
		return true;
	}
	fetch_destroy(f);
	return false;
}

/* The client may be gone afterwards. */
static void
finish_completed(struct fetch *f)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
		struct fetch_call *call = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		if (!finish_call(call, code))
			return;
	}
}

static void
on_deadline(void *arg)
{
	(void)finish_call(arg, CURLE_OPERATION_TIMEDOUT);
}

static void
on_timer(void *arg)
{
	struct fetch *f = arg;
	int running;

	(void)curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_completed(f);
}

static void
on_socket_ready(void *arg, unsigned ready)
{
	const struct fetch_socket *s = arg;
	struct fetch *f = s->fetch;
	int events = ((ready & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
		     ((ready & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
	int running;

	(void)curl_multi_socket_action(f->multi, s->fd, events, &running);
	finish_completed(f);
}

static struct fetch_socket *
socket_new(struct fetch *f, int fd)
{
	struct fetch_socket *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fetch = f;
	s->fd = fd;
	loop_io_init(&s->io, f->loop, fd, on_socket_ready, s);
	LIST_INSERT_HEAD(&f->sockets, s, entry);
	(void)curl_multi_assign(f->multi, fd, s);
	return s;
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct fetch_socket *s = socket_arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			socket_free(s);
		return 0;
	}
	if (s == NULL)
		s = socket_new(arg, fd);
	if (s == NULL)
		return -1;
	loop_io_want(&s->io, (what != CURL_POLL_OUT ? LOOP_READ : 0u) |
				     (what != CURL_POLL_IN ? LOOP_WRITE : 0u));
	return 0;
}

static int
on_curl_timer(CURLM *multi, long delay_ms, void *arg)
{
	struct fetch *f = arg;

	(void)multi;
	if (delay_ms < 0)
		loop_timer_stop(&f->timer);
	else
		loop_timer_start(&f->timer, (uint64_t)delay_ms);
	return 0;
}

struct fetch *
fetch_new(struct loop *l, const struct fetch_options *options, struct err *e)
{
	if (!fetch_library_init(options->ca_file, e))
		return NULL;
	struct fetch *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		curl_global_cleanup();
		err_set(e, ERR_MEMORY, "out of memory for the HTTP client");
		return NULL;
	}
	f->loop = l;
	loop_timer_init(&f->timer, l, on_timer, f);
	f->connect_timeout_ms = options->connect_timeout_ms;
	f->stall_timeout_ms = options->stall_timeout_ms;
	f->total_timeout_ms = options->total_timeout_ms;
	f->body_max_bytes = options->body_max_bytes;
	f->connections_max = options->connections_max;
	f->connections_reserved = options->connections_reserved;
	for (unsigned priority = 0; priority < FETCH_PRIORITIES; priority++)
		TAILQ_INIT(&f->waiting[priority]);
	f->multi = curl_multi_init();
	f->user_agent = strdup(options->user_agent == NULL ? "" : options->user_agent);
	f->ca_file = options->ca_file == NULL ? NULL : strdup(options->ca_file);
	if (f->multi == NULL || f->user_agent == NULL ||
	    (f->ca_file == NULL && options->ca_file != NULL)) {
		err_set(e, ERR_MEMORY, "out of memory for the HTTP client");
		fetch_destroy(f);
		return NULL;
	}
	(void)curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	(void)curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	(void)curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	(void)curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	(void)curl_multi_setopt(f->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	(void)curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
	return f;
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	free_all_calls(f);
	if (f->is_calling)
		f->is_freed = true;
	else
		fetch_destroy(f);
}

void
fetch_reload_authorities(struct fetch *f)
{
	f->authorities_changed_ms = clock_monotonic_ms();
}

struct fetch_call *
fetch_start(struct fetch *f, const struct fetch_request *request, fetch_done_fn *done, void *arg,
	    struct err *e)
{
	struct fetch_call *call = f->is_freed ? NULL : calloc(1, sizeof(*call));

	if (call == NULL) {
		err_set(e, ERR_MEMORY, "out of memory for a request");
		return NULL;
	}
	call->fetch = f;
	call->done = done;
	call->arg = arg;
	buf_init(&call->body, f->body_max_bytes);
	loop_timer_init(&call->deadline, f->loop, on_deadline, call);
	loop_timer_init(&call->stall, f->loop, on_deadline, call);
	if (!fetch_call_prepare(call, request, e)) {
		call_free(call);
		return NULL;
	}
	call->stall_timeout_ms =
		request->timeout_ms == 0 ? f->stall_timeout_ms : request->timeout_ms;
	loop_timer_start(&call->deadline,
			 request->timeout_ms == 0 ? f->total_timeout_ms : request->timeout_ms);
	call->priority = request->priority;
	call->is_waiting = true;
	TAILQ_INSERT_TAIL(&f->waiting[call->priority], call, waiting_entry);
	start_waiting_calls(f);
	return call;
}

void
fetch_cancel(struct fetch_call *call)
{
	struct fetch *f = call == NULL ? NULL : call->fetch;

	if (f == NULL)
		return;
	call_free(call);
	start_waiting_calls(f);
}
