/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /logs of the admin listener. Each reply has a log reader, which supplies the next piece when the
 * client has received the previous one. It reads at most LOG_FILES_STEP bytes of files per piece.
 */
#include <stdlib.h>

#include "base/json.h"
#include "proxy/admin.h"
#include "proxy/logs/log_files.h"
#include "proxy/logs/log_reader.h"

#define PIECE_BYTES (16u * 1024u)

struct admin_log {
	struct proxy *proxy;
	struct log_reader *reader;
};

static enum service_piece
fill(void *arg, struct buf *out)
{
	struct admin_log *l = arg;
	enum log_reader_result result = LOG_READER_RECORD;
	struct log_record record;

	log_reader_begin_step(l->reader);
	while (out->len < PIECE_BYTES &&
	       (result = log_reader_next(l->reader, &record)) == LOG_READER_RECORD) {
		log_record_write_json(&record, out);
		buf_add_byte(out, '\n');
	}
	return result == LOG_READER_END ? SERVICE_END : SERVICE_MORE;
}

static void
close_log(void *arg)
{
	struct admin_log *l = arg;

	l->proxy->admin_log_readers_count--;
	log_reader_free(l->reader);
	free(l);
}

static void
refuse(struct service_reply *reply, unsigned status, const char *error, const char *detail)
{
	struct json_writer w;

	reply->status = status;
	reply->content_type = "application/json";
	json_write_begin_object(&w, &reply->body);
	json_write_str(&w, "error", str_from(error));
	json_write_str(&w, "detail", str_from(detail));
	if (!json_write_end_object(&w))
		reply->status = 500;
}

static bool
open_log(struct proxy *p, const struct log_query *query, struct service_source *source)
{
	const struct log_reader_options options = {.ring = p->log_ring,
						   .patterns = &p->settings->log_files,
						   .window_bytes = LOG_FILES_WINDOW};
	struct admin_log *l = p->log_ring == NULL ? NULL : calloc(1, sizeof(*l));

	if (l == NULL)
		return false;
	l->proxy = p;
	l->reader = log_reader_new(&options, query);
	if (l->reader == NULL) {
		free(l);
		return false;
	}
	p->admin_log_readers_count++;
	*source = (struct service_source){fill, close_log, l};
	return true;
}

void
admin_logs_answer(const struct service_request *request, struct service_reply *reply, void *arg)
{
	struct proxy *p = arg;
	struct log_query query;
	struct err e = ERR_INIT;

	reply->content_type = "application/x-ndjson";
	if (!log_query_parse(&query, request->query, &e))
		refuse(reply, 400, "bad_request", e.text);
	else if (p->admin_log_readers_count >= ADMIN_LOGS_READERS_MAX)
		refuse(reply, 503, "too_many_readers",
		       "two clients are already reading the log: try again later");
	else if (!open_log(p, &query, &reply->source))
		refuse(reply, 500, "internal_error", "out of memory for reading the log");
}
