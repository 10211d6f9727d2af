/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of plain YAML scalars as Kubernetes resolves them, with go-yaml version 2
 * (sigs.k8s.io/yaml): YAML 1.1 booleans, octal with a leading 0, underscores in numbers.
 * Sexagesimal numbers and timestamps are strings.
 */
#ifndef CONTAINER_YAML_YAML_SCALAR_H
#define CONTAINER_YAML_YAML_SCALAR_H

#include "container/yaml/node.h"

struct yaml_scalar {
	enum node_kind kind; /* a scalar kind */
	int64_t integer;     /* NODE_INT; NODE_BOOL as 0 or 1 */
	double real;
};

/* ERR_INPUT for values that JSON can't represent exactly: infinities, NaN, integers beyond 64
 * bits. */
bool yaml_scalar_resolve(struct str text, struct yaml_scalar *value, struct err *e) MUST_CHECK;

/* Whether a string must be quoted, so that no parser of YAML 1.1 or 1.2 resolves it to another
 * type. */
bool yaml_scalar_needs_quotes(struct str text);

#endif
