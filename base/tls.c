/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS server sessions by OpenSSL.
 *
 * One BIO per session stands on both sides: it receives from the socket and appends what is to be
 * sent to a buffer that is freed when it was sent. Together with SSL_MODE_RELEASE_BUFFERS an idle
 * session holds no record buffers. Settings are made once per SSL_CTX; a reload makes a new one,
 * and sessions keep theirs alive. Sending is left to the owner.
 */
#include "base/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Owners stop writing while output waits; past this something is wrong. */
#define OUTPUT_MAX 4194304u
/* AES-128 first, as browsers have it: no less safe here, and cheaper than AES-256. */
#define CIPHERSUITES	  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS		  "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20"
#define RECORD_MAX_PLAIN  16384u
#define RECORD_OVERHEAD	  64u
#define TICKET_KEYS_BYTES 80
#define VERSION_MAX	  48 /* "TLSv1.3 TLS_AES_256_GCM_SHA384" */

struct tls_context {
	SSL_CTX *ssl_ctx;
	BIO_METHOD *bio_method;
	char *cert_file;
	char *key_file;
	int64_t expires_at_s;
};

/* Records to be sent. Sized exactly: a struct buf would round a full scratch buffer up to 128 KiB.
 */
struct output {
	char *data;
	size_t len;
	size_t size;
	size_t sent; /* bytes of len that are sent already */
	bool failed;
};

struct tls_session {
	SSL *ssl;
	int fd;
	bool is_starved; /* the last read found no whole record */
	bool was_filled; /* the last receive took all that it could */
	bool has_end;	 /* data came together with an end that no read has told yet */
	bool saw_end;	 /* the socket was closed or reset by the peer */
	bool has_failed;
	struct output output;
	char version[VERSION_MAX];
};

/* Looking is ten times as cheap as clearing, and reads and writes of small records would notice. */
static void
clear_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* The reason that OpenSSL gives for what just failed, into e. */
static bool
set_library_error(struct err *e, enum err_code code, const char *what)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	err_set(e, code, "%s: %s", what, reason == NULL ? "unknown error" : reason);
	ERR_clear_error();
	return false;
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

/* Room for more bytes, without those that are sent. */
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
		char *data = malloc(waiting + more);
		if (data == NULL)
			return false;
		if (waiting > 0)
			memcpy(data, o->data + o->sent, waiting);
		free(o->data);
		o->data = data;
		o->size = waiting + more;
	}
	o->len = waiting;
	o->sent = 0;
	return true;
}

static void
output_release(struct output *o)
{
	free(o->data);
	*o = (struct output){.failed = o->failed};
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

static BIO_METHOD *
bio_method_new(void)
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

/* A client that offers protocols must offer ours (RFC 7301 section 3.2). */
static int
on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
	const unsigned char *offered, unsigned offered_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	const unsigned ours_len = sizeof(ours) - 1;
	unsigned char *found;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&found, chosen_len, ours, ours_len, offered, offered_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

/* Encrypted keys are not supported; without this OpenSSL would ask on the terminal. */
static int
on_password(char *buffer, int size, int for_writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)for_writing;
	(void)arg;
	return -1;
}

static bool
check_readable(const char *file, struct err *e)
{
	if (access(file, R_OK) != 0)
		return err_set(e, ERR_CONFIG, "%s: %s", file, strerror(errno));
	return true;
}

static bool
report_mismatch(const char *cert_file, const char *key_file, struct err *e)
{
	ERR_clear_error();
	return err_set(e, ERR_CONFIG, "%s: is not the key of the certificate in %s", key_file,
		       cert_file);
}

static bool
load_pair(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct err *e)
{
	if (!check_readable(cert_file, e) || !check_readable(key_file, e))
		return false;

	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		return set_library_error(e, ERR_CONFIG, "no certificate chain in PEM form") ||
		       err_wrap(e, "%s", cert_file);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
		if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
			return report_mismatch(cert_file, key_file, e);
		return set_library_error(e, ERR_CONFIG, "no unencrypted private key in PEM form") ||
		       err_wrap(e, "%s", key_file);
	}
	if (SSL_CTX_check_private_key(ctx) != 1)
		return report_mismatch(cert_file, key_file, e);
	return true;
}

static bool
configure(SSL_CTX *ctx)
{
	static const unsigned char id[] = "workspace-proxy";

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ctx, on_password);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, CIPHERSUITES) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) == 1;
}

static SSL_CTX *
ssl_ctx_new(const char *cert_file, const char *key_file, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || !configure(ctx)) {
		set_library_error(e, ERR_MEMORY, "TLS can't be set up");
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (!load_pair(ctx, cert_file, key_file, e)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int64_t
expiry_of(SSL_CTX *ctx)
{
	const X509 *leaf = SSL_CTX_get0_certificate(ctx);
	struct tm end;

	if (leaf == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) != 1)
		return 0;
	return (int64_t)timegm(&end);
}

struct tls_context *
tls_context_new(const char *cert_file, const char *key_file, struct err *e)
{
	struct tls_context *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_set(e, ERR_MEMORY, "no memory for TLS");
		return NULL;
	}
	c->cert_file = strdup(cert_file);
	c->key_file = strdup(key_file);
	c->bio_method = bio_method_new();
	if (c->cert_file == NULL || c->key_file == NULL || c->bio_method == NULL) {
		err_set(e, ERR_MEMORY, "no memory for TLS");
		goto failed;
	}
	c->ssl_ctx = ssl_ctx_new(cert_file, key_file, e);
	if (c->ssl_ctx == NULL)
		goto failed;
	c->expires_at_s = expiry_of(c->ssl_ctx);
	return c;

failed:
	tls_context_free(c);
	return NULL;
}

/* Tickets that are out there go on working. */
static bool
copy_ticket_keys(SSL_CTX *from, SSL_CTX *to)
{
	unsigned char keys[TICKET_KEYS_BYTES];
	bool ok = SSL_CTX_get_tlsext_ticket_keys(from, keys, sizeof(keys)) == 1 &&
		  SSL_CTX_set_tlsext_ticket_keys(to, keys, sizeof(keys)) == 1;

	explicit_bzero(keys, sizeof(keys));
	ERR_clear_error();
	return ok;
}

bool
tls_context_reload(struct tls_context *c, struct err *e)
{
	SSL_CTX *fresh = ssl_ctx_new(c->cert_file, c->key_file, e);

	if (fresh == NULL)
		return false;
	if (!copy_ticket_keys(c->ssl_ctx, fresh)) {
		SSL_CTX_free(fresh);
		return err_set(e, ERR_MEMORY, "session ticket keys can't be kept");
	}
	SSL_CTX_free(c->ssl_ctx);
	c->ssl_ctx = fresh;
	c->expires_at_s = expiry_of(fresh);
	return true;
}

void
tls_context_free(struct tls_context *c)
{
	if (c == NULL)
		return;
	SSL_CTX_free(c->ssl_ctx);
	BIO_meth_free(c->bio_method);
	free(c->cert_file);
	free(c->key_file);
	free(c);
}

struct ssl_ctx_st *
tls_context_lend(struct tls_context *c)
{
	SSL_CTX_set_read_ahead(c->ssl_ctx, 0);
	err_assert(SSL_CTX_up_ref(c->ssl_ctx) == 1);
	return c->ssl_ctx;
}

void
tls_context_give_back(struct ssl_ctx_st *lent)
{
	SSL_CTX_free(lent);
}

int64_t
tls_context_expires_at_s(const struct tls_context *c)
{
	return c->expires_at_s;
}

bool
tls_context_names(const struct tls_context *c, const char *host)
{
	X509 *leaf = SSL_CTX_get0_certificate(c->ssl_ctx);

	return leaf != NULL && X509_check_host(leaf, host, strlen(host), 0, NULL) == 1;
}

bool
tls_check_authorities(const char *file, struct err *e)
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool ok = ctx != NULL && SSL_CTX_load_verify_file(ctx, file) == 1;

	if (!ok)
		(void)(set_library_error(e, ERR_CONFIG, "no authorities") ||
		       err_wrap(e, "%s", file));
	SSL_CTX_free(ctx);
	return ok;
}

struct tls_session *
tls_session_new(struct tls_context *c, int fd, struct err *e)
{
	struct tls_session *s = calloc(1, sizeof(*s));
	BIO *bio = NULL;

	ERR_clear_error();
	if (s == NULL) {
		err_set(e, ERR_MEMORY, "no memory for a TLS session");
		return NULL;
	}
	s->fd = fd;
	s->ssl = SSL_new(c->ssl_ctx);
	bio = BIO_new(c->bio_method);
	if (s->ssl == NULL || bio == NULL) {
		set_library_error(e, ERR_MEMORY, "TLS session");
		BIO_free(bio);
		tls_session_free(s);
		return NULL;
	}
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio);
	SSL_set_accept_state(s->ssl);
	return s;
}

void
tls_session_free(struct tls_session *s)
{
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	free(s->output.data);
	free(s);
}

/* What a call that did not succeed means; returned is what it returned. */
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
		err_set(e, ERR_MEMORY, "%s: too much output waits", what);
	} else {
		set_library_error(e, ERR_TLS, what);
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
	if (o->sent == o->len)
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
