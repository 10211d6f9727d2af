/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe at a time, each on a new connection.
 */
#include "proxy/ssh/ssh_probe.h"

#include <stdio.h>
#include <stdlib.h>

#define PAUSE_MS 1000u
/* sshd may penalize addresses whose connections do not authenticate (PerSourcePenalties). */
#define SSHD_PAUSE_MS 30000u

struct ssh_probe {
	struct loop *loop;
	struct deferred_free_queue *deferred_frees;
	const struct ssh_server *server;
	struct ssh_link *link; /* NULL: no probe is running */
	uint64_t asked_ms;
	char problem[SSH_SENTENCE_MAX + 1];
	char user[SSH_USER_MAX + 1];
};

static void
finish(struct ssh_probe *p, struct str problem)
{
	ssh_link_free(p->link);
	p->link = NULL;
	(void)snprintf(p->problem, sizeof(p->problem), "%.*s", STR_FMT(problem));
}

static void
on_answer(const struct ssh_answer *a, void *arg)
{
	struct ssh_probe *p = arg;

	if (a->is_ok)
		(void)snprintf(p->user, sizeof(p->user), "%.*s", STR_FMT(a->user));
	finish(p, a->sentence);
}

static void
on_failed(const struct err *e, void *arg)
{
	finish(arg, str_from(e->text));
}

/* The others are not called: the link is freed with the answer. */
static const struct ssh_link_handler handler = {
	.on_answer = on_answer,
	.on_failed = on_failed,
};

struct ssh_probe *
ssh_probe_new(struct loop *l, struct deferred_free_queue *deferred_frees,
	      const struct ssh_server *server, struct err *e)
{
	struct ssh_probe *p = err_alloc(e, sizeof(*p), "SSH");

	if (p == NULL)
		return NULL;
	p->loop = l;
	p->deferred_frees = deferred_frees;
	p->server = server;
	return p;
}

void
ssh_probe_free(struct ssh_probe *p)
{
	if (p == NULL)
		return;
	ssh_link_free(p->link);
	free(p);
}

const struct ssh_server *
ssh_probe_server(const struct ssh_probe *p)
{
	return p->server;
}

void
ssh_probe_ask(struct ssh_probe *p)
{
	const struct ssh_request request = {.is_connect = false};
	uint64_t now_ms = loop_now_ms(p->loop);
	bool is_running = p->server->is_sshd && p->problem[0] == '\0';
	uint64_t pause_ms = is_running ? SSHD_PAUSE_MS : PAUSE_MS;
	struct err e = ERR_INIT;

	if (p->link != NULL || (p->asked_ms != 0 && now_ms - p->asked_ms < pause_ms))
		return;
	p->asked_ms = now_ms;
	p->link = ssh_link_new(p->loop, p->deferred_frees, p->server, &request, &handler, p, &e);
	if (p->link == NULL)
		finish(p, str_from(e.text));
}

const char *
ssh_probe_problem(const struct ssh_probe *p)
{
	return p->problem[0] == '\0' ? NULL : p->problem;
}

const char *
ssh_probe_user(const struct ssh_probe *p)
{
	return p->user[0] == '\0' ? NULL : p->user;
}
