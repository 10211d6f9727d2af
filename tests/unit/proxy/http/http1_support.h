/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers for tests of heads in proxy/http/http1: narrow limits, and parsing of a head.
 */
#ifndef TESTS_UNIT_PROXY_HTTP_HTTP1_SUPPORT_H
#define TESTS_UNIT_PROXY_HTTP_HTTP1_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "proxy/http/http1.h"
#include "tests/unit/count.h"

#define HOST	   "Host: ws.example\r\n"
#define HEAD_MAX   1024u
#define FIELDS_MAX 16u

static const struct http1_limits limits = {.head_max_bytes = HEAD_MAX, .headers_max = FIELDS_MAX};

struct parsed {
	bool ok;
	unsigned status; /* of the refusal */
	struct http1_scan scan;
	struct request_head request;
	struct response_head response;
	struct http1_persistence persistence;
	struct arena arena;
	struct err e;
};

static inline void
parsed_fini(struct parsed *p)
{
	arena_fini(&p->arena);
}

/* The head is copied to its exact size, so that a sanitizer sees reads beyond it. */
static inline char *
exact(struct str s)
{
	char *copy = malloc(s.len + (s.len == 0));

	assert_non_null(copy);
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	return copy;
}

struct refusal {
	struct str head;
	unsigned status;
};

#define REFUSED(status, text)                                                                      \
	{                                                                                          \
		{text, sizeof(text) - 1}, status                                                   \
	}

#endif
