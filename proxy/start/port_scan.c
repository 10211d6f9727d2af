/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux lists listening sockets before all others (proc_net_tcp.txt), which may be many more.
 * Other kernels (gVisor) do not sort, so the scan does not stop at the first connection.
 */
#include "proxy/start/port_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "proxy/start/listening.h"

#define STEP_BYTES     (64u * 1024u)
#define FILE_BYTES_MAX (8u * 1024u * 1024u) /* more than 50,000 sockets */
#define BLOCK_BYTES    (16u * 1024u)
#define OTHERS_MAX     256u /* consecutive lines of other sockets after which a file is done */
#define FILES	       2u

struct port_scan {
	const char *paths[FILES];
	struct ip loopbacks[FILES];
	size_t file;   /* index of the current file */
	int fd;	       /* of the current file; -1: not opened yet */
	size_t read;   /* bytes read of the current file */
	size_t held;   /* bytes of an incomplete line at the start of block */
	size_t others; /* lines since the last listening socket */
	bool is_stray; /* within a line that is too long, and ignored */
	int error;     /* errno of the first failure */
	const char *failed;
	size_t missing; /* number of files that do not exist (tcp6 without IPv6) */
	struct port_set found;
	char block[BLOCK_BYTES];
};

static void
add_port(struct port_set *set, uint16_t port)
{
	set->words[port / 64] |= UINT64_C(1) << port % 64;
}

void
port_set_remove(struct port_set *set, uint16_t port)
{
	set->words[port / 64] &= ~(UINT64_C(1) << port % 64);
}

void
port_set_add_ranges(struct port_set *set, const struct ports *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		for (uint32_t port = ports->ranges[i].first; port <= ports->ranges[i].last; port++)
			add_port(set, (uint16_t)port);
}

struct port_scan *
port_scan_new(const char *const paths[2])
{
	struct port_scan *scan = calloc(1, sizeof(*scan));

	if (scan == NULL)
		return NULL;
	scan->fd = -1;
	scan->paths[0] = paths[0];
	scan->paths[1] = paths[1];
	if (!ip_parse(&scan->loopbacks[0], STR("127.0.0.1")) ||
	    !ip_parse(&scan->loopbacks[1], STR("::1"))) {
		free(scan);
		return NULL;
	}
	return scan;
}

void
port_scan_free(struct port_scan *scan)
{
	if (scan == NULL)
		return;
	fd_close(scan->fd);
	free(scan);
}

static void
take_line(struct port_scan *scan, struct str line)
{
	struct ip ip;
	uint16_t port;

	scan->others++;
	if (!listening_parse_line(line, scan->file == 0, &ip, &port))
		return;
	scan->others = 0;
	for (size_t i = 0; i < FILES; i++)
		if (listening_covers(&ip, &scan->loopbacks[i]))
			add_port(&scan->found, port);
}

/* Parses the complete lines in block, and moves an incomplete one to its start. */
static void
take_lines(struct port_scan *scan, size_t len)
{
	struct str rest = {scan->block, len};
	size_t end;

	while ((end = str_find_byte(rest, '\n')) != SIZE_MAX) {
		if (!scan->is_stray)
			take_line(scan, str_take(rest, end));
		scan->is_stray = false;
		rest = str_skip(rest, end + 1);
	}
	if (rest.len == BLOCK_BYTES) {
		scan->is_stray = true;
		rest.len = 0;
	}
	if (rest.len > 0)
		memmove(scan->block, rest.data, rest.len);
	scan->held = rest.len;
}

static void
note_error(struct port_scan *scan, int error)
{
	if (error == ENOENT) {
		scan->missing++;
	} else if (scan->failed == NULL) {
		scan->error = error;
		scan->failed = scan->paths[scan->file];
	}
}

static void
end_file(struct port_scan *scan)
{
	fd_close(scan->fd);
	scan->fd = -1;
	scan->file++;
	scan->read = 0;
	scan->held = 0;
	scan->others = 0;
	scan->is_stray = false;
}

/* Reads once, about a page. False at the end of the file, or of what should be read of it. */
static bool
read_some(struct port_scan *scan)
{
	ssize_t n;

	do
		n = read(scan->fd, scan->block + scan->held, BLOCK_BYTES - scan->held);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		note_error(scan, errno);
	if (n <= 0)
		return false;
	scan->read += (size_t)n;
	take_lines(scan, scan->held + (size_t)n);
	return scan->read < FILE_BYTES_MAX && scan->others < OTHERS_MAX;
}

bool
port_scan_step(struct port_scan *scan)
{
	size_t begin = scan->read;
	bool goes_on = true;

	if (scan->file == FILES)
		return false;
	if (scan->fd < 0) {
		scan->fd = open(scan->paths[scan->file], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (scan->fd < 0)
			note_error(scan, errno);
	}
	while (goes_on && scan->fd >= 0 && scan->read - begin < STEP_BYTES)
		goes_on = read_some(scan);
	if (!goes_on || scan->fd < 0)
		end_file(scan);
	return scan->file < FILES;
}

static bool
has_problem(const struct port_scan *scan, struct port_list *list)
{
	if (scan->failed == NULL && scan->missing < FILES)
		return false;
	(void)snprintf(list->problem, sizeof(list->problem),
		       "The ports in use can't be listed: %.64s could not be read (%s).",
		       scan->failed != NULL ? scan->failed : scan->paths[0],
		       strerror(scan->failed != NULL ? scan->error : ENOENT));
	return true;
}

void
port_scan_list(const struct port_scan *scan, const struct port_set *wanted, struct port_list *list)
{
	memset(list, 0, sizeof(*list));
	if (has_problem(scan, list))
		return;
	for (size_t i = 0; i < PORT_SET_WORDS; i++) {
		uint64_t bits = scan->found.words[i] & wanted->words[i];

		for (; bits != 0; bits &= bits - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(bits);

			if (list->count < PORT_LIST_MAX)
				list->ports[list->count++] = (uint16_t)(i * 64 + bit);
			else
				list->more++;
		}
	}
}
