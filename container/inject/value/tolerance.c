/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks and searches the list.
 */
#include "container/inject/value/tolerance.h"

#include "base/ascii.h"
#include "container/inject/value/mount_path.h"

#define STEM_MIN_BYTES 3u /* in front of "*" */

/* Read by our program, its libraries or the programs that it starts. */
static const char *const reserved[] = {
	"WORKSPACE_PROXY_", "OAUTH2_PROXY_", "LD_",	"GLIBC_",    "MALLOC_",	    "GCONV_PATH",
	"LOCPATH",	    "NLSPATH",	     "OPENSSL", "SSL_",	     "CURL_",	    "GIT_",
	"LISTEN_",	    "NOTIFY_SOCKET", "PATH",	"HOME",	     "TMPDIR",	    "HOSTALIASES",
	"LOCALDOMAIN",	    "RES_OPTIONS",   "XDG_",	"WATCHDOG_", "CREDENTIALS_"};

static bool
is_pattern(struct str entry)
{
	return str_ends_with(entry, STR("*"));
}

static struct str
stem_of(struct str entry)
{
	return str_take(entry, entry.len - is_pattern(entry));
}

static bool
is_reserved(struct str entry)
{
	struct str stem = stem_of(entry);

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (str_starts_with(stem, str_from(reserved[i])) ||
		    (is_pattern(entry) && str_starts_with(str_from(reserved[i]), stem)))
			return true;
	return false;
}

static bool
is_variable(struct str entry)
{
	struct str stem = stem_of(entry);

	return stem.len >= (is_pattern(entry) ? STEM_MIN_BYTES : 1) &&
	       ascii_all_alnum_or(stem, STR("_")) && !ascii_is_digit(stem.data[0]) &&
	       !is_reserved(entry);
}

static bool
is_mount(struct str entry)
{
	return mount_path_is_valid(entry) && !mount_path_is_reserved(entry);
}

bool
tolerance_is_valid(struct str list)
{
	struct str entry;

	if (list.len == 0)
		return false;
	while (str_next(&list, ',', &entry))
		if (!is_variable(str_trim(entry)) && !is_mount(str_trim(entry)))
			return false;
	return true;
}

bool
tolerance_has_variable(const char *list, struct str name)
{
	struct str rest = str_from(list);
	struct str entry;

	if (is_reserved(name))
		return false;
	while (rest.len > 0 && str_next(&rest, ',', &entry)) {
		entry = str_trim(entry);
		if (is_pattern(entry) ? str_starts_with(name, stem_of(entry))
				      : str_equal(name, entry))
			return true;
	}
	return false;
}

bool
tolerance_has_mount(const char *list, struct str path)
{
	struct str rest = str_from(list);
	struct str entry;

	while (rest.len > 0 && str_next(&rest, ',', &entry))
		if (str_equal(path, str_trim(entry)))
			return true;
	return false;
}
