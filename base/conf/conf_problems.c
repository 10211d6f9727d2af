/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Problems and notes: bounded in number and length, each on one line.
 */
#include "base/conf/conf_problems.h"

#include <stdarg.h>
#include <stddef.h>

static void
add_message(struct err *items, size_t max, size_t *count, const char *name, const char *text)
{
	size_t place = (*count)++;
	if (place >= max)
		return;
	err_set(&items[place], ERR_CONFIG, "%s: %s", name, text);
	for (char *p = items[place].text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

void
conf_problem(struct conf_problems *p, const char *name, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_message(p->items, CONF_PROBLEMS_MAX, &p->count, name, text);
}

void
conf_note(struct conf_problems *p, const char *name, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_message(p->notes, CONF_NOTES_MAX, &p->notes_count, name, text);
}

void
conf_print_problems(const struct conf_problems *p, FILE *out)
{
	for (size_t i = 0; i < p->count && i < CONF_PROBLEMS_MAX; i++)
		(void)fprintf(out, "%s\n", p->items[i].text);
	if (p->count > CONF_PROBLEMS_MAX)
		(void)fprintf(out, "and %zu more problems\n", p->count - CONF_PROBLEMS_MAX);
}
