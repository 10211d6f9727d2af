/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables of oauth2-proxy that the table of settings has no alias for. For proxy/settings only.
 */
#ifndef PROXY_SETTINGS_SETTINGS_FOREIGN_H
#define PROXY_SETTINGS_SETTINGS_FOREIGN_H

#include "proxy/settings/settings.h"

/*
 * GITLAB_PROJECTS=group/project=30, one project, becomes AUTHORIZATION=project with PROJECT and
 * PROJECT_ACCESS_LEVEL, and a note; GITLAB_GROUPS or ALLOWED_GROUPS, one group, AUTHORIZATION=group
 * with GROUP and GROUP_ACCESS_LEVEL. Anything else there is a problem. Before the checks between
 * settings.
 */
void settings_take_foreign(struct settings *s, char **environment, struct conf_problems *problems);

/*
 * Handles variables of oauth2-proxy in the environment. What restricts access there and has no
 * meaning here is a problem that names our setting; so are another provider, an issuer that is no
 * GitLab, and a configuration file. Whatever else is ignored becomes a note.
 */
void settings_check_foreign(char **environment, struct conf_problems *problems);

#endif
