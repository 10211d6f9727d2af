/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Macros for the rows of the table of settings, and its groups. For rows_*.c and settings_table.c
 * only.
 */
#ifndef PROXY_SETTINGS_ROWS_SETTINGS_ROWS_H
#define PROXY_SETTINGS_ROWS_SETTINGS_ROWS_H

#include "proxy/settings/settings.h"

#define SECOND 1000u
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define KIB    1024u

/* The start of a row: the setting's name, its type, the field of struct settings that receives its
 * value, and the commands that read it. RANGE limits the value of a number. */
#define SETTING(setting, kind, field, readers)                                                     \
	.name = (setting), .type = (kind), .offset = offsetof(struct settings, field),             \
	.commands = (readers)
#define RANGE(from, to) .min = (from), .max = (to)

/* Short names for the commands. */
#define SERVE	   SETTINGS_SERVE
#define CLONE	   SETTINGS_CLONE
#define RELAY	   SETTINGS_RELAY
#define INJECT	   SETTINGS_INJECT
#define WEBHOOK	   SETTINGS_WEBHOOK
#define RELAY_KEY  SETTINGS_RELAY_KEY
#define GIT_CONFIG SETTINGS_GIT_CONFIG
#define ENV	   SETTINGS_ENV

#define SETTINGS_GROUP(heading, rows)                                                              \
	{                                                                                          \
		.title = (heading), .settings = (rows), .count = sizeof(rows) / sizeof((rows)[0])  \
	}

extern const struct conf_group settings_listeners;
extern const struct conf_group settings_ide;
extern const struct conf_group settings_gitlab;
extern const struct conf_group settings_relay;
extern const struct conf_group settings_sessions;
extern const struct conf_group settings_authorization;
extern const struct conf_group settings_clone;
extern const struct conf_group settings_git;
extern const struct conf_group settings_ssh;
extern const struct conf_group settings_injection;
extern const struct conf_group settings_compression;
extern const struct conf_group settings_limits;
extern const struct conf_group settings_process;

#endif
