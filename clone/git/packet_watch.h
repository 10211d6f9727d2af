/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a server's error among the packet lines of a response (gitprotocol-pack).
 */
#ifndef CLONE_GIT_PACKET_WATCH_H
#define CLONE_GIT_PACKET_WATCH_H

#include "clone/git/packet.h"

/* Bytes of an error that are kept. */
#define PACKET_ERROR_MAX 512u

/* The text of an "ERR" packet's payload (gitprotocol-pack). False: it is none. */
bool packet_is_error(struct str payload, struct str *text);

/* Follows a response to a fetch as it passes; initially zeroed. */
struct packet_watch {
	char start[PACKET_HEAD_BYTES + PACKET_ERROR_MAX]; /* of the current packet, head included */
	size_t len;					  /* bytes of it so far */
	size_t size;					  /* all its bytes; known with the head */
	bool is_off;					  /* no packets any more */
};

/*
 * True once an error is complete: an "ERR" packet, or band 3 of side-band (gitprotocol-pack). *text
 * is valid until the next call.
 */
bool packet_watch_add(struct packet_watch *w, struct str data, struct str *text);

#endif
