/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outgoing proxy that the environment names for https, as curl reads it: https_proxy, all_proxy
 * and no_proxy, also in capitals.
 */
#ifndef BASE_HTTP_PROXY_ENVIRONMENT_H
#define BASE_HTTP_PROXY_ENVIRONMENT_H

#include "base/str.h"

#define PROXY_HOST_MAX	256u
#define PROXY_LOGIN_MAX 512u

struct outgoing_proxy {
	char host[PROXY_HOST_MAX]; /* empty: no proxy */
	uint16_t port;
	char login[PROXY_LOGIN_MAX]; /* "user:password"; empty: none */
};

/* Finds the outgoing proxy for connections to a host, which is in lower case or numeric. ERR_PROXY:
 * the environment names an unusable proxy. */
bool proxy_environment_find(const char *host, struct outgoing_proxy *p, struct err *e) MUST_CHECK;

#endif
