/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration for the system's ssh, and with it for every program that runs ssh: a separate
 * file, which ~/.ssh/config includes. Hosts with a login come first, because ssh takes the first
 * value it finds.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "ssh/client/client.h"
#include "ssh/client/client_private.h"

#define HTTPS_PORT 443
#define OUR_FILE   "ssh_config"
#define ZONES_FILE "zones"
#define SSH_FILE   ".ssh/config"
#define USER	   "gitlab-workspaces"

static int
print_usage(FILE *out, int code)
{
	(void)fprintf(
		out,
		"usage: %s ssh-config HOST|ZONE [--write]\n"
		"\n"
		"Prints ssh's configuration for a workspace, or for all below a zone such as\n"
		"ws.example.com. --write stores it and adds an Include line to ~/.ssh/config.\n",
		client_name());
	return code;
}

struct config {
	struct buf text;
	char program[CLIENT_WORD_MAX];
	char identity[CLIENT_PATH_MAX];
	char known_hosts[CLIENT_PATH_MAX];
};

static void
add_options(struct config *c)
{
	buf_addf(&c->text,
		 "    IdentityFile \"%s\"\n    IdentitiesOnly yes\n"
		 "    UserKnownHostsFile \"%s\"\n"
		 "    StrictHostKeyChecking yes\n    CheckHostIP no\n    UpdateHostKeys no\n"
		 "    ServerAliveInterval 30\n    Ciphers " CLIENT_CIPHERS "\n",
		 c->identity, c->known_hosts);
}

static void
add_host(const struct client_host *h, const struct client_login *l, void *arg)
{
	struct config *c = arg;

	buf_addf(&c->text, "Host %s\n    User %s\n    HostKeyAlias %s\n", h->name,
		 l->user[0] != '\0' ? l->user : USER, h->key);
	buf_addf(&c->text, "    ProxyCommand %s ssh --stdio %s\n", c->program, h->key);
	add_options(c);
}

static void
add_zone(struct config *c, struct str zone)
{
	struct client_host h;

	if (!client_host_parse(&h, zone, NULL))
		return;
	buf_addf(&c->text, "Host *.%s\n    User " USER "\n", h.name);
	buf_addf(&c->text, "    ProxyCommand %s ssh --stdio %%h\n", c->program);
	add_options(c);
}

static bool
begin(struct config *c, struct err *e)
{
	*c = (struct config){.program = ""};
	buf_init(&c->text, 1u << 20);
	return client_program(c->program, e) && client_path("id_ed25519", c->identity, e) &&
	       client_path("known_hosts", c->known_hosts, e);
}

/* The zones that were written, and this one. */
static bool
read_zones(struct buf *zones, struct str more, struct err *e)
{
	char path[CLIENT_PATH_MAX];
	struct str rest;
	struct str line;
	bool is_known = str_is_empty(more);

	if (!client_path(ZONES_FILE, path, e))
		return false;
	if (!client_read(path, zones, e)) {
		if (e->code != ERR_NOT_FOUND)
			return false;
		buf_clear(zones);
	}
	rest = buf_view(zones);
	while (rest.len > 0 && str_next(&rest, '\n', &line))
		is_known |= str_equal(line, more);
	if (is_known)
		return true;
	buf_addf(zones, "%.*s\n", STR_FMT(more));
	return buf_is_ok(zones) ? client_write(path, buf_view(zones), e)
				: err_set(e, ERR_LIMIT, "too many zones");
}

static bool
write_locked(struct str zone, struct err *e)
{
	char path[CLIENT_PATH_MAX];
	struct config c;
	struct buf zones;
	struct str rest;
	struct str line;
	bool ok;

	buf_init(&zones, CLIENT_TEXT_MAX);
	ok = begin(&c, e) && client_path(OUR_FILE, path, e) && read_zones(&zones, zone, e);
	if (ok) {
		buf_addf(&c.text, "# Written by %s ssh-config.\n", client_name());
		client_login_each(add_host, &c);
	}
	rest = buf_view(&zones);
	while (ok && rest.len > 0 && str_next(&rest, '\n', &line))
		if (line.len > 0)
			add_zone(&c, line);
	ok = ok && (buf_is_ok(&c.text) || err_set(e, ERR_LIMIT, "too many hosts")) &&
	     client_write(path, buf_view(&c.text), e);
	buf_fini(&zones);
	buf_fini(&c.text);
	return ok;
}

static bool
write_ours(struct str zone, struct err *e)
{
	int lock;
	bool ok = client_lock(&lock, e) && write_locked(zone, e);

	fd_close(lock);
	return ok;
}

bool
client_config_refresh(struct err *e)
{
	char path[CLIENT_PATH_MAX];

	return client_path(OUR_FILE, path, e) &&
	       (access(path, F_OK) != 0 || write_ours(STR_NONE, e));
}

/* The line stands first: in a Host block it would count for that host only. */
static bool
include_ours(struct err *e)
{
	char ours[CLIENT_PATH_MAX];
	char path[CLIENT_PATH_MAX];
	char target[PATH_MAX];
	char line[CLIENT_PATH_MAX + 16];
	struct buf old;
	struct buf fresh;
	bool ok = true;

	if (!client_path(OUR_FILE, ours, e) || !client_home_path(SSH_FILE, path, e))
		return false;
	/* Dotfiles are often links. */
	if (realpath(path, target) == NULL)
		(void)snprintf(target, sizeof(target), "%s", path);
	(void)snprintf(line, sizeof(line), "Include \"%s\"\n", ours);
	buf_init(&old, 1u << 20);
	buf_init(&fresh, 1u << 21);
	if (!client_read(target, &old, e)) {
		ok = e->code == ERR_NOT_FOUND;
		buf_clear(&old);
	}
	if (ok && str_find(buf_view(&old), str_from(line)) == SIZE_MAX) {
		buf_addf(&fresh, "%s\n", line);
		buf_add_str(&fresh, buf_view(&old));
		ok = buf_is_ok(&fresh) ? client_write(target, buf_view(&fresh), e)
				       : err_set(e, ERR_LIMIT, "%s is too long", target);
	}
	buf_fini(&old);
	buf_fini(&fresh);
	return ok;
}

static bool
print_one(const struct client_host *h, struct err *e)
{
	struct client_login l;
	struct config c;
	bool ok = begin(&c, e);

	if (ok && client_login_read(h, &l, NULL))
		add_host(h, &l, &c);
	else if (ok)
		add_zone(&c, str_from(h->key));
	if (ok)
		(void)fwrite(c.text.data, 1, c.text.len, stdout);
	secret_wipe(&l, sizeof(l));
	buf_fini(&c.text);
	return ok;
}

int
ssh_client_config(int argc, char **argv)
{
	bool writes = argc == 3 && strcmp(argv[2], "--write") == 0;
	struct err e = ERR_INIT;
	struct client_login l;
	struct client_host h;
	bool is_host;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_usage(stdout, 0);
	if (argc != 2 && !writes)
		return print_usage(stderr, 2);
	if (!client_host_parse(&h, str_from(argv[1]), &e))
		return client_fail(&e, 2);
	is_host = client_login_read(&h, &l, NULL);
	secret_wipe(&l, sizeof(l));
	if (!is_host && h.port != HTTPS_PORT) {
		err_set(&e, ERR_CONFIG,
			"%s: not signed in; log in first, or give a zone without a port", h.key);
		return client_fail(&e, 1);
	}
	if (!writes)
		return print_one(&h, &e) ? 0 : client_fail(&e, 1);
	if (!write_ours(is_host ? STR_NONE : str_from(h.key), &e) || !include_ours(&e))
		return client_fail(&e, 1);
	return 0;
}
