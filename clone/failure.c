/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records failures: the class for users, the detail for the log; the first failure wins.
 */
#include "clone/failure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log/log_escape.h"

#define DELAY_FIRST_MS	   500u
#define DELAY_MAX_MS	   30000u
#define RETRY_AFTER_MAX_MS 120000u

static enum clone_problem
problem_of_errno(int errno_value)
{
	switch (errno_value) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG: /* a file size limit is reported as a full disk */
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
			return problem_of_errno(known[i]);
	}
	return CLONE_PROBLEM_NONE;
}

static enum clone_problem
problem_of_status(long status)
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

static void __attribute__((format(printf, 3, 0)))
set(struct clone_failure *f, enum clone_problem problem, const char *format, va_list args)
{
	char text[ERR_TEXT_MAX];

	vsnprintf(text, sizeof(text), format, args);
	f->problem = problem;
	err_set(&f->detail, ERR_PROTOCOL, "%s", text);
}

bool
failure_set(struct clone_failure *f, enum clone_problem problem, const char *format, ...)
{
	va_list args;

	if (f->problem != CLONE_PROBLEM_NONE)
		return false;
	va_start(args, format);
	set(f, problem, format, args);
	va_end(args);
	f->is_transient = problem == CLONE_PROBLEM_UNREACHABLE || problem == CLONE_PROBLEM_STALLED;
	return false;
}

bool
failure_set_errno(struct clone_failure *f, int errno_value, const char *format, ...)
{
	va_list args;

	if (f->problem != CLONE_PROBLEM_NONE)
		return false;
	va_start(args, format);
	set(f, problem_of_errno(errno_value), format, args);
	va_end(args);
	return err_set_errno(&f->detail, errno_value, "%s", f->detail.text);
}

bool
failure_set_status(struct clone_failure *f, long status, uint64_t retry_after_ms)
{
	if (f->problem != CLONE_PROBLEM_NONE)
		return false;
	failure_set(f, problem_of_status(status), "server answered with status %ld", status);
	f->is_transient = status == 408 || status == 429 || (status >= 500 && status != 501);
	f->retry_after_ms = retry_after_ms;
	return false;
}

void
failure_format_text(struct str text, char *out, size_t size)
{
	struct buf formatted;
	size_t len;

	/* A byte that is not UTF-8 becomes three bytes. */
	buf_init(&formatted, 3 * size);
	(void)log_escape_text(&formatted, str_take(text, size));
	len = str_trim(buf_view(&formatted)).len;
	if (len >= size)
		len = size - 1;
	/* Do not end within a character. */
	while (len > 0 && len < formatted.len && log_escape_is_continuation(formatted.data[len]))
		len--;
	snprintf(out, size, "%.*s", (int)len, len == 0 ? "" : formatted.data);
	buf_fini(&formatted);
}

void
failure_set_remote_text(struct clone_failure *f, struct str text)
{
	struct str detail = str_from(f->detail.text);
	char *copy;

	failure_format_text(text, f->remote_text, sizeof(f->remote_text));
	if (f->remote_text[0] == '\0' || (copy = str_dup(detail)) == NULL)
		return;
	(void)err_set(&f->detail, f->detail.code, "%s: %s", copy, f->remote_text);
	free(copy);
}

uint64_t
failure_delay_ms(const struct clone_failure *f, unsigned attempt, uint16_t random)
{
	uint64_t delay_ms = DELAY_FIRST_MS;

	for (unsigned i = 1; i < attempt && delay_ms < DELAY_MAX_MS; i++)
		delay_ms *= 2;
	if (delay_ms > DELAY_MAX_MS)
		delay_ms = DELAY_MAX_MS;
	/* Vary it by up to a quarter, so that clients that lost a server do not return at the same
	 * moment. */
	delay_ms = delay_ms * 3 / 4 + delay_ms / 2 * random / UINT16_MAX;
	if (delay_ms < f->retry_after_ms)
		delay_ms = f->retry_after_ms;
	return delay_ms < RETRY_AFTER_MAX_MS ? delay_ms : RETRY_AFTER_MAX_MS;
}
