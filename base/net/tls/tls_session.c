/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS sessions by OpenSSL.
 *
 * Each session has one BIO for both directions: it reads from the socket, and appends output to a
 * buffer that is freed once it was sent. Together with SSL_MODE_RELEASE_BUFFERS an idle session
 * holds no record buffers. Sending is left to the owner.
 */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/net/tls/tls.h"
#include "base/net/tls/tls_error.h"
#include "base/net/tls/tls_private.h"

/* Owners stop writing while output waits. A longer output is an error. */
#define OUTPUT_MAX	 4194304u
#define RECORD_MAX_PLAIN 16384u
#define RECORD_OVERHEAD	 64u
#define VERSION_MAX	 48 /* "TLSv1.3 TLS_AES_256_GCM_SHA384" */

/* Holds the records of a whole scratch buffer of the loop. */
#define SPARE_BYTES 262144u

/* The output buffer that sessions of this thread use in turn while the kernel takes everything, so
 * that records need no allocation. NULL: not allocated yet, or in use. */
static _Thread_local char *spare;

/* Records to send: in the shared buffer, or, for a slow peer, in a buffer of exactly their size. */
struct output {
	char *data;
	size_t len;
	size_t size;
	size_t sent; /* bytes of len that were sent */
	bool failed;
};

struct tls_session {
	SSL *ssl;
	int fd;
	bool is_starved; /* the last read found no complete record */
	bool was_filled; /* the last receive filled the buffer */
	bool has_end;	 /* the input ended together with data; no read has reported the end yet */
	bool saw_end;	 /* the peer closed or reset the connection */
	bool has_failed;
	struct output output;
	char version[VERSION_MAX];
};

/* Clears OpenSSL's error queue only if it is not empty: checking costs a tenth of clearing, which
 * small reads and writes would notice. */
static void
clear_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

static int
on_bio_read(BIO *bio, char *data, size_t size, size_t *got)
{
	struct tls_session *s = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	*got = 0;
	do
		n = recv(s->fd, data, size, 0);
	while (n < 0 && errno == EINTR);
	s->was_filled = n == (ssize_t)size;
	if (n > 0) {
		*got = (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		BIO_set_retry_read(bio);
	else
		s->saw_end = true;
	return 0;
}

static void
give_back(char *data, size_t size)
{
	if (spare == NULL && size == SPARE_BYTES)
		spare = data;
	else
		free(data);
}

/* Allocates a buffer, and sets *size to what it holds. NULL: out of memory. */
static char *
take_room(size_t *size)
{
	char *data = spare;

	if (*size > SPARE_BYTES)
		return malloc(*size);
	*size = SPARE_BYTES;
	spare = NULL;
	return data != NULL ? data : malloc(SPARE_BYTES);
}

/* Makes room for more bytes; drops those that were sent. */
static bool
output_reserve(struct output *o, size_t more)
{
	size_t waiting = o->len - o->sent;

	if (more <= o->size - o->len)
		return true;
	if (more > OUTPUT_MAX - waiting)
		return false;
	if (o->sent > 0 && more <= o->size - waiting) {
		memmove(o->data, o->data + o->sent, waiting);
	} else {
		size_t size = waiting + more;
		char *data = take_room(&size);
		if (data == NULL)
			return false;
		if (waiting > 0)
			memcpy(data, o->data + o->sent, waiting);
		give_back(o->data, o->size);
		o->data = data;
		o->size = size;
	}
	o->len = waiting;
	o->sent = 0;
	return true;
}

static void
output_release(struct output *o)
{
	give_back(o->data, o->size);
	*o = (struct output){.failed = o->failed};
}

/* Shrinks the buffer to roughly what waits in it. */
static void
output_shrink(struct output *o)
{
	size_t waiting = o->len - o->sent;
	char *data = o->size != SPARE_BYTES && waiting > o->size / 2 ? NULL : malloc(waiting);

	if (data == NULL)
		return;
	memcpy(data, o->data + o->sent, waiting);
	output_release(o);
	o->data = data;
	o->len = o->size = waiting;
}

static int
on_bio_write(BIO *bio, const char *data, size_t len, size_t *written)
{
	struct tls_session *s = BIO_get_data(bio);
	struct output *o = &s->output;

	BIO_clear_retry_flags(bio);
	*written = 0;
	if (!output_reserve(o, len)) {
		o->failed = true;
		return 0;
	}
	memcpy(o->data + o->len, data, len);
	o->len += len;
	*written = len;
	return 1;
}

static long
on_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

BIO_METHOD *
tls_session_bio_method_new(void)
{
	int type = BIO_get_new_index();
	BIO_METHOD *method;

	if (type < 0)
		return NULL;
	method = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "tls session");
	if (method == NULL)
		return NULL;
	if (BIO_meth_set_read_ex(method, on_bio_read) != 1 ||
	    BIO_meth_set_write_ex(method, on_bio_write) != 1 ||
	    BIO_meth_set_ctrl(method, on_bio_ctrl) != 1) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

struct tls_session *
tls_session_new(struct tls_context *c, int fd, struct err *e)
{
	char name[] = "localhost"; /* OpenSSL takes no constant one */
	struct tls_session *s = err_alloc(e, sizeof(*s), "out of memory for a TLS session");
	BIO *bio = NULL;

	ERR_clear_error();
	if (s == NULL)
		return NULL;
	s->fd = fd;
	s->ssl = SSL_new(c->ssl_ctx);
	bio = BIO_new(c->bio_method);
	if (s->ssl == NULL || bio == NULL) {
		tls_error_set(e, ERR_MEMORY, "TLS session");
		BIO_free(bio);
		tls_session_free(s);
		return NULL;
	}
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio);
	if (!c->is_client) {
		SSL_set_accept_state(s->ssl);
	} else if (SSL_set_tlsext_host_name(s->ssl, name) == 1) {
		SSL_set_connect_state(s->ssl);
	} else {
		tls_error_set(e, ERR_MEMORY, "TLS session");
		tls_session_free(s);
		return NULL;
	}
	return s;
}

void
tls_session_free(struct tls_session *s)
{
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	output_release(&s->output);
	free(s);
}

/* Whether the first bytes of a server are no TLS record. */
static bool
is_no_tls(const struct tls_session *s)
{
	return SSL_is_server(s->ssl) == 0 && SSL_is_init_finished(s->ssl) == 0 &&
	       SSL_get_state(s->ssl) == TLS_ST_CW_CLNT_HELLO &&
	       ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER;
}

/* Maps the result of a call that did not succeed to a tls_result. */
static enum tls_result
explain(struct tls_session *s, int returned, const char *what, struct err *e)
{
	int error = SSL_get_error(s->ssl, returned);

	if (error == SSL_ERROR_WANT_READ)
		return TLS_WANT_READ;
	if (error == SSL_ERROR_ZERO_RETURN)
		return TLS_CLOSED;
	if (s->saw_end) {
		ERR_clear_error();
		err_set(e, ERR_CONNECT, "%s: the peer closed the connection", what);
		return TLS_ABORTED;
	}
	s->has_failed = true;
	if (s->output.failed) {
		ERR_clear_error();
		err_set(e, ERR_MEMORY, "%s: send buffer limit exceeded", what);
	} else if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
		tls_error_set(e, ERR_INPUT, what);
	} else if (is_no_tls(s)) {
		ERR_clear_error();
		err_set(e, ERR_TLS, "%s: the server does not speak TLS", what);
	} else {
		tls_error_set(e, ERR_TLS, what);
	}
	return TLS_FAILED;
}

enum tls_result
tls_session_handshake(struct tls_session *s, struct err *e)
{
	ERR_clear_error();
	int returned = SSL_do_handshake(s->ssl);

	if (returned != 1)
		return explain(s, returned, "TLS handshake", e);
	(void)snprintf(s->version, sizeof(s->version), "%s %s", SSL_get_version(s->ssl),
		       SSL_get_cipher_name(s->ssl));
	return TLS_DONE;
}

enum tls_result
tls_session_read(struct tls_session *s, char *data, size_t size, size_t *got, struct err *e)
{
	*got = 0;
	s->has_end = false;
	do {
		size_t n = 0;
		clear_errors();
		int returned = SSL_read_ex(s->ssl, data + *got, size - *got, &n);
		s->is_starved = returned != 1;
		if (returned != 1 && *got == 0)
			return explain(s, 0, "TLS read", e);
		*got += n;
		if (returned != 1) {
			s->has_end = SSL_get_error(s->ssl, 0) != SSL_ERROR_WANT_READ;
			break;
		}
	} while (*got < size && SSL_has_pending(s->ssl) == 1);
	return TLS_DONE;
}

bool
tls_session_has_buffered(const struct tls_session *s)
{
	return s->has_end || SSL_pending(s->ssl) > 0 ||
	       (!s->is_starved && SSL_has_pending(s->ssl) == 1);
}

bool
tls_session_may_receive(const struct tls_session *s)
{
	return s->was_filled;
}

void
tls_session_keep_buffers(struct tls_session *s, bool keep)
{
	if (keep) {
		(void)SSL_clear_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
		return;
	}
	(void)SSL_set_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
	/* Not while a record is incomplete, which the next read continues. */
	(void)SSL_free_buffers(s->ssl);
}

bool
tls_session_keeps_buffers(const struct tls_session *s)
{
	return (SSL_get_mode(s->ssl) & SSL_MODE_RELEASE_BUFFERS) == 0;
}

bool
tls_session_write(struct tls_session *s, struct str data, struct err *e)
{
	size_t written = 0;
	size_t records = data.len / RECORD_MAX_PLAIN + 1;

	if (s->has_failed)
		return err_set(e, ERR_TLS, "the TLS session has failed");
	if (data.len == 0)
		return true;
	clear_errors();
	(void)output_reserve(&s->output, data.len + records * RECORD_OVERHEAD);
	int returned = SSL_write_ex(s->ssl, data.data, data.len, &written);
	if (returned == 1)
		return true;
	if (explain(s, 0, "TLS write", e) == TLS_WANT_READ) {
		s->has_failed = true;
		err_set(e, ERR_TLS, "TLS write before the handshake");
	}
	return false;
}

void
tls_session_close(struct tls_session *s)
{
	if (s->has_failed || SSL_is_init_finished(s->ssl) != 1)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
}

struct str
tls_session_output(const struct tls_session *s)
{
	const struct output *o = &s->output;

	return o->len == o->sent ? STR_NONE : (struct str){o->data + o->sent, o->len - o->sent};
}

void
tls_session_sent(struct tls_session *s, size_t len)
{
	struct output *o = &s->output;

	err_assert(len <= o->len - o->sent);
	o->sent += len;
	if (o->sent < o->len)
		output_shrink(o);
	else if (o->data != NULL)
		output_release(o);
}

const char *
tls_session_version(const struct tls_session *s)
{
	return s->version;
}

bool
tls_session_is_resumed(const struct tls_session *s)
{
	return SSL_session_reused(s->ssl) == 1;
}

bool
tls_session_is_http2(const struct tls_session *s)
{
	const unsigned char *protocol;
	unsigned len;

	SSL_get0_alpn_selected(s->ssl, &protocol, &len);
	return str_equal((struct str){(const char *)protocol, len}, STR("h2"));
}
