/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP ports as settings list them ("3000,8000-8999,https:8443") and as host names carry them
 * ("3000-kiwi.ws.example.com"). A port has one spelling: decimal, 1 to 65535, no leading zero.
 */
#ifndef BASE_NET_PORTS_H
#define BASE_NET_PORTS_H

#include "base/str.h"

#define PORTS_RANGES_MAX 64

struct ports_range {
	uint16_t first;
	uint16_t last; /* inclusive */
	bool is_https; /* the servers there speak TLS */
};

struct ports {
	struct ports_range ranges[PORTS_RANGES_MAX];
	size_t count; /* 0: no ports */
};

/* Appends to the ports that are already there; leaves them unchanged on failure. */
bool ports_parse(struct ports *p, struct str text, struct err *e) MUST_CHECK;
void ports_format(const struct ports *p, struct buf *out);
bool ports_contain(const struct ports *p, uint16_t port);

/* Whether the last range that contains the port is marked "https:". */
bool ports_are_https(const struct ports *p, uint16_t port);

/* Removes port from the ranges that contain others too. False: the port is listed by itself, or
 * there would be too many ranges; nothing changed. */
bool ports_exclude(struct ports *p, uint16_t port) MUST_CHECK;

bool ports_parse_one(struct str text, uint16_t *port) MUST_CHECK;

/* Splits "<port>-<rest>" at the first hyphen. False: no port before it, or nothing after it. */
bool ports_split_host(struct str host, uint16_t *port, struct str *rest) MUST_CHECK;

#endif
