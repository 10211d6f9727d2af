/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the payload of a JWT in compact form (RFC 7519, RFC 7515 section 7.1) and compares issuer,
 * audience, expiry, nonce and subject.
 */
#include "auth/gitlab/id_token.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/gitlab/gitlab.h"
#include "base/crypto/crypto.h"
#include "base/crypto/crypto_equal.h"
#include "base/json.h"

#define PAYLOAD_MAX_BYTES (GITLAB_ID_TOKEN_MAX / 4 * 3)

static bool
claim_is(const struct json_node *claims, const char *name, struct str expected)
{
	struct str value;

	return json_get_str(claims, name, &value, NULL) && crypto_equal(value, expected);
}

/* "aud" is one string or an array of them (RFC 7519 section 4.1.3). */
static bool
has_audience(const struct json_node *claims, struct str client_id)
{
	const struct json_node *audience = json_find(claims, "aud");
	size_t count = json_array_len(audience);

	if (count == 0)
		return claim_is(claims, "aud", client_id);
	/* Several audiences would require "azp", which GitLab does not send. */
	if (count != 1)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct str value;

		if (json_get_str(json_array_at(audience, i), "", &value, NULL) &&
		    str_equal(value, client_id))
			return true;
	}
	return false;
}

static bool
check_claims(const struct json_node *claims, const struct id_token_expect *x, struct err *e)
{
	char subject[24];
	int64_t expires_s;

	(void)snprintf(subject, sizeof(subject), "%" PRIu64, x->user_id);
	if (!claim_is(claims, "iss", x->issuer))
		return err_set(e, ERR_PROTOCOL, "id_token: issuer is not GITLAB_URL");
	if (!has_audience(claims, x->client_id))
		return err_set(e, ERR_PROTOCOL, "id_token: it is for another client");
	if (!json_get_int(claims, "exp", &expires_s, NULL) ||
	    expires_s < x->now_s - ID_TOKEN_SKEW_S)
		return err_set(e, ERR_PROTOCOL, "id_token: it has expired");
	if (!claim_is(claims, "nonce", x->nonce))
		return err_set(e, ERR_PROTOCOL, "id_token: it belongs to another login");
	if (!claim_is(claims, "sub", str_from(subject)))
		return err_set(e, ERR_PROTOCOL, "id_token: it is about another user");
	return true;
}

/* Returns the claims, or NULL with an error. */
static struct json_doc *
read_claims(const struct secret *token, struct err *e)
{
	struct str rest = secret_view(token);
	struct str payload = STR_NONE;
	struct str part;
	struct json_doc *doc = NULL;
	struct buf text;

	buf_init(&text, PAYLOAD_MAX_BYTES);
	if (!str_next(&rest, '.', &part) || !str_next(&rest, '.', &payload) ||
	    !str_next(&rest, '.', &part) || rest.data != NULL ||
	    !crypto_base64url_decode(&text, payload)) {
		err_set(e, ERR_PROTOCOL, "id_token: it is not a JWT");
	} else {
		doc = json_doc_parse(buf_view(&text), NULL);
		if (doc == NULL)
			err_set(e, ERR_PROTOCOL,
				"id_token: its claims are not JSON, or exceed our limits");
	}
	buf_wipe_fini(&text);
	return doc;
}

bool
id_token_check(const struct secret *token, const struct id_token_expect *expect, struct err *e)
{
	struct json_doc *doc = read_claims(token, e);
	bool ok = doc != NULL && check_claims(json_doc_root(doc), expect, e);

	json_doc_free(doc);
	return ok;
}

bool
id_token_subject(const struct secret *token, uint64_t *user_id)
{
	struct json_doc *doc = read_claims(token, NULL);
	struct str subject;
	bool ok = doc != NULL && json_get_str(json_doc_root(doc), "sub", &subject, NULL) &&
		  str_to_u64(subject, 1, INT64_MAX, user_id);

	json_doc_free(doc);
	return ok;
}
