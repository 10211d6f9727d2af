/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends a connection with GOAWAY, and tells why it has ended.
 */
#include "proxy/http/http2/http2_private.h"

/* Sends the notice of RFC 9113 section 6.8, and a PING to learn that the peer has received it. */
void
http2_announce_end(struct http2 *h)
{
	if (h->is_ending)
		return;
	h->is_ending = true;
	(void)nghttp2_submit_shutdown_notice(h->session);
	(void)nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
}

void
http2_begin_end(struct http2 *h)
{
	if (h->has_ended)
		return;
	h->has_ended = true;
	(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
				    nghttp2_session_get_last_proc_stream_id(h->session),
				    NGHTTP2_NO_ERROR, NULL, 0);
}

void
http2_terminate(struct http2 *h, enum http2_error code)
{
	h->is_ending = h->has_ended = true;
	(void)nghttp2_session_terminate_session(h->session, code);
}

int
http2_fail(struct http2 *h, enum http2_error code, const char *reason)
{
	if (h->failure == NULL)
		h->failure = reason;
	http2_terminate(h, code);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

bool
http2_is_over(const struct http2 *h)
{
	return (h->has_ended && h->streams_count == 0 &&
		nghttp2_session_want_write(h->session) == 0) ||
	       (nghttp2_session_want_read(h->session) == 0 &&
		nghttp2_session_want_write(h->session) == 0);
}

const char *
http2_find_failure(const struct http2 *h)
{
	return h->failure;
}

const char *
http2_find_fault(const struct http2 *h)
{
	return h->goaway_code != NGHTTP2_NO_ERROR ? nghttp2_http2_strerror(h->goaway_code) : NULL;
}
