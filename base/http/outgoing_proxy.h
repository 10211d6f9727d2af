/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outgoing proxy that the environment names for https, as curl reads it: https_proxy, all_proxy
 * and no_proxy, also in capitals; and connections through it.
 */
#ifndef BASE_HTTP_OUTGOING_PROXY_H
#define BASE_HTTP_OUTGOING_PROXY_H

#include "base/http/raw_stream.h"

#define PROXY_HOST_MAX	256u
#define PROXY_LOGIN_MAX 512u

struct outgoing_proxy {
	char host[PROXY_HOST_MAX]; /* empty: no proxy */
	uint16_t port;
	char login[PROXY_LOGIN_MAX]; /* "user:password"; empty: none */
};

/* Finds the outgoing proxy for connections to a host, which is in lower case or numeric. ERR_PROXY:
 * the environment names an unusable proxy. */
bool outgoing_proxy_find(const char *host, struct outgoing_proxy *p, struct err *e) MUST_CHECK;

/* Returns a non-blocking socket connected to the target through the outgoing proxy, if there is
 * one; or -1. Errors are those of raw_stream_connect. */
int outgoing_proxy_dial(const struct raw_stream_target *target, uint64_t deadline_ms,
			struct err *e) MUST_CHECK;

#endif
