/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values. Messages are put together in a scratch buffer first, so that an error's own
 * text may be an argument of the call that replaces it.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends as much of text as fits. */
static void
append_text(char out[ERR_TEXT_MAX], const char *text)
{
	size_t used = strlen(out);
	size_t more = strnlen(text, ERR_TEXT_MAX);

	if (more > ERR_TEXT_MAX - 1 - used)
		more = ERR_TEXT_MAX - 1 - used;
	memcpy(out + used, text, more);
	out[used + more] = '\0';
}

/* Sets code and message; a cause that is not NULL follows the message. */
static void __attribute__((format(printf, 4, 0)))
set(struct err *e, enum err_code code, const char *cause, const char *format, va_list args)
{
	char text[ERR_TEXT_MAX];

	if (vsnprintf(text, ERR_TEXT_MAX, format, args) < 0)
		text[0] = '\0';
	if (cause != NULL) {
		append_text(text, ": ");
		append_text(text, cause);
	}
	e->code = code;
	memcpy(e->text, text, strlen(text) + 1);
}

bool
err_set(struct err *e, enum err_code code, const char *format, ...)
{
	va_list args;

	if (e == NULL)
		return false;
	va_start(args, format);
	set(e, code, NULL, format, args);
	va_end(args);
	return false;
}

bool
err_set_errno(struct err *e, int errno_value, const char *format, ...)
{
	va_list args;

	if (e == NULL)
		return false;
	va_start(args, format);
	/* strerror(3) returns a constant or a buffer of this thread. */
	set(e, ERR_SYSTEM, strerror(errno_value), format, args);
	va_end(args);
	return false;
}

bool
err_wrap(struct err *e, const char *format, ...)
{
	va_list args;

	if (e == NULL)
		return false;
	va_start(args, format);
	set(e, e->code, e->text, format, args);
	va_end(args);
	return false;
}

void
err_clear(struct err *e)
{
	if (e != NULL)
		*e = ERR_INIT;
}

void *
err_alloc(struct err *e, size_t size, const char *message)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		err_set(e, ERR_MEMORY, "%s", message);
	return memory;
}

void
err_assert_failed(const char *condition, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
	abort();
}
