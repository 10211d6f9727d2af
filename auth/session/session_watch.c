/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of the watches and waits of a session. A callback may stop others, or end the session.
 */
#include "auth/session/session_watch.h"

#include "auth/session/session_lifetime.h"
#include "auth/session/session_private.h"

static void
link_watch(struct auth_watch *w, struct auth_session *s)
{
	w->session = s;
	LIST_INSERT_HEAD(&s->watches, w, entry);
}

void
auth_watch_start(struct auth_watch *w, struct auth_session *s, auth_ended_fn *fn, void *arg)
{
	bool is_first = LIST_EMPTY(&s->watches);

	err_assert(!s->has_ended);
	w->fn = fn;
	w->arg = arg;
	link_watch(w, s);
	if (is_first)
		session_arm_timer(s);
}

static void
unlink_watch(struct auth_watch *w)
{
	LIST_UNLINK(w, entry);
	w->session = NULL;
}

void
auth_watch_stop(struct auth_watch *w)
{
	struct auth_session *s = w->session;

	unlink_watch(w);
	/* NULL: not watching, or the watch is about to be notified of the end. */
	if (s == NULL)
		return;
	session_touch(s);
	if (LIST_EMPTY(&s->watches))
		session_arm_timer(s);
}

void
auth_watch_note_use(struct auth_watch *w, uint64_t now_ms)
{
	if (w->session != NULL)
		w->session->used_ms = now_ms;
}

void
session_move_watches(struct auth_session *from, struct auth_session *to)
{
	struct auth_watch *w;

	while ((w = LIST_FIRST(&from->watches)) != NULL) {
		unlink_watch(w);
		link_watch(w, to);
	}
	session_arm_timer(to);
}

void
auth_watches_add(struct auth_watch_list *watches, struct auth_watch *w, auth_ended_fn *fn,
		 void *arg)
{
	*w = (struct auth_watch){.fn = fn, .arg = arg};
	LIST_INSERT_HEAD(watches, w, entry);
}

void
auth_watches_drop(struct auth_watch_list *watches)
{
	while (!LIST_EMPTY(watches))
		unlink_watch(LIST_FIRST(watches));
}

void
auth_watches_notify(struct auth_watch_list *watches, enum auth_end reason)
{
	struct auth_watch_list list = LIST_HEAD_INITIALIZER(list);
	struct auth_watch *w;

	LIST_MOVE_ALL(&list, watches, entry);
	LIST_FOREACH (w, &list, entry)
		w->session = NULL;
	while ((w = LIST_FIRST(&list)) != NULL) {
		unlink_watch(w);
		w->fn(reason, w->arg);
	}
}

static struct auth_watch *
find_of_device(struct auth_session *s, const struct auth_device_id *id)
{
	struct auth_watch *w;

	LIST_FOREACH (w, &s->watches, entry)
		if (memcmp(w->device.bytes, id->bytes, sizeof(id->bytes)) == 0)
			return w;
	return NULL;
}

void
session_notify_device(struct auth_session *s, const struct auth_device_id *id)
{
	struct auth_watch *w;

	session_ref(s);
	while (!s->has_ended && (w = find_of_device(s, id)) != NULL) {
		unlink_watch(w);
		w->fn(AUTH_END_SIGNED_OUT, w->arg);
	}
	session_unref(s);
}

void
session_wait_start(struct session_wait *w, struct auth_session *s, session_wait_fn *fn, void *arg)
{
	*w = (struct session_wait){.fn = fn, .arg = arg};
	LIST_INSERT_HEAD(&s->waits, w, entry);
}

void
session_wait_stop(struct session_wait *w)
{
	LIST_UNLINK(w, entry);
}

static void
tell_first_wait(struct auth_session *s, enum session_wait_result result)
{
	struct session_wait *w = LIST_FIRST(&s->waits);

	session_wait_stop(w);
	w->fn(s, result, w->arg);
}

void
session_notify_waits(struct auth_session *s)
{
	session_ref(s);
	while (!s->has_ended && !LIST_EMPTY(&s->waits))
		tell_first_wait(s, SESSION_WAIT_ANSWERED);
	session_unref(s);
}

void
session_end_waits(struct auth_session *s, enum session_wait_result result)
{
	while (!LIST_EMPTY(&s->waits))
		tell_first_wait(s, result);
}

void
session_drop_watches(struct auth_session *s)
{
	auth_watches_drop(&s->watches);
	while (!LIST_EMPTY(&s->waits))
		session_wait_stop(LIST_FIRST(&s->waits));
}
