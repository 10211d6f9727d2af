/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the sidecar's endpoints for clients, over verified HTTPS.
 */
#include <stdio.h>

#include "base/http/fetch_stream.h"
#include "base/json.h"
#include "ssh/client/client_private.h"

#define STALL_MS 15000u
#define TOTAL_MS 30000u

static bool
read_body(struct fetch_stream *s, struct client_answer *a, struct err *e)
{
	char piece[2048];
	size_t len;

	do {
		if (!fetch_stream_read(s, piece, sizeof(piece), &len, e))
			return false;
		if (!buf_add(&a->body, piece, len))
			return err_set(e, ERR_LIMIT, "the answer is too long");
	} while (len > 0);
	a->json = json_doc_parse(buf_view(&a->body), NULL);
	return true;
}

bool
client_ask(const struct client_host *h, const struct client_login *l, const char *path,
	   const struct buf *form, bool with_token, struct client_answer *a, struct err *e)
{
	char url[sizeof(h->origin) + 2 * CLIENT_PREFIX_MAX];
	const struct fetch_stream_options options = {
		.ca_file = l->ca_file[0] != '\0' ? l->ca_file : NULL,
		.user_agent = "workspace-proxy/" VERSION,
		.connect_timeout_ms = CLIENT_DIAL_MS,
		.stall_timeout_ms = STALL_MS,
		.cancel_fd = -1,
	};
	struct fetch_stream *s = fetch_stream_new(&options, e);
	struct secret *token = with_token ? secret_from_str(str_from(l->token)) : NULL;
	struct fetch_stream_request request = {
		.url = url,
		.accept = "application/json",
		.content_type = form != NULL ? "application/x-www-form-urlencoded" : NULL,
		.body = form != NULL ? buf_view(form) : STR_NONE,
		.bearer = token,
		.total_timeout_ms = TOTAL_MS,
	};
	struct fetch_stream_head head;
	bool ok;

	*a = (struct client_answer){.json = NULL};
	buf_init(&a->body, CLIENT_TEXT_MAX);
	(void)snprintf(url, sizeof(url), "%s%s%s", h->origin, l->prefix, path);
	ok = s != NULL && fetch_stream_open(s, &request, &head, e) && read_body(s, a, e);
	if (ok)
		a->status = head.status;
	secret_free(token);
	fetch_stream_free(s);
	if (!ok)
		client_answer_fini(a);
	return ok;
}

void
client_answer_fini(struct client_answer *a)
{
	json_doc_free(a->json);
	a->json = NULL;
	buf_wipe_fini(&a->body);
}

struct str
client_answer_get(const struct client_answer *a, const char *name)
{
	struct str value = STR_NONE;

	if (a->json == NULL || !json_get_opt_str(json_doc_root(a->json), name, &value, NULL))
		return STR_NONE;
	return value;
}

/* A server's text goes to the terminal: only printable ASCII. */
static void
copy_printable(char *out, size_t size, struct str text)
{
	size_t len = text.len < size - 1 ? text.len : size - 1;

	for (size_t i = 0; i < len; i++) {
		bool is_plain = text.data[i] >= 0x20 && text.data[i] < 0x7f;
		out[i] = '?';
		if (is_plain)
			out[i] = text.data[i];
	}
	out[len] = '\0';
}

bool
client_explain(const struct client_host *h, unsigned status, struct str message, struct err *e)
{
	char text[SSH_SENTENCE_MAX];

	copy_printable(text, sizeof(text), message);
	switch (status) {
	case 401:
		return err_set(e, ERR_DENIED,
			       "%s: not signed in, or the session has ended; run "
			       "`workspace-proxy login %s`",
			       h->key, h->key);
	case 404:
	case 426:
		return err_set(e, ERR_NOT_FOUND, "%s: SSH is not turned on in this workspace",
			       h->key);
	case 421:
		return err_set(e, ERR_NOT_FOUND, "%s: another workspace answers at this address",
			       h->key);
	default:
		return err_set(e, ERR_PROTOCOL, "%s: %s (status %u)", h->key,
			       text[0] != '\0' ? text : "the request was refused", status);
	}
}
