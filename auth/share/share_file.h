/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sealed file in STATE_DIR that keeps shares over a restart: read at start, rewritten at once
 * after a change. A file that does not open, or of another version, is set aside: then nothing is
 * shared.
 */
#ifndef AUTH_SHARE_SHARE_FILE_H
#define AUTH_SHARE_SHARE_FILE_H

#include "auth/share/port_shares.h"

struct share_file;

struct share_file_entry {
	struct port_share_terms terms;
	uint64_t by_id;
	char shared_by[GITLAB_TEXT_MAX + 1];
};
typedef void share_file_restore_fn(const struct share_file_entry *stored, void *arg);

/* Opens the file and calls restore for each share. NULL: STATE_DIR can't be used. */
struct share_file *share_file_open(const struct port_shares_options *options,
				   share_file_restore_fn *restore, void *arg,
				   struct err *e) MUST_CHECK;

/* f may be NULL in all of these. */
void share_file_close(struct share_file *f, const struct port_share_list *all); /* stores again */
void share_file_store(struct share_file *f, const struct port_share_list *all);
bool share_file_replace_keys(struct share_file *f, const struct port_share_list *all,
			     const struct auth_keys *keys, struct err *e) MUST_CHECK;

#endif
