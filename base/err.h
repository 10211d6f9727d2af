/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values: a code and a bounded message, carried by the caller.
 *
 * Functions that can fail return bool and fill a struct err. Wrapping adds context on the left
 * ("token exchange: connect: timed out"). The function that handles an error logs it, once. A
 * fault of the program itself is not an error but a failed assertion: see err_assert.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERR_TEXT_MAX 384 /* bytes, with the terminating NUL; longer messages are cut */

enum err_code {
	ERR_NONE,
	ERR_MEMORY,    /* no memory, or one of our own maxima was reached */
	ERR_SYSTEM,    /* a system call failed */
	ERR_CONFIG,    /* a setting or command line is wrong */
	ERR_INPUT,     /* a client sent something malformed */
	ERR_LIMIT,     /* a client sent more than a limit allows */
	ERR_TIMEOUT,   /* a peer did not answer in time */
	ERR_CONNECT,   /* a peer can't be resolved or connected to, or it closed the connection */
	ERR_PROXY,     /* the outgoing proxy (https_proxy) fails, not the peer behind it */
	ERR_TLS,       /* handshake or certificate verification failed */
	ERR_PROTOCOL,  /* a peer's response violates the protocol */
	ERR_CRYPTO,    /* a seal does not open, or a key is unusable */
	ERR_DENIED,    /* authenticated, and not allowed */
	ERR_NOT_FOUND, /* what was asked for does not exist */
	ERR_CANCELLED, /* given up by our own side */
};

struct err {
	enum err_code code;
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT   ((struct err){.code = ERR_NONE, .text = ""})
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index)                                                     \
	__attribute__((format(printf, format_index, first_index)))

/* Fills e (may be NULL). Always returns false, so that callers can `return err_set(…)`. */
bool err_set(struct err *e, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* As err_set with ERR_SYSTEM and ": <strerror(errno_value)>" appended. */
bool err_set_errno(struct err *e, int errno_value, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "<context>: " before the message; keeps the code. Always returns false. */
bool err_wrap(struct err *e, const char *format, ...) PRINTF_LIKE(2, 3);

/* Resets e to ERR_INIT. */
void err_clear(struct err *e);

/* Returns zeroed memory for free(3). NULL: out of memory; then e says so with this message. */
void *err_alloc(struct err *e, size_t size, const char *message) MUST_CHECK;

/* Asserts an invariant, in release builds too: prints the location and aborts. */
#define err_assert(condition)                                                                      \
	((condition) ? (void)0 : err_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void err_assert_failed(const char *condition, const char *file, int line);

#endif
