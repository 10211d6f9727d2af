/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .gitmodules: a name that is accepted stays below .git/modules, and what an address is resolved to
 * stays at the origin that it is relative to.
 */
#include "clone/checkout/name_check.h"
#include "clone/git/gitmodules.h"
#include "tests/fuzz/fuzz.h"

#define ORIGIN "https://gitlab.example.com"

static void
check_name(struct str name)
{
	struct str part;

	err_assert(name.len > 0 && name.data[0] != '/');
	while (str_next(&name, '/', &part))
		err_assert(name_check_entry(part) == NULL);
}

static void
check_url(struct str url)
{
	struct err e = ERR_INIT;
	struct buf out;

	buf_init(&out, 2 * (size_t)GITMODULES_MAX_BYTES);
	if (gitmodules_resolve_url(STR(ORIGIN "/group/demo.git"), url, &out, &e) &&
	    (str_starts_with(url, STR("./")) || str_starts_with(url, STR("../"))))
		err_assert(str_starts_with(buf_view(&out), STR(ORIGIN "/")));
	buf_fini(&out);
}

static void
on_odd(const struct gitmodules_issue *odd, void *arg)
{
	size_t *last = arg;

	err_assert(odd->line >= *last && odd->why != NULL);
	*last = odd->line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gitmodules m;
	struct str input = fuzz_input(data, size);
	char *copy = fuzz_copy(input);
	struct str text = {copy, input.len};
	struct err e = ERR_INIT;
	struct arena a;
	size_t line = 0;

	arena_init(&a, 4u * 1024u * 1024u);
	(void)gitmodules_has_include(text);
	if (gitmodules_parse(&m, text, &a, on_odd, &line, &e)) {
		for (size_t i = 0; i < m.count; i++) {
			check_name(m.items[i].name);
			check_url(m.items[i].url);
		}
	}
	check_url(text);
	arena_fini(&a);
	free(copy);
	return 0;
}
