/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates OpenSSL's SSL_CTX: the certificate, key and settings that TLS sessions share.
 *
 * A reload creates a new SSL_CTX; existing sessions keep a reference to the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/crypto/crypto_memory.h"
#include "base/net/tls/certificate_pem.h"
#include "base/net/tls/tls.h"
#include "base/net/tls/tls_error.h"
#include "base/net/tls/tls_private.h"
#include "base/process/fd.h"

/* AES-128 first, as in browsers: secure enough, and cheaper than AES-256. */
#define CIPHERSUITES	  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS		  "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20"
#define TICKET_KEYS_BYTES 80
#define KEY_STEP	  4096u

/* ALPN protocols, the preferred one first. */
#define ALPN_HTTP2  "\x02h2"
#define ALPN_HTTP11 "\x08http/1.1"

/* Selects a protocol. A client that offers protocols must offer one of ours (RFC 7301 section
 * 3.2). */
static int
select_protocol(struct str ours, const unsigned char **chosen, unsigned char *chosen_len,
		const unsigned char *offered, unsigned offered_len)
{
	unsigned char *found;

	if (SSL_select_next_proto(&found, chosen_len, (const unsigned char *)ours.data,
				  (unsigned)ours.len, offered,
				  offered_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

static int
on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
	const unsigned char *offered, unsigned offered_len, void *arg)
{
	(void)ssl;
	(void)arg;
	return select_protocol(STR(ALPN_HTTP11), chosen, chosen_len, offered, offered_len);
}

static int
on_alpn_with_http2(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
		   const unsigned char *offered, unsigned offered_len, void *arg)
{
	(void)ssl;
	(void)arg;
	return select_protocol(STR(ALPN_HTTP2 ALPN_HTTP11), chosen, chosen_len, offered,
			       offered_len);
}

void
tls_context_offer_http2(struct tls_context *c)
{
	c->offers_http2 = true;
	SSL_CTX_set_alpn_select_cb(c->ssl_ctx, on_alpn_with_http2, NULL);
}

/* Opens the file, because access(2) does not consider Landlock. */
static bool
check_readable(const char *file, struct err *e)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set(e, ERR_CONFIG, "%s: %s", file, strerror(errno));
	(void)close(fd);
	return true;
}

/* Reads a key without stdio, whose buffer is not wiped. NULL is handled like text that is no
 * key. */
static struct secret *
read_key(const char *file)
{
	struct secret *text = NULL;
	struct buf bytes;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	buf_init(&bytes, SECRET_MAX_BYTES);
	while (fd >= 0 && n > 0 && buf_reserve(&bytes, KEY_STEP)) {
		n = read(fd, bytes.data + bytes.len, KEY_STEP);
		bytes.len += n > 0 ? (size_t)n : 0;
	}
	fd_close(fd);
	if (n == 0 && fd >= 0)
		text = secret_from_str(buf_view(&bytes));
	buf_wipe_fini(&bytes);
	return text;
}

static bool
report_mismatch(const char *cert_file, const char *key_file, struct err *e)
{
	ERR_clear_error();
	return err_set(e, ERR_CONFIG, "%s: does not match the certificate in %s", key_file,
		       cert_file);
}

static bool
use_key(SSL_CTX *ctx, struct str text)
{
	crypto_memory_wipe_begin();
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	EVP_PKEY *key =
		bio == NULL
			? NULL
			: PEM_read_bio_PrivateKey(bio, NULL, certificate_pem_refuse_password, NULL);
	bool ok = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	crypto_memory_wipe_end();
	return ok;
}

static bool
use_key_file(SSL_CTX *ctx, const char *file)
{
	struct secret *text = read_key(file);
	struct str view = secret_view(text);
	bool ok = view.len > 0 && use_key(ctx, view);

	secret_free(text);
	return ok;
}

static bool
load_pair(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct err *e)
{
	if (!check_readable(cert_file, e) || !check_readable(key_file, e))
		return false;

	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		return tls_error_set(e, ERR_CONFIG, "no certificate chain in PEM form") ||
		       err_wrap(e, "%s", cert_file);
	if (!use_key_file(ctx, key_file)) {
		if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
			return report_mismatch(cert_file, key_file, e);
		return tls_error_set(e, ERR_CONFIG, "no unencrypted private key in PEM form") ||
		       err_wrap(e, "%s", key_file);
	}
	if (SSL_CTX_check_private_key(ctx) != 1)
		return report_mismatch(cert_file, key_file, e);
	return true;
}

/* Sets a single certificate without a chain: clients trust its issuer. */
static bool
use_certificate(SSL_CTX *ctx, struct str text)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	X509 *x509 = bio == NULL
			     ? NULL
			     : PEM_read_bio_X509(bio, NULL, certificate_pem_refuse_password, NULL);
	bool ok = x509 != NULL && SSL_CTX_use_certificate(ctx, x509) == 1;

	X509_free(x509);
	BIO_free(bio);
	return ok;
}

static bool
load_pem(SSL_CTX *ctx, const struct tls_pem *pem, struct err *e)
{
	struct str key = secret_view(pem->key);

	ERR_clear_error();
	if (pem->certificate.len == 0 || !use_certificate(ctx, pem->certificate))
		return tls_error_set(e, ERR_CONFIG, "no certificate in PEM form");
	if (key.len == 0 || !use_key(ctx, key) || SSL_CTX_check_private_key(ctx) != 1)
		return tls_error_set(e, ERR_CONFIG, "no private key of the certificate");
	return true;
}

static bool
configure(SSL_CTX *ctx)
{
	static const unsigned char id[] = "workspace-proxy";

	SSL_CTX_set_options(
		ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT |
			     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ctx, certificate_pem_refuse_password);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, CIPHERSUITES) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) == 1;
}

static bool
load(SSL_CTX *ctx, const struct tls_context *c, struct err *e)
{
	if (c->pem != NULL)
		return load_pem(ctx, c->pem, e);
	return c->names != NULL ? tls_self_load(ctx, c->names, e)
				: load_pair(ctx, c->cert_file, c->key_file, e);
}

static SSL_CTX *
ssl_ctx_new(const struct tls_context *c, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || !configure(ctx)) {
		tls_error_set(e, ERR_MEMORY, "TLS can't be set up");
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (!load(ctx, c, e)) {
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

/* Loads the certificate that c's fields name; frees c on failure. */
static struct tls_context *
start(struct tls_context *c, struct err *e)
{
	c->bio_method = tls_session_bio_method_new();
	if (c->bio_method == NULL)
		err_set(e, ERR_MEMORY, "out of memory for TLS");
	else
		c->ssl_ctx = ssl_ctx_new(c, e);
	if (c->ssl_ctx == NULL) {
		tls_context_free(c);
		return NULL;
	}
	c->expires_at_s = expiry_of(c->ssl_ctx);
	return c;
}

struct tls_context *
tls_context_new(const char *cert_file, const char *key_file, struct err *e)
{
	struct tls_context *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->cert_file = strdup(cert_file);
		c->key_file = strdup(key_file);
	}
	if (c == NULL || c->cert_file == NULL || c->key_file == NULL) {
		err_set(e, ERR_MEMORY, "out of memory for TLS");
		tls_context_free(c);
		return NULL;
	}
	return start(c, e);
}

struct tls_context *
tls_context_new_self(const struct tls_names *names, struct err *e)
{
	struct tls_context *c = err_alloc(e, sizeof(*c), "out of memory for TLS");

	if (c == NULL)
		return NULL;
	c->names = names;
	return start(c, e);
}

struct tls_context *
tls_context_new_pem(struct str certificate, const struct secret *key, struct err *e)
{
	const struct tls_pem pem = {certificate, key};
	struct tls_context *c = err_alloc(e, sizeof(*c), "out of memory for TLS");

	if (c == NULL)
		return NULL;
	c->pem = &pem;
	c = start(c, e);
	if (c != NULL)
		c->pem = NULL;
	return c;
}

/* Keeps the ticket keys, so that clients can resume their sessions. */
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
	SSL_CTX *fresh = ssl_ctx_new(c, e);

	if (fresh == NULL)
		return false;
	if (!copy_ticket_keys(c->ssl_ctx, fresh)) {
		SSL_CTX_free(fresh);
		return err_set(e, ERR_MEMORY, "session ticket keys can't be stored");
	}
	SSL_CTX_free(c->ssl_ctx);
	c->ssl_ctx = fresh;
	if (c->offers_http2)
		tls_context_offer_http2(c);
	c->expires_at_s = expiry_of(fresh);
	return true;
}

bool
tls_context_reload_pem(struct tls_context *c, struct str certificate, const struct secret *key,
		       struct err *e)
{
	const struct tls_pem pem = {certificate, key};

	c->pem = &pem;
	bool ok = tls_context_reload(c, e);
	c->pem = NULL;
	return ok;
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
	X509_STORE *store = X509_STORE_new();
	bool ok = store != NULL && X509_STORE_load_file(store, file) == 1;

	if (!ok)
		(void)(tls_error_set(e, ERR_CONFIG, "no certificate authorities") ||
		       err_wrap(e, "%s", file));
	X509_STORE_free(store);
	return ok;
}
