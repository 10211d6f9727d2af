/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proxies of a benchmark stand in front of: a server that costs next to nothing, so that
 * it is never what is measured. One thread, epoll, trusting: it speaks only to the proxies here.
 *
 *	GET /bytes/N   N bytes        POST /sink   takes the body, then answers
 *	GET /ws        a WebSocket that echoes each frame
 *	GET /file/N    the Nth file of the command line: upstream [TYPE FILE]...
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL_MAX   4096u
#define BLOCK_BYTES 1048576u
#define IN_FIRST    4096u
#define IN_MAX	    (1u << 20)
#define EVENTS	    64

enum peer_state { PEER_HEAD, PEER_SENDING, PEER_SINK, PEER_ECHO };

#define FILES_MAX 16

struct file {
	int fd;
	uint64_t size;
	const char *type;
};

struct peer {
	int fd;
	enum peer_state state;
	bool wants_write;
	char *in;
	size_t in_len;
	size_t in_size;
	uint64_t body_left;	 /* to be sent or to be dropped */
	const struct file *file; /* that is sent; NULL: the block */
	off_t file_at;
	size_t echo_at; /* bytes of in that are to be sent back */
	size_t echo_end;
	size_t frame_end; /* where the frame that is echoed ends in in */
};

static int poll_fd;
static int block_fd; /* a block of memory that sendfile takes bodies from */
static char scratch[262144];
static struct file files[FILES_MAX];
static size_t files_count;

static void
close_peer(struct peer *p)
{
	close(p->fd);
	free(p->in);
	free(p);
}

static void
want_write(struct peer *p, bool wanted)
{
	struct epoll_event event = {.events = wanted ? EPOLLOUT : EPOLLIN, .data.ptr = p};

	if (p->wants_write != wanted)
		(void)epoll_ctl(poll_fd, EPOLL_CTL_MOD, p->fd, &event);
	p->wants_write = wanted;
}

/* Small answers leave whole: the kernel's buffer is empty when one is due. */
static bool
send_whole(struct peer *p, const char *data, size_t len)
{
	return send(p->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool
send_body(struct peer *p)
{
	while (p->body_left > 0) {
		off_t start = 0;
		size_t part = p->body_left < BLOCK_BYTES ? (size_t)p->body_left : BLOCK_BYTES;
		ssize_t n = p->file != NULL ? sendfile(p->fd, p->file->fd, &p->file_at, part)
					    : sendfile(p->fd, block_fd, &start, part);
		if (n < 0 && errno == EAGAIN) {
			want_write(p, true);
			return true;
		}
		if (n <= 0)
			return false;
		p->body_left -= (uint64_t)n;
	}
	want_write(p, false);
	p->state = PEER_HEAD;
	return true;
}

static bool
answer(struct peer *p, uint64_t length)
{
	char out[512 + SMALL_MAX];
	int head = snprintf(out, 512,
			    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			    "Content-Length: %llu\r\n\r\n",
			    (unsigned long long)length);

	if (head < 0)
		return false;
	p->file = NULL;
	if (length <= SMALL_MAX) {
		memset(out + head, 'x', (size_t)length);
		p->state = PEER_HEAD;
		return send_whole(p, out, (size_t)head + (size_t)length);
	}
	if (!send_whole(p, out, (size_t)head))
		return false;
	p->state = PEER_SENDING;
	p->body_left = length;
	return send_body(p);
}

static bool
answer_file(struct peer *p, const struct file *file)
{
	char out[512];
	int head = snprintf(out, sizeof(out),
			    "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
			    "Content-Length: %llu\r\n\r\n",
			    file->type, (unsigned long long)file->size);

	if (head < 0 || (size_t)head >= sizeof(out) || !send_whole(p, out, (size_t)head))
		return false;
	p->state = PEER_SENDING;
	p->body_left = file->size;
	p->file = file;
	p->file_at = 0;
	return send_body(p);
}

static bool
accept_websocket(struct peer *p, const char *head)
{
	const char *key = strcasestr(head, "sec-websocket-key:");
	unsigned char digest[SHA_DIGEST_LENGTH];
	unsigned char accept[2 * SHA_DIGEST_LENGTH];
	char text[128];
	char out[256];
	int len;

	if (key == NULL)
		return false;
	key += strlen("sec-websocket-key:");
	key += strspn(key, " ");
	len = snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	if (SHA1((const unsigned char *)text, (size_t)len, digest) == NULL)
		return false;
	(void)EVP_EncodeBlock(accept, digest, sizeof(digest));
	len = snprintf(out, sizeof(out),
		       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		       (const char *)accept);
	p->state = PEER_ECHO;
	return send_whole(p, out, (size_t)len);
}

static bool
take_request(struct peer *p, const char *head)
{
	const char *length;
	size_t number;

	if (strncmp(head, "GET /file/", 10) == 0) {
		number = strtoull(head + 10, NULL, 10);
		return number < files_count && answer_file(p, &files[number]);
	}
	if (strncmp(head, "GET /bytes/", 11) == 0)
		return answer(p, strtoull(head + 11, NULL, 10));
	if (strncmp(head, "GET /ws", 7) == 0)
		return accept_websocket(p, head);
	length = strcasestr(head, "content-length:");
	if (strncmp(head, "POST /sink", 10) == 0 && length != NULL) {
		p->body_left = strtoull(length + strlen("content-length:"), NULL, 10);
		p->state = PEER_SINK;
		return true;
	}
	return answer(p, 0);
}

static bool
on_sunk(struct peer *p, size_t len)
{
	if (len > p->body_left)
		return false;
	p->body_left -= len;
	return p->body_left > 0 || answer(p, 2);
}

static void
consume(struct peer *p, size_t len)
{
	memmove(p->in, p->in + len, p->in_len - len);
	p->in_len -= len;
}

static bool
on_head_bytes(struct peer *p)
{
	char *end = memmem(p->in, p->in_len, "\r\n\r\n", 4);

	if (end == NULL)
		return true;
	*end = '\0';
	size_t used = (size_t)(end - p->in) + 4;
	if (!take_request(p, p->in))
		return false;
	consume(p, used);
	if (p->state != PEER_SINK || p->in_len == 0)
		return true;
	size_t body = p->in_len;
	p->in_len = 0;
	return on_sunk(p, body);
}

/* A client's frame at the start of in becomes a server's: the mask goes, four bytes shorter. False
 * when it is not whole yet. */
static bool
turn_frame(struct peer *p)
{
	unsigned char *in = (unsigned char *)p->in;
	size_t header = 2;
	uint64_t length;

	if (p->in_len < 14)
		return false;
	length = in[1] & 0x7f;
	if (length == 126) {
		header = 4;
		length = (uint64_t)in[2] << 8 | in[3];
	} else if (length == 127) {
		header = 10;
		length = 0;
		for (size_t i = 2; i < 10; i++)
			length = length << 8 | in[i];
	}
	p->frame_end = header + 4 + (size_t)length;
	if (p->in_len < p->frame_end)
		return false;

	unsigned char mask[4];
	unsigned char *payload = in + header + 4;
	memcpy(mask, in + header, 4);
	if ((mask[0] | mask[1] | mask[2] | mask[3]) != 0)
		for (size_t i = 0; i < length; i++)
			payload[i] ^= mask[i & 3];
	in[1] &= 0x7f;
	memmove(in + 4, in, header);
	p->echo_at = 4;
	p->echo_end = p->frame_end;
	return true;
}

static bool
send_echo(struct peer *p)
{
	ssize_t n = send(p->fd, p->in + p->echo_at, p->echo_end - p->echo_at, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return false;
	p->echo_at += n > 0 ? (size_t)n : 0;
	want_write(p, p->echo_at < p->echo_end);
	if (p->echo_at < p->echo_end)
		return true;
	p->echo_at = p->echo_end = 0;
	consume(p, p->frame_end);
	return true;
}

static bool
echo_frames(struct peer *p)
{
	while (p->echo_end == 0 && turn_frame(p))
		if (!send_echo(p))
			return false;
	return true;
}

static bool
grow(struct peer *p)
{
	size_t size = p->in_size == 0 ? IN_FIRST : 4 * p->in_size;
	char *in = size > IN_MAX ? NULL : realloc(p->in, size);

	if (in == NULL)
		return false;
	p->in = in;
	p->in_size = size;
	return true;
}

static bool
on_readable(struct peer *p)
{
	ssize_t n;

	if (p->state == PEER_SINK) {
		n = recv(p->fd, scratch, sizeof(scratch), MSG_TRUNC);
		return n > 0 ? on_sunk(p, (size_t)n) : n < 0 && errno == EAGAIN;
	}
	if (p->in_len == p->in_size && !grow(p))
		return false;
	n = recv(p->fd, p->in + p->in_len, p->in_size - p->in_len, 0);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	p->in_len += (size_t)n;
	return p->state == PEER_ECHO ? echo_frames(p) : on_head_bytes(p);
}

static bool
on_writable(struct peer *p)
{
	if (p->state == PEER_SENDING)
		return send_body(p);
	return send_echo(p) && echo_frames(p);
}

static void
accept_peers(int listener)
{
	int one = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct peer *p = calloc(1, sizeof(*p));
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
		if (p == NULL)
			abort();
		p->fd = fd;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
			abort();
	}
}

static int
listen_on_loopback(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) != 0 ||
	    listen(fd, 4096) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
	    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return -1;
	printf("%u\n", ntohs(address.sin_port));
	(void)fflush(stdout);
	return fd;
}

static void
open_files(char **arguments)
{
	struct stat status;

	for (; arguments[0] != NULL && arguments[1] != NULL && files_count < FILES_MAX;
	     arguments += 2) {
		struct file *file = &files[files_count++];

		file->type = arguments[0];
		file->fd = open(arguments[1], O_RDONLY | O_CLOEXEC);
		if (file->fd < 0 || fstat(file->fd, &status) != 0) {
			perror(arguments[1]);
			exit(1);
		}
		file->size = (uint64_t)status.st_size;
	}
}

/* Prints its port; runs until it is killed. */
int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	int listener;

	if (argc > 1)
		open_files(argv + 1);
	(void)signal(SIGPIPE, SIG_IGN); /* sendfile has no flag for that */
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	block_fd = memfd_create("block", MFD_CLOEXEC);
	listener = poll_fd < 0 ? -1 : listen_on_loopback();
	if (listener < 0 || block_fd < 0 || ftruncate(block_fd, BLOCK_BYTES) != 0) {
		perror("upstream");
		return 1;
	}
	for (;;) {
		int n = epoll_wait(poll_fd, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			struct peer *p = events[i].data.ptr;
			if (p == NULL)
				accept_peers(listener);
			else if (!((events[i].events & EPOLLOUT) != 0 ? on_writable(p)
								      : on_readable(p)))
				close_peer(p);
		}
	}
}
