/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deltas (gitformat-pack, "Deltified representation"). The whole delta is checked before memory is
 * allocated for its result.
 */
#ifndef CLONE_PACK_PACK_DELTA_H
#define CLONE_PACK_PACK_DELTA_H

#include <stddef.h>

#include "base/err.h"

/* git never writes a delta of anything above its core.bigFileThreshold (512 MiB). */
#define PACK_DELTA_RESULT_MAX (1024u * 1024u * 1024u)

/*
 * Checks that every instruction stays within a base of base_len bytes and that the result has the
 * declared size, which is stored in *result_len.
 */
bool pack_delta_check(const uint8_t *delta, size_t delta_len, size_t base_len, size_t *result_len,
		      struct err *e) MUST_CHECK;

/* Applies a checked delta. */
void pack_delta_apply(const uint8_t *delta, size_t delta_len, const uint8_t *base, uint8_t *result);

#endif
