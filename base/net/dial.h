/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking connect to a host by name, for programs on users' computers; needs only POSIX.
 * Addresses are tried in parallel (RFC 8305), so that one that does not respond causes no delay.
 */
#ifndef BASE_NET_DIAL_H
#define BASE_NET_DIAL_H

#include "base/str.h"

/* A non-blocking TCP socket; or -1, with ERR_CONNECT or ERR_TIMEOUT, which names the host. The name
 * may be a numeric address. The deadline (monotonic) includes the look-up of the name. */
int dial_tcp(const char *host, uint16_t port, uint64_t deadline_ms, struct err *e) MUST_CHECK;

/* Waits until poll(2) reports one of the events, or an error of the descriptor. False: ERR_TIMEOUT
 * after the deadline. */
bool dial_wait(int fd, short events, uint64_t deadline_ms, struct err *e) MUST_CHECK;

#endif
