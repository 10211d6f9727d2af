/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command `workspace-proxy webhook`.
 */
#ifndef CONTAINER_WEBHOOK_WEBHOOK_H
#define CONTAINER_WEBHOOK_WEBHOOK_H

#include "base/metrics.h"
#include "container/container_settings.h"

/* The webhook's metrics, for the documentation. */
extern const struct metrics_table webhook_metrics_table;

/* Serves until SIGTERM or SIGINT. Exit codes: 0 success, 1 failure. */
int webhook_run(const struct container_settings *settings);

#endif
