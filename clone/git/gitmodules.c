/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the variables of submodules from a .gitmodules file.
 */
#include "clone/git/gitmodules.h"

#include "clone/checkout/name_check.h"
#include "clone/git/config_text.h"

struct parse {
	struct gitmodules *modules;
	struct arena *arena;
	gitmodules_issue_fn *on_issue;
	void *arg;
	bool is_full; /* whether on_issue was called for it */
	bool no_memory;
};

static void
tell(const struct parse *p, const struct config_text_entry *entry, struct str name, const char *why,
     bool is_lost)
{
	const struct gitmodules_issue issue = {entry->line, name, why, is_lost};

	p->on_issue(&issue, p->arg);
}

/* Whether a part leads to another directory, with the separator of any system. */
static bool
has_parent_part(struct str name)
{
	struct str rest = name;
	struct str part;

	while (str_next(&rest, '\\', &part)) {
		struct str inner = part;
		struct str one;

		while (str_next(&inner, '/', &one)) {
			if (str_equal(one, STR("..")))
				return true;
		}
	}
	return false;
}

/* Whether the name can be used as a path: each part must be a plain name. */
static bool
name_is_plain(struct str name)
{
	struct str rest = name;
	struct str part;

	if (str_is_empty(name) || has_parent_part(name))
		return false;
	while (str_next(&rest, '/', &part)) {
		if (name_check_entry(part) != NULL)
			return false;
	}
	return !str_ends_with(name, STR("/"));
}

static bool
keep(struct parse *p, struct str text, struct str *out)
{
	char *copy = arena_dup(p->arena, text);

	*out = (struct str){copy, copy == NULL ? 0 : text.len};
	p->no_memory = p->no_memory || copy == NULL;
	return copy != NULL;
}

static struct gitmodule *
find_or_add(struct parse *p, const struct config_text_entry *entry, struct str name)
{
	struct gitmodules *m = p->modules;

	for (size_t i = 0; i < m->count; i++) {
		if (str_equal(m->items[i].name, name))
			return &m->items[i];
	}
	if (!name_is_plain(name)) {
		tell(p, entry, name, "its name is invalid", true);
		return NULL;
	}
	if (m->count == GITMODULES_MAX) {
		if (!p->is_full)
			tell(p, entry, name, "too many submodules", true);
		p->is_full = true;
		return NULL;
	}
	m->items[m->count] = (struct gitmodule){.update = NULL};
	return keep(p, name, &m->items[m->count].name) ? &m->items[m->count++] : NULL;
}

/* Parses "update". NULL: git does not accept the value in .gitmodules. */
static const char *
update_from(struct str value)
{
	static const char *const known[] = {"checkout", "rebase", "merge", "none"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (str_equal(value, str_from(known[i])))
			return known[i];
	}
	return NULL;
}

/* Parses a boolean of git-config(1); a number other than 0 is true. */
static bool
read_bool(const struct config_text_entry *entry, bool *out)
{
	static const char *const yes[] = {"true", "yes", "on"};
	static const char *const no[] = {"", "false", "no", "off"};
	uint64_t number = 1;

	*out = true;
	if (!entry->has_value)
		return true;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (str_equal_nocase(entry->value, str_from(yes[i])))
			return true;
	}
	*out = false;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (str_equal_nocase(entry->value, str_from(no[i])))
			return true;
	}
	if (!str_to_u64(entry->value, 0, INT32_MAX, &number))
		return false;
	*out = number != 0;
	return true;
}

/* Returns what is wrong with a value, which is then ignored; NULL: nothing. */
static const char *
set_text(struct parse *p, const struct config_text_entry *entry, struct str *out)
{
	if (!entry->has_value)
		return "a value is missing";
	if (str_starts_with(entry->value, STR("-")))
		return "a value could be taken for an option";
	(void)keep(p, entry->value, out);
	return NULL;
}

static const char *
set_variable(struct parse *p, struct gitmodule *module, const struct config_text_entry *entry,
	     struct str variable)
{
	if (str_equal(variable, STR("path")))
		return set_text(p, entry, &module->path);
	if (str_equal(variable, STR("url")))
		return set_text(p, entry, &module->url);
	if (str_equal(variable, STR("update"))) {
		module->update = update_from(entry->value);
		return module->update == NULL ? "its update value is invalid" : NULL;
	}
	if (str_equal(variable, STR("shallow")) && !read_bool(entry, &module->is_shallow))
		return "shallow is not a boolean";
	return NULL;
}

static void
on_entry(const struct config_text_entry *entry, void *arg)
{
	struct parse *p = arg;
	struct gitmodule *module;
	struct str section;
	struct str name;
	struct str variable;
	const char *why;

	if (str_is_empty(entry->name)) {
		tell(p, entry, STR_NONE, "syntax error", true);
		return;
	}
	if (!config_text_split(entry->name, &section, &name, &variable) ||
	    !str_equal(section, STR("submodule")))
		return;
	module = find_or_add(p, entry, name);
	why = module == NULL ? NULL : set_variable(p, module, entry, variable);
	if (why != NULL)
		tell(p, entry, name, why, str_is_empty(module->path) || str_is_empty(module->url));
}

bool
gitmodules_parse(struct gitmodules *m, struct str text, struct arena *a,
		 gitmodules_issue_fn *on_issue, void *arg, struct err *e)
{
	struct parse p = {.modules = m, .arena = a, .on_issue = on_issue, .arg = arg};

	m->count = 0;
	if (text.len > GITMODULES_MAX_BYTES)
		return err_set(e, ERR_LIMIT, ".gitmodules is too large");
	config_text_read(text, on_entry, &p);
	return !p.no_memory || err_set(e, ERR_MEMORY, "out of memory for .gitmodules");
}

bool
gitmodules_has_include(struct str text)
{
	size_t at;

	while ((at = str_find_byte(text, '[')) != SIZE_MAX) {
		text = str_skip(text, at + 1);
		if (str_starts_with_nocase(str_trim(str_take(text, 64)), STR("include")))
			return true;
	}
	return false;
}

/* Returns the length of "https://host" in a URL; 0: it has none. */
static size_t
origin_length(struct str url)
{
	size_t colon = str_find(url, STR("://"));
	size_t slash;

	if (colon == SIZE_MAX)
		return 0;
	slash = str_find_byte(str_skip(url, colon + 3), '/');
	return slash == SIZE_MAX ? url.len : colon + 3 + slash;
}

static struct str
without_last_part(struct str path)
{
	while (path.len > 0 && path.data[path.len - 1] != '/')
		path.len--;
	while (path.len > 0 && path.data[path.len - 1] == '/')
		path.len--;
	return path;
}

bool
gitmodules_resolve_url(struct str base, struct str url, struct buf *out, struct err *e)
{
	size_t origin = origin_length(base);
	struct str path = str_skip(base, origin);

	if (str_is_empty(url) || url.data[0] == '-')
		return err_set(e, ERR_PROTOCOL, "it is not a URL");
	if (!str_starts_with(url, STR("./")) && !str_starts_with(url, STR("../")))
		return buf_add_str(out, url) || err_set(e, ERR_LIMIT, "it is too long");
	while (path.len > 0 && path.data[path.len - 1] == '/')
		path.len--;
	for (;;) {
		if (str_starts_with(url, STR("./"))) {
			url = str_skip(url, 2);
		} else if (str_starts_with(url, STR("../"))) {
			if (str_is_empty(path))
				return err_set(e, ERR_PROTOCOL, "it leads above the root");
			url = str_skip(url, 3);
			path = without_last_part(path);
		} else {
			break;
		}
	}
	if (buf_add_str(out, str_take(base, origin)) && buf_add_str(out, path) &&
	    buf_add_byte(out, '/') && buf_add_str(out, url))
		return true;
	return err_set(e, ERR_LIMIT, "it is too long");
}
