/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's list of workspaces and users for which the relay neither redeems nor renews
 * anything. A text file: one "host kiwi.ws.example.com" or "user 1042" (an id in GitLab) per line;
 * empty lines, and what follows a '#', are comments.
 */
#ifndef AUTH_BROKER_DENY_LIST_H
#define AUTH_BROKER_DENY_LIST_H

#include "base/str.h"

#define DENY_LIST_FILE_MAX (1024u * 1024)

struct deny_list;

/* Blocks while it reads the file. NULL: the file can't be read or is malformed; the error has the
 * line's number. */
struct deny_list *deny_list_read(const char *path, struct err *e) MUST_CHECK;
struct deny_list *deny_list_parse(struct str text, struct err *e) MUST_CHECK;
void deny_list_free(struct deny_list *l); /* does nothing for NULL */

/* NULL is an empty list. authority is as relay_parse_host returns it. */
bool deny_list_has_host(const struct deny_list *l, struct str authority);
bool deny_list_has_user(const struct deny_list *l, uint64_t user_id);
size_t deny_list_count(const struct deny_list *l);

#endif
