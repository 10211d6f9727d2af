/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/base/http/fetch_server.py, and the certificates that it serves: for the tests of both
 * HTTP clients. The environment's proxies are forgotten, so that requests go where they say.
 */
#ifndef TESTS_UNIT_BASE_HTTP_FETCH_SERVER_H
#define TESTS_UNIT_BASE_HTTP_FETCH_SERVER_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/base/net/tls/certs.h"

static struct certs certs;
static unsigned plain_port;
static unsigned tls_port;
static unsigned other_port; /* TLS with a certificate of another CA */
static pid_t server;
static int server_input;

static void
start_server(void)
{
	struct certs_path first = certs_path(&certs, "good.both");
	struct certs_path second = certs_path(&certs, "foreign.both");
	char line[64] = "";
	size_t len = 0;
	int in[2];
	int out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/usr/bin/python3", "python3", "tests/unit/base/http/fetch_server.py",
		      first.text, second.text, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	while (strchr(line, '\n') == NULL) {
		ssize_t n = read(out[0], line + len, sizeof(line) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	close(out[0]);
	server_input = in[1];
	assert_int_equal(sscanf(line, "%u %u %u", &plain_port, &tls_port, &other_port), 3);
}

/* subjectAltName of the two certificates. */
static void
server_setup(const char *good_names, const char *foreign_names)
{
	static const char *const variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
						"all_proxy",  "ALL_PROXY",   "no_proxy",
						"NO_PROXY"};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	certs_init(&certs);
	certs_make(&certs, "foreign", foreign_names, 7);
	certs_run(&certs, "mv ca.pem foreign-ca.pem");
	certs_run(&certs, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
			  "-days 9 -subj '/CN=Second CA' -keyout ca.key -out ca.pem");
	certs_make(&certs, "good", good_names, 7);
	certs_run(&certs, "cat good.pem good.key >good.both; "
			  "cat foreign.pem foreign.key >foreign.both");
	start_server();
}

static void
server_teardown(void)
{
	int status;

	close(server_input);
	assert_int_equal(waitpid(server, &status, 0), server);
	certs_fini(&certs);
}

#endif
