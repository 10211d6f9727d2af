/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All received bytes are kept until the connection is released, in a buffer that is large enough
 * for valid responses.
 */
#include "ssh/client/http/client_http.h"

#include <poll.h>

#include "base/clock.h"
#include "base/http/raw_stream.h"
#include "base/net/dial.h"
#include "ssh/client/http/answer_head.h"

#define ANSWER_MAX 65536u

bool
client_http_connect(struct client_http *c, const struct client_host *h,
		    const struct client_login *l, uint64_t timeout_ms, struct err *e)
{
	const struct raw_stream_target target = {
		.host = h->name,
		.port = h->port,
		.ca_file = l->ca_file[0] != '\0' ? l->ca_file : NULL,
		.user_agent = CLIENT_USER_AGENT,
	};

	*c = (struct client_http){.host = h, .deadline_ms = clock_monotonic_ms() + timeout_ms};
	buf_init(&c->in, ANSWER_MAX);
	c->stream = raw_stream_connect(&target, c->deadline_ms, e);
	return c->stream != NULL;
}

void
client_http_fini(struct client_http *c)
{
	raw_stream_free(c->stream);
	c->stream = NULL;
	buf_wipe_fini(&c->in);
}

static bool
wait_for(const struct client_http *c, short events, struct err *e)
{
	return dial_wait(raw_stream_fd(c->stream), events, c->deadline_ms, e) ||
	       err_wrap(e, "%s", c->host->key);
}

static bool
send_request(struct client_http *c, struct str rest, struct err *e)
{
	while (rest.len > 0) {
		size_t len = 0;

		switch (raw_stream_send(c->stream, rest, &len, e)) {
		case RAW_STREAM_DONE:
			rest = str_skip(rest, len);
			break;
		case RAW_STREAM_AGAIN:
			if (!wait_for(c, POLLOUT, e))
				return false;
			break;
		case RAW_STREAM_END:
		case RAW_STREAM_FAILED:
			return err_wrap(e, "%s", c->host->key);
		}
	}
	return true;
}

/* Receives at least one byte, or sets *has_ended. */
static bool
receive(struct client_http *c, bool *has_ended, struct err *e)
{
	char piece[4096];
	size_t len = 0;

	for (;;) {
		switch (raw_stream_receive(c->stream, piece, sizeof(piece), &len, e)) {
		case RAW_STREAM_DONE:
			return buf_add(&c->in, piece, len) ||
			       err_set(e, ERR_LIMIT, "%s: the response is too long", c->host->key);
		case RAW_STREAM_AGAIN:
			if (!wait_for(c, POLLIN, e))
				return false;
			break;
		case RAW_STREAM_END:
			*has_ended = true;
			return true;
		case RAW_STREAM_FAILED:
			return err_wrap(e, "%s", c->host->key);
		}
	}
}

static bool
receive_head(struct client_http *c, struct err *e)
{
	bool has_ended = false;

	for (;;) {
		struct str rest = str_skip(buf_view(&c->in), c->head_at);
		size_t end = str_find(rest, STR("\r\n\r\n"));

		if (end != SIZE_MAX) {
			c->head_len = end + 4;
			return true;
		}
		if (has_ended)
			return err_set(
				e, ERR_CONNECT,
				"%s: the connection was closed before the response was complete",
				c->host->key);
		if (!receive(c, &has_ended, e))
			return false;
	}
}

/* RFC 9110 section 15.2: a 101 is no interim answer. */
static bool
is_interim(struct str head)
{
	unsigned status = answer_head_status(head);

	return status >= 100 && status < 200 && status != 101;
}

bool
client_http_ask(struct client_http *c, struct str request, struct err *e)
{
	if (!send_request(c, request, e) || !receive_head(c, e))
		return false;
	while (is_interim(client_http_head(c))) {
		c->head_at += c->head_len;
		if (!receive_head(c, e))
			return false;
	}
	return answer_head_status(client_http_head(c)) != 0 ||
	       err_set(e, ERR_PROTOCOL, "%s: malformed answer", c->host->key);
}

struct str
client_http_head(const struct client_http *c)
{
	return str_take(str_skip(buf_view(&c->in), c->head_at), c->head_len);
}

struct str
client_http_rest(const struct client_http *c)
{
	return str_skip(buf_view(&c->in), c->head_at + c->head_len);
}

bool
client_http_read_body(struct client_http *c, struct buf *body, struct err *e)
{
	bool has_ended = false;

	for (;;) {
		switch (answer_body_read(client_http_head(c), client_http_rest(c), has_ended,
					 body)) {
		case ANSWER_BODY_WHOLE:
			return true;
		case ANSWER_BODY_BAD:
			return err_set(e, ERR_PROTOCOL, "%s: malformed answer", c->host->key);
		case ANSWER_BODY_MORE:
			if (!receive(c, &has_ended, e))
				return false;
			break;
		}
	}
}
