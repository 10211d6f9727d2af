/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the pair with base/net/tls/certificate and keeps it as PEM.
 */
#include "container/webhook/service_certificate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/net/tls/certificate.h"
#include "container/inject/value/name_pattern.h"

#define PEM_MAX_BYTES	16384u
#define NAMES		3
#define AUTHORITY_TITLE "workspace-proxy webhook"

bool
service_certificate_is_name(struct str service)
{
	size_t dot = str_find_byte(service, '.');

	return dot != SIZE_MAX && str_find_byte(str_skip(service, dot + 1), '.') == SIZE_MAX &&
	       str_find_byte(service, '{') == SIZE_MAX && service.len <= SERVICE_NAME_MAX_BYTES &&
	       name_pattern_is_valid(service);
}

void
service_certificate_host(const char *service, char host[SERVICE_HOST_BYTES])
{
	(void)snprintf(host, SERVICE_HOST_BYTES, "%s.svc", service);
}

static bool
keep_certificate(const struct certificate *certificate, char **copy, struct err *e)
{
	struct buf text;

	buf_init(&text, PEM_MAX_BYTES);
	bool ok = certificate_write(certificate, &text, e);
	*copy = ok ? str_dup(buf_view(&text)) : NULL;
	buf_fini(&text);
	return *copy != NULL || (ok && err_set(e, ERR_MEMORY, "out of memory"));
}

static bool
keep_key(const struct certificate *certificate, struct secret **copy, struct err *e)
{
	struct buf text;

	buf_init(&text, PEM_MAX_BYTES);
	bool ok = buf_reserve(&text, PEM_MAX_BYTES) && certificate_write_key(certificate, &text, e);
	*copy = ok ? secret_from_str(buf_view(&text)) : NULL;
	buf_wipe_fini(&text);
	return *copy != NULL || (ok && err_set(e, ERR_MEMORY, "out of memory"));
}

bool
service_certificate_make(struct service_certificate *s, const char *service, uint64_t lifetime_s,
			 struct err *e)
{
	char names[NAMES][SERVICE_HOST_BYTES];
	const char *const list[NAMES] = {names[0], names[1], names[2]};
	struct certificate *server = NULL;

	*s = (struct service_certificate){.key = NULL};
	service_certificate_host(service, names[0]);
	(void)snprintf(names[1], sizeof(names[1]), "%s.svc.cluster.local", service);
	(void)snprintf(names[2], sizeof(names[2]), "%s", service);
	struct certificate *authority = certificate_new_authority(AUTHORITY_TITLE, lifetime_s, e);
	if (authority != NULL)
		server = certificate_new_server(authority, list, NAMES, lifetime_s, e);
	bool ok = server != NULL && keep_certificate(authority, &s->authority, e) &&
		  keep_certificate(server, &s->certificate, e) && keep_key(server, &s->key, e);
	certificate_free(server);
	certificate_free(authority);
	if (!ok)
		service_certificate_fini(s);
	return ok;
}

void
service_certificate_fini(struct service_certificate *s)
{
	free(s->authority);
	free(s->certificate);
	secret_free(s->key);
	*s = (struct service_certificate){.key = NULL};
}
