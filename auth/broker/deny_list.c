/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sorted arrays. Hosts are stored in the form that requests use.
 */
#include "auth/broker/deny_list.h"

#include <stdlib.h>

#include "auth/relay/relay_zone.h"
#include "base/conf/conf.h"

struct deny_list {
	struct buf names; /* of all hosts */
	struct str *hosts;
	size_t hosts_count;
	uint64_t *users;
	size_t users_count;
};

static int
compare_hosts(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static int
compare_users(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

static bool
add_host(struct deny_list *l, struct str name, struct err *e)
{
	size_t before = l->names.len;

	if (!relay_parse_host(name, &l->names, e))
		return false;
	l->hosts[l->hosts_count++] = str_skip(buf_view(&l->names), before);
	return true;
}

static bool
add_user(struct deny_list *l, struct str id, struct err *e)
{
	uint64_t user_id;

	if (!str_to_u64(id, 1, INT64_MAX, &user_id))
		return err_set(e, ERR_CONFIG, "it is not a user's id");
	l->users[l->users_count++] = user_id;
	return true;
}

static bool
add_line(struct deny_list *l, struct str line, struct err *e)
{
	struct str rest = str_trim(str_take(line, str_find_byte(line, '#')));
	struct str word = str_take(rest, str_find_byte(rest, ' '));
	struct str value = str_trim(str_skip(rest, word.len));

	if (str_is_empty(rest))
		return true;
	if (str_equal(word, STR("host")))
		return add_host(l, value, e);
	if (str_equal(word, STR("user")))
		return add_user(l, value, e);
	return err_set(e, ERR_CONFIG, "expected \"host NAME\" or \"user ID\"");
}

static size_t
count_lines(struct str text)
{
	size_t count = 1;

	for (size_t i = 0; i < text.len; i++)
		count += text.data[i] == '\n';
	return count;
}

static bool
reserve(struct deny_list *l, struct str text)
{
	size_t lines = count_lines(text);

	/* The views in hosts point into names, so it must not be reallocated. */
	buf_init(&l->names, text.len + RELAY_AUTHORITY_MAX);
	l->hosts = calloc(lines, sizeof(*l->hosts));
	l->users = calloc(lines, sizeof(*l->users));
	return l->hosts != NULL && l->users != NULL && buf_reserve(&l->names, l->names.max);
}

static bool
add_lines(struct deny_list *l, struct str text, struct err *e)
{
	struct str rest = text;
	struct str line;

	for (unsigned number = 1; str_next(&rest, '\n', &line); number++) {
		if (str_ends_with(line, STR("\r")))
			line.len--;
		if (!add_line(l, line, e))
			return err_wrap(e, "line %u", number);
	}
	return true;
}

struct deny_list *
deny_list_parse(struct str text, struct err *e)
{
	struct deny_list *l = calloc(1, sizeof(*l));

	if (l == NULL || !reserve(l, text)) {
		err_set(e, ERR_MEMORY, "out of memory");
		deny_list_free(l);
		return NULL;
	}
	if (!add_lines(l, text, e)) {
		deny_list_free(l);
		return NULL;
	}
	qsort(l->hosts, l->hosts_count, sizeof(*l->hosts), compare_hosts);
	qsort(l->users, l->users_count, sizeof(*l->users), compare_users);
	return l;
}

struct deny_list *
deny_list_read(const char *path, struct err *e)
{
	struct deny_list *l = NULL;
	struct buf text;

	buf_init(&text, DENY_LIST_FILE_MAX);
	if (conf_read_text(path, &text, e))
		l = deny_list_parse(buf_view(&text), e);
	buf_fini(&text);
	if (l == NULL)
		err_wrap(e, "%s", path);
	return l;
}

void
deny_list_free(struct deny_list *l)
{
	if (l == NULL)
		return;
	buf_fini(&l->names);
	free(l->hosts);
	free(l->users);
	free(l);
}

bool
deny_list_has_host(const struct deny_list *l, struct str authority)
{
	return l != NULL && l->hosts_count > 0 &&
	       bsearch(&authority, l->hosts, l->hosts_count, sizeof(*l->hosts), compare_hosts) !=
		       NULL;
}

bool
deny_list_has_user(const struct deny_list *l, uint64_t user_id)
{
	return l != NULL && l->users_count > 0 &&
	       bsearch(&user_id, l->users, l->users_count, sizeof(*l->users), compare_users) !=
		       NULL;
}

size_t
deny_list_count(const struct deny_list *l)
{
	return l == NULL ? 0 : l->hosts_count + l->users_count;
}
