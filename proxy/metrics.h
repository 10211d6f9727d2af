/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's counters, and /metrics of a sidecar or relay, assembled from the counters of all
 * modules. Counting is one increment; gauges are computed on each scrape.
 */
#ifndef PROXY_METRICS_H
#define PROXY_METRICS_H

#include "base/metrics.h"

struct proxy;

enum metrics_route {
	METRICS_IDE,
	METRICS_PORT,
	METRICS_WEBSOCKET,
	METRICS_AUTH,
	METRICS_WORKSPACE,
	METRICS_RELAY,
	METRICS_BROKER,
	METRICS_SSH,
	METRICS_NO_ROUTE,
	METRICS_ROUTES,
};

/* Status codes by their first digit; 0: no response. */
#define METRICS_STATUS_CLASSES 6

enum metrics_websocket_end {
	METRICS_WEBSOCKET_BROWSER,
	METRICS_WEBSOCKET_IDE,
	METRICS_WEBSOCKET_SESSION,
	METRICS_WEBSOCKET_DRAIN,
	METRICS_WEBSOCKET_FAILURE,
	METRICS_WEBSOCKET_ENDS,
};

/* Why the proxy ended an HTTP/2 connection. */
enum metrics_http2_end { METRICS_HTTP2_FAULT, METRICS_HTTP2_TIMEOUT, METRICS_HTTP2_ENDS };

#define METRICS_PROTOCOLS 3 /* enum stream_protocol */

enum metrics_listener { METRICS_HTTPS, METRICS_HTTP, METRICS_LISTENERS };
enum metrics_tls_version { METRICS_TLS_1_2, METRICS_TLS_1_3, METRICS_TLS_VERSIONS };
enum metrics_tls_failure { METRICS_TLS_ERROR, METRICS_TLS_TIMEOUT, METRICS_TLS_FAILURES };

#define METRICS_UPSTREAM_FAILURES 6 /* enum upstream_failure */

struct proxy_metrics {
	uint64_t requests[METRICS_ROUTES][METRICS_STATUS_CLASSES];
	struct metrics_histogram duration[METRICS_ROUTES];
	int64_t in_flight;
	uint64_t protocols[METRICS_PROTOCOLS];
	uint64_t request_bytes;
	uint64_t response_bytes;
	uint64_t accepted[METRICS_LISTENERS];
	uint64_t http2_connections;
	uint64_t http2_ended[METRICS_HTTP2_ENDS];
	uint64_t limit_reached;
	uint64_t connections_evicted;
	uint64_t websockets_opened;
	uint64_t ssh_tunnels_opened;
	uint64_t websockets_ended[METRICS_WEBSOCKET_ENDS];
	uint64_t tls_handshakes[METRICS_TLS_VERSIONS][2]; /* full, resumed */
	uint64_t tls_failures[METRICS_TLS_FAILURES];
	uint64_t reloads[2]; /* done, failed */
	uint64_t upstream_failures[METRICS_UPSTREAM_FAILURES];
	uint64_t upstream_repeats;
	uint64_t compressions;
	uint64_t compressions_skipped;
	uint64_t compressed_bytes; /* before compression */
};

/* Appends all metrics of the process in Prometheus' text format. */
void proxy_metrics_write(struct proxy *p, struct buf *out);

/* Prints docs/metrics.md. */
void proxy_metrics_print_markdown(FILE *out);

#endif
