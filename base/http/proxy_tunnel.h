/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects to a host, through the outgoing proxy of the environment where there is one.
 */
#ifndef BASE_HTTP_PROXY_TUNNEL_H
#define BASE_HTTP_PROXY_TUNNEL_H

#include "base/http/raw_stream.h"

/* Returns a non-blocking socket connected to the target through the outgoing proxy, if there is
 * one; or -1. Errors are those of raw_stream_connect. */
int proxy_tunnel_dial(const struct raw_stream_target *target, uint64_t deadline_ms,
		      struct err *e) MUST_CHECK;

#endif
