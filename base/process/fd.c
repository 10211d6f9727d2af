/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers of POSIX alone.
 */
#include "base/process/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool
fd_write_all(int fd, struct str data)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.data, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC; /* write(2) that returns 0 sets no errno */
		if (n <= 0)
			return false;
		data = str_skip(data, (size_t)n);
	}
	return true;
}

void
fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
}

bool
fd_set_private(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

bool
fd_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool
fd_pipe(int ends[2])
{
	if (pipe(ends) != 0)
		return false;
	(void)fd_set_private(ends[0]);
	(void)fd_set_private(ends[1]);
	return true;
}
