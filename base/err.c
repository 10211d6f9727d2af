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

static void __attribute__((format(printf, 2, 0)))
format_text(char out[ERR_TEXT_MAX], const char *format, va_list args)
{
	if (vsnprintf(out, ERR_TEXT_MAX, format, args) < 0)
		out[0] = '\0';
}

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

static void
store(struct err *e, enum err_code code, const char *text)
{
	e->code = code;
	memcpy(e->text, text, strlen(text) + 1);
}

bool
err_set(struct err *e, enum err_code code, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (e == NULL)
		return false;
	va_start(args, format);
	format_text(text, format, args);
	va_end(args);
	store(e, code, text);
	return false;
}

bool
err_set_errno(struct err *e, int errno_value, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (e == NULL)
		return false;
	va_start(args, format);
	format_text(text, format, args);
	va_end(args);
	append_text(text, ": ");
	append_text(text, strerror(errno_value)); /* a text of this thread, or a constant */
	store(e, ERR_SYSTEM, text);
	return false;
}

bool
err_wrap(struct err *e, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (e == NULL)
		return false;
	va_start(args, format);
	format_text(text, format, args);
	va_end(args);
	append_text(text, ": ");
	append_text(text, e->text);
	store(e, e->code, text);
	return false;
}

void
err_clear(struct err *e)
{
	if (e != NULL)
		*e = ERR_INIT;
}

const char *
err_code_name(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return "none";
	case ERR_MEMORY:
		return "memory";
	case ERR_SYSTEM:
		return "system";
	case ERR_CONFIG:
		return "config";
	case ERR_INPUT:
		return "input";
	case ERR_LIMIT:
		return "limit";
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_CONNECT:
		return "connect";
	case ERR_PROXY:
		return "proxy";
	case ERR_TLS:
		return "tls";
	case ERR_PROTOCOL:
		return "protocol";
	case ERR_CRYPTO:
		return "crypto";
	case ERR_DENIED:
		return "denied";
	case ERR_NOT_FOUND:
		return "not_found";
	case ERR_CANCELLED:
		return "cancelled";
	}
	return "unknown";
}

void
err_assert_failed(const char *condition, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
	abort();
}
