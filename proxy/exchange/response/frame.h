/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides which of our own responses may be shown in a frame, and by which pages. Only the
 * workspace's own pages may embed those of its ports.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_FRAME_H
#define PROXY_EXCHANGE_RESPONSE_FRAME_H

#include "proxy/exchange/exchange.h"

/* Whether the response goes to a frame that may show such a page: on the host of a port, or on the
 * way there. Pages with buttons that sign out or authorize a device are never framed. */
bool frame_may_show(const struct exchange *x, enum page_kind kind);

/* Adds the fields of a page as pages_headers lists them; in a frame with who may embed it. False
 * without memory. */
bool frame_add_page_headers(struct exchange *x, const struct page_header *fields, bool is_framed,
			    struct headers *h) MUST_CHECK;

/* The same policy for redirects, and a Referer from which the next host can tell who embeds. */
void frame_add_redirect_headers(struct exchange *x, struct headers *h);

#endif
