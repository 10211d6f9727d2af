/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each connection carries one request and one response. A response fits into an empty socket
 * buffer, so it is sent by one system call or not at all.
 */
#include "proxy/git_credential_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/git_credential.h"
#include "base/list.h"
#include "base/net/listen.h"
#include "clone/credential/credential.h"

#define CALLERS_MAX   64u   /* concurrent connections; more wait to be accepted */
#define REQUEST_MS    2000u /* to receive the request */
#define WARN_EVERY_MS 60000u
#define CHECK_MS      5000u /* interval of checks that the socket's file still exists */
#define SENTENCE_MAX  512u
#define SIGN_IN	      "%s is signed in to this workspace: open %.*s in a browser, then run git again"
#define ORIGINS_MAX   2u

struct caller {
	struct git_credential_server *server;
	LIST_ENTRY(caller) entry;
	int fd;
	struct loop_io io;
	struct loop_timer deadline;
	struct buf in;
	struct auth_credential_call *call; /* NULL: the request is incomplete */
};

struct git_credential_server {
	struct proxy *proxy;
	struct listen *listen; /* NULL: the file was removed and can't be created again yet */
	struct loop_timer check;
	const struct url *origins[ORIGINS_MAX];
	size_t origins_count;
	char sign_in[SENTENCE_MAX];
	LIST_HEAD(caller_list, caller) callers;
	size_t callers_count;
	uint64_t warned_ms; /* last warning about another user id; 0: none yet */
	struct loop_defer resume;
};

static void
accept_more(struct git_credential_server *s)
{
	if (s->listen == NULL)
		return;
	if (s->callers_count < CALLERS_MAX)
		listen_resume(s->listen);
	else
		listen_pause(s->listen);
}

static void
caller_free(struct caller *caller)
{
	struct git_credential_server *s = caller->server;

	auth_credential_cancel(caller->call);
	loop_io_fini(&caller->io);
	loop_timer_fini(&caller->deadline);
	close(caller->fd);
	buf_wipe_fini(&caller->in);
	LIST_REMOVE(caller, entry);
	free(caller);
	s->callers_count--;
	accept_more(s);
}

/* Returns whether the answer was sent. */
static bool
send_answer(int fd, const struct credential_answer *a)
{
	struct buf out;
	bool ok;

	buf_init(&out, CREDENTIAL_MESSAGE_MAX);
	ok = buf_reserve(&out, out.max) && credential_add_answer(a, &out) &&
	     send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)out.len;
	buf_wipe_fini(&out);
	return ok;
}

static void
answer(struct caller *caller, enum credential_status status, struct str message)
{
	const struct credential_answer a = {.status = status, .message = message};

	(void)send_answer(caller->fd, &a);
	caller_free(caller);
}

static void
answer_unavailable(struct caller *caller)
{
	answer(caller, CREDENTIAL_UNAVAILABLE,
	       STR("no GitLab token is available at the moment; try again later"));
}

static void
answer_credential(struct caller *caller, const struct auth_credential *c)
{
	const struct credential_answer a = {
		.status = CREDENTIAL_GIVEN,
		.username = STR("oauth2"),
		.password = secret_view(c->token),
		.expires_at_s = c->expires_at_s,
	};

	switch (c->outcome) {
	case AUTH_CREDENTIAL_GIVEN:
		log_debug(NULL, "credential given to git", log_str("user", c->username));
		if (!send_answer(caller->fd, &a))
			log_debug(NULL, "credential not delivered to git");
		caller_free(caller);
		return;
	case AUTH_CREDENTIAL_SIGN_IN:
		answer(caller, CREDENTIAL_SIGN_IN, str_from(caller->server->sign_in));
		return;
	case AUTH_CREDENTIAL_UNAVAILABLE:
		break;
	}
	answer_unavailable(caller);
}

static void
on_credential(const struct auth_credential *c, void *arg)
{
	struct caller *caller = arg;

	caller->call = NULL;
	answer_credential(caller, c);
}

static void
give(struct caller *caller)
{
	struct auth_credential c;

	loop_io_want(&caller->io, 0);
	loop_timer_start(&caller->deadline, CREDENTIAL_ANSWER_MS);
	caller->call =
		auth_credential_start(caller->server->proxy->auth, &c, on_credential, caller);
	if (caller->call == NULL)
		answer_credential(caller, &c);
}

static bool
is_for_gitlab(const struct git_credential_server *s, const struct credential_request *r)
{
	for (size_t i = 0; i < s->origins_count; i++)
		if (credential_is_for(r, s->origins[i]))
			return true;
	return false;
}

static bool
is_for_registry(const struct git_credential_server *s, const struct credential_request *r)
{
	const struct clone_origins *registries = &s->proxy->settings->registries;

	for (size_t i = 0; i < registries->count; i++)
		if (credential_is_for(r, &registries->items[i]))
			return true;
	return false;
}

static void
handle_request(struct caller *caller)
{
	struct credential_request r;
	bool is_ours;

	if (!credential_parse_request(buf_view(&caller->in), &r, NULL)) {
		caller_free(caller);
		return;
	}
	is_ours = r.is_registry ? is_for_registry(caller->server, &r)
				: is_for_gitlab(caller->server, &r);
	if (is_ours && r.operation == CREDENTIAL_GET) {
		give(caller);
		return;
	}
	if (is_ours && r.operation == CREDENTIAL_ERASE)
		auth_credential_reject(caller->server->proxy->auth, r.password);
	answer(caller, CREDENTIAL_NOTHING, STR_NONE);
}

/* Reads once per event, so that no caller can occupy the event loop. */
static void
on_readable(void *arg, unsigned ready)
{
	struct caller *caller = arg;
	struct buf *in = &caller->in;
	ssize_t n = recv(caller->fd, in->data + in->len, in->max - in->len, MSG_DONTWAIT);

	(void)ready;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		caller_free(caller);
		return;
	}
	in->len += (size_t)n;
	if (credential_message_len(buf_view(in)) > 0)
		handle_request(caller);
	else if (in->len == in->max)
		caller_free(caller);
}

static void
on_deadline(void *arg)
{
	struct caller *caller = arg;

	if (caller->call != NULL)
		answer_unavailable(caller);
	else
		caller_free(caller);
}

static void
on_resume(void *arg)
{
	accept_more(arg);
}

static bool
is_allowed_uid(struct git_credential_server *s, int fd)
{
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t len = sizeof(who);
	uint64_t now_ms = loop_now_ms(s->proxy->loop);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	    who.uid == s->proxy->settings->credential_uid)
		return true;
	if (s->warned_ms == 0 || now_ms - s->warned_ms >= WARN_EVERY_MS) {
		s->warned_ms = now_ms;
		log_warn(NULL, "credential request of another user id refused",
			 log_int("uid", who.uid));
	}
	return false;
}

static void
on_accept(int fd, const struct address *address, void *arg)
{
	const struct credential_answer refusal = {
		.status = CREDENTIAL_REFUSED,
		.message = STR(
			"this user id may not request credentials from the workspace's sidecar"),
	};
	struct git_credential_server *s = arg;
	struct caller *caller;

	(void)address;
	if (!is_allowed_uid(s, fd)) {
		(void)send_answer(fd, &refusal);
		close(fd);
		/* Refuses at most one connection per iteration of the event loop. */
		listen_pause(s->listen);
		loop_defer_call(&s->resume);
		return;
	}
	caller = calloc(1, sizeof(*caller));
	if (caller == NULL) {
		close(fd);
		return;
	}
	caller->server = s;
	caller->fd = fd;
	LIST_INSERT_HEAD(&s->callers, caller, entry);
	s->callers_count++;
	accept_more(s);
	buf_init(&caller->in, CREDENTIAL_MESSAGE_MAX);
	loop_io_init(&caller->io, s->proxy->loop, fd, on_readable, caller);
	loop_timer_init(&caller->deadline, s->proxy->loop, on_deadline, caller);
	if (!buf_reserve(&caller->in, caller->in.max)) {
		caller_free(caller);
		return;
	}
	loop_io_want(&caller->io, LOOP_READ);
	loop_timer_start(&caller->deadline, REQUEST_MS);
}

/* Creates the socket: mode 0600 if it is for our own user id, else 0666, and on_accept checks the
 * user id. umask affects all threads, which is safe because they create files with mode 0600. */
static bool
open_socket(struct git_credential_server *s, struct err *e)
{
	const struct settings *settings = s->proxy->settings;
	mode_t hidden = settings->credential_uid == geteuid() ? 0177 : 0111;
	struct address address = {.len = 0};
	struct buf text;
	mode_t old;
	bool ok;

	buf_init(&text, 4096);
	buf_addf(&text, "unix:%s", settings->credential_socket);
	ok = address_parse(&address, buf_view(&text), e);
	buf_fini(&text);
	if (!ok)
		return false;
	old = umask(hidden);
	s->listen = listen_new(s->proxy->loop, &address, -1, on_accept, s, e);
	(void)umask(old);
	return s->listen != NULL;
}

/* Creates the socket again if the workspace has removed its file. Connected callers are still
 * served. */
static void
on_check(void *arg)
{
	struct git_credential_server *s = arg;
	bool was_there = s->listen != NULL;
	struct err e = ERR_INIT;

	loop_timer_start(&s->check, CHECK_MS);
	if (was_there && listen_can_be_reached(s->listen))
		return;
	listen_free(s->listen);
	s->listen = NULL;
	if (open_socket(s, &e)) {
		log_warn(NULL, "credential socket recreated");
		accept_more(s);
	} else if (was_there) {
		log_warn(NULL, "credential socket disappeared", log_err(&e));
	}
}

/* GitLab's origins that git may ask for: the public one, and that of the cloned repository. */
static void
set_origins(struct git_credential_server *s)
{
	const struct settings *settings = s->proxy->settings;
	const struct url *clone = &settings->clone.gitlab_url;

	s->origins[s->origins_count++] = &settings->auth.gitlab_url;
	if (!str_is_empty(settings->clone.url.host))
		s->origins[s->origins_count++] = clone;
}

struct git_credential_server *
git_credential_server_new(struct proxy *p, struct err *e)
{
	struct git_credential_server *s =
		err_alloc(e, sizeof(*s), "out of memory for the credential socket");

	if (s == NULL)
		return NULL;
	s->proxy = p;
	loop_defer_init(&s->resume, p->loop, on_resume, s);
	loop_timer_init(&s->check, p->loop, on_check, s);
	set_origins(s);
	(void)snprintf(s->sign_in, sizeof(s->sign_in), SIGN_IN,
		       p->settings->auth.owner_id == 0 ? "nobody" : "no owner", STR_FMT(p->origin));
	if (!open_socket(s, e)) {
		err_wrap(e, "CREDENTIAL_SOCKET");
		git_credential_server_free(s);
		return NULL;
	}
	loop_timer_start(&s->check, CHECK_MS);
	log_info(NULL, "listening", log_cstr("listener", "credential"),
		 log_cstr("address", p->settings->credential_socket));
	return s;
}

void
git_credential_server_free(struct git_credential_server *s)
{
	struct caller *caller;
	struct caller *next;

	if (s == NULL)
		return;
	LIST_FOREACH_SAFE (caller, &s->callers, entry, next)
		caller_free(caller);
	loop_defer_fini(&s->resume);
	loop_timer_fini(&s->check);
	listen_free(s->listen);
	free(s);
}
