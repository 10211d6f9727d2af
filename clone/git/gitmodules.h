/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses .gitmodules (gitmodules(5)) and resolves relative URLs. Pure functions over untrusted
 * text.
 */
#ifndef CLONE_GIT_GITMODULES_H
#define CLONE_GIT_GITMODULES_H

#include "base/arena.h"
#include "base/str.h"

#define GITMODULES_MAX	     256u
#define GITMODULES_MAX_BYTES (1024u * 1024u)

struct gitmodule {
	struct str name; /* of plain parts: it becomes a path below .git/modules */
	struct str path;
	struct str url;
	const char *update; /* "checkout", "rebase", "merge" or "none"; NULL: not set */
	bool is_shallow;    /* "shallow = true": only its newest commit is needed */
};

struct gitmodules {
	struct gitmodule items[GITMODULES_MAX];
	size_t count;
};

/* An ignored entry: a line that git can't read, a value or name that it does not accept, or an
 * entry beyond GITMODULES_MAX. */
struct gitmodules_issue {
	size_t line;
	struct str name; /* of the submodule; empty: unknown */
	const char *why;
	bool is_lost; /* whether the submodule can't be cloned because of it */
};
typedef void gitmodules_issue_fn(const struct gitmodules_issue *issue, void *arg);

/* Parses a .gitmodules. The last of several values counts, as in git. Entries may lack path or URL.
 * Strings are in the arena. ERR_LIMIT: the text is too large; ERR_MEMORY. */
bool gitmodules_parse(struct gitmodules *m, struct str text, struct arena *a,
		      gitmodules_issue_fn *on_issue, void *arg, struct err *e) MUST_CHECK;

/* Whether another reader of git's configuration could follow an include: whether the text contains
 * anything like an include section, even in comments and values. */
bool gitmodules_has_include(struct str text);

/* Resolves "../lib.git" relative to `base`; keeps an absolute URL. ERR_PROTOCOL: it leads above the
 * root, or could be read as an option. */
bool gitmodules_resolve_url(struct str base, struct str url, struct buf *out,
			    struct err *e) MUST_CHECK;

#endif
