/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percentage, transfer rate and remaining time from phase and counters.
 */
#include "clone/progress.h"

#include <string.h>

#define ESTIMATE_AFTER_MS 1000u
/* Percent for the search for LFS files, at the start of their phase. */
#define LFS_SEARCH 3u

/* Percentage at which each phase begins; it ends where the next one begins. */
static const unsigned phase_begins[] = {
	[CLONE_CONNECTING] = 0, [CLONE_RECEIVING] = 1, [CLONE_RESOLVING] = 60,
	[CLONE_LFS] = 75,	[CLONE_CHECKOUT] = 90, [CLONE_DONE] = 100,
};

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
	case CLONE_LFS:
	case CLONE_CHECKOUT:
		/* Back to connecting for a retry. */
		return (to >= from && to <= CLONE_FAILED) || to == CLONE_CONNECTING;
	}
	return false;
}

bool
progress_check_order(enum clone_phase from, enum clone_phase to, struct err *e)
{
	return progress_may_follow(from, to) ||
	       err_set(e, ERR_PROTOCOL, "phase %s does not follow %s", clone_phase_names[to],
		       clone_phase_names[from]);
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
		percent += share(p->counters.objects_done, p->counters.objects_total, span);
	else if (p->phase == CLONE_RESOLVING)
		percent += share(p->counters.deltas_done, p->counters.deltas_total, span);
	else if (p->phase == CLONE_LFS && p->lfs.objects_total == 0)
		percent += share(p->counters.files_done, p->counters.files_total, LFS_SEARCH);
	else if (p->phase == CLONE_LFS)
		percent += LFS_SEARCH +
			   share(p->lfs.bytes_done, p->lfs.bytes_total, span - LFS_SEARCH);
	else if (p->phase == CLONE_CHECKOUT)
		percent += share(p->counters.files_done, p->counters.files_total, span - 1);
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

/* Estimates from the work done since the phase began, which is steadier than the current rate. */
void
progress_estimate_left(struct clone_progress *p, struct progress_phase *phase, uint64_t now_ms)
{
	uint64_t done = p->counters.objects_done;
	uint64_t total = p->counters.objects_total;

	if (p->phase == CLONE_RESOLVING) {
		done = p->counters.deltas_done;
		total = p->counters.deltas_total;
	} else if (p->phase == CLONE_LFS) {
		done = p->lfs.bytes_done;
		total = p->lfs.bytes_total;
	} else if (p->phase == CLONE_CHECKOUT) {
		done = p->counters.files_done;
		total = p->counters.files_total;
	}
	if (phase->phase != p->phase || done < phase->done)
		*phase = (struct progress_phase){p->phase, now_ms, done};
	p->rate.left_s = 0;
	if (p->phase < CLONE_RECEIVING || !progress_is_running(p->phase) || total <= done ||
	    done <= phase->done || now_ms - phase->began_ms < ESTIMATE_AFTER_MS)
		return;
	p->rate.left_s = (uint64_t)((double)(now_ms - phase->began_ms) * (double)(total - done) /
				    (double)(done - phase->done) / 1000.0) +
			 1;
}
