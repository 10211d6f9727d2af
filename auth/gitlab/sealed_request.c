/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals requests to the relay's token broker, and repeats those that were not sent.
 */
#include "auth/gitlab/sealed_request.h"

#include <stdlib.h>

#include "base/clock.h"

#define CONNECTS_MAX 3u
/* Longer than GitLab's timeouts, because the relay asks GitLab in turn. */
#define TIMEOUT_MS 9000u

struct sealed_request *
sealed_request_new(const struct gitlab *g, struct broker_request *r, enum fetch_priority priority)
{
	struct sealed_request *s = calloc(1, sizeof(*s));
	struct err e = ERR_INIT;

	if (s == NULL)
		return NULL;
	r->authority = g->authority;
	r->sent_ms = clock_wall_ms();
	s->operation = r->operation;
	s->priority = priority;
	buf_init(&s->sealed, BROKER_REQUEST_MAX);
	if (!broker_request_seal(r, g->settings->relay_key, &s->sealed, &s->channel, &e)) {
		log_error(NULL, "request to the relay not started", log_err(&e));
		sealed_request_free(s);
		return NULL;
	}
	return s;
}

void
sealed_request_free(struct sealed_request *s)
{
	if (s == NULL)
		return;
	broker_channel_fini(&s->channel);
	buf_fini(&s->sealed);
	free(s);
}

void
sealed_request_fill(const struct sealed_request *s, const struct gitlab *g,
		    struct fetch_request *request)
{
	*request = (struct fetch_request){
		.priority = s->priority,
		.method = "POST",
		.url = g->broker_url,
		.accept = BROKER_CONTENT_TYPE,
		.content_type = BROKER_CONTENT_TYPE,
		.body = buf_view(&s->sealed),
		.timeout_ms = TIMEOUT_MS,
	};
}

bool
sealed_request_again(struct sealed_request *s, const struct gitlab *g, const struct err *why,
		     struct fetch_request *request)
{
	bool was_refused = why->code == ERR_CONNECT || why->code == ERR_TLS;

	if (!was_refused || ++s->connects >= CONNECTS_MAX)
		return false;
	log_info(NULL, "relay not reached; trying again", log_err(why));
	sealed_request_fill(s, g, request);
	return true;
}
