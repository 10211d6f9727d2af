/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares paths by component, without looking at a file system.
 */
#include "container/inject/value/mount_path.h"

bool
mount_path_is_valid(struct str path)
{
	struct str rest = str_skip(path, 1);
	struct str name;

	if (path.len < 2 || path.data[0] != '/')
		return false;
	while (str_next(&rest, '/', &name))
		if (name.len == 0 || str_equal(name, STR(".")) || str_equal(name, STR("..")))
			return false;
	return true;
}

bool
mount_path_is_within(struct str path, struct str directory)
{
	while (str_ends_with(directory, STR("/")))
		directory.len--;
	return directory.len > 0 && str_starts_with(path, directory) &&
	       (path.len == directory.len || path.data[directory.len] == '/');
}

bool
mount_path_is_reserved(struct str path)
{
	static const char *const places[] = {"/bin",  "/dev", "/etc",  "/lib", "/lib32", "/lib64",
					     "/proc", "/run", "/sbin", "/sys", "/usr"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (mount_path_is_within(path, str_from(places[i])))
			return true;
	return false;
}
