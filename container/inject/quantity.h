/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities of Kubernetes ("100m", "64Mi", "1.5"), as far as comparing them needs:
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
#ifndef CONTAINER_INJECT_QUANTITY_H
#define CONTAINER_INJECT_QUANTITY_H

#include "base/str.h"

/* Only what is neither negative nor empty. */
bool quantity_parse(struct str text, double *value) MUST_CHECK;

/* Both are quantities, and the same amount. */
bool quantity_equal(struct str a, struct str b);

#endif
