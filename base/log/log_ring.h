/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last lines of a log in a fixed amount of memory: new ones replace the oldest. One thread.
 */
#ifndef BASE_LOG_LOG_RING_H
#define BASE_LOG_LOG_RING_H

#include "base/log/log_record.h"

#define LOG_RING_BYTES (256u * 1024u)

/* Zeroed: empty. Positions count bytes since the start and never decrease. */
struct log_ring {
	uint64_t begin;	   /* position of the oldest record */
	uint64_t end;	   /* position after the newest record */
	uint64_t replaced; /* number of removed records */
	_Alignas(8) char data[LOG_RING_BYTES];
};

/* Copies the record. Ignores one longer than LOG_LINE_MAX. */
void log_ring_add(struct log_ring *r, const struct log_record *record);

/*
 * Reads the record at *position and moves *position to the next one; false at the end. If the
 * record was replaced, reads the oldest one. 0 is the position of the first record ever. The views
 * are valid until the next log_ring_add.
 */
bool log_ring_read(const struct log_ring *r, uint64_t *position, struct log_record *record);

#endif
