/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds which of given ports have a server that the sidecar can reach, on 127.0.0.1 or ::1.
 *
 * Reads the files in steps of about a millisecond, so that the event loop can do other work in
 * between: with 30,000 listening sockets they have several megabytes.
 */
#ifndef PROXY_START_PORT_SCAN_H
#define PROXY_START_PORT_SCAN_H

#include "base/net/ports.h"

#define PORT_SET_WORDS (65536u / 64u)

struct port_set {
	uint64_t words[PORT_SET_WORDS];
};

void port_set_add_ranges(struct port_set *set, const struct ports *ports);
void port_set_remove(struct port_set *set, uint16_t port);

#define PORT_LIST_MAX 32u

struct port_list {
	uint16_t ports[PORT_LIST_MAX]; /* the lowest ones, in order */
	size_t count;
	size_t more;	   /* number of further ports that were found */
	char problem[160]; /* a sentence that says why the ports are not known; or empty */
};

struct port_scan;

/* paths: /proc/net/tcp and /proc/net/tcp6, or files like them; they outlive the scan. NULL without
 * memory. */
struct port_scan *port_scan_new(const char *const paths[2]) MUST_CHECK;
void port_scan_free(struct port_scan *scan); /* does nothing for NULL */

/* Reads about 64 KiB. False after the last step, even if files could not be read. */
bool port_scan_step(struct port_scan *scan) MUST_CHECK;

/* Sets *list to the wanted ports that were found, or to the problem. Call it after the last step.
 */
void port_scan_list(const struct port_scan *scan, const struct port_set *wanted,
		    struct port_list *list);

#endif
