/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /api/v4/user needs read_user, read_api or api; GraphQL and the members of a project or a
 * group need read_api or api.
 */
#include "auth/gitlab/gitlab_scope.h"

#include "auth/auth_settings.h"

bool
gitlab_has_scope(struct str granted, struct str wanted)
{
	struct str part;

	while (str_next(&granted, ' ', &part)) {
		if (str_equal(part, wanted))
			return true;
	}
	return false;
}

const char *
gitlab_scope_missing(struct str granted, unsigned modes)
{
	if (gitlab_has_scope(granted, STR("api")) || gitlab_has_scope(granted, STR("read_api")))
		return NULL;
	if ((modes & (AUTH_MODE_WORKSPACE | AUTH_MODE_PROJECT | AUTH_MODE_GROUP)) != 0)
		return "read_api";
	return gitlab_has_scope(granted, STR("read_user")) ? NULL : "read_user";
}
