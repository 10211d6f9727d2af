/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the rules of the files from the root to the current folder. Only rules that affect one of
 * our attributes are kept: attributes have numbers, first those of the enum, then the macros of
 * the root's file in the order of their names; other attributes are dropped while reading.
 */
#include "clone/checkout/attributes.h"

#include <stdlib.h>

#include "base/arena.h"
#include "clone/checkout/attributes_line.h"
#include "clone/checkout/wildmatch.h"

#define ARENA_MIN_BYTES 4096u
/* Reading a byte takes about as long as that many steps of matching. */
#define STEPS_PER_BYTE 4u

struct rule {
	struct attribute_pattern pattern; /* of a macro: not used */
	size_t first;			  /* of its assignments */
	size_t count;
};

struct assignment {
	size_t attribute; /* number */
	struct attribute_value value;
};

struct attribute_file {
	struct str folder;
	size_t bytes;	    /* memory of this file, as counted in the sum of all files */
	struct arena arena; /* for all text */
	struct str text;
	struct rule *rules;
	size_t rules_count, rules_size;
	struct assignment *assignments;
	size_t assignments_count, assignments_size;
};

/* The state of expanding a rule while one of its macros is expanded. */
struct expansion {
	const struct assignment *assignments;
	size_t left;
};

struct attributes {
	struct attribute_file *files;
	size_t files_count, files_size;
	size_t bytes;	     /* memory of all files together */
	uint64_t steps_left; /* for parsing and matching */
	struct str *macros;  /* names, sorted */
	size_t macros_count;
	/* Indexed by the attribute's number; count 0: the attribute is no macro. */
	struct rule *definitions;
	struct attribute_value *values;
	struct expansion *stack;
};

static const struct str names[] = {
	[ATTRIBUTE_TEXT] = {"text", 4},
	[ATTRIBUTE_CRLF] = {"crlf", 4},
	[ATTRIBUTE_EOL] = {"eol", 3},
	[ATTRIBUTE_IDENT] = {"ident", 5},
	[ATTRIBUTE_ENCODING] = {"working-tree-encoding", 21},
	[ATTRIBUTE_FILTER] = {"filter", 6},
};

static const char builtin_text[] = "[attr]binary -diff -merge -text\n";

static int
compare(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Returns the number of an attribute; SIZE_MAX: an attribute that is not needed. */
static size_t
find_number(const struct attributes *a, struct str name)
{
	const struct str *macro;

	for (size_t i = 0; i < ATTRIBUTES; i++) {
		if (str_equal(names[i], name))
			return i;
	}
	if (a->macros_count == 0)
		return SIZE_MAX;
	macro = bsearch(&name, a->macros, a->macros_count, sizeof(*a->macros), compare);
	return macro == NULL ? SIZE_MAX : ATTRIBUTES + (size_t)(macro - a->macros);
}

static bool
count_bytes(struct attributes *a, struct attribute_file *f, size_t bytes, struct err *e)
{
	f->bytes += bytes;
	a->bytes += bytes;
	return a->bytes <= ATTRIBUTES_MEMORY_MAX_BYTES ||
	       err_set(e, ERR_LIMIT, "attributes that need more than %u bytes of memory",
		       ATTRIBUTES_MEMORY_MAX_BYTES);
}

static bool
take_steps(struct attributes *a, uint64_t steps, struct err *e)
{
	a->steps_left -= steps < a->steps_left ? steps : a->steps_left;
	return a->steps_left > 0 || err_set(e, ERR_LIMIT, "attributes take too long to match");
}

static bool
no_memory(struct err *e)
{
	return err_set(e, ERR_MEMORY, "out of memory for attributes");
}

struct growing {
	void **array;
	size_t count;
	size_t *size;
	size_t element;
};

/* Makes room for one more element. */
static bool
grow(struct attributes *a, struct attribute_file *f, const struct growing *g, struct err *e)
{
	size_t larger = *g->size == 0 ? 16 : 2 * *g->size;
	void *grown;

	if (g->count < *g->size)
		return true;
	if (!count_bytes(a, f, (larger - *g->size) * g->element, e))
		return false;
	grown = reallocarray(*g->array, larger, g->element);
	if (grown == NULL)
		return no_memory(e);
	*g->array = grown;
	*g->size = larger;
	return true;
}

static bool
add_assignments(struct attributes *a, struct attribute_file *f, struct str states,
		struct rule *rule, struct err *e)
{
	struct str name;
	struct attribute_value value;

	rule->first = f->assignments_count;
	while (attributes_line_next(&states, &name, &value)) {
		size_t number = find_number(a, name);

		if (number == SIZE_MAX)
			continue;
		if (!grow(a, f,
			  &(struct growing){(void **)&f->assignments, f->assignments_count,
					    &f->assignments_size, sizeof(*f->assignments)},
			  e))
			return false;
		f->assignments[f->assignments_count++] = (struct assignment){number, value};
		rule->count++;
	}
	return true;
}

/* Defines a macro. A later definition replaces an earlier one completely. */
static bool
add_macro(struct attributes *a, struct attribute_file *f, const struct attributes_line *line,
	  struct err *e)
{
	size_t number = find_number(a, line->macro);
	struct rule rule = {.count = 0};

	if (!add_assignments(a, f, line->states, &rule, e))
		return false;
	a->definitions[number] = rule;
	return true;
}

static bool
add_rule(struct attributes *a, struct attribute_file *f, const struct attributes_line *line,
	 struct err *e)
{
	struct rule rule = {.pattern = line->pattern};

	if (!add_assignments(a, f, line->states, &rule, e))
		return false;
	if (rule.count == 0)
		return true;
	if (!grow(a, f,
		  &(struct growing){(void **)&f->rules, f->rules_count, &f->rules_size,
				    sizeof(*f->rules)},
		  e))
		return false;
	f->rules[f->rules_count++] = rule;
	return true;
}

static bool
add_lines(struct attributes *a, struct attribute_file *f, struct err *e)
{
	struct arena *arena = &f->arena;
	struct str text = f->text;
	bool is_root = f == &a->files[0];
	bool ok = true;
	struct attributes_line line;

	while (ok && attributes_line_read(&text, &line, arena)) {
		if (line.kind == ATTRIBUTES_LINE_MACRO)
			ok = !is_root || add_macro(a, f, &line, e);
		else if (line.kind == ATTRIBUTES_LINE_RULE)
			ok = add_rule(a, f, &line, e);
	}
	return ok;
}

/* Allocates arrays that are indexed by attribute number. */
static bool
make_tables(struct attributes *a, struct attribute_file *f, struct err *e)
{
	size_t count = ATTRIBUTES + a->macros_count;

	if (!count_bytes(a, f,
			 count * (sizeof(*a->definitions) + sizeof(*a->values) + sizeof(*a->stack)),
			 e))
		return false;
	a->definitions = calloc(count, sizeof(*a->definitions));
	a->values = calloc(count, sizeof(*a->values));
	a->stack = calloc(count + 1, sizeof(*a->stack));
	return (a->definitions != NULL && a->values != NULL && a->stack != NULL) || no_memory(e);
}

/* Assigns numbers to all defined macros, which must be known before their use. */
static bool
number_macros(struct attributes *a, struct attribute_file *f, struct err *e)
{
	struct str text = f->text;
	struct attributes_line line;
	size_t size = 0;
	size_t kept = 0;

	while (attributes_line_read(&text, &line, &f->arena)) {
		if (line.kind != ATTRIBUTES_LINE_MACRO || find_number(a, line.macro) < ATTRIBUTES)
			continue;
		if (!grow(a, f,
			  &(struct growing){(void **)&a->macros, kept, &size, sizeof(*a->macros)},
			  e))
			return false;
		a->macros[kept++] = line.macro;
	}
	if (kept > 0)
		qsort(a->macros, kept, sizeof(*a->macros), compare);
	for (size_t i = 0; i < kept; i++) {
		if (i == 0 || !str_equal(a->macros[i], a->macros[a->macros_count - 1]))
			a->macros[a->macros_count++] = a->macros[i];
	}
	return make_tables(a, f, e);
}

static void
file_free(struct attribute_file *f)
{
	arena_fini(&f->arena);
	free(f->rules);
	free(f->assignments);
}

struct attributes *
attributes_new(uint64_t steps)
{
	struct attributes *a = calloc(1, sizeof(*a));

	if (a != NULL)
		a->steps_left = steps;
	return a;
}

void
attributes_free(struct attributes *a)
{
	if (a == NULL)
		return;
	while (a->files_count > 0)
		file_free(&a->files[--a->files_count]);
	free(a->files);
	free(a->macros);
	free(a->definitions);
	free(a->values);
	free(a->stack);
	free(a);
}

/* Keeps the text up to its first NUL, and the folder's name. The root's file starts with git's own
 * macro. */
static bool
copy_text(struct attribute_file *f, struct str folder, struct str text, bool is_root)
{
	size_t end = str_find_byte(text, '\0');
	const char *copy;

	text = str_take(text, end == SIZE_MAX ? text.len : end);
	/* Patterns that are unquoted take no more than the text. */
	arena_init(&f->arena, 8 * (text.len + folder.len) + ARENA_MIN_BYTES);
	copy = arena_printf(&f->arena, "%s%.*s", is_root ? builtin_text : "", STR_FMT(text));
	f->text = str_from(copy);
	f->folder = (struct str){arena_dup(&f->arena, folder), folder.len};
	return copy != NULL && f->folder.data != NULL;
}

static bool
add_file(struct attributes *a, struct str folder, struct str text, struct err *e)
{
	bool is_root = a->files_count == 0;
	size_t larger = a->files_size == 0 ? 16 : 2 * a->files_size;
	struct attribute_file *f;

	if (a->files_count == a->files_size) {
		f = reallocarray(a->files, larger, sizeof(*f));
		if (f == NULL)
			return no_memory(e);
		a->files = f;
		a->files_size = larger;
	}
	f = &a->files[a->files_count++];
	*f = (struct attribute_file){.bytes = 0};
	if (!take_steps(a, STEPS_PER_BYTE * (uint64_t)text.len, e))
		return false;
	if (!copy_text(f, folder, text, is_root))
		return no_memory(e);
	return (!is_root || number_macros(a, f, e)) && add_lines(a, f, e) &&
	       count_bytes(a, f, f->arena.used, e);
}

bool
attributes_push(struct attributes *a, struct str folder, struct str text, struct err *e)
{
	if (text.len > ATTRIBUTES_FILE_MAX_BYTES)
		return err_set(e, ERR_LIMIT, "attributes of more than %u bytes",
			       ATTRIBUTES_FILE_MAX_BYTES);
	/* The root's file defines the macros, so it is needed even if the repository has none. */
	if (a->files_count == 0 && !str_is_empty(folder) && !add_file(a, STR_NONE, STR_NONE, e))
		return false;
	return add_file(a, folder, text, e);
}

void
attributes_leave(struct attributes *a, struct str path)
{
	while (a->files_count > 0) {
		struct attribute_file *last = &a->files[a->files_count - 1];

		if (str_starts_with(path, last->folder))
			return;
		a->bytes -= last->bytes;
		file_free(last);
		a->files_count--;
	}
}

/* Sets attributes that have no value yet, from the last assignment to the first, and expands macros
 * that are set. */
static void
apply(struct attributes *a, const struct attribute_file *f, const struct rule *rule)
{
	size_t depth = 0;

	a->stack[depth++] = (struct expansion){f->assignments + rule->first, rule->count};
	while (depth > 0) {
		struct expansion *top = &a->stack[depth - 1];
		const struct assignment *next;
		const struct rule *macro;

		if (top->left == 0) {
			depth--;
			continue;
		}
		a->steps_left -= a->steps_left > 0 ? 1 : 0;
		next = &top->assignments[--top->left];
		if (a->values[next->attribute].state != ATTRIBUTE_UNKNOWN)
			continue;
		a->values[next->attribute] = next->value;
		macro = &a->definitions[next->attribute];
		/* Each attribute is set once, so the stack can't overflow. */
		if (macro->count > 0 && next->value.state == ATTRIBUTE_TRUE)
			a->stack[depth++] = (struct expansion){
				a->files[0].assignments + macro->first, macro->count};
	}
}

static bool
is_decided(const struct attributes *a)
{
	for (size_t i = 0; i < ATTRIBUTES; i++) {
		if (a->values[i].state == ATTRIBUTE_UNKNOWN)
			return false;
	}
	return true;
}

/* Applies the rules of one file. False: no steps left. */
static bool
find_in(struct attributes *a, const struct attribute_file *f, struct str path, struct str name,
	struct err *e)
{
	struct str inner = str_skip(path, f->folder.len);

	for (size_t i = f->rules_count; i-- > 0;) {
		const struct rule *rule = &f->rules[i];

		if (!attributes_line_matches(&rule->pattern, inner, name, &a->steps_left))
			continue;
		apply(a, f, rule);
		if (a->steps_left == 0)
			break;
	}
	return take_steps(a, f->rules_count, e);
}

bool
attributes_find(struct attributes *a, struct str path, struct attribute_value values[ATTRIBUTES],
		struct err *e)
{
	struct str name = path;
	size_t count = ATTRIBUTES + a->macros_count;

	memset(values, 0, ATTRIBUTES * sizeof(*values));
	if (a->files_count == 0)
		return true;
	for (size_t slash; (slash = str_find_byte(name, '/')) != SIZE_MAX;)
		name = str_skip(name, slash + 1);
	memset(a->values, 0, count * sizeof(*a->values));
	if (!take_steps(a, count, e))
		return false;
	for (size_t i = a->files_count; i-- > 0 && !is_decided(a);) {
		if (!find_in(a, &a->files[i], path, name, e))
			return false;
	}
	memcpy(values, a->values, ATTRIBUTES * sizeof(*values));
	return true;
}
