/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks ask about a single setting: whether it is given or was reported, its URL, its
 * file. Private to proxy/settings/check/settings_check*.c.
 */
#ifndef PROXY_SETTINGS_CHECK_SETTINGS_CHECK_VALUE_H
#define PROXY_SETTINGS_CHECK_SETTINGS_CHECK_VALUE_H

#include "proxy/settings/settings.h"

#define VAR(name) SETTINGS_PREFIX name

struct settings_check {
	struct settings *s;
	char **environment;
	struct conf_problems *problems;
};

/* Whether the environment has the setting, even if its value was not valid. */
bool settings_check_is_given(const struct settings_check *c, const char *name);

/* Whether a problem with this setting, in any of its forms, was reported already. */
bool settings_check_is_reported(const struct settings_check *c, const char *name);

/* Checks that path is a readable regular file. False after reporting a problem, and for NULL. */
bool settings_check_file(struct settings_check *c, const char *variable, const char *path);

bool settings_check_has_url(const struct url *u);

/* Returns the origin for a message; "" without memory. */
const char *settings_check_origin(struct settings_check *c, const struct url *u);

/* Whether the host is localhost (RFC 6761 section 6.3) or a loopback address. */
bool settings_check_is_loopback(const struct url *u);

#endif
