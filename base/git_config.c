/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists the variables of git's configuration in the order in which git reads them.
 */
#include "base/git_config.h"

static void
add(struct git_config *config, char *key, char *value)
{
	config->pairs[config->count++] = (struct git_config_pair){key, value};
}

static void
add_ssh_spellings(struct git_config *config, char *key, struct str host, struct arena *a)
{
	add(config, key, arena_printf(a, "git@%.*s:", STR_FMT(host)));
	add(config, key, arena_printf(a, "ssh://git@%.*s/", STR_FMT(host)));
}

/* Adds rewrite rules for the spellings of GitLab's ssh URLs, whose paths lack its relative URL
 * root. */
static void
add_spellings(struct git_config *config, const struct git_config_source *source, const char *origin,
	      struct arena *a)
{
	const struct url *gitlab = source->gitlab;
	const struct git_ssh_address *ssh = source->ssh;
	char *key = arena_printf(a, "url.%s%.*s/.insteadOf", origin, STR_FMT(gitlab->path));
	bool is_https = str_equal(gitlab->scheme, STR("https"));

	if (!gitlab->host_is_ipv6)
		add_ssh_spellings(config, key, gitlab->host, a);
	if (ssh->host.len > 0 && ssh->port != SSH_PORT)
		add(config, key,
		    arena_printf(a, "ssh://git@%.*s:%u/", STR_FMT(ssh->host), (unsigned)ssh->port));
	else if (ssh->host.len > 0 && !str_equal(ssh->host, gitlab->host))
		add_ssh_spellings(config, key, ssh->host, a);
	if (is_https && gitlab->port == url_default_port(gitlab->scheme))
		add(config, key,
		    arena_printf(a, "http%s%.*s/", origin + strlen("https"),
				 STR_FMT(gitlab->path)));
}

bool
git_config_make(struct git_config *config, const struct git_config_source *source, struct arena *a)
{
	char *origin = url_origin(source->gitlab, a);
	char *helper_key;

	*config = (struct git_config){.count = 0};
	if (origin == NULL)
		return false;
	helper_key = arena_printf(a, "credential.%s.helper", origin);
	/* An empty value discards helpers of configuration files, which might store the token. */
	add(config, helper_key, arena_dup(a, STR("")));
	add(config, helper_key, arena_dup(a, str_from(source->helper)));
	add_spellings(config, source, origin, a);
	/* Git before 2.46 has no pattern for the subfolders of a folder, where submodules are. */
	if (source->other_owner)
		add(config, arena_dup(a, STR("safe.directory")), arena_dup(a, STR("*")));
	for (size_t i = 0; i < config->count; i++) {
		if (config->pairs[i].key == NULL || config->pairs[i].value == NULL)
			return false;
	}
	return true;
}
