/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the inject modules share about one pod. Private to them.
 */
#ifndef CONTAINER_INJECT_INJECT_PRIVATE_H
#define CONTAINER_INJECT_INJECT_PRIVATE_H

#include "container/inject/inject.h"

#define INJECT_PORT_ADMIN    "wsp-admin"
#define INJECT_HTTPS_NUMBER  8443
#define INJECT_ADMIN_NUMBER  9877
#define INJECT_VOLUME_STATE  INJECT_NAME "-state"
#define INJECT_VOLUME_SECRET INJECT_NAME "-secret"
#define INJECT_VOLUME_TLS    INJECT_NAME "-tls"
#define INJECT_VOLUME_CA     INJECT_NAME "-ca"
/* What git in the IDE's container needs: the helper, and the socket that it asks at. */
#define INJECT_VOLUME_GIT    INJECT_NAME "-git"
#define INJECT_GIT_CONTAINER INJECT_NAME "-git"
#define INJECT_GIT_PATH	     "/run/workspace-proxy-git"
#define INJECT_ENV_PREFIX    "WORKSPACE_PROXY_"

/* The annotations' values; empty where there is none. */
struct inject_params {
	struct str name;
	struct str external_url;
	struct str workspace_id;
	struct str project;
	struct str owner_id;
	struct str container;
	struct str upstream_port;
	struct str ports;
	struct str ide_env;
	struct str ide_args;
	struct str ide_user;
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
	struct str service_port; /* of services alone */
};

struct inject {
	const struct container_settings *settings;
	struct doc *doc;
	struct inject_report *report;
	bool is_job;
	struct node *metadata; /* of the pod */
	struct node *spec;
	struct node *ide; /* its container */
	struct inject_params params;
};

void inject_problem(struct inject *c, const char *format, ...) PRINTF_LIKE(2, 3);
void inject_warn(struct inject *c, const char *format, ...) PRINTF_LIKE(2, 3);
static inline bool
inject_is_fine(const struct inject *c)
{
	return c->report->problems.count == 0 && !c->doc->failed;
}

/* A container's name, or volume's, short enough to be shown. */
static inline struct str
inject_name_of(const struct node *named)
{
	return str_take(node_text_at(named, "name"), 63);
}

/* Reads our annotations, which are a pod's or a service's, and reports what is wrong with them. */
void inject_params_read(struct inject *c, bool is_service);

/* Changes the pod; everything about it is set but ide and params. */
void inject_pod(struct inject *c);

/* What the sidecar could not protect is a problem: what the whole pod shares; then ports, mounts
 * and secrets, where ours are the sidecar's volumes. */
void inject_check_spec(struct inject *c);
void inject_check_pod(struct inject *c, const struct node *ours);

/* What the sidecar's container must be; and its volumes, which the caller's pod must have. */
struct node *inject_container(struct inject *c);
/* The init container that puts git's helper into its volume. */
struct node *inject_git_container(struct inject *c);
void inject_volumes(struct inject *c, struct node *list);

/* Where the two differ, as a path such as "env.3.value", when actual is not what was wanted, with
 * what the API server adds by itself left aside. True when nothing differs. */
bool inject_covers(const struct node *wanted, const struct node *actual, struct buf *path);

#endif
