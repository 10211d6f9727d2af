/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overwriting memory that held secrets.
 */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include <stddef.h>

/* Overwrites memory in a way that the compiler keeps. */
void wipe_bytes(void *data, size_t len);

#endif
