/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the token broker and its sidecars read: requests as bytes of a stranger, records that a
 * workspace sealed, the relay's answers, and the operator's deny list. Nothing of a stranger opens,
 * and what is accepted of a workspace has the fields of its operation.
 */
#include "auth/broker/broker_message.h"
#include "auth/broker/deny_list.h"
#include "base/ascii.h"
#include "tests/fuzz/fuzz.h"

#define HOST   "kiwi.ws.example.com"
#define NOW_MS INT64_C(1800000000000)

static struct relay_settings settings = {
	.zones = {.items = {{"ws.example.com", 14}}, .count = 1},
};
static struct secret *workspace_key;

static void
set_up(void)
{
	if (workspace_key != NULL)
		return;
	settings.master_keys.keys[0] = secret_from_str(STR("0123456789abcdef0123456789abcdef"));
	settings.master_keys.count = 1;
	workspace_key = relay_derive_key(settings.master_keys.keys[0], STR(HOST), NULL);
	err_assert(workspace_key != NULL);
}

static void
check_request(const struct broker_request *r)
{
	bool is_redeem = r->operation == BROKER_REDEEM;

	err_assert(r->operation < BROKER_OPERATIONS && str_equal(r->authority, STR(HOST)));
	err_assert(is_redeem == (r->code.len > 0) && is_redeem == (r->verifier.len > 0));
	err_assert(is_redeem == (r->token.len == 0));
	err_assert(ascii_all_visible(r->code) && ascii_all_visible(r->token));
}

static void
open_request(struct str text, bool is_ours)
{
	struct broker_channel channel;
	struct broker_request r;
	struct buf memory;
	enum relay_result finding;

	buf_init(&memory, BROKER_REQUEST_MAX);
	finding = broker_request_open(&r, text, &settings, NOW_MS, &memory, &channel);
	err_assert(is_ours || finding != RELAY_VALID);
	if (finding == RELAY_VALID)
		check_request(&r);
	err_assert((channel.key != NULL) == (finding == RELAY_VALID || finding == RELAY_STALE));
	broker_channel_fini(&channel);
	buf_fini(&memory);
}

/* As a workspace that was taken over would. */
static void
seal(struct str label, struct str head, const struct broker_channel *channel, struct str plain,
     struct buf *out)
{
	struct buf associated;

	buf_init(&associated, 1024);
	buf_add_str(&associated, label);
	buf_add_str(&associated, head);
	err_assert(crypto_seal(channel->key, plain, buf_view(&associated), out, NULL));
	buf_fini(&associated);
}

static void
check_records(struct str plain)
{
	const struct broker_request revoke = {.authority = STR(HOST),
					      .sent_ms = NOW_MS,
					      .operation = BROKER_REVOKE,
					      .token = STR("t")};
	struct broker_channel channel = {.key = NULL};
	struct str nonce = {(const char *)channel.nonce, sizeof(channel.nonce)};
	struct broker_answer answer;
	struct buf text;
	struct buf memory;

	buf_init(&text, BROKER_ANSWER_MAX * 2);
	buf_init(&memory, BROKER_ANSWER_MAX);
	err_assert(broker_request_seal(&revoke, workspace_key, &text, &channel, NULL));
	text.len = 1 + 2 + strlen(HOST) + 8;
	seal(STR("workspace-proxy broker request 1\n"), buf_view(&text), &channel, plain, &text);
	open_request(buf_view(&text), true);
	buf_clear(&text);
	buf_add_byte(&text, 1);
	seal(STR("workspace-proxy broker answer 1\n"), nonce, &channel, plain, &text);
	if (broker_answer_open(&answer, buf_view(&text), &channel, &memory))
		err_assert(answer.outcome < BROKER_OUTCOMES && answer.reason.len <= ERR_TEXT_MAX);
	broker_channel_fini(&channel);
	buf_fini(&text);
	buf_fini(&memory);
}

static void
check_deny_list(struct str text)
{
	struct err e = ERR_INIT;
	struct deny_list *l = deny_list_parse(text, &e);

	err_assert((l == NULL) == (e.code != ERR_NONE));
	(void)deny_list_has_host(l, STR(HOST));
	(void)deny_list_has_user(l, 1042);
	deny_list_free(l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);

	set_up();
	open_request(input, false);
	if (size <= BROKER_ANSWER_MAX)
		check_records(input);
	check_deny_list(input);
	return 0;
}
