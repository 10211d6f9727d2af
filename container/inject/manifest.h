/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds the sidecar to the objects of a manifest: a YAML stream or one JSON document, either of
 * which may contain lists. Documents that need no change are copied byte for byte.
 */
#ifndef CONTAINER_INJECT_MANIFEST_H
#define CONTAINER_INJECT_MANIFEST_H

#include "container/inject/inject.h"

#define MANIFEST_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define MANIFEST_OUT_BYTES ((size_t)64 * 1024 * 1024)

enum manifest_note {
	MANIFEST_PROBLEM,
	MANIFEST_WARNING,
	MANIFEST_CHANGED,   /* or a NetworkPolicy that was added */
	MANIFEST_UNCHANGED, /* already has the sidecar */
};

/* object is "Deployment/name". */
typedef void manifest_note_fn(enum manifest_note note, const char *object, const char *text,
			      void *arg);

struct manifest {
	const struct container_settings *settings;
	bool adds_network_policy; /* to each namespace with a workload, unless it has ours */
	bool is_reverse;	  /* remove the sidecar, and the policy that was added */
	bool is_patch;		  /* write a JSON Patch of the only object instead */
	manifest_note_fn *on_note;
	void *arg;
};

/* Appends to out. False with e set if the text can't be parsed. Problems of objects are reported as
 * notes; out must not be used then. */
bool manifest_inject(const struct manifest *m, struct str text, struct buf *out,
		     struct err *e) MUST_CHECK;

#endif
