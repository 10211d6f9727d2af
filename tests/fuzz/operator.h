/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operator's settings, for the targets that put sidecars into pods. Seeds rely on them.
 */
#ifndef TESTS_FUZZ_OPERATOR_H
#define TESTS_FUZZ_OPERATOR_H

#include "container/container.h"

static const struct container_settings fuzz_operator = {
	.image = "image:1",
	.pull_policy = "Always",
	.sidecar = CONTAINER_NATIVE,
	.allowed = CONTAINER_ALLOW_IMAGE | CONTAINER_ALLOW_SECRETS,
	.zone = "ws.example.com",
	.gitlab_url = "https://gitlab.example.com",
	.client_id = "id",
	.authorization = "owner",
	.secret = "{name}",
	.tls_secret = "tls",
	.secret_keys = CONTAINER_KEY_COOKIE_SECRET,
	.has_git = true,
	.cpu_request = "1m",
	.cpu_limit = "1",
	.memory_request = "1Mi",
	.memory_limit = "1Gi",
};

#endif
