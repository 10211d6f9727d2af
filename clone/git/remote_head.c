/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two requests of protocol version 2: its capabilities, and ls-refs for HEAD alone.
 */
#include "clone/git/remote_head.h"

#include "base/http/fetch_stream.h"
#include "base/log/log.h"
#include "clone/git/packet.h"

#define TIMEOUT_MS	 30000u
#define ANSWER_MAX_BYTES 65536u

struct head_query {
	const struct transport_options *options;
	struct fetch_stream *client;
	struct buf url;
	struct buf body; /* empty: a GET */
	struct buf answer;
};

static bool
read_answer(struct head_query *q, struct err *e)
{
	char piece[4096];
	size_t len = 1;

	buf_clear(&q->answer);
	while (len > 0) {
		if (!fetch_stream_read(q->client, piece, sizeof(piece), &len, e))
			return false;
		if (!buf_add(&q->answer, piece, len))
			return err_set(e, ERR_LIMIT, "the answer is too large");
	}
	return true;
}

/* Sends the request, and again with the token if the server asks for it. */
static bool
ask(struct head_query *q, const char *path, const char *type, struct err *e)
{
	struct fetch_stream_head head = {.status = 0};
	struct fetch_stream_request request = {
		.accept = "*/*",
		.content_type = q->body.len == 0 ? NULL : "application/x-git-upload-pack-request",
		.git_protocol = "version=2",
		.body = buf_view(&q->body),
		.total_timeout_ms = TIMEOUT_MS,
	};

	buf_clear(&q->url);
	if (!buf_addf(&q->url, "%s%s", q->options->url, path) || !buf_add_byte(&q->url, '\0'))
		return err_set(e, ERR_MEMORY, "out of memory");
	request.url = q->url.data;
	if (!fetch_stream_open(q->client, &request, &head, e))
		return false;
	if (head.status == 401 && q->options->token != NULL) {
		request.user = TRANSPORT_USER;
		request.password = q->options->token;
		if (!fetch_stream_open(q->client, &request, &head, e))
			return false;
	}
	if (head.status != 200 || !str_equal_nocase(head.content_type, str_from(type)))
		return err_set(e, ERR_PROTOCOL, "status %u, or no git server", head.status);
	return read_answer(q, e);
}

/* Whether the capability advertisement has "ls-refs=unborn". */
static bool
knows_unborn(struct str answer)
{
	struct str line;
	struct str feature;

	while (packet_next(&answer, &line)) {
		if (!str_starts_with(line, STR("ls-refs=")))
			continue;
		line = str_skip(line, sizeof("ls-refs=") - 1);
		while (str_next(&line, ' ', &feature)) {
			if (str_equal(feature, STR("unborn")))
				return true;
		}
	}
	return false;
}

static bool
write_command(struct buf *body)
{
	return packet_add(body, STR("command=ls-refs\n")) && buf_add_str(body, STR("0001")) &&
	       packet_add(body, STR("symrefs\n")) && packet_add(body, STR("unborn\n")) &&
	       packet_add(body, STR("ref-prefix HEAD\n")) && buf_add_str(body, STR("0000"));
}

/* Parses "unborn HEAD symref-target:refs/heads/trunk". */
static bool
find_target(struct str answer, struct buf *name)
{
	static const struct str prefix = {"unborn HEAD symref-target:", 26};
	struct str line;

	while (packet_next(&answer, &line)) {
		struct str target = str_skip(line, prefix.len);

		if (str_starts_with(line, prefix) && str_find_byte(target, '\0') == SIZE_MAX &&
		    str_find_byte(target, ' ') == SIZE_MAX)
			return buf_add_str(name, target);
	}
	return false;
}

bool
remote_head_ask(const struct transport_options *options, struct buf *name)
{
	const struct fetch_stream_options stream = transport_stream_options(options);
	struct head_query q = {.options = options};
	struct err e = ERR_INIT;
	bool ok;

	buf_init(&q.url, 2 * (size_t)URL_MAX_BYTES);
	buf_init(&q.body, 512);
	buf_init(&q.answer, ANSWER_MAX_BYTES);
	q.client = fetch_stream_new(&stream, &e);
	ok = q.client != NULL &&
	     ask(&q, "/info/refs?service=git-upload-pack",
		 "application/x-git-upload-pack-advertisement", &e) &&
	     knows_unborn(buf_view(&q.answer)) && write_command(&q.body) &&
	     ask(&q, "/git-upload-pack", "application/x-git-upload-pack-result", &e) &&
	     find_target(buf_view(&q.answer), name);
	if (e.code != ERR_NONE)
		log_debug(NULL, "clone: the remote's HEAD is not known", log_err(&e));
	fetch_stream_free(q.client);
	buf_fini(&q.url);
	buf_fini(&q.body);
	buf_fini(&q.answer);
	return ok;
}
