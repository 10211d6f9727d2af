/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds nodes from libyaml's events by recursive descent. An alias becomes a copy of the node that
 * its anchor names, so the limit on nodes also bounds nested aliases ("billion laughs").
 */
#include "container/yaml/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "container/yaml/yaml_scalar.h"

#define ANCHORS_MAX 1000u
#define MERGE_KEY   "<<"
#define TAG_PREFIX  "tag:yaml.org,2002:"
/* Key comparisons per document: bounds the time for maps with many keys. */
#define COMPARISONS_MAX 50000000u

struct anchor {
	char *name;
	const struct node *node; /* NULL until it is complete */
};

struct yaml_reader {
	yaml_parser_t parser;
	struct str text;
	size_t at_byte; /* offset in text of character number at_mark */
	size_t at_mark;
	bool has_started;
	size_t begin_byte; /* where the next document begins */
	yaml_event_t event;
	bool has_event;
	/* State of the current document. */
	struct doc *doc;
	struct err *e;
	struct anchor anchors[ANCHORS_MAX];
	size_t anchor_count;
	size_t comparisons;
};

static struct node *read_node(struct yaml_reader *r, unsigned depth);

static unsigned
line_of(const struct yaml_reader *r)
{
	return (unsigned)r->event.start_mark.line + 1;
}

static bool
set_problem(struct yaml_reader *r, unsigned line, const char *what)
{
	return err_set(r->e, ERR_INPUT, "line %u: %s", line, what);
}

static struct node *
node_problem(struct yaml_reader *r, unsigned line, const char *what)
{
	(void)set_problem(r, line, what);
	return NULL;
}

static bool
next_event(struct yaml_reader *r)
{
	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = yaml_parser_parse(&r->parser, &r->event) == 1;
	if (r->has_event)
		return true;
	const char *problem = r->parser.problem == NULL ? "malformed" : r->parser.problem;
	if (r->parser.error == YAML_MEMORY_ERROR)
		return err_set(r->e, ERR_MEMORY, "out of memory");
	if (r->parser.error == YAML_READER_ERROR)
		return err_set(r->e, ERR_INPUT, "byte %zu: %s", r->parser.problem_offset, problem);
	return err_set(r->e, ERR_INPUT, "line %zu: %s", r->parser.problem_mark.line + 1, problem);
}

static void
forget_anchors(struct yaml_reader *r)
{
	while (r->anchor_count > 0)
		free(r->anchors[--r->anchor_count].name);
}

/* Returns the anchor of the current event. NULL with *ok true: it has none. */
static struct anchor *
open_anchor(struct yaml_reader *r, const yaml_char_t *name, bool *ok)
{
	*ok = true;
	if (name == NULL)
		return NULL;
	*ok = false;
	if (r->anchor_count == ANCHORS_MAX) {
		(void)set_problem(r, line_of(r), "too many anchors");
		return NULL;
	}
	struct anchor *a = &r->anchors[r->anchor_count];
	*a = (struct anchor){.name = strdup((const char *)name)};
	if (a->name == NULL) {
		err_set(r->e, ERR_MEMORY, "out of memory");
		return NULL;
	}
	r->anchor_count++;
	*ok = true;
	return a;
}

static struct node *
read_alias(struct yaml_reader *r)
{
	const char *name = (const char *)r->event.data.alias.anchor;

	for (size_t i = r->anchor_count; i > 0; i--) {
		if (strcmp(r->anchors[i - 1].name, name) != 0)
			continue;
		if (r->anchors[i - 1].node == NULL)
			return node_problem(r, line_of(r),
					    "an alias inside the node that it refers to");
		return node_copy(r->doc, r->anchors[i - 1].node);
	}
	return node_problem(r, line_of(r), "an alias to an unknown anchor");
}

/* Converts libyaml's position, which counts characters; everything read so far is valid UTF-8. */
static size_t
byte_of_mark(struct yaml_reader *r, size_t mark)
{
	while (r->at_mark < mark && r->at_byte < r->text.len) {
		r->at_byte++;
		while (r->at_byte < r->text.len &&
		       ((unsigned char)r->text.data[r->at_byte] & 0xc0u) == 0x80u)
			r->at_byte++;
		r->at_mark++;
	}
	return r->at_byte;
}

/* Whether the tag names that type. False for NULL and for the non-specific tag. */
static bool
is_tag(const yaml_char_t *tag, const char *type)
{
	struct str whole = str_from((const char *)tag);

	return str_starts_with(whole, STR(TAG_PREFIX)) &&
	       str_equal(str_skip(whole, sizeof(TAG_PREFIX) - 1), str_from(type));
}

/* Reads the type of an explicit tag into *wanted if *is_given. False: an unknown tag. */
static bool
read_tag(const yaml_char_t *tag, enum node_kind *wanted, bool *is_given)
{
	static const struct {
		const char *type;
		enum node_kind kind;
	} types[] = {{"str", NODE_STR},	  {"int", NODE_INT},   {"float", NODE_REAL},
		     {"bool", NODE_BOOL}, {"null", NODE_NULL}, {"binary", NODE_STR}};

	*is_given = tag != NULL && strcmp((const char *)tag, "!") != 0;
	if (!*is_given)
		return true;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (is_tag(tag, types[i].type)) {
			*wanted = types[i].kind;
			return true;
		}
	}
	return false;
}

/* Reads the value of the current scalar event. */
static bool
resolve_scalar(struct yaml_reader *r, struct yaml_scalar *value)
{
	struct str text = {(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
	enum node_kind wanted = NODE_STR;
	bool is_tagged = false;

	*value = (struct yaml_scalar){.kind = NODE_STR};
	if (str_find_byte(text, '\0') != SIZE_MAX)
		return set_problem(r, line_of(r), "a NUL character in a string");
	if (!read_tag(r->event.data.scalar.tag, &wanted, &is_tagged))
		return set_problem(r, line_of(r), "an unknown tag");
	if (is_tagged && is_tag(r->event.data.scalar.tag, "binary"))
		r->doc->binary_line = line_of(r);
	/* libyaml does not report a lone "!", which other parsers read as the tag of strings. */
	size_t begin = byte_of_mark(r, r->event.start_mark.index);
	if (!is_tagged && begin < r->text.len && r->text.data[begin] == '!')
		return set_problem(r, line_of(r), "a tag without a name");
	if (is_tagged ? wanted == NODE_STR : !r->event.data.scalar.plain_implicit)
		return true;
	if (!yaml_scalar_resolve(text, value, r->e))
		return err_wrap(r->e, "line %u", line_of(r));
	/* Whole numbers are integers, even with the tag !!float. */
	if (is_tagged && value->kind != wanted && !(wanted == NODE_REAL && value->kind == NODE_INT))
		return set_problem(r, line_of(r), "the value does not match its tag");
	return true;
}

static struct node *
read_scalar(struct yaml_reader *r)
{
	struct yaml_scalar value;

	if (!resolve_scalar(r, &value))
		return NULL;
	if (value.kind == NODE_STR)
		return node_new_str(r->doc, (struct str){(const char *)r->event.data.scalar.value,
							 r->event.data.scalar.length});
	struct node *n = node_new(r->doc, value.kind);
	n->integer = value.integer;
	n->real = value.real;
	return n;
}

static struct node *
read_list(struct yaml_reader *r, unsigned depth)
{
	struct node *list = node_new(r->doc, NODE_LIST);

	while (next_event(r)) {
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return list;
		struct node *child = read_node(r, depth);
		if (child == NULL || r->doc->failed)
			return NULL;
		node_append(list, child);
	}
	return NULL;
}

/* Returns the member with that key, or NULL. Counts comparisons. */
static struct node *
find_member(struct yaml_reader *r, const struct node *map, struct str key)
{
	r->comparisons += map->count;
	return node_get_str(map, key);
}

static bool
add_merged(struct yaml_reader *r, struct node *map, const struct node *member, unsigned line)
{
	const struct node *there = find_member(r, map, member->key);

	if (there != NULL && there->is_merged)
		return true; /* the first merged value wins */
	if (there != NULL)
		return set_problem(r, line,
				   "a merge key after a key that it contains: parsers differ "
				   "on which one wins");
	struct node *copy = node_copy(r->doc, member);
	copy->is_merged = true;
	node_add_member(r->doc, map, member->key, copy);
	return !r->doc->failed;
}

static bool
merge_map(struct yaml_reader *r, struct node *map, const struct node *from, unsigned line)
{
	if (from->kind == NODE_LIST) {
		for (const struct node *c = node_first(from); c != NULL; c = node_next(c))
			if (c->kind == NODE_LIST || !merge_map(r, map, c, line))
				return c->kind == NODE_LIST &&
				       set_problem(r, line, "a merge key with nested lists");
		return true;
	}
	if (from->kind != NODE_MAP)
		return set_problem(r, line, "a merge key whose value is not a map");
	for (const struct node *c = node_first(from); c != NULL; c = node_next(c))
		if (!add_merged(r, map, c, line))
			return false;
	return true;
}

/* Copies the key of the current event; *is_merge is set for an unquoted "<<". */
static bool
read_key(struct yaml_reader *r, struct str *key, bool *is_merge)
{
	struct yaml_scalar value;

	if (r->event.type != YAML_SCALAR_EVENT)
		return set_problem(r, line_of(r), "a key that is not a string");
	if (r->event.data.scalar.anchor != NULL)
		return set_problem(r, line_of(r), "an anchor on a key");
	struct str text = {(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
	*is_merge = str_equal(text, STR(MERGE_KEY)) && (r->event.data.scalar.plain_implicit ||
							is_tag(r->event.data.scalar.tag, "merge"));
	if (*is_merge)
		return true;
	if (!resolve_scalar(r, &value))
		return false;
	char number[24];
	switch (value.kind) {
	case NODE_STR:
		break;
	case NODE_BOOL:
		text = value.integer != 0 ? STR("true") : STR("false");
		break;
	case NODE_INT:
		(void)snprintf(number, sizeof(number), "%lld", (long long)value.integer);
		text = str_from(number);
		break;
	case NODE_NULL:
	case NODE_REAL:
	case NODE_LIST:
	case NODE_MAP:
		return set_problem(r, line_of(r), "a key that is not a string: quote it");
	}
	*key = (struct str){arena_dup(&r->doc->arena, text), text.len};
	return key->data != NULL || err_set(r->e, ERR_LIMIT, "the document is too large");
}

static bool
add_member(struct yaml_reader *r, struct node *map, struct str key, struct node *child)
{
	const struct node *there = find_member(r, map, key);

	if (there == NULL)
		node_add_member(r->doc, map, key, child);
	else if (there->is_merged)
		node_set(r->doc, map, key.data, child);
	else
		return set_problem(r, child->line, "a duplicate key");
	if (r->comparisons > COMPARISONS_MAX)
		return err_set(r->e, ERR_LIMIT, "the document has too many keys");
	return !r->doc->failed;
}

static struct node *
read_map(struct yaml_reader *r, unsigned depth)
{
	struct node *map = node_new(r->doc, NODE_MAP);
	bool has_merged = false;

	while (next_event(r)) {
		bool is_merge = false;
		struct str key = STR_NONE;
		if (r->event.type == YAML_MAPPING_END_EVENT)
			return map;
		unsigned line = line_of(r);
		if (!read_key(r, &key, &is_merge) || !next_event(r))
			return NULL;
		struct node *child = read_node(r, depth);
		if (child == NULL || r->doc->failed)
			return NULL;
		child->line = line;
		if (is_merge && has_merged)
			return node_problem(r, line, "a second merge key: use one with a list");
		has_merged = has_merged || is_merge;
		if (is_merge ? !merge_map(r, map, child, line) : !add_member(r, map, key, child))
			return NULL;
	}
	return NULL;
}

static struct node *
read_collection(struct yaml_reader *r, unsigned depth)
{
	bool is_map = r->event.type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *tag =
		is_map ? r->event.data.mapping_start.tag : r->event.data.sequence_start.tag;

	if (tag != NULL && strcmp((const char *)tag, "!") != 0 &&
	    !is_tag(tag, is_map ? "map" : "seq"))
		return node_problem(r, line_of(r), "an unknown tag");
	if (depth == NODE_MAX_DEPTH)
		return node_problem(r, line_of(r), "nested too deeply");
	return is_map ? read_map(r, depth + 1) : read_list(r, depth + 1);
}

static const yaml_char_t *
anchor_of(const yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		return event->data.scalar.anchor;
	return event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.anchor
						       : event->data.sequence_start.anchor;
}

/* Reads the node that starts with the current event. NULL with an error set, or without one if the
 * document has failed. */
static struct node *
read_node(struct yaml_reader *r, unsigned depth)
{
	unsigned line = line_of(r);
	bool ok;

	if (r->event.type == YAML_ALIAS_EVENT)
		return read_alias(r);
	struct anchor *anchor = open_anchor(r, anchor_of(&r->event), &ok);
	if (!ok)
		return NULL;
	struct node *n =
		r->event.type == YAML_SCALAR_EVENT ? read_scalar(r) : read_collection(r, depth);
	if (n == NULL)
		return NULL;
	n->line = line;
	if (anchor != NULL)
		anchor->node = n;
	return n;
}

struct yaml_reader *
yaml_reader_new(struct str text)
{
	struct yaml_reader *r = calloc(1, sizeof(*r));

	if (r == NULL || yaml_parser_initialize(&r->parser) != 1) {
		free(r);
		return NULL;
	}
	r->text = text;
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&r->parser, (const unsigned char *)(text.len == 0 ? "" : text.data), text.len);
	return r;
}

void
yaml_reader_free(struct yaml_reader *r)
{
	if (r == NULL)
		return;
	forget_anchors(r);
	if (r->has_event)
		yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
	free(r);
}

/* Skips to the next DOCUMENT-START or, with *is_end set, to the end of the stream. */
static bool
find_document(struct yaml_reader *r, bool *is_end)
{
	do {
		if (!next_event(r))
			return false;
	} while (r->event.type != YAML_DOCUMENT_START_EVENT &&
		 r->event.type != YAML_STREAM_END_EVENT);
	*is_end = r->event.type == YAML_STREAM_END_EVENT;
	size_t begin = *is_end ? r->text.len : byte_of_mark(r, r->event.start_mark.index);
	r->begin_byte = r->has_started ? begin : 0;
	r->has_started = true;
	return true;
}

bool
yaml_read_document(struct yaml_reader *r, struct doc *d, struct node **root, struct str *source,
		   struct err *e)
{
	bool is_end = false;

	r->doc = d;
	r->e = e;
	r->comparisons = 0;
	*root = NULL;
	*source = STR_NONE;
	if (!r->has_started && !find_document(r, &is_end))
		return false;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return true;
	size_t begin = r->begin_byte;
	struct node *n = next_event(r) ? read_node(r, 0) : NULL;
	forget_anchors(r);
	if (d->failed)
		return err_set(e, ERR_LIMIT, "more than %u values in a document", NODE_MAX_COUNT);
	if (n == NULL || !find_document(r, &is_end))
		return false;
	*root = n;
	*source = str_take(str_skip(r->text, begin), r->begin_byte - begin);
	return true;
}
