/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader behind the table of settings: environment variables and their _FILE forms into a
 * struct, every problem reported at once.
 *
 * Values live in the arena; secrets are struct secret pointers that conf_free_secrets frees. An
 * empty variable counts as not set.
 */
#ifndef BASE_CONF_CONF_H
#define BASE_CONF_CONF_H

#include "base/conf/conf_problems.h"
#include "base/conf/conf_table.h"

/*
 * Reads the settings of one command (a bit of conf_setting.commands) from environment (as environ)
 * into target, and returns true when it added no problem. Settings of other commands are known but
 * not read. A problem names the variable, the value (never of a secret) and what is expected.
 * Problems are also unknown names with the prefix, for which the nearest known name is given, and a
 * setting whose NAME, _FILE and alias forms have different values. Using an alias adds a note.
 */
bool conf_load(const struct conf_table *table, unsigned command, char **environment, void *target,
	       struct arena *a, struct conf_problems *problems) MUST_CHECK;
void conf_free_secrets(const struct conf_table *table, void *target);

/* Whether any form of the setting is set, valid or not. */
bool conf_is_set(const struct conf_table *table, char **environment, const char *name);

/* Returns the path of the file that the setting's value comes from; NULL: not from a file. */
const char *conf_find_file(const struct conf_table *table, char **environment, const char *name);
/* Reads such a file without trailing line ends; out is bounded. */
bool conf_read_file(const char *path, struct buf *out, struct err *e) MUST_CHECK;
/* As conf_read_file, but the file may be empty. */
bool conf_read_text(const char *path, struct buf *out, struct err *e) MUST_CHECK;

/* Overwrites the values of secrets in the environment, which then count as not set. Neither
 * /proc/<pid>/environ nor a child process contains them afterwards. */
void conf_wipe_environment(const struct conf_table *table, char **environment);

/* Appends a setting's value as a user would write it, "set" for secrets; nothing when not set. */
void conf_format_value(const struct conf_setting *setting, const void *target, struct buf *out);

/* Format values as users write them: "30s", "64KiB". */
void conf_format_duration(uint64_t ms, char *out, size_t size);
void conf_format_size(uint64_t bytes, char *out, size_t size);

#endif
