/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log line that reports the end of the IDE is the best reason, unless a server listens at the
 * IDE's port: then another program has ended. Otherwise the listening sockets tell, from the most
 * to the least specific finding.
 */
#include "proxy/start/ide_reason.h"

#include <stdio.h>

#include "base/ascii.h"
#include "base/log/log_escape.h"

#define NAMED_PORTS 5u /* that a message lists */

static const char *const names[] = {
	[IDE_REASON_NOTHING_LISTENS] = "nothing_listens",
	[IDE_REASON_OTHER_PORT] = "other_port",
	[IDE_REASON_OTHER_ADDRESS] = "other_address",
	[IDE_REASON_NOT_ACCEPTING] = "not_accepting",
	[IDE_REASON_EXITED] = "exited",
	[IDE_REASON_OUT_OF_MEMORY] = "out_of_memory",
};

const char *
ide_reason_name(enum ide_reason_code code)
{
	return names[code];
}

static void set(struct ide_reason *r, enum ide_reason_code code, const char *hint,
		const char *message, ...) PRINTF_LIKE(4, 5);

/* message and its arguments are those of printf(3). */
static void
set(struct ide_reason *r, enum ide_reason_code code, const char *hint, const char *message, ...)
{
	va_list args;

	*r = (struct ide_reason){.code = code};
	(void)snprintf(r->hint, sizeof(r->hint), "%s", hint);
	va_start(args, message);
	(void)vsnprintf(r->message, sizeof(r->message), message, args);
	va_end(args);
}

/* Searches without regard to case. The needle begins with a letter: compares its first byte without
 * the case bit before calling a function, because lines are long. */
static bool
has(struct str text, struct str needle)
{
	for (size_t at = 0; at + needle.len <= text.len; at++)
		if (((text.data[at] ^ needle.data[0]) & ~0x20) == 0 &&
		    str_equal_nocase(str_take(str_skip(text, at), needle.len), needle))
			return true;
	return false;
}

static bool
has_any(struct str text, const char *const *needles)
{
	for (; *needles != NULL; needles++)
		if (has(text, str_from(*needles)))
			return true;
	return false;
}

/* Returns the number from 0 to 255 after a phrase such as "exit code "; or -1. */
static int
find_number(struct str text, struct str before)
{
	uint64_t value;

	for (size_t at = 0; at + before.len < text.len; at++) {
		if (!str_equal_nocase(str_take(str_skip(text, at), before.len), before))
			continue;
		struct str digits = str_skip(text, at + before.len);
		size_t len = 0;
		while (len < digits.len && ascii_is_digit(digits.data[len]))
			len++;
		if (str_to_u64(str_take(digits, len), 0, 255, &value))
			return (int)value;
	}
	return -1;
}

static int
find_exit_code(struct str line)
{
	static const char *const before[] = {
		"exited with code ", "exit code ",   "exit code: ", "exit status ",
		"exit status: ",     "exited with ", "code=",	    NULL};

	for (size_t i = 0; before[i] != NULL; i++) {
		int code = find_number(line, str_from(before[i]));

		if (code >= 0)
			return code;
	}
	return -1;
}

/* Copies the line, escaped, up to the last whole character that fits. */
static void
keep_line(struct ide_reason *r, struct str line)
{
	struct buf text;

	buf_init(&text, sizeof(r->line) - 1);
	(void)log_escape_text(&text, line);
	if (text.len > 0)
		memcpy(r->line, text.data, text.len);
	r->line[text.len] = '\0';
	buf_fini(&text);
}

static void
set_memory(struct ide_reason *r, bool is_killed)
{
	set(r, IDE_REASON_OUT_OF_MEMORY,
	    "Raise the memory limit of the IDE's container, or start less in it. An "
	    "administrator sees \"OOMKilled\" in the pod's status.",
	    "%s",
	    is_killed ? "The IDE was killed, most likely because its container ran out of memory."
		      : "The IDE ran out of memory.");
}

static void
set_exit(struct ide_reason *r, int code)
{
	const char *hint =
		code == 126 || code == 127
			? "The command of the IDE's container was not found or may not be run: "
			  "check the image and the command."
			: "The reason is usually in the last lines of the log. Correct the command "
			  "or the configuration of the IDE, and restart the workspace.";

	if (code >= 0)
		set(r, IDE_REASON_EXITED, hint, "The IDE exited with code %d.", code);
	else
		set(r, IDE_REASON_EXITED, hint, "The IDE ended unexpectedly.");
}

bool
ide_reason_from_line(struct ide_reason *r, struct str line)
{
	static const char *const memory[] = {
		"out of memory",	  "OutOfMemory", "oom-kill", "OOMKilled", "bad_alloc",
		"cannot allocate memory", "MemoryError", NULL};
	static const char *const killed[] = {"signal 9",	"SIGKILL",
					     "exit code 137",	"exited with code 137",
					     "exit status 137", NULL};
	static const char *const ends[] = {
		"exited with",	      "exit code",   "exit status", "was killed by signal",
		"segmentation fault", "core dumped", NULL};

	if (has_any(line, memory))
		set_memory(r, false);
	else if (has_any(line, killed))
		set_memory(r, true);
	else if (has_any(line, ends))
		set_exit(r, find_exit_code(line));
	else
		return false;
	keep_line(r, line);
	return true;
}

static bool
is_own(const struct ide_reason_facts *facts, uint16_t port)
{
	for (size_t i = 0; i < IDE_REASON_OWN_MAX; i++)
		if (facts->own_ports[i] == port)
			return true;
	return false;
}

/* Whether a socket before index has the same port. */
static bool
is_repeated(const struct listening *l, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (l->items[i].port == l->items[index].port)
			return true;
	return false;
}

/* Writes the first NAMED_PORTS ports to out, except our own. Returns the number of all of them. */
static size_t
list_ports(const struct ide_reason_facts *facts, const struct listening *l, char *out, size_t size)
{
	size_t count = 0;
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < l->count; i++) {
		if (is_own(facts, l->items[i].port) || is_repeated(l, i))
			continue;
		if (count++ < NAMED_PORTS)
			len += (size_t)snprintf(out + len, size - len, "%s%u", len > 0 ? ", " : "",
						l->items[i].port);
	}
	return count;
}

static void
set_nothing(struct ide_reason *r, const char *upstream)
{
	set(r, IDE_REASON_NOTHING_LISTENS,
	    "The IDE is still starting, or its process has ended. If this page does not go away, "
	    "look at the log below, or ask an administrator for the log of the IDE's container.",
	    "Nothing listens at %s yet.", upstream);
}

static void
set_unreachable(struct ide_reason *r, const struct ide_reason_facts *facts)
{
	char address[ADDRESS_TEXT_MAX];

	if (facts->upstream_name == NULL)
		address_format(facts->upstream, address, sizeof(address));
	set(r, IDE_REASON_NOTHING_LISTENS,
	    "The IDE is still starting, or its process has ended. If this page does not go away, "
	    "ask an administrator for the log of the IDE, and whether UPSTREAM is its address.",
	    "%.200s does not accept connections yet.",
	    facts->upstream_name != NULL ? facts->upstream_name : address);
}

static void
set_other_port(struct ide_reason *r, const struct ide_reason_facts *facts, const char *ports,
	       size_t count)
{
	char hint[256];
	uint16_t port = address_port(facts->upstream);

	(void)snprintf(hint, sizeof(hint),
		       "If one of them is the IDE, start it with port %u, or ask an administrator "
		       "to set UPSTREAM to its port.",
		       port);
	set(r, IDE_REASON_OTHER_PORT, hint,
	    "Nothing listens at port %u. Servers listen at %s %s%s.", port,
	    count == 1 ? "port" : "the ports", ports, count > NAMED_PORTS ? " and others" : "");
}

static void
set_other_address(struct ide_reason *r, const struct ip *bound, uint16_t port, const char *upstream)
{
	char ip[IP_TEXT_MAX];

	ip_format(bound, ip);
	set(r, IDE_REASON_OTHER_ADDRESS,
	    "Start the IDE with the address 127.0.0.1, or ask an administrator to set UPSTREAM to "
	    "the address that it listens on.",
	    "A server listens at port %u, but only on the address %s, not at %s.", port, ip,
	    upstream);
}

static void
set_not_accepting(struct ide_reason *r, const char *upstream)
{
	set(r, IDE_REASON_NOT_ACCEPTING,
	    "It may be overloaded or stopped. If this page does not go away, restart the "
	    "workspace.",
	    "A server listens at %s, but does not accept connections.", upstream);
}

static bool
is_reached(const struct ide_reason_facts *facts, const struct ip *bound)
{
	struct ip wanted;

	for (size_t i = 0; i < facts->upstream_count; i++)
		if (address_get_ip(&facts->upstream[i], &wanted) &&
		    listening_covers(bound, &wanted))
			return true;
	return false;
}

void
ide_reason_from_sockets(struct ide_reason *r, const struct ide_reason_facts *facts,
			const struct listening *l)
{
	uint16_t port = address_port(facts->upstream);
	const struct ip *other = NULL;
	char upstream[ADDRESS_TEXT_MAX];
	char ports[NAMED_PORTS * 8];

	address_format(facts->upstream, upstream, sizeof(upstream));
	for (size_t i = 0; i < l->count && port != 0; i++) {
		if (l->items[i].port != port)
			continue;
		if (is_reached(facts, &l->items[i].ip)) {
			set_not_accepting(r, upstream);
			return;
		}
		other = &l->items[i].ip;
	}
	size_t count = list_ports(facts, l, ports, sizeof(ports));
	if (other != NULL)
		set_other_address(r, other, port, upstream);
	else if (port != 0 && count > 0)
		set_other_port(r, facts, ports, count);
	else
		set_nothing(r, upstream);
}

/* Whether the IDE listens in our network namespace; sockets of others can't be seen. */
static bool
is_here(const struct ide_reason_facts *facts)
{
	struct ip ip;

	if (facts->upstream_name != NULL)
		return false;
	return !address_get_ip(facts->upstream, &ip) || ip_is_loopback(&ip);
}

/* If a server listens at the IDE's port, a log line reports the end of another or earlier program.
 */
static bool
is_listening(const struct ide_reason *r)
{
	return r->code == IDE_REASON_NOT_ACCEPTING || r->code == IDE_REASON_OTHER_ADDRESS;
}

void
ide_reason_find(struct ide_reason *r, const struct ide_reason_facts *facts)
{
	const struct ide_reason *reported_exit = facts->reported_exit;
	struct listening listening = {.port = address_port(facts->upstream)};

	if (is_here(facts)) {
		(void)listening_read(&listening);
		ide_reason_from_sockets(r, facts, &listening);
	} else {
		set_unreachable(r, facts);
	}
	if (reported_exit != NULL &&
	    (reported_exit->code == IDE_REASON_OUT_OF_MEMORY || !is_listening(r)))
		*r = *reported_exit;
}
