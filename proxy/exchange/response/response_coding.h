/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of an upstream's response on its way to the browser: chosen when the head arrives,
 * then applied to each piece of the body. The browser can decode every piece as soon as it
 * arrives.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_RESPONSE_CODING_H
#define PROXY_EXCHANGE_RESPONSE_RESPONSE_CODING_H

#include "proxy/exchange/exchange.h"

/* Compressors at the same time in the whole process, each up to COMPRESSOR_BYTES_MAX; responses
 * beyond that are sent as they are. */
#define RESPONSE_CODING_MAX 8u

/* Bytes of a compressed response that are read in one go: what a compressor may take of the event
 * loop's time before other connections have their turn. */
#define RESPONSE_CODING_READ_MAX 32768u

/* Bounds what is read from the upstream at once: for a response that is or may be compressed, and
 * to what the stream may have to hold. */
void response_coding_limit_reads(struct exchange *x);

/* Compresses this response where it may and can be: edits its head. */
void response_coding_start(struct exchange *x, struct response_head *head);

/* Sends a piece of the body, compressed. False: the response can't go on. */
bool response_coding_send(struct exchange *x, struct str data) MUST_CHECK;

/* Makes all that was sent decodable. False as above. */
bool response_coding_flush(struct exchange *x) MUST_CHECK;

/* Sends what is left, at the end of the body. False as above. */
bool response_coding_end(struct exchange *x) MUST_CHECK;

/* Frees the compressor, at any time. */
void response_coding_stop(struct exchange *x);

#endif
