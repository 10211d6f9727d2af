/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of workspaces on the command line.
 */
#include <stdio.h>

#include "base/ascii.h"
#include "base/url.h"
#include "ssh/client/client_private.h"

#define HTTPS_PORT 443

bool
client_host_parse(struct client_host *h, struct str text, struct err *e)
{
	struct str rest = text;
	struct str name;

	if (str_starts_with_nocase(rest, STR("https://")))
		rest = str_skip(rest, strlen("https://"));
	if (str_ends_with(rest, STR("/")))
		rest = str_take(rest, rest.len - 1);
	if (!url_split_authority(rest, &name, &h->port) || name.len >= sizeof(h->name) - 8 ||
	    str_find_byte(name, ':') != SIZE_MAX || name.data[0] == '-')
		return err_set(e, ERR_CONFIG,
			       "\"%.100s\" is not a workspace; expected its host, such as "
			       "kiwi.ws.example.com",
			       text.data);
	for (size_t i = 0; i < name.len; i++)
		h->name[i] = ascii_to_lower(name.data[i]);
	h->name[name.len] = '\0';
	if (h->port == 0)
		h->port = HTTPS_PORT;
	if (h->port == HTTPS_PORT)
		(void)snprintf(h->key, sizeof(h->key), "%s", h->name);
	else
		(void)snprintf(h->key, sizeof(h->key), "%.240s:%u", h->name, h->port);
	(void)snprintf(h->origin, sizeof(h->origin), "https://%s", h->key);
	return true;
}
