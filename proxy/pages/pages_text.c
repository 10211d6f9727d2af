/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of our pages: tables by authentication problem and by status, with variants for the
 * hosts of ports.
 *
 * They tell users in plain words what happened and what to do. The log has details for operators,
 * under the request id that the page shows.
 */
#include "proxy/pages/pages_private.h"

static const struct page_text problem_texts[] = {
	{401, AUTH_PROBLEM_LOGIN_REQUIRED, "login_required", "Please sign in",
	 "You need to sign in with GitLab to open this workspace.", NULL, PAGE_ACTION_SIGN_IN},
	{403, AUTH_PROBLEM_NO_ACCESS, "no_access", "You have no access to this workspace",
	 "You are signed in, but your GitLab account has no access to this workspace.",
	 "If you have another account, sign in with that one. If GitLab signs you in as "
	 "the same user again, sign out of GitLab first.",
	 PAGE_ACTION_SWITCH},
	{403, AUTH_PROBLEM_NOT_SHARED, "not_shared", "This port is not shared with you",
	 "A port of this workspace is shared, but not with your GitLab account.",
	 "Ask the person who sent you here to share it with you. If you have another account, "
	 "sign in with that one. If you may open the workspace itself, open it first, and then "
	 "come back.",
	 PAGE_ACTION_SWITCH},
	{403, AUTH_PROBLEM_CONSENT_DENIED, "consent_denied", "You declined the sign-in",
	 "GitLab asked you to authorize the sign-in, and the request was declined. "
	 "Nothing was changed.",
	 "Without that permission you can't be signed in. You can try again and authorize it.",
	 PAGE_ACTION_SIGN_IN},
	{403, AUTH_PROBLEM_LOGIN_FAILED, "login_failed", "The sign-in failed",
	 "GitLab's response to the sign-in was not valid.",
	 "Please sign in again. A sign-in expires if it is not completed in time.",
	 PAGE_ACTION_SIGN_IN},
	{503, AUTH_PROBLEM_GITLAB_UNAVAILABLE, "gitlab_unavailable", "GitLab can't be reached",
	 "This workspace uses GitLab to check who you are, and GitLab is not responding.",
	 "Your workspace and your files are not affected.", PAGE_ACTION_AGAIN},
	{503, AUTH_PROBLEM_OUTGOING_PROXY, "outgoing_proxy_failed",
	 "GitLab can't be reached through the network's proxy",
	 "This workspace reaches GitLab through an outgoing proxy, and that proxy refused or did "
	 "not respond.",
	 "GitLab itself may be fine, and your workspace and your files are not affected. If the "
	 "problem persists, contact the administrator and include the request id below.",
	 PAGE_ACTION_AGAIN},
	{502, AUTH_PROBLEM_GITLAB_REFUSES_US, "gitlab_refuses_us",
	 "This workspace is not set up correctly",
	 "GitLab rejected this workspace's application: its id, secret or redirect URI "
	 "does not match the one registered with GitLab.",
	 "Please contact the administrator and include the request id below.", PAGE_ACTION_NONE},
	{502, AUTH_PROBLEM_SCOPE, "scope_missing", "A permission is missing at GitLab",
	 "GitLab did not grant a scope that this workspace needs to check your access.",
	 "Please contact the administrator: the application's scopes in GitLab or the "
	 "setting SCOPE must be changed.",
	 PAGE_ACTION_NONE},
	{403, AUTH_PROBLEM_TOKEN_SCOPE, "insufficient_scope", "The token lacks a scope",
	 "The GitLab token of this request does not have a scope that this workspace needs to "
	 "check access.",
	 "Create a token with that scope.", PAGE_ACTION_NONE},
	{403, AUTH_PROBLEM_LOGIN_LOOP, "login_loop", "Your browser does not accept our cookies",
	 "You were signed in several times, but your browser did not send our cookie back.",
	 "Allow cookies for this site, or try a window without extensions, then sign in again.",
	 PAGE_ACTION_SIGN_IN},
	{403, AUTH_PROBLEM_CROSS_SITE, "cross_site", "This request came from another site",
	 "Another website tried to perform an action here on your behalf, and was blocked.",
	 "If this was you, open the page that you wanted directly and try again there.",
	 PAGE_ACTION_NONE},
	{400, AUTH_PROBLEM_BAD_REQUEST, "bad_request", "This address is not valid",
	 "The address of the sign-in is incomplete or was changed.",
	 "Please start again from the workspace's own address.", PAGE_ACTION_SIGN_IN},
	{400, AUTH_PROBLEM_SHARE, "not_shareable", "The port was not shared",
	 "Nothing was changed.", "Go back, correct it and try again.", PAGE_ACTION_NONE},
	{421, AUTH_PROBLEM_NO_PORT, "no_such_port", "This port is not published",
	 "The port number at the beginning of this address is not one of the ports that this "
	 "workspace publishes.",
	 "Start the server on another port, or ask the administrator to add this port to the "
	 "setting PORTS.",
	 PAGE_ACTION_NONE},
	{405, AUTH_PROBLEM_METHOD, "method_not_allowed", "Method not allowed",
	 "This address exists, but it does not support this kind of request.", NULL,
	 PAGE_ACTION_NONE},
	{400, AUTH_PROBLEM_RELAY_REQUEST, "bad_request", "This address is not valid",
	 "This service forwards sign-ins to workspaces, but the address is incomplete or "
	 "was changed.",
	 "Please open your workspace by its own address and start again from there.",
	 PAGE_ACTION_NONE},
	{403, AUTH_PROBLEM_RELAY_WORKSPACE, "unknown_workspace", "Unknown workspace",
	 "This service forwards sign-ins to workspaces, but this workspace is not one of them.",
	 "Please contact the administrator and include the request id below.", PAGE_ACTION_NONE},
	{403, AUTH_PROBLEM_RELAY_FOREIGN, "foreign_login",
	 "This sign-in was not started in this browser",
	 "Someone may have sent you a link to their own sign-in, so it was stopped here. "
	 "This also happens if you return to a finished sign-in, or if your browser "
	 "blocks cookies.",
	 "To sign in, open the workspace and start there.", PAGE_ACTION_OPEN},
	{403, AUTH_PROBLEM_RELAY_STALE, "stale_login", "This sign-in took too long",
	 "A sign-in must be completed within ten minutes, and this one has expired.",
	 "Please open the workspace and start again. If this message appears immediately, "
	 "a clock is wrong: please tell the administrator.",
	 PAGE_ACTION_OPEN},
};

static const struct page_text status_texts[] = {
	{400, AUTH_PROBLEM_NONE, "bad_request", "Bad request",
	 "The request is not valid HTTP and was not forwarded to the workspace.",
	 "Please reload the page. If the problem persists, something between your browser "
	 "and the workspace modifies requests.",
	 PAGE_ACTION_NONE},
	{401, AUTH_PROBLEM_NONE, "login_required", "Please sign in",
	 "You need to sign in with GitLab to open this workspace.", NULL, PAGE_ACTION_SIGN_IN},
	{403, AUTH_PROBLEM_NONE, "forbidden", "Not allowed", "This request is not permitted here.",
	 NULL, PAGE_ACTION_NONE},
	{404, AUTH_PROBLEM_NONE, "not_found", "Page not found",
	 "The workspace's sign-in service has no page at this address.",
	 "Go to the workspace's start page instead.", PAGE_ACTION_OPEN},
	{405, AUTH_PROBLEM_NONE, "method_not_allowed", "Method not allowed",
	 "This address exists, but it does not support this kind of request.", NULL,
	 PAGE_ACTION_NONE},
	{408, AUTH_PROBLEM_NONE, "request_timeout", "The request took too long",
	 "Your browser started a request and did not finish it in time.",
	 "Check your connection and try again.", PAGE_ACTION_NONE},
	{413, AUTH_PROBLEM_NONE, "content_too_large", "Too much data",
	 "The request contains more data than this address accepts.", NULL, PAGE_ACTION_NONE},
	{414, AUTH_PROBLEM_NONE, "uri_too_long", "The address is too long",
	 "Addresses of this length are not accepted.", NULL, PAGE_ACTION_NONE},
	{417, AUTH_PROBLEM_NONE, "expectation_failed", "Expectation failed",
	 "The request has an Expect header that this service does not support.", NULL,
	 PAGE_ACTION_NONE},
	{421, AUTH_PROBLEM_NONE, "misdirected_request", "This is another workspace",
	 "The host name of the request belongs to another workspace.",
	 "Open the workspace by the address that you were given. If you already did, "
	 "please tell the administrator.",
	 PAGE_ACTION_NONE},
	{426, AUTH_PROBLEM_NONE, "upgrade_required", "Upgrade required",
	 "This address requires a protocol that your browser did not offer.", NULL,
	 PAGE_ACTION_NONE},
	{429, AUTH_PROBLEM_NONE, "too_many_requests", "Too many requests",
	 "The workspace could not accept this request.", "Please wait a moment and try again.",
	 PAGE_ACTION_AGAIN},
	{431, AUTH_PROBLEM_NONE, "headers_too_large", "Your browser sends too many headers",
	 "The usual reason is too many cookies, also from other sites of the same domain.",
	 "Delete the cookies of this site and of its parent domain, then try again.",
	 PAGE_ACTION_NONE},
	{500, AUTH_PROBLEM_NONE, "internal_error", "Something went wrong on our side",
	 "The request could not be completed. This is not your fault.",
	 "Please try again. If the problem persists, contact the administrator and "
	 "include the request id below.",
	 PAGE_ACTION_AGAIN},
	{501, AUTH_PROBLEM_NONE, "not_implemented", "Not supported",
	 "This service does not support the request.", NULL, PAGE_ACTION_NONE},
	{502, AUTH_PROBLEM_NONE, "bad_gateway", "The IDE did not respond correctly",
	 "The workspace is running, but its IDE closed the connection or sent an invalid "
	 "response.",
	 "It may be restarting. Please try again shortly.", PAGE_ACTION_AGAIN},
	{503, AUTH_PROBLEM_NONE, "unavailable", "The workspace is not available",
	 "It can't accept requests at the moment.", "Please try again shortly.", PAGE_ACTION_AGAIN},
	{504, AUTH_PROBLEM_NONE, "gateway_timeout", "The IDE is not responding",
	 "The workspace is running, but its IDE did not respond in time.",
	 "It may be busy. Please try again shortly.", PAGE_ACTION_AGAIN},
	{505, AUTH_PROBLEM_NONE, "http_version", "Unsupported HTTP version",
	 "This service supports HTTP/1.1.", NULL, PAGE_ACTION_NONE},
};

/* For AUTH_PROBLEM_LOGIN_REQUIRED in a frame, where a sign-in is not possible. */
static const struct page_text framed_text = {
	401,
	AUTH_PROBLEM_LOGIN_REQUIRED,
	"login_required",
	"Open this page in a tab",
	"You need to sign in to see it, which is not possible inside of another page.",
	NULL,
	PAGE_ACTION_TAB};

static const struct page_text client_text = {0,
					     AUTH_PROBLEM_NONE,
					     "request_refused",
					     "Request refused",
					     "This service can't handle the request.",
					     NULL,
					     PAGE_ACTION_NONE};

static const struct page_text kind_texts[] = {
	[PAGE_SIGN_IN] = {0, AUTH_PROBLEM_NONE, "login_required", "Sign in to this workspace",
			  "You sign in with GitLab and return here automatically.", NULL,
			  PAGE_ACTION_NONE},
	[PAGE_SIGN_OUT] =
		{0, AUTH_PROBLEM_NONE, "sign_out", "Sign out of this workspace?",
		 "Everything in the workspace keeps running, and your files are kept. Open "
		 "editors and terminals of this session are disconnected.",
		 "You stay signed in to GitLab itself.", PAGE_ACTION_NONE},
	[PAGE_SIGNED_OUT] = {0, AUTH_PROBLEM_NONE, "signed_out", "You are signed out",
			     "This browser no longer has access to the workspace.",
			     "You may still be signed in to GitLab. On a shared computer, sign out "
			     "there as well.",
			     PAGE_ACTION_NONE},
	[PAGE_TARGET_LOST] =
		{0, AUTH_PROBLEM_NONE, "page_not_kept",
		 "You are signed in, but the page you requested was lost",
		 "Its address could not be stored during the sign-in: it was too long, "
		 "the sign-in took more than an hour, or the workspace restarted.",
		 "Open the page again by its address or bookmark, or go to the start page.",
		 PAGE_ACTION_OPEN},
	[PAGE_RELAY] =
		{0, AUTH_PROBLEM_NONE, "relay", "Sign-in service",
		 "GitLab returns users to this address, which forwards them to their workspace. "
		 "There is nothing else here.",
		 "To start working, open your workspace by its own address.", PAGE_ACTION_NONE},
	[PAGE_DEVICE] = {0, AUTH_PROBLEM_NONE, "device", "Connect a computer",
			 "A program on a computer can connect to this workspace by SSH.", NULL,
			 PAGE_ACTION_NONE},
	[PAGE_STATUS] = {0, AUTH_PROBLEM_NONE, "workspace", "Your workspace",
			 "Everything is running.", NULL, PAGE_ACTION_NONE},
	[PAGE_WORKSPACE] = {0, AUTH_PROBLEM_NONE, "workspace_starting", "Preparing your workspace",
			    "The workspace opens here automatically when it is ready.", NULL,
			    PAGE_ACTION_NONE},
};

/* At the host of a port. Most of its visitors are guests, who know nothing of the workspace. */

static const struct page_text port_problem_texts[] = {
	{401, AUTH_PROBLEM_LOGIN_REQUIRED, "login_required", "Please sign in",
	 "You need to sign in with GitLab to open this page.", NULL, PAGE_ACTION_SIGN_IN},
	{503, AUTH_PROBLEM_GITLAB_UNAVAILABLE, "gitlab_unavailable", "GitLab can't be reached",
	 "GitLab is needed to check who may open this page, and it is not responding.",
	 "Please try again shortly.", PAGE_ACTION_AGAIN},
	{503, AUTH_PROBLEM_OUTGOING_PROXY, "outgoing_proxy_failed",
	 "GitLab can't be reached through the network's proxy",
	 "GitLab is needed to check who may open this page. It is reached through an outgoing "
	 "proxy, which refused or did not respond.",
	 "Please try again shortly. If the problem persists, contact the administrator and include "
	 "the request id below.",
	 PAGE_ACTION_AGAIN},
	{400, AUTH_PROBLEM_BAD_REQUEST, "bad_request", "This address is not valid",
	 "The address of the sign-in is incomplete or was changed.",
	 "Please open the page that you wanted by its own address.", PAGE_ACTION_SIGN_IN},
};

static const struct page_text port_status_texts[] = {
	{401, AUTH_PROBLEM_NONE, "login_required", "Please sign in",
	 "You need to sign in with GitLab to open this page.", NULL, PAGE_ACTION_SIGN_IN},
	{404, AUTH_PROBLEM_NONE, "not_found", "Page not found",
	 "The sign-in service has no page at this address.", "Go to the start page instead.",
	 PAGE_ACTION_OPEN},
	{429, AUTH_PROBLEM_NONE, "too_many_requests", "Too many requests",
	 "This request could not be accepted.", "Please wait a moment and try again.",
	 PAGE_ACTION_AGAIN},
	{502, AUTH_PROBLEM_NONE, "bad_gateway", "The server did not respond correctly",
	 "The server on this port closed the connection or sent an invalid response.",
	 "It may be restarting. Please try again shortly.", PAGE_ACTION_AGAIN},
	{503, AUTH_PROBLEM_NONE, "unavailable", "This page is not available",
	 "It can't be shown at the moment.", "Please try again shortly.", PAGE_ACTION_AGAIN},
	{504, AUTH_PROBLEM_NONE, "gateway_timeout", "The server is not responding",
	 "The server on this port did not respond in time.",
	 "It may be busy. Please try again shortly.", PAGE_ACTION_AGAIN},
};

/* Those without a title are the same as at the workspace's own host. */
static const struct page_text port_kind_texts[] = {
	[PAGE_SIGN_IN] = {0, AUTH_PROBLEM_NONE, "login_required", "Sign in to open this page",
			  "You sign in with GitLab and return here automatically.", NULL,
			  PAGE_ACTION_NONE},
	[PAGE_SIGN_OUT] = {0, AUTH_PROBLEM_NONE, "sign_out", "Sign out of this page?",
			   "Its connections are closed. To open it again you have to sign in.",
			   "You stay signed in to GitLab itself.", PAGE_ACTION_NONE},
	[PAGE_SIGNED_OUT] = {0, AUTH_PROBLEM_NONE, "signed_out", "You are signed out",
			     "This browser no longer has access to this page.",
			     "You may still be signed in to GitLab. On a shared computer, sign out "
			     "there as well.",
			     PAGE_ACTION_NONE},
	[PAGE_TARGET_LOST] =
		{0, AUTH_PROBLEM_NONE, "page_not_kept",
		 "You are signed in, but the page you requested was lost",
		 "Its address could not be stored during the sign-in: it was too long, or the "
		 "sign-in took more than an hour.",
		 "Open the page again by its address or bookmark, or go to the start page.",
		 PAGE_ACTION_OPEN},
	[PAGE_WORKSPACE] = {0, AUTH_PROBLEM_NONE, "port_not_ready", "No server on this port yet",
			    "Start your server in the workspace. This page opens it automatically.",
			    NULL, PAGE_ACTION_NONE},
};

static const struct page_text *
find_problem(const struct page_text *rows, size_t count, enum auth_problem problem)
{
	for (size_t i = 0; problem != AUTH_PROBLEM_NONE && i < count; i++)
		if (rows[i].problem == problem)
			return &rows[i];
	return NULL;
}

static const struct page_text *
find_status(const struct page_text *rows, size_t count, unsigned status)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].status == status)
			return &rows[i];
	return NULL;
}

#define COUNT(rows)    (sizeof(rows) / sizeof((rows)[0]))
#define FIND(rows, by) find_##by(rows, COUNT(rows), page->by)

static const struct page_text *
find_error(const struct page *page)
{
	bool is_port = page->port != 0;
	const struct page_text *text = is_port ? FIND(port_problem_texts, problem) : NULL;

	if (page->is_framed && page->problem == AUTH_PROBLEM_LOGIN_REQUIRED)
		return &framed_text;
	if (text == NULL)
		text = FIND(problem_texts, problem);
	if (text == NULL && is_port)
		text = FIND(port_status_texts, status);
	if (text == NULL)
		text = FIND(status_texts, status);
	if (text == NULL && page->status >= 400 && page->status < 500)
		text = &client_text;
	return text != NULL ? text : find_status(status_texts, COUNT(status_texts), 500);
}

/* Returns NULL if the text is the same as at the workspace's own host: while the clone is not done,
 * and for users of the workspace, who sign out of all of it. */
static const struct page_text *
find_of_port(const struct page *page)
{
	const struct page_text *text = &port_kind_texts[page->kind];
	bool is_cloned = page->clone == NULL || page->clone->phase == CLONE_DONE;
	bool is_guest = page->is_guest || str_is_empty(page->identity.username);

	if ((page->kind == PAGE_WORKSPACE && !is_cloned) ||
	    (page->kind == PAGE_SIGN_OUT && !is_guest))
		return NULL;
	return text->title == NULL ? NULL : text;
}

const struct page_text *
pages_text_find(const struct page *page)
{
	const struct page_text *text = page->port == 0 ? NULL : find_of_port(page);

	if (text != NULL)
		return text;
	return page->kind == PAGE_ERROR ? find_error(page) : &kind_texts[page->kind];
}
