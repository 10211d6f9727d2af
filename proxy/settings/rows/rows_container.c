/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings that only `workspace-proxy inject` and `webhook` read.
 */
#include "container/container.h"
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/rows/settings_rows.h"

static const char *const sidecars[] = {
	[CONTAINER_NATIVE] = "native", [CONTAINER_CLASSIC] = "classic", NULL};

static const char *const certificates[] = {
	[CONTAINER_TLS_SECRET] = "secret", [CONTAINER_TLS_SELF] = "self", NULL};

static const char *const secrets[] = {
	[CONTAINER_SECRETS_EXIST] = "existing", [CONTAINER_SECRETS_CREATE] = "create", NULL};

static const char *const users[] = {
	[CONTAINER_USER_IDE] = "ide", [CONTAINER_USER_OWN] = "own", NULL};

static const struct conf_setting injection[] = {
	{SETTING("INJECT_IMAGE", CONF_TEXT, container.image, INJECT | WEBHOOK),
	 .required = INJECT | WEBHOOK,
	 .text = "Image of the injected sidecars ([how they get into pods](injection.md)). "
		 "`inject` and `webhook` pass their `GITLAB_URL`, `GITLAB_API_URL`, `CLIENT_ID`, "
		 "`RELAY_URL`, `BROKER` and `AUTHORIZATION` on to every sidecar."},
	{SETTING("WEBHOOK_ADDRESS", CONF_ADDRESS, container.webhook_address, WEBHOOK),
	 .fallback = ":9443",
	 .text = "TLS listener of `workspace-proxy webhook`: `/mutate`, `/validate`, `/ping`, "
		 "`/ready` and `/metrics`. Its certificate is the webhook's own "
		 "(`WEBHOOK_SERVICE`) or that of `TLS_CERT_FILE` and `TLS_KEY_FILE`."},
	{SETTING("WEBHOOK_SERVICE", CONF_TEXT, container.webhook_service, WEBHOOK),
	 .is_valid = service_certificate_is_name, .expected = "SERVICE.NAMESPACE",
	 .unset = "the certificate is that of `TLS_CERT_FILE`",
	 .text = "The webhook's Service, as `SERVICE.NAMESPACE`. The webhook then makes and renews "
		 "its own certificate for it, with the API server and the pod's service account "
		 "([Kubernetes](kubernetes.md#the-webhooks-certificate))."},
	{SETTING("WEBHOOK_SECRET", CONF_TEXT, container.webhook_secret, WEBHOOK),
	 .fallback = "workspace-proxy-webhook-tls", .is_valid = settings_is_object_name,
	 .expected = "the name of a secret",
	 .text = "Secret in the Service's namespace in which all replicas keep that certificate. "
		 "It must exist, and may be empty."},
	{SETTING("WEBHOOK_CONFIGURATION", CONF_TEXT, container.webhook_configuration, WEBHOOK),
	 .fallback = "workspace-proxy", .is_valid = settings_is_object_name,
	 .expected = "the name of an object",
	 .text = "Name of the MutatingWebhookConfiguration and of the "
		 "ValidatingWebhookConfiguration whose `caBundle` is kept up to date."},
	{SETTING("WEBHOOK_CERTIFICATE_LIFETIME", CONF_DURATION, container.certificate_lifetime_ms,
		 WEBHOOK),
	 .fallback = "2160h", RANGE(10000, UINT64_C(19800) * HOUR),
	 .text = "Lifetime of that certificate. It is renewed when a third of it is left."},
	{SETTING("WEBHOOK_NAMESPACE_CONFIG_MAP", CONF_TEXT, container.namespace_config_map,
		 WEBHOOK),
	 .is_valid = settings_is_object_name, .expected = "the name of a config map",
	 .unset = "namespaces have no settings",
	 .text = "ConfigMap in which namespaces with the label `workspace-proxy.io/inject: "
		 "enabled` may have [settings of their own](injection.md#namespaces). The webhook "
		 "reads it through the API server, with the pod's service account."},
	{SETTING("WEBHOOK_API_URL", CONF_URL, container.cluster, WEBHOOK),
	 .unset = "that of the cluster: `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT`",
	 .text = "The API server's origin."},
	{SETTING("WEBHOOK_ACCOUNT_DIR", CONF_PATH, container.account_dir, WEBHOOK),
	 .fallback = "/var/run/secrets/kubernetes.io/serviceaccount",
	 .text = "Directory with the service account's `token` and `ca.crt`."},
	{SETTING("INJECT_PULL_POLICY", CONF_TEXT, container.pull_policy, INJECT | WEBHOOK),
	 .fallback = "IfNotPresent", .is_valid = settings_is_pull_policy,
	 .expected = "Always, IfNotPresent or Never", .text = "Pull policy of the image."},
	{SETTING("INJECT_SIDECAR", CONF_CHOICE, container.sidecar, INJECT | WEBHOOK),
	 .fallback = "native", .choices = sidecars,
	 .text = "Kind of container. `native`: an init container with `restartPolicy: Always` "
		 "(Kubernetes 1.29), which starts before the IDE and ends after it. `classic`: an "
		 "ordinary container."},
	{SETTING("INJECT_USER", CONF_CHOICE, container.user, INJECT | WEBHOOK), .fallback = "own",
	 .choices = users,
	 .text = "User id of sidecars. `own`: 65532, which no other container of the pod may have, "
		 "so that code in the IDE can't reach the sidecar's sockets and files; a clone is "
		 "shared by the pod's `fsGroup`. `ide`: the IDE's. "
		 "[Injection](injection.md#user-ids) says when which is better."},
	{SETTING("INJECT_ALLOW", CONF_CUSTOM, container.allowed, INJECT | WEBHOOK),
	 .parse = settings_parse_inject_allow, .format = settings_format_inject_allow,
	 .expected = "some of image, secrets, net-admin, separated by commas", .unset = "none",
	 .text = "What pods may do. `image`: override the sidecar's image by annotation. "
		 "`secrets`: override the names of its secrets by annotation. `net-admin`: have "
		 "containers with the capability `NET_ADMIN`, as [service "
		 "meshes](injection.md#service-meshes) need; such containers can redirect the "
		 "sidecar's port."},
	{SETTING("INJECT_ZONE", CONF_TEXT, container.zone, INJECT | WEBHOOK),
	 .is_valid = settings_is_zone, .expected = "a host name such as ws.example.com",
	 .unset = "workspaces set the annotation `external-url`",
	 .text = "Zone of the workspaces: `https://<name>.<zone>`, with the name from the "
		 "annotation `name`. Other hosts are refused."},
	{SETTING("INJECT_SECRET", CONF_TEXT, container.secret, INJECT | WEBHOOK),
	 .fallback = "workspace-proxy", .is_valid = name_pattern_is_valid,
	 .expected = "the name of a secret, in which {name} stands for the workspace's name",
	 .text = "Secret in the workspace's namespace whose keys are mounted into the sidecar."},
	{SETTING("INJECT_SECRET_KEYS", CONF_CUSTOM, container.secret_keys, INJECT | WEBHOOK),
	 .fallback = "cookie-secret,client-secret", .parse = settings_parse_secret_keys,
	 .format = settings_format_secret_keys,
	 .expected = "some of cookie-secret, client-secret, relay-key, clone-token, separated by "
		     "commas",
	 .text = "Keys of the secret; each is mounted as the file of its setting. `relay-key` is "
		 "included whenever `RELAY_URL` is set, and `client-secret` left out with "
		 "`BROKER`."},
	{SETTING("INJECT_SECRETS", CONF_CHOICE, container.secrets, WEBHOOK), .fallback = "existing",
	 .choices = secrets,
	 .text = "`create`: the webhook makes `INJECT_SECRET` of workspaces in "
		 "`INJECT_SECRETS_NAMESPACE`, with `cookie-secret` and `relay-key`, when a pod is "
		 "created and there is none ([GitLab workspaces](gitlab-workspaces.md)). It needs "
		 "`RELAY_MASTER_KEY`, `RELAY_URL`, `INJECT_ZONE`, and a service account that may "
		 "create secrets."},
	{SETTING("INJECT_SECRETS_NAMESPACE", CONF_TEXT, container.secrets_namespace, WEBHOOK),
	 .fallback = "gl-rd-ns-*", .is_valid = namespace_pattern_is_valid,
	 .expected = "the name of a namespace, or at least three characters of names and *",
	 .text = "Namespaces in which the webhook makes secrets. Users who may create labelled "
		 "pods there can get the key of any workspace's host, so list only the agent's."},
	{SETTING("INJECT_GIT_CREDENTIALS", CONF_BOOL, container.has_git, INJECT | WEBHOOK),
	 .fallback = "on",
	 .text = "Gives git in the IDE's container the user's token from the sidecar "
		 "([git](git.md)): an init container installs the helper in a shared volume."},
	{SETTING("INJECT_TLS", CONF_CHOICE, container.tls, INJECT | WEBHOOK), .fallback = "secret",
	 .choices = certificates,
	 .text = "Certificates of sidecars: `secret` for `INJECT_TLS_SECRET`, `self` if each makes "
		 "its own (`TLS=self`), which [ingresses can't "
		 "verify](kubernetes.md#certificates-of-workspaces)."},
	{SETTING("INJECT_TLS_SECRET", CONF_TEXT, container.tls_secret, INJECT | WEBHOOK),
	 .fallback = "workspace-proxy-tls", .is_valid = name_pattern_is_valid,
	 .expected = "the name of a secret, in which {name} stands for the workspace's name",
	 .text = "Secret with the sidecar's `tls.crt` and `tls.key`."},
	{SETTING("INJECT_CONFIG_MAP", CONF_TEXT, container.config_map, INJECT | WEBHOOK),
	 .is_valid = settings_is_object_name, .expected = "the name of a config map",
	 .unset = "none",
	 .text = "Config map in the workspace's namespace with further settings for the sidecar, "
		 "as `WORKSPACE_PROXY_<NAME>`. It must exist."},
	{SETTING("INJECT_CA_CONFIG_MAP", CONF_TEXT, container.ca_config_map, INJECT | WEBHOOK),
	 .is_valid = settings_is_object_name, .expected = "the name of a config map",
	 .unset = "the image's authorities",
	 .text = "Config map in the workspace's namespace whose `ca.crt` GitLab's certificate is "
		 "verified against."},
	{SETTING("INJECT_TOLERATE", CONF_TEXT, container.tolerated, INJECT | WEBHOOK),
	 .is_valid = tolerance_is_valid,
	 .expected = "names of environment variables, which may end in *, and mount paths, "
		     "separated by commas",
	 .unset = "nothing",
	 .text = "What other webhooks of yours may add to the sidecar's containers: environment "
		 "variables such as `AWS_*`, and read-only mounts such as "
		 "`/var/run/secrets/eks.amazonaws.com/serviceaccount`. [Injection](injection.md) "
		 "has examples."},
	{SETTING("INJECT_CPU_REQUEST", CONF_TEXT, container.cpu_request, INJECT | WEBHOOK),
	 .fallback = "50m", .is_valid = quantity_is_valid,
	 .expected = "a quantity such as 100m or 1", .text = "CPU request of a sidecar."},
	{SETTING("INJECT_CPU_LIMIT", CONF_TEXT, container.cpu_limit, INJECT | WEBHOOK),
	 .fallback = "2", .is_valid = quantity_is_valid, .expected = "a quantity such as 100m or 1",
	 .text = "CPU limit of a sidecar. A clone uses all of it."},
	{SETTING("INJECT_MEMORY_REQUEST", CONF_TEXT, container.memory_request, INJECT | WEBHOOK),
	 .fallback = "64Mi", .is_valid = quantity_is_valid, .expected = "a quantity such as 64Mi",
	 .text = "Memory request of a sidecar."},
	{SETTING("INJECT_MEMORY_LIMIT", CONF_TEXT, container.memory_limit, INJECT | WEBHOOK),
	 .fallback = "768Mi", .is_valid = quantity_is_valid, .expected = "a quantity such as 512Mi",
	 .text = "Memory limit of a sidecar, including a clone."},
};
const struct conf_group settings_injection = SETTINGS_GROUP("Injection", injection);
