/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind proxy/pages/pages.h share: the sentences, the inline assets, and the
 * helpers that escape. Nobody else includes this.
 */
#ifndef PROXY_PAGES_PAGES_PARTS_H
#define PROXY_PAGES_PAGES_PARTS_H

#include "proxy/pages/pages.h"

enum page_action {
	PAGE_ACTION_NONE,
	PAGE_ACTION_AGAIN,   /* load the same address again */
	PAGE_ACTION_SIGN_IN, /* start a login */
	PAGE_ACTION_SWITCH,  /* start a login as somebody else */
	PAGE_ACTION_OPEN,    /* go to the workspace, where its address is known */
};

struct page_text {
	unsigned status; /* 0: any */
	enum auth_problem problem;
	const char *error; /* stable name for programs */
	const char *title;
	const char *message;
	const char *hint; /* what to do; or NULL */
	enum page_action action;
};

/* Whether nothing but the server of a port is missing. */
bool pages_awaits_port(const struct page *page);

/* Never NULL: a status without a row of its own gets that of its class. */
const struct page_text *pages_text_find(const struct page *page);

/* The content of the inline blocks, NUL-terminated; the caller frees it. NULL without memory. */
char *pages_style_new(void) MUST_CHECK;
char *pages_script_new(void) MUST_CHECK;

struct pages {
	char *prefix;
	char *workspace; /* never NULL */
	char *style;
	char *script;
	char *csp;
	struct page_header headers[8];
};

/* Appends text for element content or a quoted attribute; control characters become spaces. */
void pages_add_text(struct buf *out, struct str text);

/* "Name (@user)" of whoever is signed in; nothing when nobody is. */
void pages_add_identity(struct buf *out, const struct auth_identity *identity);

/* The <main> of PAGE_STATUS. */
void pages_add_status(const struct pages *p, const struct page *page, struct buf *out);

/* The <main> of PAGE_WORKSPACE, with the script after it. */
void pages_add_workspace(const struct pages *p, const struct page *page, struct buf *out);

#endif
