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

/* Returns the value of the index-th header of this name (in lower case); STR_NONE: there is
 * none. */
typedef struct str auth_header_fn(const void *arg, struct str lower_name, size_t index);

struct auth_facts {
	struct str method;
	struct str host;   /* authority of the request, already checked to be one of ours */
	uint16_t port;	   /* the port whose host it is; 0: the workspace's own */
	struct str origin; /* with port: the result of auth_port_origin; must outlive the call */
	struct str target; /* origin-form, raw: path and query */
	auth_header_fn *header;
	const void *header_arg;
	struct str client; /* the client's IP address; empty or not an address: unknown */
	struct str body;   /* of a form POST to an endpoint; at most AUTH_BODY_MAX */
	const struct log_context *log;
};
#define AUTH_BODY_MAX 8192

enum auth_action {
	AUTH_ALLOW,    /* forward the request as identity */
	AUTH_REDIRECT, /* status 302, 303 or 307 to location */
	/* Show a page or a JSON error about `problem`; do not forward the request. */
	AUTH_PROBLEM,
	AUTH_REPLY, /* send status and JSON body (may be empty) of an endpoint */
	AUTH_SIGN_IN_PAGE,
	AUTH_SIGN_OUT_PAGE, /* asks to confirm; identity is set when signed in */
	AUTH_SIGNED_OUT_PAGE,
	AUTH_TARGET_LOST_PAGE, /* signed in, but the requested page is unknown */
	AUTH_RELAY_PAGE,       /* explains what the relay's address is for */
	AUTH_DEVICE_PAGE,      /* about a device that requests SSH access */
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
	const char *location; /* target of a redirect; with a problem: where a new login starts */
	/* A sentence for the page that contains no data of the request; or NULL. */
	const char *detail;
	const char *allow;
	const char *challenge; /* parameters for WWW-Authenticate (RFC 6750 section 3.1), or NULL */
	const char *gitlab_url; /* GitLab's front page, to sign in as another user; or NULL */
	uint32_t retry_after_s;
	struct str json;	       /* AUTH_REPLY */
	struct auth_identity identity; /* valid until auth_verdict_fini */
	/* AUTH_ALLOW: valid until the loop runs again. NULL: the port is public. */
	struct auth_session *session;
	bool is_guest; /* AUTH_ALLOW, our pages: the session is for this port's host only */
	/* The response to a CORS request allows its Origin, also "null", to read it. */
	bool allows_origin;
	const char *set_cookies[AUTH_SET_COOKIES_MAX]; /* whole Set-Cookie values */
	size_t set_cookies_count;
	/* The header (lower case) with a GitLab token that must not be forwarded; or empty. */
	struct str token_header;
	/* A reference: keeps the memory that identity points to. */
	struct auth_session *identity_session;
	const struct port_ticket_request *ticket_request; /* of auth/login/port_ticket.c */
	const struct device_request *device_request;	  /* of auth/device/device_login.c */
	const struct share_request *share_request;	  /* of auth/share/share_endpoint.c */
	const struct auth_device_page *device_page;	  /* AUTH_DEVICE_PAGE */
	struct auth_device_id device; /* the device whose token the request has */
	struct arena arena;
};

#endif
