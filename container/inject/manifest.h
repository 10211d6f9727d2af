/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of manifests: YAML documents, or one of JSON, with lists inside. Text in, text out;
 * documents that need no change come out byte by byte as they were.
 */
#ifndef CONTAINER_INJECT_MANIFEST_H
#define CONTAINER_INJECT_MANIFEST_H

#include "container/inject/inject.h"

#define MANIFEST_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define MANIFEST_OUT_BYTES ((size_t)64 * 1024 * 1024)

enum manifest_note {
	MANIFEST_PROBLEM,
	MANIFEST_WARNING,
	MANIFEST_CHANGED,   /* was changed, or is a network policy that was added */
	MANIFEST_UNCHANGED, /* asks for the sidecar, and is as it must be */
};

/* object is "Deployment/name". */
typedef void manifest_note_fn(enum manifest_note note, const char *object, const char *text,
			      void *arg);

struct manifest {
	const struct container_settings *settings;
	bool adds_network_policy; /* one for each namespace with a workload, unless it is there */
	bool is_patch;		  /* out gets the JSON Patch of the only object instead */
	manifest_note_fn *on_note;
	void *arg;
};

/* Appends to out. False with e when the text can't be read; problems of objects are notes, and out
 * is not to be used then. */
bool manifest_inject(const struct manifest *m, struct str text, struct buf *out,
		     struct err *e) MUST_CHECK;

#endif
