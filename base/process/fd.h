/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to blocking descriptors.
 */
#ifndef BASE_PROCESS_FD_H
#define BASE_PROCESS_FD_H

#include "base/str.h"

/* Writes all of data; interrupted calls are repeated. False: errno says why,
 * and some of it may have been written. */
bool fd_write_all(int fd, struct str data) MUST_CHECK;

#endif
