/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All settings of the program: one struct, filled from the table of settings, immutable
 * afterwards.
 */
#ifndef PROXY_SETTINGS_SETTINGS_H
#define PROXY_SETTINGS_SETTINGS_H

#include "auth/auth.h"
#include "auth/relay/relay.h"
#include "base/conf/conf.h"
#include "base/log/log.h"
#include "base/net/address.h"
#include "base/net/cidr.h"
#include "base/url.h"
#include "clone/clone.h"
#include "container/container.h"
#include "proxy/logs/log_patterns.h"
#include "proxy/settings/rows/settings_table.h"
#include "proxy/settings/settings_tls.h"
#include "proxy/settings/settings_upstream.h"

/* Where secrets were read from, to be read again; NULL where they come from no file. */
struct settings_files {
	const char *client_secret;
	const char *keys; /* COOKIE_SECRET's, or RELAY_MASTER_KEY's */
	const char *relay_key;
};

struct settings {
	struct arena arena;

	struct address https_address;
	struct address http_address;
	struct address admin_address;
	struct cidr_set trusted_proxies; /* whose X-Forwarded-For and PROXY header count */
	bool proxy_protocol;
	bool http2, http2_websockets;
	const char *strict_transport_security; /* the field's value; "": not sent */
	struct settings_tls tls;

	struct settings_upstream upstream;
	struct health_checks ide_probes;
	struct settings_hosts upstream_hosts;

	struct auth_settings auth; /* EXTERNAL_URL, GITLAB_URL, CLIENT_ID, … */
	struct clone_settings clone;
	struct relay_settings relay;	     /* of SETTINGS_RELAY */
	struct container_settings container; /* of SETTINGS_INJECT and SETTINGS_WEBHOOK */
	const char *gitlab_ca_file;
	const char *relay_ca_file;	 /* with auth.broker */
	const char *credential_socket;	 /* where git's helper asks; NULL: nowhere */
	uint64_t credential_uid;	 /* who may */
	struct clone_origins registries; /* container registries that get the token too */
	struct settings_ssh ssh;

	uint64_t head_max_bytes; /* of a request head */
	uint64_t response_head_max_bytes;
	uint64_t response_headers_max;
	uint64_t headers_max;	  /* fields in a head */
	uint64_t head_timeout_ms; /* from the first byte of a request to the end of its head */
	uint64_t handshake_timeout_ms;
	uint64_t idle_timeout_ms; /* keep-alive connection without a request */
	uint64_t body_timeout_ms; /* no byte of a request body for this long */
	uint64_t send_timeout_ms; /* no byte taken by the browser for this long */
	uint64_t upstream_connect_timeout_ms;
	uint64_t upstream_response_timeout_ms; /* request sent, no response head */
	bool upstream_parent_cookies;	       /* cookies for parent domains pass */
	uint64_t upstream_idle_timeout_ms;     /* pooled connection */
	uint64_t stream_timeout_ms;	       /* body or tunnel on which nothing moves */
	uint64_t connections_max;
	uint64_t connections_per_address_max;
	uint64_t websockets_max;
	uint64_t uri_max_bytes;
	uint64_t body_max_bytes; /* of a request; 0: any */
	uint64_t body_min_rate;	 /* bytes per second, of a request body; 0: any */
	uint64_t send_min_rate;	 /* bytes per second that the browser takes; 0: any */
	uint64_t min_rate_period_ms;
	bool compress;
	const char *compress_types;    /* media types, separated by commas */
	const char *upgrade_protocols; /* on ports, besides WebSocket, with commas; or NULL */
	uint64_t websocket_ping_ms;    /* nothing sent to the browser for this long; 0: no pings */

	unsigned log_level;  /* enum log_level */
	unsigned log_format; /* enum log_format */
	bool access_log;
	uint64_t explain_after_ms; /* how long the IDE may take to answer */
	bool admin_logs;
	struct log_patterns log_files; /* of the workspace */
	uint64_t drain_timeout_ms;
	uint64_t drain_delay_ms; /* not ready, and serving all the same */
	uint64_t idle_shutdown_ms;
	uint64_t reload_interval_ms;
	struct sandbox_settings sandbox;
	struct settings_files files;
};

/* Who asks for settings: bits of conf_setting.commands. */
enum settings_command {
	SETTINGS_SERVE = 1,
	SETTINGS_CLONE = 2,
	SETTINGS_RELAY = 4,
	SETTINGS_INJECT = 8,
	SETTINGS_WEBHOOK = 16,
	SETTINGS_RELAY_KEY = 32,
	SETTINGS_GIT_CONFIG = 64,
	SETTINGS_ENV = 128,
};

/* Loads and cross-checks for the command. NULL when there are problems, which are added. */
struct settings *settings_load(char **environment, enum settings_command command,
			       struct conf_problems *problems) MUST_CHECK;
void settings_free(struct settings *s);

/* Reads a secret's file again. What is filled is the caller's. */
bool settings_read_secret(const char *path, struct secret **secret, struct err *e) MUST_CHECK;
bool settings_read_keys(const char *path, struct auth_keys *keys, struct err *e) MUST_CHECK;
bool settings_read_relay_key(const char *path, struct secret **key, struct err *e) MUST_CHECK;

#endif
