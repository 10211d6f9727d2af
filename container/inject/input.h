/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the input of a filter: a file or standard input.
 */
#ifndef CONTAINER_INJECT_INPUT_H
#define CONTAINER_INJECT_INPUT_H

#include "base/str.h"

/* Appends the file's text, within the buffer's limit. NULL and "-" are standard input. */
bool input_read(const char *file, struct buf *in, struct err *e) MUST_CHECK;

#endif
