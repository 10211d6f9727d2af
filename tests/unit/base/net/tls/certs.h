/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for tests: a directory of files made by the openssl command line, removed at the
 * end. Every certificate is signed by the directory's own CA and lasts for some days.
 */
#ifndef TESTS_UNIT_BASE_NET_TLS_CERTS_H
#define TESTS_UNIT_BASE_NET_TLS_CERTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTS_DIR_MAX  64
#define CERTS_PATH_MAX 128

struct certs {
	char dir[CERTS_DIR_MAX];
};

struct certs_path {
	char text[CERTS_PATH_MAX];
};

static inline struct certs_path
certs_path(const struct certs *c, const char *file)
{
	struct certs_path p;

	assert_true((size_t)snprintf(p.text, sizeof(p.text), "%s/%s", c->dir, file) <
		    sizeof(p.text));
	return p;
}

/* Runs a shell command in the directory. */
static inline void
certs_run(const struct certs *c, const char *command)
{
	char line[1024];

	assert_true((size_t)snprintf(line, sizeof(line), "cd %s && { %s; } >log 2>&1", c->dir,
				     command) < sizeof(line));
	if (system(line) != 0) /* NOLINT(cert-env33-c,bugprone-command-processor): test */
		fail_msg("failed: %s", line);
}

/* ca.pem and ca.key. */
static inline void
certs_init(struct certs *c)
{
	(void)snprintf(c->dir, sizeof(c->dir), "/tmp/workspace-proxy-certs-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	certs_run(c, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 "
		     "-subj '/CN=Test CA' -keyout ca.key -out ca.pem");
}

/* <name>.pem (leaf, then CA) and <name>.key for subjectAltName names such as "DNS:a,IP:127.0.0.1".
 */
static inline void
certs_make(const struct certs *c, const char *name, const char *alt_names, unsigned days)
{
	char command[768];

	assert_true((size_t)snprintf(
			    command, sizeof(command),
			    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
			    "-subj '/CN=%s' -keyout %s.key -out %s.csr && "
			    "echo subjectAltName=%s >%s.ext && "
			    "openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
			    "-days %u -extfile %s.ext -out %s.crt && cat %s.crt ca.pem >%s.pem",
			    name, name, name, alt_names, name, name, days, name, name, name,
			    name) < sizeof(command));
	certs_run(c, command);
}

static inline void
certs_fini(const struct certs *c)
{
	char command[CERTS_PATH_MAX];

	(void)snprintf(command, sizeof(command), "rm -rf %s", c->dir);
	if (system(command) != 0) /* NOLINT(cert-env33-c,bugprone-command-processor): test */
		fail_msg("failed: %s", command);
}

#endif
