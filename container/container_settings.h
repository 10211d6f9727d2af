/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's settings for injection and for the admission webhook.
 */
#ifndef CONTAINER_CONTAINER_SETTINGS_H
#define CONTAINER_CONTAINER_SETTINGS_H

#include "base/git_config.h"
#include "base/net/address.h"
#include "base/process/sandbox.h"
#include "base/secret.h"
#include "base/url.h"

/* What pods may do (INJECT_ALLOW): annotations override our image or secrets, containers have the
 * capability NET_ADMIN. */
enum {
	CONTAINER_ALLOW_IMAGE = 1,
	CONTAINER_ALLOW_SECRETS = 2,
	CONTAINER_ALLOW_NET_ADMIN = 4,
};

/* Keys of the mounted secret; each is the value of one …_FILE setting of the sidecar. */
enum {
	CONTAINER_KEY_COOKIE_SECRET = 1,
	CONTAINER_KEY_CLIENT_SECRET = 2,
	CONTAINER_KEY_RELAY_KEY = 4,
	CONTAINER_KEY_CLONE_TOKEN = 8,
};

enum container_sidecar {
	CONTAINER_NATIVE,  /* an init container with restartPolicy Always */
	CONTAINER_CLASSIC, /* an ordinary container */
};

/* Where sidecars get their certificates from. */
enum container_tls {
	CONTAINER_TLS_SECRET,
	CONTAINER_TLS_SELF, /* each one creates its own */
};

/* Who creates the secrets of workspaces. */
enum container_secrets {
	CONTAINER_SECRETS_EXIST,
	CONTAINER_SECRETS_CREATE, /* the webhook creates missing ones */
};

/* The user id that sidecars run with. */
enum container_user {
	CONTAINER_USER_IDE, /* the user id of the IDE */
	CONTAINER_USER_OWN, /* a user id that no other container of the pod has */
};

/* Strings were validated when they were loaded; NULL means not set. */
struct container_settings {
	const char *image;
	const char *pull_policy; /* a Kubernetes imagePullPolicy */
	unsigned sidecar;	 /* enum container_sidecar */
	unsigned user;		 /* enum container_user */
	unsigned allowed;	 /* CONTAINER_ALLOW_… */
	const char *zone; /* the zone below which workspaces are, by one label; NULL: any host */
	/* Passed on to every sidecar. */
	const char *gitlab_url;
	const struct url *gitlab; /* the same */
	const char *gitlab_api_url;
	struct git_ssh_address gitlab_ssh;
	const char *gitlab_ssh_text; /* NULL: none */
	const char *client_id;
	const char *relay_url;
	bool has_broker;		  /* the relay has the client secret */
	const char *port_sharing_max;	  /* the setting's text; NULL: no port is shared */
	const char *port_sharing_allowed; /* what annotations may say, separated by spaces */
	const char *authorization; /* the setting's text, and what it requires of a workspace: */
	bool needs_workspace_id;
	bool needs_project;
	bool needs_owner_id;
	bool needs_group;
	bool needs_users;
	const char *config_map;	   /* further settings, as environment variables */
	const char *tolerated;	   /* what others may add to our containers; see tolerance.h */
	const char *ca_config_map; /* its ca.crt verifies GitLab's certificate */
	/* Names of secrets; "{name}" stands for the workspace's name. */
	const char *secret;
	unsigned tls; /* enum container_tls */
	const char *tls_secret;
	unsigned secret_keys; /* CONTAINER_KEY_… */
	bool has_git;	      /* git in the IDE's container gets the user's token */
	const char *cpu_request;
	const char *cpu_limit;
	const char *memory_request;
	const char *memory_limit;
	/* For the webhook only. */
	struct address webhook_address;
	const char *tls_cert_file;
	const char *tls_key_file;
	uint64_t drain_timeout_ms;
	uint64_t drain_delay_ms; /* serves, although it is not ready */
	/* The ConfigMap with settings of namespaces; NULL: none. */
	const char *namespace_config_map;
	/* For the webhook's own certificate, instead of those files; NULL: the files. */
	const char *webhook_service; /* SERVICE.NAMESPACE */
	const char *webhook_secret;
	const char *webhook_configuration;
	uint64_t certificate_lifetime_ms;
	/* For secrets that the webhook creates. */
	unsigned secrets;	       /* enum container_secrets */
	const char *secrets_namespace; /* see namespace_pattern.h */
	const struct secret *relay_master_key;
	/* Derives a workspace's key for the relay from it; set to a function of auth/relay. */
	struct secret *(*derive_relay_key)(const struct secret *master, struct str authority,
					   struct err *e);
	struct url cluster; /* As set; cluster_url is its text, or that of the environment. */
	const char *cluster_url;
	const char *account_dir;
	struct sandbox_settings sandbox;
};

#endif
