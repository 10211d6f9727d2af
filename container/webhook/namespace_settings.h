/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of namespaces: the data of one ConfigMap in each namespace, read through the API server
 * and cached for a few seconds. inject_apply_defaults knows which settings there are, and adds them
 * to a pod.
 */
#ifndef CONTAINER_WEBHOOK_NAMESPACE_SETTINGS_H
#define CONTAINER_WEBHOOK_NAMESPACE_SETTINGS_H

#include "base/net/loop.h"
#include "container/container_settings.h"

struct namespace_settings;
struct namespace_wait;

enum namespace_outcome {
	NAMESPACE_FOUND,
	NAMESPACE_NONE, /* there is no such ConfigMap */
	NAMESPACE_FAILED,
	NAMESPACE_OUTCOMES,
};

/* reads: counters by outcome. */
struct namespace_settings *namespace_settings_new(struct loop *l,
						  const struct container_settings *settings,
						  uint64_t *reads, struct err *e) MUST_CHECK;
void namespace_settings_free(struct namespace_settings *n); /* no request may wait */

/* Reads the settings if necessary: then on_known runs from the loop, once, and
 * namespace_settings_get returns them. NULL: it has them already. */
struct namespace_wait *namespace_settings_ask(struct namespace_settings *n, struct str name,
					      void (*on_known)(void *arg), void *arg);
/* on_known does not run. */
void namespace_settings_cancel(struct namespace_wait *wait);

/* Returns a JSON object, valid until the loop runs again; empty: the namespace has none. False,
 * with e set: they could not be read, and no pod may be admitted. */
bool namespace_settings_get(const struct namespace_settings *n, struct str name, struct str *data,
			    struct err *e) MUST_CHECK;

#endif
