/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the sidecar's volumes: state in memory, and secrets that no other container mounts.
 */
#include "container/inject/ide/inject_log.h"
#include "container/inject/inject_private.h"
#include "container/inject/value/name_pattern.h"

static struct str
fill_pattern(struct inject *c, const char *pattern)
{
	return inject_allocated(c, name_pattern_fill(pattern, c->params.name, &c->doc->arena));
}

/* Files of secrets belong to root. With an fsGroup only that group can read them; without one they
 * must be world-readable, within a volume that only our container mounts. */
static void
add_secret_volume(struct inject *c, struct node *list, const char *name, struct str secret)
{
	struct doc *d = c->doc;
	bool has_group = node_find(c->spec, "securityContext.fsGroup") != NULL;
	struct node *volume = node_append_map(d, list);

	node_set_str(d, volume, "name", str_from(name));
	struct node *source = node_set_map(d, volume, "secret");
	node_set_str(d, source, "secretName", secret);
	node_set_int(d, source, "defaultMode", has_group ? 0440 : 0444);
}

static void
add_memory_volume(struct doc *d, struct node *list, const char *name)
{
	struct node *volume = node_append_map(d, list);

	node_set_str(d, volume, "name", str_from(name));
	struct node *memory = node_set_map(d, volume, "emptyDir");
	node_set_str(d, memory, "medium", STR("Memory"));
	node_set_str(d, memory, "sizeLimit", STR("16Mi"));
}

/* Creates a volume for programs on disk: sshd and its libraries are too large for memory. */
static void
add_program_volume(struct inject *c, struct node *list)
{
	struct doc *d = c->doc;

	if (c->params.ssh.len == 0) {
		add_memory_volume(d, list, INJECT_VOLUME_GIT);
		return;
	}
	struct node *volume = node_append_map(d, list);
	node_set_str(d, volume, "name", STR(INJECT_VOLUME_GIT));
	node_set_str(d, node_set_map(d, volume, "emptyDir"), "sizeLimit", STR("64Mi"));
}

/* A pod's own secret takes precedence over certificates that sidecars create. */
bool
inject_has_tls_secret(const struct inject *c)
{
	return c->settings->tls == CONTAINER_TLS_SECRET || c->params.tls_secret.len > 0;
}

void
inject_volumes(struct inject *c, struct node *list)
{
	struct doc *d = c->doc;
	const struct container_settings *s = c->settings;
	struct str secret = c->params.secret;
	struct str tls_secret = c->params.tls_secret;

	add_memory_volume(d, list, INJECT_VOLUME_STATE);
	if (inject_has_git(c))
		add_program_volume(c, list);
	if (c->params.ssh.len > 0)
		add_memory_volume(d, list, INJECT_VOLUME_SSH);
	inject_add_log_volume(c, list);
	if (secret.len == 0)
		secret = c->report->secret = fill_pattern(c, s->secret);
	add_secret_volume(c, list, INJECT_VOLUME_SECRET, secret);
	if (inject_has_tls_secret(c))
		add_secret_volume(c, list, INJECT_VOLUME_TLS,
				  tls_secret.len > 0 ? tls_secret : fill_pattern(c, s->tls_secret));
	if (s->ca_config_map == NULL)
		return;
	struct node *ca = node_append_map(d, list);
	node_set_str(d, ca, "name", STR(INJECT_VOLUME_CA));
	struct node *source = node_set_map(d, ca, "configMap");
	node_set_str(d, source, "name", str_from(s->ca_config_map));
	node_set_int(d, source, "defaultMode", 0644);
}
