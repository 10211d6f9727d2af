/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All settings of the program: one struct, filled from the table of settings and immutable
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
#include "proxy/settings/settings_upstream.h"

/* Files that secrets were read from, for reloading; NULL if a secret does not come from a file. */
struct settings_files {
	const char *client_secret;
	const char *keys; /* COOKIE_SECRET, or in a relay RELAY_MASTER_KEY */
	const char *relay_key;
};

struct settings {
	struct arena arena;

	struct address https_address;
	struct address http_address;
	struct address admin_address;
	struct cidr_set trusted_proxies; /* peers whose X-Forwarded-For and PROXY header are used */
	bool proxy_protocol;
	bool http2, http2_websockets;
	const char *strict_transport_security; /* value of the header field; "": not sent */
	struct settings_tls tls;

	struct settings_upstream upstream;
	struct health_checks ide_probes;
	struct settings_hosts upstream_hosts;

	struct auth_settings auth; /* EXTERNAL_URL, GITLAB_URL, CLIENT_ID, … */
	struct clone_settings clone;
	struct relay_settings relay;	     /* for SETTINGS_RELAY */
	struct container_settings container; /* for SETTINGS_INJECT and SETTINGS_WEBHOOK */
	const char *gitlab_ca_file;
	const char *relay_ca_file;	 /* used with auth.broker */
	const char *credential_socket;	 /* of git's credential helper; NULL: none */
	uint64_t credential_uid;	 /* user id that may connect to it */
	struct clone_origins registries; /* container registries that also get the user's token */
	struct settings_ssh ssh;

	uint64_t head_max_bytes; /* of a request head */
	uint64_t response_head_max_bytes;
	uint64_t response_headers_max; /* fields in a response head */
	uint64_t headers_max;	       /* fields in a request head */
	uint64_t head_timeout_ms;      /* from the first byte of a request to the end of its head */
	uint64_t handshake_timeout_ms;
	uint64_t idle_timeout_ms; /* of a browser's connection between requests */
	uint64_t body_timeout_ms; /* without a byte of the request body */
	uint64_t send_timeout_ms; /* without a byte received by the browser */
	uint64_t upstream_connect_timeout_ms;
	uint64_t upstream_response_timeout_ms; /* from the request's end to the response head */
	bool upstream_parent_cookies;	       /* forward cookies for parent domains */
	uint64_t upstream_idle_timeout_ms;     /* of a pooled connection */
	uint64_t stream_timeout_ms;	       /* without a byte of a response body or tunnel */
	uint64_t connections_max;
	uint64_t connections_per_address_max;
	uint64_t websockets_max;
	uint64_t uri_max_bytes;
	uint64_t body_max_bytes; /* of a request body; 0: unlimited */
	uint64_t body_min_rate;	 /* of a request body, in bytes per second; 0: no minimum */
	uint64_t send_min_rate;	 /* of sending to the browser, in bytes per second; 0: no minimum */
	uint64_t min_rate_period_ms;
	bool compress;
	const char *compress_types;    /* media types, separated by commas */
	const char *upgrade_protocols; /* for ports, besides WebSocket, comma-separated; or NULL */
	uint64_t websocket_ping_ms;    /* interval of pings on a quiet WebSocket; 0: no pings */

	unsigned log_level;  /* enum log_level */
	unsigned log_format; /* enum log_format */
	bool access_log;
	uint64_t explain_after_ms; /* until a page says why the IDE does not respond */
	bool admin_logs;
	struct log_patterns log_files; /* of the workspace */
	uint64_t drain_timeout_ms;
	uint64_t drain_delay_ms; /* during which the process reports not ready, but still serves */
	uint64_t idle_shutdown_ms;
	uint64_t reload_interval_ms;
	struct sandbox_settings sandbox;
	struct settings_files files;
};

/* The commands that have settings: bits of conf_setting.commands. */
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

/* Loads and checks the settings of a command. On failure adds the problems and returns NULL. */
struct settings *settings_load(char **environment, enum settings_command command,
			       struct conf_problems *problems) MUST_CHECK;
void settings_free(struct settings *s);

/* Read the file of a secret again. The caller frees *secret, *keys and *key. */
bool settings_read_secret(const char *path, struct secret **secret, struct err *e) MUST_CHECK;
bool settings_read_keys(const char *path, struct auth_keys *keys, struct err *e) MUST_CHECK;
bool settings_read_relay_key(const char *path, struct secret **key, struct err *e) MUST_CHECK;

#endif
