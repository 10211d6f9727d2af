/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts about a request that auth needs, and its verdict. Part of the public interface:
 * include auth/auth.h.
 */
#ifndef AUTH_AUTH_VERDICT_H
#define AUTH_AUTH_VERDICT_H

#include "auth/auth_problem.h"
#include "auth/auth_session.h"
#include "base/arena.h"
#include "base/log/log.h"

struct auth_session;

/* The value of the index-th header of this name (in lower case); STR_NONE past the last. */
typedef struct str auth_header_fn(const void *arg, struct str lower_name, size_t index);

struct auth_facts {
	struct str method;
	struct str host;   /* authority of the request, already known to be ours */
	uint16_t port;	   /* whose host that is; 0: the workspace's own */
	struct str origin; /* with port: what auth_port_origin gave; must outlive the call */
	struct str target; /* origin-form, raw: path and query */
	auth_header_fn *header;
	const void *header_arg;
	struct str client; /* the client's IP address; empty or no address: unknown */
	struct str body;   /* of a form POST to an endpoint; at most AUTH_BODY_MAX */
	const struct log_context *log;
};
#define AUTH_BODY_MAX 8192

enum auth_action {
	AUTH_ALLOW,    /* go on, as identity */
	AUTH_REDIRECT, /* status 302, 303 or 307 to location */
	/* A page or a JSON error that explains `problem`; the request goes no further. */
	AUTH_PROBLEM,
	AUTH_REPLY, /* an endpoint's own answer: status and JSON body (may be empty) */
	AUTH_SIGN_IN_PAGE,
	AUTH_SIGN_OUT_PAGE, /* asks to confirm; identity is set when signed in */
	AUTH_SIGNED_OUT_PAGE,
	AUTH_TARGET_LOST_PAGE, /* signed in, but the page that was asked for is not known */
	AUTH_RELAY_PAGE,       /* explains what the relay's address is for */
	AUTH_DEVICE_PAGE,      /* about a computer that wants to connect by SSH */
};

struct auth_identity {
	struct str user_id; /* decimal */
	struct str username;
	struct str name;
	struct str email; /* may be empty */
};

#define AUTH_SET_COOKIES_MAX 4
struct auth_verdict {
	enum auth_action action;
	unsigned status;
	enum auth_problem problem;
	const char *location; /* of redirects; with problems: what starts a new login */
	const char *detail;   /* a sentence for the page, without data of the request; or NULL */
	const char *allow;
	const char *challenge;	/* more for WWW-Authenticate (RFC 6750 section 3.1), or NULL */
	const char *gitlab_url; /* its front page, to sign in as another user; or NULL */
	uint32_t retry_after_s;
	struct str json;	       /* AUTH_REPLY */
	struct auth_identity identity; /* readable until auth_verdict_fini */
	/* AUTH_ALLOW: valid until the loop runs again. NULL: the port is for everybody. */
	struct auth_session *session;
	bool is_guest; /* AUTH_ALLOW, our pages: the session is one of this port's host only */
	/* Of a request with CORS: the answer names its Origin as one that may read it, also "null".
	 */
	bool allows_origin;
	const char *set_cookies[AUTH_SET_COOKIES_MAX]; /* whole Set-Cookie values */
	size_t set_cookies_count;
	/* The header (lower case) whose GitLab token must not be forwarded; or empty. */
	struct str token_header;
	struct auth_session *identity_session; /* a reference: its memory holds identity */
	const struct port_ticket_request *ticket_request; /* of auth/login/port_ticket.c */
	const struct device_request *device_request;	  /* of auth/device/device_login.c */
	const struct share_request *share_request;	  /* of auth/share/share_endpoint.c */
	const struct auth_device_page *device_page;	  /* AUTH_DEVICE_PAGE */
	struct auth_device_id device;			  /* whose token the request brought */
	struct arena arena;
};
void auth_verdict_init(struct auth_verdict *v);
void auth_verdict_fini(struct auth_verdict *v);

#endif
