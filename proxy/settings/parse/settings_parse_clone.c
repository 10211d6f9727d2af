/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers and formatters of the clone's settings that base/conf/conf has no type for.
 */
#include "base/ascii.h"
#include "clone/clone.h"
#include "proxy/settings/parse/settings_parse.h"

#define GROUP_MAX 4294967294u /* (gid_t)-1 means "unchanged" to chown(2) */

bool
settings_parse_origins(struct str value, void *field, struct arena *a, struct err *e)
{
	struct clone_origins *origins = field;
	struct str rest = value;
	struct str part;

	while (str_next(&rest, ',', &part)) {
		struct url *u = &origins->items[origins->count];

		if (origins->count == CLONE_ORIGINS_MAX)
			return err_set(e, ERR_CONFIG, "more than %u origins", CLONE_ORIGINS_MAX);
		if (!url_parse(u, str_trim(part), a, e))
			return err_wrap(e, "origin %zu", origins->count + 1);
		if (u->path.len > 1 || !str_is_empty(u->query))
			return err_set(e, ERR_CONFIG, "origin %zu: it must not have a path",
				       origins->count + 1);
		origins->count++;
	}
	return true;
}

void
settings_format_origins(const void *field, struct buf *out)
{
	const struct clone_origins *origins = field;

	for (size_t i = 0; i < origins->count; i++) {
		buf_add_str(out, i == 0 ? STR_NONE : STR(","));
		(void)url_add_origin(&origins->items[i], out);
	}
}

bool
settings_parse_git_ssh(struct str value, void *field, struct arena *a, struct err *e)
{
	struct git_ssh_address *ssh = field;
	struct str host;
	char *copy;

	if (!url_split_authority(value, &host, &ssh->port) || value.data[0] == '[')
		return err_set(e, ERR_CONFIG, "it is not a host name, with or without a port");
	copy = arena_dup(a, host);
	if (copy == NULL)
		return err_set(e, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < host.len; i++)
		copy[i] = ascii_to_lower(copy[i]);
	ssh->host = str_from(copy);
	if (ssh->port == 0)
		ssh->port = SSH_PORT;
	return true;
}

void
settings_format_git_ssh(const void *field, struct buf *out)
{
	const struct git_ssh_address *ssh = field;

	if (ssh->host.len > 0)
		buf_addf(out, "%.*s:%u", STR_FMT(ssh->host), (unsigned)ssh->port);
}

bool
settings_parse_umask(struct str value, void *field, struct arena *a, struct err *e)
{
	struct clone_number *mask = field;
	unsigned bits = 0;

	(void)a;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '7' || i >= 4)
			return err_set(e, ERR_CONFIG,
				       "it is not an octal number of up to 4 digits");
		bits = bits << 3 | (unsigned)(value.data[i] - '0');
	}
	if (bits > 0777 || (bits & 0700) != 0)
		return err_set(
			e, ERR_CONFIG,
			"it removes permissions of the owner, or has more than three digits");
	*mask = (struct clone_number){true, bits};
	return true;
}

void
settings_format_umask(const void *field, struct buf *out)
{
	const struct clone_number *mask = field;

	if (mask->is_set)
		buf_addf(out, "%04o", mask->value);
}

bool
settings_parse_group(struct str value, void *field, struct arena *a, struct err *e)
{
	struct clone_number *group = field;
	uint64_t id;

	(void)a;
	if (!str_to_u64(value, 0, GROUP_MAX, &id))
		return err_set(e, ERR_CONFIG, "it is not a group id");
	*group = (struct clone_number){true, (unsigned)id};
	return true;
}

void
settings_format_group(const void *field, struct buf *out)
{
	const struct clone_number *group = field;

	if (group->is_set)
		buf_addf(out, "%u", group->value);
}
