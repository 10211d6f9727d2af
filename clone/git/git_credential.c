/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configures our credential helper for the remote's origin, in place of helpers of the system or
 * the user: an empty helper resets those configured before.
 */
#include "clone/git/git_credential.h"

#define HELPER_MAX_BYTES 32768u

/* Formats "credential.<scheme>://<authority>.helper". */
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

/* libgit2 1.5 does not escape values of multivars. */
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
	if (code == 0) /* matches no existing value, so this adds one */
		code = git_config_set_multivar(config, key.data, "^.+$", value.data);
	git_config_free(config);
	buf_fini(&key);
	buf_fini(&value);
	return code == 0 || git_steps_fail(t, code, "configure credentials");
}
