#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks container/kubernetes: every field exists and has its type, what names another object finds it, pods
meet the restricted Pod Security Standard, and the rendered files are what kustomize makes of the rest.

Types of Kubernetes' own kinds are those of Debian's python3-kubernetes, of other kinds those of manifest_types.py.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from manifest_types import check_types, describe

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "container/kubernetes"
FRONTS = ["ingress", "gateway", "gitlab-ingress", "gitlab-gateway"]
RENDERED = {**{name: f"overlays/{name}" for name in FRONTS}, "example": "example"}
LABEL = "workspace-proxy.io/inject"
LABEL_IS_SET = [
    {"key": LABEL, "operator": "Exists"},
    {"key": LABEL, "operator": "NotIn", "values": ["false"]},
]
LABEL_IS_NOT_FALSE = LABEL_IS_SET[1:]
COMPONENTS = [  # not in the overlays
    "certificates/issuers.yaml",
    "cluster-check/job.yaml",
    "podmonitors/podmonitors.yaml",
    "policy/validatingadmissionpolicy.yaml",
]
REVIEWED = {
    "/mutate": {"pods", "services"},
    "/mutate/namespace": {"pods", "services"},
    "/validate": {"pods", "pods/ephemeralcontainers", "pods/resize"},  # ways to change a pod
    "/validate/namespace": {"pods"},
}


# What pods must be


def documents_in(text):
    """Several times as fast as safe_load_all."""
    return yaml.load_all(text, yaml.CSafeLoader)


def check_pod(pod, path):
    """The restricted Pod Security Standard, and what we ask for beyond it."""
    context = pod.get("securityContext", {})
    for name in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if pod.get(name):
            yield f"{path}: {name}"
    if context.get("runAsNonRoot") is not True:
        yield f"{path}: runAsNonRoot is not set"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{path}: seccompProfile is not RuntimeDefault"
    for volume in pod.get("volumes", []):
        if not set(volume) - {"name"} <= {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}:
            yield f"{path}: volume {volume['name']} is of a kind that the standard forbids"
    mounted = {mount["name"] for container in pod["containers"] for mount in container.get("volumeMounts", [])}
    if mounted != {volume["name"] for volume in pod.get("volumes", [])}:
        yield f"{path}: volumes and mounts differ"
    for container in pod["containers"]:
        yield from check_container(container, f"{path}.{container['name']}")


def check_container(container, path):
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{path}: allowPrivilegeEscalation is not false"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{path}: capabilities are not all dropped"
    if not re.search(r":[^:/]+$", container["image"]) or container["image"].endswith(":latest"):
        yield f"{path}: image {container['image']} has no version"
    for what in ("requests", "limits"):
        if set(container.get("resources", {}).get(what, {})) < {"cpu", "memory"}:
            yield f"{path}: no {what} for cpu and memory"
    if container["name"] != "workspace-proxy":
        return
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{path}: readOnlyRootFilesystem is not set"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        port = container.get(probe, {}).get("httpGet", {}).get("port")
        if port not in {entry["name"] for entry in container["ports"]}:
            yield f"{path}: {probe} asks at no port of the container"


# What names what


class Cluster:
    """The objects of one rendered file, to be looked up."""

    def __init__(self, documents, secrets):
        self.documents = documents
        self.secrets = {(s["metadata"]["namespace"], s["metadata"]["name"]): set(s["stringData"]) for s in secrets}
        self.used_secrets = set()

    def of(self, *kinds):
        return [document for document in self.documents if document["kind"] in kinds]

    def find(self, kind, namespace, name):
        for document in self.of(kind):
            if (document["metadata"].get("namespace"), document["metadata"]["name"]) == (namespace, name):
                return document
        return None

    def pods(self, namespace, labels):
        """Pod templates that a selector finds."""
        for document in self.of("Deployment"):
            template = document["spec"]["template"]
            own = template["metadata"]["labels"]
            if document["metadata"]["namespace"] == namespace and labels.items() <= own.items():
                yield template["spec"]

    def ports(self, namespace, labels):
        ports = [port for pod in self.pods(namespace, labels) for c in pod["containers"] for port in c["ports"]]
        found = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
        if LABEL in labels or any(LABEL in t["spec"]["template"]["metadata"]["labels"] for t in self.of("Deployment")):
            found |= {"wsp-https", "wsp-admin", 8443, 9877}  # what injection adds
        return found


def check_secret(cluster, namespace, name, keys, path):
    cluster.used_secrets.add((namespace, name))
    known = cluster.secrets.get((namespace, name))
    if known is None:
        yield f"{path}: secret {name} is not among secrets.example.yaml"
    elif not keys <= known:
        yield f"{path}: secret {name} has no {', '.join(sorted(keys - known))}"


def check_deployment(cluster, document):
    path, namespace = describe(document), document["metadata"]["namespace"]
    spec = document["spec"]
    pod = spec["template"]["spec"]
    yield from check_pod(pod, path)
    yield from check_token(cluster, pod, path)
    if not spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items():
        yield f"{path}: does not select its own pods"
    account = pod.get("serviceAccountName")
    if account and not cluster.find("ServiceAccount", namespace, account):
        yield f"{path}: there is no service account {account}"
    for volume in pod.get("volumes", []):
        if "secret" in volume:
            secret = volume["secret"]["secretName"]
            whole = cluster.secrets.get((namespace, secret), {"tls.crt", "tls.key"})
            keys = {item["key"] for item in volume["secret"].get("items", [])} or whole
            yield from check_secret(cluster, namespace, secret, keys, path)
        if "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            if not cluster.find("PersistentVolumeClaim", namespace, claim):
                yield f"{path}: there is no claim {claim}"
    for container in pod["containers"]:
        for source in container.get("envFrom", []):
            if not cluster.find("ConfigMap", namespace, source["configMapRef"]["name"]):
                yield f"{path}: there is no config map {source['configMapRef']['name']}"
    if account:
        yield from check_replicas(cluster, document)


def check_token(cluster, pod, path):
    """Who is allowed nothing has no token."""
    bindings = cluster.of("RoleBinding", "ClusterRoleBinding")
    bound = {subject["name"] for binding in bindings for subject in binding["subjects"]}
    if pod.get("automountServiceAccountToken") is not (pod.get("serviceAccountName") in bound):
        yield f"{path}: automountServiceAccountToken is {pod.get('automountServiceAccountToken')}"


def check_role(cluster, document):
    """Single objects by their names, and no more than to read and to patch them; or to create secrets, if a policy says
    which."""
    if document["metadata"]["name"] == "workspace-proxy-check":
        yield from check_reading_role(document)
        return
    for rule in document["rules"]:
        policy = cluster.find("ValidatingAdmissionPolicy", None, document["metadata"]["name"])
        if policy and (rule["resources"], rule["verbs"]) == (["secrets"], ["create"]):
            continue
        if not rule.get("resourceNames") or not set(rule["verbs"]) <= {"get", "patch"} or "*" in rule["resources"]:
            yield f"{describe(document)}: allows more than it should"


def check_reading_role(document):
    for rule in document["rules"]:
        if rule["verbs"] != ["get", "list"] or {"*", "secrets"} & set(rule["resources"]):
            yield f"{describe(document)}: allows more than it should"


def check_job(_, document):
    yield from check_pod(document["spec"]["template"]["spec"], describe(document))


def check_binding(cluster, document):
    role, namespace = document["roleRef"], document["metadata"].get("namespace")
    if not cluster.find(role["kind"], namespace, role["name"]):
        yield f"{describe(document)}: there is no {role['kind']} {role['name']}"
    for subject in document["subjects"]:
        if not cluster.find("ServiceAccount", subject["namespace"], subject["name"]):
            yield f"{describe(document)}: there is no service account {subject['name']}"


def check_replicas(cluster, document):
    """Ours run twice at least, spread, and one stays whatever is drained."""
    path, namespace, name = describe(document), document["metadata"]["namespace"], document["metadata"]["name"]
    selector = document["spec"]["selector"]
    scaler = cluster.find("HorizontalPodAutoscaler", namespace, name)
    if not scaler or scaler["spec"]["minReplicas"] < 2 or scaler["spec"]["scaleTargetRef"]["name"] != name:
        yield f"{path}: does not run twice"
    budget = cluster.find("PodDisruptionBudget", namespace, name)
    if not budget or budget["spec"]["selector"] != selector or budget["spec"]["minAvailable"] != 1:
        yield f"{path}: has no disruption budget"
    spread = document["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
    if [entry["labelSelector"] for entry in spread] != [selector, selector]:
        yield f"{path}: is not spread over zones and hosts"
    if not cluster.find("NetworkPolicy", namespace, name):
        yield f"{path}: has no network policy"


def check_service(cluster, document):
    metadata, spec = document["metadata"], document["spec"]
    ports = cluster.ports(metadata["namespace"], spec["selector"])
    for port in spec["ports"]:
        if port["targetPort"] not in ports:
            yield f"{describe(document)}: no pod has port {port['targetPort']}"


def check_policy(cluster, document):
    metadata, spec = document["metadata"], document["spec"]
    ports = cluster.ports(metadata["namespace"], spec["podSelector"]["matchLabels"])
    for rule in spec["ingress"]:
        for port in rule["ports"]:
            if port["port"] not in ports:
                yield f"{describe(document)}: no pod has port {port['port']}"


def check_backend(cluster, document, name, port):
    service = cluster.find("Service", document["metadata"]["namespace"], name)
    known = [value for entry in (service or {"spec": {"ports": []}})["spec"]["ports"] for value in entry.values()]
    if port not in known:
        yield f"{describe(document)}: there is no service {name} with port {port}"


def names_of(cluster, namespace):
    """Of certificates that cert-manager makes there."""
    certificates = [c for c in cluster.of("Certificate") if c["metadata"]["namespace"] == namespace]
    return {name for certificate in certificates for name in certificate["spec"].get("dnsNames", [])}


def check_ingress(cluster, document):
    annotations = document["metadata"].get("annotations", {})
    prefix = "nginx.ingress.kubernetes.io/"
    if annotations.get(prefix + "backend-protocol") != "HTTPS":
        yield f"{describe(document)}: the backend speaks TLS"
    namespace = document["metadata"]["namespace"]
    for entry in document["spec"]["tls"]:
        if "secretName" in entry:
            keys = {"tls.crt", "tls.key"}
            yield from check_secret(cluster, namespace, entry["secretName"], keys, describe(document))
    if authority := annotations.get(prefix + "proxy-ssl-secret"):
        yield from check_secret(cluster, *authority.split("/"), {"ca.crt"}, describe(document))
        if annotations.get(prefix + "proxy-ssl-name") not in names_of(cluster, namespace):
            yield f"{describe(document)}: no certificate is for proxy-ssl-name"
        if {annotations.get(prefix + name) for name in ("proxy-ssl-verify", "proxy-ssl-server-name")} != {"on"}:
            yield f"{describe(document)}: the backend's certificate is not verified"
    hosts = {host for entry in document["spec"]["tls"] for host in entry["hosts"]}
    for rule in document["spec"]["rules"]:
        if rule["host"] not in hosts:
            yield f"{describe(document)}: no certificate for {rule['host']}"
        if "ws." in rule["host"] and annotations.get(prefix + "proxy-read-timeout") != "3600":
            yield f"{describe(document)}: WebSockets would be cut"
        for path in rule["http"]["paths"]:
            service = path["backend"]["service"]
            yield from check_backend(cluster, document, service["name"], service["port"]["name"])


def check_route(cluster, document):
    for rule in document["spec"]["rules"]:
        for backend in rule.get("backendRefs", []):
            yield from check_backend(cluster, document, backend["name"], backend["port"])
            policies = [p for p in cluster.of("BackendTLSPolicy") if p["spec"]["targetRefs"][0]["name"] == backend["name"]]
            if not policies:
                yield f"{describe(document)}: {backend['name']} speaks TLS, and there is no BackendTLSPolicy"
    for parent in document["spec"]["parentRefs"]:
        gateway = cluster.find("Gateway", parent.get("namespace", document["metadata"]["namespace"]), parent["name"])
        names = {listener["name"] for listener in gateway["spec"]["listeners"]} if gateway else set()
        if gateway and parent["sectionName"] not in names:
            yield f"{describe(document)}: no listener {parent['sectionName']}"


def check_gateway(cluster, document):
    for listener in document["spec"]["listeners"]:
        for reference in listener.get("tls", {}).get("certificateRefs", []):
            namespace = document["metadata"]["namespace"]
            keys = {"tls.crt", "tls.key"}
            yield from check_secret(cluster, namespace, reference["name"], keys, describe(document))


def check_monitor(cluster, document):
    labels = document["spec"]["selector"]["matchLabels"]
    ports = cluster.ports(document["metadata"]["namespace"], labels)
    for endpoint in document["spec"]["podMetricsEndpoints"]:
        if endpoint["port"] not in ports:
            yield f"{describe(document)}: no pod has port {endpoint['port']}"
        ca = endpoint.get("tlsConfig", {}).get("ca", {}).get("secret")
        if ca:
            yield from check_secret(
                cluster, document["metadata"]["namespace"], ca["name"], {ca["key"]}, describe(document)
            )


def check_webhooks(cluster, document):
    path = "/mutate" if document["kind"].startswith("Mutating") else "/validate"
    labelled, of_namespace = document["webhooks"]
    yield from check_webhook(cluster, document, labelled, path, LABEL_IS_SET)
    unlabelled = LABEL_IS_NOT_FALSE if path == "/mutate" else [{"key": LABEL, "operator": "DoesNotExist"}]
    yield from check_webhook(cluster, document, of_namespace, f"{path}/namespace", unlabelled)
    enabled = {"key": LABEL, "operator": "In", "values": ["enabled"]}
    if enabled not in of_namespace["namespaceSelector"]["matchExpressions"]:
        yield f"{describe(document)}: namespaces without the label are selected"
    if path == "/mutate" and enabled | {"operator": "NotIn"} not in labelled["namespaceSelector"]["matchExpressions"]:
        yield f"{describe(document)}: pods of namespaces with the label are injected before these get their settings"


def makes_secrets(cluster, path):
    return "/mutate" in path and cluster.find("ClusterRole", None, "workspace-proxy-webhook-secrets")


def check_webhook(cluster, document, hook, path, objects):
    service = hook["clientConfig"]["service"]
    found = cluster.find("Service", service["namespace"], service["name"])
    if not found or service["port"] not in [port["port"] for port in found["spec"]["ports"]]:
        yield f"{describe(document)}: there is no such service"
    expressions = hook["namespaceSelector"]["matchExpressions"]
    expected = {
        "path": (service["path"], path),
        "failurePolicy": (hook["failurePolicy"], "Fail"),
        "sideEffects": (hook["sideEffects"], "NoneOnDryRun" if makes_secrets(cluster, path) else "None"),
        "admissionReviewVersions": (hook["admissionReviewVersions"], ["v1"]),
        "objectSelector": (hook["objectSelector"], {"matchExpressions": objects}),
        "own namespace": (expressions[0]["operator"], "NotIn"),
        "reinvocationPolicy": (hook.get("reinvocationPolicy", "IfNeeded"), "IfNeeded"),
    }
    for name, (actual, wanted) in expected.items():
        if actual != wanted:
            yield f"{describe(document)}: {name} is {actual!r}, not {wanted!r}"
    if service["namespace"] not in expressions[0]["values"]:
        yield f"{describe(document)}: our own pods wait for themselves"
    if not 1 <= hook["timeoutSeconds"] <= 10:
        yield f"{describe(document)}: timeoutSeconds"
    reviewed = {resource for rule in hook["rules"] for resource in rule["resources"]}
    if missing := REVIEWED[path] - reviewed:
        yield f"{describe(document)}: does not review {', '.join(sorted(missing))}"


def check_admission_policy(_, document):
    """One over pods sees every way to add containers, and all of them."""
    spec = document["spec"]
    rules = spec["matchConstraints"]["resourceRules"]
    reviewed = {(resource, o) for rule in rules for resource in rule["resources"] for o in rule["operations"]}
    if not any(resource.startswith("pods") for resource, _ in reviewed):
        return
    for resource, operation in sorted({("pods", "CREATE"), ("pods/ephemeralcontainers", "UPDATE")} - reviewed):
        yield f"{describe(document)}: does not review {operation} of {resource}"
    for field in ("volumes", "containers", "initContainers", "ephemeralContainers"):
        if not any(f"object.spec.{field}" in variable["expression"] for variable in spec["variables"]):
            yield f"{describe(document)}: does not look at {field}"


CHECKS = {
    "Deployment": check_deployment,
    "Job": check_job,
    "Service": check_service,
    "NetworkPolicy": check_policy,
    "Ingress": check_ingress,
    "HTTPRoute": check_route,
    "Role": check_role,
    "ClusterRole": check_role,
    "RoleBinding": check_binding,
    "ClusterRoleBinding": check_binding,
    "Gateway": check_gateway,
    "PodMonitor": check_monitor,
    "MutatingWebhookConfiguration": check_webhooks,
    "ValidatingWebhookConfiguration": check_webhooks,
    "ValidatingAdmissionPolicy": check_admission_policy,
}


def check_account(document):
    if document["kind"] == "ServiceAccount" and document.get("automountServiceAccountToken") is not False:
        yield f"{describe(document)}: has a token"
    labels = document["metadata"].get("labels", {})
    if document["kind"] == "Namespace" and labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        yield f"{describe(document)}: is not restricted"


def check_settings(documents):
    text = (ROOT / "docs/configuration.md").read_text()
    known = set(re.findall(r"^\| `([A-Z0-9_]+)`", text, re.M))
    for document in documents:
        names = set(document.get("data", {}))
        if document["kind"] == "Deployment":
            for container in document["spec"]["template"]["spec"]["containers"]:
                names |= {entry["name"] for entry in container.get("env", [])}
        for name in sorted(names):
            short = name.removeprefix("WORKSPACE_PROXY_")
            if short != name and short not in known and short.removesuffix("_FILE") not in known:
                yield f"{describe(document)}: no such setting: {name}"


def why_not_rendered():
    """Debian 12's kubectl is 1.20, whose kustomize 2.0.3 knows no components; 1.21 brought kustomize 4."""
    if not shutil.which("kubectl"):
        return "there is no kubectl"
    ran = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True)
    try:
        version = json.loads(ran.stdout)["clientVersion"]
        number = int(version["major"]), int(re.match(r"\d+", version["minor"])[0])
    except (ValueError, KeyError, TypeError):
        return f"kubectl does not say its version: {(ran.stdout + ran.stderr).strip()}"
    return f"the kustomize of kubectl {number[0]}.{number[1]} is too old" if number < (1, 21) else None


def check_rendered(name, folder):
    """As kustomize makes it, whatever its version's order and spelling."""
    ran = subprocess.run(["kubectl", "kustomize", HERE / folder], capture_output=True, text=True)
    if ran.returncode:
        yield f"kubectl kustomize {folder}: {ran.stderr.strip()}"
        return

    def by_name(text):
        return {describe(document): document for document in documents_in(text)}

    if by_name(ran.stdout) != by_name((HERE / "rendered" / f"{name}.yaml").read_text()):
        yield f"rendered/{name}.yaml is out of date: run `make manifests`"


def main():
    secrets = list(documents_in((HERE / "secrets.example.yaml").read_text()))
    problems = [problem for secret in secrets for problem in check_types(secret)]
    problems += [f"{describe(s)}: has values" for s in secrets if any(s["stringData"].values())]
    used, count, why_not = set(), 0, why_not_rendered()
    for name, folder in RENDERED.items():
        documents = list(documents_in((HERE / "rendered" / f"{name}.yaml").read_text()))
        if folder.startswith("overlays/"):
            documents += [d for file in COMPONENTS for d in documents_in((HERE / file).read_text())]
        count += len(documents)
        cluster = Cluster(documents, secrets)
        found = [problem for document in documents for problem in check_types(document)]
        if not found:  # what follows relies on the shapes
            for document in documents:
                found += check_account(document)
                found += CHECKS.get(document["kind"], lambda *_: [])(cluster, document)
            found += check_settings(documents)
        if not why_not:
            found += check_rendered(name, folder)
        used |= cluster.used_secrets
        problems += [f"{name}: {problem}" for problem in found]
    route = list(documents_in((HERE / "example/httproute.yaml").read_text()))
    problems += [f"example: {problem}" for document in route for problem in check_types(document)]
    if why_not:
        print(f"kubernetes: NOT CHECKED, because {why_not}: whether rendered/ is what kustomize makes")
    print("\n".join(problems + [f"kubernetes: {count} objects, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
