/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /logs on the admin listener: the last lines of the log as NDJSON, for operators.
 */
#ifndef PROXY_ADMIN_LOGS_H
#define PROXY_ADMIN_LOGS_H

#include "base/http/service.h"

#define ADMIN_LOGS_READERS_MAX 2u /* more get 503 */

/* arg: the proxy. */
void admin_logs_answer(const struct service_request *request, struct service_reply *reply,
		       void *arg);

#endif
