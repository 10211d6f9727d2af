/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restricts a sidecar or relay before it serves its first request. Derives the rules from the
 * settings: files that are reloaded, directories of state and sockets, and the files of the clone
 * worker, which inherits the rules.
 *
 * Connections are not restricted to certain ports: GitLab, LFS storage, registries and PORTS may
 * use any port, so such a rule would not restrict much.
 */
#include <libgen.h>

#include "base/process/sandbox.h"
#include "proxy/proxy.h"
#include "proxy/serve.h"

#define PATHS_MAX_BYTES 65536u

/* Permits removing the file of a unix socket at exit. */
static void
permit_listener(const struct address *address, struct confine_rules *rules, struct arena *a)
{
	char text[ADDRESS_TEXT_MAX];

	if (!address_is_set(address) || !address_is_unix(address))
		return;
	address_format(address, text, sizeof(text));
	char *path = arena_dup(a, str_skip(str_from(text), strlen("unix:")));
	confine_add(rules, path == NULL ? NULL : dirname(path), CONFINE_REMOVE);
}

static void
permit_sockets(const struct settings *s, struct confine_rules *rules, struct arena *a)
{
	char *credentials =
		s->credential_socket == NULL ? NULL : arena_dup(a, str_from(s->credential_socket));

	permit_listener(&s->https_address, rules, a);
	permit_listener(&s->http_address, rules, a);
	permit_listener(&s->admin_address, rules, a);
	if (credentials != NULL)
		confine_add(rules, dirname(credentials), CONFINE_WRITE); /* if it was removed */
}

/* Permits the parent of a log directory, because the directory may be created (again) later; but
 * not the root directory. */
static void
permit_log(const char *directory, struct confine_rules *rules, struct arena *a)
{
	const char *above =
		sandbox_is_mount_point(directory) ? directory : sandbox_surroundings(directory, a);

	confine_add(rules, above != NULL && strcmp(above, "/") == 0 ? directory : above,
		    CONFINE_READ);
}

/* Permits files that are read again when they change, or for each connection. */
static bool
permit_files(const struct settings *s, struct confine_rules *rules, struct arena *a)
{
	const char *const files[] = {
		s->tls.cert_file,   s->tls.key_file,
		s->gitlab_ca_file,  s->files.client_secret,
		s->files.keys,	    s->files.relay_key,
		s->relay_ca_file,   s->relay.deny_file,
		"/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt",
	};
	bool ok = true;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		ok = sandbox_add_file(rules, files[i], a) && ok;
	for (size_t i = 0; i < s->log_files.count; i++)
		permit_log(s->log_files.items[i].directory, rules, a);
	return ok;
}

static bool
has_clone(const struct proxy *p)
{
	return p->relay == NULL && p->settings->clone.dir != NULL;
}

static bool
make_rules(const struct proxy *p, struct confine_rules *rules, struct arena *a)
{
	const struct settings *s = p->settings;

	sandbox_add_system(rules, SANDBOX_SYSTEM);
	permit_sockets(s, rules, a);
	if (p->relay == NULL)
		confine_add(rules, s->auth.state_dir, CONFINE_READ | CONFINE_WRITE);
	if (has_clone(p)) {
		sandbox_add_own_program(rules);
		clone_permit(&s->clone, rules, a);
	}
	return permit_files(s, rules, a);
}

void
serve_sandbox_enter(const struct proxy *p, bool connects)
{
	struct sandbox_settings wanted = p->settings->sandbox;
	struct confine_rules rules = {.count = 0};
	struct arena a;

	arena_init(&a, PATHS_MAX_BYTES);
	if (!make_rules(p, &rules, &a)) {
		log_warn(NULL, "out of memory for the rules of Landlock");
		wanted.landlock = false;
	}
	sandbox_enter(&wanted, &rules,
		      CONFINE_READ | CONFINE_WRITE | CONFINE_REMOVE | CONFINE_RUN | CONFINE_LISTEN |
			      CONFINE_SIGNAL,
		      SYSCALL_ACCEPT | SYSCALL_WRITE | (connects ? SYSCALL_CONNECT : 0) |
			      (has_clone(p) ? SYSCALL_PROGRAMS | SYSCALL_RESTRICT : 0) |
			      (p->settings->log_files.count > 0 ? SYSCALL_WATCH : 0) |
			      (p->settings->credential_socket != NULL ? SYSCALL_LISTEN : 0));
	arena_fini(&a);
}
