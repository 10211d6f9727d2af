/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes resource quantities ("100m", "64Mi", "1.5"):
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
#ifndef CONTAINER_INJECT_VALUE_QUANTITY_H
#define CONTAINER_INJECT_VALUE_QUANTITY_H

#include "base/str.h"

/* Accepts quantities without sign and exponent. */
bool quantity_is_valid(struct str text);

/* Whether both are valid and equal, or a is greater than b. Compares by value, because the API
 * server rewrites quantities ("1024Mi" becomes "1Gi"). */
bool quantity_equal(struct str a, struct str b);
bool quantity_exceeds(struct str a, struct str b);

#endif
