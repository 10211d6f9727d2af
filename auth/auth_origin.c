/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of the public interface: calls the modules that evaluate Origin, Referer and Sec-Fetch-*.
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
auth_is_handed_on(const struct auth *a, const struct auth_facts *facts)
{
	return embedding_is_handed_on(a, facts);
}

bool
auth_expects_return(const struct auth *a, const struct auth_facts *facts, struct str method)
{
	return embedding_is_handed_on(a, facts) &&
	       cors_returns_has(&a->cors_returns, facts->port, method, facts->target);
}

struct str
auth_take_return(struct auth *a, const struct auth_facts *facts, const struct auth_verdict *v,
		 struct arena *arena)
{
	uint32_t page = CORS_PAGE_NONE;

	if (v->session != NULL && embedding_is_handed_on(a, facts))
		page = cors_returns_take(&a->cors_returns, v->session, facts->port, facts->method,
					 facts->target);
	if (page == CORS_PAGE_NONE)
		return STR_NONE;
	if (page == CORS_PAGE_OF(0))
		return a->origin;
	return str_from(addresses_port_origin(a, (uint16_t)(page - CORS_PAGE_OF(0)), arena));
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
