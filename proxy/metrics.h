/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics tells of a sidecar or relay, put together from those who count.
 */
#ifndef PROXY_METRICS_H
#define PROXY_METRICS_H

#include "base/metrics.h"
#include "proxy/proxy.h"

void proxy_metrics_write(struct proxy *p, struct buf *out);

/* docs/metrics.md */
void proxy_metrics_print_markdown(FILE *out);

#endif
