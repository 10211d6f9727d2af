/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the tunnel, forwards bytes both ways with backpressure, and ends it with a close frame that
 * gives the reason. Reading from one side is paused while the other side is blocked.
 */
#include "proxy/exchange/exchange_ssh.h"

#include <stdlib.h>

#include "base/json.h"
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/hsts.h"
#include "proxy/exchange/response/reply.h"
#include "proxy/http/upgrade.h"
#include "proxy/http/websocket.h"
#include "proxy/ssh/ssh_probe.h"

#define PING_MS	     30000u
#define PONG_MAX_MS  90000u
#define PIECE_BYTES  65536u
#define JSON_MAX     2048u
#define FIELDS_MAX   10u
#define HOST_KEY_MAX (SSH_KEY_TEXT_MAX + 1)

/* Traffic above this rate counts as activity: keep-alives and an idle IDE stay below it, a user who
 * types does not. */
#define ACTIVITY_BYTES	   2048u
#define ACTIVITY_PERIOD_MS 60000u

struct exchange_ssh {
	struct exchange *exchange;
	struct ssh_link *link;
	struct loop_timer timer; /* pings */
	struct websocket_reader reader;
	uint64_t heard_ms;     /* when the last frame of the client arrived */
	uint64_t period_ms;    /* start of the period for ACTIVITY_BYTES */
	uint64_t period_bytes; /* received from the client in it */
	bool is_open;	       /* 101 was sent */
	bool link_paused;
};

bool
exchange_ssh_is_from_browser(const struct exchange *x)
{
	return headers_has(&x->request.headers, HEADER_ORIGIN) ||
	       headers_has(&x->request.headers, HEADER_COOKIE);
}

/* Ends */

/* JSON responses are one object: begin_json, its members, reply_json. */
static void
begin_json(struct json_writer *w, struct buf *body)
{
	buf_init(body, JSON_MAX);
	json_write_begin_object(w, body);
}

static void
reply_json(struct exchange *x, unsigned status, struct json_writer *w, struct buf *body)
{
	if (json_write_end_object(w))
		reply_body(x, status, "application/json", buf_view(body));
	else
		reply_status(x, 500);
	buf_fini(body);
}

static void
reply_error(struct exchange *x, unsigned status, const char *error, struct str message)
{
	struct json_writer w;
	struct buf body;

	begin_json(&w, &body);
	json_write_str(&w, "error", str_from(error));
	json_write_int(&w, "status", status);
	json_write_str(&w, "message", message);
	json_write_str(&w, "request_id", str_from(x->id));
	reply_json(x, status, &w, &body);
}

/* Sends a close frame with the reason, which the client shows in the terminal. */
static void
end_tunnel(struct exchange_ssh *ssh, unsigned code, const char *reason)
{
	struct exchange *x = ssh->exchange;
	char frame[WEBSOCKET_HEADER_MAX + WEBSOCKET_CONTROL_MAX];
	struct str text = str_take(str_from(reason), WEBSOCKET_CONTROL_MAX - 2);
	size_t len = websocket_write_header(frame, WEBSOCKET_OP_CLOSE, text.len + 2, NULL);

	log_info(&x->log, "SSH tunnel ended", log_cstr("reason", reason),
		 log_int("close_code", code));
	frame[len++] = (char)(uint8_t)(code >> 8);
	frame[len++] = (char)(uint8_t)code;
	memcpy(frame + len, text.data, text.len);
	x->stream->ops->send_body(x->stream, (struct str){frame, len + text.len});
	exchange_end(x, NULL);
}

/* Ends the tunnel with this close code, or the request for one. */
static void
close_ssh(struct exchange *x, unsigned close_code)
{
	if (x->ssh->is_open && close_code == WEBSOCKET_GOING_AWAY)
		end_tunnel(x->ssh, close_code, "the workspace's proxy is stopping");
	else if (x->ssh->is_open && close_code == WEBSOCKET_TRY_AGAIN_LATER)
		end_tunnel(x->ssh, close_code,
			   "GitLab can't be reached to confirm access: try again later");
	else if (x->ssh->is_open)
		end_tunnel(x->ssh, close_code, "the session has ended: sign in again");
	else if (close_code != WEBSOCKET_GOING_AWAY)
		reply_verdict(x);
}

static void
on_end(void *arg)
{
	end_tunnel(arg, WEBSOCKET_NORMAL_END, "sshd has closed the connection");
}

static void
on_failed(const struct err *e, void *arg)
{
	struct exchange_ssh *ssh = arg;

	log_warn(&ssh->exchange->log, "SSH failed", log_err(e));
	if (ssh->is_open)
		end_tunnel(ssh, WEBSOCKET_INTERNAL_ERROR,
			   e->code == ERR_TIMEOUT ? e->text : "the connection to sshd failed");
	else
		reply_error(ssh->exchange, 503, "ssh_unavailable", str_from(e->text));
}

/* Opening */

static struct str
format_host_key(const struct ssh_answer *a, char text[HOST_KEY_MAX])
{
	(void)snprintf(text, HOST_KEY_MAX, "%.*s %.*s", STR_FMT(a->host_key.type),
		       STR_FMT(a->host_key.base64));
	return str_from(text);
}

static void
reply_availability(struct exchange *x, const struct ssh_answer *a)
{
	char host_key[HOST_KEY_MAX];
	struct json_writer w;
	struct buf body;

	begin_json(&w, &body);
	json_write_bool(&w, "available", a->is_ok);
	if (a->is_ok) {
		json_write_str(&w, "user", a->user);
		json_write_str(&w, "host_key", format_host_key(a, host_key));
	}
	if (a->sentence.len > 0)
		json_write_str(&w, "problem", a->sentence);
	reply_json(x, 200, &w, &body);
}

static bool
send_switch(struct exchange *x, const struct ssh_answer *a)
{
	struct header items[FIELDS_MAX];
	struct headers h = {.items = items, .size = FIELDS_MAX};
	char accept[WEBSOCKET_ACCEPT_BYTES];
	char host_key[HOST_KEY_MAX];
	struct str key = STR_NONE;

	(void)headers_find(&x->request.headers, HEADER_SEC_WEBSOCKET_KEY, &key);
	if (!websocket_accept(key, accept))
		return false;
	headers_add_own(&h, STR("Date"), str_from(proxy_date(x->proxy)));
	hsts_set(x, &h);
	headers_add_own(&h, STR("X-Request-Id"), str_from(x->id));
	headers_add_own(&h, STR("Sec-WebSocket-Accept"), (struct str){accept, sizeof(accept)});
	headers_add_own(&h, STR("Sec-WebSocket-Protocol"), STR(SSH_SUBPROTOCOL));
	headers_add_own(&h, STR("Workspace-Ssh-User"), a->user);
	headers_add_own(&h, STR("Workspace-Ssh-Host-Key"), format_host_key(a, host_key));
	if (a->sentence.len > 0)
		headers_add_own(&h, STR("Workspace-Ssh-Notice"), a->sentence);
	x->status = 101;
	x->stream->ops->send_head(
		x->stream, &(const struct response_head){
				   .status = 101, .headers = h, .upgrade = UPGRADE_WEBSOCKET});
	return true;
}

static void
on_ping_timer(void *arg)
{
	struct exchange_ssh *ssh = arg;
	struct exchange *x = ssh->exchange;
	struct stream *s = x->stream;
	uint64_t silent_ms = loop_now_ms(x->proxy->loop) - ssh->heard_ms;

	if (silent_ms >= PONG_MAX_MS) {
		log_info(&x->log, "SSH tunnel ended",
			 log_cstr("reason", "the client does not answer pings"));
		exchange_abort(x);
		return;
	}
	loop_timer_start(&ssh->timer,
			 PONG_MAX_MS - silent_ms < PING_MS ? PONG_MAX_MS - silent_ms : PING_MS);
	if (!s->ops->is_blocked(s)) {
		s->ops->send_body(s, WEBSOCKET_PING);
		s->ops->flush(s);
	}
}

static void
on_answer(const struct ssh_answer *a, void *arg)
{
	struct exchange_ssh *ssh = arg;
	struct exchange *x = ssh->exchange;

	if (!x->request.wants_websocket) {
		reply_availability(x, a);
	} else if (!a->is_ok) {
		reply_error(x, 503, "ssh_unavailable", a->sentence);
	} else if (!send_switch(x, a)) {
		reply_status(x, 500);
	} else {
		ssh->is_open = true;
		ssh->heard_ms = loop_now_ms(x->proxy->loop);
		x->proxy->metrics.ssh_tunnels_opened++;
		exchange_free_head(x);
		loop_timer_start(&ssh->timer, PING_MS);
		x->stream->ops->want_body(x->stream, true);
		if (x->proxy->draining)
			close_ssh(x, WEBSOCKET_GOING_AWAY);
	}
}

static bool
has_subprotocol(const struct exchange *x)
{
	struct str rest = headers_get(&x->request.headers, STR("sec-websocket-protocol"), 0);
	struct str part;

	while (rest.data != NULL && str_next(&rest, ',', &part))
		if (str_equal(str_trim(part), STR(SSH_SUBPROTOCOL)))
			return true;
	return false;
}

static bool
is_version_13(const struct exchange *x)
{
	struct str version;

	return headers_find(&x->request.headers, HEADER_SEC_WEBSOCKET_VERSION, &version) == 1 &&
	       str_equal(version, STR("13"));
}

/* Checks the handshake, and reads the client's public key. Returns NULL, or a message that says
 * what is wrong. */
static const char *
read_keys(const struct exchange *x, struct ssh_key *key)
{
	struct str name = STR("workspace-ssh-key");
	struct str text = headers_get(&x->request.headers, name, 0);
	struct str nonce = STR_NONE;

	(void)headers_find(&x->request.headers, HEADER_SEC_WEBSOCKET_KEY, &nonce);
	if (!websocket_key_is_valid(nonce))
		return "Sec-WebSocket-Key is not base64 of 16 bytes";
	if (text.data == NULL || headers_get(&x->request.headers, name, 1).data != NULL)
		return "exactly one Workspace-Ssh-Key is required";
	return ssh_key_parse(text, key, NULL) ? NULL
					      : "Workspace-Ssh-Key is not an ssh-ed25519 or "
						"ecdsa-sha2-nistp256 public key";
}

static bool
may_open(const struct exchange *x)
{
	const struct proxy *p = x->proxy;

	return p->ssh_tunnels_count < p->settings->ssh.tunnels_max &&
	       p->websockets_count < p->settings->websockets_max;
}

/* From sshd to the client */

static void
on_bytes(char *data, size_t len, void *arg)
{
	struct exchange_ssh *ssh = arg;
	struct exchange *x = ssh->exchange;
	char header[WEBSOCKET_HEADER_MAX];
	size_t header_len = websocket_write_header(header, WEBSOCKET_OP_BINARY, len, NULL);

	memcpy(data - header_len, header, header_len);
	x->response_bytes += len;
	x->proxy->metrics.response_bytes += len;
	x->stream->ops->send_body(x->stream, (struct str){data - header_len, header_len + len});
	if (x->stream->ops->is_blocked(x->stream) && !ssh->link_paused) {
		ssh->link_paused = true;
		ssh_link_want_read(ssh->link, false);
	}
}

static void
on_read_done(void *arg)
{
	const struct exchange_ssh *ssh = arg;

	ssh->exchange->stream->ops->flush(ssh->exchange->stream);
}

static void
on_drained(struct exchange *x)
{
	if (!x->ssh->link_paused)
		return;
	x->ssh->link_paused = false;
	ssh_link_want_read(x->ssh->link, true);
}

/* From the client to sshd */

static void
on_link_drained(void *arg)
{
	const struct exchange_ssh *ssh = arg;

	ssh->exchange->stream->ops->want_body(ssh->exchange->stream, true);
}

static void
note_activity(struct exchange_ssh *ssh, size_t bytes)
{
	struct proxy *p = ssh->exchange->proxy;
	uint64_t now_ms = loop_now_ms(p->loop);

	if (now_ms - ssh->period_ms >= ACTIVITY_PERIOD_MS) {
		ssh->period_ms = now_ms;
		ssh->period_bytes = 0;
	}
	ssh->period_bytes += bytes;
	if (ssh->period_bytes < ACTIVITY_BYTES)
		return;
	proxy_note_activity(p);
	auth_watch_note_use(&ssh->exchange->watch, p->active_ms);
}

/* Answers a ping, unless the client does not read. */
static void
send_pong(const struct exchange_ssh *ssh)
{
	struct stream *s = ssh->exchange->stream;
	struct str payload = websocket_control(&ssh->reader);
	char frame[WEBSOCKET_HEADER_MAX + WEBSOCKET_CONTROL_MAX];
	size_t len = websocket_write_header(frame, WEBSOCKET_OP_PONG, payload.len, NULL);

	if (s->ops->is_blocked(s))
		return;
	memcpy(frame + len, payload.data, payload.len);
	s->ops->send_body(s, (struct str){frame, len + payload.len});
	s->ops->flush(s);
}

/* Handles a control frame. Returns false if the tunnel has ended. */
static bool
handle_control(struct exchange_ssh *ssh, enum websocket_event event)
{
	switch (event) {
	case WEBSOCKET_EVENT_MORE:
	case WEBSOCKET_EVENT_DATA:
	case WEBSOCKET_EVENT_PONG:
		return true;
	case WEBSOCKET_EVENT_PING:
		send_pong(ssh);
		return true;
	case WEBSOCKET_EVENT_CLOSE:
		end_tunnel(ssh, WEBSOCKET_NORMAL_END, "the client has closed the connection");
		return false;
	case WEBSOCKET_EVENT_BAD:
		end_tunnel(ssh, WEBSOCKET_PROTOCOL_ERROR, "the client sent a malformed frame");
		return false;
	case WEBSOCKET_EVENT_REFUSED:
		end_tunnel(ssh, WEBSOCKET_UNSUPPORTED_DATA, "the client sent a text message");
		return false;
	}
	return false;
}

/* Sends the payload of several frames to sshd in one piece. */
void
exchange_ssh_on_frames(struct exchange *x, struct str data)
{
	struct exchange_ssh *ssh = x->ssh;
	enum websocket_event event;
	char piece[PIECE_BYTES];
	size_t gathered = 0;

	ssh->heard_ms = loop_now_ms(x->proxy->loop);
	do {
		size_t len;

		event = websocket_read(&ssh->reader, &data, piece + gathered,
				       sizeof(piece) - gathered, &len);
		gathered += len;
		if (gathered > 0 && (event != WEBSOCKET_EVENT_DATA || gathered == sizeof(piece))) {
			ssh_link_send(ssh->link, (struct str){piece, gathered});
			note_activity(ssh, gathered);
			gathered = 0;
		}
		if (!handle_control(ssh, event))
			return;
	} while (event != WEBSOCKET_EVENT_MORE);
	if (ssh_link_is_blocked(ssh->link))
		x->stream->ops->want_body(x->stream, false);
}

/* Requests */

static const struct ssh_link_handler link_handler = {
	.on_answer = on_answer,
	.on_bytes = on_bytes,
	.on_read_done = on_read_done,
	.on_drained = on_link_drained,
	.on_end = on_end,
	.on_failed = on_failed,
};

static void
free_ssh(struct exchange *x)
{
	x->proxy->ssh_tunnels_count--;
	ssh_link_free(x->ssh->link);
	loop_timer_fini(&x->ssh->timer);
	free(x->ssh);
	x->ssh = NULL;
}

static const struct exchange_part ssh_part = {
	.on_drained = on_drained,
	.close = close_ssh,
	.free = free_ssh,
};

static void
connect_helper(struct exchange *x, const struct ssh_request *request)
{
	struct proxy *p = x->proxy;
	struct exchange_ssh *ssh = calloc(1, sizeof(*ssh));
	struct err e = ERR_INIT;

	if (ssh == NULL) {
		reply_status(x, 500);
		return;
	}
	p->ssh_tunnels_count++;
	p->websockets_count++;
	x->is_counted = true;
	x->state = EXCHANGE_SSH;
	x->ssh = ssh;
	x->part = &ssh_part;
	ssh->exchange = x;
	ssh->reader.from_client = true;
	loop_timer_init(&ssh->timer, p->loop, on_ping_timer, ssh);
	exchange_watch_session(x);
	ssh->link = ssh_link_new(p->loop, &p->deferred_frees, ssh_probe_server(p->ssh_probe),
				 request, &link_handler, ssh, &e);
	if (ssh->link == NULL)
		on_failed(&e, ssh);
}

void
exchange_ssh_answer(struct exchange *x)
{
	struct ssh_request request = {.is_connect = x->request.wants_websocket,
				      .id = str_from(x->id)};
	const char *problem = NULL;

	if (!str_equal(x->request.method, STR("GET"))) {
		reply_wrong_method(x, "GET");
		return;
	}
	if (request.is_connect ? !has_subprotocol(x) || !is_version_13(x)
			       : headers_has(&x->request.headers, HEADER_UPGRADE)) {
		reply_upgrade_required(x, SSH_SUBPROTOCOL);
		return;
	}
	if (request.is_connect)
		problem = read_keys(x, &request.key);
	if (problem != NULL) {
		reply_error(x, 400, "bad_request", str_from(problem));
	} else if (!may_open(x)) {
		log_info(&x->log, "SSH tunnel limit reached");
		reply_error(x, 429, "too_many_requests",
			    STR("too many SSH connections to this workspace at once"));
	} else {
		connect_helper(x, &request);
	}
}
