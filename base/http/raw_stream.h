/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS connection to an https host as a byte stream, for programs on users' computers, which
 * implement HTTP/1.1 themselves. Certificates and host names are always verified; proxies of the
 * environment are used (base/http/outgoing_proxy). Needs only POSIX and OpenSSL.
 */
#ifndef BASE_HTTP_RAW_STREAM_H
#define BASE_HTTP_RAW_STREAM_H

#include "base/str.h"

struct raw_stream;

struct raw_stream_target {
	const char *host; /* a lower-case name or a numeric address */
	uint16_t port;
	const char *ca_file; /* PEM file; NULL: the system's */
	const char *user_agent;
};

/* Blocks until the TLS handshake is done, or the deadline (monotonic clock). ERR_TIMEOUT,
 * ERR_CONNECT, ERR_PROXY, ERR_TLS, ERR_CONFIG. */
struct raw_stream *raw_stream_connect(const struct raw_stream_target *target, uint64_t deadline_ms,
				      struct err *e) MUST_CHECK;
void raw_stream_free(struct raw_stream *s); /* does nothing for NULL */

/* The descriptor for poll(2), after RAW_STREAM_AGAIN. */
int raw_stream_fd(const struct raw_stream *s);

/* Whether received bytes are buffered here, which poll(2) does not report. */
bool raw_stream_has_buffered(const struct raw_stream *s);

enum raw_stream_result { RAW_STREAM_DONE, RAW_STREAM_AGAIN, RAW_STREAM_END, RAW_STREAM_FAILED };

/*
 * Read and write without blocking. With RAW_STREAM_DONE *len is the number of bytes, at least one.
 * A read may leave bytes buffered, so poll only after RAW_STREAM_AGAIN. Repeat a write with the
 * bytes that were not sent; more may follow them. Up to RAW_STREAM_PIECE bytes, eight records, are
 * sent in one system call.
 */
#define RAW_STREAM_PIECE 131072u
enum raw_stream_result raw_stream_receive(struct raw_stream *s, char *data, size_t size,
					  size_t *len, struct err *e) MUST_CHECK;
enum raw_stream_result raw_stream_send(struct raw_stream *s, struct str data, size_t *len,
				       struct err *e) MUST_CHECK;

#endif
