/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads the rows of the table into one struct, then runs the checks between settings.
 *
 * A command reads its own rows. The names of other commands' settings are accepted, so that
 * commands can share an environment.
 */
#include "proxy/settings/settings.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "proxy/settings/check/settings_check.h"
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/settings_foreign.h"

#define SECRET_FILE_MAX_BYTES 16384

#define ARENA_MAX_BYTES ((size_t)256 * 1024)

/* Copies the path: the variable is wiped from the environment together with the secrets. */
static bool
remember_file(struct settings *s, char **environment, const char *name, const char **path)
{
	const char *found = conf_find_file(&settings_table, environment, name);

	if (found != NULL)
		*path = arena_dup(&s->arena, str_from(found));
	return found == NULL || *path != NULL;
}

static bool
remember_files(struct settings *s, char **environment, enum settings_command command)
{
	bool is_relay = command == SETTINGS_RELAY;

	return remember_file(s, environment, "CLIENT_SECRET", &s->files.client_secret) &&
	       remember_file(s, environment, is_relay ? "RELAY_MASTER_KEY" : "COOKIE_SECRET",
			     &s->files.keys) &&
	       remember_file(s, environment, "RELAY_KEY", &s->files.relay_key);
}

bool
settings_read_secret(const char *path, struct secret **secret, struct err *e)
{
	struct buf text;

	buf_init(&text, SECRET_FILE_MAX_BYTES);
	bool ok = buf_reserve(&text, SECRET_FILE_MAX_BYTES) && conf_read_file(path, &text, e) &&
		  (!ascii_has_control(buf_view(&text)) ||
		   err_set(e, ERR_CONFIG, "it contains control characters or several lines"));
	*secret = ok ? secret_new(text.data, text.len) : NULL;
	buf_wipe_fini(&text);
	if (ok && *secret == NULL)
		err_set(e, ERR_MEMORY, "out of memory");
	return *secret != NULL || err_wrap(e, "%s", path);
}

static bool
read_and_parse(const char *path, conf_parse_fn *parse, void *field, struct err *e)
{
	struct secret *text;

	if (!settings_read_secret(path, &text, e))
		return false;
	bool ok = parse(secret_view(text), field, NULL, e);
	secret_free(text);
	return ok || err_wrap(e, "%s", path);
}

bool
settings_read_keys(const char *path, struct auth_keys *keys, struct err *e)
{
	return read_and_parse(path, settings_parse_cookie_secret, keys, e);
}

bool
settings_read_relay_key(const char *path, struct secret **key, struct err *e)
{
	return read_and_parse(path, settings_parse_relay_key, key, e);
}

/* Forgets the key that the checks loaded, unless a listener will use it. */
static void
forget_key(struct settings *s, enum settings_command command)
{
	if ((command == SETTINGS_SERVE || command == SETTINGS_RELAY) &&
	    address_is_set(&s->https_address))
		return;
	tls_context_free(s->tls.loaded);
	s->tls.loaded = NULL;
}

struct settings *
settings_load(char **environment, enum settings_command command, struct conf_problems *problems)
{
	size_t before = problems->count;
	struct settings *s = calloc(1, sizeof(*s));

	if (s == NULL)
		goto no_memory;
	arena_init(&s->arena, ARENA_MAX_BYTES);

	/* The checks run even if loading failed, so that all problems are reported at once. */
	(void)!conf_load(&settings_table, command, environment, s, &s->arena, problems);
	if (command == SETTINGS_SERVE)
		settings_take_foreign(s, environment, problems);
	settings_check(s, environment, command, problems);
	if (command == SETTINGS_SERVE)
		settings_check_foreign(environment, problems);
	forget_key(s, command);
	if (!remember_files(s, environment, command))
		goto no_memory;
	if (problems->count == before)
		return s;
	settings_free(s);
	return NULL;

no_memory:
	conf_problem(problems, "settings", "out of memory");
	settings_free(s);
	return NULL;
}

void
settings_free(struct settings *s)
{
	if (s == NULL)
		return;
	conf_free_secrets(&settings_table, s);
	auth_keys_fini(&s->auth.cookie_keys);
	auth_keys_fini(&s->relay.master_keys);
	secret_free(s->auth.relay_key);
	tls_context_free(s->tls.loaded);
	arena_fini(&s->arena);
	free(s);
}
