/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks the webhook configurations: whether the API server calls the webhook and trusts its
 * certificate.
 */
#include "container/cluster/cluster_certificates.h"

#include "base/crypto/crypto.h"
#include "base/net/tls/certificate_pem.h"

#define PEM_MAX_BYTES 262144u
#define SOON_S	      (14 * 86400)

static bool
decode(struct str base64, struct buf *out)
{
	buf_init(out, PEM_MAX_BYTES);
	return base64.len > 0 && crypto_base64_decode(out, base64);
}

static void
check_dates(const struct cluster_check *c, const struct cluster_object *x, const char *what,
	    struct str pem)
{
	int64_t begins_s;
	int64_t ends_s;

	if (!certificate_pem_dates(pem, &begins_s, &ends_s))
		cluster_problem(c->report, x, "%s: is not a certificate", what);
	else if (begins_s > c->now_s)
		cluster_problem(c->report, x, "%s: the certificate is not valid yet", what);
	else if (ends_s <= c->now_s)
		cluster_problem(c->report, x, "%s: the certificate has expired", what);
	else if (ends_s - c->now_s < SOON_S)
		cluster_note(c->report, x, "%s: the certificate expires in %d days", what,
			     (int)((ends_s - c->now_s) / 86400));
}

/* Whether one of the authorities that are still valid has signed the certificate. */
static bool
is_trusted(const struct cluster_check *c, struct str authorities, struct str certificate)
{
	struct str authority;

	while (certificate_pem_next(&authorities, &authority)) {
		int64_t begins_s;
		int64_t ends_s;
		if (certificate_pem_dates(authority, &begins_s, &ends_s) && ends_s > c->now_s &&
		    certificate_pem_is_signed_by(certificate, authority))
			return true;
	}
	return false;
}

static void
check_served(const struct cluster_check *c, const struct cluster_object *x, const char *name,
	     struct str authorities, const struct json_node *service)
{
	struct str space = cluster_text(service, "namespace");
	const struct cluster_object *secret =
		cluster_objects_find(c->objects, "Secret", space, STR(CLUSTER_SECRET));
	struct str rest;
	struct str certificate;
	char host[600];
	struct buf pem;

	if (secret == NULL) {
		cluster_unchecked(c->report, "%s: whether the certificate is trusted", name);
		return;
	}
	bool ok = decode(cluster_member(json_find(secret->node, "data"), "tls.crt"), &pem);
	rest = buf_view(&pem);
	(void)snprintf(host, sizeof(host), "%.*s.%.*s.svc",
		       STR_FMT(str_take(cluster_text(service, "name"), 253)),
		       STR_FMT(str_take(space, 253)));
	if (!ok || !certificate_pem_next(&rest, &certificate))
		cluster_problem(c->report, secret, "tls.crt: there is no certificate");
	else if (!is_trusted(c, authorities, certificate))
		cluster_problem(c->report, x,
				"%s: caBundle has not signed the certificate in "
				"Secret/%.*s/" CLUSTER_SECRET,
				name, STR_FMT(space));
	else if (!certificate_pem_names(certificate, host))
		cluster_problem(c->report, secret, "tls.crt: the certificate is not for %s", host);
	else
		check_dates(c, secret, "tls.crt", certificate);
	buf_fini(&pem);
}

static void
check_service(const struct cluster_check *c, const struct cluster_object *x, const char *name,
	      const struct json_node *service)
{
	struct str space = cluster_text(service, "namespace");
	struct str wanted = cluster_text(service, "name");
	const struct cluster_object *slice = NULL;
	bool is_ready = false;
	bool is_seen = false;

	if (cluster_objects_next(c->objects, "Service", NULL) != NULL &&
	    cluster_objects_find(c->objects, "Service", space, wanted) == NULL)
		cluster_problem(c->report, x, "%s: there is no Service %.*s in %.*s", name,
				STR_FMT(wanted), STR_FMT(space));
	while ((slice = cluster_objects_next(c->objects, "EndpointSlice", slice)) != NULL) {
		const struct json_node *ends = json_find(slice->node, "endpoints");
		is_seen = true;
		if (!str_equal(slice->space, space) ||
		    !str_equal(cluster_member(json_find(slice->node, "metadata.labels"),
					      "kubernetes.io/service-name"),
			       wanted))
			continue;
		for (size_t i = 0; i < json_array_len(ends); i++) {
			bool ready;
			is_ready = is_ready ||
				   !json_get_bool(json_array_at(ends, i), "conditions.ready",
						  &ready, NULL) ||
				   ready;
		}
	}
	if (!is_seen)
		cluster_unchecked(c->report, "%s: endpoints of its Service", name);
	else if (!is_ready)
		cluster_problem(c->report, x,
				"%s: its Service has no endpoint that is ready, so pods "
				"can't be created",
				name);
}

static void
check_webhook(const struct cluster_check *c, const struct cluster_object *x,
	      const struct json_node *hook)
{
	const struct json_node *service = json_find(hook, "clientConfig.service");
	struct str authority;
	struct buf pem;
	char name[256];

	(void)snprintf(name, sizeof(name), "%.*s",
		       STR_FMT(str_take(cluster_text(hook, "name"), 253)));
	if (!str_equal(cluster_text(hook, "failurePolicy"), STR("Fail")))
		cluster_problem(c->report, x,
				"%s: failurePolicy is not Fail: while the webhook is "
				"down, pods start without the sidecar",
				name);
	bool ok = decode(cluster_text(hook, "clientConfig.caBundle"), &pem);
	struct str rest = buf_view(&pem);
	if (!ok || !certificate_pem_next(&rest, &authority)) {
		cluster_problem(c->report, x,
				"%s: caBundle has no certificate: see the webhook's log", name);
	} else {
		check_service(c, x, name, service);
		check_served(c, x, name, buf_view(&pem), service);
	}
	buf_fini(&pem);
}

static void
check_configuration(const struct cluster_check *c, const char *kind)
{
	const struct cluster_object wanted = cluster_named(kind, STR_NONE, STR("workspace-proxy"));
	const struct cluster_object *x =
		cluster_objects_find(c->objects, kind, STR_NONE, STR("workspace-proxy"));
	const struct json_node *hooks = x == NULL ? NULL : json_find(x->node, "webhooks");

	if (x == NULL) {
		cluster_problem(c->report, &wanted, "does not exist, so nothing is injected");
		return;
	}
	for (size_t i = 0; i < json_array_len(hooks); i++)
		check_webhook(c, x, json_array_at(hooks, i));
	if (json_array_len(hooks) < 2)
		cluster_note(c->report, x,
			     "is of an earlier version: labels of namespaces have no "
			     "effect");
}

void
cluster_check_certificates(const struct cluster_check *c)
{
	check_configuration(c, "MutatingWebhookConfiguration");
	check_configuration(c, "ValidatingWebhookConfiguration");
}
