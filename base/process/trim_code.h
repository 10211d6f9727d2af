/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives memory of the program's code back to the kernel after the start.
 */
#ifndef BASE_PROCESS_TRIM_CODE_H
#define BASE_PROCESS_TRIM_CODE_H

#include <stddef.h>

/*
 * Releases pages of code and constants that only the start of the process needed, mostly of
 * libraries that initialize themselves and are never called. The page cache keeps them, and returns
 * them on use. Skips mappings that were written to, for example by a debugger. Returns the number
 * of released bytes; 0: /proc can't be read.
 */
size_t trim_code(void);

#endif
