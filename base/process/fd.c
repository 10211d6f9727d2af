/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes all of a buffer to a blocking descriptor.
 */
#include "base/process/fd.h"

#include <errno.h>
#include <unistd.h>

bool
fd_write_all(int fd, struct str data)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.data, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC; /* where a call that takes nothing sets none */
		if (n <= 0)
			return false;
		data = str_skip(data, (size_t)n);
	}
	return true;
}
