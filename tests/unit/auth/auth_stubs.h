/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaces base/clock and base/http/fetch in tests of auth/: a clock that the test moves, and a
 * fetch that keeps requests until the test answers them.
 */
#ifndef TESTS_UNIT_AUTH_AUTH_STUBS_H
#define TESTS_UNIT_AUTH_AUTH_STUBS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/http/fetch.h"

#define UNUSED __attribute__((unused)) static

/* --- a clock that moves on demand --- */

static uint64_t clock_ahead_ms;

uint64_t
clock_monotonic_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000 + clock_ahead_ms * 1000;
}

uint64_t
clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

int64_t
clock_wall_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + (int64_t)clock_ahead_ms * 1000;
}

int64_t
clock_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

int64_t
clock_wall_s(void)
{
	return clock_wall_ms() / 1000;
}

void
clock_format_rfc3339(int64_t wall_ms, char *out, size_t size)
{
	(void)snprintf(out, size, "%024" PRId64, wall_ms);
}

void
clock_format_http_date(int64_t wall_s, char *out, size_t size)
{
	(void)snprintf(out, size, "%" PRId64, wall_s);
}

/* --- a fetch that waits for the test --- */

struct fetch_call {
	struct fetch_call *next;
	char method[8];
	char url[1024];
	char body[4096]; /* with a NUL behind it */
	size_t body_len;
	char bearer[512];
	enum fetch_priority priority;
	fetch_done_fn *done;
	void *arg;
};

static struct fetch_call *fetch_queue; /* the oldest first */
static unsigned fetch_started;
static bool fetch_refuses; /* fetch_start fails */

struct fetch_call *
fetch_start(struct fetch *f, const struct fetch_request *request, fetch_done_fn *done, void *arg,
	    struct err *e)
{
	struct fetch_call *call = calloc(1, sizeof(*call));
	struct fetch_call **at = &fetch_queue;

	(void)f;
	if (fetch_refuses) {
		free(call);
		err_set(e, ERR_MEMORY, "refused by the test");
		return NULL;
	}
	fetch_started++;
	call->priority = request->priority;
	(void)snprintf(call->method, sizeof(call->method), "%s", request->method);
	(void)snprintf(call->url, sizeof(call->url), "%s", request->url);
	assert_true(request->body.len < sizeof(call->body));
	call->body_len = request->body.len;
	if (call->body_len > 0)
		memcpy(call->body, request->body.data, call->body_len);
	(void)snprintf(call->bearer, sizeof(call->bearer), "%.*s",
		       STR_FMT(secret_view(request->bearer)));
	call->done = done;
	call->arg = arg;
	while (*at != NULL)
		at = &(*at)->next;
	*at = call;
	return call;
}

void
fetch_cancel(struct fetch_call *call)
{
	struct fetch_call **at = &fetch_queue;

	while (*at != call) {
		assert_non_null(*at);
		at = &(*at)->next;
	}
	*at = call->next;
	free(call);
}

UNUSED unsigned
fetch_waiting(void)
{
	unsigned count = 0;

	for (const struct fetch_call *c = fetch_queue; c != NULL; c = c->next)
		count++;
	return count;
}

/* Returns the oldest request whose URL ends like this. */
static struct fetch_call *
take_request(const char *url_end)
{
	for (struct fetch_call **at = &fetch_queue; *at != NULL; at = &(*at)->next) {
		struct fetch_call *call = *at;

		if (str_ends_with(str_from(call->url), str_from(url_end))) {
			*at = call->next;
			return call;
		}
	}
	fail_msg("no request to %s", url_end);
	abort();
}

UNUSED void
answer_bytes(const char *url_end, unsigned status, struct str body)
{
	struct fetch_call *call = take_request(url_end);
	const struct fetch_response response = {
		.status = status,
		.body = body,
		.content_type = STR("application/json"),
		.retry_after_s = status == 429 ? 7 : 0,
	};

	call->done(&response, NULL, true, call->arg);
	free(call);
}

UNUSED void
answer(const char *url_end, unsigned status, const char *body)
{
	answer_bytes(url_end, status, str_from(body));
}

UNUSED void
break_request(const char *url_end, enum err_code code, bool request_sent)
{
	struct fetch_call *call = take_request(url_end);
	struct err e = ERR_INIT;

	err_set(&e, code, "broken by the test");
	call->done(NULL, &e, request_sent, call->arg);
	free(call);
}

#endif
