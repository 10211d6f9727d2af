/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a table of settings from the environment: finds each setting in any of its forms, reads
 * _FILE forms, and reports all problems at once.
 *
 * Problems show a value only if it is not a secret, and without anything that looks like
 * credentials in a URL. conf_value.c parses values, conf_docs.c prints the documentation.
 */
#include "base/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf/conf_unknown.h"
#include "base/conf/conf_value.h"
#include "base/secret.h"

#define NAME_MAX_BYTES	96    /* of a variable's name */
#define VALUE_MAX_BYTES 16384 /* of a value */
#define SHOWN_MAX_BYTES 96    /* of a value in a message */
#define FILE_SUFFIX	"_FILE"

struct loader {
	const struct conf_table *table;
	unsigned command;
	char **environment;
	void *target;
	struct arena *arena;
	struct conf_problems *problems;
};

/* The value of one setting and the variable that it comes from. */
struct found {
	char variable[NAME_MAX_BYTES]; /* empty: no variable is set */
	struct buf value;
	bool broken; /* one of the setting's variables was reported as a problem */
};

static char *
find_variable(char **environment, const char *variable)
{
	size_t len = strlen(variable);
	for (char **entry = environment; *entry != NULL; entry++)
		if (strncmp(*entry, variable, len) == 0 && (*entry)[len] == '=')
			return *entry + len + 1;
	return NULL;
}

static const struct conf_setting *
find_setting(const struct conf_table *table, const char *name)
{
	struct conf_cursor at = {0};
	const struct conf_setting *row;

	while ((row = conf_next(table, &at)) != NULL)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* Writes the name of a setting's variable. Forms in order of precedence: NAME, NAME_FILE, alias,
 * alias_FILE. False: the setting has no alias. */
#define FORMS 4
static bool
name_form(const struct conf_table *table, const struct conf_setting *row, unsigned form,
	  char out[NAME_MAX_BYTES])
{
	if (form >= 2 && row->alias == NULL)
		return false;
	(void)snprintf(out, NAME_MAX_BYTES, "%s%s%s", form >= 2 ? "" : table->prefix,
		       form >= 2 ? row->alias : row->name, form % 2 == 1 ? FILE_SUFFIX : "");
	return true;
}

/* Returns the value of one form's variable; NULL when it is not set or empty. */
static char *
find_form(const struct conf_table *table, char **environment, const struct conf_setting *row,
	  unsigned form, char variable[NAME_MAX_BYTES])
{
	if (!name_form(table, row, form, variable))
		return NULL;
	char *text = find_variable(environment, variable);
	return text == NULL || text[0] == '\0' ? NULL : text;
}

bool
conf_is_set(const struct conf_table *table, char **environment, const char *name)
{
	const struct conf_setting *row = find_setting(table, name);
	char variable[NAME_MAX_BYTES];

	for (unsigned form = 0; row != NULL && form < FORMS; form++)
		if (find_form(table, environment, row, form, variable) != NULL)
			return true;
	return false;
}

const char *
conf_find_file(const struct conf_table *table, char **environment, const char *name)
{
	const struct conf_setting *row = find_setting(table, name);
	char variable[NAME_MAX_BYTES];
	const char *text = NULL;
	unsigned form = 0;

	while (row != NULL && text == NULL && form < FORMS)
		text = find_form(table, environment, row, form++, variable);
	return text != NULL && str_ends_with(str_from(variable), STR(FILE_SUFFIX)) ? text : NULL;
}

void
conf_wipe_environment(const struct conf_table *table, char **environment)
{
	struct conf_cursor at = {0};
	const struct conf_setting *row;
	char variable[NAME_MAX_BYTES];

	while ((row = conf_next(table, &at)) != NULL) {
		for (unsigned form = 0; conf_value_is_secret(row) && form < FORMS; form++) {
			char *text = find_form(table, environment, row, form, variable);
			if (text != NULL)
				secret_wipe(text, strlen(text));
		}
	}
}

/* Copies the value for a message: shortened, with credentials and queries of URLs masked. */
static void
mask_value(struct str value, char out[SHOWN_MAX_BYTES])
{
	size_t scheme = str_find(value, STR("://"));
	size_t from = scheme == SIZE_MAX ? 0 : scheme + 3;
	size_t at = SIZE_MAX;
	for (size_t i = from; i < value.len; i++)
		if (value.data[i] == '@')
			at = i;
	struct str head = at == SIZE_MAX ? STR_NONE : str_take(value, from);
	struct str tail = at == SIZE_MAX ? value : str_skip(value, at);
	size_t query = scheme == SIZE_MAX ? SIZE_MAX : str_find_byte(tail, '?');
	if (query != SIZE_MAX)
		tail = str_take(tail, query);
	(void)snprintf(out, SHOWN_MAX_BYTES, "%.*s%s%.*s%s", STR_FMT(head),
		       at == SIZE_MAX ? "" : "***", STR_FMT(tail), query == SIZE_MAX ? "" : "?***");
}

static void
report_value(struct loader *l, const struct conf_setting *row, const struct found *f,
	     const struct err *reason)
{
	char expected[CONF_EXPECTED_MAX];
	char shown[SHOWN_MAX_BYTES];
	const char *separator = reason->text[0] == '\0' ? "" : "; ";

	conf_value_describe(row, expected, sizeof(expected));
	if (conf_value_is_secret(row)) {
		conf_problem(l->problems, f->variable, "%s%sexpected %s", reason->text, separator,
			     expected);
		return;
	}
	mask_value(buf_view(&f->value), shown);
	conf_problem(l->problems, f->variable, "got \"%s\"%s%s; expected %s", shown,
		     reason->text[0] == '\0' ? "" : ": ", reason->text, expected);
}

static bool
read_all(int fd, struct buf *out, struct err *e)
{
	char block[1024];
	ssize_t got;
	bool ok = true;
	while (ok && (got = read(fd, block, sizeof(block))) != 0) {
		if (got > 0)
			ok = buf_add(out, block, (size_t)got) ||
			     err_set(e, ERR_CONFIG, "it is larger than %zu bytes", out->max);
		else if (errno != EINTR)
			ok = err_set(e, ERR_CONFIG, "%s", strerror(errno));
	}
	secret_wipe(block, sizeof(block));
	return ok;
}

bool
conf_read_text(const char *path, struct buf *out, struct err *e)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO is reported instead of waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(e, ERR_CONFIG, "%s", strerror(errno));
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!ok)
		err_set(e, ERR_CONFIG, "it is not a regular file");
	ok = ok && read_all(fd, out, e);
	(void)close(fd);
	while (out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
		out->len--;
	return ok;
}

bool
conf_read_file(const char *path, struct buf *out, struct err *e)
{
	return conf_read_text(path, out, e) &&
	       (out->len > 0 || err_set(e, ERR_CONFIG, "it is empty"));
}

/* Reads the value of one form. Returns false after it has reported a problem. */
static bool
read_form(struct loader *l, const struct conf_setting *row, const char *variable, const char *text,
	  bool is_file, struct buf *value)
{
	struct err e = ERR_INIT;
	char shown[SHOWN_MAX_BYTES];

	if (is_file && text[0] == '/' && conf_read_file(text, value, &e))
		return true;
	if (!is_file && buf_add_str(value, str_from(text)))
		return true;
	mask_value(str_from(text), shown);
	if (!is_file)
		conf_problem(l->problems, variable, "the value is longer than %d bytes",
			     VALUE_MAX_BYTES);
	else if (text[0] != '/' && conf_value_is_secret(row)) /* it may be the secret itself */
		conf_problem(l->problems, variable, "expected an absolute file name");
	else if (text[0] != '/')
		conf_problem(l->problems, variable, "got \"%s\"; expected an absolute file name",
			     shown);
	else if (conf_value_is_secret(row))
		conf_problem(l->problems, variable, "can't read the file: %s", e.text);
	else
		conf_problem(l->problems, variable, "can't read \"%s\": %s", shown, e.text);
	return false;
}

/* Reads one form. The first form that is set gives the value; others must have the same one. */
static void
collect_form(struct loader *l, const struct conf_setting *row, unsigned form, struct found *f)
{
	char variable[NAME_MAX_BYTES];
	const char *text = find_form(l->table, l->environment, row, form, variable);
	if (text == NULL)
		return;
	if (form >= 2)
		conf_note(l->problems, variable, "taken as %s%s", l->table->prefix, row->name);

	struct buf value;
	buf_init(&value, VALUE_MAX_BYTES);
	if (!read_form(l, row, variable, text, form % 2 == 1, &value)) {
		f->broken = true;
	} else if (f->variable[0] == '\0') {
		memcpy(f->variable, variable, sizeof(variable));
		f->value = value;
		buf_init(&value, VALUE_MAX_BYTES);
	} else if (!str_equal(buf_view(&f->value), buf_view(&value))) {
		conf_problem(l->problems, f->variable,
			     "set together with %s, to a different value; expected one of them",
			     variable);
		f->broken = true;
	}
	buf_wipe_fini(&value);
}

static void
load_fallback(struct loader *l, const struct conf_setting *row)
{
	struct err e = ERR_INIT;
	void *field = (char *)l->target + row->offset;
	if (row->fallback != NULL)
		err_assert(conf_value_parse(row, str_from(row->fallback), field, l->arena, &e));
}

static void
load_found(struct loader *l, const struct conf_setting *row, const struct found *f)
{
	struct err e = ERR_INIT;
	struct str text = buf_view(&f->value);
	if (!conf_value_is_secret(row))
		text = str_trim(text);
	if (str_is_empty(text))
		err_set(&e, ERR_CONFIG, "only white space");
	else if (conf_value_parse(row, text, (char *)l->target + row->offset, l->arena, &e))
		return;
	report_value(l, row, f, &e);
}

static void
refuse_row(struct loader *l, const struct conf_setting *row)
{
	char variable[NAME_MAX_BYTES];
	for (unsigned form = 0; form < FORMS; form++)
		if (find_form(l->table, l->environment, row, form, variable) != NULL)
			conf_problem(l->problems, variable, "unknown setting: %s", row->text);
}

static void
load_row(struct loader *l, const struct conf_setting *row)
{
	if ((row->flags & CONF_REFUSED) != 0) {
		refuse_row(l, row);
		return;
	}
	if ((row->commands & l->command) == 0)
		return;
	struct found f = {.variable = "", .broken = false};
	buf_init(&f.value, VALUE_MAX_BYTES);
	for (unsigned form = 0; form < FORMS; form++)
		collect_form(l, row, form, &f);

	if (f.variable[0] != '\0' && !f.broken) {
		load_found(l, row, &f);
	} else if (!f.broken && (row->required & l->command) != 0) {
		char expected[CONF_EXPECTED_MAX];
		(void)snprintf(f.variable, sizeof(f.variable), "%s%s", l->table->prefix, row->name);
		conf_value_describe(row, expected, sizeof(expected));
		conf_problem(l->problems, f.variable, "required, but not set; expected %s",
			     expected);
	} else if (!f.broken) {
		load_fallback(l, row);
	}
	buf_wipe_fini(&f.value);
}

bool
conf_load(const struct conf_table *table, unsigned command, char **environment, void *target,
	  struct arena *a, struct conf_problems *problems)
{
	struct loader l = {table, command, environment, target, a, problems};
	struct conf_cursor at = {0};
	const struct conf_setting *row;
	size_t before = problems->count;

	while ((row = conf_next(table, &at)) != NULL)
		load_row(&l, row);
	for (char **entry = environment; *entry != NULL; entry++)
		conf_check_unknown(table, *entry, problems);
	return problems->count == before;
}

void
conf_free_secrets(const struct conf_table *table, void *target)
{
	struct conf_cursor at = {0};
	const struct conf_setting *row;

	while ((row = conf_next(table, &at)) != NULL) {
		if (row->type != CONF_SECRET || (row->flags & CONF_REFUSED) != 0)
			continue;
		void *place = (char *)target + row->offset;
		struct secret **field = place;
		secret_free(*field);
		*field = NULL;
	}
}
