/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git's smart HTTP (gitprotocol-http) for libgit2, over base/fetch_stream.
 *
 * Talks to one origin (scheme, host and port) and nothing else: a redirect within it is followed
 * when refs are listed, any other ends the clone. The token is sent when it is asked for, once:
 * what is not accepted is not tried again. Failures carry the exact status.
 */
#ifndef CLONE_GIT_TRANSPORT_H
#define CLONE_GIT_TRANSPORT_H

#include "clone/failure.h"

#define TRANSPORT_SHALLOW_MAX_BYTES (16u * 1024u * 1024u)

struct git_transport;
struct git_remote;

struct transport_options {
	const char *url;	    /* of the repository */
	const struct secret *token; /* for this very origin; NULL: none */
	const char *ca_file;	    /* NULL: the system's */
	uint64_t connect_timeout_ms;
	uint64_t stall_timeout_ms;
	int cancel_fd;	/* readable: give up */
	uint64_t depth; /* commits of history to ask for; 0: all */
	/* With a depth: gets the ids, a line each, of the commits whose parents were left out. */
	struct buf *shallow;
	struct clone_failure *failure;
	void (*on_bytes)(void *arg); /* whenever some came */
	void *arg;
};

/* A git_transport_cb; its argument is a struct transport_options, which outlives the remote. */
int transport_new(struct git_transport **out, struct git_remote *remote, void *options);

#endif
