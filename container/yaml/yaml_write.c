/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a tree as libyaml events. What is written reads back as the same tree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "container/yaml/yaml.h"
#include "container/yaml/yaml_scalar.h"

static int
on_write(void *data, unsigned char *bytes, size_t size)
{
	struct buf *out = data;

	return buf_add(out, bytes, size) ? 1 : 0;
}

/* Whether text contains line breaks or byte order marks that a block scalar would not preserve. */
static bool
needs_escapes(struct str text)
{
	static const char *const marks[] = {"\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9",
					    "\xef\xbb\xbf"};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (str_find(text, str_from(marks[i])) != SIZE_MAX)
			return true;
	return false;
}

static yaml_scalar_style_t
style_of(struct str text, bool is_key)
{
	bool has_break = str_find_byte(text, '\n') != SIZE_MAX;

	if (needs_escapes(text))
		return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	if (has_break)
		return is_key || strchr(" \t\n", text.data[0]) != NULL
			       ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
			       : YAML_LITERAL_SCALAR_STYLE;
	return yaml_scalar_needs_quotes(text) ? YAML_SINGLE_QUOTED_SCALAR_STYLE
					      : YAML_PLAIN_SCALAR_STYLE;
}

static bool
emit_scalar(yaml_emitter_t *emitter, struct str text, yaml_scalar_style_t style)
{
	yaml_event_t event;
	union {
		const char *read;
		yaml_char_t *write; /* libyaml copies it */
	} value = {.read = text.len == 0 ? "" : text.data};

	return yaml_scalar_event_initialize(&event, NULL, NULL, value.write, (int)text.len, 1, 1,
					    style) == 1 &&
	       yaml_emitter_emit(emitter, &event) == 1;
}

static bool
emit_real(yaml_emitter_t *emitter, double real)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) >= real && strtod(text, NULL) <= real)
			break;
	}
	return emit_scalar(emitter, str_from(text), YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_node(yaml_emitter_t *emitter, const struct node *n);

static bool
emit_list(yaml_emitter_t *emitter, const struct node *list)
{
	yaml_event_t event;

	if (yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
						 YAML_BLOCK_SEQUENCE_STYLE) != 1 ||
	    yaml_emitter_emit(emitter, &event) != 1)
		return false;
	for (const struct node *c = node_first(list); c != NULL; c = node_next(c))
		if (!emit_node(emitter, c))
			return false;
	return yaml_sequence_end_event_initialize(&event) == 1 &&
	       yaml_emitter_emit(emitter, &event) == 1;
}

static bool
emit_map(yaml_emitter_t *emitter, const struct node *map)
{
	yaml_event_t event;

	if (yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) !=
		    1 ||
	    yaml_emitter_emit(emitter, &event) != 1)
		return false;
	for (const struct node *c = node_first(map); c != NULL; c = node_next(c))
		if (!emit_scalar(emitter, c->key, style_of(c->key, true)) || !emit_node(emitter, c))
			return false;
	return yaml_mapping_end_event_initialize(&event) == 1 &&
	       yaml_emitter_emit(emitter, &event) == 1;
}

static bool
emit_node(yaml_emitter_t *emitter, const struct node *n)
{
	char number[24];

	switch (n->kind) {
	case NODE_NULL:
		return emit_scalar(emitter, STR("null"), YAML_PLAIN_SCALAR_STYLE);
	case NODE_BOOL:
		return emit_scalar(emitter, n->integer != 0 ? STR("true") : STR("false"),
				   YAML_PLAIN_SCALAR_STYLE);
	case NODE_INT:
		(void)snprintf(number, sizeof(number), "%lld", (long long)n->integer);
		return emit_scalar(emitter, str_from(number), YAML_PLAIN_SCALAR_STYLE);
	case NODE_REAL:
		return emit_real(emitter, n->real);
	case NODE_STR:
		return emit_scalar(emitter, n->text, style_of(n->text, false));
	case NODE_LIST:
		return emit_list(emitter, n);
	case NODE_MAP:
		return emit_map(emitter, n);
	}
	return false;
}

static bool
emit_document(yaml_emitter_t *emitter, const struct node *root)
{
	yaml_event_t event;

	return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) == 1 &&
	       yaml_emitter_emit(emitter, &event) == 1 &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0) == 1 &&
	       yaml_emitter_emit(emitter, &event) == 1 && emit_node(emitter, root) &&
	       yaml_document_end_event_initialize(&event, 1) == 1 &&
	       yaml_emitter_emit(emitter, &event) == 1 &&
	       yaml_stream_end_event_initialize(&event) == 1 &&
	       yaml_emitter_emit(emitter, &event) == 1 && yaml_emitter_flush(emitter) == 1;
}

bool
yaml_write(const struct node *root, struct buf *out)
{
	yaml_emitter_t emitter;

	if (yaml_emitter_initialize(&emitter) != 1)
		return false;
	yaml_emitter_set_output(&emitter, on_write, out);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);
	bool ok = emit_document(&emitter, root);
	yaml_emitter_delete(&emitter);
	return ok && buf_is_ok(out);
}
