/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pending authorizations of devices, in memory: codes on their way from a browser to the device
 * (as in RFC 6749 section 4.1, with a challenge as in RFC 7636), and codes that a device shows and
 * its user types into a page (as in RFC 8628). Each is valid once, for a short time; their number
 * is limited.
 */
#ifndef AUTH_DEVICE_DEVICE_GRANTS_H
#define AUTH_DEVICE_DEVICE_GRANTS_H

#include "auth/session/session.h"
#include "base/crypto/crypto.h"

#define DEVICE_SECRET_LEN      CRYPTO_TEXT_LEN /* random */
#define DEVICE_CHALLENGE_LEN   CRYPTO_TEXT_LEN /* of SHA-256 */
#define DEVICE_USER_CODE_LEN   8u
#define DEVICE_ADDRESS_MAX     63u
#define DEVICE_CODE_MS	       60000u
#define DEVICE_TYPED_MS	       300000u
#define DEVICE_INTERVAL_S      2 /* minimum interval between a device's polls */
#define DEVICE_GRANTS_MAX      32u
#define DEVICE_TYPED_MAX       16u /* grants that show a code */
#define DEVICE_PER_CLIENT_MAX  4u  /* grants that show a code, from one address */
#define DEVICE_WRONG_CODES_MAX 5u  /* after that, all codes that are shown become invalid */

struct device_grant {
	uint64_t until_ms; /* monotonic; 0: free */
	bool is_typed;
	bool is_allowed;    /* by the user of `session_id` */
	uint8_t digest[32]; /* SHA-256 of the secret that redeems it */
	char user_code[DEVICE_USER_CODE_LEN + 1];
	char challenge[DEVICE_CHALLENGE_LEN + 1];
	char name[AUTH_DEVICE_NAME_MAX + 1];
	char address[DEVICE_ADDRESS_MAX + 1];
	uint64_t client; /* client_key of the address */
	uint8_t session_id[SESSION_ID_BYTES];
};

struct device_grants {
	struct device_grant items[DEVICE_GRANTS_MAX];
	unsigned wrong_codes;
};

/* Adds a grant and generates its secret; grants with a typed code also get a user code. NULL: too
 * many grants. */
struct device_grant *device_grants_add(struct device_grants *g, bool is_typed, struct str client_ip,
				       char secret[DEVICE_SECRET_LEN + 1]);

/*
 * Finds the grant with this user code that is not allowed yet. Ignores spaces, '-' and case. NULL:
 * there is none. Counts wrong codes while any code is shown; too many of them remove all grants
 * that show one.
 */
struct device_grant *device_grants_find_typed(struct device_grants *g, struct str user_code);

enum device_redeem { DEVICE_REDEEM_OK, DEVICE_REDEEM_PENDING, DEVICE_REDEEM_INVALID };

/* Checks secret and verifier. OK: the grant is removed, out is a copy. A wrong verifier removes it
 * too. */
enum device_redeem device_grants_redeem(struct device_grants *g, struct str secret,
					struct str verifier, struct device_grant *out);

#endif
