/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the IDE does not respond, as far as this can be seen from outside its container: from
 * listening sockets, and from the last lines of its log.
 */
#ifndef PROXY_START_IDE_REASON_H
#define PROXY_START_IDE_REASON_H

#include "base/net/address.h"
#include "proxy/start/listening.h"

enum ide_reason_code {
	IDE_REASON_NOTHING_LISTENS,
	IDE_REASON_OTHER_PORT,
	IDE_REASON_OTHER_ADDRESS,
	IDE_REASON_NOT_ACCEPTING, /* something listens, but does not accept connections */
	IDE_REASON_EXITED,
	IDE_REASON_OUT_OF_MEMORY,
};

/* Returns the name for JSON ("nothing_listens", …), which is stable. */
const char *ide_reason_name(enum ide_reason_code code);

#define IDE_REASON_LINE_MAX 240

/* For users: what happened, and what to do about it. */
struct ide_reason {
	enum ide_reason_code code;
	char message[320];
	char hint[400];
	char line[IDE_REASON_LINE_MAX]; /* of the log, escaped; or empty */
};

#define IDE_REASON_OWN_MAX 4

struct ide_reason_facts {
	const struct address *upstream; /* addresses of the IDE; messages show the first one */
	size_t upstream_count;
	const char *upstream_name; /* host name of the IDE, on another host; NULL: use addresses */
	uint16_t own_ports[IDE_REASON_OWN_MAX]; /* of our listeners; 0: none */
	const struct ide_reason *reported_exit; /* see proxy/start/exit_search.h; NULL: none */
};

/* Sets *r to the likely reason. Reads a bounded part of /proc. */
void ide_reason_find(struct ide_reason *r, const struct ide_reason_facts *facts);

/* Sets *r to the reason that the listening sockets suggest. */
void ide_reason_from_sockets(struct ide_reason *r, const struct ide_reason_facts *facts,
			     const struct listening *listening);

/* Sets *r if the line of a log reports the end of a program; else returns false. */
bool ide_reason_from_line(struct ide_reason *r, struct str line);

#endif
