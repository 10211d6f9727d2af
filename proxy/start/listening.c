/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are "  0: 0100007F:EA61 00000000:0000 0A …": number, local address, remote address, state.
 * Addresses are 32-bit words in the byte order of the machine, ports are numbers.
 */
#include "proxy/start/listening.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ascii.h"

#define BLOCK_BYTES  (64u * 1024u)
#define STATE_LISTEN "0A"

static struct str
next_word(struct str *line)
{
	size_t end = 0;

	while (line->len > 0 && line->data[0] == ' ')
		*line = str_skip(*line, 1);
	while (end < line->len && line->data[end] != ' ')
		end++;
	struct str word = str_take(*line, end);
	*line = str_skip(*line, end);
	return word;
}

static bool
read_hex(struct str digits, uint32_t *value)
{
	*value = 0;
	if (digits.len == 0 || digits.len > 8)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		int digit = ascii_hex_value(digits.data[i]);

		if (digit < 0)
			return false;
		*value = *value << 4 | (uint32_t)digit;
	}
	return true;
}

static bool
read_address(struct str text, bool is_ipv4, struct ip *ip, uint16_t *port)
{
	size_t words = is_ipv4 ? 1 : 4;
	uint32_t bytes[4];
	uint32_t number;

	if (text.len != words * 8 + 5 || text.data[words * 8] != ':')
		return false;
	for (size_t i = 0; i < words; i++)
		if (!read_hex(str_take(str_skip(text, i * 8), 8), &bytes[i]))
			return false;
	if (!read_hex(str_skip(text, words * 8 + 1), &number))
		return false;
	ip_from_bytes(ip, bytes, is_ipv4);
	*port = (uint16_t)number;
	return true;
}

bool
listening_parse_line(struct str line, bool is_ipv4, struct ip *ip, uint16_t *port)
{
	(void)next_word(&line);
	struct str local = next_word(&line);
	(void)next_word(&line);
	return str_equal(next_word(&line), STR(STATE_LISTEN)) &&
	       read_address(local, is_ipv4, ip, port);
}

static bool
is_listed(const struct listening *l, const struct ip *ip, uint16_t port)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].port == port && l->items[i].ip.is_ipv4 == ip->is_ipv4 &&
		    memcmp(l->items[i].ip.bytes, ip->bytes, IP_BYTES) == 0)
			return true;
	return false;
}

static void
add(struct listening *l, const struct ip *ip, uint16_t port)
{
	bool is_other = port != l->port;

	if (l->count == LISTENING_MAX || (is_other && l->others == LISTENING_OTHERS_MAX) ||
	    is_listed(l, ip, port))
		return;
	l->items[l->count].ip = *ip;
	l->items[l->count].port = port;
	l->count++;
	l->others += is_other;
}

bool
listening_parse(struct listening *l, struct str text, bool is_ipv4)
{
	bool is_found = false;
	struct str line;
	struct ip ip;
	uint16_t port;

	while (str_next(&text, '\n', &line)) {
		if (!listening_parse_line(line, is_ipv4, &ip, &port))
			continue;
		is_found = true;
		add(l, &ip, port);
	}
	return is_found;
}

/* Reads up to the first block without a listening socket: Linux lists listening sockets first.
 * Other kernels (gVisor) do not sort, so that at least BLOCK_BYTES are read. */
static bool
read_file(struct listening *l, const char *path, bool is_ipv4, char *block)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is_found = true;
	size_t held = 0; /* bytes of an incomplete line at the start of block */
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while ((is_found || done < BLOCK_BYTES) && done < LISTENING_FILE_MAX &&
	       (n = read(fd, block + held, BLOCK_BYTES - held)) > 0) {
		size_t len = held + (size_t)n;
		const char *end = memrchr(block, '\n', len);
		size_t whole = end == NULL ? 0 : (size_t)(end - block) + 1;

		done += (size_t)n;
		is_found = listening_parse(l, (struct str){block, whole}, is_ipv4);
		held = len - whole;
		memmove(block, block + whole, held);
	}
	(void)close(fd);
	return true;
}

bool
listening_read(struct listening *l)
{
	char *block = malloc(BLOCK_BYTES);

	l->count = 0;
	l->others = 0;
	if (block == NULL)
		return false;
	bool has_ipv4 = read_file(l, "/proc/net/tcp", true, block);
	bool has_ipv6 = read_file(l, "/proc/net/tcp6", false, block);
	free(block);
	return has_ipv4 || has_ipv6;
}

static bool
is_unspecified(const struct ip *ip)
{
	struct ip any;

	return ip_parse(&any, ip->is_ipv4 ? STR("0.0.0.0") : STR("::")) &&
	       memcmp(any.bytes, ip->bytes, IP_BYTES) == 0;
}

/* A socket bound to "::" accepts IPv4 as well, unless it has IPV6_V6ONLY, which the file does not
 * show. */
bool
listening_covers(const struct ip *bound, const struct ip *wanted)
{
	if (is_unspecified(bound))
		return !bound->is_ipv4 || wanted->is_ipv4;
	return memcmp(bound->bytes, wanted->bytes, IP_BYTES) == 0;
}
