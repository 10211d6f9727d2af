/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the sidecar's endpoints for clients, over verified HTTPS.
 */
#include <stdio.h>

#include "ssh/client/http/answer_head.h"
#include "ssh/client/http/client_http.h"

#define TOTAL_MS 30000u

static bool
write_request(struct buf *out, const struct client_host *h, const struct client_login *l,
	      const char *path, const struct buf *form, bool with_token)
{
	buf_addf(out,
		 "%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: " CLIENT_USER_AGENT "\r\n"
		 "Accept: application/json\r\nConnection: close\r\n",
		 form != NULL ? "POST" : "GET", l->prefix, path, h->key);
	if (with_token)
		buf_addf(out, "Authorization: Bearer %s\r\n", l->token);
	if (form != NULL)
		buf_addf(out,
			 "Content-Type: application/x-www-form-urlencoded\r\n"
			 "Content-Length: %zu\r\n",
			 form->len);
	buf_add_str(out, STR("\r\n"));
	return form == NULL ? buf_is_ok(out) : buf_add_str(out, buf_view(form));
}

static bool
read_answer(struct client_http *c, struct client_answer *a, struct err *e)
{
	a->status = answer_head_status(client_http_head(c));
	if (!client_http_read_body(c, &a->body, e))
		return false;
	if (!flat_json_parse(&a->json, a->body.data, a->body.len))
		a->json.count = 0;
	return true;
}

bool
client_ask(const struct client_host *h, const struct client_login *l, const char *path,
	   const struct buf *form, bool with_token, struct client_answer *a, struct err *e)
{
	struct client_http c;
	struct buf request;
	bool ok;

	*a = (struct client_answer){.status = 0};
	buf_init(&a->body, CLIENT_TEXT_MAX);
	buf_init(&request, 2 * CLIENT_TEXT_MAX);
	ok = (buf_reserve(&request, request.max) &&
	      write_request(&request, h, l, path, form, with_token)) ||
	     err_set(e, ERR_MEMORY, "out of memory");
	if (ok) {
		ok = client_http_connect(&c, h, l, TOTAL_MS, e) &&
		     client_http_ask(&c, buf_view(&request), e) && read_answer(&c, a, e);
		client_http_fini(&c);
	}
	buf_wipe_fini(&request);
	if (!ok)
		client_answer_fini(a);
	return ok;
}

void
client_answer_fini(struct client_answer *a)
{
	a->json.count = 0;
	buf_wipe_fini(&a->body);
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
			       "`%s login %s`",
			       h->key, client_name(), h->key);
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
