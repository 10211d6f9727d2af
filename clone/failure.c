/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording failures: the class for people, the detail for the log, the first one wins.
 */
#include "clone/failure.h"

#include <errno.h>
#include <stdio.h>

enum clone_problem
failure_problem_of_errno(int errno_value)
{
	switch (errno_value) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG: /* a file size limit is a full disk to whoever meets it */
		return CLONE_PROBLEM_DISK_FULL;
	case EACCES:
	case EPERM:
	case EROFS:
		return CLONE_PROBLEM_PERMISSION;
	default:
		return CLONE_PROBLEM_INTERNAL;
	}
}

enum clone_problem
failure_problem_of_text(const char *message)
{
	static const int known[] = {ENOSPC, EDQUOT, EFBIG, EACCES, EPERM, EROFS};
	char text[128];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strstr(message, strerror_r(known[i], text, sizeof(text))) != NULL)
			return failure_problem_of_errno(known[i]);
	}
	return CLONE_PROBLEM_NONE;
}

enum clone_problem
failure_problem_of_status(long status)
{
	switch (status) {
	case 401:
		return CLONE_PROBLEM_TOKEN;
	case 403:
		return CLONE_PROBLEM_NO_ACCESS;
	case 404:
	case 410:
		return CLONE_PROBLEM_NOT_FOUND;
	default:
		return CLONE_PROBLEM_UNREACHABLE;
	}
}

bool
failure_set(struct clone_failure *f, enum clone_problem problem, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (f->problem != CLONE_PROBLEM_NONE)
		return false;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	f->problem = problem;
	return err_set(&f->detail, ERR_PROTOCOL, "%s", text);
}

bool
failure_set_errno(struct clone_failure *f, int errno_value, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (f->problem != CLONE_PROBLEM_NONE)
		return false;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	f->problem = failure_problem_of_errno(errno_value);
	return err_set_errno(&f->detail, errno_value, "%s", text);
}
