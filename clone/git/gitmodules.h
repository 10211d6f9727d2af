/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses .gitmodules (gitmodules(5), git-config(1)) and resolves relative URLs. Pure functions over
 * untrusted text.
 *
 * libgit2's configuration parser is not used because it follows includes.
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
};

struct gitmodules {
	struct gitmodule items[GITMODULES_MAX];
	size_t count;
};

/* False for what git would not read either, for more than GITMODULES_MAX, and for a name that leads
 * elsewhere. Entries may lack path or url. Strings live in the arena. */
bool gitmodules_parse(struct gitmodules *m, struct str text, struct arena *a,
		      struct err *e) MUST_CHECK;

/* Whether a reader of git's configuration would be led to other files by it. */
bool gitmodules_has_include(struct str text);

/* "../lib.git" seen from `base`; an absolute address as it is. ERR_PROTOCOL for what leads above
 * the root, or could be taken for an option. */
bool gitmodules_resolve_url(struct str base, struct str url, struct buf *out,
			    struct err *e) MUST_CHECK;

#endif
