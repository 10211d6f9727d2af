/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derives a workspace's relay key from the master key and the host, for provisioning workspaces.
 * The same input always gives the same key, so keys need not be stored.
 */
#include "base/crypto/crypto.h"
#include "proxy/command/command.h"

#define KEY_TEXT_MAX 64u

static bool
find_host(const struct settings *s, const char *text, struct buf *host, struct err *e)
{
	const struct relay_zones *zones = &s->relay.zones;

	if (!relay_parse_host(str_from(text), host, e))
		return false;
	if (zones->count > 0 && !relay_zones_contain(zones, buf_view(host)))
		return err_set(e, ERR_INPUT, "it is not one label below any of RELAY_ZONES");
	return true;
}

static bool
print_key(const struct settings *s, struct str host, struct err *e)
{
	struct secret *key = relay_derive_key(s->relay.master_keys.keys[0], host, e);
	struct buf text;
	bool ok;

	if (key == NULL)
		return false;
	buf_init(&text, KEY_TEXT_MAX);
	ok = buf_reserve(&text, KEY_TEXT_MAX) && crypto_base64url_encode(&text, secret_view(key)) &&
	     printf("%.*s\n", STR_FMT(buf_view(&text))) > 0 && fflush(stdout) == 0;
	buf_wipe_fini(&text);
	secret_free(key);
	return ok || err_set(e, ERR_SYSTEM, "the key could not be written");
}

int
command_relay_key(int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct settings *s;
	struct buf host;
	bool ok;

	if (argc != 2) {
		(void)fputs("usage: workspace-proxy relay-key HOST\n", stderr);
		return 2;
	}
	s = command_load_settings(SETTINGS_RELAY_KEY);
	if (s == NULL)
		return 1;
	buf_init(&host, RELAY_AUTHORITY_MAX);
	ok = find_host(s, argv[1], &host, &e) && print_key(s, buf_view(&host), &e);
	if (!ok)
		(void)fprintf(stderr, "workspace-proxy: relay-key \"%.64s\": %s\n", argv[1],
			      e.text);
	buf_fini(&host);
	settings_free(s);
	return ok ? 0 : 1;
}
