/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats problems and warnings into the document's arena.
 */
#include "container/inject/inject_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "container/inject/inject_private.h"

#define NOTE_MAX_BYTES 512u

/* Notes are printed on terminals, and objects are untrusted. */
static void
replace_controls(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void __attribute__((format(printf, 3, 0)))
add_note(struct doc *d, struct inject_notes *notes, const char *format, va_list args)
{
	char text[NOTE_MAX_BYTES];

	(void)vsnprintf(text, sizeof(text), format, args);
	replace_controls(text);
	if (notes->count < INJECT_NOTES_MAX) {
		notes->items[notes->count] = arena_dup(&d->arena, str_from(text));
		d->failed = d->failed || notes->items[notes->count] == NULL;
	}
	notes->count++;
}

void
inject_problem(struct inject *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_note(c->doc, &c->report->problems, format, args);
	va_end(args);
}

void
inject_warn(struct inject *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_note(c->doc, &c->report->warnings, format, args);
	va_end(args);
}

const char *
inject_report_subject(struct doc *d, const struct node *object)
{
	struct str kind = node_text_at(object, "kind");
	struct str name = node_text_at(object, "metadata.name");
	char *text;

	if (name.len == 0)
		name = node_text_at(object, "metadata.generateName");
	text = arena_printf(&d->arena, "%.*s/%.*s", STR_FMT(str_take(kind, 63)),
			    STR_FMT(str_take(name, 253)));
	if (text == NULL)
		return "object";
	replace_controls(text);
	return text;
}
