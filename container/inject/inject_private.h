/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of one injection, and the steps that inject_*.c share.
 */
#ifndef CONTAINER_INJECT_INJECT_PRIVATE_H
#define CONTAINER_INJECT_INJECT_PRIVATE_H

#include "container/inject/inject.h"
#include "container/inject/inject_params.h"

#define INJECT_PORT_HTTPS    "wsp-https"
#define INJECT_PORT_ADMIN    "wsp-admin"
#define INJECT_HTTPS_NUMBER  8443
#define INJECT_ADMIN_NUMBER  9877
#define INJECT_VOLUME_STATE  INJECT_NAME "-state"
#define INJECT_VOLUME_SECRET INJECT_NAME "-secret"
#define INJECT_VOLUME_TLS    INJECT_NAME "-tls"
#define INJECT_VOLUME_CA     INJECT_NAME "-ca"
/* Holds git's credential helper and the socket that it connects to. */
#define INJECT_VOLUME_GIT    INJECT_NAME "-git"
#define INJECT_GIT_CONTAINER INJECT_NAME "-git"
#define INJECT_GIT_PATH	     "/run/workspace-proxy-git"
/* Holds the socket of workspace-ssh. */
#define INJECT_VOLUME_SSH INJECT_NAME "-ssh"
#define INJECT_SSH_PATH	  "/run/workspace-proxy-ssh"
#define INJECT_SSH_SOCKET INJECT_SSH_PATH "/ssh.sock"
#define INJECT_VOLUME_LOG INJECT_NAME "-log"
/* Of the sidecar, unless it runs as the IDE's user; also the user id of the image. */
#define INJECT_USER_ID	  65532
#define INJECT_GROUP_ID	  65532 /* of the sidecar, and of a clone in a pod without fsGroup */
#define INJECT_ENV_PREFIX "WORKSPACE_PROXY_"

struct inject {
	const struct container_settings *settings;
	struct doc *doc;
	struct inject_report *report;
	bool is_job;
	bool is_gitlab;	       /* a pod of GitLab's workspaces: see inject_gitlab.h */
	struct node *metadata; /* of the pod or service */
	struct node *spec;
	struct node *ide; /* the IDE's container */
	struct inject_params params;
};

/* Add a sentence to the report, with control characters replaced. */
void inject_problem(struct inject *c, const char *format, ...) PRINTF_LIKE(2, 3);
void inject_warn(struct inject *c, const char *format, ...) PRINTF_LIKE(2, 3);
static inline bool
inject_has_no_problem(const struct inject *c)
{
	return c->report->problems.count == 0 && !c->doc->failed;
}

/* Checks a text that was allocated in the document's arena; NULL: out of memory, which sets
 * doc->failed. */
static inline struct str
inject_allocated(struct inject *c, const char *text)
{
	c->doc->failed = c->doc->failed || text == NULL;
	return str_from(text);
}

/* The name of a container or volume, truncated for messages. */
static inline struct str
inject_name_of(const struct node *named)
{
	return str_take(node_text_at(named, "name"), 63);
}

/* Change the service's port, and the pod. All fields of c but ide and params are set. */
void inject_service(struct inject *c);
void inject_pod(struct inject *c);

/* Report what endangers the sidecar: settings of the whole pod; then ports, mounts and secrets of
 * its containers, where `ours` are the sidecar's volumes. */
void inject_check_spec(struct inject *c);
/* Whether it is a container of ours, which inject_pod.c compares with what it should be. */
bool inject_is_own_container(const struct inject *c, struct str name) MUST_CHECK;

/* Reports lists that are too long: the other checks compare their entries with each other. Call it
 * first. */
bool inject_check_sizes(struct inject *c) MUST_CHECK;
void inject_check_pod(struct inject *c, const struct node *ours);

/* Whether the volume of this name is one of those that injection adds. */
bool inject_is_our_volume(struct str volume);

/* The sidecar's container, the init container that installs git's helper, and their volumes. */
struct node *inject_container(struct inject *c);
struct node *inject_git_container(struct inject *c);
void inject_volumes(struct inject *c, struct node *list);
bool inject_has_tls_secret(const struct inject *c);

/* Whether git in the IDE's container gets its tokens from the sidecar. GitLab's workspaces bring a
 * token and a configuration of their own, which ours would replace. */
static inline bool
inject_has_git(const struct inject *c)
{
	return c->settings->has_git && !c->is_gitlab;
}

/* The pod or the pod template of an object, or NULL. */
struct node *inject_find_pod(struct node *object);

/* The IDE's container as annotations name it, or the first one that is not ours; or NULL. */
struct node *inject_find_ide(const struct inject *c);

/* Returns how many of args, at their end, are those of the annotation ide-args. */
size_t inject_ide_args(const struct node *args, struct str text);

/* Whether actual equals wanted, apart from what the cluster may add. If not, path names the first
 * difference, such as "env.3.value". */
bool inject_covers(const struct inject *c, const struct node *wanted, const struct node *actual,
		   struct buf *path);

#endif
