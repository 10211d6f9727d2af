/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS connection to an https host as a byte stream, for programs on users' computers, which
 * implement HTTP/1.1 themselves. Certificates and host names are always verified; proxies of the
 * environment are used (base/http/proxy_environment). Needs only POSIX and OpenSSL.
 */
#ifndef BASE_HTTP_RAW_STREAM_H
#define BASE_HTTP_RAW_STREAM_H

#include "base/str.h"

struct raw_stream;

struct raw_stream_target {
	const char *host; /* a name in lower case, or a numeric address */
	uint16_t port;
	const char *ca_file; /* a PEM bundle; NULL: the system's */
	const char *user_agent;
};

/* Blocks until the TLS handshake is done, or the deadline (monotonic). ERR_TIMEOUT, ERR_CONNECT,
 * ERR_PROXY, ERR_TLS, ERR_CONFIG. */
struct raw_stream *raw_stream_connect(const struct raw_stream_target *target, uint64_t deadline_ms,
				      struct err *e) MUST_CHECK;
void raw_stream_free(struct raw_stream *s); /* NULL is fine */

/* For poll(2), after RAW_STREAM_AGAIN. */
int raw_stream_fd(const struct raw_stream *s);

/* Whether bytes of the socket wait here, which poll(2) does not tell. */
bool raw_stream_has_buffered(const struct raw_stream *s);

enum raw_stream_result { RAW_STREAM_DONE, RAW_STREAM_AGAIN, RAW_STREAM_END, RAW_STREAM_FAILED };

/*
 * Neither blocks; *len is the number of bytes with RAW_STREAM_DONE, at least one. Not all that was
 * received may be passed on by one call: poll only after RAW_STREAM_AGAIN. What was not sent is to
 * be given again, with or without more behind it. Pieces of up to RAW_STREAM_PIECE bytes, eight
 * records, leave in one call of the kernel.
 */
#define RAW_STREAM_PIECE 131072u
enum raw_stream_result raw_stream_receive(struct raw_stream *s, char *data, size_t size,
					  size_t *len, struct err *e) MUST_CHECK;
enum raw_stream_result raw_stream_send(struct raw_stream *s, struct str data, size_t *len,
				       struct err *e) MUST_CHECK;

#endif
