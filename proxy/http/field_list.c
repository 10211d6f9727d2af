/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive-descent check of list elements, without allocation.
 */
#include "proxy/http/field_list.h"

#include "base/byte_scan.h"

static inline bool
is_value_char(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static inline uint64_t
candidates_value_char(uint64_t word)
{
	return byte_scan_below(word, 0x20) | byte_scan_equal(word, 0x7f);
}

size_t
field_value_run(struct str s)
{
	return byte_scan_prefix(s, candidates_value_char, is_value_char);
}

static bool
take_byte(struct str *rest, char byte)
{
	if (rest->len == 0 || rest->data[0] != byte)
		return false;
	*rest = str_skip(*rest, 1);
	return true;
}

static void
skip_white_space(struct str *rest)
{
	while (take_byte(rest, ' ') || take_byte(rest, '\t'))
		;
}

static bool
take_token(struct str *rest)
{
	size_t len = field_token_run(*rest);

	*rest = str_skip(*rest, len);
	return len > 0;
}

/* Skips a quoted string after its opening quote. The field value has no control characters. */
static bool
take_quoted(struct str *rest)
{
	while (rest->len > 0) {
		char c = rest->data[0];

		*rest = str_skip(*rest, c == '\\' ? 2 : 1);
		if (c == '"')
			return true;
	}
	return false;
}

static bool
take_value(struct str *rest)
{
	return take_byte(rest, '"') ? take_quoted(rest) : take_token(rest);
}

static bool
take_parameters(struct str *rest)
{
	skip_white_space(rest);
	while (take_byte(rest, ';')) {
		skip_white_space(rest);
		if (!take_token(rest) || !take_byte(rest, '=') || !take_value(rest))
			return false;
		skip_white_space(rest);
	}
	return true;
}

static bool
take_element(struct str *rest, unsigned syntax)
{
	if (!take_token(rest))
		return false;
	if ((syntax & FIELD_LIST_VERSION) != 0 && take_byte(rest, '/') && !take_token(rest))
		return false;
	if ((syntax & FIELD_LIST_VALUE) != 0 && take_byte(rest, '=') && !take_value(rest))
		return false;
	return (syntax & FIELD_LIST_PARAMETERS) == 0 || take_parameters(rest);
}

bool
field_list_is_valid(struct str value, unsigned syntax)
{
	for (;;) {
		skip_white_space(&value);
		if (value.len == 0)
			return true;
		if (take_byte(&value, ','))
			continue;
		if (!take_element(&value, syntax))
			return false;
		skip_white_space(&value);
		if (value.len > 0 && value.data[0] != ',')
			return false;
	}
}

#define ID_BIT(id) (UINT32_C(1) << (id))
#define LIST_IDS                                                                                   \
	(ID_BIT(HEADER_CONNECTION) | ID_BIT(HEADER_UPGRADE) | ID_BIT(HEADER_KEEP_ALIVE) |          \
	 ID_BIT(HEADER_PROXY_CONNECTION) | ID_BIT(HEADER_TE) | ID_BIT(HEADER_TRAILER))

/* Request fields with one value: if they are repeated, recipients differ in which value they use.
 */
#define SINGLE_IDS                                                                                 \
	(ID_BIT(HEADER_AUTHORIZATION) | ID_BIT(HEADER_CONTENT_TYPE) | ID_BIT(HEADER_EXPECT) |      \
	 ID_BIT(HEADER_HOST) | ID_BIT(HEADER_MAX_FORWARDS) | ID_BIT(HEADER_ORIGIN) |               \
	 ID_BIT(HEADER_SEC_WEBSOCKET_KEY) | ID_BIT(HEADER_SEC_WEBSOCKET_VERSION))

bool
field_list_check_single(const struct headers *headers, struct err *e)
{
	uint32_t repeated = headers->repeated_ids & SINGLE_IDS;

	for (size_t i = 0; repeated != 0 && i < headers->count; i++)
		if ((repeated >> headers->items[i].id & 1) != 0)
			return err_set(e, ERR_INPUT, "%.*s is repeated",
				       STR_FMT(headers->items[i].name));
	return true;
}

bool
field_list_check(const struct headers *headers, bool in_request, struct err *e)
{
	static const struct {
		enum header_id id;
		unsigned syntax;
		bool in_responses;
	} lists[] = {
		{HEADER_CONNECTION, FIELD_LIST_TOKEN, true},
		{HEADER_UPGRADE, FIELD_LIST_VERSION, true},
		{HEADER_KEEP_ALIVE, FIELD_LIST_VALUE, false},
		{HEADER_PROXY_CONNECTION, FIELD_LIST_TOKEN, false},
		{HEADER_TE, FIELD_LIST_PARAMETERS, false},
		{HEADER_TRAILER, FIELD_LIST_TOKEN, false},
	};

	if ((headers->ids & LIST_IDS) == 0)
		return true;
	for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++) {
		if ((headers->ids >> lists[n].id & 1) == 0 ||
		    (!in_request && !lists[n].in_responses))
			continue;
		for (size_t i = 0; i < headers->count; i++)
			if (headers->items[i].id == lists[n].id &&
			    !field_list_is_valid(headers->items[i].value, lists[n].syntax))
				return err_set(e, ERR_INPUT, "%.*s is not a valid list",
					       STR_FMT(headers->items[i].name));
	}
	return true;
}
