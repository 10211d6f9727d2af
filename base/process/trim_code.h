/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives memory of the program's code back to the kernel after the start.
 */
#ifndef BASE_PROCESS_TRIM_CODE_H
#define BASE_PROCESS_TRIM_CODE_H

#include <stddef.h>

/*
 * Lets go of the pages of code and constants that only starting needed: those of libraries that
 * initialise themselves when they are loaded and are then never called are most of them. They are
 * the page cache's; what is used again comes back from there. Where something was written to a
 * mapping, as by a debugger, it is left alone. Returns how many bytes of mappings were let go; 0
 * where /proc can't be read.
 */
size_t trim_code(void);

#endif
