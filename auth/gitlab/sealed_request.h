/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed request to the relay's token broker (auth/broker/broker_message.h).
 *
 * It is kept until the response arrives, so that it can be sent to another replica of the relay if
 * the first one does not accept the connection. It is never sent twice.
 */
#ifndef AUTH_GITLAB_SEALED_REQUEST_H
#define AUTH_GITLAB_SEALED_REQUEST_H

#include "auth/broker/broker_message.h"
#include "auth/gitlab/gitlab_private.h"

struct sealed_request {
	enum broker_operation operation;
	struct broker_channel channel;
	struct buf sealed;
	enum fetch_priority priority;
	unsigned connects;
};

/* Seals r; its authority and time are filled in. NULL: it can't be, which is logged. */
struct sealed_request *sealed_request_new(const struct gitlab *g, struct broker_request *r,
					  enum fetch_priority priority) MUST_CHECK;
void sealed_request_free(struct sealed_request *s); /* does nothing for NULL */

/* Fills *request with the sealed request. The views are valid as long as s. */
void sealed_request_fill(const struct sealed_request *s, const struct gitlab *g,
			 struct fetch_request *request);

/* As sealed_request_fill, for another attempt. Call it only if nothing was sent. False: the error
 * is not a failed connection, or there were CONNECTS_MAX attempts. */
bool sealed_request_again(struct sealed_request *s, const struct gitlab *g, const struct err *why,
			  struct fetch_request *request);

#endif
