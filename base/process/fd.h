/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: writing to blocking ones, and flags without the calls that only Linux has.
 */
#ifndef BASE_PROCESS_FD_H
#define BASE_PROCESS_FD_H

#include "base/str.h"

/* Writes all of data; repeats interrupted calls. False: see errno; a part may have been written. */
bool fd_write_all(int fd, struct str data) MUST_CHECK;

/* Does nothing for -1. Keeps errno. */
void fd_close(int fd);

/* Sets close-on-exec. */
bool fd_set_private(int fd);

bool fd_set_nonblocking(int fd) MUST_CHECK;

/* Creates a pipe that is closed on exec. If other threads start programs, use pipe2(2) instead. */
bool fd_pipe(int ends[2]) MUST_CHECK;

#endif
