/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of settings: parsing by type, formatting them back, and describing what a row takes.
 *
 * Messages never contain the value: the loader decides whether it may be shown.
 */
#include "base/conf/conf_value.h"

#include "base/ascii.h"
#include "base/net/address.h"
#include "base/secret.h"
#include "base/url.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* In ascending order. */
static const struct unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
static const struct unit size_units[] = {
	{"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static size_t
span_digits(struct str s)
{
	size_t n = 0;
	while (n < s.len && s.data[n] >= '0' && s.data[n] <= '9')
		n++;
	return n;
}

/* Returns the factor of a unit, or 0 when there is no such unit. */
static uint64_t
find_factor(const struct unit *units, size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(name, str_from(units[i].name)))
			return units[i].factor;
	return 0;
}

/* Removes one number with its unit from the start of *rest and adds it to *sum. */
static bool
add_quantity(struct str *rest, const struct unit *units, size_t count, uint64_t *sum)
{
	struct str digits = str_take(*rest, span_digits(*rest));
	struct str name = str_skip(*rest, digits.len);
	size_t name_len = 0;
	while (name_len < name.len && (name.data[name_len] < '0' || name.data[name_len] > '9'))
		name_len++;
	name = str_take(name, name_len);
	*rest = str_skip(*rest, digits.len + name_len);

	uint64_t number;
	uint64_t factor = find_factor(units, count, name);
	if (factor == 0 || !str_to_u64(digits, 0, UINT64_MAX, &number))
		return false;
	return !__builtin_mul_overflow(number, factor, &number) &&
	       !__builtin_add_overflow(*sum, number, sum);
}

/* Parses a duration such as "90s", or "1h30m", which is Go's format. */
static bool
parse_duration(struct str text, uint64_t *ms)
{
	*ms = 0;
	if (str_equal(text, STR("0")))
		return true;
	struct str rest = text;
	do {
		if (!add_quantity(&rest, duration_units, COUNT(duration_units), ms))
			return false;
	} while (!str_is_empty(rest));
	return true;
}

static bool
parse_size(struct str text, uint64_t *bytes)
{
	*bytes = 0;
	struct str rest = text;
	return add_quantity(&rest, size_units, COUNT(size_units), bytes) && str_is_empty(rest);
}

static bool
parse_number(const struct conf_setting *row, struct str text, uint64_t *field)
{
	uint64_t value = 0;
	bool ok;
	if (row->type == CONF_DURATION)
		ok = parse_duration(text, &value);
	else if (row->type == CONF_SIZE)
		ok = parse_size(text, &value);
	else
		ok = str_to_u64(text, 0, UINT64_MAX, &value);
	if (!ok || value < row->min || value > row->max)
		return false;
	*field = value;
	return true;
}

static bool
parse_text(struct str text, const char **field, struct arena *a, struct err *e)
{
	if (ascii_has_control(text))
		return err_set(e, ERR_CONFIG, "it contains control characters");
	const char *copy = arena_dup(a, text);
	if (copy == NULL)
		return err_set(e, ERR_MEMORY, "out of memory");
	*field = copy;
	return true;
}

static bool
parse_path(struct str text, const char **field, struct arena *a, struct err *e)
{
	if (!str_starts_with(text, STR("/")))
		return false;
	return parse_text(text, field, a, e);
}

static bool
parse_secret(struct str text, struct secret **field, struct err *e)
{
	if (ascii_has_control(text))
		return err_set(e, ERR_CONFIG, "it contains control characters or several lines");
	*field = secret_from_str(text);
	return *field != NULL || err_set(e, ERR_MEMORY, "out of memory");
}

static bool
parse_bool(struct str text, bool *field)
{
	static const char *const words[] = {"false", "true", "off", "on", "0", "1", "no", "yes"};
	for (size_t i = 0; i < COUNT(words); i++) {
		if (str_equal_nocase(text, str_from(words[i]))) {
			*field = i % 2 == 1;
			return true;
		}
	}
	return false;
}

static bool
parse_choice(const struct conf_setting *row, struct str text, unsigned *field)
{
	for (unsigned i = 0; row->choices[i] != NULL; i++) {
		if (str_equal(text, str_from(row->choices[i]))) {
			*field = i;
			return true;
		}
	}
	return false;
}

/* Accepts "http://host:port" too, as other programs write listeners. The setting decides whether
 * TLS is used, so the scheme is ignored. */
static bool
parse_address(struct str text, struct address *field, struct err *e)
{
	if (str_equal(text, STR("off"))) {
		*field = (struct address){.len = 0};
		return true;
	}
	struct str rest = text;
	if (str_starts_with(text, STR("http://")))
		rest = str_skip(text, sizeof("http://") - 1);
	else if (str_starts_with(text, STR("https://")))
		rest = str_skip(text, sizeof("https://") - 1);
	return address_parse(field, rest, e);
}

bool
conf_value_parse(const struct conf_setting *row, struct str text, void *field, struct arena *a,
		 struct err *e)
{
	err_set(e, ERR_CONFIG, "%s", "");
	switch (row->type) {
	case CONF_TEXT:
		return (row->is_valid == NULL || row->is_valid(text)) &&
		       parse_text(text, field, a, e);
	case CONF_PATH:
		return parse_path(text, field, a, e);
	case CONF_SECRET:
		return parse_secret(text, field, e);
	case CONF_BOOL:
		return parse_bool(text, field);
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		return parse_number(row, text, field);
	case CONF_URL:
		return url_parse(field, text, a, e);
	case CONF_ADDRESS:
		return parse_address(text, field, e);
	case CONF_CHOICE:
		return parse_choice(row, text, field);
	case CONF_CUSTOM:
		return row->parse(text, field, a, e);
	}
	return false;
}

static void
format_quantity(uint64_t value, const struct unit *units, size_t count, char *out, size_t size)
{
	size_t best = value == 0 && count > 1 && units[0].name[0] != '\0' ? 1 : 0;
	for (size_t i = 0; value != 0 && i < count; i++)
		if (value % units[i].factor == 0)
			best = i;
	(void)snprintf(out, size, "%llu%s", (unsigned long long)(value / units[best].factor),
		       units[best].name);
}

void
conf_format_duration(uint64_t ms, char *out, size_t size)
{
	format_quantity(ms, duration_units, COUNT(duration_units), out, size);
}

void
conf_format_size(uint64_t bytes, char *out, size_t size)
{
	format_quantity(bytes, size_units, COUNT(size_units), out, size);
}

static void
format_number(const struct conf_setting *row, uint64_t value, char *out, size_t size)
{
	if (row->type == CONF_DURATION)
		conf_format_duration(value, out, size);
	else if (row->type == CONF_SIZE)
		conf_format_size(value, out, size);
	else
		(void)snprintf(out, size, "%llu", (unsigned long long)value);
}

static void
format_url(const struct url *u, struct buf *out)
{
	if (str_is_empty(u->host))
		return;
	(void)url_add_origin(u, out);
	buf_add_str(out, u->path);
	if (!str_is_empty(u->query))
		buf_addf(out, "?%.*s", STR_FMT(u->query));
}

static void
format_address(const struct address *address, struct buf *out)
{
	char text[ADDRESS_TEXT_MAX];
	if (!address_is_set(address))
		return;
	address_format(address, text, sizeof(text));
	buf_add_str(out, str_from(text));
}

void
conf_format_value(const struct conf_setting *row, const void *target, struct buf *out)
{
	const void *field = (const char *)target + row->offset;
	char text[64];

	switch (row->type) {
	case CONF_TEXT:
	case CONF_PATH:
		buf_add_str(out, str_from(*(const char *const *)field));
		break;
	case CONF_SECRET:
		if (*(const struct secret *const *)field != NULL)
			buf_add_str(out, STR("set"));
		break;
	case CONF_BOOL:
		buf_add_str(out, *(const bool *)field ? STR("on") : STR("off"));
		break;
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		format_number(row, *(const uint64_t *)field, text, sizeof(text));
		if (row->fallback != NULL || *(const uint64_t *)field != 0)
			buf_add_str(out, str_from(text));
		break;
	case CONF_URL:
		format_url(field, out);
		break;
	case CONF_ADDRESS:
		format_address(field, out);
		break;
	case CONF_CHOICE:
		buf_add_str(out, str_from(row->choices[*(const unsigned *)field]));
		break;
	case CONF_CUSTOM:
		if (row->format != NULL)
			row->format(field, out);
		break;
	}
}

static void
describe_number(const struct conf_setting *row, const char *noun, const char *example, char *out,
		size_t size)
{
	char min[32];
	char max[32];
	format_number(row, row->min, min, sizeof(min));
	format_number(row, row->max, max, sizeof(max));
	if (row->max >= INT64_MAX && row->min == 0)
		(void)snprintf(out, size, "%s%s", noun, example);
	else if (row->max >= INT64_MAX)
		(void)snprintf(out, size, "%s of at least %s%s", noun, min, example);
	else
		(void)snprintf(out, size, "%s from %s to %s%s", noun, min, max, example);
}

static void
describe_choices(const struct conf_setting *row, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "one of");
	for (size_t i = 0; row->choices[i] != NULL && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s %s", i == 0 ? "" : ",",
					 row->choices[i]);
}

void
conf_value_describe(const struct conf_setting *row, char *out, size_t size)
{
	static const char *const texts[] = {
		[CONF_TEXT] = "text",
		[CONF_PATH] = "an absolute file name",
		[CONF_SECRET] = "a secret",
		[CONF_BOOL] = "on or off",
		[CONF_URL] = "an http or https URL",
		[CONF_ADDRESS] = "host:port, [v6]:port, :port or unix:/path (the host numeric or "
				 "localhost), or off",
	};
	switch (row->type) {
	case CONF_INT:
		describe_number(row, "a whole number", "", out, size);
		break;
	case CONF_DURATION:
		describe_number(row, "a duration", ", such as 500ms, 30s, 10m", out, size);
		break;
	case CONF_SIZE:
		describe_number(row, "a size", ", such as 64KiB, 1MiB", out, size);
		break;
	case CONF_CHOICE:
		describe_choices(row, out, size);
		break;
	case CONF_CUSTOM:
		(void)snprintf(out, size, "%s", row->expected);
		break;
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_SECRET:
	case CONF_BOOL:
	case CONF_URL:
	case CONF_ADDRESS:
		(void)snprintf(out, size, "%s",
			       row->expected != NULL ? row->expected : texts[row->type]);
		break;
	}
}

bool
conf_value_is_secret(const struct conf_setting *row)
{
	return row->type == CONF_SECRET || (row->flags & CONF_HIDDEN) != 0;
}
