/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git's smart HTTP protocol (gitprotocol-http) for libgit2, over base/http/fetch_stream.
 *
 * Talks to one origin (scheme, host and port) only: a redirect within it is followed when refs are
 * listed, any other redirect fails the clone. The token is sent once the server asks for it; a
 * rejected token is not sent again. Failures carry the exact HTTP status.
 */
#ifndef CLONE_GIT_TRANSPORT_H
#define CLONE_GIT_TRANSPORT_H

#include "clone/failure.h"

#define TRANSPORT_SHALLOW_MAX_BYTES (16u * 1024u * 1024u)

#define TRANSPORT_USER "oauth2" /* with a token as the password */

struct fetch_stream_options;
struct git_transport;
struct git_remote;

struct transport_options {
	const char *url;	    /* of the repository */
	const struct secret *token; /* for this origin only; NULL: none */
	const char *ca_file;	    /* NULL: the system's */
	uint64_t connect_timeout_ms;
	uint64_t stall_timeout_ms;
	int cancel_fd;	/* readable: cancel */
	uint64_t depth; /* commits of history to request; 0: all */
	/* Receives the ids of shallow commits, one per line: those of a server that is a shallow
	 * clone, and with a depth those that it answers. */
	struct buf *shallow;
	/* Receives whether the server takes wants of objects that it does not list
	 * (gitprotocol-capabilities, allow-reachable-sha1-in-want). */
	bool *takes_ids;
	struct clone_failure *failure;
	void (*on_bytes)(void *arg); /* called whenever bytes arrive */
	void *arg;
};

/* Returns the same limits for our own requests. */
struct fetch_stream_options transport_stream_options(const struct transport_options *options);

/* A git_transport_cb; `options` is a struct transport_options, which must outlive the remote. */
int transport_new(struct git_transport **out, struct git_remote *remote, void *options);

#endif
