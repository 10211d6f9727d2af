/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the client reads of a workspace's short answers: a body comes to the same end whether it
 * arrives whole or byte by byte, and strings of JSON hold no NUL and read back when they are
 * written.
 */
#include "ssh/client/http/answer_head.h"
#include "ssh/client/http/flat_json.h"
#include "tests/fuzz/fuzz.h"

#define BODY_MAX 4096u
#define TEXT_MAX 262144u

static void
check_body(struct str input)
{
	size_t end = str_find(input, STR("\r\n\r\n"));
	struct str head = str_take(input, end == SIZE_MAX ? 0 : end + 4);
	struct str rest = str_skip(input, head.len);
	enum answer_body_state state = ANSWER_BODY_MORE;
	struct buf body;
	struct buf again;

	buf_init(&body, BODY_MAX);
	buf_init(&again, BODY_MAX);
	for (size_t len = 0; len <= rest.len && len < BODY_MAX && state == ANSWER_BODY_MORE; len++)
		state = answer_body_read(head, str_take(rest, len), false, &body);
	if (state == ANSWER_BODY_WHOLE) {
		err_assert(answer_body_read(head, rest, true, &again) == ANSWER_BODY_WHOLE);
		err_assert(str_equal(buf_view(&body), buf_view(&again)));
	}
	(void)answer_body_read(head, rest, true, &again);
	buf_fini(&body);
	buf_fini(&again);
}

static void
check_json(struct str input)
{
	char *copy = fuzz_copy(input);
	struct flat_json j;
	struct flat_json back;
	struct buf text;

	if (flat_json_parse(&j, copy, input.len)) {
		buf_init(&text, TEXT_MAX);
		err_assert(flat_json_write(&text, j.members, j.count));
		err_assert(flat_json_parse(&back, text.data, text.len) && back.count == j.count);
		for (size_t i = 0; i < j.count; i++) {
			err_assert(str_equal(j.members[i].name, back.members[i].name));
			err_assert(str_equal(j.members[i].value, back.members[i].value));
			err_assert(memchr(j.members[i].value.data, 0, j.members[i].value.len) ==
				   NULL);
		}
		buf_fini(&text);
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);

	check_body(input);
	check_json(input);
	return 0;
}
