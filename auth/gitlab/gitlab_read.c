/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses GitLab's responses: one function per kind, without I/O.
 *
 * Checks the status first, then the members of the body by name and type. Error messages never
 * contain the text of a token response, because it has secrets.
 */
#include <inttypes.h>
#include <stdio.h>

#include "auth/gitlab/gitlab_private.h"
#include "auth/gitlab/gitlab_scope.h"
#include "base/ascii.h"
#include "base/json.h"

#define TOKEN_LIFETIME_MAX_S 31536000
#define USER_GID	     "gid://gitlab/User/"

static void
set_outcome(struct gitlab_answer *a, enum gitlab_outcome outcome, const char *what,
	    const struct fetch_response *r)
{
	a->outcome = outcome;
	a->retry_after_s = r->retry_after_s;
	err_set(&a->err, ERR_PROTOCOL, "%s (status %u)", what, r->status);
}

static void
set_scope_missing(struct gitlab_answer *a, const char *scope, const struct fetch_response *r)
{
	set_outcome(a, GITLAB_REFUSES_US, "the token lacks a scope", r);
	err_wrap(&a->err, "%s", scope);
	a->missing_scope = scope;
}

/* Whether an API response has status 200, so that its body can be parsed; otherwise fills the
 * answer. scope is the narrowest that the endpoint accepts. */
static bool
api_is_ok(const struct fetch_response *r, const char *scope, struct gitlab_answer *a)
{
	if (r->status == 200)
		return true;
	if (r->status == 401)
		set_outcome(a, GITLAB_TOKEN_INVALID, "GitLab no longer accepts the access token",
			    r);
	else if (r->status == 403 && str_find(r->body, STR("insufficient_scope")) != SIZE_MAX)
		set_scope_missing(a, scope, r);
	else if (r->status == 403)
		set_outcome(a, GITLAB_FORBIDDEN, "GitLab does not let this account use its API", r);
	else if (r->status >= 300 && r->status < 400)
		set_outcome(a, GITLAB_REFUSES_US,
			    "GitLab's API responds with a redirect: check GITLAB_URL", r);
	else
		set_outcome(a, GITLAB_UNAVAILABLE, "unexpected response", r);
	return false;
}

/* Reports a body that can't be parsed, without the parser's message, which may quote secrets. */
static void
set_unreadable(struct gitlab_answer *a, const char *what, const struct fetch_response *r)
{
	set_outcome(a, GITLAB_UNAVAILABLE, what, r);
}

bool
gitlab_is_token(struct str text, size_t max)
{
	return text.len > 0 && text.len <= max && ascii_all_visible(text);
}

static bool
take_optional_secret(const struct json_node *root, const char *path, size_t max,
		     struct secret **out)
{
	struct str text;

	if (!json_get_opt_str(root, path, &text, NULL))
		return false;
	if (str_is_empty(text))
		return true;
	if (!gitlab_is_token(text, max))
		return false;
	*out = secret_from_str(text);
	return *out != NULL;
}

static bool
take_lifetime(const struct json_node *root, uint64_t *lifetime_ms)
{
	const struct json_node *node = json_find(root, "expires_in");
	int64_t seconds;

	*lifetime_ms = 0;
	if (node == NULL || json_is_null(node))
		return true;
	if (!json_get_int(root, "expires_in", &seconds, NULL) || seconds <= 0 ||
	    seconds > TOKEN_LIFETIME_MAX_S)
		return false;
	*lifetime_ms = (uint64_t)seconds * 1000;
	return true;
}

static bool
take_tokens(const struct json_node *root, struct gitlab_tokens *t)
{
	struct str text;

	if (!json_get_str(root, "token_type", &text, NULL) ||
	    !str_equal_nocase(text, STR("bearer")))
		return false;
	if (!json_get_str(root, "access_token", &text, NULL) ||
	    !gitlab_is_token(text, GITLAB_TOKEN_MAX))
		return false;
	t->access = secret_from_str(text);
	return t->access != NULL && take_lifetime(root, &t->lifetime_ms) &&
	       take_optional_secret(root, "refresh_token", GITLAB_TOKEN_MAX, &t->refresh) &&
	       take_optional_secret(root, "id_token", GITLAB_ID_TOKEN_MAX, &t->id_token);
}

/* Whether the body has a known error code of RFC 6749 section 5.2, by which the answer is then
 * filled. */
static bool
token_error(struct str body, const struct fetch_response *r, struct gitlab_answer *a)
{
	static const char *const ours[] = {"invalid_client", "invalid_request", "invalid_scope",
					   "unauthorized_client", "unsupported_grant_type"};
	struct json_doc *doc = json_doc_parse(body, NULL);
	struct str error = STR_NONE;
	bool is_known = false;

	if (doc == NULL)
		return false;
	if (json_get_opt_str(json_doc_root(doc), "error", &error, NULL) &&
	    str_equal(error, STR("invalid_grant"))) {
		set_outcome(a, GITLAB_GRANT_INVALID, "invalid_grant", r);
		is_known = true;
	}
	for (size_t i = 0; !is_known && i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (str_equal(error, str_from(ours[i]))) {
			set_outcome(a, GITLAB_REFUSES_US, ours[i], r);
			is_known = true;
		}
	}
	json_doc_free(doc);
	return is_known;
}

/* Reads the granted scopes: GitLab may grant fewer than requested (RFC 6749 section 5.1). */
static void
take_scope(const struct json_node *root, unsigned modes, struct gitlab_answer *a)
{
	struct str granted;

	if (!json_get_opt_str(root, "scope", &granted, NULL) || str_is_empty(granted))
		return;
	a->missing_scope = gitlab_scope_missing(granted, modes);
	if (granted.len <= GITLAB_SCOPE_MAX)
		memcpy(a->scope, granted.data, granted.len);
}

void
gitlab_read_tokens(const struct fetch_response *r, const struct gitlab_expect *expect,
		   struct gitlab_answer *answer)
{
	struct json_doc *doc;

	if (r->status >= 400 && r->status < 500 && r->status != 429 &&
	    token_error(r->body, r, answer))
		return;
	if (r->status == 401 || r->status == 404 || (r->status >= 300 && r->status < 400)) {
		set_outcome(answer, GITLAB_REFUSES_US, "GitLab's token endpoint rejects the client",
			    r);
		return;
	}
	if (r->status != 200) {
		set_outcome(answer, GITLAB_UNAVAILABLE, "unexpected response", r);
		return;
	}
	doc = json_doc_parse(r->body, NULL);
	if (doc == NULL || !take_tokens(json_doc_root(doc), &answer->tokens)) {
		gitlab_tokens_fini(&answer->tokens);
		set_unreadable(answer, "the response is not a token response", r);
	} else {
		answer->outcome = GITLAB_OK;
		take_scope(json_doc_root(doc), expect->modes, answer);
	}
	json_doc_free(doc);
}

static bool
take_username(const struct json_node *root, struct gitlab_user *u)
{
	struct str text;

	if (!json_get_str(root, "username", &text, NULL) || text.len == 0 ||
	    text.len > GITLAB_TEXT_MAX || !ascii_all_visible(text))
		return false;
	memcpy(u->username, text.data, text.len);
	return true;
}

/* Copies free text: control characters become spaces, and text that is too long is cut between
 * characters. */
static void
copy_text(char out[GITLAB_TEXT_MAX + 1], struct str text)
{
	size_t len = text.len;

	if (len > GITLAB_TEXT_MAX) {
		len = GITLAB_TEXT_MAX;
		while (len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
			len--;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		out[i] = c < 0x20 || c == 0x7f ? ' ' : text.data[i];
	}
	out[len] = '\0';
}

static bool
take_email(const struct json_node *root, struct gitlab_user *u)
{
	struct str text;

	if (!json_get_opt_str(root, "email", &text, NULL))
		return false;
	if (text.len > GITLAB_TEXT_MAX)
		return true;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c <= 0x20 || c == 0x7f)
			return true;
	}
	copy_text(u->email, text);
	return true;
}

static bool
take_user(const struct json_node *root, struct gitlab_user *u)
{
	struct str name;
	struct str state;
	bool is_locked = false;
	int64_t id;

	memset(u, 0, sizeof(*u));
	if (!json_get_int(root, "id", &id, NULL) || id <= 0 || !take_username(root, u) ||
	    !json_get_opt_str(root, "name", &name, NULL) || !take_email(root, u) ||
	    !json_get_str(root, "state", &state, NULL))
		return false;
	if (json_find(root, "locked") != NULL && !json_get_bool(root, "locked", &is_locked, NULL))
		return false;
	u->id = (uint64_t)id;
	copy_text(u->name, name);
	u->is_active = str_equal(state, STR("active")) && !is_locked;
	return true;
}

void
gitlab_read_user(const struct fetch_response *r, const struct gitlab_expect *expect,
		 struct gitlab_answer *answer)
{
	struct json_doc *doc;

	(void)expect;
	if (!api_is_ok(r, "read_user", answer))
		return;
	doc = json_doc_parse(r->body, NULL);
	if (doc == NULL || !take_user(json_doc_root(doc), &answer->user))
		set_unreadable(answer, "the response describes no user", r);
	else
		answer->outcome = GITLAB_OK;
	json_doc_free(doc);
}

/* GraphQL reports errors with status 200, in the format of graphql-ruby. */
static void
read_graphql_errors(const struct json_node *errors, const struct fetch_response *r,
		    struct gitlab_answer *a)
{
	const struct json_node *first = json_array_at(errors, 0);
	struct str message = STR_NONE;
	struct str code = STR_NONE;

	(void)!json_get_opt_str(first, "message", &message, NULL);
	(void)!json_get_opt_str(first, "extensions.code", &code, NULL);
	if (str_find(message, STR("does not exist or you don't have permission")) != SIZE_MAX)
		set_outcome(a, GITLAB_NO, "GitLab does not let this user see the workspace", r);
	else if (str_equal(code, STR("undefinedField")) || str_equal(code, STR("undefinedType")) ||
		 str_find(message, STR("doesn't exist on type")) != SIZE_MAX)
		set_outcome(a, GITLAB_REFUSES_US, "this GitLab does not support workspaces", r);
	else
		set_outcome(a, GITLAB_UNAVAILABLE, "GraphQL reports errors", r);
}

static bool
gid_equals(const struct json_node *root, const char *path, const char *prefix, uint64_t id)
{
	char expected[96];
	struct str gid;

	(void)snprintf(expected, sizeof(expected), "%s%" PRIu64, prefix, id);
	return json_get_str(root, path, &gid, NULL) && str_equal(gid, str_from(expected));
}

static void
read_ownership(const struct json_node *root, const struct fetch_response *r,
	       const struct gitlab_expect *expect, struct gitlab_answer *a)
{
	const struct json_node *workspace = json_find(root, "data.workspace");
	const struct json_node *errors = json_find(root, "errors");
	struct str owner;

	if (errors != NULL && !json_is_null(errors))
		read_graphql_errors(errors, r, a);
	else if (json_find(root, "data.currentUser") != NULL &&
		 json_is_null(json_find(root, "data.currentUser")))
		set_outcome(a, GITLAB_TOKEN_INVALID, "GitLab no longer accepts the access token",
			    r);
	else if (!gid_equals(root, "data.currentUser.id", USER_GID, expect->user_id))
		set_outcome(a, GITLAB_UNAVAILABLE, "the response is about another user", r);
	else if (workspace != NULL && json_is_null(workspace))
		set_outcome(a, GITLAB_NO, "GitLab does not let this user see the workspace", r);
	else if (!gid_equals(workspace, "id", GITLAB_WORKSPACE_GID,
			     expect->settings->workspace_id) ||
		 !json_get_str(workspace, "user.id", &owner, NULL))
		set_outcome(a, GITLAB_UNAVAILABLE, "the response is about another workspace", r);
	else if (!gid_equals(workspace, "user.id", USER_GID, expect->user_id))
		set_outcome(a, GITLAB_NO, "the workspace belongs to another user", r);
	else
		a->outcome = GITLAB_OK;
}

void
gitlab_read_workspace(const struct fetch_response *r, const struct gitlab_expect *expect,
		      struct gitlab_answer *answer)
{
	struct json_doc *doc;

	if (r->status == 404) {
		set_outcome(answer, GITLAB_REFUSES_US, "GitLab has no GraphQL at this address", r);
		return;
	}
	if (!api_is_ok(r, "read_api", answer))
		return;
	doc = json_doc_parse(r->body, NULL);
	if (doc == NULL)
		set_unreadable(answer, "the response is not JSON, or exceeds our limits", r);
	else
		read_ownership(json_doc_root(doc), r, expect, answer);
	json_doc_free(doc);
}

static bool
is_active_state(const struct json_node *root, const char *path)
{
	struct str state;

	return json_get_opt_str(root, path, &state, NULL) &&
	       (str_is_empty(state) || str_equal(state, STR("active")));
}

/* Messages about a kind of membership, and the level that it requires. */
struct membership {
	const char *absent;
	const char *too_low;
	uint64_t level;
};

static void
read_membership(const struct json_node *root, const struct fetch_response *r,
		const struct gitlab_expect *expect, const struct membership *m,
		struct gitlab_answer *a)
{
	int64_t id;
	int64_t level;

	if (root == NULL || !json_get_int(root, "id", &id, NULL) || id <= 0 ||
	    (uint64_t)id != expect->user_id || !json_get_int(root, "access_level", &level, NULL) ||
	    level < 0)
		set_unreadable(a, "the response does not describe a membership of this user", r);
	else if ((uint64_t)level < m->level)
		set_outcome(a, GITLAB_NO, m->too_low, r);
	else if (!is_active_state(root, "state") || !is_active_state(root, "membership_state"))
		set_outcome(a, GITLAB_NO, "the membership is not active", r);
	else
		a->outcome = GITLAB_OK;
}

static void
read_member(const struct fetch_response *r, const struct gitlab_expect *expect,
	    const struct membership *m, struct gitlab_answer *answer)
{
	struct json_doc *doc;

	if (r->status == 404) {
		set_outcome(answer, GITLAB_NO, m->absent, r);
		return;
	}
	if (!api_is_ok(r, "read_api", answer))
		return;
	doc = json_doc_parse(r->body, NULL);
	read_membership(doc == NULL ? NULL : json_doc_root(doc), r, expect, m, answer);
	json_doc_free(doc);
}

void
gitlab_read_project_member(const struct fetch_response *r, const struct gitlab_expect *expect,
			   struct gitlab_answer *answer)
{
	const struct membership m = {
		.absent = "the user is not a member of the project",
		.too_low = "the user's access level in the project is too low",
		.level = expect->settings->project_access_level,
	};

	read_member(r, expect, &m, answer);
}

void
gitlab_read_group_member(const struct fetch_response *r, const struct gitlab_expect *expect,
			 struct gitlab_answer *answer)
{
	const struct membership m = {
		.absent = "the user is not a member of the group",
		.too_low = "the user's access level in the group is too low",
		.level = expect->settings->group_access_level,
	};

	read_member(r, expect, &m, answer);
}

void
gitlab_read_revoke(const struct fetch_response *r, const struct gitlab_expect *expect,
		   struct gitlab_answer *answer)
{
	(void)expect;
	if (r->status == 200)
		answer->outcome = GITLAB_OK;
	else
		set_outcome(answer, GITLAB_UNAVAILABLE, "unexpected response", r);
}
