/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binary records: big-endian numbers, and texts preceded by their length. Both have as many bytes
 * as the caller says. A reader never reads past its bytes, and remembers that something was missing
 * or too long, so that a sequence is checked once, at its end.
 */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "base/str.h"

/* If it does not fit, the buffer fails. */
void record_write_number(struct buf *out, uint64_t value, size_t number_bytes);
void record_write_text(struct buf *out, struct str text, size_t length_bytes);

struct record_reader {
	struct str rest;
	bool ok; /* true at the start */
};

/* Returns missing bytes as 0 and as shorter views. */
struct str record_read_bytes(struct record_reader *r, size_t len);
uint64_t record_read_number(struct record_reader *r, size_t number_bytes);
struct str record_read_text(struct record_reader *r, size_t length_bytes, size_t max);

#endif
