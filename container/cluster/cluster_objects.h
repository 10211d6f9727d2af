/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of a cluster, as the API server or `kubectl get -o json` returns them: lists and single
 * objects, of any kind.
 */
#ifndef CONTAINER_CLUSTER_CLUSTER_OBJECTS_H
#define CONTAINER_CLUSTER_CLUSTER_OBJECTS_H

#include "base/json.h"

#define CLUSTER_TEXT_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* Its fields are views into the objects' text. */
struct cluster_object {
	struct str kind;
	struct str namespace; /* empty for objects without a namespace */
	struct str name;
	const struct json_node *node;
};

struct cluster_objects {
	struct json_doc **docs;
	size_t doc_count;
	struct cluster_object *items;
	size_t count;
	struct cluster_object *unread; /* without a name: all objects of the kind */
	size_t unread_count;
	struct str version; /* the API server's, such as v1.36.3; empty: unknown */
};

/* Adds the objects in a text. Call cluster_objects_fini even after a failure. */
bool cluster_objects_add(struct cluster_objects *o, struct str text, struct err *e) MUST_CHECK;

/* Records an object that could not be read, or without a name, that those of its kind could not.
 * Its strings must outlive the objects. */
bool cluster_objects_add_unread(struct cluster_objects *o, const struct cluster_object *x,
				struct err *e) MUST_CHECK;
void cluster_objects_fini(struct cluster_objects *o);

/* Returns the next object of a kind; after NULL the first one. NULL: there is none. */
const struct cluster_object *cluster_objects_next(const struct cluster_objects *o, const char *kind,
						  const struct cluster_object *after);
const struct cluster_object *cluster_objects_find(const struct cluster_objects *o, const char *kind,
						  struct str namespace, struct str name);

/* Whether the object, or without a name the kind, could not be read, so that it may exist. */
bool cluster_objects_is_unread(const struct cluster_objects *o, const char *kind,
			       struct str namespace, struct str name);

/* Returns the text at a path; empty: there is none. For labels and annotations, whose names contain
 * dots, see cluster_member. */
struct str cluster_text(const struct json_node *n, const char *path);
struct str cluster_member(const struct json_node *map, const char *key);
int64_t cluster_int(const struct json_node *n, const char *path); /* 0: unknown */

#endif
