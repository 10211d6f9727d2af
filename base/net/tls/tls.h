/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.2 and 1.3 for connections to clients and to servers in the same pod.
 *
 * A session reads from its socket itself (with read-ahead) and writes records into memory, which
 * the owner sends: so several records leave in one system call. No renegotiation, no compression,
 * session tickets with keys of this process, ALPN "http/1.1" and "h2".
 */
#ifndef BASE_NET_TLS_TLS_H
#define BASE_NET_TLS_TLS_H

#include "base/secret.h"
#include "base/str.h"

struct tls_context; /* certificate and key; reference-counted, shared by sessions */
struct tls_session; /* one connection */

/* Loads PEM files: the chain with the leaf first, and its key. ERR_CONFIG names the file and the
 * problem. */
struct tls_context *tls_context_new(const char *cert_file, const char *key_file,
				    struct err *e) MUST_CHECK;

/* Creates a self-signed certificate whose key is in memory only. names are host names, which may
 * have wildcards, and IP addresses; the caller keeps them as long as the context. */
#define TLS_NAMES_MAX 64u
struct tls_names {
	const char *items[TLS_NAMES_MAX];
	size_t count; /* 0: the certificate is in files */
};
struct tls_context *tls_context_new_self(const struct tls_names *names, struct err *e) MUST_CHECK;

/* Whether a self-signed certificate must be replaced: half of its day has passed, or the clock was
 * set back. False for files. */
bool tls_context_is_due(const struct tls_context *c);

/* Reads the files again, or creates another key and certificate. On failure the context keeps the
 * old ones. Existing sessions do not change. */
bool tls_context_reload(struct tls_context *c, struct err *e) MUST_CHECK;
void tls_context_free(struct tls_context *c);
/* As tls_context_new, from PEM texts. */
struct tls_context *tls_context_new_pem(struct str certificate, const struct secret *key,
					struct err *e) MUST_CHECK;
bool tls_context_reload_pem(struct tls_context *c, struct str certificate, const struct secret *key,
			    struct err *e) MUST_CHECK;

void tls_context_offer_http2(struct tls_context *c); /* offers HTTP/2 by ALPN from now on */

/* For connections to servers on loopback: does not verify the certificate, sends the name
 * "localhost". Such a context must not be passed to tls_context_reload, _expires_at_s or _names. */
struct tls_context *tls_client_context_new(struct err *e) MUST_CHECK;

/* The leaf's notAfter, in seconds since 1970 UTC. */
int64_t tls_context_expires_at_s(const struct tls_context *c);

/* The leaf's SHA-256 fingerprint as `openssl x509 -fingerprint` prints it; and the leaf as PEM. */
#define TLS_FINGERPRINT_SIZE 96u
void tls_context_fingerprint(const struct tls_context *c, char out[TLS_FINGERPRINT_SIZE]);
bool tls_context_write(const struct tls_context *c, struct buf *out) MUST_CHECK;

/* Whether clients find this host name in the leaf. */
bool tls_context_names(const struct tls_context *c, const char *host);

/* Whether the PEM file contains authorities that clients can verify with. ERR_CONFIG names it. */
bool tls_check_authorities(const char *file, struct err *e) MUST_CHECK;

enum tls_result {
	TLS_DONE,      /* what was asked for happened */
	TLS_WANT_READ, /* the socket must become readable; output may also be waiting */
	TLS_CLOSED,    /* close_notify from the peer */
	TLS_ABORTED,   /* the peer closed the socket without close_notify */
	TLS_FAILED,    /* fatal; e says why */
};

struct tls_session *tls_session_new(struct tls_context *c, int fd, struct err *e) MUST_CHECK;
void tls_session_free(struct tls_session *s);

/*
 * Continues the handshake, until TLS_DONE, before any read or write. ERR_INPUT: the client sent
 * plain HTTP; ERR_TLS: a server did. Send tls_session_output after every call, whatever it
 * returned.
 */
enum tls_result tls_session_handshake(struct tls_session *s, struct err *e) MUST_CHECK;

/* Reads what fits; TLS_DONE with *got > 0. */
enum tls_result tls_session_read(struct tls_session *s, char *data, size_t size, size_t *got,
				 struct err *e) MUST_CHECK;

/* Whether a read would return bytes or an end without new input from the socket. */
bool tls_session_has_buffered(const struct tls_session *s);

/* Whether the socket may have more input: the last receive filled the buffer. */
bool tls_session_may_receive(const struct tls_session *s);

/* Whether to keep the record buffers, about 34 KiB, while they are empty. Otherwise, which is the
 * default, each read and write allocates them. */
void tls_session_keep_buffers(struct tls_session *s, bool keep);
bool tls_session_keeps_buffers(const struct tls_session *s);

/* Encrypts all of data into the output. False: out of memory, or the session has failed. */
bool tls_session_write(struct tls_session *s, struct str data, struct err *e) MUST_CHECK;

void tls_session_close(struct tls_session *s); /* adds close_notify to the output */

/* tls_session_output returns the records to send; tls_session_sent drops the first len bytes. Call
 * it with 0 too when the output has to wait: it then releases unused memory. */
struct str tls_session_output(const struct tls_session *s);
void tls_session_sent(struct tls_session *s, size_t len);

/* After the handshake: whether the client resumed an earlier session, and whether it chose
 * HTTP/2. */
bool tls_session_is_resumed(const struct tls_session *s);
bool tls_session_is_http2(const struct tls_session *s);

/* "TLSv1.3" and the cipher's name, for logs. */
const char *tls_session_version(const struct tls_session *s);

#endif
