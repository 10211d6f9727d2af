/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of parameters and their parsers.
 */
#include "proxy/logs/log_query.h"

#include "base/clock_parse.h"
#include "base/url.h"

#define VALUE_MAX_BYTES 64u /* decoded */

typedef bool read_fn(struct log_query *q, struct str value);

static bool
read_sources(struct log_query *q, struct str value)
{
	enum log_source source;
	struct str part;

	q->sources = 0;
	while (str_next(&value, ',', &part)) {
		if (!log_source_parse(part, &source))
			return false;
		q->sources |= 1u << source;
	}
	return q->sources != 0;
}

static bool
read_since(struct log_query *q, struct str value)
{
	bool has_zone = false;

	return value.len > 0 &&
	       clock_parse_time(value.data, value.len, &q->since_ms, &has_zone) == value.len &&
	       has_zone;
}

static bool
read_level(struct log_query *q, struct str value)
{
	return log_level_parse(value, &q->level);
}

static bool
read_lines(struct log_query *q, struct str value)
{
	uint64_t lines;

	if (!str_to_u64(value, 0, LOG_QUERY_LINES_MAX, &lines))
		return false;
	q->lines = (size_t)lines;
	return true;
}

static const struct parameter {
	struct str name;
	read_fn *read;
	const char *expected;
} parameters[] = {
	{{"source", 6}, read_sources, "some of proxy, clone and ide, separated by commas"},
	{{"since", 5}, read_since, "a time with its zone such as 2026-01-31T12:00:00Z (RFC 3339)"},
	{{"level", 5}, read_level, "debug, info, warn or error"},
	{{"lines", 5}, read_lines, "a number from 0 to 1000"},
};
#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

static const struct parameter *
find_parameter(struct str name)
{
	for (size_t i = 0; i < PARAMETERS; i++)
		if (str_equal(name, parameters[i].name))
			return &parameters[i];
	return NULL;
}

static bool
read_pair(struct log_query *q, struct str query, struct str pair, struct err *e)
{
	size_t equals = str_find_byte(pair, '=');
	const struct parameter *p = find_parameter(str_take(pair, equals));
	struct str ignored;
	struct buf value;

	if (p == NULL)
		return err_set(e, ERR_INPUT,
			       "A parameter is unknown; the parameters are source, since, level "
			       "and lines.");
	if (url_query_find(query, p->name, &ignored) != 1)
		return err_set(e, ERR_INPUT, "The parameter %s is repeated.", p->name.data);
	buf_init(&value, VALUE_MAX_BYTES);
	bool ok = url_decode(&value, str_skip(pair, p->name.len + 1), false) &&
		  p->read(q, buf_view(&value));
	buf_fini(&value);
	return ok ||
	       err_set(e, ERR_INPUT, "The parameter %s must be %s.", p->name.data, p->expected);
}

bool
log_query_parse(struct log_query *q, struct str query, struct err *e)
{
	struct str rest = query;
	struct str pair;

	*q = (struct log_query){.sources = (1u << LOG_SOURCES) - 1,
				.level = LOG_DEBUG,
				.since_ms = INT64_MIN,
				.lines = LOG_QUERY_LINES};
	while (str_next(&rest, '&', &pair))
		if (!str_is_empty(pair) && !read_pair(q, query, pair, e))
			return false;
	return true;
}
