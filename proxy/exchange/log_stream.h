/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <prefix>/workspace/log: the last lines of the log as NDJSON, as text for browsers, or followed by
 * new lines as an event stream (WHATWG HTML, server-sent events). See docs/logs.md.
 */
#ifndef PROXY_EXCHANGE_LOG_STREAM_H
#define PROXY_EXCHANGE_LOG_STREAM_H

#include "proxy/exchange/exchange.h"

#define LOG_STREAM_VIEWERS_MAX 4u	     /* concurrent viewers; more get 429 */
#define LOG_STREAM_BYTES_PER_S (64u * 1024u) /* per viewer */

/* Answers the request. Sets x->log_stream for the duration of the response. */
void log_stream_answer(struct exchange *x);

#endif
