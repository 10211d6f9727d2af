/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of auth/broker share.
 */
#ifndef TESTS_UNIT_AUTH_BROKER_BROKER_SUPPORT_H
#define TESTS_UNIT_AUTH_BROKER_BROKER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto/crypto.h"

static struct secret *
master_key(char fill)
{
	char bytes[CRYPTO_KEY_BYTES];

	memset(bytes, fill, sizeof(bytes));
	return secret_new(bytes, sizeof(bytes));
}

#endif
