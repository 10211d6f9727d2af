/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our pages say, as one table: by the problem that authentication names, else by status.
 *
 * Plain words for the person in front of the screen: what happened, and what to do. Details for
 * operators are in the log, under the request id that the page shows.
 */
#include "proxy/pages/pages_parts.h"

static const struct page_text problem_texts[] = {
	{401, AUTH_PROBLEM_LOGIN_REQUIRED, "login_required", "Please sign in",
	 "This workspace is open to people who are signed in with GitLab.", NULL,
	 PAGE_ACTION_SIGN_IN},
	{403, AUTH_PROBLEM_NO_ACCESS, "no_access", "You have no access to this workspace",
	 "You are signed in, but GitLab says that this workspace is not open to you.",
	 "If you have another account, sign in with that one. Should GitLab take you back as the "
	 "same user, sign out of GitLab first.",
	 PAGE_ACTION_SWITCH},
	{403, AUTH_PROBLEM_CONSENT_DENIED, "consent_denied", "You declined the sign-in",
	 "GitLab asked whether this workspace may know who you are, and the answer was no. Nothing "
	 "was changed.",
	 "Without that permission the workspace can't open. You can try again and allow it.",
	 PAGE_ACTION_SIGN_IN},
	{403, AUTH_PROBLEM_LOGIN_FAILED, "login_failed", "The sign-in did not succeed",
	 "GitLab answered the sign-in with something that we can't accept.",
	 "Signing in again often helps: sign-ins expire after a few minutes.", PAGE_ACTION_SIGN_IN},
	{503, AUTH_PROBLEM_GITLAB_UNAVAILABLE, "gitlab_unavailable", "GitLab can't be reached",
	 "We need GitLab to check who you are, and it does not answer at the moment.",
	 "Your workspace and your files are not affected.", PAGE_ACTION_AGAIN},
	{502, AUTH_PROBLEM_GITLAB_REFUSES_US, "gitlab_refuses_us", "GitLab does not know us",
	 "GitLab refused this workspace as an application: its id, secret or redirect address is "
	 "not what GitLab has on record.",
	 "Only whoever runs this workspace can mend that. Please pass on the request id below.",
	 PAGE_ACTION_NONE},
	{403, AUTH_PROBLEM_LOGIN_LOOP, "login_loop", "Your browser does not keep our cookies",
	 "You were signed in several times in a row, but your browser never sent our cookie back.",
	 "Allow cookies for this site, or try a window without extensions. Then sign in again.",
	 PAGE_ACTION_SIGN_IN},
	{403, AUTH_PROBLEM_CROSS_SITE, "cross_site", "This request came from another site",
	 "Another web site tried to do something here in your name. We did not let it.",
	 "If you wanted this yourself, open the workspace directly and do it there.",
	 PAGE_ACTION_NONE},
	{400, AUTH_PROBLEM_BAD_REQUEST, "bad_request", "We can't make sense of this address",
	 "The sign-in address is incomplete or was changed on the way.",
	 "Start again from the workspace's own address.", PAGE_ACTION_SIGN_IN},
	{405, AUTH_PROBLEM_METHOD, "method_not_allowed", "That does not work here",
	 "This address exists, but it does not take requests of this kind.", NULL,
	 PAGE_ACTION_NONE},
	{400, AUTH_PROBLEM_RELAY_REQUEST, "bad_request", "We can't make sense of this address",
	 "Sign-ins to workspaces pass through here, but this address is incomplete or was changed "
	 "on the way.",
	 "Open your workspace by its own address and start again from there.", PAGE_ACTION_NONE},
	{403, AUTH_PROBLEM_RELAY_WORKSPACE, "unknown_workspace", "We don't know this workspace",
	 "Sign-ins to workspaces pass through here, but only those of workspaces that we were told "
	 "about.",
	 "Only whoever runs this workspace can mend that. Please pass on the request id below.",
	 PAGE_ACTION_NONE},
	{403, AUTH_PROBLEM_RELAY_FOREIGN, "foreign_login",
	 "This sign-in did not begin in this browser",
	 "Somebody may have sent you a link to a sign-in of their own, so we stopped here and "
	 "passed "
	 "nothing on. It also happens when you come back to a sign-in that is finished, or when "
	 "your browser keeps no cookies.",
	 "If you wanted to sign in yourself, open the workspace and begin there.",
	 PAGE_ACTION_OPEN},
	{403, AUTH_PROBLEM_RELAY_STALE, "stale_login", "This sign-in took too long",
	 "A sign-in has ten minutes. This one is older, so we passed nothing on.",
	 "Open the workspace and begin again. If it happens at once, a clock is wrong: please "
	 "tell whoever runs this workspace.",
	 PAGE_ACTION_OPEN},
};

static const struct page_text status_texts[] = {
	{400, AUTH_PROBLEM_NONE, "bad_request", "Your browser's request is malformed",
	 "It breaks the rules of HTTP, so we did not pass it on.",
	 "Reload the page. If it stays like this, something between your browser and us changes "
	 "requests.",
	 PAGE_ACTION_NONE},
	{401, AUTH_PROBLEM_NONE, "login_required", "Please sign in",
	 "This workspace is open to people who are signed in with GitLab.", NULL,
	 PAGE_ACTION_SIGN_IN},
	{403, AUTH_PROBLEM_NONE, "forbidden", "That is not allowed",
	 "This request is not permitted here.", NULL, PAGE_ACTION_NONE},
	{404, AUTH_PROBLEM_NONE, "not_found", "There is nothing here",
	 "The workspace's sign-in service has no page at this address.",
	 "Go to the workspace's start page instead.", PAGE_ACTION_NONE},
	{405, AUTH_PROBLEM_NONE, "method_not_allowed", "That does not work here",
	 "This address exists, but it does not take requests of this kind.", NULL,
	 PAGE_ACTION_NONE},
	{408, AUTH_PROBLEM_NONE, "request_timeout", "The request took too long",
	 "Your browser began a request and did not finish it in time.",
	 "Check your connection and try again.", PAGE_ACTION_NONE},
	{413, AUTH_PROBLEM_NONE, "content_too_large", "That is too much at once",
	 "The request carries more data than this address takes.", NULL, PAGE_ACTION_NONE},
	{414, AUTH_PROBLEM_NONE, "uri_too_long", "The address is too long",
	 "We don't take addresses of this length.", NULL, PAGE_ACTION_NONE},
	{417, AUTH_PROBLEM_NONE, "expectation_failed", "That can't be promised",
	 "The request expects something of this service that it does not know.", NULL,
	 PAGE_ACTION_NONE},
	{421, AUTH_PROBLEM_NONE, "misdirected_request", "This is another workspace",
	 "The name in the request is not this workspace's name.",
	 "Open the workspace by the address that you were given. If that is what you did, please "
	 "tell whoever runs it.",
	 PAGE_ACTION_NONE},
	{426, AUTH_PROBLEM_NONE, "upgrade_required", "That needs a newer browser",
	 "This address speaks a protocol that your browser did not offer.", NULL, PAGE_ACTION_NONE},
	{429, AUTH_PROBLEM_NONE, "too_many_requests", "Too many requests at once",
	 "We could not take this one.", "Please wait a moment and try again.", PAGE_ACTION_AGAIN},
	{431, AUTH_PROBLEM_NONE, "headers_too_large", "Your browser sends too many headers",
	 "Usually cookies of neighbouring sites have piled up.",
	 "Delete the cookies of this site and of its parent domain, then try again.",
	 PAGE_ACTION_NONE},
	{500, AUTH_PROBLEM_NONE, "internal_error", "Something went wrong on our side",
	 "We could not finish this request, and it is not your doing.",
	 "Try again. If it stays like this, pass on the request id below.", PAGE_ACTION_AGAIN},
	{501, AUTH_PROBLEM_NONE, "not_implemented", "We don't do that",
	 "The request asks for something that this service does not offer.", NULL,
	 PAGE_ACTION_NONE},
	{502, AUTH_PROBLEM_NONE, "bad_gateway", "The IDE gave no usable answer",
	 "The workspace is there, but its IDE closed the connection or answered with something "
	 "that is not HTTP.",
	 "It may just be restarting. Please try again shortly.", PAGE_ACTION_AGAIN},
	{503, AUTH_PROBLEM_NONE, "unavailable", "The workspace is not available",
	 "It can't take requests at the moment.", "Please try again shortly.", PAGE_ACTION_AGAIN},
	{504, AUTH_PROBLEM_NONE, "gateway_timeout", "The IDE takes too long to answer",
	 "The workspace is there, but its IDE did not answer this request in time.",
	 "It may be busy. Please try again shortly.", PAGE_ACTION_AGAIN},
	{505, AUTH_PROBLEM_NONE, "http_version", "We don't speak that version of HTTP",
	 "We speak HTTP/1.1.", NULL, PAGE_ACTION_NONE},
};

static const struct page_text client_text = {
	0,
	AUTH_PROBLEM_NONE,
	"request_refused",
	"We can't answer this request",
	"It asks for something that we don't do.",
	NULL,
	PAGE_ACTION_NONE,
};

static const struct page_text server_text = {
	0,
	AUTH_PROBLEM_NONE,
	"internal_error",
	"Something went wrong on our side",
	"We could not finish this request, and it is not your doing.",
	"Try again. If it stays like this, pass on the request id below.",
	PAGE_ACTION_AGAIN,
};

static const struct page_text kind_texts[] = {
	[PAGE_SIGN_IN] = {0, AUTH_PROBLEM_NONE, "login_required", "Sign in to this workspace",
			  "GitLab tells us who you are. You come back here by yourself.", NULL,
			  PAGE_ACTION_NONE},
	[PAGE_SIGN_OUT] = {0, AUTH_PROBLEM_NONE, "sign_out", "Sign out of this workspace?",
			   "What runs in the workspace goes on running, and your files stay. Open "
			   "editors and terminals of this session are disconnected.",
			   "You stay signed in to GitLab itself.", PAGE_ACTION_NONE},
	[PAGE_SIGNED_OUT] = {0, AUTH_PROBLEM_NONE, "signed_out", "You are signed out",
			     "This browser has no access to the workspace any more.",
			     "You may still be signed in to GitLab. On a shared computer, sign out "
			     "there as well.",
			     PAGE_ACTION_NONE},
	[PAGE_TARGET_LOST] = {0, AUTH_PROBLEM_NONE, "page_not_kept",
			      "You are signed in, but we lost the page you asked for",
			      "Its address could not be kept while you signed in: it was too long, "
			      "the sign-in took more than an hour, or the workspace restarted.",
			      "Open the page again by its address or your bookmark, or go to the "
			      "start page.",
			      PAGE_ACTION_OPEN},
	[PAGE_RELAY] = {0, AUTH_PROBLEM_NONE, "relay", "Sign-ins pass through here",
			"GitLab sends people back to this address, and from here they go on to "
			"their workspace by themselves. There is nothing else to see.",
			"To work, open your workspace by its own address.", PAGE_ACTION_NONE},
	[PAGE_STATUS] = {0, AUTH_PROBLEM_NONE, "workspace", "Your workspace",
			 "Everything is running.", NULL, PAGE_ACTION_NONE},
	[PAGE_WORKSPACE] = {0, AUTH_PROBLEM_NONE, "workspace_starting", "Preparing your workspace",
			    "The workspace opens here by itself as soon as it is ready.", NULL,
			    PAGE_ACTION_NONE},
};

/* PAGE_WORKSPACE on the host of a port, when all else is there. */
static const struct page_text port_text = {
	0,
	AUTH_PROBLEM_NONE,
	"port_not_ready",
	"Nothing listens on this port yet",
	"Start your server in the workspace. It is shown here by itself as soon as it listens.",
	NULL,
	PAGE_ACTION_NONE,
};

static const struct page_text *
find_error(const struct page *page)
{
	size_t i;

	for (i = 0; i < sizeof(problem_texts) / sizeof(problem_texts[0]); i++) {
		if (page->problem != AUTH_PROBLEM_NONE && problem_texts[i].problem == page->problem)
			return &problem_texts[i];
	}
	for (i = 0; i < sizeof(status_texts) / sizeof(status_texts[0]); i++) {
		if (status_texts[i].status == page->status)
			return &status_texts[i];
	}
	return page->status >= 400 && page->status < 500 ? &client_text : &server_text;
}

bool
pages_awaits_port(const struct page *page)
{
	return page->kind == PAGE_WORKSPACE && page->port != 0 &&
	       (page->clone == NULL || page->clone->phase == CLONE_DONE);
}

const struct page_text *
pages_text_find(const struct page *page)
{
	if (pages_awaits_port(page))
		return &port_text;
	return page->kind == PAGE_ERROR ? find_error(page) : &kind_texts[page->kind];
}
