/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening handshake of the tunnel's WebSocket (RFC 6455 section 4.1).
 */
#include "ssh/client/client_dial.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crypto/crypto.h"
#include "base/http/raw_stream.h"
#include "ssh/client/http/answer_head.h"
#include "ssh/client/http/tunnel_answer.h"

#define NONCE_BYTES 16u
#define REQUEST_MAX 8192u

static bool
explain_refusal(struct client_http *c, struct err *e)
{
	struct flat_json json = {.count = 0};
	struct buf body;

	buf_init(&body, CLIENT_TEXT_MAX);
	if (!client_http_read_body(c, &body, NULL) || !flat_json_parse(&json, body.data, body.len))
		json.count = 0;
	(void)client_explain(c->host, answer_head_status(client_http_head(c)),
			     flat_json_get(&json, "message"), e);
	buf_fini(&body);
	return false;
}

static bool
take_answer(struct client_tunnel *t, struct str nonce, struct err *e)
{
	struct str head = client_http_head(&t->http);
	struct tunnel_answer a;

	if (answer_head_status(head) != 101)
		return explain_refusal(&t->http, e);
	if (!tunnel_answer_parse(head, nonce, &a))
		return err_set(e, ERR_PROTOCOL, "%s: malformed answer", t->http.host->key);
	(void)snprintf(t->user, sizeof(t->user), "%.*s", STR_FMT(a.user));
	(void)snprintf(t->host_key, sizeof(t->host_key), "%.*s %.*s", STR_FMT(a.host_key.type),
		       STR_FMT(a.host_key.base64));
	(void)snprintf(t->notice, sizeof(t->notice), "%.*s", STR_FMT(a.notice));
	return true;
}

static bool
write_request(const struct client_host *h, const struct client_login *l, const char *key,
	      struct buf *nonce, struct buf *out)
{
	uint8_t random[NONCE_BYTES];

	crypto_random(random, sizeof(random));
	crypto_base64_encode(nonce, STR_BYTES(random));
	buf_addf(out,
		 "GET %s/ssh HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
		 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		 "Sec-WebSocket-Protocol: ssh.workspace-proxy.v1\r\n"
		 "User-Agent: " CLIENT_USER_AGENT "\r\n",
		 l->prefix, h->key);
	return buf_addf(out,
			"Sec-WebSocket-Key: %.*s\r\nWorkspace-Ssh-Key: %s\r\n"
			"Authorization: Bearer %s\r\n\r\n",
			STR_FMT(buf_view(nonce)), key, l->token) &&
	       buf_is_ok(nonce);
}

/* For networks on which connecting takes long. */
static bool
read_timeout(uint64_t *timeout_ms, struct err *e)
{
	const char *text = getenv(CLIENT_DIAL_VARIABLE);
	uint64_t seconds = CLIENT_DIAL_TIMEOUT_S;

	if (text != NULL && text[0] != '\0' &&
	    !str_to_u64(str_from(text), 1, CLIENT_DIAL_MAX_S, &seconds))
		return err_set(e, ERR_CONFIG, CLIENT_DIAL_VARIABLE ": expected 1 to %u seconds",
			       CLIENT_DIAL_MAX_S);
	*timeout_ms = seconds * 1000;
	return true;
}

bool
client_dial(const struct client_host *h, const struct client_login *l, const char *key,
	    struct client_tunnel *t, struct err *e)
{
	struct buf nonce;
	struct buf out;
	uint64_t timeout_ms = 0;
	bool ok;

	*t = (struct client_tunnel){.user = ""};
	if (!read_timeout(&timeout_ms, e))
		return false;
	buf_init(&nonce, 64);
	buf_init(&out, REQUEST_MAX);
	ok = (buf_reserve(&out, out.max) && write_request(h, l, key, &nonce, &out)) ||
	     err_set(e, ERR_MEMORY, "out of memory");
	if (ok) {
		ok = client_http_connect(&t->http, h, l, timeout_ms, e) &&
		     client_http_ask(&t->http, buf_view(&out), e) &&
		     take_answer(t, buf_view(&nonce), e);
		if (!ok)
			client_http_fini(&t->http);
	}
	buf_fini(&nonce);
	buf_wipe_fini(&out);
	return ok;
}
