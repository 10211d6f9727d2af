/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads until the end; the text is bounded by its buffer.
 */
#include "container/inject/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define READ_BYTES 65536u

static bool
read_all(int fd, struct buf *in, struct err *e)
{
	for (;;) {
		if (!buf_reserve(in, READ_BYTES))
			return err_set(e, ERR_LIMIT, "more than %zu bytes", in->max);
		ssize_t got = read(fd, in->data + in->len, READ_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(e, errno, "read");
		if (got == 0)
			return true;
		in->len += (size_t)got;
	}
}

bool
input_read(const char *file, struct buf *in, struct err *e)
{
	bool is_stdin = file == NULL || strcmp(file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno, "%.200s", file);
	bool ok = read_all(fd, in, e);
	if (!is_stdin)
		(void)close(fd);
	return ok || err_wrap(e, "%.200s", is_stdin ? "standard input" : file);
}
