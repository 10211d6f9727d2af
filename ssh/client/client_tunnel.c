/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh's ProxyCommand: one poll loop between the WebSocket and standard input and output, with
 * bounded buffers. A side is read only when its earlier bytes were forwarded. Bytes are not copied
 * between buffers.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/http/raw_stream.h"
#include "base/http/websocket_frame.h"
#include "ssh/client/client_tunnel.h"

#define FRAME_BYTES  RAW_STREAM_PIECE
#define PAYLOAD_MAX  (FRAME_BYTES - WEBSOCKET_HEADER_MAX)
#define IN_BYTES     131072u
#define PIPE_BYTES   131072
#define PARTS_MAX    16u /* what every system's writev takes */
#define PING_MS	     30000u
#define SILENCE_MS   90000u
#define SLEEP_MS     (2u * PING_MS) /* the workspace pings as well: longer gaps are of this side */
#define MASK_BYTES   4u
#define CONTROL_SIZE (WEBSOCKET_HEADER_MAX + WEBSOCKET_CONTROL_MAX)
#define LOOK_ROUNDS  16u /* without waiting, before the other descriptors are looked at again */
#define MASKS_COUNT  64u

#if defined(__linux__) && !defined(F_SETPIPE_SZ) /* hidden from programs that say POSIX */
#define F_SETPIPE_SZ 1031
#endif

enum tunnel_state { TUNNEL_OPEN, TUNNEL_ENDED, TUNNEL_FAILED };

struct tunnel_loop {
	struct client_tunnel *tunnel;
	struct websocket_reader reader;
	struct str unread;	       /* received frames, in `in` */
	struct str unsent;	       /* frames, in `out` */
	struct iovec parts[PARTS_MAX]; /* payload for standard output, in `in` */
	size_t parts_count;
	size_t parts_at;	  /* those before are written */
	enum websocket_event end; /* of the connection, when all before it is written; or DATA */
	uint64_t heard_ms;
	uint64_t pinged_ms;
	bool is_readable;  /* the socket may have more */
	bool has_input;	   /* so may standard input */
	bool is_full;	   /* standard output took less than it was given */
	unsigned rounds;   /* since poll */
	size_t masks_left; /* random bytes that no frame has had */
	bool input_ended;
	bool has_slept; /* for so long that what came then may be from before */
	enum tunnel_state state;
	struct err *e;
	char in[IN_BYTES];
	char out[FRAME_BYTES + 3 * CONTROL_SIZE];
	uint8_t masks[MASKS_COUNT][MASK_BYTES];
};

static void
fail(struct tunnel_loop *t, const char *sentence)
{
	t->state = TUNNEL_FAILED;
	err_set(t->e, ERR_CONNECT, "%s", sentence);
}

/* Unpredictable for senders of data through the tunnel (RFC 6455 section 10.3). */
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
add_control(struct tunnel_loop *t, enum websocket_opcode opcode, struct str payload)
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

/* Of the bytes in `out` behind the room for a header; nothing else is there. */
static void
frame_input(struct tunnel_loop *t, size_t len)
{
	char header[WEBSOCKET_HEADER_MAX];
	char *payload = t->out + WEBSOCKET_HEADER_MAX;
	const uint8_t *mask = draw_mask(t);
	size_t header_len = websocket_write_header(header, WEBSOCKET_OP_BINARY, len, mask);

	websocket_apply_mask(payload, payload, len, mask, 0);
	memcpy(payload - header_len, header, header_len);
	t->unsent = (struct str){payload - header_len, header_len + len};
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

static bool
has_unwritten(const struct tunnel_loop *t)
{
	return t->parts_at < t->parts_count;
}

static void
take_end(struct tunnel_loop *t)
{
	if (t->end == WEBSOCKET_EVENT_CLOSE)
		take_close(t);
	else
		fail(t, "the workspace sent a malformed frame");
}

/* Gathers payload for one call of the kernel. The connection's end waits for what was before it. */
static void
read_frames(struct tunnel_loop *t)
{
	enum websocket_event event;
	struct str payload;

	if (has_unwritten(t))
		return;
	t->parts_at = t->parts_count = 0;
	while (t->end == WEBSOCKET_EVENT_DATA && t->parts_count < PARTS_MAX &&
	       (event = websocket_view(&t->reader, &t->unread, &payload)) != WEBSOCKET_EVENT_MORE) {
		if (event == WEBSOCKET_EVENT_DATA) {
			struct iovec *part = &t->parts[t->parts_count++];
			part->iov_base = t->in + (payload.data - t->in);
			part->iov_len = payload.len;
		} else if (event == WEBSOCKET_EVENT_PING) {
			if (has_room(t))
				add_control(t, WEBSOCKET_OP_PONG, websocket_control(&t->reader));
		} else if (event != WEBSOCKET_EVENT_PONG) {
			t->end = event;
		}
	}
	if (t->end != WEBSOCKET_EVENT_DATA && !has_unwritten(t))
		take_end(t);
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
		if (t->unread.len == 0 &&
		    (t->has_slept || clock_monotonic_ms() - t->heard_ms >= SLEEP_MS))
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

	if (t->unread.len > 0 || has_unwritten(t) || t->end != WEBSOCKET_EVENT_DATA ||
	    (!t->is_readable && !raw_stream_has_buffered(s)) || !receive_more(t))
		return false;
	uint64_t now_ms = clock_monotonic_ms();
	t->has_slept = now_ms - t->heard_ms >= SLEEP_MS;
	t->heard_ms = now_ms;
	while (t->unread.len < sizeof(t->in) && raw_stream_has_buffered(s) && receive_more(t)) {
	}
	return true;
}

static void
skip_written(struct tunnel_loop *t, size_t len)
{
	while (has_unwritten(t) && len >= t->parts[t->parts_at].iov_len)
		len -= t->parts[t->parts_at++].iov_len;
	if (len > 0) {
		struct iovec *part = &t->parts[t->parts_at];
		part->iov_base = (char *)part->iov_base + len;
		part->iov_len -= len;
	}
}

static bool
write_output(struct tunnel_loop *t)
{
	ssize_t n;

	if (!has_unwritten(t) || t->is_full)
		return false;
	n = writev(STDOUT_FILENO, t->parts + t->parts_at, (int)(t->parts_count - t->parts_at));
	if (n > 0)
		skip_written(t, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		t->state = TUNNEL_ENDED; /* ssh is gone */
	t->is_full = has_unwritten(t);
	return n > 0;
}

static bool
read_input(struct tunnel_loop *t)
{
	ssize_t n;

	if (t->unsent.len > 0 || t->input_ended || !t->has_input)
		return false;
	n = read(STDIN_FILENO, t->out + WEBSOCKET_HEADER_MAX, PAYLOAD_MAX);
	if (n > 0) {
		frame_input(t, (size_t)n);
		t->has_input = n == (ssize_t)PAYLOAD_MAX;
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

	if (now_ms - t->heard_ms >= SILENCE_MS && !has_unwritten(t)) {
		fail(t, "the workspace no longer responds");
	} else if (now_ms - t->pinged_ms >= PING_MS && has_room(t)) {
		t->pinged_ms = now_ms;
		add_control(t, WEBSOCKET_OP_PING, STR_NONE);
	}
}

static void
wait_for_events(struct tunnel_loop *t, int timeout_ms)
{
	short events = (short)((has_unwritten(t) ? 0 : POLLIN) | (t->unsent.len > 0 ? POLLOUT : 0));
	struct pollfd fds[] = {
		{.fd = events != 0 ? raw_stream_fd(t->tunnel->http.stream) : -1, .events = events},
		{.fd = t->unsent.len == 0 ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = has_unwritten(t) ? STDOUT_FILENO : -1, .events = POLLOUT},
	};

	t->rounds = 0;
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms) <= 0)
		return;
	t->is_readable = t->is_readable || (fds[0].revents & ~POLLOUT) != 0;
	t->has_input = t->has_input || fds[1].revents != 0;
	t->is_full = t->is_full && fds[2].revents == 0;
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

/* ssh and we wake each other less often then. The other pipe stays as it is: ssh spends more on
 * large reads than they save. */
static void
widen_input(void)
{
#ifdef __linux__
	(void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
#endif
}

/* What came behind the answer's head. */
static void
take_rest(struct tunnel_loop *t, struct str rest)
{
	err_assert(rest.len <= sizeof(t->in));
	memcpy(t->in, rest.data, rest.len);
	t->unread = (struct str){t->in, rest.len};
}

bool
client_tunnel_run(struct client_tunnel *tunnel, struct err *e)
{
	static struct tunnel_loop t;
	const int flags[] = {fcntl(STDIN_FILENO, F_GETFL), fcntl(STDOUT_FILENO, F_GETFL)};

	t = (struct tunnel_loop){.tunnel = tunnel,
				 .e = e,
				 .is_readable = true,
				 .has_input = true,
				 .end = WEBSOCKET_EVENT_DATA};
	widen_input();
	take_rest(&t, client_http_rest(&tunnel->http));
	t.heard_ms = t.pinged_ms = clock_monotonic_ms();
	set_blocking((const int[]){flags[0] | O_NONBLOCK, flags[1] | O_NONBLOCK});
	run_loop(&t);
	set_blocking(flags);
	return t.state == TUNNEL_ENDED;
}
