/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told of a session: those who watch it, for as long as they use it, of its end; those who
 * wait, once, for GitLab's next answer about it. Whoever is told may stop others, or end the
 * session.
 */
#include "auth/session/session_private.h"

static void
link_watch(struct auth_watch *w, struct auth_session *s)
{
	w->session = s;
	w->next = s->watches;
	w->link = &s->watches;
	if (w->next != NULL)
		w->next->link = &w->next;
	s->watches = w;
}

void
auth_watch_start(struct auth_watch *w, struct auth_session *s, auth_ended_fn *fn, void *arg)
{
	bool is_first = s->watches == NULL;

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
	err_assert(w->link != NULL);
	*w->link = w->next;
	if (w->next != NULL)
		w->next->link = w->link;
	w->session = NULL;
	w->next = NULL;
	w->link = NULL;
}

void
auth_watch_stop(struct auth_watch *w)
{
	struct auth_session *s = w->session;

	if (w->link == NULL)
		return;
	unlink_watch(w);
	if (s == NULL)
		return; /* its turn to be told had not come */
	session_touch(s);
	if (s->watches == NULL)
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
	while (from->watches != NULL) {
		struct auth_watch *w = from->watches;

		unlink_watch(w);
		link_watch(w, to);
	}
	session_arm_timer(to);
}

/* The list leaves the session first: whoever is told may end the session or stop others. */
void
session_tell_watches(struct auth_session *s, enum auth_end reason)
{
	struct auth_watch *list = s->watches;

	s->watches = NULL;
	if (list != NULL)
		list->link = &list;
	for (struct auth_watch *w = list; w != NULL; w = w->next)
		w->session = NULL;
	while (list != NULL) {
		struct auth_watch *w = list;

		unlink_watch(w);
		w->fn(reason, w->arg);
	}
}

void
session_wait_start(struct session_wait *w, struct auth_session *s, session_wait_fn *fn, void *arg)
{
	*w = (struct session_wait){.next = s->waits, .link = &s->waits, .fn = fn, .arg = arg};
	if (w->next != NULL)
		w->next->link = &w->next;
	s->waits = w;
}

void
session_wait_stop(struct session_wait *w)
{
	if (w->link == NULL)
		return;
	*w->link = w->next;
	if (w->next != NULL)
		w->next->link = w->link;
	w->link = NULL;
}

static void
tell_first_wait(struct auth_session *s, enum session_news news)
{
	struct session_wait *w = s->waits;

	session_wait_stop(w);
	w->fn(s, news, w->arg);
}

/* Whoever is told may end the session: it is looked up anew each time. */
void
session_tell_waits(struct auth_session *s)
{
	struct session_store *st = s->store;
	uint8_t id[SESSION_ID_BYTES];

	memcpy(id, s->id, sizeof(id));
	while (s != NULL && s->waits != NULL) {
		tell_first_wait(s, SESSION_NEWS_ANSWERED);
		s = session_find_id(st, id);
	}
}

void
session_end_waits(struct auth_session *s, enum session_news news)
{
	while (s->waits != NULL)
		tell_first_wait(s, news);
}

void
session_drop_watches(struct auth_session *s)
{
	while (s->watches != NULL)
		unlink_watch(s->watches);
	while (s->waits != NULL)
		session_wait_stop(s->waits);
}
