/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sidecar's volumes: state in memory, and secrets as files in volumes that nobody else mounts.
 */
#include "container/inject/inject_private.h"

/* The pattern with the workspace's name in place of "{name}". */
static struct str
fill_pattern(struct inject *c, const char *pattern)
{
	struct str rest = str_from(pattern);
	struct buf out;

	buf_init(&out, 1024);
	while (rest.len > 0) {
		if (str_starts_with(rest, STR("{name}"))) {
			buf_add_str(&out, c->params.name);
			rest = str_skip(rest, strlen("{name}"));
		} else {
			buf_add_byte(&out, rest.data[0]);
			rest = str_skip(rest, 1);
		}
	}
	char *text = buf_is_ok(&out) ? arena_dup(&c->doc->arena, buf_view(&out)) : NULL;
	c->doc->failed = c->doc->failed || text == NULL;
	buf_fini(&out);
	return str_from(text);
}

/*
 * Files of secrets belong to root. With a group for volumes they can be read by that group alone;
 * without one they have to be open, in a volume that only our container mounts.
 */
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

void
inject_volumes(struct inject *c, struct node *list)
{
	struct doc *d = c->doc;
	const struct container_settings *s = c->settings;
	struct str secret = c->params.secret;
	struct str tls_secret = c->params.tls_secret;

	add_memory_volume(d, list, INJECT_VOLUME_STATE);
	if (s->has_git)
		add_memory_volume(d, list, INJECT_VOLUME_GIT);
	add_secret_volume(c, list, INJECT_VOLUME_SECRET,
			  secret.len > 0 ? secret : fill_pattern(c, s->secret));
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
