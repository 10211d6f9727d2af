/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of phases and problems, and progress as JSON: the writer for pages, events and the worker's
 * pipe, and the parser for what comes through that pipe.
 */
#include "clone/clone_progress.h"

#include "base/json.h"
#include "clone/failure.h"

#define ATTEMPTS_MAX 1000

const char *const clone_phase_names[CLONE_PHASES] = {
	[CLONE_OFF] = "off",
	[CLONE_WAITING] = "waiting",
	[CLONE_CONNECTING] = "connecting",
	[CLONE_RECEIVING] = "receiving",
	[CLONE_RESOLVING] = "resolving",
	[CLONE_LFS] = "lfs",
	[CLONE_CHECKOUT] = "checkout",
	[CLONE_DONE] = "done",
	[CLONE_FAILED] = "failed",
};

static const char *const problem_names[] = {
	[CLONE_PROBLEM_NONE] = "none",
	[CLONE_PROBLEM_TOKEN] = "token",
	[CLONE_PROBLEM_NO_ACCESS] = "no_access",
	[CLONE_PROBLEM_NOT_FOUND] = "not_found",
	[CLONE_PROBLEM_REF] = "ref",
	[CLONE_PROBLEM_UNREACHABLE] = "unreachable",
	[CLONE_PROBLEM_TLS] = "tls",
	[CLONE_PROBLEM_STALLED] = "stalled",
	[CLONE_PROBLEM_DISK_FULL] = "disk_full",
	[CLONE_PROBLEM_NOT_EMPTY] = "not_empty",
	[CLONE_PROBLEM_PERMISSION] = "permission",
	[CLONE_PROBLEM_REFUSED] = "refused",
	[CLONE_PROBLEM_INTERNAL] = "internal",
	[CLONE_PROBLEM_OTHER_REPOSITORY] = "other_repository",
};

const char *const clone_history_names[CLONE_HISTORY_STATES] = {
	[CLONE_HISTORY_NONE] = "none",
	[CLONE_HISTORY_COMING] = "coming",
	[CLONE_HISTORY_COMPLETE] = "complete",
	[CLONE_HISTORY_MISSING] = "missing",
};

static const struct {
	enum clone_note note;
	const char *name;
} notes[] = {
	{CLONE_NOTE_EXISTING, "found"},	       {CLONE_NOTE_UNREADABLE, "closed"},
	{CLONE_NOTE_MARKED, "marked"},	       {CLONE_NOTE_LFS, "lfs"},
	{CLONE_NOTE_SUBMODULES, "submodules"}, {CLONE_NOTE_NO_HEAD, "no_head"},
	{CLONE_NOTE_WAITS, "waits"},
};
#define NOTES (sizeof(notes) / sizeof(notes[0]))

const char *
clone_problem_name(enum clone_problem problem)
{
	return problem_names[problem];
}

static void
write_lfs(struct json_writer *w, const struct clone_lfs *lfs)
{
	json_write_object(w, "lfs");
	json_write_int(w, "objects_done", (int64_t)lfs->objects_done);
	json_write_int(w, "objects_total", (int64_t)lfs->objects_total);
	json_write_int(w, "bytes_done", (int64_t)lfs->bytes_done);
	json_write_int(w, "bytes_total", (int64_t)lfs->bytes_total);
	json_write_close(w, '}');
}

static void
write_history(struct json_writer *w, const struct clone_history *h)
{
	json_write_object(w, "history");
	json_write_str(w, "state", str_from(clone_history_names[h->state]));
	json_write_int(w, "objects_done", (int64_t)h->objects_done);
	json_write_int(w, "objects_total", (int64_t)h->objects_total);
	json_write_int(w, "bytes", (int64_t)h->bytes);
	json_write_close(w, '}');
}

bool
clone_progress_json(const struct clone_progress *p, struct buf *out)
{
	struct json_writer w;

	json_write_begin_object(&w, out);
	json_write_str(&w, "phase", str_from(clone_phase_names[p->phase]));
	json_write_int(&w, "percent", p->percent);
	json_write_int(&w, "objects_done", (int64_t)p->counters.objects_done);
	json_write_int(&w, "objects_total", (int64_t)p->counters.objects_total);
	json_write_int(&w, "deltas_done", (int64_t)p->counters.deltas_done);
	json_write_int(&w, "deltas_total", (int64_t)p->counters.deltas_total);
	json_write_int(&w, "files_done", (int64_t)p->counters.files_done);
	json_write_int(&w, "files_total", (int64_t)p->counters.files_total);
	json_write_int(&w, "bytes", (int64_t)p->counters.bytes);
	json_write_int(&w, "bytes_per_s", (int64_t)p->rate.bytes_per_s);
	json_write_int(&w, "left_s", (int64_t)p->rate.left_s);
	json_write_int(&w, "attempt", (int64_t)p->attempt);
	json_write_int(&w, "started_at", p->started_at_s);
	json_write_int(&w, "ended_at", p->ended_at_s);
	if (p->problem == CLONE_PROBLEM_NONE)
		json_write_null(&w, "problem");
	else
		json_write_str(&w, "problem", str_from(clone_problem_name(p->problem)));
	json_write_array(&w, "notes");
	for (size_t i = 0; i < NOTES; i++) {
		if ((p->notes & notes[i].note) != 0)
			json_write_str(&w, NULL, str_from(notes[i].name));
	}
	json_write_close(&w, ']');
	write_lfs(&w, &p->lfs);
	write_history(&w, &p->history);
	json_write_str(&w, "remote_text", str_from(p->remote_text));
	json_write_bool(&w, "can_retry", p->can_retry);
	json_write_str(&w, "message", str_from(p->message));
	return json_write_end_object(&w);
}

static bool
name_parse(struct str name, const char *const *names, size_t count, size_t *index)
{
	for (size_t i = 0; i < count; i++) {
		if (str_equal(name, str_from(names[i]))) {
			*index = i;
			return true;
		}
	}
	return false;
}

static bool
parse_names(const struct json_node *root, struct clone_progress *p, struct err *e)
{
	size_t phase = 0;
	size_t problem = CLONE_PROBLEM_NONE;
	struct str text;

	if (!json_get_str(root, "phase", &text, e))
		return false;
	if (!name_parse(text, clone_phase_names, CLONE_PHASES, &phase))
		return err_set(e, ERR_PROTOCOL, "unknown phase");
	if (!json_get_opt_str(root, "problem", &text, e))
		return false;
	if (!str_is_empty(text) &&
	    !name_parse(text, problem_names, sizeof(problem_names) / sizeof(problem_names[0]),
			&problem))
		return err_set(e, ERR_PROTOCOL, "unknown problem");
	p->phase = (enum clone_phase)phase;
	p->problem = (enum clone_problem)problem;
	if ((p->phase == CLONE_FAILED) != (p->problem != CLONE_PROBLEM_NONE))
		return err_set(e, ERR_PROTOCOL, "phase and problem contradict each other");
	return true;
}

static bool
parse_notes(const struct json_node *root, struct clone_progress *p, struct err *e)
{
	const struct json_node *array = json_find(root, "notes");

	for (size_t i = 0; i < json_array_len(array); i++) {
		struct str name;
		size_t at = 0;

		if (!json_get_str(json_array_at(array, i), "", &name, e))
			return false;
		while (at < NOTES && !str_equal(name, str_from(notes[at].name)))
			at++;
		if (at == NOTES)
			return err_set(e, ERR_PROTOCOL, "unknown note");
		p->notes |= notes[at].note;
	}
	return true;
}

/* Formats the text again, because the worker has parsed untrusted data. */
static bool
parse_remote_text(const struct json_node *root, struct clone_progress *p, struct err *e)
{
	struct str text;

	if (!json_get_opt_str(root, "remote_text", &text, e))
		return false;
	failure_format_text(text, p->remote_text, sizeof(p->remote_text));
	return true;
}

struct number {
	const char *name;
	uint64_t *value;
};

static bool
parse_unsigned(const struct json_node *node, const struct number *numbers, size_t count,
	       struct err *e)
{
	int64_t value;

	for (size_t i = 0; i < count; i++) {
		if (!json_get_int(node, numbers[i].name, &value, e))
			return false;
		if (value < 0)
			return err_set(e, ERR_PROTOCOL, "%s is negative", numbers[i].name);
		*numbers[i].value = (uint64_t)value;
	}
	return true;
}

static bool
parse_lfs(const struct json_node *root, struct clone_progress *p, struct err *e)
{
	const struct json_node *node = json_find(root, "lfs");
	const struct number numbers[] = {
		{"objects_done", &p->lfs.objects_done},
		{"objects_total", &p->lfs.objects_total},
		{"bytes_done", &p->lfs.bytes_done},
		{"bytes_total", &p->lfs.bytes_total},
	};

	return node == NULL ||
	       parse_unsigned(node, numbers, sizeof(numbers) / sizeof(numbers[0]), e);
}

static bool
parse_numbers(const struct json_node *root, struct clone_progress *p, struct err *e)
{
	const struct number numbers[] = {
		{"objects_done", &p->counters.objects_done},
		{"objects_total", &p->counters.objects_total},
		{"deltas_done", &p->counters.deltas_done},
		{"deltas_total", &p->counters.deltas_total},
		{"files_done", &p->counters.files_done},
		{"files_total", &p->counters.files_total},
		{"bytes", &p->counters.bytes},
		{"bytes_per_s", &p->rate.bytes_per_s},
		{"left_s", &p->rate.left_s},
	};
	int64_t value;

	if (!parse_unsigned(root, numbers, sizeof(numbers) / sizeof(numbers[0]), e))
		return false;
	if (!json_get_int(root, "percent", &value, e))
		return false;
	if (value < 0 || value > 100)
		return err_set(e, ERR_PROTOCOL, "percent is out of range");
	p->percent = (unsigned)value;
	if (!json_get_int(root, "attempt", &value, e))
		return false;
	if (value < 0 || value > ATTEMPTS_MAX)
		return err_set(e, ERR_PROTOCOL, "attempt is out of range");
	p->attempt = (unsigned)value;
	return true;
}

static bool
parse_history(const struct json_node *root, struct clone_progress *p, struct err *e)
{
	const struct json_node *node = json_find(root, "history");
	const struct number numbers[] = {
		{"objects_done", &p->history.objects_done},
		{"objects_total", &p->history.objects_total},
		{"bytes", &p->history.bytes},
	};
	size_t state = 0;
	struct str name;

	if (node == NULL)
		return true;
	if (!json_get_str(node, "state", &name, e) ||
	    !parse_unsigned(node, numbers, sizeof(numbers) / sizeof(numbers[0]), e))
		return false;
	if (!name_parse(name, clone_history_names, CLONE_HISTORY_STATES, &state))
		return err_set(e, ERR_PROTOCOL, "unknown state of the history");
	p->history.state = (enum clone_history_state)state;
	if (p->phase != CLONE_DONE && p->history.state != CLONE_HISTORY_NONE)
		return err_set(e, ERR_PROTOCOL, "phase and history contradict each other");
	return true;
}

bool
clone_progress_parse(struct str line, struct clone_progress *p, struct err *e)
{
	struct clone_progress parsed = {.phase = CLONE_OFF};
	struct json_doc *doc;
	bool ok;

	if (line.len > CLONE_PROGRESS_LINE_MAX)
		return err_set(e, ERR_PROTOCOL, "progress line is too long");
	doc = json_doc_parse(line, e);
	if (doc == NULL)
		return err_wrap(e, "progress line");
	ok = parse_names(json_doc_root(doc), &parsed, e) &&
	     parse_numbers(json_doc_root(doc), &parsed, e) &&
	     parse_notes(json_doc_root(doc), &parsed, e) &&
	     parse_lfs(json_doc_root(doc), &parsed, e) &&
	     parse_remote_text(json_doc_root(doc), &parsed, e) &&
	     parse_history(json_doc_root(doc), &parsed, e);
	json_doc_free(doc);
	if (!ok)
		return err_wrap(e, "progress line");
	*p = parsed;
	return true;
}
