/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes YAML with libyaml; scalars are interpreted as by Kubernetes (yaml_scalar.h).
 *
 * Aliases are expanded and merge keys applied, within the document's limit on nodes. Constructs
 * that parsers interpret differently are errors with the line number: duplicate keys, keys that
 * are not strings, unknown tags, a merge key after a key that it contains. The text of !!binary is
 * not decoded: see doc.binary_line.
 */
#ifndef CONTAINER_YAML_YAML_H
#define CONTAINER_YAML_YAML_H

#include "container/yaml/node.h"

struct yaml_reader;

/* text is UTF-8 and must outlive the reader. NULL: out of memory. */
struct yaml_reader *yaml_reader_new(struct str text) MUST_CHECK;
void yaml_reader_free(struct yaml_reader *r);

/*
 * Reads the next document into d; *root is NULL at the end of the stream. source is the document's
 * text, from its first byte ("---" if present) to the next document, comments included, so that
 * the sources of all documents add up to the whole text.
 */
bool yaml_read_document(struct yaml_reader *r, struct doc *d, struct node **root,
			struct str *source, struct err *e) MUST_CHECK;

/* Appends a document that begins with "---" and ends with a line break. Strings that a parser could
 * mistake for another type are quoted. False if out is full or without memory. */
bool yaml_write(const struct node *root, struct buf *out) MUST_CHECK;

#endif
