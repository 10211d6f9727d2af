/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the settings of the clone and of git's credentials.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clone/credential/credential.h"
#include "proxy/settings/check/settings_check.h"

/* Sets the origin to which the clone sends credentials: GITLAB_URL or GITLAB_API_URL. */
static void
check_clone_origin(struct settings_check *c)
{
	const struct url *u = &c->s->clone.url;
	const struct url *gitlab = &c->s->auth.gitlab_url;
	const struct url *api = &c->s->auth.gitlab_api_url;

	c->s->clone.gitlab_url = *gitlab;
	if (!settings_check_has_url(gitlab) && !settings_check_is_given(c, "GITLAB_URL")) {
		c->s->clone.gitlab_url = *u;
		c->s->clone.gitlab_url.path = STR_NONE;
		if (str_equal(u->scheme, STR("http")) && !settings_check_is_loopback(u) &&
		    !clone_origins_contain(&c->s->clone.origins, u))
			conf_problem(c->problems, VAR("CLONE_URL"), "got \"%s…\"; expected https",
				     settings_check_origin(c, u));
	} else if (settings_check_has_url(api) && url_is_same_origin(u, api)) {
		c->s->clone.gitlab_url = *api;
	} else if (settings_check_has_url(gitlab) && !url_is_same_origin(u, gitlab) &&
		   !clone_origins_contain(&c->s->clone.origins, u)) {
		conf_problem(c->problems, VAR("CLONE_URL"),
			     "got \"%s…\"; expected the origin of GITLAB_URL, \"%s\", or one of "
			     "CLONE_ORIGINS",
			     settings_check_origin(c, u), settings_check_origin(c, gitlab));
	}
}

void
settings_check_clone(struct settings_check *c, enum settings_command command)
{
	struct clone_settings *clone = &c->s->clone;
	clone->ca_file = c->s->gitlab_ca_file;

	if (command == SETTINGS_CLONE && !settings_check_is_given(c, "CLONE_URL"))
		conf_problem(c->problems, VAR("CLONE_URL"), "needed to clone, but not set");
	if (settings_check_is_given(c, "CLONE_URL") && !settings_check_is_given(c, "CLONE_DIR"))
		conf_problem(c->problems, VAR("CLONE_DIR"), "needed with CLONE_URL, but not set");
	if (clone->dir != NULL && strspn(clone->dir, "/") == strlen(clone->dir))
		conf_problem(c->problems, VAR("CLONE_DIR"),
			     "got \"%s\"; expected a directory below the root", clone->dir);
	if (!settings_check_has_url(&clone->url))
		return;
	if (clone->url.path.len <= 1)
		conf_problem(c->problems, VAR("CLONE_URL"),
			     "it has no path; expected the URL of a repository");
	if (!str_is_empty(clone->url.query))
		conf_problem(c->problems, VAR("CLONE_URL"), "it must not have a query");
	check_clone_origin(c);
}

void
settings_check_state_dir(struct settings_check *c)
{
	const char *path = c->s->auth.state_dir;
	struct stat st;

	if (path == NULL)
		return;
	if (stat(path, &st) != 0)
		conf_problem(c->problems, VAR("STATE_DIR"),
			     "got \"%s\": %s; expected an existing directory", path,
			     strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		conf_problem(c->problems, VAR("STATE_DIR"),
			     "got \"%s\": it is not a directory; expected one", path);
	else if (access(path, W_OK | X_OK) != 0)
		conf_problem(c->problems, VAR("STATE_DIR"),
			     "got \"%s\": %s; expected a directory to write to", path,
			     strerror(errno));
}

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* Derives CREDENTIAL_SOCKET from STATE_DIR. If that path is too long, there is no socket: a long
 * STATE_DIR remains valid. */
static void
set_credential_socket(struct settings_check *c)
{
	struct settings *s = c->s;
	const char *path;

	if (s->credential_socket != NULL && strcmp(s->credential_socket, "off") == 0)
		s->credential_socket = NULL;
	if (s->auth.state_dir == NULL || settings_check_is_given(c, "CREDENTIAL_SOCKET"))
		return;
	path = arena_printf(&s->arena, "%s/" CREDENTIAL_SOCKET_NAME, s->auth.state_dir);
	if (path != NULL && strlen(path) <= SOCKET_PATH_MAX)
		s->credential_socket = path;
	else
		conf_note(c->problems, VAR("STATE_DIR"),
			  "too long a path for git's credential socket: set CREDENTIAL_SOCKET");
}

static void
check_credential_socket(struct settings_check *c)
{
	const char *path = c->s->credential_socket;
	size_t len = path == NULL ? 0 : strlen(path);
	const char *directory;
	struct stat st;

	if (path == NULL || !settings_check_is_given(c, "CREDENTIAL_SOCKET"))
		return;
	if (len > SOCKET_PATH_MAX)
		conf_problem(c->problems, VAR("CREDENTIAL_SOCKET"),
			     "got %zu bytes; expected at most %zu", len, SOCKET_PATH_MAX);
	directory = arena_printf(&c->s->arena, "%.*s/", (int)(strrchr(path, '/') - path), path);
	if (directory == NULL)
		return;
	if (stat(directory, &st) != 0)
		conf_problem(c->problems, VAR("CREDENTIAL_SOCKET"),
			     "got \"%s\": %s; expected a path in an existing directory", path,
			     strerror(errno));
	else if (access(directory, W_OK | X_OK) != 0)
		conf_problem(c->problems, VAR("CREDENTIAL_SOCKET"),
			     "got \"%s\": %s; expected a directory to write to", path,
			     strerror(errno));
}

/* Notes that code which one user runs in the workspace can get the token of another. */
static void
check_lent_tokens(struct settings_check *c)
{
	const struct settings *s = c->s;

	if (s->credential_socket != NULL && s->auth.owner_id == 0 &&
	    (s->auth.modes & (AUTH_MODE_WORKSPACE | AUTH_MODE_OWNER)) == 0)
		conf_note(c->problems, VAR("AUTHORIZATION"),
			  "without workspace or owner, git in the workspace gets the access token "
			  "of the user who used it last, so each user can act at GitLab as the "
			  "others; set OWNER_ID to provide the token of one user only, or "
			  "CREDENTIAL_SOCKET=off");
}

/* Derives CREDENTIAL_HELPER from the path of this program, which is right in its own container
 * only. */
static void
set_credential_helper(struct settings_check *c)
{
	struct settings *s = c->s;
	char program[4096];
	ssize_t len;
	struct buf text;

	if (s->clone.helper != NULL || s->credential_socket == NULL) {
		if (s->clone.helper != NULL && strcmp(s->clone.helper, "off") == 0)
			s->clone.helper = NULL;
		return;
	}
	len = readlink("/proc/self/exe", program, sizeof(program));
	if (len <= 0 || (size_t)len == sizeof(program))
		return;
	buf_init(&text, 2 * sizeof(program));
	if (credential_add_command(&text, (struct str){program, (size_t)len},
				   str_from(s->credential_socket)))
		s->clone.helper = arena_printf(&s->arena, "%.*s", STR_FMT(buf_view(&text)));
	buf_fini(&text);
}

void
settings_check_credential(struct settings_check *c, enum settings_command command)
{
	if (!settings_check_is_given(c, "CREDENTIAL_UID"))
		c->s->credential_uid = geteuid();
	set_credential_socket(c);
	if (command == SETTINGS_SERVE) {
		check_credential_socket(c);
		check_lent_tokens(c);
	}
	set_credential_helper(c);
}

void
settings_check_git_config(struct settings_check *c)
{
	settings_check_credential(c, SETTINGS_GIT_CONFIG);
	if (!settings_check_is_given(c, "GITLAB_URL"))
		conf_problem(c->problems, VAR("GITLAB_URL"),
			     "needed for git's configuration, but not set");
	else if (c->s->clone.helper == NULL)
		conf_problem(c->problems, VAR("CREDENTIAL_SOCKET"),
			     "without it, STATE_DIR and CREDENTIAL_HELPER git has no credential "
			     "helper");
}
