/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of known field names, and lists of fields. Names are looked up by length and then
 * compared, usually with one or two candidates, because this runs for every field of every message.
 */
#include "proxy/http/headers.h"

struct header_name {
	struct str name; /* lower case */
	enum header_id id;
};

#define HEADER_NAME(text, header_id_value)                                                         \
	{                                                                                          \
		{text, sizeof(text) - 1}, header_id_value                                          \
	}

/* Sorted by length: a lookup compares only names of the same length. */
static const struct header_name header_names[] = {
	HEADER_NAME("te", HEADER_TE),
	HEADER_NAME("via", HEADER_VIA),
	HEADER_NAME("date", HEADER_DATE),
	HEADER_NAME("host", HEADER_HOST),
	HEADER_NAME("accept", HEADER_ACCEPT),
	HEADER_NAME("cookie", HEADER_COOKIE),
	HEADER_NAME("expect", HEADER_EXPECT),
	HEADER_NAME("origin", HEADER_ORIGIN),
	HEADER_NAME("x-host", HEADER_FORWARDING),
	HEADER_NAME("trailer", HEADER_TRAILER),
	HEADER_NAME("upgrade", HEADER_UPGRADE),
	HEADER_NAME("iv-user", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("sm-user", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("x-scheme", HEADER_FORWARDING),
	HEADER_NAME("forwarded", HEADER_FORWARDING),
	HEADER_NAME("x-real-ip", HEADER_FORWARDING),
	HEADER_NAME("client-ip", HEADER_FORWARDING),
	HEADER_NAME("iv-groups", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("connection", HEADER_CONNECTION),
	HEADER_NAME("keep-alive", HEADER_KEEP_ALIVE),
	HEADER_NAME("set-cookie", HEADER_SET_COOKIE),
	HEADER_NAME("x-forwarded", HEADER_FORWARDING),
	HEADER_NAME("x-client-ip", HEADER_FORWARDING),
	HEADER_NAME("x-remote-ip", HEADER_FORWARDING),
	HEADER_NAME("remote-addr", HEADER_FORWARDING),
	HEADER_NAME("remote-user", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("remote-name", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("client-cert", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("max-forwards", HEADER_MAX_FORWARDS),
	HEADER_NAME("x-request-id", HEADER_X_REQUEST_ID),
	HEADER_NAME("x-url-scheme", HEADER_FORWARDING),
	HEADER_NAME("content-type", HEADER_CONTENT_TYPE),
	HEADER_NAME("remote-email", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("x-auth-email", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("x-auth-roles", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("authorization", HEADER_AUTHORIZATION),
	HEADER_NAME("forwarded-for", HEADER_FORWARDING),
	HEADER_NAME("x-remote-addr", HEADER_FORWARDING),
	HEADER_NAME("x-rewrite-url", HEADER_FORWARDING),
	HEADER_NAME("remote-groups", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("x-remote-user", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("x-auth-userid", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("x-auth-groups", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("content-length", HEADER_CONTENT_LENGTH),
	HEADER_NAME("true-client-ip", HEADER_FORWARDING),
	HEADER_NAME("x-proxyuser-ip", HEADER_FORWARDING),
	HEADER_NAME("x-remote-group", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("x-auth-subject", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("front-end-https", HEADER_FORWARDING),
	HEADER_NAME("x-auth-username", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("proxy-connection", HEADER_PROXY_CONNECTION),
	HEADER_NAME("cf-connecting-ip", HEADER_FORWARDING),
	HEADER_NAME("fastly-client-ip", HEADER_FORWARDING),
	HEADER_NAME("x-originating-ip", HEADER_FORWARDING),
	HEADER_NAME("sec-websocket-key", HEADER_SEC_WEBSOCKET_KEY),
	HEADER_NAME("transfer-encoding", HEADER_TRANSFER_ENCODING),
	HEADER_NAME("client-cert-chain", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("proxy-authenticate", HEADER_PROXY_AUTHENTICATE),
	HEADER_NAME("proxy-authorization", HEADER_PROXY_AUTHORIZATION),
	HEADER_NAME("x-cluster-client-ip", HEADER_FORWARDING),
	HEADER_NAME("x-appengine-user-ip", HEADER_FORWARDING),
	HEADER_NAME("sec-websocket-accept", HEADER_SEC_WEBSOCKET_ACCEPT),
	HEADER_NAME("sec-websocket-version", HEADER_SEC_WEBSOCKET_VERSION),
	HEADER_NAME("x-workspace-assertion", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("x-credential-identifier", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("strict-transport-security", HEADER_STRICT_TRANSPORT_SECURITY),
};
#define HEADER_NAMES	(sizeof(header_names) / sizeof(header_names[0]))
#define HEADER_NAME_MAX 25u

/* Index in header_names of the first name of each length, then of the end. A unit test checks it.
 */
static const unsigned char header_starts[HEADER_NAME_MAX + 2] = {
	0,  0,	0,  1,	2,  4,	4,  9,	13, 14, 18, 21, 28,	      35,
	43, 48, 50, 54, 57, 58, 61, 62, 64, 64, 65, 65, HEADER_NAMES,
};

/* A bit for each first letter ('a' is bit 0) of the names of each length. A unit test checks it. */
static const uint32_t header_first_letters[HEADER_NAME_MAX + 1] = {
	0x000000, 0x000000, 0x080000, 0x200000, 0x000088, 0x000000, 0x804015, 0x1c0100, 0x800000,
	0x800124, 0x040404, 0x820004, 0x821004, 0x820021, 0x880004, 0x800020, 0x808024, 0x0c0004,
	0x008000, 0x808000, 0x040000, 0x840000, 0x000000, 0x800000, 0x000000, 0x040000,
};

const unsigned char header_fold_table[256] = {
	['!'] = '-', ['#'] = '-', ['$'] = '-', ['%'] = '-', ['&'] = '-', ['\''] = '-', ['*'] = '-',
	['+'] = '-', ['-'] = '-', ['.'] = '-', ['^'] = '-', ['_'] = '-', ['`'] = '-',  ['|'] = '-',
	['~'] = '-', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',  ['5'] = '5',
	['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['A'] = 'a', ['B'] = 'b',  ['C'] = 'c',
	['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i',  ['J'] = 'j',
	['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p',  ['Q'] = 'q',
	['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w',  ['X'] = 'x',
	['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',  ['e'] = 'e',
	['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',  ['l'] = 'l',
	['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',  ['s'] = 's',
	['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',  ['z'] = 'z',
};

static bool
folds_to(struct str name, struct str lower)
{
	for (size_t i = 0; i < lower.len; i++)
		if (header_fold_table[(unsigned char)name.data[i]] != (unsigned char)lower.data[i])
			return false;
	return true;
}

/* Prefixes of names after "x-". */
static const struct header_name x_prefixes[] = {
	HEADER_NAME("forwarded-", HEADER_FORWARDING),
	HEADER_NAME("original-", HEADER_FORWARDING),
	HEADER_NAME("envoy-", HEADER_FORWARDING),
	HEADER_NAME("auth-request-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("remote-extra-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("webauth-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("authenticated-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("authentik-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("consumer-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("goog-authenticated-user-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("goog-iap-jwt-assertion", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("apigateway-api-userinfo", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("endpoint-api-userinfo", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("amzn-oidc-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("ms-client-principal", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("pomerium-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("replit-user-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("ssl-client-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("vouch-", HEADER_REMOTE_IDENTITY),
};

/* Prefixes of other names. header_identify has a case for each first letter. */
static const struct header_name other_prefixes[] = {
	HEADER_NAME("cf-access-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("oidc-claim-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("ssl-client-", HEADER_REMOTE_IDENTITY),
	HEADER_NAME("tailscale-user-", HEADER_REMOTE_IDENTITY),
};

/* Most candidates differ in their first byte. */
static inline bool
may_fold_to(struct str name, struct str lower)
{
	return header_fold_table[(unsigned char)name.data[0]] == (unsigned char)lower.data[0];
}

static enum header_id
identify_prefix(struct str name, const struct header_name *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (may_fold_to(name, prefixes[i].name) && name.len >= prefixes[i].name.len &&
		    folds_to(name, prefixes[i].name))
			return prefixes[i].id;
	return HEADER_OTHER;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool
header_folds_to_prefix(struct str name, struct str lower)
{
	return name.len >= lower.len && folds_to(name, lower);
}

enum header_id
header_identify(struct str name)
{
	if (name.len == 0)
		return HEADER_OTHER;
	unsigned char first = header_fold_table[(unsigned char)name.data[0]];
	if (name.len <= HEADER_NAME_MAX && first >= 'a' && first <= 'z' &&
	    (header_first_letters[name.len] >> (first - 'a') & 1) != 0) {
		for (size_t i = header_starts[name.len]; i < header_starts[name.len + 1]; i++)
			if (may_fold_to(name, header_names[i].name) &&
			    folds_to(name, header_names[i].name))
				return header_names[i].id;
	}
	if (first == 'x' && name.len > 2 && folds_to(name, STR("x-")))
		return identify_prefix(str_skip(name, 2), x_prefixes, COUNT(x_prefixes));
	switch (first) {
	case 'c':
	case 'o':
	case 's':
	case 't':
		return identify_prefix(name, other_prefixes, COUNT(other_prefixes));
	}
	return HEADER_OTHER;
}

_Static_assert(HEADER_REMOTE_IDENTITY < 32, "struct headers.ids has a bit for each");

bool
header_is_hop_by_hop(enum header_id id)
{
	static const bool hop_by_hop[] = {
		[HEADER_CONNECTION] = true,
		[HEADER_KEEP_ALIVE] = true,
		[HEADER_PROXY_AUTHENTICATE] = true,
		[HEADER_PROXY_AUTHORIZATION] = true,
		[HEADER_PROXY_CONNECTION] = true,
		[HEADER_TE] = true,
		[HEADER_TRAILER] = true,
		[HEADER_TRANSFER_ENCODING] = true,
		[HEADER_UPGRADE] = true,
		[HEADER_REMOTE_IDENTITY] = false,
	};
	return hop_by_hop[id];
}

bool
header_has_registered_name(const struct header *field)
{
	for (size_t i = 0; i < field->name.len; i++)
		if (header_fold_table[(unsigned char)field->name.data[i]] == '-' &&
		    field->name.data[i] != '-')
			return false;
	return true;
}

bool
headers_init(struct headers *h, size_t size, struct arena *a)
{
	*h = (struct headers){.size = size};
	h->items = arena_alloc_array(a, size, sizeof(*h->items));
	return h->items != NULL;
}

static void
set_id(struct headers *h, size_t index, enum header_id id)
{
	uint32_t bit = UINT32_C(1) << id;

	h->items[index].id = id;
	h->repeated_ids |= h->ids & bit;
	h->ids |= bit;
}

bool
headers_add(struct headers *h, struct str name, struct str value)
{
	if (h->count == h->size)
		return false;
	h->items[h->count] = (struct header){.name = name, .value = value};
	set_id(h, h->count++, header_identify(name));
	return true;
}

void
headers_add_own(struct headers *h, struct str name, struct str value)
{
	err_assert(headers_add(h, name, value));
}

/* Compares whole values, because most Connection fields have exactly one of these options. */
bool
headers_nominate_fields(const struct headers *h)
{
	for (size_t i = 0; i < h->count; i++) {
		struct str value = h->items[i].value;

		if (h->items[i].id == HEADER_CONNECTION &&
		    !str_equal_nocase(value, STR("keep-alive")) &&
		    !str_equal_nocase(value, STR("upgrade")) &&
		    !str_equal_nocase(value, STR("close")))
			return true;
	}
	return false;
}

void
headers_mark_hop_by_hop(struct headers *h, size_t index)
{
	set_id(h, index, HEADER_KEEP_ALIVE);
}

void
headers_remove(struct headers *h, enum header_id id)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].id != id)
			h->items[kept++] = h->items[i];
	h->count = kept;
}

size_t
headers_size(const struct headers *h)
{
	size_t sum = 0;

	for (size_t i = 0; i < h->count; i++)
		sum += h->items[i].name.len + h->items[i].value.len + 4;
	return sum;
}

size_t
headers_find(const struct headers *h, enum header_id id, struct str *value)
{
	size_t found = 0;

	*value = STR_NONE;
	if ((h->ids >> id & 1) == 0)
		return 0;
	for (size_t i = 0; i < h->count; i++) {
		if (h->items[i].id != id)
			continue;
		if (found++ == 0)
			*value = h->items[i].value;
	}
	return found;
}

bool
headers_has(const struct headers *h, enum header_id id)
{
	struct str unused;

	return headers_find(h, id, &unused) > 0;
}

struct str
headers_get(const struct headers *h, struct str lower_name, size_t index)
{
	for (size_t i = 0; i < h->count; i++)
		if (str_equal_nocase(h->items[i].name, lower_name) && index-- == 0)
			return h->items[i].value;
	return STR_NONE;
}

bool
headers_has_token(const struct headers *h, enum header_id id, struct str token)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->items[i].id != id)
			continue;
		struct str rest = h->items[i].value;
		struct str part;
		while (str_next(&rest, ',', &part))
			if (str_equal_nocase(str_trim(part), token))
				return true;
	}
	return false;
}
