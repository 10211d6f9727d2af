/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads, formats and looks up sets of ports, and takes a port off the front of a host name.
 */
#include "base/net/ports.h"

#include "base/err.h"

bool
ports_parse_one(struct str text, uint16_t *port)
{
	uint64_t number;

	if (str_starts_with(text, STR("0")) || !str_to_u64(text, 1, UINT16_MAX, &number))
		return false;
	*port = (uint16_t)number;
	return true;
}

static bool
parse_range(struct ports_range *r, struct str text, struct err *e)
{
	static const struct str https = {"https:", 6};

	r->is_https = str_starts_with(text, https);
	if (r->is_https)
		text = str_trim(str_skip(text, https.len));
	size_t hyphen = str_find_byte(text, '-');
	if (!ports_parse_one(str_trim(str_take(text, hyphen)), &r->first))
		return err_set(e, ERR_CONFIG, "it is not a port");
	r->last = r->first;
	if (hyphen != SIZE_MAX && !ports_parse_one(str_trim(str_skip(text, hyphen + 1)), &r->last))
		return err_set(e, ERR_CONFIG, "its end is not a port");
	if (r->last < r->first)
		return err_set(e, ERR_CONFIG, "its end is below its start");
	return true;
}

bool
ports_parse(struct ports *p, struct str text, struct err *e)
{
	struct str rest = text;
	size_t count = p->count;
	struct str part;

	while (str_next(&rest, ',', &part)) {
		if (count == PORTS_RANGES_MAX)
			return err_set(e, ERR_CONFIG, "more than %d ports and ranges",
				       PORTS_RANGES_MAX);
		if (!parse_range(&p->ranges[count], str_trim(part), e))
			return err_wrap(e, "part %zu", count + 1);
		count++;
	}
	p->count = count;
	return true;
}

void
ports_format(const struct ports *p, struct buf *out)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct ports_range *r = &p->ranges[i];

		buf_addf(out, "%s%s%u", i == 0 ? "" : ",", r->is_https ? "https:" : "", r->first);
		if (r->last != r->first)
			buf_addf(out, "-%u", r->last);
	}
}

bool
ports_contain(const struct ports *p, uint16_t port)
{
	for (size_t i = 0; i < p->count; i++) {
		if (port >= p->ranges[i].first && port <= p->ranges[i].last)
			return true;
	}
	return false;
}

bool
ports_are_https(const struct ports *p, uint16_t port)
{
	bool is_https = false;

	for (size_t i = 0; i < p->count; i++) {
		if (port >= p->ranges[i].first && port <= p->ranges[i].last)
			is_https = p->ranges[i].is_https;
	}
	return is_https;
}

/* Ranges may overlap, so check each one. */
static bool
can_exclude(const struct ports *p, uint16_t port)
{
	size_t more = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct ports_range *r = &p->ranges[i];

		if (r->first == port && r->last == port)
			return false;
		more += port > r->first && port < r->last;
	}
	return more <= PORTS_RANGES_MAX - p->count;
}

bool
ports_exclude(struct ports *p, uint16_t port)
{
	if (!can_exclude(p, port))
		return false;
	for (size_t i = p->count; i-- > 0;) {
		struct ports_range *r = &p->ranges[i];

		if (port < r->first || port > r->last)
			continue;
		if (port == r->first) {
			r->first++;
		} else if (port == r->last) {
			r->last--;
		} else {
			memmove(r + 1, r, (p->count - i) * sizeof(*r));
			p->count++;
			r[0].last = (uint16_t)(port - 1);
			r[1].first = (uint16_t)(port + 1);
		}
	}
	return true;
}

bool
ports_split_host(struct str host, uint16_t *port, struct str *rest)
{
	size_t hyphen = str_find_byte(host, '-');

	if (hyphen == SIZE_MAX || !ports_parse_one(str_take(host, hyphen), port))
		return false;
	*rest = str_skip(host, hyphen + 1);
	return rest->len > 0;
}
