/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes keys and certificates with OpenSSL, and writes them as PEM.
 */
#include "base/net/tls/certificate.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/net/ip.h"
#include "base/net/tls/tls_error.h"

#define CLOCK_S		300L
#define SERIAL_BYTES	16
#define NAMES_MAX_BYTES 16384u
#define SUBJECT_MAX	64u /* RFC 5280, ub-common-name */

struct certificate {
	X509 *x509;
	EVP_PKEY *key;
};

struct extension {
	int nid;
	const char *value;
};

static bool
set_serial(X509 *x509)
{
	unsigned char bytes[SERIAL_BYTES];

	crypto_random(bytes, sizeof(bytes));
	/* A positive number of exactly this length. */
	bytes[0] = (unsigned char)((bytes[0] & 0x3fu) | 0x40u);
	BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
	BN_free(number);
	return ok;
}

static bool
set_validity(X509 *x509, uint64_t lifetime_s)
{
	time_t now = (time_t)clock_wall_s();

	return X509_time_adj(X509_getm_notBefore(x509), -CLOCK_S, &now) != NULL &&
	       X509_time_adj(X509_getm_notAfter(x509), (long)lifetime_s, &now) != NULL;
}

static bool
set_subject(X509 *x509, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(x509);

	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
					  -1, -1, 0) == 1;
}

static bool
add_extension(X509 *x509, X509V3_CTX *context, const struct extension *what)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, what->nid, what->value);
	bool ok = extension != NULL && X509_add_ext(x509, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return ok;
}

static bool
add_extensions(struct certificate *c, const struct certificate *issuer,
	       const struct extension *extensions, size_t count)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer->x509, c->x509, NULL, NULL, 0);
	for (size_t i = 0; i < count; i++)
		if (!add_extension(c->x509, &context, &extensions[i]))
			return false;
	return true;
}

/* Creates a key, and a certificate with all but issuer, extensions and signature. */
static struct certificate *
make(const char *name, uint64_t lifetime_s, struct err *e)
{
	struct certificate *c = err_alloc(e, sizeof(*c), "out of memory for a certificate");

	ERR_clear_error();
	if (c == NULL)
		return NULL;
	err_assert(lifetime_s > 0 && lifetime_s <= CERTIFICATE_DAYS_MAX * CERTIFICATE_DAY_S);
	c->key = EVP_EC_gen("P-256");
	c->x509 = X509_new();
	if (c->key == NULL || c->x509 == NULL || X509_set_version(c->x509, X509_VERSION_3) != 1 ||
	    !set_serial(c->x509) || !set_validity(c->x509, lifetime_s) ||
	    !set_subject(c->x509, name) || X509_set_pubkey(c->x509, c->key) != 1) {
		tls_error_set(e, ERR_CRYPTO, "certificate");
		certificate_free(c);
		return NULL;
	}
	return c;
}

static bool
sign(struct certificate *c, const struct certificate *issuer, const struct extension *extensions,
     size_t count)
{
	return X509_set_issuer_name(c->x509, X509_get_subject_name(issuer->x509)) == 1 &&
	       add_extensions(c, issuer, extensions, count) &&
	       X509_sign(c->x509, issuer->key, EVP_sha256()) > 0;
}

struct certificate *
certificate_new_authority(const char *name, uint64_t lifetime_s, struct err *e)
{
	static const struct extension extensions[] = {
		{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
		{NID_key_usage, "critical,keyCertSign,cRLSign"},
		{NID_subject_key_identifier, "hash"},
	};
	struct certificate *c = make(name, lifetime_s, e);

	if (c == NULL || sign(c, c, extensions, sizeof(extensions) / sizeof(extensions[0])))
		return c;
	tls_error_set(e, ERR_CRYPTO, "authority");
	certificate_free(c);
	return NULL;
}

static bool
write_names(struct buf *out, const char *const *names, size_t count)
{
	struct ip ip;

	for (size_t i = 0; i < count; i++)
		buf_addf(out, "%s%s:%s", i > 0 ? "," : "",
			 ip_parse(&ip, str_from(names[i])) ? "IP" : "DNS", names[i]);
	return buf_add_byte(out, '\0');
}

struct certificate *
certificate_new_server(const struct certificate *authority, const char *const *names, size_t count,
		       uint64_t lifetime_s, struct err *e)
{
	bool fits = strlen(names[0]) <= SUBJECT_MAX;
	struct certificate *c = make(fits ? names[0] : "workspace-proxy", lifetime_s, e);
	struct buf text;

	if (c == NULL)
		return NULL;
	if (authority == NULL)
		authority = c;
	buf_init(&text, NAMES_MAX_BYTES);
	bool ok = write_names(&text, names, count);
	const struct extension extensions[] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "serverAuth"},
		{NID_subject_alt_name, ok ? text.data : ""},
		{NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, "keyid:always"},
	};
	ok = ok && sign(c, authority, extensions, sizeof(extensions) / sizeof(extensions[0]));
	buf_fini(&text);
	if (ok)
		return c;
	tls_error_set(e, ERR_CRYPTO, "server certificate");
	certificate_free(c);
	return NULL;
}

struct x509_st *
certificate_x509(const struct certificate *c)
{
	return c->x509;
}

struct evp_pkey_st *
certificate_key(const struct certificate *c)
{
	return c->key;
}

void
certificate_free(struct certificate *c)
{
	if (c == NULL)
		return;
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
	free(c);
}

static bool
take_bytes(BIO *bio, bool ok, struct buf *out, struct err *e)
{
	char *data = NULL;
	long len = ok ? BIO_get_mem_data(bio, &data) : 0;

	ok = ok && len > 0 && buf_add(out, data, (size_t)len);
	BIO_free(bio);
	return ok || tls_error_set(e, ERR_CRYPTO, "PEM");
}

bool
certificate_write(const struct certificate *c, struct buf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return take_bytes(bio, bio != NULL && PEM_write_bio_X509(bio, c->x509) == 1, out, e);
}

bool
certificate_write_key(const struct certificate *c, struct buf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool ok = bio != NULL &&
		  PEM_write_bio_PKCS8PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL) == 1;

	return take_bytes(bio, ok, out, e);
}
