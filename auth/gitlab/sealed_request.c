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
	struct sealed_request *ask = calloc(1, sizeof(*ask));
	struct err e = ERR_INIT;

	if (ask == NULL)
		return NULL;
	r->authority = g->authority;
	r->sent_ms = clock_wall_ms();
	ask->operation = r->operation;
	ask->priority = priority;
	buf_init(&ask->sealed, BROKER_REQUEST_MAX);
	if (!broker_request_seal(r, g->settings->relay_key, &ask->sealed, &ask->channel, &e)) {
		log_error(NULL, "request to the relay not started", log_err(&e));
		sealed_request_free(ask);
		return NULL;
	}
	return ask;
}

void
sealed_request_free(struct sealed_request *ask)
{
	if (ask == NULL)
		return;
	broker_channel_fini(&ask->channel);
	buf_fini(&ask->sealed);
	free(ask);
}

void
sealed_request_fill(const struct sealed_request *ask, const struct gitlab *g,
		    struct fetch_request *request)
{
	*request = (struct fetch_request){
		.priority = ask->priority,
		.method = "POST",
		.url = g->broker_url,
		.accept = BROKER_CONTENT_TYPE,
		.content_type = BROKER_CONTENT_TYPE,
		.body = buf_view(&ask->sealed),
		.timeout_ms = TIMEOUT_MS,
	};
}

bool
sealed_request_again(struct sealed_request *ask, const struct gitlab *g, const struct err *why,
		     struct fetch_request *request)
{
	bool was_refused = why->code == ERR_CONNECT || why->code == ERR_TLS;

	if (!was_refused || ++ask->connects >= CONNECTS_MAX)
		return false;
	log_info(NULL, "relay not reached; trying again", log_err(why));
	sealed_request_fill(ask, g, request);
	return true;
}
