/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads request facts. Nothing here reads X-Forwarded-* or Host.
 */
#include "auth/gate/facts.h"

size_t
facts_header(const struct auth_facts *facts, struct str lower_name, struct str *value)
{
	struct str first = facts->header(facts->header_arg, lower_name, 0);

	*value = str_trim(first);
	if (first.data == NULL)
		return 0;
	return facts->header(facts->header_arg, lower_name, 1).data == NULL ? 1 : 2;
}

bool
facts_header_is(const struct auth_facts *facts, struct str lower_name, struct str wanted)
{
	struct str value;

	return facts_header(facts, lower_name, &value) == 1 && str_equal(value, wanted);
}

bool
facts_has_header(const struct auth_facts *facts, struct str lower_name)
{
	return facts->header(facts->header_arg, lower_name, 0).data != NULL;
}

bool
facts_is_get(const struct auth_facts *facts)
{
	return str_equal(facts->method, STR("GET")) || str_equal(facts->method, STR("HEAD"));
}

struct str
facts_query(const struct auth_facts *facts)
{
	size_t mark = str_find_byte(facts->target, '?');

	return mark == SIZE_MAX ? STR_NONE : str_skip(facts->target, mark + 1);
}

bool
facts_parameter(const struct auth_facts *facts, struct str name, struct buf *value,
		const char **detail)
{
	struct str raw = STR_NONE;
	size_t count = url_query_find(facts_query(facts), name, &raw);

	*detail = NULL;
	if (count > 1)
		*detail = "A parameter is repeated.";
	else if (count == 1 && (!url_decode(value, raw, true) || value->len == 0))
		*detail = "A parameter is malformed.";
	return *detail == NULL;
}

const char *
facts_read_answer(const struct auth_facts *facts, struct buf *state, struct buf *code,
		  struct buf *error)
{
	const char *detail = NULL;

	if (!facts_parameter(facts, STR("state"), state, &detail) ||
	    !facts_parameter(facts, STR("code"), code, &detail) ||
	    !facts_parameter(facts, STR("error"), error, &detail))
		return detail;
	if (state->len == 0)
		return "The parameter \"state\" is missing.";
	if ((code->len == 0) == (error->len == 0))
		return "There must be either a \"code\" or an \"error\".";
	return NULL;
}
