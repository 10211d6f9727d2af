/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plain YAML scalar means to Kubernetes, whose tools read YAML by go-yaml version 2
 * (sigs.k8s.io/yaml): YAML 1.1's booleans, octal with a leading 0, underscores in numbers; neither
 * sexagesimal numbers nor timestamps, which are strings.
 */
#ifndef CONTAINER_YAML_YAML_SCALAR_H
#define CONTAINER_YAML_YAML_SCALAR_H

#include "container/yaml/node.h"

struct yaml_scalar {
	enum node_kind kind; /* neither NODE_LIST nor NODE_MAP */
	int64_t integer;     /* NODE_INT; NODE_BOOL as 0 or 1 */
	double real;
};

/* ERR_INPUT for what has no value in JSON or would lose digits: infinities, not-a-number, integers
 * beyond 64 bits. */
bool yaml_scalar_resolve(struct str text, struct yaml_scalar *value, struct err *e) MUST_CHECK;

/* Whether a string of this text has to be quoted, so that neither Kubernetes nor other readers of
 * YAML 1.1 and 1.2 take it for something else. */
bool yaml_scalar_needs_quotes(struct str text);

#endif
