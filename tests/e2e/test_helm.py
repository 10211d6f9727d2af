# SPDX-License-Identifier: Apache-2.0
"""The Helm chart makes the objects of container/kubernetes, and refuses what it can't use.

Needs helm: HELM names it where it isn't in PATH.
"""

import copy
import os
import re
import shutil
import subprocess

import fast_yaml
import pytest
from proxy import ROOT

CHART = os.path.join(ROOT, "container", "helm")
HELM = os.environ.get("HELM") or shutil.which("helm")
CA_BUNDLE = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="
PLACEHOLDER = "PASTE-THE-OUTPUT-OF-webhook-certs"
NAMESPACE = "workspace-proxy"

pytestmark = pytest.mark.skipif(not HELM, reason="NOT CHECKED, because there is no helm (HELM=path): the chart")


def values():
    """What the overlays of kustomize say."""
    return {
        "image": {"repository": "registry.example.com/workspace-proxy", "tag": "0.1.0"},
        "gitlab": {"url": "https://gitlab.example.com", "clientId": "0123456789abcdef"},
        "relay": {"url": "https://relay.example.com", "zones": ["ws.example.com"]},
        "webhook": {"zone": "ws.example.com"},
    }


def helm(*args, given=None, kubernetes="1.30.0"):
    return subprocess.run(
        [HELM, *args, CHART, "--values", "-", "--kube-version", kubernetes],
        input=fast_yaml.dump(values() if given is None else given),
        capture_output=True,
        text=True,
        timeout=60,
    )


def template(given=None, namespace=NAMESPACE):
    ran = helm("template", "ours", "--namespace", namespace, given=given)
    assert ran.returncode == 0, ran.stderr
    return [document for document in fast_yaml.load_all(ran.stdout) if document]


def by_name(documents):
    """Without what differs on purpose: Helm has a checksum where kustomize has a config map's new name, and
    the namespace is made before the release."""
    named = {}
    for document in copy.deepcopy(documents):
        template_of = document.get("spec", {}).get("template", {})
        template_of.get("metadata", {}).pop("annotations", None)
        for container in template_of.get("spec", {}).get("containers", []):
            for source in container.get("envFrom", []):
                source["configMapRef"]["name"] = without_hash(source["configMapRef"]["name"])
            container.get("env", []).sort(key=lambda entry: entry["name"])  # patches of kustomize come first
        for volume in template_of.get("spec", {}).get("volumes", []):
            if "configMap" in volume:
                volume["configMap"]["name"] = without_hash(volume["configMap"]["name"])
        name = document["metadata"]["name"]
        if document["kind"] == "ConfigMap":
            name = document["metadata"]["name"] = without_hash(name)
            document["data"] = {key: without_comments(key, text) for key, text in document["data"].items()}
        assert (document["kind"], name) not in named
        named[document["kind"], name] = document
    named.pop(("Namespace", NAMESPACE), None)
    return named


def without_hash(name):
    return re.sub(r"-[a-z0-9]{10}$", "", name)


def without_comments(key, text):
    """The manifests' configuration of nginx says where to write what the chart has values for."""
    return re.sub(r"^\s*#.*\n", "", text, flags=re.M) if key == "nginx.conf" else text


def manifests(file):
    with open(os.path.join(ROOT, "container", "kubernetes", file)) as opened:
        return list(fast_yaml.load_all(opened))


@pytest.mark.parametrize("prefix", ["", "gitlab-"])
@pytest.mark.parametrize("front", ["ingress", "gateway"])
def test_the_chart_makes_the_objects_of_the_manifests(front, prefix):
    given = values()
    given["gitlabWorkspaces"] = {"enabled": bool(prefix)}
    given[front] = {"enabled": True, **({"className": "example"} if front == "gateway" else {})}
    given["monitoring"] = {"podMonitors": True}
    ours = by_name(template(given))
    theirs = by_name(manifests(f"rendered/{prefix}{front}.yaml") + manifests("podmonitors/podmonitors.yaml"))
    assert sorted(ours) == sorted(theirs)
    for key, document in theirs.items():
        assert ours[key] == document, key


def test_a_certificate_from_elsewhere():
    given = values()
    given["webhook"]["caBundle"] = CA_BUNDLE
    found = by_name(template(given))
    kinds = {kind for kind, _ in found}
    assert not kinds & {"Secret", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    pod = found["Deployment", "workspace-proxy-webhook"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["volumes"][0]["secret"]["secretName"] == "workspace-proxy-webhook-tls"
    names = {entry["name"] for entry in pod["containers"][0]["env"]}
    assert "WORKSPACE_PROXY_TLS_CERT_FILE" in names and "WORKSPACE_PROXY_WEBHOOK_SERVICE" not in names
    assert "egress" not in found["NetworkPolicy", "workspace-proxy-webhook"]["spec"]
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        bundles = [hook["clientConfig"]["caBundle"] for hook in found[kind, "workspace-proxy"]["webhooks"]]
        assert bundles == [CA_BUNDLE, CA_BUNDLE]


def gitlab_values(**more):
    return values() | {"gitlabWorkspaces": {"enabled": True, **more}}


def test_gitlabs_workspaces_with_a_certificate_from_elsewhere():
    """The webhook still makes secrets: it has a token, and reaches the API server."""
    given = gitlab_values()
    given["webhook"]["caBundle"] = CA_BUNDLE
    found = by_name(template(given))
    assert {name for kind, name in found if kind.startswith("ClusterRole")} == {"workspace-proxy-webhook-secrets"}
    pod = found["Deployment", "workspace-proxy-webhook"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True
    mounted = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted == {"tls": "/etc/workspace-proxy/tls", "master-key": "/etc/workspace-proxy/relay"}
    assert {volume["name"] for volume in pod["volumes"]} == set(mounted)
    assert found["NetworkPolicy", "workspace-proxy-webhook"]["spec"]["egress"]


def test_gitlabs_workspaces_in_one_namespace():
    given = gitlab_values(
        sharedNamespace="workspaces", resolver="dns-default.openshift-dns.svc.example", clusterDomain="example"
    )
    given["webhook"].update(zone="w-s.example.com", secret="ours-{name}")
    given["relay"]["zones"] = ["ws.example.com", "w-s.example.com"]
    given["relay"]["masterKeySecret"] = "keys"
    documents = template(given, namespace="elsewhere")
    assert {d["metadata"].get("namespace") for d in documents} == {"elsewhere", None}
    found = by_name(documents)
    lines = found["ConfigMap", "workspace-proxy-router"]["data"]["nginx.conf"].splitlines()
    (resolver,) = (line.split() for line in lines if line.strip().startswith("resolver "))
    assert resolver[1] == "dns-default.openshift-dns.svc.example"
    maps = [line.split()[-1] for line in lines if r"\.w-s\.example\.com$" in line]
    assert maps == ["workspace-$numbers.workspaces;", "$name.workspaces;"]
    assert [line.strip() for line in lines if "proxy_pass" in line] == ["proxy_pass https://$workspace.svc.example:60001;"]
    assert found["ConfigMap", "workspace-proxy-webhook"]["data"]["WORKSPACE_PROXY_INJECT_SECRETS_NAMESPACE"] == "workspaces"
    policy = found["ValidatingAdmissionPolicy", "workspace-proxy-webhook-secrets"]["spec"]
    assert ":elsewhere:" in policy["matchConditions"][0]["expression"]
    expression = policy["validations"][0]["expression"]
    assert "request.namespace == 'workspaces' && object.metadata.name.startsWith('ours-') &&" in expression
    volumes = found["Deployment", "workspace-proxy-webhook"]["spec"]["template"]["spec"]["volumes"]
    assert [volume["secret"]["secretName"] for volume in volumes] == ["keys"]


@pytest.mark.parametrize("front", ["ingress", "gateway"])
def test_only_the_zone_of_gitlabs_workspaces_goes_to_the_router(front):
    given = gitlab_values()
    given["relay"]["zones"] = ["other.example.com", "ws.example.com", "third.example.com"]
    given[front] = {"enabled": True, **({"className": "example"} if front == "gateway" else {})}
    found = by_name(template(given))
    if front == "ingress":
        rules = found["Ingress", "workspace-proxy-zone"]["spec"]["rules"]
        backends = {rule["host"]: rule["http"]["paths"][0]["backend"]["service"]["name"] for rule in rules}
        sections = None
    else:
        routes = [found["HTTPRoute", f"workspace-proxy-zone{s}"]["spec"] for s in ("", "s")]
        backends = {h: r["rules"][0]["backendRefs"][0]["name"] for r in routes for h in r["hostnames"]}
        sections = [[parent["sectionName"] for parent in route["parentRefs"]] for route in routes]
    assert backends == {
        "*.other.example.com": "workspace-proxy-relay",
        "*.ws.example.com": "workspace-proxy-router",
        "*.third.example.com": "workspace-proxy-relay",
    }
    assert sections in (None, [["workspaces-2"], ["workspaces", "workspaces-3"]])


def test_gitlabs_workspaces_need_a_policy_for_the_webhook():
    ran = helm("template", "ours", given=gitlab_values(), kubernetes="1.29.0")
    assert ran.returncode != 0 and "gitlabWorkspaces.enabled needs Kubernetes 1.30" in ran.stderr
    assert helm("template", "ours", kubernetes="1.29.0").returncode == 0


def test_nothing_in_front_unless_asked_for():
    kinds = {document["kind"] for document in template()}
    assert not kinds & {"Ingress", "Gateway", "HTTPRoute", "BackendTLSPolicy", "PodMonitor", "Namespace"}
    assert {"Deployment", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} <= kinds


def test_another_namespace_is_everywhere():
    documents = template(namespace="elsewhere")
    spaces = {d["metadata"].get("namespace") for d in documents}
    assert spaces == {"elsewhere", None}
    hooks = [hook for d in documents for hook in d.get("webhooks", [])]
    assert len(hooks) == 4
    for hook in hooks:
        assert hook["clientConfig"]["service"]["namespace"] == "elsewhere"
        assert hook["namespaceSelector"]["matchExpressions"][0]["values"] == ["elsewhere", "kube-system"]


def test_changed_settings_restart_the_pods():
    def checksums(given):
        pods = [d["spec"]["template"]["metadata"] for d in template(given) if d["kind"] == "Deployment"]
        return {pod["labels"]["app.kubernetes.io/component"]: pod["annotations"] for pod in pods}

    given = values()
    before = checksums(given)
    given["relay"]["settings"] = {"LOG_LEVEL": "debug"}
    after = checksums(given)
    assert before["webhook"] == after["webhook"]
    assert before["relay"] != after["relay"]


def test_a_relay_without_broker():
    """For a public application: no secret, no deny list, no egress."""
    given = values()
    given["relay"]["broker"] = False
    found = by_name(template(given))
    settings = found["ConfigMap", "workspace-proxy-relay"]["data"] | found["ConfigMap", "workspace-proxy-webhook"]["data"]
    assert not [name for name in settings if "BROKER" in name or "SECRET_FILE" in name or "DENY" in name]
    assert ("ConfigMap", "workspace-proxy-relay-deny-list") not in found
    assert "egress" not in found["NetworkPolicy", "workspace-proxy-relay"]["spec"]


def test_a_relay_that_denies():
    given = values()
    given["relay"].update(
        denyList=["host kiwi.ws.example.com", "user 1042"], gitlabCidrs=["192.0.2.7/32"], gitlabPort=8443
    )
    found = by_name(template(given))
    lines = found["ConfigMap", "workspace-proxy-relay-deny-list"]["data"]["deny-list"].splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["host kiwi.ws.example.com", "user 1042"]
    assert found["NetworkPolicy", "workspace-proxy-relay"]["spec"]["egress"][1] == {
        "ports": [{"protocol": "TCP", "port": 8443}],
        "to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}],
    }


def test_optional_values():
    given = values()
    digest = "sha256:" + "0" * 64
    given["image"]["digest"] = digest
    given["webhook"].update(
        caBundle="", certManager={"injectCaFrom": "workspace-proxy/webhook"}, excludedNamespaces=["mine"]
    )
    given["webhook"]["settings"] = {"INJECT_CONFIG_MAP": "workspace-proxy", "INJECT_SIDECAR": "native"}
    given["relay"]["zones"] = ["a.example.com", "b.example.com"]
    given.update(nodeSelector={"pool": "small"}, priorityClassName="high", imagePullSecrets=["registry"])
    given["tolerations"] = [{"key": "dedicated", "operator": "Exists"}]
    given["gateway"] = {"enabled": True, "className": "example"}
    given["ingress"] = {"enabled": True}
    found = by_name(template(given))
    pod = found["Deployment", "workspace-proxy-webhook"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == f"registry.example.com/workspace-proxy@{digest}"
    assert pod["nodeSelector"] == {"pool": "small"} and pod["priorityClassName"] == "high"
    assert pod["imagePullSecrets"] == [{"name": "registry"}] and pod["tolerations"] == given["tolerations"]
    data = found["ConfigMap", "workspace-proxy-webhook"]["data"]
    assert data["WORKSPACE_PROXY_INJECT_CONFIG_MAP"] == "workspace-proxy"
    assert data["WORKSPACE_PROXY_INJECT_IMAGE"] == pod["containers"][0]["image"]
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        configuration = found[kind, "workspace-proxy"]
        assert configuration["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": "workspace-proxy/webhook"}
        for hook in configuration["webhooks"]:
            assert "caBundle" not in hook["clientConfig"]
            assert "mine" in hook["namespaceSelector"]["matchExpressions"][0]["values"]
    assert [rule["host"] for rule in found["Ingress", "workspace-proxy-zone"]["spec"]["rules"]] == [
        "*.a.example.com",
        "*.b.example.com",
    ]
    listeners = {listener["name"] for listener in found["Gateway", "workspace-proxy"]["spec"]["listeners"]}
    parents = {parent["sectionName"] for parent in found["HTTPRoute", "workspace-proxy-zone"]["spec"]["parentRefs"]}
    assert parents == {"workspaces", "workspaces-2"} <= listeners


@pytest.mark.parametrize(
    "path, value, named",
    [
        ("image.repository", "", "repository"),
        ("image.digest", "sha256:1", "digest"),
        ("image.tags", "1", "tags"),
        ("gitlab.url", "", "url"),
        ("gitlab.clientId", "", "clientId"),
        ("relay.url", "http://relay.example.com", "url"),
        ("relay.url", "https://relay.example.com/callback", "url"),
        ("relay.zones", [], "zones"),
        ("relay.minReplicas", 1, "minReplicas"),
        ("relay.denyList", ["kiwi.ws.example.com"], "denyList"),
        ("relay.settings", {"workers": "1"}, "workers"),
        ("relay.settings", {"WORKERS": 1}, "WORKERS"),
        ("webhook.zone", "", "zone"),
        ("webhook.caBundle", PLACEHOLDER, "caBundle"),
        ("webhook.secretKeys", ["password"], "secretKeys"),
        ("gateway", {"enabled": True}, "gateway.className is required"),
        ("webhooks", {}, "webhooks"),
        ("gitlabWorkspaces", {"enabled": True, "sharedNamespace": "Gl_x"}, "sharedNamespace"),
        ("gitlabWorkspaces", {"enabled": True, "resolver": "kube dns;"}, "resolver"),
        ("gitlabWorkspaces", {"enabled": True, "replicas": 1}, "replicas"),
    ],
)
def test_wrong_values_are_named(path, value, named):
    given = values()
    place = given
    *parents, last = path.split(".")
    for parent in parents:
        place = place[parent]
    place[last] = value
    ran = helm("template", "ours", "--namespace", NAMESPACE, given=given)
    assert ran.returncode != 0 and ran.stdout == ""
    assert named in ran.stderr


def test_gitlabs_zone_must_be_one_of_the_relays():
    given = gitlab_values()
    given["webhook"]["zone"] = "elsewhere.example.com"
    ran = helm("template", "ours", given=given)
    assert ran.returncode != 0 and "relay.zones must contain webhook.zone" in ran.stderr


@pytest.mark.parametrize("given", [values(), gitlab_values()])
def test_helm_lint(given):
    ran = helm("lint", "--strict", "--namespace", NAMESPACE, given=given)
    assert ran.returncode == 0, ran.stdout + ran.stderr
