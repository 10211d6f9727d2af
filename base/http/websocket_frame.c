/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads frame headers byte by byte and payloads in one go. The checks are those of RFC 6455
 * sections 5.1 to 5.5; lengths must have their shortest form.
 */
#include "base/http/websocket_frame.h"

#include "base/crypto/crypto.h"

#define FINAL_BIT   0x80u
#define RSV_BITS    0x70u
#define MASK_BIT    0x80u
#define LENGTH_16   126u
#define LENGTH_64   127u
#define MASK_BYTES  4u
#define NONCE_BYTES 16u

static uint8_t
opcode_of(const struct websocket_reader *r)
{
	return r->header[0] & 0x0f;
}

static bool
is_control(const struct websocket_reader *r)
{
	return (r->header[0] & 0x08) != 0;
}

static size_t
length_bytes(const struct websocket_reader *r)
{
	uint8_t length = r->header[1] & 0x7f;

	return length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
}

static size_t
header_size(const struct websocket_reader *r)
{
	if (r->header_len < 2)
		return 2;
	return 2 + length_bytes(r) + ((r->header[1] & MASK_BIT) != 0 ? MASK_BYTES : 0);
}

/* Reads the payload length. False: it is not in its shortest form, or above 2^63 - 1. */
static bool
read_length(struct websocket_reader *r)
{
	size_t bytes = length_bytes(r);
	uint64_t length = 0;

	for (size_t i = 0; i < bytes; i++)
		length = length << 8 | r->header[2 + i];
	if (bytes == 0)
		length = r->header[1] & 0x7f;
	r->data_left = length;
	return bytes == 0 || (bytes == 2 && length >= LENGTH_16) ||
	       (bytes == 8 && length > UINT16_MAX && length <= INT64_MAX);
}

/* Handles a complete frame header. */
static enum websocket_event
check_header(struct websocket_reader *r)
{
	bool is_masked = (r->header[1] & MASK_BIT) != 0;
	bool is_final = (r->header[0] & FINAL_BIT) != 0;

	if (!read_length(r) || (r->header[0] & RSV_BITS) != 0 || is_masked != r->from_client)
		return WEBSOCKET_EVENT_BAD;
	if (is_control(r)) {
		bool is_known = opcode_of(r) <= WEBSOCKET_OP_PONG;
		r->control_len = 0;
		return is_known && is_final && r->data_left <= WEBSOCKET_CONTROL_MAX
			       ? WEBSOCKET_EVENT_MORE
			       : WEBSOCKET_EVENT_BAD;
	}
	if (opcode_of(r) == WEBSOCKET_OP_TEXT)
		return WEBSOCKET_EVENT_REFUSED;
	if (opcode_of(r) > WEBSOCKET_OP_BINARY ||
	    (opcode_of(r) == WEBSOCKET_OP_CONTINUATION) != r->in_message)
		return WEBSOCKET_EVENT_BAD;
	r->in_message = !is_final;
	return WEBSOCKET_EVENT_MORE;
}

static const uint8_t *
mask_of(const struct websocket_reader *r)
{
	return r->header + header_size(r) - MASK_BYTES;
}

static enum websocket_event
read_header(struct websocket_reader *r, struct str *in)
{
	while (in->len > 0) {
		r->header[r->header_len++] = (uint8_t)in->data[0];
		*in = str_skip(*in, 1);
		if (r->header_len >= 2 && r->header_len == header_size(r)) {
			r->mask_at = 0;
			return check_header(r);
		}
	}
	return WEBSOCKET_EVENT_MORE;
}

static void
take_payload(struct websocket_reader *r, struct str *in, char *out, size_t size, size_t *taken)
{
	size_t len = in->len < size ? in->len : size;

	if (len > r->data_left)
		len = (size_t)r->data_left;
	if (r->from_client)
		websocket_apply_mask(out, in->data, len, mask_of(r), r->mask_at);
	else if (out != NULL)
		memcpy(out, in->data, len);
	r->mask_at = (uint8_t)((r->mask_at + len) % MASK_BYTES);
	r->data_left -= len;
	*in = str_skip(*in, len);
	*taken = len;
}

static enum websocket_event
end_control(const struct websocket_reader *r)
{
	if (opcode_of(r) == WEBSOCKET_OP_PING)
		return WEBSOCKET_EVENT_PING;
	if (opcode_of(r) == WEBSOCKET_OP_PONG)
		return WEBSOCKET_EVENT_PONG;
	return r->control_len == 1 ? WEBSOCKET_EVENT_BAD : WEBSOCKET_EVENT_CLOSE;
}

static bool
has_header(const struct websocket_reader *r)
{
	return r->header_len >= 2 && r->header_len == header_size(r);
}

enum websocket_event
websocket_read(struct websocket_reader *r, struct str *in, char *out, size_t out_size,
	       size_t *out_len)
{
	*out_len = 0;
	for (;;) {
		size_t taken = 0;

		if (!has_header(r)) {
			enum websocket_event event = read_header(r, in);
			if (event != WEBSOCKET_EVENT_MORE || !has_header(r))
				return event;
		}
		if (is_control(r)) {
			take_payload(r, in, r->control + r->control_len,
				     sizeof(r->control) - r->control_len, &taken);
			r->control_len = (uint8_t)(r->control_len + taken);
		} else if (in->len > 0 && r->data_left > 0) {
			take_payload(r, in, out, out_size, out_len);
		}
		if (r->data_left == 0)
			r->header_len = 0;
		if (r->data_left == 0 && is_control(r))
			return end_control(r);
		if (*out_len > 0)
			return WEBSOCKET_EVENT_DATA;
		if (in->len == 0)
			return WEBSOCKET_EVENT_MORE;
	}
}

enum websocket_event
websocket_view(struct websocket_reader *r, struct str *in, struct str *payload)
{
	size_t len;

	err_assert(!r->from_client);
	enum websocket_event event = websocket_read(r, in, NULL, SIZE_MAX, &len);
	*payload = (struct str){in->data - len, len};
	return event;
}

struct str
websocket_control(const struct websocket_reader *r)
{
	return (struct str){r->control, r->control_len};
}

unsigned
websocket_close_code_of(const struct websocket_reader *r)
{
	if (r->control_len < 2)
		return WEBSOCKET_NO_CODE;
	return (unsigned)(uint8_t)r->control[0] << 8 | (uint8_t)r->control[1];
}

size_t
websocket_write_header(char out[WEBSOCKET_HEADER_MAX], enum websocket_opcode opcode,
		       uint64_t payload_len, const uint8_t mask[4])
{
	size_t bytes = payload_len < LENGTH_16 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;
	unsigned length = bytes == 0 ? (unsigned)payload_len : bytes == 2 ? LENGTH_16 : LENGTH_64;
	size_t len = 2;

	out[0] = (char)(uint8_t)(FINAL_BIT | (unsigned)opcode);
	out[1] = (char)(uint8_t)(length | (mask != NULL ? MASK_BIT : 0));
	for (size_t i = 0; i < bytes; i++)
		out[len++] = (char)(uint8_t)(payload_len >> (8 * (bytes - 1 - i)));
	if (mask == NULL)
		return len;
	memcpy(out + len, mask, MASK_BYTES);
	return len + MASK_BYTES;
}

void
websocket_apply_mask(char *out, const char *in, size_t len, const uint8_t mask[4], unsigned at)
{
	uint8_t turned[sizeof(uint64_t)];
	uint64_t word;
	uint64_t value;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(turned); k++)
		turned[k] = mask[(at + k) % MASK_BYTES];
	memcpy(&word, turned, sizeof(word));
	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&value, in + i, sizeof(value));
		value ^= word;
		memcpy(out + i, &value, sizeof(value));
	}
	for (; i < len; i++)
		out[i] = (char)(uint8_t)((uint8_t)in[i] ^ turned[i % sizeof(turned)]);
}

bool
websocket_key_is_valid(struct str key)
{
	struct buf nonce;

	buf_init(&nonce, 2 * NONCE_BYTES);
	bool ok = crypto_base64_decode(&nonce, key) && nonce.len == NONCE_BYTES;
	buf_fini(&nonce);
	return ok;
}

bool
websocket_accept(struct str key, char out[WEBSOCKET_ACCEPT_BYTES])
{
	static const struct str guid = {"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36};
	struct crypto_digest *sha1 = crypto_sha1_new();
	uint8_t digest[CRYPTO_SHA1_BYTES];
	struct buf text;

	if (sha1 == NULL)
		return false;
	crypto_digest_add(sha1, key.data, key.len);
	crypto_digest_add(sha1, guid.data, guid.len);
	crypto_digest_end(sha1, digest);
	crypto_digest_free(sha1);
	buf_init(&text, WEBSOCKET_ACCEPT_BYTES);
	bool ok = crypto_base64_encode(&text, STR_BYTES(digest)) &&
		  text.len == WEBSOCKET_ACCEPT_BYTES;
	if (ok)
		memcpy(out, text.data, WEBSOCKET_ACCEPT_BYTES);
	buf_fini(&text);
	return ok;
}
