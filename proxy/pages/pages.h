/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own HTML pages, and the JSON that API clients get instead.
 *
 * A page never repeats anything from the request. It contains only our own sentences and escaped
 * values (the user's name, the request id, the clone's progress). Style and script are inline
 * constants whose hashes are in the Content-Security-Policy. The caller decides which page to
 * show.
 */
#ifndef PROXY_PAGES_PAGES_H
#define PROXY_PAGES_PAGES_H

#include "auth/auth.h"
#include "base/str.h"
#include "clone/clone.h"
#include "proxy/pages/page_ports.h"
#include "proxy/start/ide_reason.h"
#include "proxy/start/start_timeline.h"

/* Bytes that suffice for any page: 32 shares may list 64 users each. */
#define PAGES_HTML_MAX 196608u
#define PAGES_JSON_MAX 8192u

enum page_kind {
	PAGE_ERROR,	  /* text by problem, or by status for AUTH_PROBLEM_NONE */
	PAGE_SIGN_IN,	  /* a button that starts the login */
	PAGE_SIGN_OUT,	  /* asks for confirmation, posts to <prefix>/sign_out */
	PAGE_SIGNED_OUT,  /* confirms the sign-out */
	PAGE_TARGET_LOST, /* signed in, but the requested page is not known */
	PAGE_RELAY,	  /* explains the relay's address */
	PAGE_DEVICE,	  /* lets a computer connect by SSH */
	PAGE_STATUS,	  /* session, clone and IDE, for the signed-in user */
	PAGE_WORKSPACE,	  /* live progress of clone and IDE; opens the IDE when ready */
};

struct page_status {
	struct auth_session_times times;
	struct str repository; /* host and path, without credentials; or empty */
	const char *directory; /* that the repository is cloned into; or NULL */
	bool has_ssh;
	const char *ssh_problem, *ssh_user; /* a sentence; the name in the workspace; or NULL */
	size_t devices_count;
	struct auth_device devices[AUTH_DEVICES_MAX];
	const struct start_timeline *timeline;
	uint64_t answered_ms;		/* as in start_timeline_durations */
	const struct page_ports *ports; /* or NULL */
};

struct page {
	enum page_kind kind;
	unsigned status;		    /* of the response that carries the page */
	enum auth_problem problem;	    /* PAGE_ERROR */
	const char *request_id;		    /* shown on errors; or NULL */
	struct auth_identity identity;	    /* an empty username: no user is signed in */
	const char *sign_in_location;	    /* starts a login; or NULL */
	const char *gitlab_url;		    /* to sign out of GitLab itself; or NULL */
	const char *detail;		    /* an additional sentence; or NULL */
	uint32_t retry_after_s;		    /* 0: not shown */
	const struct clone_progress *clone; /* PAGE_WORKSPACE; NULL: nothing to clone */
	uint16_t port;	/* the page is shown at this port's host; 0: at the workspace's own */
	bool is_guest;	/* the identity is that of a guest of the port */
	bool is_framed; /* shown in a frame of another page */
	bool is_ready;	/* the server on the port, or the IDE, accepts connections */
	const struct ide_reason *reason;   /* PAGE_WORKSPACE, PAGE_STATUS: if not ready; or NULL */
	const struct page_status *session; /* PAGE_STATUS */
	const struct auth_device_page *device; /* PAGE_DEVICE */
};

struct pages;

/* prefix: path of our endpoints ("/oauth2"). workspace: the name to show, or NULL. Copies both. */
struct pages *pages_new(struct str prefix, const char *workspace, struct err *e) MUST_CHECK;
void pages_free(struct pages *p);

/*
 * Headers of every HTML page besides Content-Type: Content-Security-Policy, no caching, no content
 * sniffing, no framing. The last entry has a NULL name. Valid as long as p.
 */
struct page_header {
	const char *name;
	const char *value;
};
const struct page_header *pages_headers(const struct pages *p, enum page_kind kind);

/* Appends the page as text/html in UTF-8. False if out is too small. */
bool pages_render_html(const struct pages *p, const struct page *page, struct buf *out) MUST_CHECK;

/*
 * Appends JSON: {"error":"login_required","status":401,"message":"…","request_id":"…"} and, where
 * they apply, "login_url", "user", "retry_after_s", "clone" and "ide".
 */
bool pages_render_json(const struct page *page, struct buf *out) MUST_CHECK;

/*
 * The state that `<prefix>/workspace` returns as JSON and sends in each event, on one line:
 * {"clone":{…},"ide":{"ready":false}}, or on the host of a port
 * {"clone":{…},"port":{"number":3000,"ready":false}}. After EXPLAIN_AFTER, "ide" has a "reason"
 * with "code", "message", "hint" and perhaps "line". docs/ports.md describes "ports". The JSON
 * response also has "start".
 */
struct pages_state {
	const struct clone_progress *clone; /* NULL: nothing to clone */
	uint16_t port;			    /* 0: the IDE */
	bool is_ready;
	const struct ide_reason *reason;       /* why the IDE does not respond; or NULL */
	const struct start_timeline *timeline; /* or NULL: left out */
	uint64_t answered_ms;		       /* when the IDE first accepted a connection */
	const struct page_ports *ports;	       /* or NULL: left out */
};

/* Appends the state. False if out is too small. */
bool pages_render_state(const struct pages_state *state, struct buf *out) MUST_CHECK;

#endif
