/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS connection to an https origin for programs of users, as bytes: for protocols that upgrade
 * HTTP/1.1. Certificates and host names are always verified; proxies of the environment
 * (HTTPS_PROXY, NO_PROXY) are used as curl does.
 */
#ifndef BASE_HTTP_RAW_STREAM_H
#define BASE_HTTP_RAW_STREAM_H

#include "base/str.h"

struct raw_stream;

/* Blocks until the TLS handshake is done. ERR_TIMEOUT, ERR_CONNECT, ERR_TLS. ca_file: a PEM bundle;
 * NULL: the system's. */
struct raw_stream *raw_stream_connect(const char *origin, const char *ca_file,
				      uint64_t connect_timeout_ms, struct err *e) MUST_CHECK;
void raw_stream_free(struct raw_stream *s); /* NULL is fine */

/* For poll(2), after RAW_STREAM_AGAIN. */
int raw_stream_fd(const struct raw_stream *s);

enum raw_stream_result { RAW_STREAM_DONE, RAW_STREAM_AGAIN, RAW_STREAM_END, RAW_STREAM_FAILED };

/* Neither blocks; *len is the number of bytes with RAW_STREAM_DONE, at least one. After
 * RAW_STREAM_AGAIN, raw_stream_send must be called with the same memory, to which more may have
 * been appended. */
enum raw_stream_result raw_stream_receive(struct raw_stream *s, char *data, size_t size,
					  size_t *len, struct err *e) MUST_CHECK;
enum raw_stream_result raw_stream_send(struct raw_stream *s, struct str data, size_t *len,
				       struct err *e) MUST_CHECK;

#endif
