/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <prefix>/workspace/log: the last lines of the log as NDJSON, for people as text, and new ones as
 * an event stream (WHATWG HTML, server-sent events). See docs/logs.md.
 */
#ifndef PROXY_EXCHANGE_LOG_STREAM_H
#define PROXY_EXCHANGE_LOG_STREAM_H

#include "proxy/exchange/exchange.h"

#define LOG_STREAM_VIEWERS_MAX 4u	     /* more get 429 */
#define LOG_STREAM_BYTES_PER_S (64u * 1024u) /* for each */

struct log_stream;

/* Answers the request. x->log_stream is set while the response goes on. */
void log_stream_answer(struct exchange *x);
void log_stream_free(struct log_stream *l); /* NULL is fine */

/* The stream is no longer blocked. */
void log_stream_on_drained(struct log_stream *l);

/* Whether it continues until it is ended. */
bool log_stream_follows(const struct log_stream *l);

#endif
