/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepts only a regular file and creates only new files; never follows a symbolic link.
 */
#include "clone/target/marker.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log/log.h"

bool
marker_is_there(const struct clone_settings *settings)
{
	struct stat st;

	return settings->marker != NULL && lstat(settings->marker, &st) == 0 && S_ISREG(st.st_mode);
}

void
marker_write(const struct clone_settings *settings)
{
	struct err e = ERR_INIT;
	int fd;

	if (settings->marker == NULL || marker_is_there(settings))
		return;
	fd = open(settings->marker, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0) {
		(void)err_set_errno(&e, errno, "CLONE_MARKER \"%s\"", settings->marker);
		log_warn(NULL, "could not write the clone marker", log_err(&e));
		return;
	}
	(void)fsync(fd);
	close(fd);
}
