/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSH in the IDE's container: a volume for the socket of workspace-ssh, and a postStart hook that
 * starts it. The init container of git's helper installs the program.
 */
#include "container/inject/ide/inject_ssh.h"

#include <stdio.h>

#include "container/inject/inject_edit.h"
#include "container/inject/inject_user.h"

#define PROGRAM INJECT_GIT_PATH "/workspace-ssh"

static void
check_upstream(struct inject *c)
{
	const struct inject_params *p = &c->params;

	if (p->ssh_upstream.len > 0 && p->ssh.len > 0)
		inject_problem(c, "annotation " INJECT_PREFIX "ssh-upstream: set together with "
				  "ssh; expected one of the two");
	else if (p->ssh_upstream.len > 0 && p->ssh_upstream_host_key.len == 0)
		inject_problem(c, "annotation " INJECT_PREFIX "ssh-upstream: needs "
				  "ssh-upstream-host-key, the public key that users' computers "
				  "accept");
	else if (p->ssh_upstream.len == 0 &&
		 (p->ssh_upstream_host_key.len > 0 || p->ssh_upstream_user.len > 0))
		inject_problem(c, "annotation " INJECT_PREFIX "%s: needs ssh-upstream",
			       p->ssh_upstream_host_key.len > 0 ? "ssh-upstream-host-key"
								: "ssh-upstream-user");
}

void
inject_check_ssh(struct inject *c)
{
	int64_t own = node_int_at(c->ide, "securityContext.runAsUser");
	int64_t pods = node_int_at(c->spec, "securityContext.runAsUser");

	check_upstream(c);
	if (c->params.ssh.len == 0)
		return;
	if (!inject_has_git(c))
		inject_problem(c, "annotation " INJECT_PREFIX "ssh: needs the operator's "
				  "INJECT_GIT_CREDENTIALS=on, which installs the program");
	if (own == 0 || (own < 0 && pods == 0))
		inject_problem(c,
			       "annotation " INJECT_PREFIX "ssh: container %.*s runs as root, and "
			       "SSH needs another user",
			       STR_FMT(inject_name_of(c->ide)));
}

static struct node *
make_hook(struct inject *c)
{
	struct doc *d = c->doc;
	struct node *hook = node_new(d, NODE_MAP);
	struct node *command = node_set_list(d, node_set_map(d, hook, "exec"), "command");
	char uid[24];
	/* Images may have a root file system that is read-only. */
	const char *const words[] = {PROGRAM,	    "start",
				     "--socket",    INJECT_SSH_SOCKET,
				     "--directory", INJECT_SSH_PATH "/private",
				     "--uid",	    uid};

	(void)snprintf(uid, sizeof(uid), "%lld", (long long)inject_sidecar_user(c));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		node_append(command,
			    node_new_str(d, str_from(arena_dup(&d->arena, str_from(words[i])))));
	return hook;
}

/* Kubernetes allows one hook: the author's own hook must start the program. */
static void
ensure_hook(struct inject *c)
{
	const struct node *there = node_find(c->ide, "lifecycle.postStart");
	struct node *wanted = make_hook(c);
	struct buf path;

	if (there == NULL) {
		node_set(c->doc, inject_map_at(c->doc, c->ide, "lifecycle"), "postStart", wanted);
		return;
	}
	buf_init(&path, 512);
	if (!inject_covers(c, wanted, there, &path))
		inject_problem(c,
			       "annotation " INJECT_PREFIX "ssh: container %.*s has a postStart "
			       "hook of its own",
			       STR_FMT(inject_name_of(c->ide)));
	buf_fini(&path);
}

void
inject_ensure_ssh(struct inject *c)
{
	if (c->params.ssh.len == 0)
		return;
	inject_ensure_mount(c, INJECT_VOLUME_SSH, INJECT_SSH_PATH, false);
	ensure_hook(c);
}
