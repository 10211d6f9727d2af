/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by pages*.c: the table of texts, the inline assets, and escaping helpers.
 */
#ifndef PROXY_PAGES_PAGES_PRIVATE_H
#define PROXY_PAGES_PAGES_PRIVATE_H

#include "proxy/pages/pages.h"

enum page_action {
	PAGE_ACTION_NONE,
	PAGE_ACTION_AGAIN,   /* reload */
	PAGE_ACTION_SIGN_IN, /* start a login */
	PAGE_ACTION_SWITCH,  /* start a login with another account */
	PAGE_ACTION_OPEN,    /* open the workspace, if its address is known */
	PAGE_ACTION_TAB,     /* start a login outside of the frame */
};

struct page_text {
	unsigned status; /* 0: any */
	enum auth_problem problem;
	const char *error; /* stable name for API clients */
	const char *title;
	const char *message;
	const char *hint; /* what the user can do; or NULL */
	enum page_action action;
};

/* Never NULL: a status without a row gets the text of its class (4xx, 5xx). */
const struct page_text *pages_text_find(const struct page *page);

/* Content of the inline <style> and <script>; the caller frees it. NULL without memory. */
char *pages_style_new(void) MUST_CHECK;
char *pages_script_new(void) MUST_CHECK;

struct pages {
	char *prefix;
	char *workspace; /* never NULL */
	char *style;
	char *script;
	char *csp;
	char *device_csp; /* of PAGE_DEVICE, whose form leads to the device */
	struct page_header headers[8];
	struct page_header device_headers[8];
};

/* Appends text for element content or a quoted attribute; control characters become spaces. */
void pages_add_text(struct buf *out, struct str text);

/* "Name @user" of the signed-in user; nothing if no user is signed in. */
void pages_add_identity(struct buf *out, const struct auth_identity *identity);

/* The <main> of PAGE_DEVICE. */
void pages_add_device(const struct pages *p, const struct page *page, struct buf *out);

/* How to connect from a desktop, and which devices may: for PAGE_STATUS. */
void pages_add_desktop(const struct pages *p, const struct page_status *s, struct buf *out);

/* Why the IDE does not respond; hidden for NULL, so that the script can fill it in. */
void pages_add_reason(const struct ide_reason *reason, struct buf *out);

/* The section with the servers on ports, which the script keeps current. */
void pages_add_ports(const struct pages *p, const struct page_ports *ports, struct buf *out);

/* NULL: it is not shared. */
const struct auth_share *pages_find_share(const struct page_ports *ports, uint16_t port);
/* Who may open a port, and until when. share: pages_find_share's. */
void pages_add_audience(const struct page_ports *ports, const struct auth_share *share,
			struct buf *out);
/* Nothing where no port may be shared. */
void pages_add_share_form(const struct pages *p, const struct page_ports *ports, struct buf *out);

/* The section with the log, for pages that have the script. */
void pages_add_log(const struct pages *p, struct buf *out);
void pages_add_script(const struct pages *p, struct buf *out);

/* The steps of the start with their durations, one a line. */
void pages_add_start(const struct page_status *s, struct buf *out);

/* The <main> of PAGE_STATUS, with the script after it. */
void pages_add_status(const struct pages *p, const struct page *page, struct buf *out);

/* The <main> of PAGE_WORKSPACE, with the script after it. */
void pages_add_workspace(const struct pages *p, const struct page *page, struct buf *out);

#endif
