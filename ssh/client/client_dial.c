/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening handshake of the tunnel's WebSocket (RFC 6455 section 4.1).
 */
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/http/raw_stream.h"
#include "base/json.h"
#include "ssh/client/client_dial.h"
#include "ssh/client/tunnel_answer.h"

#define NONCE_BYTES 16u
#define HEAD_MAX    16384u

struct dial {
	const struct client_host *host;
	struct client_tunnel *tunnel;
	uint64_t deadline_ms;
	struct buf nonce; /* Sec-WebSocket-Key */
	struct buf out;
	struct buf in;
};

static bool
wait_for(const struct dial *d, short events, struct err *e)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct pollfd wait = {.fd = raw_stream_fd(d->tunnel->stream), .events = events};

	if (now_ms >= d->deadline_ms || poll(&wait, 1, (int)(d->deadline_ms - now_ms)) == 0)
		return err_set(e, ERR_TIMEOUT, "%s: no answer in time", d->host->key);
	return true;
}

static bool
send_request(struct dial *d, struct err *e)
{
	struct str rest = buf_view(&d->out);

	while (rest.len > 0) {
		size_t len = 0;

		switch (raw_stream_send(d->tunnel->stream, rest, &len, e)) {
		case RAW_STREAM_DONE:
			rest = str_skip(rest, len);
			break;
		case RAW_STREAM_AGAIN:
			if (!wait_for(d, POLLOUT, e))
				return false;
			break;
		case RAW_STREAM_END:
		case RAW_STREAM_FAILED:
			return false;
		}
	}
	return true;
}

/* Receives until the head and at least body_len bytes behind it are there, or the end. */
static bool
receive(struct dial *d, size_t wanted, struct err *e)
{
	while (d->in.len < wanted) {
		size_t len = 0;
		char piece[4096];

		switch (raw_stream_receive(d->tunnel->stream, piece, sizeof(piece), &len, e)) {
		case RAW_STREAM_DONE:
			if (!buf_add(&d->in, piece, len))
				return err_set(e, ERR_LIMIT, "%s: too long an answer",
					       d->host->key);
			return true;
		case RAW_STREAM_AGAIN:
			if (!wait_for(d, POLLIN, e))
				return false;
			break;
		case RAW_STREAM_END:
			return err_set(e, ERR_CONNECT, "%s: the connection was closed too early",
				       d->host->key);
		case RAW_STREAM_FAILED:
			return false;
		}
	}
	return true;
}

/* Length of the head with its empty line. */
static bool
receive_head(struct dial *d, size_t *head_len, struct err *e)
{
	for (;;) {
		size_t at = str_find(buf_view(&d->in), STR("\r\n\r\n"));

		if (at != SIZE_MAX) {
			*head_len = at + 4;
			return true;
		}
		if (!receive(d, d->in.len + 1, e))
			return false;
	}
}

static bool
explain_refusal(struct dial *d, const struct tunnel_answer *a, size_t head_len, struct err *e)
{
	struct str message = STR_NONE;
	struct json_doc *json;

	while (d->in.len < head_len + a->body_len)
		if (!receive(d, d->in.len + 1, NULL))
			break;
	json = json_doc_parse(str_skip(buf_view(&d->in), head_len), NULL);
	if (json != NULL && !json_get_opt_str(json_doc_root(json), "message", &message, NULL))
		message = STR_NONE;
	(void)client_explain(d->host, a->status, message, e);
	json_doc_free(json);
	return false;
}

static bool
take_answer(struct dial *d, size_t head_len, struct err *e)
{
	struct client_tunnel *t = d->tunnel;
	struct tunnel_answer a;

	if (!tunnel_answer_parse(str_take(buf_view(&d->in), head_len), buf_view(&d->nonce), &a))
		return err_set(e, ERR_PROTOCOL, "%s: malformed answer", d->host->key);
	if (a.status != 101)
		return explain_refusal(d, &a, head_len, e);
	(void)snprintf(t->user, sizeof(t->user), "%.*s", STR_FMT(a.user));
	(void)snprintf(t->host_key, sizeof(t->host_key), "%.*s %.*s", STR_FMT(a.host_key.type),
		       STR_FMT(a.host_key.base64));
	buf_init(&t->early, HEAD_MAX);
	return buf_add_str(&t->early, str_skip(buf_view(&d->in), head_len)) ||
	       err_set(e, ERR_MEMORY, "no memory");
}

static bool
write_request(struct dial *d, const struct client_login *l, const char *key)
{
	uint8_t nonce[NONCE_BYTES];

	crypto_random(nonce, sizeof(nonce));
	crypto_base64_encode(&d->nonce, (struct str){(const char *)nonce, sizeof(nonce)});
	buf_addf(&d->out,
		 "GET %s/ssh HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
		 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		 "Sec-WebSocket-Protocol: ssh.workspace-proxy.v1\r\n"
		 "User-Agent: workspace-proxy/" VERSION "\r\n",
		 l->prefix, d->host->key);
	return buf_addf(&d->out,
			"Sec-WebSocket-Key: %.*s\r\nWorkspace-Ssh-Key: %s\r\n"
			"Authorization: Bearer %s\r\n\r\n",
			STR_FMT(buf_view(&d->nonce)), key, l->token) &&
	       buf_is_ok(&d->nonce);
}

bool
client_dial(const struct client_host *h, const struct client_login *l, const char *key,
	    struct client_tunnel *t, struct err *e)
{
	struct dial d = {.host = h, .tunnel = t};
	size_t head_len;
	bool ok = false;

	*t = (struct client_tunnel){.stream = NULL};
	buf_init(&d.nonce, 64);
	buf_init(&d.out, 8192);
	buf_init(&d.in, 2 * HEAD_MAX);
	d.deadline_ms = clock_monotonic_ms() + CLIENT_DIAL_MS;
	t->stream = raw_stream_connect(h->origin, l->ca_file[0] != '\0' ? l->ca_file : NULL,
				       CLIENT_DIAL_MS, e);
	if (t->stream != NULL && buf_reserve(&d.out, d.out.max) && write_request(&d, l, key))
		ok = send_request(&d, e) && receive_head(&d, &head_len, e) &&
		     take_answer(&d, head_len, e);
	buf_fini(&d.nonce);
	buf_wipe_fini(&d.out);
	buf_fini(&d.in);
	if (!ok)
		client_tunnel_fini(t);
	return ok;
}

void
client_tunnel_fini(struct client_tunnel *t)
{
	raw_stream_free(t->stream);
	t->stream = NULL;
	buf_fini(&t->early);
}
