/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies both restrictions and logs the result.
 */
#include "base/process/sandbox.h"

#include <elf.h>
#include <fcntl.h>
#include <libgen.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log/log.h"
#include "base/process/thread.h"
#include "base/secret.h"
#include "base/str.h"

static void
add_all(struct confine_rules *rules, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		confine_add(rules, paths[i], CONFINE_READ);
}

void
sandbox_add_system(struct confine_rules *rules, enum sandbox_files files)
{
	/* Libraries, certificate authorities and targets of resolv.conf in common distributions,
	 * the process's own state, and the number of processors. */
	static const char *const everywhere[] = {
		"/usr/lib",
		"/usr/lib64",
		"/usr/local/lib",
		"/usr/share",
		"/lib",
		"/lib64",
		"/run/systemd/resolve",
		"/run/resolvconf",
		"/run/NetworkManager",
		"/var/lib/ca-certificates",
		"/proc",
		"/sys/devices/system/cpu",
		"/dev/urandom",
	};
	static const char *const etc[] = {
		"/etc/resolv.conf", "/etc/hosts",	    "/etc/host.conf", "/etc/nsswitch.conf",
		"/etc/gai.conf",    "/etc/services",	    "/etc/protocols", "/etc/networks",
		"/etc/passwd",	    "/etc/group",	    "/etc/localtime", "/etc/ld.so.cache",
		"/etc/ssl",	    "/etc/ca-certificates", "/etc/pki",
	};

	add_all(rules, everywhere, sizeof(everywhere) / sizeof(everywhere[0]));
	confine_add(rules, "/dev/null", CONFINE_READ | CONFINE_WRITE);
	if (files == SANDBOX_SYSTEM)
		confine_add(rules, "/etc", CONFINE_READ);
	else
		add_all(rules, etc, sizeof(etc) / sizeof(etc[0]));
}

/* Finds the address of the loader's name. Stops after the first object, which is the program. */
static int
find_loader(struct dl_phdr_info *info, size_t size, void *loader)
{
	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP) {
			uintptr_t address = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

			memcpy(loader, &address, sizeof(address));
		}
	return 1;
}

void
sandbox_add_own_program(struct confine_rules *rules)
{
	const char *loader = NULL;

	(void)dl_iterate_phdr(find_loader, &loader);
	confine_add(rules, "/proc/self/exe", CONFINE_READ | CONFINE_RUN);
	confine_add(rules, loader, CONFINE_READ | CONFINE_RUN);
}

static bool
add_directory_of(struct confine_rules *rules, const char *path, struct arena *a)
{
	const char *end = strrchr(path, '/');
	const char *permitted;

	if (end == NULL)
		return true;
	permitted = end == path ? arena_dup(a, str_from(path))
				: arena_dup(a, (struct str){path, (size_t)(end - path)});
	confine_add(rules, permitted, CONFINE_READ);
	return permitted != NULL;
}

bool
sandbox_add_file(struct confine_rules *rules, const char *path, struct arena *a)
{
	char *real = path == NULL ? NULL : realpath(path, NULL);
	bool ok = path == NULL || add_directory_of(rules, path, a);

	if (ok && real != NULL && strcmp(real, path) != 0)
		ok = add_directory_of(rules, real, a);
	free(real);
	return ok;
}

bool
sandbox_is_mount_point(const char *path)
{
	struct statx found;

	return statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &found) == 0 &&
	       (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

const char *
sandbox_surroundings(const char *path, struct arena *a)
{
	char *above = arena_dup(a, str_from(path));

	if (above == NULL)
		return NULL;
	do
		above = dirname(above);
	while (strcmp(above, "/") != 0 && access(above, F_OK) != 0);
	return strcmp(above, "/") == 0 && sandbox_is_mount_point(path) ? path : above;
}

static const char *
report(const char *part, bool wanted, bool ok, const struct err *e)
{
	if (wanted && !ok)
		log_warn(NULL, "restriction of the process is not available",
			 log_cstr("part", part), log_err(e));
	return ok ? "on" : wanted ? "unavailable" : "off";
}

static const char *
protection_of_secrets(void)
{
	switch (secret_protection()) {
	case SECRET_HIDDEN:
		return "hidden";
	case SECRET_LOCKED:
		return "locked";
	case SECRET_PLAIN:
		break;
	}
	return "not locked";
}

void
sandbox_enter(const struct sandbox_settings *settings, const struct confine_rules *rules,
	      unsigned restricted, unsigned groups)
{
	struct err e = ERR_INIT;

	err_assert(thread_is_only());
	bool ok = settings->landlock && confine_process(rules, restricted, &e);
	const char *landlock = report("landlock", settings->landlock, ok, &e);

	ok = settings->seccomp && syscall_filter_apply(groups, &e);
	const char *seccomp = report("seccomp", settings->seccomp, ok, &e);

	log_info(NULL, "process restricted", log_cstr("seccomp", seccomp),
		 log_cstr("landlock", landlock), log_cstr("secrets", protection_of_secrets()));
}
