/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of levels and sources, the forms of a record, and the observer, which is part of the log's
 * global state.
 */
#include "base/log/log_record.h"

#include "base/clock.h"

static const char *const levels[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn",
	[LOG_ERROR] = "error", [LOG_OFF] = "off",
};
static const char *const sources[LOG_SOURCES] = {
	[LOG_SOURCE_PROXY] = "proxy",
	[LOG_SOURCE_CLONE] = "clone",
	[LOG_SOURCE_IDE] = "ide",
};

const char *
log_level_name(enum log_level level)
{
	return levels[level];
}

bool
log_level_parse(struct str name, enum log_level *level)
{
	for (size_t i = LOG_DEBUG; i < LOG_OFF; i++) {
		if (str_equal(name, str_from(levels[i]))) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool
log_source_parse(struct str name, enum log_source *source)
{
	for (size_t i = 0; i < LOG_SOURCES; i++) {
		if (str_equal(name, str_from(sources[i]))) {
			*source = (enum log_source)i;
			return true;
		}
	}
	return false;
}

static void
add_time(const struct log_record *r, struct buf *out)
{
	char time[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(r->time_ms, time, sizeof(time));
	buf_add_str(out, str_from(time));
}

bool
log_record_write_json(const struct log_record *r, struct buf *out)
{
	buf_add_str(out, STR("{\"time\":\""));
	add_time(r, out);
	buf_addf(out, "\",\"level\":\"%s\",\"source\":\"%s\",\"message\":\"", levels[r->level],
		 sources[r->source]);
	buf_add_str(out, r->message);
	buf_add_str(out, STR("\",\"fields\":{"));
	buf_add_str(out, r->fields);
	return buf_add_str(out, STR("}}"));
}

bool
log_record_write_text(const struct log_record *r, struct buf *out)
{
	static const char *const names[] = {"DEBUG", "INFO ", "WARN ", "ERROR", "OFF  "};

	add_time(r, out);
	buf_addf(out, " %s %-5s  ", names[r->level], sources[r->source]);
	buf_add_str(out, r->message);
	if (str_is_empty(r->fields))
		return buf_is_ok(out);
	buf_add_str(out, STR(" {"));
	buf_add_str(out, r->fields);
	return buf_add_str(out, STR("}"));
}

static struct {
	log_observer_fn *fn; /* NULL: no observer */
	void *arg;
} observer;

void
log_observe(log_observer_fn *fn, void *arg)
{
	observer.fn = fn;
	observer.arg = arg;
}

bool
log_is_observed(void)
{
	return observer.fn != NULL;
}

void
log_show_observer(const struct log_record *record)
{
	if (observer.fn != NULL)
		observer.fn(record, observer.arg);
}
