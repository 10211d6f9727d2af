/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the protocol. Either side may be hostile: every part is checked, nothing is unescaped.
 */
#include "ssh/message.h"

#include "base/ascii.h"

bool
ssh_user_is_valid(struct str user)
{
	return user.len > 0 && user.len <= SSH_USER_MAX && user.data[0] != '-' &&
	       ascii_all_alnum_or(user, STR("._-"));
}

static bool
is_id(struct str id)
{
	return id.len > 0 && id.len <= SSH_ID_MAX && ascii_all_alnum_or(id, STR("._-"));
}

/* It goes into header fields and onto terminals. */
bool
ssh_sentence_is_valid(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < 0x20 || s.data[i] >= 0x7f)
			return false;
	return s.len <= SSH_SENTENCE_MAX;
}

bool
ssh_request_write(const struct ssh_request *r, struct buf *out)
{
	if (!r->is_connect)
		return buf_add_str(out, STR("workspace-ssh 1 info\n"));
	return is_id(r->id) &&
	       buf_addf(out, "workspace-ssh 1 connect %.*s %.*s %.*s\n", STR_FMT(r->id),
			STR_FMT(r->key.type), STR_FMT(r->key.base64));
}

bool
ssh_answer_write(const struct ssh_answer *a, struct buf *out)
{
	if (!ssh_sentence_is_valid(a->sentence) || (!a->is_ok && str_is_empty(a->sentence)))
		return false;
	if (!a->is_ok)
		return buf_addf(out, "problem %.*s\n", STR_FMT(a->sentence));
	return ssh_user_is_valid(a->user) &&
	       buf_addf(out, "ok %.*s %.*s %.*s%s%.*s\n", STR_FMT(a->user),
			STR_FMT(a->host_key.type), STR_FMT(a->host_key.base64),
			str_is_empty(a->sentence) ? "" : " ", STR_FMT(a->sentence));
}

bool
ssh_request_parse(struct str line, struct ssh_request *r, struct err *e)
{
	struct str connect = STR("workspace-ssh 1 connect ");
	struct str rest = str_skip(line, connect.len);

	*r = (struct ssh_request){.is_connect = false};
	if (str_equal(line, STR("workspace-ssh 1 info")))
		return true;
	r->is_connect = true;
	if (!str_starts_with(line, connect) || !str_next(&rest, ' ', &r->id) || !is_id(r->id) ||
	    !ssh_key_parse(rest, &r->key, NULL))
		return err_set(e, ERR_PROTOCOL, "malformed request");
	return true;
}

bool
ssh_answer_parse(struct str line, struct ssh_answer *a, struct err *e)
{
	struct str rest = line;
	struct str word = STR_NONE;
	bool ok;

	*a = (struct ssh_answer){.is_ok = false};
	if (str_starts_with(line, STR("problem "))) {
		a->sentence = str_skip(line, strlen("problem "));
		ok = a->sentence.len > 0;
	} else {
		a->is_ok = true;
		ok = str_next(&rest, ' ', &word) && str_equal(word, STR("ok")) &&
		     str_next(&rest, ' ', &a->user) && ssh_user_is_valid(a->user) &&
		     !str_starts_with(rest, STR(" ")) && ssh_key_parse(rest, &a->host_key, NULL);
		rest = str_skip(rest, a->host_key.type.len + 1 + a->host_key.base64.len + 1);
		a->sentence = ok ? rest : STR_NONE;
	}
	if (!ok || !ssh_sentence_is_valid(a->sentence))
		return err_set(e, ERR_PROTOCOL, "malformed answer");
	return true;
}
