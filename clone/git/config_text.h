/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads text in the syntax of git's configuration files (git-config(1), "Syntax") as git 2.39 does:
 * byte order mark, continuation lines, escapes, values on the line of their section. Nothing is
 * included. Used instead of libgit2's reader, which follows includes and has a syntax of its own.
 */
#ifndef CLONE_GIT_CONFIG_TEXT_H
#define CLONE_GIT_CONFIG_TEXT_H

#include "base/str.h"

#define CONFIG_TEXT_NAME_MAX  16384u /* bytes of a name, and of a value */
#define CONFIG_TEXT_VALUE_MAX 65536u

/* Views that are valid during the call. */
struct config_text_entry {
	size_t line;
	/* "submodule.lib.path": section and variable in lower case. Empty: git can't read this
	 * line. Everything up to the next section is then skipped. */
	struct str name;
	struct str value;
	bool has_value; /* false: "name" without "=" */
};

typedef void config_text_fn(const struct config_text_entry *entry, void *arg);

/* Calls fn, in order, for every variable and every line that can't be read. */
void config_text_read(struct str text, config_text_fn *fn, void *arg);

/* Splits "section.subsection.variable" at its first and last dot. False: fewer than two dots. */
bool config_text_split(struct str name, struct str *section, struct str *subsection,
		       struct str *variable);

#endif
