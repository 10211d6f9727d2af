/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator of the benchmark. One thread, edge-triggered epoll; what is sent is made
 * before it starts, so that little of a core goes into it.
 *
 *	load http    PORT NAME CONNECTIONS SECONDS HEAD BODY RATE PIDS
 *		requests; RATE 0: as fast as they are answered
 *	load ws      PORT NAME CONNECTIONS SECONDS HEAD SIZE 0 PIDS
 *	load connect PORT NAME CONNECTIONS SECONDS HEAD 0 RESUME PIDS
 *		a connection per request
 *	load hold    PORT NAME CONNECTIONS 0 HEAD 0 0 PIDS
 *		idle WebSockets, until EOF
 *	load stall   PORT NAME CONNECTIONS 0 HEAD 0 0 PIDS
 *		downloads of which only the head is read, until EOF
 * NAME "-" is plain. HEAD is a file that holds the request head. PIDS (1,2,3) are the processes
 * whose CPU time is told. Ends with a line of JSON; hold and stall say "ready" instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load_io.h"

#define HEAD_MAX    8192u
#define SAMPLES_MAX (4u << 20)
#define EVENTS	    64
#define PIDS_MAX    64u
#define WARM_UP_NS  UINT64_C(250000000)
#define SECOND_NS   UINT64_C(1000000000)

enum mode { MODE_HTTP, MODE_WS, MODE_CONNECT, MODE_HOLD, MODE_STALL };
enum phase { PHASE_IDLE, PHASE_SENDING, PHASE_HEAD, PHASE_BODY, PHASE_HELD };

struct client {
	struct io *io;
	enum phase phase;
	bool is_upgraded;
	const char *out;
	size_t out_len;
	uint64_t body_left; /* of the request */
	uint64_t left;	    /* of the response */
	uint64_t started_ns;
	char in[HEAD_MAX + 1];
	size_t in_len;
	struct client *next; /* idle */
};

struct options {
	enum mode mode;
	unsigned connections;
	double seconds;
	const char *head;
	size_t head_len;
	uint64_t body; /* request body, or message */
	double rate;
	int pids[PIDS_MAX];
	size_t pids_count;
};

struct measures {
	bool is_on;
	uint64_t count;
	uint64_t bytes;
	uint64_t resumed;
	uint32_t *samples_us;
	size_t samples_count;
};

static struct options options;
static struct client *clients;
static struct measures measures;
static struct client *idle;
static unsigned open_count; /* clients that have been answered at least once */
static int poll_fd;
static uint64_t next_due_ns;
static char *frame; /* of a WebSocket: header, mask of zero, payload */
static size_t frame_len;
static char zeros[262144];

static uint64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void
die(const char *what)
{
	(void)fprintf(stderr, "load: %s\n", what);
	exit(1);
}

static void
begin(struct client *c, uint64_t at_ns)
{
	bool is_frame = c->is_upgraded;

	c->phase = PHASE_SENDING;
	c->out = is_frame ? frame : options.head;
	c->out_len = is_frame ? frame_len : options.head_len;
	c->body_left = options.mode == MODE_HTTP ? options.body : 0;
	c->in_len = 0;
	c->started_ns = at_ns;
}

static bool
open_client(struct client *c)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};

	*c = (struct client){.io = io_open()};
	if (c->io == NULL || epoll_ctl(poll_fd, EPOLL_CTL_ADD, io_descriptor(c->io), &event) != 0)
		return false;
	begin(c, now_ns());
	return true;
}

static void
count_answer(struct client *c)
{
	uint64_t us = (now_ns() - c->started_ns) / 1000;

	if (!measures.is_on)
		return;
	measures.count++;
	measures.resumed += io_was_resumed(c->io);
	if (measures.samples_count < SAMPLES_MAX)
		measures.samples_us[measures.samples_count++] =
			us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* The whole answer is here. True: there is something to be sent at once. */
static bool
finish(struct client *c)
{
	count_answer(c);
	if (options.mode == MODE_CONNECT) {
		io_close(c->io);
		if (!open_client(c))
			die("can't connect");
		return true;
	}
	if (options.rate > 0) {
		c->phase = PHASE_IDLE;
		c->next = idle;
		idle = c;
		return false;
	}
	begin(c, now_ns());
	return true;
}

static bool
on_upgraded(struct client *c)
{
	if (strncmp(c->in, "HTTP/1.1 101", 12) != 0)
		die(c->in);
	c->is_upgraded = true;
	open_count++;
	if (options.mode == MODE_HOLD) {
		c->phase = PHASE_HELD;
		return false;
	}
	begin(c, now_ns());
	return true;
}

static void
on_head(struct client *c, size_t head_len)
{
	const char *length = strcasestr(c->in, "\ncontent-length:");

	if (strncmp(c->in, "HTTP/1.1 200", 12) != 0 || length == NULL)
		die(c->in);
	uint64_t total = strtoull(length + strlen("\ncontent-length:"), NULL, 10);
	size_t here = c->in_len - head_len;
	if (here > total)
		die("more came than was announced");
	c->left = total - here;
	if (measures.is_on)
		measures.bytes += here;
	c->phase = options.mode == MODE_STALL ? PHASE_HELD : PHASE_BODY;
	open_count++;
}

/* Reads a head. True: the client can go on at once. */
static bool
read_head(struct client *c)
{
	ssize_t n = io_read(c->io, c->in + c->in_len, HEAD_MAX - c->in_len);

	if (n == IO_AGAIN)
		return false;
	if (n <= 0)
		die("closed before a whole answer");
	c->in_len += (size_t)n;
	c->in[c->in_len] = '\0';
	const char *end = strstr(c->in, "\r\n\r\n");
	if (end == NULL)
		return c->in_len < HEAD_MAX;
	if (options.mode == MODE_WS || options.mode == MODE_HOLD)
		return on_upgraded(c);
	on_head(c, (size_t)(end - c->in) + 4);
	return c->left > 0 || finish(c);
}

static bool
read_body(struct client *c)
{
	ssize_t n = io_drop(c->io, c->left < SIZE_MAX ? (size_t)c->left : SIZE_MAX);

	if (n == IO_AGAIN)
		return false;
	if (n <= 0)
		die("closed before a whole body");
	c->left -= (uint64_t)n;
	if (measures.is_on)
		measures.bytes += (uint64_t)n;
	return c->left > 0 || finish(c);
}

static bool
send_more(struct client *c)
{
	bool is_head = c->out_len > 0;
	size_t part = c->body_left < sizeof(zeros) ? (size_t)c->body_left : sizeof(zeros);
	ssize_t n = is_head ? io_write(c->io, c->out, c->out_len) : io_write(c->io, zeros, part);

	if (n == IO_AGAIN)
		return false;
	if (n <= 0)
		die("closed while a request was sent");
	if (is_head) {
		c->out += n;
		c->out_len -= (size_t)n;
	} else {
		c->body_left -= (uint64_t)n;
		if (measures.is_on)
			measures.bytes += (uint64_t)n;
	}
	if (c->out_len > 0 || c->body_left > 0)
		return true;
	c->phase = c->is_upgraded ? PHASE_BODY : PHASE_HEAD;
	c->left = frame_len - 4;
	return true;
}

static void
drive(struct client *c)
{
	bool goes_on = true;

	while (goes_on) {
		switch (c->phase) {
		case PHASE_SENDING:
			goes_on = send_more(c);
			break;
		case PHASE_HEAD:
			goes_on = read_head(c);
			break;
		case PHASE_BODY:
			goes_on = read_body(c);
			break;
		case PHASE_IDLE:
		case PHASE_HELD:
			goes_on = false;
			break;
		}
	}
}

/* Latency counts from when a request was due, not from when a connection was free for it. */
static void
send_due(uint64_t now)
{
	uint64_t pause_ns = (uint64_t)((double)SECOND_NS / options.rate);

	while (next_due_ns <= now && idle != NULL) {
		struct client *c = idle;
		idle = c->next;
		begin(c, next_due_ns);
		next_due_ns += pause_ns;
		drive(c);
	}
}

static void
run_round(uint64_t until_ns)
{
	struct epoll_event events[EVENTS];
	uint64_t now = now_ns();
	uint64_t wake_ns = until_ns;

	if (options.rate > 0) {
		send_due(now);
		if (idle != NULL && next_due_ns < wake_ns)
			wake_ns = next_due_ns;
	}
	now = now_ns();
	uint64_t wait_ns = wake_ns > now ? wake_ns - now : 0;
	struct timespec wait = {.tv_sec = (time_t)(wait_ns / SECOND_NS),
				.tv_nsec = (long)(wait_ns % SECOND_NS)};
	int n = epoll_pwait2(poll_fd, events, EVENTS, &wait, NULL);
	for (int i = 0; i < n; i++)
		drive(events[i].data.ptr);
}

static double
cpu_seconds(void)
{
	double sum = 0;

	for (size_t i = 0; i < options.pids_count; i++) {
		struct timespec used;
		clockid_t clock;
		if (clock_getcpuclockid(options.pids[i], &clock) == 0 &&
		    clock_gettime(clock, &used) == 0)
			sum += (double)used.tv_sec + (double)used.tv_nsec / (double)SECOND_NS;
	}
	return sum;
}

static void
run_until(uint64_t end_ns)
{
	while (now_ns() < end_ns)
		run_round(end_ns);
}

static int
compare_samples(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

static uint32_t
percentile(double part)
{
	size_t n = measures.samples_count;

	return n == 0 ? 0 : measures.samples_us[(size_t)((double)(n - 1) * part)];
}

static void
report(double seconds, double cpu)
{
	qsort(measures.samples_us, measures.samples_count, sizeof(uint32_t), compare_samples);
	printf("{\"count\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f, "
	       "\"p50_us\": %u, \"p99_us\": %u, \"resumed\": %llu}\n",
	       (unsigned long long)measures.count, (unsigned long long)measures.bytes, seconds, cpu,
	       percentile(0.5), percentile(0.99), (unsigned long long)measures.resumed);
}

static void
read_head_file(const char *path)
{
	static char head[HEAD_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));

	if (n <= 0)
		die("the file with the request head can't be read");
	close(fd);
	options.head = head;
	options.head_len = (size_t)n;
}

static void
make_frame(size_t payload)
{
	size_t header = payload < 126 ? 2 : payload < 65536 ? 4 : 10;
	unsigned char *at = calloc(1, header + 4 + payload);

	if (at == NULL)
		die("no memory");
	at[0] = 0x82;
	at[1] = 0x80 | (unsigned char)(header == 2 ? payload : header == 4 ? 126 : 127);
	for (size_t i = header; i-- > 2; payload >>= 8)
		at[i] = (unsigned char)(payload & 0xff);
	frame = (char *)at;
	frame_len = header + 4 + (size_t)options.body;
}

static void
parse(char **argv, struct io_options *io)
{
	static const char *const modes[] = {"http", "ws", "connect", "hold", "stall"};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i]) == 0)
			options.mode = (enum mode)i;
	*io = (struct io_options){.port = (uint16_t)strtoul(argv[2], NULL, 10),
				  .name = strcmp(argv[3], "-") == 0 ? NULL : argv[3]};
	options.connections = (unsigned)strtoul(argv[4], NULL, 10);
	options.seconds = strtod(argv[5], NULL);
	read_head_file(argv[6]);
	options.body = strtoull(argv[7], NULL, 10);
	if (options.mode == MODE_CONNECT)
		io->resumes = strtoul(argv[8], NULL, 10) != 0;
	else
		options.rate = strtod(argv[8], NULL);
	for (char *at = argv[9]; *at != '\0' && options.pids_count < PIDS_MAX;) {
		options.pids[options.pids_count++] = (int)strtol(at, &at, 10);
		at += *at == ',';
	}
	if (options.mode == MODE_WS)
		make_frame((size_t)options.body);
}

static void
hold(void)
{
	char byte;

	(void)puts("ready");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void
open_clients(void)
{
	clients = calloc(options.connections, sizeof(*clients));
	if (clients == NULL)
		die("no memory");
	for (unsigned i = 0; i < options.connections; i++) {
		if (!open_client(&clients[i]))
			die("can't connect");
		/* One by one, so that no server's backlog is what is measured. */
		while (open_count <= i && (options.mode != MODE_HTTP || options.body == 0))
			run_round(now_ns() + SECOND_NS);
	}
}

int
main(int argc, char **argv)
{
	struct io_options io;

	if (argc != 10)
		die("wrong arguments: see the head of load.c");
	parse(argv, &io);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	measures.samples_us = calloc(SAMPLES_MAX, sizeof(uint32_t));
	if (poll_fd < 0 || measures.samples_us == NULL || !io_setup(&io))
		die("can't be set up");
	next_due_ns = UINT64_MAX;
	open_clients();
	if (options.mode == MODE_HOLD || options.mode == MODE_STALL) {
		hold();
		return 0;
	}

	next_due_ns = now_ns();
	run_until(next_due_ns + WARM_UP_NS);
	double cpu = cpu_seconds();
	uint64_t from = now_ns();
	measures.is_on = true;
	run_until(from + (uint64_t)(options.seconds * (double)SECOND_NS));
	report((double)(now_ns() - from) / (double)SECOND_NS, cpu_seconds() - cpu);
	return 0;
}
