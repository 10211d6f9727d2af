/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh's ProxyCommand: one poll loop between the WebSocket and standard input and output, with
 * bounded buffers. A side is read only when what came from it before was passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/http/raw_stream.h"
#include "base/http/websocket_frame.h"
#include "ssh/client/client_tunnel.h"

/* A frame of that payload fills four TLS records. */
#define PIECE_BYTES  (4u * 16384u - WEBSOCKET_HEADER_MAX)
#define PING_MS	     30000u
#define SILENCE_MS   90000u
#define MASK_BYTES   4u
#define CONTROL_SIZE (WEBSOCKET_HEADER_MAX + WEBSOCKET_CONTROL_MAX)
#define LOOK_ROUNDS  16u /* without waiting, before the other descriptors are looked at again */
#define MASKS_COUNT  64u

enum tunnel_state { TUNNEL_OPEN, TUNNEL_ENDED, TUNNEL_FAILED };

struct tunnel_loop {
	struct client_tunnel *tunnel;
	struct websocket_reader reader;
	struct str unread;    /* received frames, in `in` */
	struct str unsent;    /* frames, in `out` */
	struct str unwritten; /* payload for standard output, in `payload` */
	uint64_t heard_ms;
	uint64_t pinged_ms;
	bool is_readable;  /* the socket may have more */
	bool has_input;	   /* so may standard input */
	unsigned rounds;   /* since poll */
	size_t masks_left; /* random bytes that no frame has had */
	bool input_ended;
	enum tunnel_state state;
	struct err *e;
	char in[PIECE_BYTES];
	char out[PIECE_BYTES + WEBSOCKET_HEADER_MAX + 3 * CONTROL_SIZE];
	char payload[PIECE_BYTES];
	uint8_t masks[MASKS_COUNT][MASK_BYTES];
};

static void
fail(struct tunnel_loop *t, const char *sentence)
{
	t->state = TUNNEL_FAILED;
	err_set(t->e, ERR_CONNECT, "%s", sentence);
}

/* Unpredictable for whoever sends data through us (RFC 6455 section 10.3). */
static const uint8_t *
draw_mask(struct tunnel_loop *t)
{
	if (t->masks_left == 0) {
		crypto_random(t->masks, sizeof(t->masks));
		t->masks_left = MASKS_COUNT;
	}
	return t->masks[--t->masks_left];
}

/* There must be room. Frames are not moved before they are sent: see raw_stream_send. */
static void
add_frame(struct tunnel_loop *t, enum websocket_opcode opcode, struct str payload)
{
	char *at = t->out;
	const uint8_t *mask = draw_mask(t);

	if (t->unsent.len == 0)
		t->unsent.data = t->out;
	at += (t->unsent.data - t->out) + (ptrdiff_t)t->unsent.len;
	size_t header_len = websocket_write_header(at, opcode, payload.len, mask);
	websocket_apply_mask(at + header_len, payload.data, payload.len, mask, 0);
	t->unsent.len += header_len + payload.len;
}

/* Whether a control frame fits behind what waits. */
static bool
has_room(const struct tunnel_loop *t)
{
	size_t used = t->unsent.len == 0 ? 0 : (size_t)(t->unsent.data - t->out) + t->unsent.len;

	return used + CONTROL_SIZE <= sizeof(t->out);
}

static void
take_close(struct tunnel_loop *t)
{
	struct str reason = str_skip(websocket_control(&t->reader), 2);
	char text[WEBSOCKET_CONTROL_MAX + 1];
	size_t len = 0;

	t->state = TUNNEL_ENDED;
	if (websocket_close_code_of(&t->reader) == WEBSOCKET_NORMAL_END)
		return;
	for (size_t i = 0; i < reason.len; i++)
		if (reason.data[i] >= 0x20 && reason.data[i] < 0x7f)
			text[len++] = reason.data[i];
	text[len] = '\0';
	fail(t, len > 0 ? text : "the workspace has closed the connection");
}

/* Payload goes to standard output as soon as it is read; the next event waits for that. */
static void
read_frames(struct tunnel_loop *t)
{
	while (t->unwritten.len == 0 && t->state == TUNNEL_OPEN) {
		size_t len;

		switch (websocket_read(&t->reader, &t->unread, t->payload, sizeof(t->payload),
				       &len)) {
		case WEBSOCKET_EVENT_MORE:
			return;
		case WEBSOCKET_EVENT_DATA:
			t->unwritten = (struct str){t->payload, len};
			break;
		case WEBSOCKET_EVENT_PING:
			if (has_room(t))
				add_frame(t, WEBSOCKET_OP_PONG, websocket_control(&t->reader));
			break;
		case WEBSOCKET_EVENT_PONG:
			break;
		case WEBSOCKET_EVENT_CLOSE:
			take_close(t);
			break;
		case WEBSOCKET_EVENT_BAD:
		case WEBSOCKET_EVENT_REFUSED:
			fail(t, "the workspace sent a malformed frame");
			break;
		}
	}
}

/* Behind what was received in this round, which comes first where the connection has ended. Returns
 * whether something moved. */
static bool
receive_more(struct tunnel_loop *t)
{
	char *end = t->in + t->unread.len;
	size_t len = 0;

	switch (raw_stream_receive(t->tunnel->http.stream, end, sizeof(t->in) - t->unread.len, &len,
				   t->e)) {
	case RAW_STREAM_DONE:
		t->unread = (struct str){t->in, t->unread.len + len};
		return true;
	case RAW_STREAM_AGAIN:
		t->is_readable = false;
		return false;
	case RAW_STREAM_END:
		if (t->unread.len == 0)
			fail(t, "the connection to the workspace was closed");
		return false;
	case RAW_STREAM_FAILED:
		if (t->unread.len == 0)
			t->state = TUNNEL_FAILED;
		if (t->unread.len == 0 && clock_monotonic_ms() - t->heard_ms >= SILENCE_MS)
			fail(t, "the connection ended while this computer was asleep or offline");
		return false;
	}
	return false;
}

/* Several records at once, so that standard output gets large pieces. */
static bool
receive(struct tunnel_loop *t)
{
	const struct raw_stream *s = t->tunnel->http.stream;

	if (t->unread.len > 0 || t->unwritten.len > 0 ||
	    (!t->is_readable && !raw_stream_has_buffered(s)) || !receive_more(t))
		return false;
	t->heard_ms = clock_monotonic_ms();
	while (t->unread.len < sizeof(t->in) && raw_stream_has_buffered(s) && receive_more(t)) {
	}
	return true;
}

static bool
write_output(struct tunnel_loop *t)
{
	ssize_t n;

	if (t->unwritten.len == 0)
		return false;
	n = write(STDOUT_FILENO, t->unwritten.data, t->unwritten.len);
	if (n > 0)
		t->unwritten = str_skip(t->unwritten, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		t->state = TUNNEL_ENDED; /* ssh is gone */
	return n > 0;
}

static bool
read_input(struct tunnel_loop *t)
{
	char piece[PIECE_BYTES];
	ssize_t n;

	if (t->unsent.len > 0 || t->input_ended || !t->has_input)
		return false;
	n = read(STDIN_FILENO, piece, sizeof(piece));
	if (n > 0) {
		add_frame(t, WEBSOCKET_OP_BINARY, (struct str){piece, (size_t)n});
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		t->input_ended = true;
		t->state = TUNNEL_ENDED; /* ssh closes its side when it is done */
	} else {
		t->has_input = false;
	}
	return false;
}

static bool
send_frames(struct tunnel_loop *t)
{
	size_t len = 0;

	if (t->unsent.len == 0)
		return false;
	switch (raw_stream_send(t->tunnel->http.stream, t->unsent, &len, t->e)) {
	case RAW_STREAM_DONE:
		t->unsent = str_skip(t->unsent, len);
		return true;
	case RAW_STREAM_AGAIN:
		return false;
	case RAW_STREAM_END:
	case RAW_STREAM_FAILED:
		t->state = TUNNEL_FAILED;
		return false;
	}
	return false;
}

static void
watch_peer(struct tunnel_loop *t)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (now_ms - t->heard_ms >= SILENCE_MS && t->unwritten.len == 0) {
		fail(t, "the workspace answers no more");
	} else if (now_ms - t->pinged_ms >= PING_MS && has_room(t)) {
		t->pinged_ms = now_ms;
		add_frame(t, WEBSOCKET_OP_PING, STR_NONE);
	}
}

static void
wait_for_events(struct tunnel_loop *t, int timeout_ms)
{
	short events =
		(short)((t->unwritten.len == 0 ? POLLIN : 0) | (t->unsent.len > 0 ? POLLOUT : 0));
	struct pollfd fds[] = {
		{.fd = events != 0 ? raw_stream_fd(t->tunnel->http.stream) : -1, .events = events},
		{.fd = t->unsent.len == 0 ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = t->unwritten.len > 0 ? STDOUT_FILENO : -1, .events = POLLOUT},
	};

	t->rounds = 0;
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms) <= 0)
		return;
	t->is_readable = t->is_readable || (fds[0].revents & ~POLLOUT) != 0;
	t->has_input = t->has_input || fds[1].revents != 0;
}

static void
run_loop(struct tunnel_loop *t)
{
	while (t->state == TUNNEL_OPEN) {
		bool has_moved = receive(t);

		read_frames(t);
		has_moved = write_output(t) || has_moved;
		if (t->state == TUNNEL_OPEN)
			has_moved = read_input(t) || has_moved;
		if (t->state != TUNNEL_FAILED)
			has_moved = send_frames(t) || has_moved;
		watch_peer(t);
		if (t->state != TUNNEL_OPEN)
			break;
		if (!has_moved)
			wait_for_events(t, (int)PING_MS / 2);
		else if (++t->rounds == LOOK_ROUNDS)
			wait_for_events(t, 0);
	}
}

/* The descriptors are ssh's ends of pipes; those that a shell shares are put back. */
static void
set_blocking(const int flags[2])
{
	(void)fcntl(STDIN_FILENO, F_SETFL, flags[0]);
	(void)fcntl(STDOUT_FILENO, F_SETFL, flags[1]);
}

bool
client_tunnel_run(struct client_tunnel *tunnel, struct err *e)
{
	static struct tunnel_loop t;
	const int flags[] = {fcntl(STDIN_FILENO, F_GETFL), fcntl(STDOUT_FILENO, F_GETFL)};

	t = (struct tunnel_loop){.tunnel = tunnel, .e = e, .is_readable = true, .has_input = true};
	t.unread = client_http_rest(&tunnel->http);
	t.heard_ms = t.pinged_ms = clock_monotonic_ms();
	set_blocking((const int[]){flags[0] | O_NONBLOCK, flags[1] | O_NONBLOCK});
	run_loop(&t);
	set_blocking(flags);
	return t.state == TUNNEL_ENDED;
}
