/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers and formatters of settings for which base/conf/conf has no type; see conf_parse_fn and
 * conf_format_fn. For proxy/settings only.
 */
#ifndef PROXY_SETTINGS_PARSE_SETTINGS_PARSE_H
#define PROXY_SETTINGS_PARSE_SETTINGS_PARSE_H

#include "base/conf/conf.h"

/* Copies the value unchanged: const char *. */
conf_parse_fn settings_keep_text;

conf_parse_fn settings_parse_upstream;	    /* struct settings_upstream */
conf_parse_fn settings_parse_hosts;	    /* struct settings_hosts */
conf_parse_fn settings_parse_ide_probes;    /* struct health_checks */
conf_parse_fn settings_parse_ports;	    /* struct ports */
conf_parse_fn settings_parse_networks;	    /* struct cidr_set */
conf_parse_fn settings_parse_keys;	    /* struct auth_keys */
conf_parse_fn settings_parse_cookie_secret; /* the same, or 32 characters as they are */
conf_parse_fn settings_parse_relay_key;	    /* struct secret * */
conf_parse_fn settings_parse_relay_zones;   /* struct relay_zones */
conf_parse_fn settings_parse_authorization; /* unsigned, enum auth_mode bits */
conf_parse_fn settings_parse_prefix;	    /* const char *, as all below */
conf_parse_fn settings_parse_hsts;
conf_parse_fn settings_parse_cookie_name;
conf_parse_fn settings_parse_scope;
conf_parse_fn settings_parse_project;
conf_parse_fn settings_parse_gitlab_group;
conf_parse_fn settings_parse_users;
conf_parse_fn settings_parse_upgrade_protocols;
conf_parse_fn settings_parse_ref;
conf_parse_fn settings_parse_socket;
conf_parse_fn settings_parse_ssh_socket;
conf_parse_fn settings_parse_ssh_host_key;
conf_parse_fn settings_parse_log_files;	   /* struct log_patterns */
conf_parse_fn settings_parse_origins;	   /* struct clone_origins */
conf_parse_fn settings_parse_git_ssh;	   /* struct git_ssh_address */
conf_parse_fn settings_parse_umask;	   /* struct clone_number */
conf_parse_fn settings_parse_group;	   /* struct clone_number */
conf_parse_fn settings_parse_inject_allow; /* unsigned, CONTAINER_ALLOW_… bits */
conf_parse_fn settings_parse_secret_keys;  /* unsigned, CONTAINER_KEY_… bits */

/* Sets of words, as bits. A list of words ends with {NULL, 0}. Parsing fails for any other word. */
struct settings_word {
	const char *name;
	unsigned bit;
};
bool settings_parse_words(struct str text, char separator, const struct settings_word *words,
			  unsigned *bits);
void settings_format_words(const unsigned *bits, char separator, const struct settings_word *words,
			   struct buf *out);

bool settings_is_pull_policy(struct str value);
bool settings_is_zone(struct str value);	/* a host name in lower case, with a dot */
bool settings_is_object_name(struct str value); /* of Kubernetes, without placeholders */

conf_format_fn settings_format_upstream;
conf_format_fn settings_format_hosts;
conf_format_fn settings_format_ide_probes;
conf_format_fn settings_format_ports;
conf_format_fn settings_format_networks;
conf_format_fn settings_format_cookie_secret;
conf_format_fn settings_format_relay_key;
conf_format_fn settings_format_relay_zones;
conf_format_fn settings_format_authorization;
conf_format_fn settings_format_log_files;
conf_format_fn settings_format_origins;
conf_format_fn settings_format_git_ssh;
conf_format_fn settings_format_umask;
conf_format_fn settings_format_group;
conf_format_fn settings_format_text;
conf_format_fn settings_format_ssh_socket;
conf_format_fn settings_format_hsts;
conf_format_fn settings_format_inject_allow;
conf_format_fn settings_format_secret_keys;

#endif
