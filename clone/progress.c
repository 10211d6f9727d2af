/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress: names, JSON, percent and rate. What it says to people is in words.c.
 */
#include "clone/progress.h"

#include "base/json.h"

#define ATTEMPTS_MAX	  1000
#define ESTIMATE_AFTER_MS 1000u

static const char *const phase_names[] = {
	[CLONE_OFF] = "off",
	[CLONE_WAITING] = "waiting",
	[CLONE_CONNECTING] = "connecting",
	[CLONE_RECEIVING] = "receiving",
	[CLONE_RESOLVING] = "resolving",
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

static const char *const history_names[] = {
	[CLONE_HISTORY_NONE] = "none",
	[CLONE_HISTORY_COMING] = "coming",
	[CLONE_HISTORY_COMPLETE] = "complete",
	[CLONE_HISTORY_MISSING] = "missing",
};

static const struct {
	enum clone_note note;
	const char *name;
} notes[] = {
	{CLONE_NOTE_FOUND, "found"},	       {CLONE_NOTE_CLOSED, "closed"},
	{CLONE_NOTE_MARKED, "marked"},	       {CLONE_NOTE_LFS, "lfs"},
	{CLONE_NOTE_SUBMODULES, "submodules"},
};
#define NOTES (sizeof(notes) / sizeof(notes[0]))

/* Where a phase begins on the way to 100; it ends where the next one begins. */
static const unsigned phase_begins[] = {
	[CLONE_CONNECTING] = 0, [CLONE_RECEIVING] = 1, [CLONE_RESOLVING] = 60,
	[CLONE_CHECKOUT] = 90,	[CLONE_DONE] = 100,
};

const char *
clone_phase_name(enum clone_phase phase)
{
	return phase_names[phase];
}

const char *
clone_problem_name(enum clone_problem problem)
{
	return problem_names[problem];
}

const char *
clone_history_name(enum clone_history_state state)
{
	return history_names[state];
}

bool
progress_is_running(enum clone_phase phase)
{
	return phase >= CLONE_CONNECTING && phase <= CLONE_CHECKOUT;
}

bool
progress_may_follow(enum clone_phase from, enum clone_phase to)
{
	switch (from) {
	case CLONE_OFF:
	case CLONE_DONE:
		return to == from;
	case CLONE_WAITING:
	case CLONE_FAILED:
		return to == from || to == CLONE_CONNECTING;
	case CLONE_CONNECTING:
	case CLONE_RECEIVING:
	case CLONE_RESOLVING:
	case CLONE_CHECKOUT:
		/* Back to the start: another attempt. */
		return (to >= from && to <= CLONE_FAILED) || to == CLONE_CONNECTING;
	}
	return false;
}

static void
write_history(struct json_writer *w, const struct clone_history *h)
{
	json_write_object(w, "history");
	json_write_str(w, "state", str_from(history_names[h->state]));
	json_write_int(w, "objects_done", (int64_t)h->objects_done);
	json_write_int(w, "objects_total", (int64_t)h->objects_total);
	json_write_int(w, "bytes", (int64_t)h->bytes);
	json_write_close(w, '}');
}

bool
clone_progress_json(const struct clone_progress *p, struct buf *out)
{
	struct json_writer w;

	json_write_begin(&w, out);
	json_write_object(&w, NULL);
	json_write_str(&w, "phase", str_from(clone_phase_name(p->phase)));
	json_write_int(&w, "percent", p->percent);
	json_write_int(&w, "objects_done", (int64_t)p->objects_done);
	json_write_int(&w, "objects_total", (int64_t)p->objects_total);
	json_write_int(&w, "deltas_done", (int64_t)p->deltas_done);
	json_write_int(&w, "deltas_total", (int64_t)p->deltas_total);
	json_write_int(&w, "files_done", (int64_t)p->files_done);
	json_write_int(&w, "files_total", (int64_t)p->files_total);
	json_write_int(&w, "bytes", (int64_t)p->bytes);
	json_write_int(&w, "bytes_per_s", (int64_t)p->bytes_per_s);
	json_write_int(&w, "left_s", (int64_t)p->left_s);
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
	write_history(&w, &p->history);
	json_write_bool(&w, "can_retry", p->can_retry);
	json_write_str(&w, "message", str_from(p->message));
	json_write_close(&w, '}');
	return json_write_end(&w);
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
	if (!name_parse(text, phase_names, sizeof(phase_names) / sizeof(phase_names[0]), &phase))
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

static bool
parse_numbers(const struct json_node *root, struct clone_progress *p, struct err *e)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {
		{"objects_done", &p->objects_done},
		{"objects_total", &p->objects_total},
		{"deltas_done", &p->deltas_done},
		{"deltas_total", &p->deltas_total},
		{"files_done", &p->files_done},
		{"files_total", &p->files_total},
		{"bytes", &p->bytes},
		{"bytes_per_s", &p->bytes_per_s},
		{"left_s", &p->left_s},
	};
	int64_t value;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!json_get_int(root, numbers[i].name, &value, e))
			return false;
		if (value < 0)
			return err_set(e, ERR_PROTOCOL, "%s is negative", numbers[i].name);
		*numbers[i].value = (uint64_t)value;
	}
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
	size_t state = 0;
	int64_t done;
	int64_t total;
	int64_t bytes;
	struct str name;

	if (node == NULL)
		return true;
	if (!json_get_str(node, "state", &name, e) ||
	    !json_get_int(node, "objects_done", &done, e) ||
	    !json_get_int(node, "objects_total", &total, e) ||
	    !json_get_int(node, "bytes", &bytes, e))
		return false;
	if (!name_parse(name, history_names, sizeof(history_names) / sizeof(history_names[0]),
			&state))
		return err_set(e, ERR_PROTOCOL, "unknown state of the history");
	if (done < 0 || total < 0 || bytes < 0)
		return err_set(e, ERR_PROTOCOL, "a number of the history is negative");
	p->history = (struct clone_history){(enum clone_history_state)state, (uint64_t)done,
					    (uint64_t)total, (uint64_t)bytes};
	if (p->phase != CLONE_DONE && p->history.state != CLONE_HISTORY_NONE)
		return err_set(e, ERR_PROTOCOL, "phase and history contradict each other");
	return true;
}

bool
progress_parse(struct str line, struct clone_progress *p, struct err *e)
{
	struct clone_progress parsed = {.phase = CLONE_OFF};
	struct json_doc *doc;
	bool ok;

	if (line.len > PROGRESS_LINE_MAX)
		return err_set(e, ERR_PROTOCOL, "progress line is too long");
	doc = json_doc_parse(line, e);
	if (doc == NULL)
		return err_wrap(e, "progress line");
	ok = parse_names(json_doc_root(doc), &parsed, e) &&
	     parse_numbers(json_doc_root(doc), &parsed, e) &&
	     parse_notes(json_doc_root(doc), &parsed, e) &&
	     parse_history(json_doc_root(doc), &parsed, e);
	json_doc_free(doc);
	if (!ok)
		return err_wrap(e, "progress line");
	*p = parsed;
	return true;
}

static unsigned
share(uint64_t done, uint64_t total, unsigned span)
{
	if (total == 0)
		return 0;
	if (done >= total)
		return span;
	return (unsigned)((double)done / (double)total * span);
}

void
progress_update_percent(struct clone_progress *p)
{
	unsigned percent;
	unsigned span;

	if (p->phase == CLONE_DONE) {
		p->percent = 100;
		return;
	}
	if (!progress_is_running(p->phase))
		return;
	percent = phase_begins[p->phase];
	span = phase_begins[p->phase + 1] - percent;
	if (p->phase == CLONE_RECEIVING)
		percent += share(p->objects_done, p->objects_total, span);
	else if (p->phase == CLONE_RESOLVING)
		percent += share(p->deltas_done, p->deltas_total, span);
	else if (p->phase == CLONE_CHECKOUT)
		percent += share(p->files_done, p->files_total, span - 1);
	if (percent > p->percent)
		p->percent = percent;
}

uint64_t
progress_meter_add(struct progress_meter *m, uint64_t now_ms, uint64_t bytes)
{
	uint64_t elapsed_ms;

	if (m->count == 0 || now_ms - m->slots[m->count - 1].at_ms >= 500) {
		if (m->count == PROGRESS_METER_SLOTS) {
			memmove(&m->slots[0], &m->slots[1], sizeof(m->slots) - sizeof(m->slots[0]));
			m->count--;
		}
		m->slots[m->count].at_ms = now_ms;
		m->slots[m->count].bytes = bytes;
		m->count++;
	}
	elapsed_ms = now_ms - m->slots[0].at_ms;
	if (elapsed_ms == 0 || bytes < m->slots[0].bytes)
		return 0;
	return (bytes - m->slots[0].bytes) * 1000 / elapsed_ms;
}

/* By what has been done of the phase since it began, which says more of large ones than a rate. */
void
progress_estimate_left(struct clone_progress *p, struct progress_phase *phase, uint64_t now_ms)
{
	uint64_t done = p->objects_done;
	uint64_t total = p->objects_total;

	if (p->phase == CLONE_RESOLVING) {
		done = p->deltas_done;
		total = p->deltas_total;
	} else if (p->phase == CLONE_CHECKOUT) {
		done = p->files_done;
		total = p->files_total;
	}
	if (phase->phase != p->phase || done < phase->done)
		*phase = (struct progress_phase){p->phase, now_ms, done};
	p->left_s = 0;
	if (p->phase < CLONE_RECEIVING || !progress_is_running(p->phase) || total <= done ||
	    done <= phase->done || now_ms - phase->began_ms < ESTIMATE_AFTER_MS)
		return;
	p->left_s = (uint64_t)((double)(now_ms - phase->began_ms) * (double)(total - done) /
			       (double)(done - phase->done) / 1000.0) +
		    1;
}
