/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables of oauth2-proxy for which the table of settings has no alias. For proxy/settings only.
 */
#ifndef PROXY_SETTINGS_SETTINGS_FOREIGN_H
#define PROXY_SETTINGS_SETTINGS_FOREIGN_H

#include "proxy/settings/settings.h"

/*
 * Translates oauth2-proxy's rules for one project or group, and adds a note: GITLAB_PROJECTS=
 * group/project=30 to AUTHORIZATION=project, PROJECT and PROJECT_ACCESS_LEVEL; GITLAB_GROUPS or
 * ALLOWED_GROUPS to AUTHORIZATION=group, GROUP and GROUP_ACCESS_LEVEL. Other values of these
 * variables are problems. Call it before settings_check.
 */
void settings_take_foreign(struct settings *s, char **environment, struct conf_problems *problems);

/*
 * Checks all other variables of oauth2-proxy. Adds a problem for each that restricts access and
 * can't be translated, for another provider than GitLab, and for a configuration file; a note for
 * every other variable that is ignored.
 */
void settings_check_foreign(char **environment, struct conf_problems *problems);

#endif
