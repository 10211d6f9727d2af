/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of the cluster, whether webhook and relay run, and whether the API server calls the
 * webhook and trusts its certificate.
 */
#include "container/cluster/cluster_installation.h"

#include "base/crypto/crypto.h"
#include "base/net/tls/certificate_pem.h"

#define MINOR_MIN     29u /* native sidecars */
#define WEBHOOK	      "workspace-proxy-webhook"
#define RELAY	      "workspace-proxy-relay"
#define PREFIX	      "WORKSPACE_PROXY_"
#define PEM_MAX_BYTES 262144u
#define SOON_S	      (14 * 86400)

/* Returns the minor version: "v1.36.3+k3s1" → 36; 0: not understood. */
static unsigned
minor_of(struct str version)
{
	struct str prefix = STR("v1.");
	unsigned minor = 0;

	if (!str_starts_with(version, prefix))
		return 0;
	for (size_t i = prefix.len; i < version.len && i < prefix.len + 4; i++) {
		if (version.data[i] < '0' || version.data[i] > '9')
			break;
		minor = minor * 10 + (unsigned)(version.data[i] - '0');
	}
	return minor;
}

static bool
is_old(struct str version)
{
	unsigned minor = minor_of(version);

	return minor > 0 && minor < MINOR_MIN;
}

static void
check_versions(const struct cluster_check *c)
{
	const struct cluster_object server =
		cluster_named("API server", STR_NONE, c->objects->version);
	const struct cluster_object *node = NULL;

	if (c->objects->version.len == 0)
		cluster_unchecked(c->report, "the API server's version");
	else if (is_old(c->objects->version))
		cluster_problem(c->report, &server,
				"native sidecars need Kubernetes 1.%u (INJECT_SIDECAR)", MINOR_MIN);
	if (cluster_objects_next(c->objects, "Node", NULL) == NULL)
		cluster_unchecked(c->report, "versions of nodes");
	while ((node = cluster_objects_next(c->objects, "Node", node)) != NULL) {
		struct str kubelet = cluster_text(node->node, "status.nodeInfo.kubeletVersion");
		if (is_old(kubelet))
			cluster_problem(c->report, node,
					"kubelet %.*s: native sidecars need Kubernetes 1.%u "
					"(INJECT_SIDECAR)",
					STR_FMT(str_take(kubelet, 60)), MINOR_MIN);
	}
}

static void
check_deployment(const struct cluster_check *c, const char *name)
{
	const struct cluster_object wanted =
		cluster_named("Deployment", c->namespace, str_from(name));
	const struct cluster_object *x =
		cluster_objects_find(c->objects, "Deployment", c->namespace, str_from(name));

	if (x == NULL) {
		if (cluster_objects_next(c->objects, "Deployment", NULL) == NULL)
			cluster_unchecked(c->report, "%s: no Deployment found", name);
		else
			cluster_problem(c->report, &wanted, "does not exist");
		return;
	}
	int64_t available = cluster_int(x->node, "status.availableReplicas");
	if (available == 0)
		cluster_problem(c->report, x, "no replica is available");
	else if (available < 2)
		cluster_note(c->report, x, "only one replica is available");
	if (cluster_int(x->node, "status.updatedReplicas") <
	    cluster_int(x->node, "status.replicas"))
		cluster_note(c->report, x, "a rollout is not finished");
}

static const struct json_node *
webhook_container(const struct cluster_check *c)
{
	const struct cluster_object *x =
		cluster_objects_find(c->objects, "Deployment", c->namespace, STR(WEBHOOK));

	return x == NULL ? NULL
			 : json_array_at(json_find(x->node, "spec.template.spec.containers"), 0);
}

struct str
cluster_webhook_setting(const struct cluster_check *c, const char *name)
{
	const struct json_node *container = webhook_container(c);
	const struct json_node *env = json_find(container, "env");
	const struct json_node *from = json_find(container, "envFrom");
	char variable[128];

	(void)snprintf(variable, sizeof(variable), PREFIX "%s", name);
	for (size_t i = 0; i < json_array_len(env); i++)
		if (str_equal(cluster_text(json_array_at(env, i), "name"), str_from(variable)))
			return cluster_text(json_array_at(env, i), "value");
	for (size_t i = 0; i < json_array_len(from); i++) {
		struct str map = cluster_text(json_array_at(from, i), "configMapRef.name");
		const struct cluster_object *x =
			cluster_objects_find(c->objects, "ConfigMap", c->namespace, map);
		struct str value =
			x == NULL ? STR_NONE : cluster_member(json_find(x->node, "data"), variable);
		if (value.len > 0)
			return value;
	}
	return STR_NONE;
}

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
	struct str namespace = cluster_text(service, "namespace");
	const struct cluster_object *secret =
		cluster_objects_find(c->objects, "Secret", namespace, STR(CLUSTER_SECRET));
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
		       STR_FMT(str_take(namespace, 253)));
	if (!ok || !certificate_pem_next(&rest, &certificate))
		cluster_problem(c->report, secret, "tls.crt: there is no certificate");
	else if (!is_trusted(c, authorities, certificate))
		cluster_problem(c->report, x,
				"%s: caBundle does not verify the certificate in "
				"Secret/%.*s/" CLUSTER_SECRET,
				name, STR_FMT(namespace));
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
	struct str namespace = cluster_text(service, "namespace");
	struct str wanted = cluster_text(service, "name");
	const struct cluster_object *slice = NULL;
	bool is_ready = false;
	bool is_seen = false;

	if (cluster_objects_next(c->objects, "Service", NULL) != NULL &&
	    cluster_objects_find(c->objects, "Service", namespace, wanted) == NULL)
		cluster_problem(c->report, x, "%s: there is no Service %.*s in %.*s", name,
				STR_FMT(wanted), STR_FMT(namespace));
	while ((slice = cluster_objects_next(c->objects, "EndpointSlice", slice)) != NULL) {
		const struct json_node *ends = json_find(slice->node, "endpoints");
		is_seen = true;
		if (!str_equal(slice->namespace, namespace) ||
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

	if (x == NULL && cluster_objects_is_unread(c->objects, kind, STR_NONE, wanted.name)) {
		cluster_unchecked(c->report, "whether there is a %s", kind);
		return;
	}
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
cluster_check_installation(const struct cluster_check *c)
{
	check_versions(c);
	check_deployment(c, WEBHOOK);
	check_deployment(c, RELAY);
	check_configuration(c, "MutatingWebhookConfiguration");
	check_configuration(c, "ValidatingWebhookConfiguration");
}
