/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes bodies: with Content-Length, in the chunked coding (RFC 9112 section 7.1) and, of
 * responses, up to the end of the connection. Joins the content of chunks in place, so that one
 * read becomes one write.
 */
#include "base/ascii.h"
#include "proxy/http/http1.h"

enum chunk_state {
	CHUNK_SIZE,
	EXTENSION_START,
	EXTENSION_NAME,
	EXTENSION_NAME_END,
	EXTENSION_VALUE_START,
	EXTENSION_TOKEN,
	EXTENSION_QUOTED,
	EXTENSION_QUOTED_PAIR,
	EXTENSION_QUOTED_END,
	EXTENSION_END,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	TRAILER_START,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	TRAILERS_LF,
	CHUNK_DONE,
	CHUNK_BAD,
};

void
http1_body_init(struct http1_body *b, enum http1_framing framing, uint64_t length)
{
	*b = (struct http1_body){.framing = framing, .left = length, .state = CHUNK_SIZE};
	if (framing == HTTP1_FRAMING_CHUNKED)
		b->left = 0;
}

bool
http1_body_is_done(const struct http1_body *b)
{
	switch (b->framing) {
	case HTTP1_FRAMING_NONE:
		return true;
	case HTTP1_FRAMING_LENGTH:
		return b->left == 0;
	case HTTP1_FRAMING_CHUNKED:
		return b->state == CHUNK_DONE;
	case HTTP1_FRAMING_CLOSE:
		return false;
	}
	return false;
}

uint64_t
http1_body_bytes_left(const struct http1_body *b)
{
	return b->framing == HTTP1_FRAMING_LENGTH ? b->left : 0;
}

void
http1_body_consume(struct http1_body *b, uint64_t len)
{
	err_assert(len <= http1_body_bytes_left(b));
	b->left -= len;
}

bool
http1_body_may_end(const struct http1_body *b)
{
	return b->framing == HTTP1_FRAMING_CLOSE || http1_body_is_done(b);
}

/* Sizes up to 2^60 - 1: fifteen digits can't overflow. */
#define CHUNK_DIGITS_MAX 15

static enum chunk_state
on_size_byte(struct http1_body *b, unsigned char c)
{
	int value = ascii_hex_value((char)c);

	if (value >= 0 && b->digits < CHUNK_DIGITS_MAX) {
		b->left = b->left << 4 | (uint64_t)value;
		b->digits++;
		return CHUNK_SIZE;
	}
	if (b->digits == 0 || value >= 0)
		return CHUNK_BAD;
	if (c == ';')
		return EXTENSION_START;
	return c == '\r' ? CHUNK_SIZE_LF : CHUNK_BAD;
}

/* Checks and counts a byte of extensions or trailers: no control characters except HTAB. */
static bool
is_text(struct http1_body *b, unsigned char c)
{
	return ++b->extra <= HTTP1_TRAILERS_MAX && (c >= 0x20 || c == '\t') && c != 0x7f;
}

static bool
is_name(struct http1_body *b, unsigned char c)
{
	return is_text(b, c) && header_is_token_char(c);
}

/* Handles a byte after a complete extension. White space may only precede another extension. */
static enum chunk_state
on_extension_end(enum chunk_state state, unsigned char c)
{
	if (c == ';')
		return EXTENSION_START;
	if (c == ' ' || c == '\t')
		return EXTENSION_END;
	return c == '\r' && state != EXTENSION_END ? CHUNK_SIZE_LF : CHUNK_BAD;
}

/* ";" name [ "=" token or quoted-string ], with optional white space around the delimiters. */
static enum chunk_state
on_extension_byte(struct http1_body *b, enum chunk_state state, unsigned char c)
{
	bool is_token = header_is_token_char(c);
	bool is_space = c == ' ' || c == '\t';

	if (c != '\r' && !is_text(b, c))
		return CHUNK_BAD;
	if (state == EXTENSION_START)
		return is_space ? EXTENSION_START : is_token ? EXTENSION_NAME : CHUNK_BAD;
	if (state == EXTENSION_NAME && is_token)
		return EXTENSION_NAME;
	if (state == EXTENSION_NAME || state == EXTENSION_NAME_END) {
		if (is_space)
			return EXTENSION_NAME_END;
		if (c == '=')
			return EXTENSION_VALUE_START;
		return on_extension_end(state == EXTENSION_NAME ? state : EXTENSION_END, c);
	}
	if (state == EXTENSION_VALUE_START && !is_token)
		return is_space ? EXTENSION_VALUE_START : c == '"' ? EXTENSION_QUOTED : CHUNK_BAD;
	if (state == EXTENSION_VALUE_START || (state == EXTENSION_TOKEN && is_token))
		return EXTENSION_TOKEN;
	return on_extension_end(state, c);
}

static enum chunk_state
on_quoted_byte(struct http1_body *b, enum chunk_state state, unsigned char c)
{
	if (!is_text(b, c))
		return CHUNK_BAD;
	if (state == EXTENSION_QUOTED && c == '\\')
		return EXTENSION_QUOTED_PAIR;
	return state == EXTENSION_QUOTED && c == '"' ? EXTENSION_QUOTED_END : EXTENSION_QUOTED;
}

static enum chunk_state
on_size_lf(struct http1_body *b, unsigned char c)
{
	if (c != '\n')
		return CHUNK_BAD;
	b->digits = 0;
	return b->left > 0 ? CHUNK_DATA : TRAILER_START;
}

static enum chunk_state
on_trailer_start(struct http1_body *b, unsigned char c)
{
	if (c == '\r')
		return TRAILERS_LF;
	if (c == ':' || !is_name(b, c) || ++b->trailers_count > HTTP1_TRAILERS_COUNT_MAX)
		return CHUNK_BAD;
	return TRAILER_NAME;
}

/* Handles a byte that is not chunk data. Returns the next state. */
static enum chunk_state
on_coding_byte(struct http1_body *b, unsigned char c)
{
	switch ((enum chunk_state)b->state) {
	case CHUNK_SIZE:
		return on_size_byte(b, c);
	case EXTENSION_START:
	case EXTENSION_NAME:
	case EXTENSION_NAME_END:
	case EXTENSION_VALUE_START:
	case EXTENSION_TOKEN:
	case EXTENSION_QUOTED_END:
	case EXTENSION_END:
		return on_extension_byte(b, (enum chunk_state)b->state, c);
	case EXTENSION_QUOTED:
	case EXTENSION_QUOTED_PAIR:
		return on_quoted_byte(b, (enum chunk_state)b->state, c);
	case CHUNK_SIZE_LF:
		return on_size_lf(b, c);
	case CHUNK_DATA_CR:
		return c == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
	case CHUNK_DATA_LF:
		return c == '\n' ? CHUNK_SIZE : CHUNK_BAD;
	case TRAILER_START:
		return on_trailer_start(b, c);
	case TRAILER_NAME:
		return c == ':' ? TRAILER_VALUE : is_name(b, c) ? TRAILER_NAME : CHUNK_BAD;
	case TRAILER_VALUE:
		return c == '\r' ? TRAILER_LF : is_text(b, c) ? TRAILER_VALUE : CHUNK_BAD;
	case TRAILER_LF:
		return c == '\n' ? TRAILER_START : CHUNK_BAD;
	case TRAILERS_LF:
		return c == '\n' ? CHUNK_DONE : CHUNK_BAD;
	case CHUNK_DATA:
	case CHUNK_DONE:
	case CHUNK_BAD:
		break;
	}
	return CHUNK_BAD;
}

/* Keeps the bytes of trailer lines, without the empty line. The owner of the buffer checks whether
 * it overflowed. */
static void
keep_trailer_byte(struct http1_body *b, enum chunk_state before, char c)
{
	if (b->trailers != NULL && before >= TRAILER_START && before <= TRAILER_LF &&
	    b->state >= TRAILER_START && b->state <= TRAILER_LF)
		buf_add_byte(b->trailers, c);
}

static size_t
take_data(struct http1_body *b, char *data, size_t from, size_t len, size_t *produced)
{
	size_t take = len - from;

	if (take > b->left)
		take = (size_t)b->left;
	if (from != *produced)
		memmove(data + *produced, data + from, take);
	*produced += take;
	b->left -= take;
	return take;
}

static enum http1_found
decode_chunked(struct http1_body *b, char *data, size_t len, size_t *consumed, size_t *produced)
{
	size_t at = 0;

	while (at < len && b->state != CHUNK_DONE && b->state != CHUNK_BAD) {
		if (b->state == CHUNK_DATA) {
			at += take_data(b, data, at, len, produced);
			if (b->left == 0)
				b->state = CHUNK_DATA_CR;
		} else {
			enum chunk_state before = (enum chunk_state)b->state;
			b->state = (unsigned char)on_coding_byte(b, (unsigned char)data[at]);
			keep_trailer_byte(b, before, data[at++]);
		}
	}
	*consumed = at;
	if (b->state == CHUNK_BAD)
		return HTTP1_BAD;
	return b->state == CHUNK_DONE ? HTTP1_COMPLETE : HTTP1_MORE;
}

bool
http1_body_is_well_formed(struct http1_body b, struct str data)
{
	size_t at = 0;

	if (b.framing != HTTP1_FRAMING_CHUNKED)
		return true;
	while (at < data.len && b.state != CHUNK_DONE && b.state != CHUNK_BAD) {
		if (b.state != CHUNK_DATA) {
			b.state = (unsigned char)on_coding_byte(&b, (unsigned char)data.data[at++]);
		} else if (b.left > data.len - at) {
			return true;
		} else {
			at += (size_t)b.left;
			b.left = 0;
			b.state = CHUNK_DATA_CR;
		}
	}
	return b.state != CHUNK_BAD;
}

enum http1_found
http1_body_decode(struct http1_body *b, char *data, size_t len, size_t *consumed, size_t *produced)
{
	*consumed = *produced = 0;
	switch (b->framing) {
	case HTTP1_FRAMING_NONE:
		return HTTP1_COMPLETE;
	case HTTP1_FRAMING_LENGTH:
		*consumed = take_data(b, data, 0, len, produced);
		return b->left == 0 ? HTTP1_COMPLETE : HTTP1_MORE;
	case HTTP1_FRAMING_CHUNKED:
		return decode_chunked(b, data, len, consumed, produced);
	case HTTP1_FRAMING_CLOSE:
		*consumed = *produced = len;
		return HTTP1_MORE;
	}
	return HTTP1_BAD;
}
