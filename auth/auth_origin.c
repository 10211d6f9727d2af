/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of the front door: passes on to the files that read what browsers say.
 */
#include "auth/auth_origin.h"

#include "auth/addresses.h"
#include "auth/gate/facts.h"
#include "auth/login/embedding.h"

bool
auth_is_navigation(const struct auth_facts *facts)
{
	return facts_is_navigation(facts);
}

bool
auth_is_frame(const struct auth_facts *facts)
{
	return facts_is_frame(facts);
}

struct str
auth_embedder(const struct auth *a, const struct auth_facts *facts)
{
	return embedding_find(a, facts);
}

bool
auth_is_own_origin(const struct auth *a, struct str origin)
{
	return addresses_are_ours(a, origin);
}

bool
auth_is_same_origin(const struct auth *a, const struct auth_facts *facts)
{
	return facts_is_same_origin(facts, addresses_own_origin(a, facts));
}
