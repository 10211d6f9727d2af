/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that must not leak: tokens, keys, the client secret.
 *
 * In memory that only this process can access (memfd_secret) if the kernel supports it, otherwise
 * locked as far as RLIMIT_MEMLOCK allows. Wiped when freed, kept out of core dumps where the kernel
 * allows it, compared in constant time, and without a printf or log form: base/log/log has
 * log_secret, which prints a marker.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/str.h"

struct secret;

/* Copies len bytes. NULL: out of memory, or more than SECRET_MAX_BYTES. */
#define SECRET_MAX_BYTES 65536u
struct secret *secret_new(const void *data, size_t len) MUST_CHECK;
struct secret *secret_from_str(struct str s) MUST_CHECK;
void secret_free(struct secret *s); /* does nothing for NULL */

/* The protection of the process's least protected secret. */
enum secret_protection {
	SECRET_HIDDEN, /* memfd_secret: not readable by other processes, never swapped */
	SECRET_LOCKED, /* mlock: never swapped */
	SECRET_PLAIN,  /* may be swapped */
};
enum secret_protection secret_protection(void);

/* The bytes, valid as long as the secret, and followed by a NUL that is not counted. */
struct str secret_view(const struct secret *s); /* the empty view for NULL */

/* Compares in constant time; returns early only when the lengths differ. NULL equals nothing. */
bool secret_equal(const struct secret *a, const struct secret *b);

/* Overwrites memory; the compiler does not remove this. */
void secret_wipe(void *data, size_t len);

#endif
