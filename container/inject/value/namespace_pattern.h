/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces by name: one name, or the beginning of names followed by "*".
 */
#ifndef CONTAINER_INJECT_VALUE_NAMESPACE_PATTERN_H
#define CONTAINER_INJECT_VALUE_NAMESPACE_PATTERN_H

#include "base/str.h"

/* The beginning has three bytes at least, so that it means something. */
bool namespace_pattern_is_valid(struct str pattern);

/* False as well for a text that is no name of a namespace. */
bool namespace_pattern_matches(const char *pattern, struct str namespace);

#endif
