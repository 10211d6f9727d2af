/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings that only `workspace-proxy inject` and `webhook` read.
 */
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
	{.name = "INJECT_IMAGE",
	 .type = CONF_TEXT,
	 .commands = INJECT | WEBHOOK,
	 .required = INJECT | WEBHOOK,
	 .offset = AT(container.image),
	 .text = "Image of the injected sidecars ([how they get into pods](injection.md)). "
		 "`inject` and `webhook` pass their `GITLAB_URL`, `GITLAB_API_URL`, `CLIENT_ID`, "
		 "`RELAY_URL`, `BROKER` and `AUTHORIZATION` on to every sidecar."},
	{.name = "WEBHOOK_ADDRESS",
	 .type = CONF_ADDRESS,
	 .commands = WEBHOOK,
	 .offset = AT(container.webhook_address),
	 .fallback = ":9443",
	 .text = "TLS listener of `workspace-proxy webhook`: `/mutate`, `/validate`, `/ping`, "
		 "`/ready` and `/metrics`. Its certificate is the webhook's own "
		 "(`WEBHOOK_SERVICE`) "
		 "or that of `TLS_CERT_FILE` and `TLS_KEY_FILE`."},
	{.name = "WEBHOOK_SERVICE",
	 .type = CONF_CUSTOM,
	 .commands = WEBHOOK,
	 .offset = AT(container.webhook_service),
	 .parse = settings_parse_service_name,
	 .format = settings_format_text,
	 .expected = "SERVICE.NAMESPACE",
	 .unset = "the certificate is that of `TLS_CERT_FILE`",
	 .text = "The webhook's Service, as `SERVICE.NAMESPACE`. The webhook then makes and renews "
		 "its own certificate for it, with the API server and the pod's service account "
		 "([Kubernetes](kubernetes.md#the-webhooks-certificate))."},
	{.name = "WEBHOOK_SECRET",
	 .type = CONF_CUSTOM,
	 .commands = WEBHOOK,
	 .offset = AT(container.webhook_secret),
	 .fallback = "workspace-proxy-webhook-tls",
	 .parse = settings_parse_object_name,
	 .format = settings_format_text,
	 .expected = "the name of a secret",
	 .text = "Secret in the Service's namespace in which all replicas keep that certificate. "
		 "It must exist, and may be empty."},
	{.name = "WEBHOOK_CONFIGURATION",
	 .type = CONF_CUSTOM,
	 .commands = WEBHOOK,
	 .offset = AT(container.webhook_configuration),
	 .fallback = "workspace-proxy",
	 .parse = settings_parse_object_name,
	 .format = settings_format_text,
	 .expected = "the name of an object",
	 .text = "Name of the MutatingWebhookConfiguration and of the "
		 "ValidatingWebhookConfiguration whose `caBundle` is kept up to date."},
	{.name = "WEBHOOK_CERTIFICATE_LIFETIME",
	 .type = CONF_DURATION,
	 .commands = WEBHOOK,
	 .offset = AT(container.certificate_lifetime_ms),
	 .fallback = "2160h",
	 .min = 10000,
	 .max = UINT64_C(19800) * HOUR,
	 .text = "Lifetime of that certificate. It is renewed when a third of it is left."},
	{.name = "WEBHOOK_NAMESPACE_CONFIG_MAP",
	 .type = CONF_CUSTOM,
	 .commands = WEBHOOK,
	 .offset = AT(container.namespace_config_map),
	 .parse = settings_parse_object_name,
	 .format = settings_format_text,
	 .expected = "the name of a config map",
	 .unset = "namespaces have no settings",
	 .text = "ConfigMap in which namespaces with the label `workspace-proxy.io/inject: "
		 "enabled` "
		 "may have [settings of their own](injection.md#namespaces). The webhook reads it "
		 "through the API server, with the pod's service account."},
	{.name = "WEBHOOK_API_URL",
	 .type = CONF_URL,
	 .commands = WEBHOOK,
	 .offset = AT(container.cluster),
	 .unset = "that of the cluster: `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT`",
	 .text = "The API server's origin."},
	{.name = "WEBHOOK_ACCOUNT_DIR",
	 .type = CONF_PATH,
	 .commands = WEBHOOK,
	 .offset = AT(container.account_dir),
	 .fallback = "/var/run/secrets/kubernetes.io/serviceaccount",
	 .text = "Directory with the service account's `token` and `ca.crt`."},
	{.name = "INJECT_PULL_POLICY",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.pull_policy),
	 .fallback = "IfNotPresent",
	 .parse = settings_parse_pull_policy,
	 .format = settings_format_text,
	 .expected = "Always, IfNotPresent or Never",
	 .text = "Pull policy of the image."},
	{.name = "INJECT_SIDECAR",
	 .type = CONF_CHOICE,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.sidecar),
	 .fallback = "native",
	 .choices = sidecars,
	 .text = "Kind of container. `native`: an init container with `restartPolicy: Always` "
		 "(Kubernetes 1.29), which starts before the IDE and ends after it. `classic`: an "
		 "ordinary container."},
	{.name = "INJECT_USER",
	 .type = CONF_CHOICE,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.user),
	 .fallback = "own",
	 .choices = users,
	 .text = "User id of sidecars. `own`: 65532, which no other container of the pod may have, "
		 "so that code in the IDE can't reach the sidecar's sockets and files; a clone is "
		 "shared by the pod's `fsGroup`. `ide`: the IDE's. "
		 "[Injection](injection.md#user-ids) says when which is better."},
	{.name = "INJECT_ALLOW",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.allowed),
	 .parse = settings_parse_inject_allow,
	 .format = settings_format_inject_allow,
	 .expected = "image, secrets, or both with a comma between",
	 .unset = "none",
	 .text = "What a pod's annotations may override: the sidecar's image, the names of its "
		 "secrets."},
	{.name = "INJECT_ZONE",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.zone),
	 .parse = settings_parse_zone,
	 .format = settings_format_text,
	 .expected = "a host name such as ws.example.com",
	 .unset = "workspaces say their `external-url`",
	 .text = "Zone of the workspaces: `https://<name>.<zone>`, with the name from the "
		 "annotation `name`. Other hosts are refused."},
	{.name = "INJECT_SECRET",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.secret),
	 .fallback = "workspace-proxy",
	 .parse = settings_parse_name_pattern,
	 .format = settings_format_text,
	 .expected = "the name of a secret, in which {name} stands for the workspace's name",
	 .text = "Secret in the workspace's namespace whose keys are mounted into the sidecar."},
	{.name = "INJECT_SECRET_KEYS",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.secret_keys),
	 .fallback = "cookie-secret,client-secret",
	 .parse = settings_parse_secret_keys,
	 .format = settings_format_secret_keys,
	 .expected =
		 "some of cookie-secret, client-secret, relay-key, clone-token with commas between",
	 .text = "Keys of the secret; each is mounted as the file of its setting. `relay-key` is "
		 "included whenever `RELAY_URL` is set, and `client-secret` left out with "
		 "`BROKER`."},
	{.name = "INJECT_SECRETS",
	 .type = CONF_CHOICE,
	 .commands = WEBHOOK,
	 .offset = AT(container.secrets),
	 .fallback = "existing",
	 .choices = secrets,
	 .text = "`create`: the webhook makes `INJECT_SECRET` of workspaces in "
		 "`INJECT_SECRETS_NAMESPACE`, with `cookie-secret` and `relay-key`, when a pod is "
		 "created and there is none ([GitLab workspaces](gitlab-workspaces.md)). It needs "
		 "`RELAY_MASTER_KEY`, `RELAY_URL`, `INJECT_ZONE`, and a service account that may "
		 "create secrets."},
	{.name = "INJECT_SECRETS_NAMESPACE",
	 .type = CONF_CUSTOM,
	 .commands = WEBHOOK,
	 .offset = AT(container.secrets_namespace),
	 .fallback = "gl-rd-ns-*",
	 .parse = settings_parse_namespace_pattern,
	 .format = settings_format_text,
	 .expected = "the name of a namespace, or at least three characters of names and *",
	 .text = "Namespaces in which the webhook makes secrets. Whoever may create labelled pods "
		 "there gets the key of any workspace's host, so list no others than the agent's."},
	{.name = "INJECT_GIT_CREDENTIALS",
	 .type = CONF_BOOL,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.has_git),
	 .fallback = "on",
	 .text = "Gives git in the IDE's container the user's token from the sidecar "
		 "([git](git.md)): an init container installs the helper in a shared volume."},
	{.name = "INJECT_TLS",
	 .type = CONF_CHOICE,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.tls),
	 .fallback = "secret",
	 .choices = certificates,
	 .text = "Certificates of sidecars: `secret` for `INJECT_TLS_SECRET`, `self` if each makes "
		 "its own (`TLS=self`), which [ingresses can't "
		 "verify](kubernetes.md#certificates-of-workspaces)."},
	{.name = "INJECT_TLS_SECRET",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.tls_secret),
	 .fallback = "workspace-proxy-tls",
	 .parse = settings_parse_name_pattern,
	 .format = settings_format_text,
	 .expected = "the name of a secret, in which {name} stands for the workspace's name",
	 .text = "Secret with the sidecar's `tls.crt` and `tls.key`."},
	{.name = "INJECT_CONFIG_MAP",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.config_map),
	 .parse = settings_parse_object_name,
	 .format = settings_format_text,
	 .expected = "the name of a config map",
	 .unset = "none",
	 .text = "Config map in the workspace's namespace with further settings for the sidecar, "
		 "as `WORKSPACE_PROXY_<NAME>`. It must exist."},
	{.name = "INJECT_CA_CONFIG_MAP",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.ca_config_map),
	 .parse = settings_parse_object_name,
	 .format = settings_format_text,
	 .expected = "the name of a config map",
	 .unset = "the image's authorities",
	 .text = "Config map in the workspace's namespace whose `ca.crt` GitLab's certificate is "
		 "verified against."},
	{.name = "INJECT_TOLERATE",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.tolerated),
	 .parse = settings_parse_tolerance,
	 .format = settings_format_text,
	 .expected = "names of environment variables, which may end in *, and mount paths, with "
		     "commas in between",
	 .unset = "nothing",
	 .text = "What other webhooks of yours may add to the sidecar's containers: environment "
		 "variables such as `AWS_*`, and read-only mounts such as "
		 "`/var/run/secrets/eks.amazonaws.com/serviceaccount`. [Injection](injection.md) "
		 "has examples."},
	{.name = "INJECT_CPU_REQUEST",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.cpu_request),
	 .fallback = "50m",
	 .parse = settings_parse_quantity,
	 .format = settings_format_text,
	 .expected = "a quantity such as 100m or 1",
	 .text = "CPU request of a sidecar."},
	{.name = "INJECT_CPU_LIMIT",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.cpu_limit),
	 .fallback = "2",
	 .parse = settings_parse_quantity,
	 .format = settings_format_text,
	 .expected = "a quantity such as 100m or 1",
	 .text = "CPU limit of a sidecar. A clone uses all of it."},
	{.name = "INJECT_MEMORY_REQUEST",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.memory_request),
	 .fallback = "64Mi",
	 .parse = settings_parse_quantity,
	 .format = settings_format_text,
	 .expected = "a quantity such as 64Mi",
	 .text = "Memory request of a sidecar."},
	{.name = "INJECT_MEMORY_LIMIT",
	 .type = CONF_CUSTOM,
	 .commands = INJECT | WEBHOOK,
	 .offset = AT(container.memory_limit),
	 .fallback = "768Mi",
	 .parse = settings_parse_quantity,
	 .format = settings_format_text,
	 .expected = "a quantity such as 512Mi",
	 .text = "Memory limit of a sidecar, including a clone."},
};
const struct conf_group settings_injection = SETTINGS_GROUP("Injection", injection);
