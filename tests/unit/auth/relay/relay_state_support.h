/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the relay's requests and sealed state share.
 */
#ifndef TESTS_UNIT_AUTH_RELAY_RELAY_STATE_SUPPORT_H
#define TESTS_UNIT_AUTH_RELAY_RELAY_STATE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/cookie/flow_jar.h"
#include "auth/relay/relay_state.h"
#include "base/crypto/crypto.h"

#define NOW_MS	  INT64_C(1800000000000)
#define AUTHORITY STR("kiwi.ws.example.com")
#define DERIVED	  "e93fe35cff57317e8ca067f674eeca0aeb47c7e902d34f5f5ccce48c1d988bb3"
#define VALUE	  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123_-x"

struct fixture {
	struct arena arena;
	struct relay_settings settings;
	struct cookie_box box;
	struct buf text;
	struct buf memory;
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct auth_keys *keys;

	assert_non_null(f);
	keys = &f->settings.master_keys;
	arena_init(&f->arena, 65536);
	keys->keys[keys->count++] = secret_from_str(STR("0123456789abcdef0123456789abcdef"));
	keys->keys[keys->count++] = secret_from_str(STR("fedcba9876543210fedcba9876543210"));
	f->settings.zones.items[f->settings.zones.count++] = STR("ws.example.com");
	f->settings.zones.items[f->settings.zones.count++] = STR("ws.example.org:8443");
	f->settings.zones.items[f->settings.zones.count++] = STR("localhost:9443");
	assert_true(
		cookie_box_init(&f->box, keys, STR("https://relay.ws.example.com/callback"), NULL));
	buf_init(&f->text, RELAY_REQUEST_MAX);
	buf_init(&f->memory, RELAY_REQUEST_MAX);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	buf_fini(&f->memory);
	buf_fini(&f->text);
	cookie_box_fini(&f->box);
	for (size_t i = 0; i < f->settings.master_keys.count; i++)
		secret_free(f->settings.master_keys.keys[i]);
	arena_fini(&f->arena);
	free(f);
	return 0;
}

#endif
