/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects to a host by name and waits for it: for programs of users, on POSIX alone. Addresses are
 * tried side by side (RFC 8305), so that one that does not answer holds nobody up.
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
