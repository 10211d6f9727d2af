/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings: one row for each, from which it is loaded and documented. A row names a
 * field of the target struct by offset.
 */
#ifndef BASE_CONF_CONF_TABLE_H
#define BASE_CONF_CONF_TABLE_H

#include "base/arena.h"
#include "base/str.h"

enum conf_type {
	CONF_TEXT,     /* const char * ; no control characters */
	CONF_PATH,     /* const char * ; absolute file name */
	CONF_SECRET,   /* struct secret * */
	CONF_BOOL,     /* bool ; true false on off 1 0 yes no */
	CONF_INT,      /* uint64_t within min..max */
	CONF_DURATION, /* uint64_t milliseconds within min..max ; "500ms" "30s" "10m" "24h" */
	CONF_SIZE,     /* uint64_t bytes within min..max ; "4096" "64KiB" "1MiB" "1GiB" */
	CONF_URL,      /* struct url ; http or https */
	CONF_ADDRESS,  /* struct address ; see base/net/address.h ; "off" leaves it unset */
	CONF_CHOICE,   /* unsigned: index into choices */
	CONF_CUSTOM,   /* parsed by the row's function */
};

enum conf_flag {
	/* The value may be secret and is never printed. CONF_SECRET implies it. */
	CONF_HIDDEN = 1,
	/* Not a setting, but users look for it. Setting it is an error; the row's text says what to
	 * use. */
	CONF_REFUSED = 2,
};

/* Parses text into the field. On failure e says what was expected, without the value. */
typedef bool conf_parse_fn(struct str value, void *field, struct arena *a, struct err *e);

/* Appends the field as a user would write it; nothing when it is not set. Never appends secrets. */
typedef void conf_format_fn(const void *field, struct buf *out);

struct conf_setting {
	const char *name; /* without the prefix, such as "COOKIE_EXPIRE" */
	enum conf_type type;
	unsigned commands; /* bits of the commands that read it; the table's owner defines them */
	unsigned required; /* the commands that fail where it is not set */
	unsigned flags;
	size_t offset;
	const char *fallback; /* text as a user would write it, or NULL */
	uint64_t min;
	uint64_t max;
	const char *const *choices;   /* NULL-terminated, for CONF_CHOICE */
	bool (*is_valid)(struct str); /* for CONF_TEXT, or NULL */
	conf_parse_fn *parse;	      /* for CONF_CUSTOM */
	conf_format_fn *format;	      /* for CONF_CUSTOM */
	const char *expected; /* what a value looks like; for CONF_CUSTOM, and with is_valid */
	const char *unset;    /* what holds when it is not set, for the docs, or NULL */
	const char *alias;    /* whole name of an accepted foreign variable, or NULL */
	const char *text;     /* one or two sentences, Markdown */
};

/* Settings under one heading of help and docs. Refused settings are in a group of their own. */
struct conf_group {
	const char *title;
	const struct conf_setting *settings;
	size_t count;
};

struct conf_table {
	const char *prefix;			/* "WORKSPACE_PROXY_" */
	const char *intro;			/* Markdown that opens the documentation */
	const struct conf_group *const *groups; /* NULL-terminated */
};

/* Iterates over all settings: start with a zeroed cursor; NULL is the end. */
struct conf_cursor {
	size_t group;
	size_t setting;
};
const struct conf_setting *conf_next(const struct conf_table *table, struct conf_cursor *at);

#endif
