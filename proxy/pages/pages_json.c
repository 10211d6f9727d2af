/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON responses for API clients, and the state of the workspace for the waiting page.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "proxy/pages/pages_private.h"

#define URL_SIZE 320u /* "https://<port>-<host>/"; a DNS name has at most 253 bytes */

const struct clone_progress pages_clone_off = {.phase = CLONE_OFF};

static void
write_reason(const struct ide_reason *reason, struct json_writer *w)
{
	json_write_object(w, "reason");
	json_write_str(w, "code", str_from(ide_reason_name(reason->code)));
	json_write_str(w, "message", str_from(reason->message));
	json_write_str(w, "hint", str_from(reason->hint));
	if (reason->line[0] != '\0')
		json_write_str(w, "line", str_from(reason->line));
	json_write_close(w, '}');
}

static void
write_terms(const struct auth_share *share, struct json_writer *w)
{
	char until[CLOCK_RFC3339_SIZE];

	json_write_str(w, "audience", str_from(auth_audience_name(share->audience)));
	if (share->until_ms == 0)
		return;
	clock_format_rfc3339(share->until_ms, until, sizeof(until));
	json_write_str(w, "until", str_from(until));
}

static void
write_audience(const struct page_ports *ports, uint16_t port, struct json_writer *w)
{
	const struct auth_share *share = pages_find_share(ports, port);

	if (share == NULL)
		json_write_str(w, "audience", STR("owner"));
	else
		write_terms(share, w);
}

static void
write_port(const struct page_ports *ports, uint16_t port, struct json_writer *w)
{
	char url[URL_SIZE];

	(void)snprintf(url, sizeof(url), "https://%u-%.*s/", port, STR_FMT(ports->host));
	json_write_object(w, NULL);
	json_write_int(w, "number", port);
	json_write_str(w, "url", str_from(url));
}

static void
write_shared_port(const struct page_ports *ports, const struct auth_share *share,
		  struct json_writer *w)
{
	write_port(ports, share->port, w);
	write_terms(share, w);
	if (share->audience == AUTH_AUDIENCE_USERS && !str_is_empty(share->members))
		json_write_str(w, "users", share->members);
	if (share->audience == AUTH_AUDIENCE_GROUP && !str_is_empty(share->members))
		json_write_str(w, "group", share->members);
	json_write_str(w, "by", share->shared_by);
	json_write_close(w, '}');
}

/* Writes the shared ports, with or without a server. */
static void
write_shared(const struct page_ports *ports, struct json_writer *w)
{
	if (ports->shares_count == 0)
		return;
	json_write_array(w, "shared");
	for (size_t i = 0; i < ports->shares_count; i++)
		write_shared_port(ports, &ports->shares[i], w);
	json_write_close(w, ']');
}

static void
write_listening(const struct page_ports *ports, struct json_writer *w)
{
	const struct port_list *list = ports->list;

	json_write_array(w, "listening");
	for (size_t i = 0; i < list->count; i++) {
		write_port(ports, list->ports[i], w);
		write_audience(ports, list->ports[i], w);
		json_write_close(w, '}');
	}
	json_write_close(w, ']');
	if (list->more > 0)
		json_write_int(w, "more", (int64_t)list->more);
}

static void
write_ports(const struct page_ports *ports, struct json_writer *w)
{
	json_write_object(w, "ports");
	if (ports->list->problem[0] != '\0')
		json_write_str(w, "problem", str_from(ports->list->problem));
	else
		write_listening(ports, w);
	write_shared(ports, w);
	json_write_close(w, '}');
}

static void
write_server(const struct pages_state *state, struct json_writer *w)
{
	json_write_object(w, state->port == 0 ? "ide" : "port");
	if (state->port != 0)
		json_write_int(w, "number", state->port);
	json_write_bool(w, "ready", state->is_ready);
	if (state->reason != NULL && state->port == 0)
		write_reason(state->reason, w);
	json_write_close(w, '}');
}

/* Appends the members of the state and the closing brace of their object. clone_progress_json
 * appends text that no writer can include, so an object with the other members follows it, whose
 * opening brace becomes a comma. */
static bool
add_state(const struct pages_state *state, struct buf *out)
{
	struct json_writer w;
	bool ok;

	buf_add_str(out, STR("\"clone\":"));
	ok = clone_progress_json(state->clone == NULL ? &pages_clone_off : state->clone, out);
	size_t brace = out->len;
	json_write_begin_object(&w, out);
	write_server(state, &w);
	if (state->ports != NULL)
		write_ports(state->ports, &w);
	if (state->timeline != NULL)
		start_timeline_write(state->timeline, state->answered_ms, &w);
	ok = json_write_end_object(&w) && ok;
	if (ok)
		out->data[brace] = ',';
	return ok;
}

bool
pages_render_state(const struct pages_state *state, struct buf *out)
{
	return buf_add_byte(out, '{') && add_state(state, out);
}

static void
write_members(struct json_writer *w, const struct page *page, const struct page_text *text)
{
	json_write_str(w, "error", str_from(text->error));
	json_write_int(w, "status", (int64_t)page->status);
	json_write_str(w, "message", str_from(text->message));
	if (page->detail != NULL)
		json_write_str(w, "detail", str_from(page->detail));
	if (page->request_id != NULL)
		json_write_str(w, "request_id", str_from(page->request_id));
	if (page->sign_in_location != NULL)
		json_write_str(w, "login_url", str_from(page->sign_in_location));
	if (!str_is_empty(page->identity.username))
		json_write_str(w, "user", page->identity.username);
	if (page->retry_after_s > 0)
		json_write_int(w, "retry_after_s", (int64_t)page->retry_after_s);
}

bool
pages_render_json(const struct page *page, struct buf *out)
{
	const struct pages_state state = {.clone = page->clone,
					  .port = page->port,
					  .is_ready = page->is_ready,
					  .reason = page->reason};
	struct json_writer w;

	json_write_begin_object(&w, out);
	write_members(&w, page, pages_text_find(page));
	if (!json_write_end_object(&w))
		return false;
	if (page->kind != PAGE_WORKSPACE)
		return true;
	out->data[out->len - 1] = ','; /* continues the object */
	return add_state(&state, out);
}
