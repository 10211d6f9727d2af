/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces by name: one name, or the beginning of names followed by "*".
 */
#ifndef CONTAINER_INJECT_VALUE_NAMESPACE_PATTERN_H
#define CONTAINER_INJECT_VALUE_NAMESPACE_PATTERN_H

#include "base/str.h"

/* Requires at least three bytes before the '*', so that a pattern is specific. */
bool namespace_pattern_is_valid(struct str pattern);

/* Also false for text that is no name of a namespace. */
bool namespace_pattern_matches(const char *pattern, struct str namespace);

#endif
