/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of ASCII characters, and strings made of one class; independent of the locale.
 */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

#include "base/str.h"

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool
ascii_is_alpha(char c)
{
	return ascii_is_lower(c) || (c >= 'A' && c <= 'Z');
}

static inline bool
ascii_is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

static inline bool
ascii_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static inline char
ascii_to_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Returns the value of a hexadecimal digit of either case, or -1. */
static inline int
ascii_hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_to_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the value of a lower-case hexadecimal digit, or -1: for values that must have one
 * spelling. */
static inline int
ascii_lower_hex_value(char c)
{
	return c >= 'A' && c <= 'F' ? -1 : ascii_hex_value(c);
}

/* Whether every byte is a letter, a digit or one of others. True for an empty string. */
static inline bool
ascii_all_alnum_or(struct str s, struct str others)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.data[i]) && str_find_byte(others, s.data[i]) == SIZE_MAX)
			return false;
	return true;
}

/* Whether every byte is a digit or one of "a" to "f". True for an empty string. */
static inline bool
ascii_all_lower_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_lower_hex_value(s.data[i]) < 0)
			return false;
	return true;
}

static inline bool
ascii_has_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_is_control(s.data[i]))
			return true;
	return false;
}

/* Whether every byte is a character of base64url (RFC 4648 section 5). True for an empty string. */
static inline bool
ascii_all_base64url(struct str s)
{
	return ascii_all_alnum_or(s, STR("-_"));
}

/* Whether every byte is a printable character other than the space. True for an empty string. */
static inline bool
ascii_all_visible(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] <= 0x20 || s.data[i] >= 0x7f)
			return false;
	return true;
}

/* The characters of tchar (RFC 9110 section 5.6.2) other than letters and digits. */
#define ASCII_TOKEN_OTHERS STR("!#$%&'*+-.^_`|~")

#endif
