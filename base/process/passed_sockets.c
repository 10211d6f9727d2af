/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of sd_listen_fds(3), without its library.
 */
#include "base/process/passed_sockets.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/net/listen_socket.h"
#include "base/process/fd.h"
#include "base/str.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static bool
is_taken_name(const struct passed_sockets *p, struct str name)
{
	for (size_t i = 0; i < p->count; i++)
		if (str_equal(name, str_from(p->items[i].name)))
			return true;
	return false;
}

static bool
add_socket(struct passed_sockets *p, struct str name, int fd, struct err *e)
{
	struct passed_socket *s = &p->items[p->count];

	if (str_is_empty(name) || name.len > PASSED_SOCKETS_NAME_MAX)
		return err_set(e, ERR_CONFIG,
			       "LISTEN_FDNAMES: descriptor %d has no name, or one of more than %u "
			       "bytes",
			       fd, PASSED_SOCKETS_NAME_MAX);
	if (is_taken_name(p, name))
		return err_set(e, ERR_CONFIG, "LISTEN_FDNAMES: two sockets are named \"%.*s\"",
			       STR_FMT(name));
	if (!listen_socket_adopt(fd, e))
		return err_wrap(e, "LISTEN_FDS: \"%.*s\"", STR_FMT(name));
	memcpy(s->name, name.data, name.len);
	s->name[name.len] = '\0';
	s->fd = fd;
	p->count++;
	return true;
}

bool
passed_sockets_parse(struct passed_sockets *p, const char *fds, const char *names, int first_fd,
		     struct err *e)
{
	struct str rest = str_from(names);
	struct str name;
	uint64_t count;

	*p = (struct passed_sockets){.count = 0};
	if (!str_to_u64(str_from(fds), 1, PASSED_SOCKETS_MAX, &count))
		return err_set(e, ERR_CONFIG, "LISTEN_FDS: got \"%.32s\"; expected 1 to %u", fds,
			       PASSED_SOCKETS_MAX);
	for (int i = 0; i < (int)count; i++) {
		if (!str_next(&rest, ':', &name))
			name = STR_NONE;
		if (!add_socket(p, name, first_fd + i, e))
			return false;
	}
	if (str_next(&rest, ':', &name))
		return err_set(e, ERR_CONFIG, "LISTEN_FDNAMES: more names than LISTEN_FDS says");
	return true;
}

bool
passed_sockets_receive(struct passed_sockets *p, struct err *e)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t number;
	bool ok = true;

	*p = (struct passed_sockets){.count = 0};
	if (fds != NULL && str_to_u64(str_from(pid), 1, INT32_MAX, &number) &&
	    number == (uint64_t)getpid())
		ok = passed_sockets_parse(p, fds, names == NULL ? "" : names, FIRST_FD, e);
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return ok;
}

int
passed_sockets_take(struct passed_sockets *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->items[i].name, name) == 0) {
			int fd = p->items[i].fd;

			p->items[i].fd = -1;
			return fd;
		}
	}
	return -1;
}

bool
passed_sockets_are_taken(const struct passed_sockets *p, struct err *e)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].fd >= 0)
			return err_set(e, ERR_CONFIG,
				       "LISTEN_FDNAMES: no enabled listener is named \"%s\"",
				       p->items[i].name);
	return true;
}

void
passed_sockets_fini(struct passed_sockets *p)
{
	for (size_t i = 0; i < p->count; i++)
		fd_close(p->items[i].fd);
	p->count = 0;
}
