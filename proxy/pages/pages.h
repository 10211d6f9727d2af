/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every page that a person sees from us, and the JSON that programs get instead.
 *
 * A page holds nothing of the request that led to it: only our own sentences and values of ours
 * (who is signed in, the request id, the clone's progress), escaped. Style and script are inline
 * constants whose hashes stand in the Content-Security-Policy. Which page to show, and to whom, is
 * the caller's business.
 */
#ifndef PROXY_PAGES_PAGES_H
#define PROXY_PAGES_PAGES_H

#include "auth/auth.h"
#include "base/str.h"
#include "clone/clone.h"

#define PAGES_HTML_MAX 65536u /* a buffer of this size holds any page */
#define PAGES_JSON_MAX 8192u

enum page_kind {
	PAGE_ERROR,	  /* problem says what; for AUTH_PROBLEM_NONE the status does */
	PAGE_SIGN_IN,	  /* one button that starts the login */
	PAGE_SIGN_OUT,	  /* asks to confirm, and posts to <prefix>/sign_out */
	PAGE_SIGNED_OUT,  /* says that it is done */
	PAGE_TARGET_LOST, /* signed in, but the page that was asked for is not known */
	PAGE_RELAY,	  /* what the relay's address is for */
	PAGE_STATUS,	  /* what there is to know for the signed-in user */
	PAGE_WORKSPACE,	  /* clone and start of the IDE, live; goes on to the IDE by itself */
};

struct page_status {
	struct auth_session_times times;
	struct str repository; /* what is cloned, without credentials; or empty */
	const char *directory; /* where to; or NULL */
};

struct page {
	enum page_kind kind;
	unsigned status;		    /* of the response that carries the page */
	enum auth_problem problem;	    /* PAGE_ERROR */
	const char *request_id;		    /* shown on errors; or NULL */
	struct auth_identity identity;	    /* who is signed in; an empty username: nobody */
	const char *sign_in_location;	    /* starts a login; or NULL */
	const char *gitlab_url;		    /* where a person signs out of GitLab itself; or NULL */
	const char *detail;		    /* one more sentence, ours; or NULL */
	uint32_t retry_after_s;		    /* 0: not said */
	const struct clone_progress *clone; /* PAGE_WORKSPACE; NULL: nothing to clone */
	uint16_t port; /* PAGE_WORKSPACE, PAGE_STATUS: whose server is meant; 0: the IDE */
	bool is_ready; /* and whether it answers */
	const struct page_status *session; /* PAGE_STATUS */
};

struct pages;

/* prefix: of our endpoints ("/oauth2"). workspace: the name to show, such as the host, or NULL.
 * Both are copied. */
struct pages *pages_new(const char *prefix, const char *workspace, struct err *e) MUST_CHECK;
void pages_free(struct pages *p);

/*
 * Headers that every HTML page needs besides Content-Type: the policy, no caching, no sniffing, no
 * framing. The last entry has a NULL name. Valid while p lives.
 */
struct page_header {
	const char *name;
	const char *value;
};
const struct page_header *pages_headers(const struct pages *p);
const char *pages_csp(const struct pages *p);

/* "text/html; charset=utf-8": append the page to out. False when out was too small. */
bool pages_render_html(const struct pages *p, const struct page *page, struct buf *out) MUST_CHECK;

/*
 * "application/json": {"error":"login_required","status":401,"message":"…","request_id":"…"} and,
 * where they apply, "login_url", "user", "retry_after_s", "clone" and "ide".
 */
bool pages_render_json(const struct page *page, struct buf *out) MUST_CHECK;

/*
 * What `<prefix>/workspace` answers and each of its events carries, on one line:
 * {"clone":{…},"ide":{"ready":false}}, on the host of a port
 * {"clone":{…},"port":{"number":3000,"ready":false}}. The waiting page's script reads it, as an
 * event stream (Accept: text/event-stream) or, where that fails, by asking every few seconds. The
 * buttons on a clone that failed post "action=retry" or "action=continue" (without the repository)
 * to the same address; without script that is a navigation, which wants a redirect back.
 */
struct pages_state {
	const struct clone_progress *clone; /* NULL: nothing to clone */
	uint16_t port;			    /* 0: the IDE */
	bool is_ready;
};
bool pages_render_state(const struct pages_state *state, struct buf *out) MUST_CHECK;

#endif
