/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL on a socket of our own, behind a proxy's tunnel where there is a proxy.
 */
#include "base/http/raw_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/http/outgoing_proxy.h"
#include "base/http/system_authorities.h"
#include "base/net/dial.h"
#include "base/net/ip.h"
#include "base/net/tls/tls_error.h"
#include "base/process/fd.h"

#define HOST_MAX      255u
#define RECEIVE_BYTES 131072u /* of one receive call */
/* Of one send call, with the overhead of records. */
#define SEND_BYTES (RAW_STREAM_PIECE + 4096u)

struct raw_stream {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	size_t unflushed; /* bytes of a write that the kernel has only partly taken */
};

static bool
configure(SSL_CTX *context)
{
	static const unsigned char protocols[] = "\x08http/1.1";

	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, RECEIVE_BYTES);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1) == 0;
}

/* Requires a certificate for the host name or the numeric address. */
static bool
expect_host(SSL *ssl, const char *host)
{
	char name[HOST_MAX + 1]; /* OpenSSL's macro takes a pointer that is not const */
	struct ip ip;

	if (ip_parse(&ip, str_from(host)))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	if (strlen(host) > HOST_MAX)
		return false;
	memcpy(name, host, strlen(host) + 1);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static bool
prepare_tls(struct raw_stream *s, const struct raw_stream_target *target, struct err *e)
{
	ERR_clear_error();
	s->context = SSL_CTX_new(TLS_client_method());
	if (s->context == NULL || !configure(s->context))
		return tls_error_set(e, ERR_TLS, "TLS can't be set up");
	if (target->ca_file != NULL && SSL_CTX_load_verify_file(s->context, target->ca_file) != 1)
		return tls_error_set(e, ERR_CONFIG, "no certificate authorities") ||
		       err_wrap(e, "%s", target->ca_file);
	if (target->ca_file == NULL && !system_authorities_use(s->context))
		return tls_error_set(e, ERR_TLS, "the system's authorities can't be read");
	s->ssl = SSL_new(s->context);
	return (s->ssl != NULL && SSL_set_fd(s->ssl, s->fd) == 1 &&
		expect_host(s->ssl, target->host)) ||
	       tls_error_set(e, ERR_TLS, "TLS can't be set up");
}

static bool
explain_handshake(const struct raw_stream *s, struct err *e)
{
	long verified = SSL_get_verify_result(s->ssl);

	if (verified != X509_V_OK)
		return err_set(e, ERR_TLS, "certificate: %s",
			       X509_verify_cert_error_string(verified));
	if (ERR_peek_error() == 0)
		return err_set(e, ERR_CONNECT, "the connection was closed in the TLS handshake");
	return tls_error_set(e, ERR_TLS, "TLS");
}

static bool
shake_hands(struct raw_stream *s, uint64_t deadline_ms, struct err *e)
{
	for (;;) {
		ERR_clear_error();
		int result = SSL_connect(s->ssl);
		if (result == 1)
			return true;
		int reason = SSL_get_error(s->ssl, result);
		if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE)
			return explain_handshake(s, e);
		if (!dial_wait(s->fd, reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms,
			       e))
			return err_wrap(e, "TLS");
	}
}

/* From here on records are collected and sent when they are flushed. */
static bool
gather_records(const struct raw_stream *s, struct err *e)
{
	BIO *to_socket = SSL_get_wbio(s->ssl);
	BIO *gathered = BIO_new(BIO_f_buffer());

	if (gathered == NULL || BIO_set_write_buffer_size(gathered, SEND_BYTES) != 1 ||
	    BIO_up_ref(to_socket) != 1) {
		BIO_free(gathered);
		return tls_error_set(e, ERR_MEMORY, "out of memory for TLS");
	}
	SSL_set0_wbio(s->ssl, BIO_push(gathered, to_socket));
	return true;
}

struct raw_stream *
raw_stream_connect(const struct raw_stream_target *target, uint64_t deadline_ms, struct err *e)
{
	struct raw_stream *s = err_alloc(e, sizeof(*s), "out of memory for a connection");

	if (s == NULL)
		return NULL;
	s->fd = outgoing_proxy_dial(target, deadline_ms, e);
	if (s->fd >= 0 && prepare_tls(s, target, e)) {
		if (shake_hands(s, deadline_ms, e) && gather_records(s, e))
			return s;
		err_wrap(e, "%s", target->host);
	}
	raw_stream_free(s);
	return NULL;
}

void
raw_stream_free(struct raw_stream *s)
{
	if (s == NULL)
		return;
	if (s->ssl != NULL && SSL_is_init_finished(s->ssl))
		(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
	SSL_free(s->ssl);
	SSL_CTX_free(s->context);
	fd_close(s->fd);
	free(s);
}

int
raw_stream_fd(const struct raw_stream *s)
{
	return s->fd;
}

bool
raw_stream_has_buffered(const struct raw_stream *s)
{
	return SSL_has_pending(s->ssl) == 1;
}

static enum raw_stream_result
result_of(const struct raw_stream *s, int result, struct err *e)
{
	int error = errno;
	int reason = result == 1 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, result);

	if (reason == SSL_ERROR_NONE)
		return RAW_STREAM_DONE;
	if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
		return RAW_STREAM_AGAIN;
	if (reason == SSL_ERROR_ZERO_RETURN)
		return RAW_STREAM_END;
	if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		(void)err_set(e, ERR_CONNECT, "the connection was closed without close_notify");
	} else if (reason == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
		(void)err_set_errno(e, error != 0 ? error : ECONNRESET, "the connection failed");
	} else {
		(void)tls_error_set(e, ERR_CONNECT, "the connection failed");
	}
	return RAW_STREAM_FAILED;
}

/* Clears OpenSSL's error queue only if it is not empty: checking is cheaper than clearing, which
 * small reads and writes would notice. */
static void
clear_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
	errno = 0;
}

enum raw_stream_result
raw_stream_receive(struct raw_stream *s, char *data, size_t size, size_t *len, struct err *e)
{
	clear_errors();
	return result_of(s, SSL_read_ex(s->ssl, data, size, len), e);
}

enum raw_stream_result
raw_stream_send(struct raw_stream *s, struct str data, size_t *len, struct err *e)
{
	BIO *gathered = SSL_get_wbio(s->ssl);

	clear_errors();
	*len = 0;
	if (s->unflushed == 0) {
		enum raw_stream_result result =
			result_of(s, SSL_write_ex(s->ssl, data.data, data.len, &s->unflushed), e);
		if (result != RAW_STREAM_DONE)
			return result;
	}
	if (BIO_flush(gathered) != 1) {
		int error = errno;
		if (BIO_should_retry(gathered))
			return RAW_STREAM_AGAIN;
		(void)err_set_errno(e, error != 0 ? error : ECONNRESET, "the connection failed");
		return RAW_STREAM_FAILED;
	}
	*len = s->unflushed;
	s->unflushed = 0;
	return RAW_STREAM_DONE;
}
