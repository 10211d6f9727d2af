/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses and formats messages of the git-credential(1) protocol. Parsed values are views into the
 * message.
 */
#include "clone/credential/credential.h"

#include <inttypes.h>

#include "base/ascii.h"

static const struct {
	struct str name;
	enum credential_operation operation;
} operations[] = {
	{{"get", 3}, CREDENTIAL_GET},
	{{"store", 5}, CREDENTIAL_STORE},
	{{"erase", 5}, CREDENTIAL_ERASE},
};

static const char *const status_names[] = {
	[CREDENTIAL_BROKEN] = "",	  [CREDENTIAL_GIVEN] = "given",
	[CREDENTIAL_NOTHING] = "nothing", [CREDENTIAL_SIGN_IN] = "sign-in",
	[CREDENTIAL_REFUSED] = "refused", [CREDENTIAL_UNAVAILABLE] = "unavailable",
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))
#define STATUSES   (sizeof(status_names) / sizeof(status_names[0]))

enum credential_operation
credential_operation_from(struct str name)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		if (str_equal(operations[i].name, name))
			return operations[i].operation;
	}
	return CREDENTIAL_OTHER;
}

size_t
credential_message_len(struct str text)
{
	size_t end;

	if (text.len > 0 && text.data[0] == '\n')
		return 1;
	end = str_find(text, STR("\n\n"));
	return end == SIZE_MAX ? 0 : end + 2;
}

/* Reads a line. False: the end of the message, or an error in *e. */
static bool
next_line(struct str *rest, struct str *key, struct str *value, struct err *e)
{
	struct str line;
	size_t at;

	if (!str_next(rest, '\n', &line) || str_is_empty(line))
		return false;
	at = str_find_byte(line, '=');
	if (at == SIZE_MAX || at == 0)
		return err_set(e, ERR_INPUT, "line without key=value");
	*key = str_take(line, at);
	*value = str_skip(line, at + 1);
	return !ascii_has_control(line) || err_set(e, ERR_INPUT, "line with a control character");
}

/* Parses a URL as git does; a value that is no URL has no host. */
static void
take_url(struct credential_request *r, struct str url)
{
	size_t scheme_end = str_find(url, STR("://"));
	struct str authority;
	size_t at;

	r->protocol = r->host = r->password = STR_NONE;
	if (scheme_end == SIZE_MAX)
		return;
	r->protocol = str_take(url, scheme_end);
	authority = str_skip(url, scheme_end + 3);
	for (at = 0; at < authority.len && strchr("/?#", authority.data[at]) == NULL; at++)
		;
	authority = str_take(authority, at);
	while ((at = str_find_byte(authority, '@')) != SIZE_MAX)
		authority = str_skip(authority, at + 1);
	r->host = authority;
}

bool
credential_parse_request(struct str text, struct credential_request *r, struct err *e)
{
	struct err problem = ERR_INIT;
	struct str key = STR_NONE;
	struct str value = STR_NONE;

	*r = (struct credential_request){.operation = CREDENTIAL_OTHER};
	while (next_line(&text, &key, &value, &problem)) {
		if (str_equal(key, STR("operation")))
			r->operation = credential_operation_from(value);
		else if (str_equal(key, STR("protocol")))
			r->protocol = value;
		else if (str_equal(key, STR("host")))
			r->host = value;
		else if (str_equal(key, STR("password")))
			r->password = value;
		else if (str_equal(key, STR("url")))
			take_url(r, value);
		else if (str_equal(key, STR("use")))
			r->is_registry = str_equal(value, STR("registry"));
	}
	return problem.code == ERR_NONE || err_set(e, problem.code, "%s", problem.text);
}

static enum credential_status
status_from(struct str name)
{
	for (size_t i = 1; i < STATUSES; i++) {
		if (str_equal(str_from(status_names[i]), name))
			return (enum credential_status)i;
	}
	return CREDENTIAL_BROKEN;
}

bool
credential_parse_answer(struct str text, struct credential_answer *a, struct err *e)
{
	struct err problem = ERR_INIT;
	struct str key = STR_NONE;
	struct str value = STR_NONE;
	uint64_t number;

	*a = (struct credential_answer){.status = CREDENTIAL_BROKEN};
	while (next_line(&text, &key, &value, &problem)) {
		if (str_equal(key, STR("status")))
			a->status = status_from(value);
		else if (str_equal(key, STR("username")))
			a->username = value;
		else if (str_equal(key, STR("password")))
			a->password = value;
		else if (str_equal(key, STR("message")))
			a->message = value;
		else if (str_equal(key, STR("password_expiry_utc")) &&
			 str_to_u64(value, 0, INT64_MAX, &number))
			a->expires_at_s = (int64_t)number;
	}
	return problem.code == ERR_NONE || err_set(e, problem.code, "%s", problem.text);
}

static void
add_line(struct buf *out, const char *key, struct str value)
{
	if (ascii_has_control(value)) {
		out->failed = true;
		return;
	}
	if (str_is_empty(value))
		return;
	buf_add_str(out, str_from(key));
	buf_add_byte(out, '=');
	buf_add_str(out, value);
	buf_add_byte(out, '\n');
}

bool
credential_add_request(const struct credential_request *r, struct buf *out)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		if (operations[i].operation == r->operation)
			add_line(out, "operation", operations[i].name);
	}
	add_line(out, "protocol", r->protocol);
	add_line(out, "host", r->host);
	add_line(out, "password", r->password);
	if (r->is_registry)
		add_line(out, "use", STR("registry"));
	buf_add_byte(out, '\n');
	return buf_is_ok(out);
}

bool
credential_add_answer(const struct credential_answer *a, struct buf *out)
{
	add_line(out, "status", str_from(status_names[a->status]));
	add_line(out, "username", a->username);
	add_line(out, "password", a->password);
	if (a->expires_at_s > 0)
		buf_addf(out, "password_expiry_utc=%" PRId64 "\n", a->expires_at_s);
	add_line(out, "message", a->message);
	buf_add_byte(out, '\n');
	return buf_is_ok(out);
}

bool
credential_is_for(const struct credential_request *r, const struct url *origin)
{
	struct str host;
	uint16_t port;

	if (!str_equal_nocase(r->protocol, origin->scheme) ||
	    !url_split_authority(r->host, &host, &port))
		return false;
	if (port == 0)
		port = url_default_port(origin->scheme);
	return port == origin->port && str_equal_nocase(host, origin->host);
}

/* Quotes the text for the shell in which git runs the helper. */
static void
add_quoted(struct buf *out, struct str s)
{
	buf_add_byte(out, '\'');
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\'')
			buf_add_str(out, STR("'\\''"));
		else
			buf_add_byte(out, s.data[i]);
	}
	buf_add_byte(out, '\'');
}

bool
credential_add_command(struct buf *out, struct str program, struct str socket)
{
	buf_add_byte(out, '!');
	add_quoted(out, program);
	buf_add_str(out, STR(" credential --socket "));
	add_quoted(out, socket);
	return buf_is_ok(out);
}
