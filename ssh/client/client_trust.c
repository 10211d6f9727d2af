/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zones whose workspaces may get a GitLab token, which gives access to more than SSH: without
 * this list, ssh's configuration or the address of a git repository could choose who gets it. One
 * line per zone: zone, prefix, CA file.
 */
#include <stdio.h>

#include "base/dns_name.h"
#include "base/process/fd.h"
#include "ssh/client/client.h"
#include "ssh/client/client_token.h"
#include "ssh/client/client_trust.h"

#define TRUSTED_FILE "trusted"

static int
print_usage(FILE *out, int code)
{
	const char *name = client_name();

	(void)fprintf(
		out,
		"usage: %s trust ZONE [--ca-file FILE] [--prefix PATH]\n"
		"       %s trust --list\n"
		"       %s trust --remove ZONE\n"
		"\n"
		"Workspaces at and below the zone, such as ws.example.com, get the GitLab token\n"
		"in WORKSPACE_PROXY_TOKEN or of --token-command; no others do.\n",
		name, name, name);
	return code;
}

/* The options hold for the zone's workspaces, as those of login do for one. */
struct trusted {
	struct client_host zone;
	struct client_login l; /* without token and user */
};

/* A name with a dot: a whole top-level domain can't be trusted. */
static bool
parse_zone(struct client_host *zone, struct str text, struct err *e)
{
	if (!client_host_parse(zone, text, e))
		return false;
	return (dns_is_name(str_from(zone->name), DNS_LENIENT) &&
		strchr(zone->name, '.') != NULL) ||
	       err_set(e, ERR_CONFIG,
		       "\"%.100s\" is not a zone; expected one such as ws.example.com", zone->name);
}

static bool
parse_line(struct trusted *t, struct str line)
{
	struct str zone;
	struct str prefix;

	if (!str_next(&line, ' ', &zone) || !parse_zone(&t->zone, zone, NULL) ||
	    !str_next(&line, ' ', &prefix) || prefix.len >= sizeof(t->l.prefix) ||
	    line.len >= sizeof(t->l.ca_file))
		return false;
	t->l = (struct client_login){.is_gitlab_token = true};
	(void)snprintf(t->l.prefix, sizeof(t->l.prefix), "%.*s", STR_FMT(prefix));
	(void)snprintf(t->l.ca_file, sizeof(t->l.ca_file), "%.*s", STR_FMT(line));
	return true;
}

static bool
covers(const struct trusted *t, const struct client_host *h)
{
	struct str name = str_from(h->name);
	struct str zone = str_from(t->zone.name);

	if (t->zone.port != h->port || !str_ends_with(name, zone))
		return false;
	return name.len == zone.len || name.data[name.len - zone.len - 1] == '.';
}

static bool
read_trusted(struct buf *text, struct err *e)
{
	struct err why = ERR_INIT;
	char path[CLIENT_PATH_MAX];

	buf_init(text, CLIENT_TEXT_MAX);
	if (!client_path(TRUSTED_FILE, path, e))
		return false;
	if (client_read(path, text, &why))
		return true;
	buf_clear(text);
	if (why.code != ERR_NOT_FOUND)
		*e = why;
	return why.code == ERR_NOT_FOUND;
}

/* Into t; the longest that covers the host. False: none, or e is set. */
static bool
find_trusted(const struct client_host *h, struct trusted *t, struct err *e)
{
	struct trusted one;
	struct buf text;
	struct str rest;
	struct str line;
	size_t longest = 0;

	if (read_trusted(&text, e)) {
		rest = buf_view(&text);
		while (rest.len > 0 && str_next(&rest, '\n', &line)) {
			if (!parse_line(&one, line) || !covers(&one, h) ||
			    strlen(one.zone.name) <= longest)
				continue;
			longest = strlen(one.zone.name);
			*t = one;
		}
	}
	buf_fini(&text);
	return longest > 0;
}

bool
client_credentials(const struct client_host *h, struct client_login *l, struct err *e)
{
	struct err why = ERR_INIT;
	struct trusted t;

	if (!client_token_is_given())
		return client_login_read(h, l, e);
	if (!find_trusted(h, &t, &why)) {
		if (why.code != ERR_NONE)
			return err_set(e, why.code, "%s", why.text);
		return client_login_read(h, l, NULL) ||
		       err_set(e, ERR_NOT_FOUND,
			       "%s: a GitLab token goes only to zones that are trusted; run "
			       "`%s trust ZONE`",
			       h->key, client_name());
	}
	*l = t.l;
	return client_token_get(l->token, e);
}

/* All lines but that of the zone, and that of `added`, which may be NULL. *found: there was one. */
static bool
change(const struct client_host *zone, const struct trusted *added, bool *found, struct err *e)
{
	char path[CLIENT_PATH_MAX];
	struct trusted one;
	struct buf old;
	struct buf fresh;
	struct str rest;
	struct str line;
	bool ok = read_trusted(&old, e) && client_path(TRUSTED_FILE, path, e);

	buf_init(&fresh, CLIENT_TEXT_MAX);
	rest = buf_view(&old);
	while (ok && rest.len > 0 && str_next(&rest, '\n', &line)) {
		if (!parse_line(&one, line))
			continue;
		if (strcmp(one.zone.key, zone->key) == 0)
			*found = true;
		else
			buf_addf(&fresh, "%.*s\n", STR_FMT(line));
	}
	if (added != NULL)
		buf_addf(&fresh, "%s %s %s\n", zone->key, added->l.prefix, added->l.ca_file);
	ok = ok && (buf_is_ok(&fresh) || err_set(e, ERR_LIMIT, "too many zones")) &&
	     client_write(path, buf_view(&fresh), e);
	buf_fini(&old);
	buf_fini(&fresh);
	return ok;
}

static bool
change_locked(const struct client_host *zone, const struct trusted *added, struct err *e)
{
	bool found = false;
	int lock;
	bool ok = client_lock(&lock, e) && change(zone, added, &found, e);

	fd_close(lock);
	return ok && (found || added != NULL ||
		      err_set(e, ERR_NOT_FOUND, "%s is not trusted", zone->key));
}

static bool
list(struct err *e)
{
	struct trusted one;
	struct buf text;
	struct str rest;
	struct str line;
	bool ok = read_trusted(&text, e);

	rest = buf_view(&text);
	while (ok && rest.len > 0 && str_next(&rest, '\n', &line))
		if (parse_line(&one, line))
			(void)printf("%s\n", one.zone.key);
	buf_fini(&text);
	return ok;
}

static bool
read_options(struct trusted *t, int argc, char **argv, struct err *e)
{
	for (int i = 2; i < argc; i++)
		if (!client_login_option(&t->l, argc, argv, &i, e))
			return false;
	return strchr(t->l.ca_file, '\n') == NULL ||
	       err_set(e, ERR_CONFIG, "--ca-file: the path contains a line break");
}

int
ssh_client_trust(int argc, char **argv)
{
	struct trusted t = {.l = {.prefix = "/oauth2"}};
	struct err e = ERR_INIT;
	bool removes = argc == 3 && strcmp(argv[1], "--remove") == 0;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list(&e) ? 0 : client_fail(&e, 1);
	if (argc < 2 || (!removes && argv[1][0] == '-'))
		return print_usage(stderr, 2);
	if (!parse_zone(&t.zone, str_from(argv[removes ? 2 : 1]), &e) ||
	    (!removes && !read_options(&t, argc, argv, &e)))
		return client_fail(&e, 2);
	return change_locked(&t.zone, removes ? NULL : &t, &e) ? 0 : client_fail(&e, 1);
}
