/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of injected and of refused pods share.
 */
#ifndef TESTS_UNIT_CONTAINER_INJECT_INJECT_POD_SUPPORT_H
#define TESTS_UNIT_CONTAINER_INJECT_INJECT_POD_SUPPORT_H

#include <stdio.h>

#include "container/inject/inject.h"
#include "container/inject/manifest.h"
#include "container/webhook/patch.h"
#include "tests/unit/container/inject/inject_support.h"

#define POD_HEAD INJECT_POD_HEAD NOTE("workspace-id: \"7\"")
#define POD_TAIL                                                                                   \
	"spec:\n  containers:\n  - name: ide\n    image: ide:1\n    args: [--x]\n"                 \
	"    ports: [{containerPort: 60001}]\n"                                                    \
	"    volumeMounts: [{name: projects, mountPath: /projects}]\n"
#define POD_END "  volumes: [{name: projects, emptyDir: {}}]\n"
#define POD	POD_HEAD POD_TAIL POD_END
#define WITH(x)                                                                                    \
	POD_HEAD NOTE(x)                                                                           \
	POD_TAIL POD_END
#define SPEC(x) POD_HEAD POD_TAIL POD_END "  " x "\n"
#define IDE(x)	POD_HEAD POD_TAIL "    " x "\n" POD_END

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "workspace",
	.needs_workspace_id = true,
	.secret_keys = CONTAINER_KEY_COOKIE_SECRET,
	.has_git = true,
};

static inline void
run(struct injected *r, const char *yaml)
{
	inject_well(r, &operator_settings, yaml);
}

static inline const struct node *
sidecar_of(const struct injected *r, const char *list)
{
	return container_of(r, list, INJECT_NAME);
}

#endif
