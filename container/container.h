/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of deployment in clusters: puts the sidecar into Kubernetes' manifests, as a
 * filter and as an admission webhook.
 */
#ifndef CONTAINER_CONTAINER_H
#define CONTAINER_CONTAINER_H

#include "base/metrics.h"
#include "base/net/address.h"

/* What pod authors may choose by annotation. */
enum {
	CONTAINER_ALLOW_IMAGE = 1,
	CONTAINER_ALLOW_SECRETS = 2,
};

/* Keys of the mounted secret, each of which becomes a setting's file. */
enum {
	CONTAINER_KEY_COOKIE_SECRET = 1,
	CONTAINER_KEY_CLIENT_SECRET = 2,
	CONTAINER_KEY_RELAY_KEY = 4,
	CONTAINER_KEY_CLONE_TOKEN = 8,
};

enum container_sidecar {
	CONTAINER_NATIVE,  /* an init container with restartPolicy Always */
	CONTAINER_CLASSIC, /* one container more */
};

/* NULL means not set, where nothing else is said. Texts were checked where they were loaded. */
struct container_settings {
	const char *image;
	const char *pull_policy; /* of Kubernetes, such as "IfNotPresent" */
	unsigned sidecar;	 /* enum container_sidecar */
	unsigned allowed;	 /* CONTAINER_ALLOW_… */
	const char *zone;	 /* workspaces are one label below it; NULL: anywhere */
	/* What every sidecar gets. */
	const char *gitlab_url;
	const char *gitlab_api_url;
	const char *client_id;
	const char *relay_url;
	const char *authorization; /* as the setting's text; what it needs of a workspace: */
	bool needs_workspace_id;
	bool needs_project;
	bool needs_owner_id;
	const char *config_map;	   /* further settings, as environment */
	const char *ca_config_map; /* its ca.crt verifies GitLab */
	/* Names of secrets; "{name}" stands for the workspace's name. */
	const char *secret;
	const char *tls_secret;
	unsigned secret_keys; /* CONTAINER_KEY_… */
	bool has_git;	      /* git in the IDE's container gets the user's token */
	const char *cpu_request;
	const char *cpu_limit;
	const char *memory_request;
	const char *memory_limit;
	/* Of the webhook alone. */
	struct address webhook_address;
	const char *tls_cert_file;
	const char *tls_key_file;
	uint64_t drain_timeout_ms;
};

/* Whether the text can be a name of a secret or config map with "{name}" in it; a resource
 * quantity such as 100m or 64Mi, and which of two is greater. */
bool container_is_name_pattern(struct str text);
bool container_is_quantity(struct str text);
bool container_quantity_exceeds(struct str a, struct str b);

/* What the webhook counts, for the documentation. */
extern const struct metrics_table container_metrics_table;

/* Commands; argv[0] is the command's name. Exit codes: 0 done, 1 failed, 2 command line;
 * `inject --check` has 3 for "fine, and it would be changed". */
int container_inject_run(const struct container_settings *settings, int argc, char **argv);
int container_webhook_run(const struct container_settings *settings);
int container_certs_run(int argc, char **argv); /* needs no settings */

/* Whether a command's arguments ask for its usage only or are wrong, so that settings need not be
 * loaded; *code is the exit code then. */
bool container_inject_is_usage(int argc, char **argv, int *code);

#endif
