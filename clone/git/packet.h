/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet lines (gitprotocol-common): four hexadecimal digits with the length of the packet, these
 * digits included, then its text.
 */
#ifndef CLONE_GIT_PACKET_H
#define CLONE_GIT_PACKET_H

#include "base/str.h"

#define PACKET_HEAD_BYTES 4u

/* The length at the start of s; below PACKET_HEAD_BYTES: a flush, delimiter or end packet, which is
 * PACKET_HEAD_BYTES long. False: not a packet, or fewer than PACKET_HEAD_BYTES bytes. */
bool packet_length(struct str s, size_t *len) MUST_CHECK;

/* Takes the next packet off the front of *rest. *text is what follows its length, without a final
 * newline; it is empty for flush, delimiter and end packets. False at the end, and for what is no
 * whole packet. */
bool packet_next(struct str *rest, struct str *text) MUST_CHECK;

/* Appends a packet with this text. */
bool packet_add(struct buf *out, struct str text) MUST_CHECK;

#endif
