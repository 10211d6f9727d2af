/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML by libyaml, within limits, with Kubernetes' meaning (see yaml_scalar.h); the only module
 * that includes yaml.h.
 *
 * Aliases are expanded and merge keys applied, both within the document's limit on nodes. What
 * would not mean one thing to every reader is an error that names its line: duplicate keys, keys
 * that are no strings, unknown tags, a merge behind a key that it would change.
 */
#ifndef CONTAINER_YAML_YAML_H
#define CONTAINER_YAML_YAML_H

#include "container/yaml/node.h"

struct yaml_reader;

/* text is UTF-8 and outlives the reader. NULL: no memory. */
struct yaml_reader *yaml_reader_new(struct str text) MUST_CHECK;
void yaml_reader_free(struct yaml_reader *r);

/*
 * The next document into d; *root is NULL at the end of the stream, and source is the document's
 * part of the text: from its first byte (with "---", where it has one) to the next one's, comments
 * included. The parts of all documents are the whole text.
 */
bool yaml_read_document(struct yaml_reader *r, struct doc *d, struct node **root,
			struct str *source, struct err *e) MUST_CHECK;

/* Appends a document that begins with "---" and ends with a line break. Strings that another reader
 * could take for something else are quoted. False without room or memory. */
bool yaml_write(const struct node *root, struct buf *out) MUST_CHECK;

#endif
