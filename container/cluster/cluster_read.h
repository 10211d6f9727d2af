/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads objects through the API server, and connects to the relay and to workspaces; one request
 * after the other, each with a timeout.
 */
#ifndef CONTAINER_CLUSTER_CLUSTER_READ_H
#define CONTAINER_CLUSTER_CLUSTER_READ_H

#include "container/cluster/cluster_report.h"

struct cluster_reader;

/* Its strings must outlive the reader. */
struct cluster_server {
	const char *url; /* the API server's origin; NULL: none */
	/* Directory with a service account's token and ca.crt; NULL: requests without a token, as
	 * to `kubectl proxy`. */
	const char *account_dir;
};

struct cluster_reader *cluster_reader_new(const struct cluster_server *server,
					  struct err *e) MUST_CHECK;
void cluster_reader_free(struct cluster_reader *r);

/* Adds all objects. Reports kinds that may not be read as unchecked. False: the API server can't be
 * reached. */
bool cluster_read_all(struct cluster_reader *r, struct str namespace, struct cluster_objects *o,
		      struct cluster_report *report, struct err *e) MUST_CHECK;

/* Checks that the API server calls the webhook, with a dry-run creation of a pod that the webhook
 * refuses. */
void cluster_check_webhook_is_called(struct cluster_reader *r, struct cluster_report *report);

/* Checks that the relay and a workspace have addresses, and certificates that browsers accept. */
void cluster_check_hosts(struct cluster_reader *r, const struct cluster_check *c);

#endif
