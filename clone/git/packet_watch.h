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

/* Reads the text of an "ERR" packet's payload (gitprotocol-pack). False: another packet. */
bool packet_is_error(struct str payload, struct str *text);

/* Watches the response to a fetch; initially zeroed. */
struct packet_watch {
	char start[PACKET_HEAD_BYTES + PACKET_ERROR_MAX]; /* of the current packet, with its head */
	size_t len;					  /* bytes received of it */
	size_t size;					  /* its size, once the head is complete */
	bool is_off;					  /* the packets have ended */
	uint64_t data_packets;				  /* complete packets of pack data */
	uint64_t message_bytes;				  /* of all other complete packets */
	uint64_t seen_packets; /* data_packets at the last check, and its time */
	uint64_t seen_ms;      /* 0: not checked yet */
};

/* Adds received bytes. True once an error is complete: an "ERR" packet, or band 3 of side-band
 * (gitprotocol-pack). *text is valid until the next call. */
bool packet_watch_add(struct packet_watch *w, struct str data, struct str *text);

/*
 * Whether there was no pack data for longer than max_ms, or too much else: a server could send
 * messages and keep-alives, which count as received bytes, forever. Call it whenever bytes arrive.
 */
bool packet_watch_lacks_data(struct packet_watch *w, uint64_t max_ms);

#endif
