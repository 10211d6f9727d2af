/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells a fresh clone where git gets its credentials: our helper, for the origin of its remote and
 * no other, in place of whatever the machine or the user has configured for it. An empty helper
 * makes git forget those that were configured before.
 */
#include "clone/git/git_credential.h"

#define HELPER_MAX_BYTES 32768u

/* "credential.<scheme>://<authority>.helper", with its NUL. */
static bool
add_key(struct buf *out, struct str url)
{
	size_t start = str_find(url, STR("://"));
	size_t len = SIZE_MAX;

	if (start != SIZE_MAX)
		len = str_find_byte(str_skip(url, start + 3), '/');
	if (len != SIZE_MAX)
		url = str_take(url, start + 3 + len);
	buf_addf(out, "credential.%.*s.helper", STR_FMT(url));
	return buf_add_byte(out, '\0');
}

/* libgit2 1.5 writes what is added to a list as it is. */
static bool
add_escaped(struct buf *out, struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '"' || value.data[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, value.data[i]);
	}
	return buf_add_byte(out, '\0');
}

bool
git_credential_configure(struct transfer *t)
{
	const struct git_request *request = t->request;
	git_config *config = NULL;
	struct buf key;
	struct buf value;
	int code = GIT_ERROR;

	if (request->helper == NULL)
		return true;
	buf_init(&key, URL_MAX_BYTES + 64);
	buf_init(&value, HELPER_MAX_BYTES);
	if (add_key(&key, str_from(request->url)) && add_escaped(&value, str_from(request->helper)))
		code = git_repository_config(&config, t->repository);
	if (code == 0)
		code = git_config_set_string(config, key.data, "");
	if (code == 0) /* matches no value that is there: a further one */
		code = git_config_set_multivar(config, key.data, "^.+$", value.data);
	git_config_free(config);
	buf_fini(&key);
	buf_fini(&value);
	return code == 0 || git_steps_fail(t, code, "configure credentials");
}
