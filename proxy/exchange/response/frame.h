/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides which of our own responses may be shown in a frame, and by which pages. Only the
 * workspace's own pages may embed those of its ports.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_FRAME_H
#define PROXY_EXCHANGE_RESPONSE_FRAME_H

#include "proxy/exchange/exchange.h"

/* Whether the request is the navigation of a frame that may show such a page: at the host of a
 * port, or during the hand-over to it. Pages that sign out or authorize a device are never framed.
 */
bool frame_may_show(const struct exchange *x, enum page_kind kind);

/* Adds the fields of a page from pages_headers; for a frame, with the origins that may embed it.
 * False: out of memory. */
bool frame_add_page_headers(struct exchange *x, const struct page_header *fields, bool is_framed,
			    struct headers *h) MUST_CHECK;

/* Adds the same policy to a redirect, and a Referrer-Policy that shows the embedding origin to the
 * next host. */
void frame_add_redirect_headers(struct exchange *x, struct headers *h);

#endif
