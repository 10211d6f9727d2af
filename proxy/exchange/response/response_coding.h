/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of an upstream's response on its way to the browser: chosen when the head arrives,
 * then applied to each piece of the body. The browser can decode every piece as soon as it
 * arrives.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_RESPONSE_CODING_H
#define PROXY_EXCHANGE_RESPONSE_RESPONSE_CODING_H

#include "proxy/exchange/exchange.h"

/* Concurrent compressors of the process, of up to COMPRESSOR_BYTES_MAX each; further responses are
 * not compressed. */
#define RESPONSE_CODING_MAX 8u

/* Bytes of a compressed response to read per wake-up: bounds the time that a compressor occupies
 * the event loop. */
#define RESPONSE_CODING_READ_MAX 32768u

/* Limits how much is read from the upstream per wake-up, if the response is or may be compressed or
 * the stream may have to buffer it. */
void response_coding_limit_reads(struct exchange *x);

/* Starts to compress the response if it is eligible: changes its head. */
void response_coding_start(struct exchange *x, struct response_head *head);

/* Compresses and sends a piece of the body. False if the response has failed. */
bool response_coding_send(struct exchange *x, struct str data) MUST_CHECK;

/* Flushes, so that the browser can decode all pieces. False if the response has failed. */
bool response_coding_flush(struct exchange *x) MUST_CHECK;

/* Sends the rest at the end of the body. False if the response has failed. */
bool response_coding_end(struct exchange *x) MUST_CHECK;

/* Frees the compressor. May be called at any time. */
void response_coding_stop(struct exchange *x);

#endif
