/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of this process that is in memory.
 */
#ifndef BASE_RESIDENT_H
#define BASE_RESIDENT_H

#include <stddef.h>

/*
 * Lets go of the pages of code and constants that only starting needed: those of libraries that
 * initialise themselves when they are loaded and are then never called are most of them. They are
 * the page cache's; what is used again comes back with a fault that reads nothing. Returns how many
 * bytes of mappings were let go.
 */
size_t resident_drop_code(void);

#endif
