/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our annotations of a pod or service, as text.
 */
#ifndef CONTAINER_INJECT_INJECT_PARAMS_H
#define CONTAINER_INJECT_INJECT_PARAMS_H

#include "base/str.h"

struct inject;

/* Values of the annotations; empty if not set. */
struct inject_params {
	struct str name;
	struct str external_url;
	struct str workspace_id;
	struct str project;
	struct str owner_id;
	struct str group;
	struct str users;
	struct str container;
	struct str upstream_port;
	struct str ports;
	struct str port_sharing_max;
	struct str upgrade_protocols;
	struct str ide_env;
	struct str ide_args;
	struct str ide_user;
	struct str sidecar_user;
	struct str ssh;
	struct str ssh_upstream;
	struct str ssh_upstream_host_key;
	struct str ssh_upstream_user;
	struct str ide_log;
	struct str probes;
	struct str clone_url;
	struct str clone_dir;
	struct str clone_ref;
	struct str clone_depth;
	struct str cpu_request;
	struct str cpu_limit;
	struct str memory_request;
	struct str memory_limit;
	struct str image;
	struct str secret;
	struct str tls_secret;
	struct str service_port; /* for services only */
};

/* Reads and checks them into c->params. */
void inject_params_read(struct inject *c, bool is_service);

#endif
