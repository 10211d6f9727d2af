/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a server's error among the packet lines of a response (gitprotocol-pack), and
 * distinguishes pack data from keep-alive packets.
 */
#ifndef CLONE_GIT_PACKET_WATCH_H
#define CLONE_GIT_PACKET_WATCH_H

#include "clone/git/packet.h"

/* Bytes of an error that are kept. */
#define PACKET_ERROR_MAX 512u

/* Bytes of messages and keep-alives in one response. */
#define PACKET_MESSAGES_MAX (64u * 1024u * 1024u)

/* The text of an "ERR" packet's payload (gitprotocol-pack). False: it is none. */
bool packet_is_error(struct str payload, struct str *text);

/* Follows a response to a fetch as it passes; initially zeroed. */
struct packet_watch {
	char start[PACKET_HEAD_BYTES + PACKET_ERROR_MAX]; /* of the current packet, head included */
	size_t len;					  /* bytes of it so far */
	size_t size;					  /* all its bytes; known with the head */
	bool is_off;					  /* no packets any more */
	uint64_t data_packets;				  /* complete ones of pack data */
	uint64_t message_bytes;				  /* of all other complete packets */
	uint64_t seen_packets; /* data_packets at the last question, and its time */
	uint64_t seen_ms;      /* 0: not asked yet */
};

/*
 * True once an error is complete: an "ERR" packet, or band 3 of side-band (gitprotocol-pack). *text
 * is valid until the next call.
 */
bool packet_watch_add(struct packet_watch *w, struct str data, struct str *text);

/*
 * Whether there was no pack data for longer than max_ms, or too much else: messages and keep-alives
 * count as received bytes, and must not do so for ever. Asked whenever bytes arrive.
 */
bool packet_watch_lacks_data(struct packet_watch *w, uint64_t max_ms);

#endif
