/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking connect to a host by name, for programs on users' computers; needs only POSIX.
 * Addresses are tried in parallel (RFC 8305), so that one that does not respond causes no delay.
 */
#ifndef BASE_NET_DIAL_H
#define BASE_NET_DIAL_H

#include "base/str.h"

/* Returns a non-blocking TCP socket, or -1 with ERR_CONNECT or ERR_TIMEOUT, which names the host.
 * host is a name or a numeric address. The deadline (monotonic clock) includes name resolution. */
int dial_tcp(const char *host, uint16_t port, uint64_t deadline_ms, struct err *e) MUST_CHECK;

/* Waits until poll(2) reports one of the events or an error. False: the deadline has passed
 * (ERR_TIMEOUT). */
bool dial_wait(int fd, short events, uint64_t deadline_ms, struct err *e) MUST_CHECK;

#endif
