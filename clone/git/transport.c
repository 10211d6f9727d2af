/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A smart subtransport: libgit2 formats requests and parses responses, this file transfers them.
 */
#include "clone/git/transport.h"

#include <git2.h>
#include <git2/sys/transport.h>
#include <stdlib.h>

#include "base/http/fetch_stream.h"
#include "clone/git/packet_watch.h"
#include "clone/git/ref_listing.h"

#define BODY_MAX_BYTES	  (64u * 1024u * 1024u) /* a request contains each wanted id */
#define REDIRECTS_MAX	  3u
#define LISTING_SUFFIX	  "/info/refs?service=git-upload-pack"
#define LISTING_TOTAL_MS  600000u
#define PIECE_BYTES	  65536u
#define REMOTE_TEXT_BYTES 512u

/* Stall timeouts during which a server may send messages without pack data. */
#define MESSAGES_STALLS 30u

/* Limit of the ref listing, which is kept in memory: a million refs with long names. */
#define LISTING_MAX_BYTES (128u * 1024u * 1024u)

struct transport {
	git_smart_subtransport parent; /* first */
	const struct transport_options *options;
	struct fetch_stream *client;
	struct buf base; /* URL of the repository, after redirects */
	bool sends_token;
};

/* One request and its response. */
struct transport_call {
	git_smart_subtransport_stream parent; /* first */
	struct transport *transport;
	struct buf body;
	struct buf early; /* start of the response, with the list of shallow commits */
	size_t early_read;
	struct ref_listing listing;
	struct packet_watch watch;
	bool is_listing;
	bool is_open;
};

static int
set_failure(struct transport *t, enum clone_problem problem, const char *message)
{
	failure_set(t->options->failure, problem, "%s", message);
	git_error_set_str(GIT_ERROR_NET, message);
	return GIT_ERROR;
}

static int
set_failure_err(struct transport *t, const struct err *e)
{
	enum clone_problem problem = CLONE_PROBLEM_UNREACHABLE;

	if (e->code == ERR_TIMEOUT)
		problem = CLONE_PROBLEM_STALLED;
	else if (e->code == ERR_TLS)
		problem = CLONE_PROBLEM_TLS;
	else if (e->code == ERR_CANCELLED || e->code == ERR_MEMORY)
		problem = CLONE_PROBLEM_INTERNAL;
	return set_failure(t, problem, e->text);
}

/* Reads the text with which GitLab refuses a request. As in git, only plain text is used. */
static void
read_remote_text(struct transport *t, const struct fetch_stream_head *head)
{
	char text[REMOTE_TEXT_BYTES];
	struct err e = ERR_INIT;
	size_t len = 0;
	size_t more = 1;

	if (!str_equal_nocase(head->content_type, STR("text/plain")))
		return;
	while (more > 0 && len < sizeof(text) &&
	       fetch_stream_read(t->client, text + len, sizeof(text) - len, &more, &e))
		len += more;
	failure_set_remote_text(t->options->failure, (struct str){text, len});
}

static int
set_failure_status(struct transport *t, const struct fetch_stream_head *head)
{
	unsigned status = head->status;
	struct clone_failure *failure = t->options->failure;

	if (status == 401 && t->options->token == NULL)
		return set_failure(t, CLONE_PROBLEM_TOKEN,
				   "the server requires credentials, but there is no token");
	if (status == 401)
		return set_failure(t, CLONE_PROBLEM_TOKEN, "the token was rejected (401)");
	failure_set_status(failure, status, head->retry_after_ms);
	read_remote_text(t, head);
	git_error_set_str(GIT_ERROR_NET, failure->detail.text);
	return GIT_ERROR;
}

/* Inserts the "deepen" line after the wants (gitprotocol-pack). */
static bool
add_depth(struct transport_call *x)
{
	struct buf whole;
	size_t at = 0;
	size_t len = 0;
	char line[32];
	bool ok;

	while (packet_length(str_skip(buf_view(&x->body), at), &len) && len >= PACKET_HEAD_BYTES)
		at += len;
	if (at > x->body.len || len != 0)
		return false;
	snprintf(line, sizeof(line), "deepen %llu\n",
		 (unsigned long long)x->transport->options->depth);
	buf_init(&whole, BODY_MAX_BYTES);
	ok = buf_add_str(&whole, str_take(buf_view(&x->body), at)) &&
	     buf_addf(&whole, "%04zx%s", strlen(line) + PACKET_HEAD_BYTES, line) &&
	     buf_add_str(&whole, str_skip(buf_view(&x->body), at));
	buf_fini(&x->body);
	x->body = whole;
	return ok;
}

/* Parses one line of the response to "deepen". */
static bool
note_shallow(struct transport_call *x, struct str line)
{
	struct buf *out = x->transport->options->shallow;
	struct str id;

	if (str_starts_with(line, STR("unshallow ")))
		return true;
	return ref_listing_is_shallow(line, &id) && buf_add_str(out, id) && buf_add_byte(out, '\n');
}

static bool
read_more(struct transport_call *x, struct err *e)
{
	char piece[4096];
	size_t len = 0;

	if (!fetch_stream_read(x->transport->client, piece, sizeof(piece), &len, e))
		return false;
	if (len == 0)
		return err_set(e, ERR_CONNECT, "truncated response");
	return buf_add(&x->early, piece, len) || err_set(e, ERR_LIMIT, "too many shallow commits");
}

/* Handles an error that the server sends instead of the response. */
static int
set_failure_text(struct transport *t, struct str text)
{
	struct clone_failure *failure = t->options->failure;

	if (str_find(text, STR("not our ref")) != SIZE_MAX)
		return set_failure(t, CLONE_PROBLEM_REF,
				   "the server does not have the requested commit, or does not "
				   "allow fetching it");
	failure_set(failure, CLONE_PROBLEM_NO_ACCESS, "the server answered with an error");
	failure_set_remote_text(failure, text);
	git_error_set_str(GIT_ERROR_NET, failure->detail.text);
	return GIT_ERROR;
}

/* Removes the list of shallow commits from the response, because libgit2 does not know it. */
static int
read_shallow(struct transport_call *x)
{
	struct err e = ERR_INIT;
	struct str text;
	size_t len = 1;

	while (len > 0) {
		struct str rest = str_skip(buf_view(&x->early), x->early_read);

		if (rest.len >= PACKET_HEAD_BYTES &&
		    (!packet_length(rest, &len) || (len > 0 && len < PACKET_HEAD_BYTES)))
			return set_failure(x->transport, CLONE_PROBLEM_UNREACHABLE,
					   "not a git server's response");
		if (rest.len < PACKET_HEAD_BYTES || rest.len < len) {
			if (!read_more(x, &e))
				return set_failure_err(x->transport, &e);
			continue;
		}
		rest = str_skip(str_take(rest, len), PACKET_HEAD_BYTES);
		if (packet_is_error(rest, &text))
			return set_failure_text(x->transport, text);
		x->early_read += len == 0 ? PACKET_HEAD_BYTES : len;
		if (len > 0 && !note_shallow(x, rest))
			return set_failure(x->transport, CLONE_PROBLEM_REFUSED,
					   "the server does not support shallow clones");
	}
	return 0;
}

/* Follows a redirect of the ref listing within the same origin. */
static bool
move_base(struct transport *t, struct str location, struct err *e)
{
	struct arena arena;
	struct url ours;
	struct url theirs;
	bool ok;

	arena_init(&arena, 4 * (size_t)URL_MAX_BYTES);
	ok = url_parse(&ours, str_from(t->options->url), &arena, e) &&
	     url_parse(&theirs, location, &arena, e);
	if (ok && !url_is_same_origin(&ours, &theirs))
		ok = err_set(e, ERR_DENIED,
			     "redirect to %.*s port %u, another origin, is not followed",
			     STR_FMT(str_take(theirs.host, 100)), (unsigned)theirs.port);
	else if (ok && !str_ends_with(location, STR(LISTING_SUFFIX)))
		ok = err_set(e, ERR_DENIED, "redirect to a URL that is not a repository");
	arena_fini(&arena);
	if (!ok)
		return false;
	location.len -= sizeof(LISTING_SUFFIX) - 1;
	buf_clear(&t->base);
	return buf_add_str(&t->base, location) || err_set(e, ERR_MEMORY, "out of memory");
}

static bool
open_once(struct transport_call *x, struct fetch_stream_head *head, struct err *e)
{
	struct transport *t = x->transport;
	struct fetch_stream_request request = {
		.accept = x->is_listing ? "*/*" : "application/x-git-upload-pack-result",
		.content_type = x->is_listing ? NULL : "application/x-git-upload-pack-request",
		.body = buf_view(&x->body),
		.user = t->sends_token ? TRANSPORT_USER : NULL,
		.password = t->options->token,
		.total_timeout_ms = x->is_listing ? LISTING_TOTAL_MS : 0,
	};
	struct buf url;
	bool ok;

	buf_init(&url, 2 * (size_t)URL_MAX_BYTES);
	ok = buf_add_str(&url, buf_view(&t->base)) &&
	     buf_add_str(&url, x->is_listing ? STR(LISTING_SUFFIX) : STR("/git-upload-pack")) &&
	     buf_add_byte(&url, '\0');
	request.url = url.data;
	ok = ok ? fetch_stream_open(t->client, &request, head, e)
		: err_set(e, ERR_MEMORY, "out of memory");
	buf_fini(&url);
	return ok;
}

static bool
is_deepening(const struct transport_call *x)
{
	return !x->is_listing && x->transport->options->depth > 0;
}

static int
check_answer(struct transport_call *x, const struct fetch_stream_head *head)
{
	struct str wanted = x->is_listing ? STR("application/x-git-upload-pack-advertisement")
					  : STR("application/x-git-upload-pack-result");

	if (head->status != 200)
		return set_failure_status(x->transport, head);
	if (!str_equal_nocase(head->content_type, wanted))
		return set_failure(x->transport, CLONE_PROBLEM_UNREACHABLE,
				   "not a git server's response");
	x->is_open = true;
	return is_deepening(x) ? read_shallow(x) : 0;
}

/* Sends the token when the server asks for it; follows redirects within the origin. */
static int
open_exchange(struct transport_call *x)
{
	struct transport *t = x->transport;
	struct fetch_stream_head head = {.status = 0};
	struct err e = ERR_INIT;

	if (is_deepening(x) && !add_depth(x))
		return set_failure(t, CLONE_PROBLEM_INTERNAL, "invalid request from libgit2");
	for (unsigned redirects = 0;;) {
		if (!open_once(x, &head, &e))
			return set_failure_err(t, &e);
		if (head.status == 401 && t->options->token != NULL && !t->sends_token) {
			t->sends_token = true;
			continue;
		}
		if (!fetch_stream_is_redirect(head.status))
			return check_answer(x, &head);
		if (!x->is_listing || ++redirects > REDIRECTS_MAX)
			return set_failure(t, CLONE_PROBLEM_REFUSED, "too many redirects");
		if (!move_base(t, head.location, &e))
			return set_failure(t, CLONE_PROBLEM_REFUSED, e.text);
	}
}

/* Receives more of the listing. */
static int
receive_listing(struct transport_call *x)
{
	const struct transport_options *o = x->transport->options;
	struct err e = ERR_INIT;
	char piece[PIECE_BYTES];
	size_t len = 0;

	if (!fetch_stream_read(x->transport->client, piece, sizeof(piece), &len, &e))
		return set_failure_err(x->transport, &e);
	if (!ref_listing_add(&x->listing, (struct str){piece, len}, o->shallow))
		return set_failure(x->transport, CLONE_PROBLEM_REFUSED,
				   "out of memory, or too many shallow commits");
	/* libgit2 1.5 would only report a malformed listing. */
	if (x->listing.is_sha256)
		return set_failure(
			x->transport, CLONE_PROBLEM_REFUSED,
			"the repository uses SHA-256 object ids, which are not supported");
	if (x->listing.received > LISTING_MAX_BYTES)
		return set_failure(x->transport, CLONE_PROBLEM_REFUSED, "too many refs");
	*o->takes_ids = x->listing.takes_ids;
	o->on_bytes(o->arg);
	return len == 0 ? GIT_ITEROVER : 0;
}

static int
read_listing(struct transport_call *x, char *data, size_t size, size_t *len)
{
	int code = 0;

	while ((*len = ref_listing_take(&x->listing, data, size)) == 0 && code == 0)
		code = receive_listing(x);
	return code == GIT_ITEROVER ? 0 : code;
}

static int
check_packets(struct transport_call *x, struct str data)
{
	struct str text;

	if (packet_watch_add(&x->watch, data, &text))
		return set_failure_text(x->transport, text);
	if (packet_watch_lacks_data(&x->watch,
				    MESSAGES_STALLS * x->transport->options->stall_timeout_ms))
		return set_failure(x->transport, CLONE_PROBLEM_REFUSED,
				   "the server sends messages, but no data");
	return 0;
}

static int
on_read(git_smart_subtransport_stream *parent, char *data, size_t size, size_t *len)
{
	struct transport_call *x = (struct transport_call *)(void *)parent;
	struct transport *t = x->transport;
	struct err e = ERR_INIT;
	int code = x->is_open ? 0 : open_exchange(x);

	if (code != 0)
		return code;
	if (x->is_listing)
		return read_listing(x, data, size, len);
	if (x->early_read < x->early.len) {
		struct str rest = str_take(str_skip(buf_view(&x->early), x->early_read), size);

		memcpy(data, rest.data, rest.len);
		x->early_read += rest.len;
		*len = rest.len;
		return check_packets(x, rest);
	}
	if (!fetch_stream_read(t->client, data, size, len, &e))
		return set_failure_err(t, &e);
	t->options->on_bytes(t->options->arg);
	return check_packets(x, (struct str){data, *len});
}

static int
on_write(git_smart_subtransport_stream *parent, const char *data, size_t len)
{
	struct transport_call *x = (struct transport_call *)(void *)parent;

	if (buf_add(&x->body, data, len))
		return 0;
	return set_failure(x->transport, CLONE_PROBLEM_REFUSED, "request with too many refs");
}

static void
on_stream_free(git_smart_subtransport_stream *parent)
{
	struct transport_call *x = (struct transport_call *)(void *)parent;

	buf_fini(&x->body);
	buf_fini(&x->early);
	ref_listing_fini(&x->listing);
	free(x);
}

static int
on_action(git_smart_subtransport_stream **out, git_smart_subtransport *parent, const char *url,
	  git_smart_service_t action)
{
	struct transport *t = (struct transport *)(void *)parent;
	struct transport_call *x;

	(void)url; /* the URL of the options is used instead */
	if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK)
		return set_failure(t, CLONE_PROBLEM_INTERNAL, "push is not supported");
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return set_failure(t, CLONE_PROBLEM_INTERNAL, "out of memory");
	x->parent.subtransport = parent;
	x->parent.read = on_read;
	x->parent.write = on_write;
	x->parent.free = on_stream_free;
	x->transport = t;
	x->is_listing = action == GIT_SERVICE_UPLOADPACK_LS;
	buf_init(&x->body, BODY_MAX_BYTES);
	buf_init(&x->early, TRANSPORT_SHALLOW_MAX_BYTES);
	ref_listing_init(&x->listing);
	*out = &x->parent;
	return 0;
}

static int
on_close(git_smart_subtransport *parent)
{
	(void)parent;
	return 0;
}

static void
on_free(git_smart_subtransport *parent)
{
	struct transport *t = (struct transport *)(void *)parent;

	fetch_stream_free(t->client);
	buf_fini(&t->base);
	free(t);
}

struct fetch_stream_options
transport_stream_options(const struct transport_options *options)
{
	return (struct fetch_stream_options){
		.ca_file = options->ca_file,
		.user_agent = "git/2.0 (workspace-proxy " VERSION ")",
		.connect_timeout_ms = options->connect_timeout_ms,
		.stall_timeout_ms = options->stall_timeout_ms,
		.cancel_fd = options->cancel_fd,
	};
}

static int
on_new(git_smart_subtransport **out, git_transport *owner, void *param)
{
	const struct transport_options *o = param;
	const struct fetch_stream_options options = transport_stream_options(o);
	struct transport *t = calloc(1, sizeof(*t));
	struct err e = ERR_INIT;

	(void)owner;
	if (t == NULL) {
		git_error_set_oom();
		return GIT_ERROR;
	}
	t->parent.action = on_action;
	t->parent.close = on_close;
	t->parent.free = on_free;
	t->options = o;
	buf_init(&t->base, URL_MAX_BYTES);
	t->client = fetch_stream_new(&options, &e);
	if (t->client == NULL || !buf_add_str(&t->base, str_from(o->url))) {
		int code = set_failure(
			t, e.code == ERR_SYSTEM ? CLONE_PROBLEM_TLS : CLONE_PROBLEM_INTERNAL,
			e.text);
		on_free(&t->parent);
		return code;
	}
	*out = &t->parent;
	return 0;
}

int
transport_new(struct git_transport **out, struct git_remote *remote, void *options)
{
	git_smart_subtransport_definition definition = {on_new, 1, options};

	return git_transport_smart(out, remote, &definition);
}
