/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker parses untrusted data, so the parent checks and escapes its lines again.
 */
#include "clone/worker/worker_log.h"

#include "base/clock_parse.h"
#include "base/json.h"
#include "base/log/log_escape.h"
#include "base/process/fd.h"
#include "clone/clone_progress.h"

#define START "{\"time\":" /* the first member, which differs from that of progress lines */

void
worker_log_send(const struct log_record *record, void *arg)
{
	struct log_record own = *record;
	struct buf line;

	own.source = LOG_SOURCE_CLONE;
	buf_init(&line, CLONE_PROGRESS_LINE_MAX);
	if (!log_record_write_json(&own, &line) || !buf_add_byte(&line, '\n')) {
		buf_clear(&line);
		own.fields = STR("\"truncated\":true");
		log_record_write_json(&own, &line);
		buf_add_byte(&line, '\n');
	}
	/* The next progress report notices that the parent has ended. */
	if (buf_is_ok(&line))
		(void)!fd_write_all(*(const int *)arg, buf_view(&line));
	buf_fini(&line);
}

bool
worker_log_is_line(struct str line)
{
	return str_starts_with(line, STR(START));
}

/* Copies numbers, booleans and strings; log lines have no other fields. */
static void
copy_field(struct json_writer *w, const struct json_member *m)
{
	char name[64];
	struct str text;
	int64_t number;
	bool is_true;

	if (m->key.len >= sizeof(name))
		return;
	memcpy(name, m->key.data, m->key.len);
	name[m->key.len] = '\0';
	if (json_get_str(m->value, "", &text, NULL))
		json_write_str(w, name, text);
	else if (json_get_int(m->value, "", &number, NULL))
		json_write_int(w, name, number);
	else if (json_get_bool(m->value, "", &is_true, NULL))
		json_write_bool(w, name, is_true);
}

/* As an object with its braces. */
static bool
copy_fields(const struct json_node *fields, struct buf *out)
{
	struct json_member m = {.place = NULL};
	struct json_writer w;

	json_write_begin_object(&w, out);
	while (json_next_member(fields, &m))
		copy_field(&w, &m);
	return json_write_end_object(&w);
}

static bool
receive(const struct json_node *root, struct buf *message, struct buf *fields, struct err *e)
{
	struct log_record record = {.source = LOG_SOURCE_CLONE};
	struct str time;
	struct str level;
	struct str text;

	if (!json_get_str(root, "time", &time, e) || !json_get_str(root, "level", &level, e) ||
	    !json_get_str(root, "message", &text, e))
		return false;
	if (clock_parse_time(time.data, time.len, &record.time_ms, NULL) != time.len ||
	    !log_level_parse(level, &record.level))
		return err_set(e, ERR_PROTOCOL, "bad time or level");
	if (!log_escape_json(message, text) || !copy_fields(json_find(root, "fields"), fields))
		return err_set(e, ERR_PROTOCOL, "too long");
	record.message = (struct str){message->data + 1, message->len - 2}; /* the quotes */
	record.fields = (struct str){fields->data + 1, fields->len - 2};
	log_show_observer(&record);
	return true;
}

bool
worker_log_receive(struct str line, struct err *e)
{
	struct json_doc *doc = json_doc_parse(line, e);
	struct buf message;
	struct buf fields;
	bool ok;

	buf_init(&message, LOG_LINE_MAX / 2);
	buf_init(&fields, LOG_LINE_MAX / 2);
	ok = doc != NULL && receive(json_doc_root(doc), &message, &fields, e);
	json_doc_free(doc);
	buf_fini(&message);
	buf_fini(&fields);
	return ok || err_wrap(e, "log line");
}
