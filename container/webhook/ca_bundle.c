/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the patch while it compares: one operation for each webhook whose caBundle differs.
 */
#include "container/webhook/ca_bundle.h"

#include <stdio.h>

#include "base/crypto/crypto.h"

#define BUNDLE_MAX_BYTES 131072u

struct comparison {
	struct json_writer writer;
	struct str service;
	struct str bundle; /* base64 */
	size_t ours;
	size_t different;
};

static bool
is_of_service(const struct json_node *webhook, struct str service)
{
	size_t dot = str_find_byte(service, '.');
	struct str name;
	struct str namespace;

	return json_get_str(webhook, "clientConfig.service.name", &name, NULL) &&
	       json_get_str(webhook, "clientConfig.service.namespace", &namespace, NULL) &&
	       str_equal(name, str_take(service, dot)) &&
	       str_equal(namespace, str_skip(service, dot + 1));
}

static void
write_operation(struct comparison *c, const char *op, const char *path, struct str value)
{
	json_write_object(&c->writer, NULL);
	json_write_str(&c->writer, "op", str_from(op));
	json_write_str(&c->writer, "path", str_from(path));
	json_write_str(&c->writer, "value", value);
	json_write_close(&c->writer, '}');
}

static void
compare_webhook(struct comparison *c, const struct json_node *webhook, size_t index)
{
	struct str there;
	char path[64];

	if (!is_of_service(webhook, c->service))
		return;
	c->ours++;
	if (json_get_opt_str(webhook, "clientConfig.caBundle", &there, NULL) &&
	    str_equal(there, c->bundle))
		return;
	c->different++;
	(void)snprintf(path, sizeof(path), "/webhooks/%zu/clientConfig/caBundle", index);
	write_operation(c, "add", path, c->bundle);
}

static enum ca_bundle_state
finish(const struct comparison *c, bool ok, struct err *e)
{
	if (!ok)
		err_set(e, ERR_LIMIT, "the caBundle is too large");
	else if (c->ours == 0)
		err_set(e, ERR_CONFIG, "has no webhook with the service %.*s", STR_FMT(c->service));
	else
		return c->different > 0 ? CA_BUNDLE_DIFFERS : CA_BUNDLE_SAME;
	return CA_BUNDLE_FAILED;
}

enum ca_bundle_state
ca_bundle_compare(const struct json_node *configuration, struct str service, struct str authorities,
		  struct buf *out, struct err *e)
{
	const struct json_node *webhooks = json_find(configuration, "webhooks");
	struct comparison c = {.service = service};
	struct str version;
	struct buf bundle;

	if (!json_get_str(configuration, "metadata.resourceVersion", &version, e))
		return CA_BUNDLE_FAILED;
	buf_init(&bundle, BUNDLE_MAX_BYTES);
	bool ok = crypto_base64_encode(&bundle, authorities);
	c.bundle = buf_view(&bundle);
	json_write_begin(&c.writer, out);
	json_write_array(&c.writer, NULL);
	/* Writing the current version makes the API server compare it. */
	write_operation(&c, "replace", "/metadata/resourceVersion", version);
	for (size_t i = 0; i < json_array_len(webhooks); i++)
		compare_webhook(&c, json_array_at(webhooks, i), i);
	json_write_close(&c.writer, ']');
	ok = json_write_end(&c.writer) && ok;
	enum ca_bundle_state state = finish(&c, ok, e);
	buf_fini(&bundle);
	return state;
}
