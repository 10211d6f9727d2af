/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits on useless work that a peer causes, such as rapid reset and floods of empty frames. A
 * connection that exceeds one ends with an error.
 */
#include "proxy/http/http2/http2_private.h"

#define CONNECTION_WINDOW 2097152 /* of users */
#define RESETS_BURST	  200u
#define RESETS_PER_S	  20u
#define USER_RESETS_BURST 1000u
#define USER_RESETS_PER_S 50u
#define FRAMES_BURST	  1024u
#define FRAMES_PER_S	  128u
#define TOKEN		  1000u /* thousandths: a refill after a millisecond is not lost */
#define SKIPPED_BYTES	  4096u /* of ignored frames that count as one empty frame */

static void
add_tokens(struct http2_bucket *b, uint64_t thousandths)
{
	uint64_t full = (uint64_t)b->burst * TOKEN;

	b->tokens = thousandths < full - b->tokens ? b->tokens + thousandths : full;
}

static void
init_bucket(struct http2_bucket *b, uint32_t burst, uint32_t per_s, uint64_t now_ms)
{
	*b = (struct http2_bucket){.burst = burst, .per_s = per_s, .filled_ms = now_ms};
	b->tokens = (uint64_t)burst * TOKEN;
}

static void
widen_bucket(struct http2_bucket *b, uint32_t burst, uint32_t per_s)
{
	uint32_t more = burst > b->burst ? burst - b->burst : 0;

	b->burst += more;
	b->per_s = per_s;
	add_tokens(b, (uint64_t)more * TOKEN);
}

/* False if the bucket is empty. */
static bool
take_token(struct http2_bucket *b, uint64_t now_ms)
{
	/* Tokens per second are thousandths per millisecond. */
	if (now_ms > b->filled_ms) {
		uint64_t passed_ms = now_ms - b->filled_ms;
		add_tokens(b, passed_ms < UINT32_MAX ? passed_ms * b->per_s : UINT64_MAX);
		b->filled_ms = now_ms;
	}
	if (b->tokens < TOKEN)
		return false;
	b->tokens -= TOKEN;
	return true;
}

void
http2_bucket_refill(struct http2_bucket *b, uint32_t tokens)
{
	add_tokens(b, (uint64_t)tokens * TOKEN);
}

void
http2_flood_init(struct http2 *h)
{
	init_bucket(&h->resets, RESETS_BURST, RESETS_PER_S, h->now_ms);
	init_bucket(&h->frames, FRAMES_BURST, FRAMES_PER_S, h->now_ms);
}

void
http2_trust(struct http2 *h)
{
	if (h->resets.burst >= USER_RESETS_BURST)
		return;
	widen_bucket(&h->resets, USER_RESETS_BURST, USER_RESETS_PER_S);
	(void)nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
						    CONNECTION_WINDOW);
}

int
http2_charge_frame(struct http2 *h)
{
	if (take_token(&h->frames, h->now_ms))
		return 0;
	return http2_fail(h, HTTP2_ENHANCE_YOUR_CALM, "too many frames without content");
}

int
http2_charge_reset(struct http2 *h)
{
	if (take_token(&h->resets, h->now_ms))
		return 0;
	return http2_fail(h, HTTP2_ENHANCE_YOUR_CALM,
			  "too many streams reset before their response was complete");
}

bool
http2_charge_skipped(struct http2 *h, size_t received)
{
	h->received_bytes += received;
	while (h->received_bytes > h->seen_bytes + SKIPPED_BYTES) {
		h->seen_bytes += SKIPPED_BYTES;
		if (!take_token(&h->frames, h->now_ms)) {
			(void)http2_fail(h, HTTP2_ENHANCE_YOUR_CALM,
					 "too many frames on closed streams or of unknown types");
			return false;
		}
	}
	return true;
}
