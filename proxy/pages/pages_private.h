/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by pages*.c: the table of texts, escaping, and the sections of pages.
 * Functions pages_add_… append HTML to out.
 */
#ifndef PROXY_PAGES_PAGES_PRIVATE_H
#define PROXY_PAGES_PAGES_PRIVATE_H

#include "proxy/pages/pages.h"

enum page_action {
	PAGE_ACTION_NONE,
	PAGE_ACTION_AGAIN,   /* reload the page */
	PAGE_ACTION_SIGN_IN, /* start a login */
	PAGE_ACTION_SWITCH,  /* start a login with another account */
	PAGE_ACTION_OPEN,    /* open the workspace, if its address is known */
	PAGE_ACTION_TAB,     /* start a login in a new tab, outside of the frame */
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

/* For pages without a clone. */
extern const struct clone_progress pages_clone_off;

struct pages {
	char *prefix;
	char *workspace; /* never NULL */
	char *style;
	char *script;
	char *csp;
	char *device_csp; /* of PAGE_DEVICE, whose form redirects to the device on loopback */
	struct page_header headers[8];
	struct page_header device_headers[8];
};

/* Appends text for element content or a quoted attribute; control characters become spaces. */
void pages_add_text(struct buf *out, struct str text);

/* Appends the text as pages_add_text does, between two pieces of HTML. */
void pages_add_between(struct buf *out, const char *before, struct str text, const char *after);

/* Appends "Name @user" of the signed-in user; nothing if no user is signed in. */
void pages_add_identity(struct buf *out, const struct auth_identity *identity);

/* The <main> of PAGE_DEVICE. */
void pages_add_device(const struct pages *p, const struct page *page, struct buf *out);

/* The section of PAGE_STATUS about SSH: how to connect from a desktop, and the connected devices.
 */
void pages_add_desktop(const struct pages *p, const struct page_status *s, struct buf *out);

/* Why the IDE does not respond. With NULL the section is hidden, for the script to fill in. */
void pages_add_reason(const struct ide_reason *reason, struct buf *out);

/* The section with the servers on ports, which the script updates. */
void pages_add_ports(const struct pages *p, const struct page_ports *ports, struct buf *out);

/* Returns NULL if the port is not shared. */
const struct auth_share *pages_find_share(const struct page_ports *ports, uint16_t port);

/* The section with the log, for pages with the script. */
void pages_add_log(const struct pages *p, struct buf *out);
void pages_add_script(const struct pages *p, struct buf *out);

/* The steps of the start with their durations, one per line. */
void pages_add_start(const struct page_status *s, struct buf *out);

/* The <main> of PAGE_STATUS and of PAGE_WORKSPACE, with the script after it. */
void pages_add_status(const struct pages *p, const struct page *page, struct buf *out);
void pages_add_workspace(const struct pages *p, const struct page *page, struct buf *out);

#endif
