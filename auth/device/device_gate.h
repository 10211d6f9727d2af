/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate for devices, which connect by SSH with a token of their own.
 */
#ifndef AUTH_DEVICE_DEVICE_GATE_H
#define AUTH_DEVICE_DEVICE_GATE_H

#include "auth/auth_private.h"
#include "auth/gate/gate.h"

/* Allows a request that has a device's token in Authorization; otherwise works as gate_enter. */
struct auth_call *device_gate_enter(struct auth *a, const struct gate *g,
				    const struct auth_facts *facts, struct auth_verdict *v);

#endif
