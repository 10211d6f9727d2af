/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects to a host, through the outgoing proxy of the environment where there is one.
 */
#ifndef BASE_HTTP_PROXY_TUNNEL_H
#define BASE_HTTP_PROXY_TUNNEL_H

#include "base/http/raw_stream.h"

/* A non-blocking socket that leads to the target; or -1. Errors as raw_stream_connect has them. */
int proxy_tunnel_dial(const struct raw_stream_target *target, uint64_t deadline_ms,
		      struct err *e) MUST_CHECK;

#endif
