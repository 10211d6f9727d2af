/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merges streams (the ring, and a slot for each file) by the time of their next record. A first
 * pass finds where the last matching lines of each stream begin, so that no lines have to be
 * stored.
 */
#include "proxy/logs/log_reader.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log/log_escape.h"
#include "proxy/logs/log_files.h"
#include "proxy/logs/log_text.h"

#define RING	 0 /* the first stream; those of files follow */
#define STREAMS	 (1 + LOG_FILES_MAX)
#define LEFT_OUT "lines left out" /* message of the record that replaces lost lines */
#define SKIP_MAX 4096u		  /* records to skip per step */

enum phase {
	PHASE_LOOK,  /* looking for files */
	PHASE_COUNT, /* finding where the last lines begin */
	PHASE_LAST,  /* merging the last lines */
	PHASE_FOLLOW,
};

/* Time and level of the last line of a file, for lines without their own. */
struct last_line {
	bool has_time;
	int64_t time_ms;
	enum log_level level;
};

struct log_input {
	bool has_head; /* the next record matches */
	int64_t head_ms;
	struct last_line last;
};

struct place {
	uint64_t at;
	uint64_t number;       /* as ring_number; for the ring only */
	struct last_line last; /* before this place */
};

struct log_reader {
	struct log_query query;
	const struct log_ring *ring;
	uint64_t ring_at;
	uint64_t ring_number; /* number of the record at ring_at, from the start of the process */
	uint64_t ring_end;    /* end of the ring when the reader was created */
	struct log_files *files;
	bool follows;
	bool is_look_due;
	enum phase phase;
	struct log_input streams[STREAMS];
	size_t counted;	      /* stream of PHASE_COUNT */
	struct place *places; /* circular, of the last query.lines; freed after PHASE_COUNT */
	size_t places_count;
	size_t matches; /* of all streams */
	size_t passed;	/* records skipped in this step */
	struct log_text text;
	struct buf message;
	struct buf fields;
};

struct log_reader *
log_reader_new(const struct log_reader_options *options, const struct log_query *query)
{
	struct log_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->query = *query;
	for (size_t i = 0; i < STREAMS; i++)
		r->streams[i].last.level = LOG_INFO;
	r->ring = options->ring;
	r->ring_at = r->ring->begin;
	r->ring_number = r->ring->replaced;
	r->ring_end = options->ring->end;
	r->follows = options->follows;
	r->places = calloc(query->lines + 1, sizeof(*r->places));
	r->files = log_files_new(options->patterns, options->window_bytes);
	log_text_init(&r->text);
	buf_init(&r->message, (size_t)8 * LOG_TEXT_MAX);
	buf_init(&r->fields, LOG_LINE_MAX);
	if (r->places != NULL && r->files != NULL)
		return r;
	log_reader_free(r);
	return NULL;
}

void
log_reader_free(struct log_reader *r)
{
	if (r == NULL)
		return;
	log_files_free(r->files);
	log_text_fini(&r->text);
	buf_fini(&r->message);
	buf_fini(&r->fields);
	free(r->places);
	free(r);
}

static bool
is_match(const struct log_query *q, const struct log_record *record)
{
	return log_query_has_source(q, record->source) && record->level >= q->level &&
	       record->time_ms >= q->since_ms;
}

/* Makes the record that replaces lost records of the ring. It passes every level filter. */
static void
tell_lost(struct log_reader *r, struct log_record *record)
{
	uint64_t position = r->ring->begin;

	buf_clear(&r->fields);
	buf_addf(&r->fields, "\"lines\":%llu",
		 (unsigned long long)(r->ring->replaced - r->ring_number));
	(void)log_ring_read(r->ring, &position, record); /* for its time and source */
	record->level = r->query.level > LOG_WARN ? r->query.level : LOG_WARN;
	record->source = log_query_has_source(&r->query, LOG_SOURCE_PROXY) ? LOG_SOURCE_PROXY
									   : LOG_SOURCE_CLONE;
	record->message = STR(LEFT_OUT);
	record->fields = buf_view(&r->fields);
}

/* Peeks at the next record of the ring. *next: position after it. */
static enum log_reader_result
peek_ring(struct log_reader *r, uint64_t *next, struct log_record *record)
{
	*next = r->ring_at;
	if (r->ring->replaced > r->ring_number) {
		tell_lost(r, record);
		return LOG_READER_RECORD;
	}
	if (r->phase != PHASE_FOLLOW && *next >= r->ring_end)
		return LOG_READER_END;
	return log_ring_read(r->ring, next, record) ? LOG_READER_RECORD : LOG_READER_END;
}

/* Clears the buffer and appends the text, escaped as a JSON string, but without quotes. */
static struct str
escape(struct buf *out, struct str text)
{
	buf_clear(out);
	if (!log_escape_json(out, text))
		return STR("?");
	return (struct str){out->data + 1, out->len - 2};
}

static void
add_file_fields(struct log_reader *r, const struct log_file_line *line)
{
	struct buf *out = &r->fields;

	buf_clear(out);
	buf_add_str(out, STR("\"file\":"));
	log_escape_json(out, str_from(line->file));
	if (line->left_out_bytes > 0)
		buf_addf(out, ",\"bytes\":%llu", (unsigned long long)line->left_out_bytes);
	if (line->is_cut)
		buf_add_str(out, STR(",\"truncated\":true"));
	if (r->text.fields.len > 0 && line->left_out_bytes == 0) {
		buf_add_byte(out, ',');
		buf_add_str(out, r->text.fields);
	}
}

static void
make_record(struct log_reader *r, const struct log_file_line *line, struct log_record *record)
{
	record->message =
		line->left_out_bytes > 0 ? STR(LEFT_OUT) : escape(&r->message, r->text.message);
	add_file_fields(r, line);
	record->fields = buf_is_ok(&r->fields) ? buf_view(&r->fields) : STR_NONE;
}

/* Sets time and level of a file's line: its own, or those of the line before. */
static void
describe(struct log_reader *r, const struct log_input *s, const struct log_file_line *line,
	 struct log_record *record)
{
	*record = (struct log_record){
		.source = LOG_SOURCE_IDE,
		.level = r->query.level > LOG_WARN ? r->query.level : LOG_WARN,
	};
	record->time_ms = clock_wall_ms();
	r->text.has_time = false;
	if (line->left_out_bytes > 0)
		return;
	log_text_parse(&r->text, line->text);
	record->level = r->text.has_level      ? r->text.level
			: r->text.is_continued ? s->last.level
					       : LOG_INFO;
	if (r->text.has_time)
		record->time_ms = r->text.time_ms;
	else if (line->is_old)
		record->time_ms = s->last.has_time ? s->last.time_ms : line->changed_ms;
}

static void
take_line(struct log_reader *r, size_t index, const struct log_record *record)
{
	struct log_input *s = &r->streams[index];

	s->last.has_time = s->last.has_time || r->text.has_time;
	s->last.time_ms = record->time_ms;
	s->last.level = record->level;
	log_files_take(r->files, index - 1);
}

static enum log_reader_result
peek_file(struct log_reader *r, size_t index, uint64_t *at, struct log_record *record)
{
	struct log_file_line line;

	switch (log_files_peek(r->files, index - 1, &line)) {
	case LOG_FILES_NONE:
		return LOG_READER_END;
	case LOG_FILES_BUSY:
		return LOG_READER_BUSY;
	case LOG_FILES_LINE:
		break;
	}
	*at = line.at;
	describe(r, &r->streams[index], &line, record);
	make_record(r, &line, record);
	return LOG_READER_RECORD;
}

/* Advances past a record, or to the oldest one if records were lost. */
static void
take_from_ring(struct log_reader *r, uint64_t next)
{
	bool has_lost = r->ring->replaced > r->ring_number;

	r->ring_number = has_lost ? r->ring->replaced : r->ring_number + 1;
	r->ring_at = has_lost ? r->ring->begin : next;
}

/* Advances past the peeked record. */
static void
take(struct log_reader *r, size_t index, uint64_t place, const struct log_record *record)
{
	r->streams[index].has_head = false;
	if (index == RING)
		take_from_ring(r, place);
	else
		take_line(r, index, record);
}

static enum log_reader_result
peek(struct log_reader *r, size_t index, uint64_t *place, struct log_record *record)
{
	return index == RING ? peek_ring(r, place, record) : peek_file(r, index, place, record);
}

/* Peeks at the next record that matches. Skips blank lines. */
static enum log_reader_result
find_match(struct log_reader *r, size_t index, uint64_t *place, struct log_record *record)
{
	for (;;) {
		enum log_reader_result result = peek(r, index, place, record);

		if (result != LOG_READER_RECORD ||
		    (is_match(&r->query, record) && record->message.len > 0))
			return result;
		take(r, index, *place, record);
		if (r->passed++ == SKIP_MAX)
			return LOG_READER_BUSY;
	}
}

/* Goes back to the first of the last matching lines of the current stream. */
static void
seek_last(struct log_reader *r)
{
	size_t lines = r->query.lines;
	bool is_full = r->places_count > lines;
	size_t kept = is_full ? lines : r->places_count;
	const struct place *first = &r->places[is_full && lines > 0 ? r->places_count % lines : 0];

	r->matches += kept;
	r->streams[r->counted] = (struct log_input){.last.level = LOG_INFO};
	if (kept > 0)
		r->streams[r->counted].last = first->last;
	if (kept > 0 && r->counted == RING) {
		r->ring_at = first->at;
		r->ring_number = first->number;
	} else if (kept > 0) {
		log_files_seek(r->files, r->counted - 1, first->at);
	}
	r->places_count = 0;
	r->counted++;
}

/* False when this step has done enough. */
static bool
count_stream(struct log_reader *r)
{
	struct log_record record;
	uint64_t place;

	for (;;) {
		struct place before = {.at = r->ring_at, .number = r->ring_number};
		enum log_reader_result result = find_match(r, r->counted, &place, &record);

		if (result == LOG_READER_BUSY)
			return false;
		if (result == LOG_READER_END)
			break;
		before.at = r->counted == RING ? before.at : place;
		before.last = r->streams[r->counted].last;
		if (r->query.lines > 0)
			r->places[r->places_count % r->query.lines] = before;
		r->places_count++;
		take(r, r->counted, place, &record);
	}
	seek_last(r);
	return true;
}

/* Finds the stream whose next record is the oldest; STREAMS if there is none. */
static enum log_reader_result
find_oldest(struct log_reader *r, size_t *oldest)
{
	struct log_record record = {.time_ms = 0};
	uint64_t place;

	*oldest = STREAMS;
	for (size_t i = 0; i < STREAMS; i++) {
		struct log_input *s = &r->streams[i];

		if (!s->has_head) {
			enum log_reader_result result = find_match(r, i, &place, &record);

			if (result == LOG_READER_BUSY)
				return result;
			s->has_head = result == LOG_READER_RECORD;
			s->head_ms = record.time_ms;
		}
		if (s->has_head && (*oldest == STREAMS || s->head_ms < r->streams[*oldest].head_ms))
			*oldest = i;
	}
	return *oldest == STREAMS ? LOG_READER_END : LOG_READER_RECORD;
}

/* Returns the oldest record. Searches again if a file was truncated after its line was peeked. */
static enum log_reader_result
take_oldest(struct log_reader *r, struct log_record *record)
{
	enum log_reader_result result;
	uint64_t place;
	size_t index;

	while ((result = find_oldest(r, &index)) == LOG_READER_RECORD) {
		result = find_match(r, index, &place, record);
		r->streams[index].has_head = false;
		if (result == LOG_READER_BUSY)
			return result;
		if (result == LOG_READER_END)
			continue;
		take(r, index, place, record);
		return LOG_READER_RECORD;
	}
	return result;
}

static enum log_reader_result
next_of_last(struct log_reader *r, struct log_record *record)
{
	enum log_reader_result result;

	while ((result = take_oldest(r, record)) == LOG_READER_RECORD) {
		if (r->matches <= r->query.lines)
			return result;
		r->matches--;
	}
	if (result == LOG_READER_END) {
		r->phase = PHASE_FOLLOW;
		if (r->follows)
			log_files_follow(r->files);
		log_reader_refresh(r);
	}
	return result;
}

/* False when this step has done enough. */
static bool
prepare(struct log_reader *r)
{
	bool has_files = log_query_has_source(&r->query, LOG_SOURCE_IDE);

	if (r->phase == PHASE_LOOK && has_files && !log_files_refresh(r->files))
		return false;
	if (r->phase == PHASE_LOOK)
		r->phase = PHASE_COUNT;
	while (r->phase == PHASE_COUNT && r->counted < STREAMS)
		if (!count_stream(r))
			return false;
	if (r->phase == PHASE_COUNT) {
		r->phase = PHASE_LAST;
		free(r->places);
		r->places = NULL;
	}
	return true;
}

enum log_reader_result
log_reader_next(struct log_reader *r, struct log_record *record)
{
	enum log_reader_result result = LOG_READER_END;

	if (!prepare(r))
		return LOG_READER_BUSY;
	if (r->phase == PHASE_LAST)
		result = next_of_last(r, record);
	if (result != LOG_READER_END || !r->follows)
		return result;
	if (r->is_look_due) {
		r->is_look_due = !log_files_refresh(r->files);
		if (r->is_look_due)
			return LOG_READER_BUSY;
	}
	return take_oldest(r, record);
}

void
log_reader_begin_step(struct log_reader *r)
{
	r->passed = 0;
	log_files_begin_step(r->files);
}

void
log_reader_refresh(struct log_reader *r)
{
	r->is_look_due = r->phase == PHASE_FOLLOW && r->follows &&
			 log_query_has_source(&r->query, LOG_SOURCE_IDE);
}

int
log_reader_events(const struct log_reader *r)
{
	return log_files_events(r->files);
}

void
log_reader_clear_events(struct log_reader *r)
{
	log_files_clear_events(r->files);
}
