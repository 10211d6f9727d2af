/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PROXY protocol headers: what is whole is whole at its last byte and not before, whatever follows,
 * and a client's address can be written and read.
 */
#include "proxy/downstream/proxy_protocol.h"
#include "tests/fuzz/fuzz.h"

static enum proxy_protocol_found
parse(struct str text, size_t *used, struct address *client)
{
	char *copy = fuzz_copy(text);
	struct err e = ERR_INIT;
	enum proxy_protocol_found found =
		proxy_protocol_parse((struct str){copy, text.len}, used, client, &e);

	err_assert(found != PROXY_PROTOCOL_BAD || e.text[0] != '\0');
	free(copy);
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	struct address client;
	struct address again;
	size_t used = 0;
	size_t used_again = 0;

	if (parse(input, &used, &client) != PROXY_PROTOCOL_COMPLETE) {
		err_assert(input.len <= PROXY_PROTOCOL_MAX ||
			   parse(input, &used, &client) == PROXY_PROTOCOL_BAD);
		return 0;
	}
	err_assert(used > 0 && used <= input.len && used <= PROXY_PROTOCOL_MAX);
	for (size_t len = 0; len < used; len++)
		err_assert(parse(str_take(input, len), &used_again, &again) == PROXY_PROTOCOL_MORE);
	err_assert(parse(str_take(input, used), &used_again, &again) == PROXY_PROTOCOL_COMPLETE);
	err_assert(used_again == used && address_is_set(&again) == address_is_set(&client));
	if (address_is_set(&client)) {
		char text[ADDRESS_TEXT_MAX];
		address_format_ip(&client, text, sizeof(text));
		err_assert(text[0] != '\0' && !address_is_unix(&client));
	}
	return 0;
}
