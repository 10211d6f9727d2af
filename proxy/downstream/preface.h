/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that begin with a PROXY header: reads exactly the header, then hands the connection
 * on with the client's address. Only for peers whose word counts (TRUSTED_PROXY_IPS).
 */
#ifndef PROXY_DOWNSTREAM_PREFACE_H
#define PROXY_DOWNSTREAM_PREFACE_H

#include "proxy/proxy.h"

/* Owns fd. What comes after the header goes to downstream_accept; a connection without one is
 * closed. */
void preface_start(struct proxy *p, int fd, const struct address *peer, struct tls_context *tls);

/* Draining: a moment for the header and the one request behind it. */
void preface_drain_all(struct proxy *p);

/* At once. */
void preface_close_all(struct proxy *p);

#endif
