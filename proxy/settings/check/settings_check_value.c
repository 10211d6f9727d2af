/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks ask about a single setting.
 */
#include "proxy/settings/check/settings_check_value.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool
settings_check_is_given(const struct settings_check *c, const char *name)
{
	return conf_is_set(&settings_table, c->environment, name);
}

bool
settings_check_is_reported(const struct settings_check *c, const char *name)
{
	for (size_t i = 0; i < c->problems->count && i < CONF_PROBLEMS_MAX; i++) {
		struct str text = str_from(c->problems->items[i].text);
		struct str variable = str_take(text, str_find_byte(text, ':'));
		if (str_find(variable, str_from(name)) != SIZE_MAX)
			return true;
	}
	return false;
}

bool
settings_check_has_url(const struct url *u)
{
	return !str_is_empty(u->host);
}

const char *
settings_check_origin(struct settings_check *c, const struct url *u)
{
	const char *origin = url_origin(u, &c->s->arena);
	return origin == NULL ? "" : origin;
}

bool
settings_check_is_loopback(const struct url *u)
{
	struct ip ip;

	if (str_equal(u->host, STR("localhost")) || str_ends_with(u->host, STR(".localhost")))
		return true;
	return ip_parse(&ip, u->host) && ip_is_loopback(&ip);
}

bool
settings_check_file(struct settings_check *c, const char *variable, const char *path)
{
	struct stat st;
	if (path == NULL)
		return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		conf_problem(c->problems, variable, "got \"%s\": %s; expected a readable file",
			     path, strerror(errno));
		return false;
	}
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!ok)
		conf_problem(c->problems, variable,
			     "got \"%s\": it is not a regular file; expected a readable file",
			     path);
	(void)close(fd);
	return ok;
}
