/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the findings. Text of objects is untrusted and goes to terminals, so it is escaped.
 */
#include "container/cluster/cluster_report.h"

#include <stdarg.h>

#define LINE_BYTES 1024

static void __attribute__((format(printf, 4, 0)))
print(struct cluster_report *r, const char *mark, const struct cluster_object *x,
      const char *format, va_list args)
{
	char text[LINE_BYTES];
	char line[2 * LINE_BYTES];

	(void)vsnprintf(text, sizeof(text), format, args);
	if (x == NULL)
		(void)snprintf(line, sizeof(line), "%s%s", mark, text);
	else
		(void)snprintf(
			line, sizeof(line), "%s%.*s/%.*s%s%.*s: %s", mark, STR_FMT(x->kind),
			STR_FMT(str_take(x->namespace.len > 0 ? x->namespace : x->name, 253)),
			x->namespace.len > 0 ? "/" : "",
			STR_FMT(x->namespace.len > 0 ? str_take(x->name, 253) : STR_NONE), text);
	for (char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	(void)fprintf(r->out, "%s\n", line);
}

void
cluster_problem(struct cluster_report *r, const struct cluster_object *subject, const char *format,
		...)
{
	va_list args;

	va_start(args, format);
	print(r, "", subject, format, args);
	va_end(args);
	r->problems++;
}

void
cluster_note(struct cluster_report *r, const struct cluster_object *subject, const char *format,
	     ...)
{
	va_list args;

	va_start(args, format);
	print(r, "note: ", subject, format, args);
	va_end(args);
	r->notes++;
}

void
cluster_unchecked(struct cluster_report *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(r, "not checked: ", NULL, format, args);
	va_end(args);
	r->unchecked++;
}
