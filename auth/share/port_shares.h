/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All shares of a workspace, one for each shared port: changed by its users, bounded by the
 * settings, ended at their time, kept in STATE_DIR. Every change is a line in the log.
 */
#ifndef AUTH_SHARE_PORT_SHARES_H
#define AUTH_SHARE_PORT_SHARES_H

#include "auth/share/port_share.h"
#include "base/net/loop.h"

struct port_shares;

/* The share has ended; its guests still have their sessions. */
typedef void port_shares_ended_fn(struct port_share *p, void *arg);

struct port_shares_options {
	const struct auth_settings *settings;
	struct loop *loop;
	struct str origin; /* the workspace's */
	port_shares_ended_fn *ended;
	void *arg;
};

/* Restores the stored shares that the settings still allow. What options point to must outlive
 * it. */
struct port_shares *port_shares_new(const struct port_shares_options *options,
				    struct err *e) MUST_CHECK;
void port_shares_free(struct port_shares *all); /* ends no share; does nothing for NULL */

/* Replaces the keys of the file: see auth_replace_keys. */
bool port_shares_replace_keys(struct port_shares *all, const struct auth_keys *keys,
			      struct err *e) MUST_CHECK;

/* NULL: the port is not shared. all may be NULL. */
struct port_share *port_shares_find(const struct port_shares *all, uint16_t port);
struct port_share *port_shares_find_public(const struct port_shares *all, uint16_t port);
/* Also finds an expired share until the timer has ended it. */
struct port_share *port_shares_find_any(const struct port_shares *all, uint16_t port);

/* Iterates by port: p NULL gives the first one. */
struct port_share *port_shares_next(const struct port_shares *all, const struct port_share *p);
/* A number that changes with every change. */
unsigned port_shares_version(const struct port_shares *all);

/* Shares the port, changes its share, or revokes it (AUTH_AUDIENCE_OWNER). Sessions of guests under
 * other terms end. Returns NULL, or a sentence that says why nothing was changed. */
const char *port_shares_set(struct port_shares *all, const struct port_share_terms *terms,
			    uint64_t by_id, const char *by);

#endif
