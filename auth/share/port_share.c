/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terms of a share, and whether the settings allow them.
 */
#include "auth/share/port_share.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

struct port_share *
port_share_new(const struct port_share_terms *terms, uint64_t by_id, const char *shared_by,
	       const struct auth_settings *settings)
{
	struct port_share *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->refs = 1;
	p->terms = *terms;
	p->by_id = by_id;
	(void)snprintf(p->shared_by, sizeof(p->shared_by), "%s", shared_by);
	p->rule.modes = auth_audience_mode(terms->audience);
	p->rule.users = p->terms.members[0] == '\0' ? settings->users : p->terms.members;
	p->rule.group = p->terms.members[0] == '\0' ? settings->group : p->terms.members;
	return p;
}

void
port_share_ref(struct port_share *p)
{
	p->refs++;
}

void
port_share_unref(struct port_share *p)
{
	if (p == NULL)
		return;
	err_assert(p->refs > 0);
	if (--p->refs == 0)
		free(p);
}

bool
port_share_is_over(const struct port_share *p)
{
	return p->has_ended || (p->terms.until_ms != 0 && clock_wall_ms() >= p->terms.until_ms);
}

bool
port_share_has_terms(const struct port_share *p, const struct port_share_terms *terms)
{
	return p->terms.audience == terms->audience &&
	       strcmp(p->terms.members, terms->members) == 0;
}

static bool
leads_to_ide(const struct auth_settings *settings, uint16_t port)
{
	for (size_t i = 0; i < AUTH_IDE_PORTS; i++)
		if (port == settings->ide_ports[i])
			return true;
	return false;
}

static const char *
refuse_audience(const struct auth_settings *settings, const struct port_share_terms *terms)
{
	bool names_somebody = terms->members[0] != '\0';

	if (auth_audience_is_wider(terms->audience, settings->port_sharing_max))
		return "The operator does not allow sharing with this audience (PORT_SHARING_MAX).";
	if (!auth_audience_is_available(settings, terms->audience))
		return "The operator's settings do not allow this audience: PROJECT is not set, "
		       "or SCOPE lacks read_api.";
	if (terms->audience == AUTH_AUDIENCE_GROUP && !names_somebody && settings->group == NULL)
		return "The field \"group\" is missing.";
	if (terms->audience == AUTH_AUDIENCE_USERS && !names_somebody && settings->users == NULL)
		return "The field \"users\" is missing.";
	return NULL;
}

const char *
port_share_refusal(const struct auth_settings *settings, const struct port_share_terms *terms)
{
	if (!ports_contain(&settings->ports, terms->port))
		return "There is no such port here.";
	if (leads_to_ide(settings, terms->port))
		return "The IDE's own port can't be shared.";
	return refuse_audience(settings, terms);
}
