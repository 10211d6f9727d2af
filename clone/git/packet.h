/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet lines (gitprotocol-common): four hexadecimal digits with the length of the packet, these
 * digits included, then its text.
 */
#ifndef CLONE_GIT_PACKET_H
#define CLONE_GIT_PACKET_H

#include "base/str.h"

#define PACKET_HEAD_BYTES 4u

/*
 * Reads the length at the start of s. Flush, delimiter and end packets have a length below
 * PACKET_HEAD_BYTES and consist of PACKET_HEAD_BYTES bytes. False: no packet, or fewer than
 * PACKET_HEAD_BYTES bytes.
 */
bool packet_length(struct str s, size_t *len) MUST_CHECK;

/* Removes the next packet from *rest. *text is what follows its length, without a final newline;
 * empty for flush, delimiter and end packets. False: the end, or no complete packet. */
bool packet_next(struct str *rest, struct str *text) MUST_CHECK;

/* Appends a packet with this text. */
bool packet_add(struct buf *out, struct str text) MUST_CHECK;

#endif
