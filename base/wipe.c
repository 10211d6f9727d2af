/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of memset through a pointer that may change is not removed, even where nothing reads the
 * memory any more; systems without explicit_bzero need no more than that.
 */
#include "base/wipe.h"

#include <string.h>

static void *(*volatile const fill)(void *, int, size_t) = memset;

void
wipe_bytes(void *data, size_t len)
{
	if (len > 0)
		(void)fill(data, 0, len);
}
