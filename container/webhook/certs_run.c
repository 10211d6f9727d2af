/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates a CA and a server certificate for the webhook's service, for clusters without an issuer.
 *
 * The CA's key is discarded, so that it can't sign anything else. To renew, run the command again
 * in the same directory: the bundle then contains the new CA and the previous one, so that clients
 * which trust it accept the old and the new server certificate. Files are replaced atomically.
 */
#include "container/webhook/certs_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf/conf.h"
#include "base/crypto/crypto.h"
#include "base/net/tls/certificate.h"
#include "base/net/tls/certificate_pem.h"
#include "base/process/fd.h"
#include "container/webhook/service_certificate.h"

#define PEM_MAX_BYTES 16384u
#define DAYS_DEFAULT  365u
#define PATH_BYTES    1024

static const char usage[] =
	"usage: workspace-proxy webhook-certs SERVICE.NAMESPACE DIR [--days N]\n"
	"\n"
	"Writes ca.crt, tls.crt and tls.key for the webhook's service to the existing directory "
	"and\n"
	"prints the caBundle of its configuration. The certificates are valid for N days, 1 to "
	"825,\n"
	"365 by default. A certificate in DIR/ca.crt stays in the bundle until the next run.\n";

struct certs {
	const char *service;
	const char *dir;
	unsigned days;
};

static bool
parse_arguments(struct certs *c, int argc, char **argv)
{
	uint64_t days = DAYS_DEFAULT;

	if (argc != 3 && !(argc == 5 && strcmp(argv[3], "--days") == 0 &&
			   str_to_u64(str_from(argv[4]), 1, CERTIFICATE_DAYS_MAX, &days)))
		return false;
	*c = (struct certs){.service = argv[1], .dir = argv[2], .days = (unsigned)days};
	return service_certificate_is_name(str_from(argv[1]));
}

/* Writes a temporary file and renames it. */
static bool
write_file(const struct certs *c, const char *name, mode_t mode, struct str text, struct err *e)
{
	char path[PATH_BYTES];
	char temporary[PATH_BYTES + 8];

	if (snprintf(path, sizeof(path), "%s/%s", c->dir, name) >= (int)sizeof(path))
		return err_set(e, ERR_CONFIG, "%.200s…: path too long", c->dir);
	(void)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(e, errno, "%s", path);
	bool ok = fchmod(fd, mode) == 0 && fd_write_all(fd, text) && fsync(fd) == 0 &&
		  rename(temporary, path) == 0;
	if (!ok) {
		err_set_errno(e, errno, "%s", path);
		(void)unlink(temporary);
	}
	(void)close(fd);
	return ok;
}

/* Appends the first certificate of ca.crt, which is the CA of the previous run, if there is one. */
static bool
add_previous_authority(const struct certs *c, struct buf *bundle, struct err *e)
{
	char path[PATH_BYTES];
	struct buf text;
	struct str pem;

	(void)snprintf(path, sizeof(path), "%s/ca.crt", c->dir);
	if (access(path, F_OK) != 0)
		return true;
	buf_init(&text, PEM_MAX_BYTES);
	bool ok = conf_read_file(path, &text, e);
	struct str rest = buf_view(&text);
	if (ok && !certificate_pem_next(&rest, &pem))
		ok = err_set(e, ERR_CONFIG, "%.200s: no certificate", path);
	if (ok) {
		buf_add_str(bundle, pem);
		buf_add_byte(bundle, '\n');
	}
	buf_fini(&text);
	return ok;
}

static bool
write_bundle(const struct certs *c, struct str authority, struct buf *bundle, struct err *e)
{
	buf_add_str(bundle, authority);
	return add_previous_authority(c, bundle, e) &&
	       (buf_is_ok(bundle) || err_set(e, ERR_LIMIT, "the bundle is too large")) &&
	       write_file(c, "ca.crt", 0644, buf_view(bundle), e);
}

static bool
print_bundle(struct str bundle, struct err *e)
{
	struct buf text;

	buf_init(&text, PEM_MAX_BYTES * 2);
	bool ok = crypto_base64_encode(&text, bundle);
	if (ok && (printf("%.*s\n", STR_FMT(buf_view(&text))) < 0 || fflush(stdout) != 0))
		ok = err_set(e, ERR_SYSTEM, "cannot write the caBundle");
	buf_fini(&text);
	return ok;
}

static bool
write_all(const struct certs *c, const struct service_certificate *made, struct err *e)
{
	struct buf bundle;

	buf_init(&bundle, PEM_MAX_BYTES);
	bool ok = write_bundle(c, str_from(made->authority), &bundle, e) &&
		  write_file(c, "tls.key", 0600, secret_view(made->key), e) &&
		  write_file(c, "tls.crt", 0644, str_from(made->certificate), e) &&
		  print_bundle(buf_view(&bundle), e);
	buf_fini(&bundle);
	return ok;
}

static bool
create_certificates(const struct certs *c, struct err *e)
{
	struct service_certificate made;

	if (!service_certificate_make(&made, c->service, c->days * CERTIFICATE_DAY_S, e))
		return false;
	bool ok = write_all(c, &made, e);
	service_certificate_fini(&made);
	return ok;
}

int
certs_run(int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct certs c;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		(void)fputs(usage, stdout);
		return 0;
	}
	if (!parse_arguments(&c, argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (create_certificates(&c, &e))
		return 0;
	(void)fprintf(stderr, "workspace-proxy: webhook-certs: %s\n", e.text);
	return 1;
}
