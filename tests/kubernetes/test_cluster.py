# SPDX-License-Identifier: Apache-2.0
"""The webhook in a real control plane, with what clusters add: limits, quotas, policies and other webhooks."""

import copy
import json

import manifests
import pytest
from proxy import wait_until

SIDECAR = manifests.SIDECAR


RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
STRATEGIC = "application/strategic-merge-patch+json"


def labelled_pod(name, namespace, **annotations):
    """One that Pod Security `restricted` accepts."""
    pod = manifests.pod(name, **annotations)
    pod["metadata"]["namespace"] = namespace
    pod["spec"]["securityContext"] = {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in pod["spec"]["containers"] + pod["spec"]["initContainers"]:
        container["securityContext"] = RESTRICTED
    return pod


@pytest.fixture
def namespace(cluster, request):
    """One for this test, restricted."""
    name = request.node.name.replace("_", "-").replace("[", "-").rstrip("]").lower()[:60]
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    wait_until(
        lambda: cluster.api.ask("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")[0] == 200, 60
    )
    yield name
    cluster.api.ask("DELETE", f"/api/v1/namespaces/{name}")


def sidecar_of(pod):
    return next(c for c in pod["spec"]["initContainers"] if c["name"] == SIDECAR)


def test_the_documented_installation(cluster):
    for component in ("webhook", "relay"):
        ready = [
            condition["status"]
            for pod in cluster.pods("workspace-proxy", f"app.kubernetes.io/component={component}")
            for condition in pod["status"]["conditions"]
            if condition["type"] == "Ready"
        ]
        assert "True" in ready
    (pod,) = wait_until(lambda: cluster.pods("workspaces", "app.kubernetes.io/instance=kiwi"), 60)
    # AlwaysPullImages is on.
    assert sidecar_of(pod)["imagePullPolicy"] == "Always"
    service = cluster.api.get("/api/v1/namespaces/workspaces/services/kiwi")
    assert service["spec"]["ports"][0]["targetPort"] == 8443


def test_limit_ranges_and_quotas(cluster, namespace):
    limits = {"type": "Container", "default": {}, "defaultRequest": {}}
    for field in ("default", "defaultRequest"):
        limits[field] = {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "1Gi"}
    path = f"/api/v1/namespaces/{namespace}"
    cluster.api.create(f"{path}/limitranges", {"metadata": {"name": "limits"}, "spec": {"limits": [limits]}})
    hard = {"pods": "2", "limits.cpu": "8", "limits.memory": "8Gi", "requests.ephemeral-storage": "20Gi"}
    cluster.api.create(f"{path}/resourcequotas", {"metadata": {"name": "quota"}, "spec": {"hard": hard}})
    made = None

    def is_created():
        nonlocal made
        status, made = cluster.api.ask("POST", f"{path}/pods", labelled_pod("kiwi", namespace))
        return status == 201 or "status unknown for quota" not in json.dumps(made) and pytest.fail(str(made))

    wait_until(is_created, 60, "the quota's controller")
    assert sidecar_of(made)["resources"]["limits"]["ephemeral-storage"] == "1Gi"
    for number in (2, 3):
        status, refused = cluster.api.ask("POST", f"{path}/pods", labelled_pod(f"kiwi{number}", namespace))
        assert status == (201 if number == 2 else 403), refused
    assert "exceeded quota" in refused["message"]


def template(namespace):
    pod = labelled_pod("kiwi", namespace)
    metadata = {key: pod["metadata"][key] for key in ("labels", "annotations")}
    spec = copy.deepcopy(pod["spec"])
    return {"metadata": metadata, "spec": spec}


def workload(kind, namespace):
    """(path, object)"""
    inner = template(namespace)
    selector = {"matchLabels": {"app": "kiwi"}}
    if kind in ("Job", "CronJob"):
        inner["spec"]["restartPolicy"] = "Never"
        spec = {"template": inner}
        if kind == "CronJob":
            spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": spec}}
        return "apis/batch/v1", {"metadata": {"name": "kiwi"}, "spec": spec}
    if kind == "ReplicationController":
        return "api/v1", {"metadata": {"name": "kiwi"}, "spec": {"selector": {"app": "kiwi"}, "template": inner}}
    spec = {"selector": selector, "template": inner}
    if kind == "StatefulSet":
        spec["serviceName"] = "kiwi"
    return "apis/apps/v1", {"metadata": {"name": "kiwi"}, "spec": spec}


@pytest.mark.parametrize("kind", [*manifests.WORKLOADS, "ReplicationController"])
def test_pods_of_every_workload(cluster, namespace, kind):
    group, document = workload(kind, namespace)
    cluster.api.create(f"/{group}/namespaces/{namespace}/{kind.lower()}s", document)
    if kind == "CronJob":
        cluster.kubectl("-n", namespace, "create", "job", "now", "--from=cronjob/kiwi")
    (pod,) = wait_until(lambda: cluster.pods(namespace, "app=kiwi"), 60, "a pod")
    assert sidecar_of(pod)["image"].startswith("registry.example.com/workspace-proxy:")


def refused_by_webhook(cluster, method, path, document, kind="application/json"):
    """The message; anything else is a failure."""
    status, refused = cluster.api.ask(method, path, document, kind)
    assert status >= 400 and "admission webhook" in refused["message"], (status, refused)
    return refused["message"]


def test_what_is_refused(cluster, namespace):
    path = f"/api/v1/namespaces/{namespace}/pods"
    odd = labelled_pod("odd", namespace)
    odd["metadata"]["labels"][manifests.LABEL] = "yes"
    assert manifests.LABEL in refused_by_webhook(cluster, "POST", path, odd)
    cluster.api.create(path, labelled_pod("kiwi", namespace))
    debug = {"name": "debug", "image": "busybox", "targetContainerName": SIDECAR, "securityContext": RESTRICTED}
    ephemeral = {"spec": {"ephemeralContainers": [debug]}}
    refused_by_webhook(cluster, "PATCH", f"{path}/kiwi/ephemeralcontainers", ephemeral, STRATEGIC)
    image = {"spec": {"initContainers": [{"name": SIDECAR, "image": "other:1"}]}}
    refused_by_webhook(cluster, "PATCH", f"{path}/kiwi", image, STRATEGIC)


def test_the_policy_for_secrets(cluster, namespace):
    """Pods without the label can't use secrets of workspaces, nor can containers that are added to such a pod."""
    policy = "container/kubernetes/policy/validatingadmissionpolicy.yaml"
    path = f"/api/v1/namespaces/{namespace}/pods"
    uses = {"envFrom": [{"secretRef": {"name": "workspace-proxy-kiwi"}}]}
    plain = labelled_pod("plain", namespace)
    del plain["metadata"]["labels"][manifests.LABEL]
    other = copy.deepcopy(plain)
    other["spec"]["containers"][0] |= uses

    def refusal(method, path, document, kind="application/json"):
        status, answer = cluster.api.ask(method, path, document, kind)
        return answer["message"] if status >= 400 else ""

    def refused_ephemeral(**fields):
        debug = {"name": "debug", "image": "busybox", "securityContext": RESTRICTED, **fields}
        document = {"spec": {"ephemeralContainers": [debug]}}
        return refusal("PATCH", f"{path}/plain/ephemeralcontainers?dryRun=All", document, STRATEGIC)

    said = "secrets of workspace-proxy can only be used by pods with the label"
    cluster.run_steps([f"kubectl apply -f {policy}"])
    try:
        # Policies take effect a moment after they are made.
        wait_until(lambda: said in refusal("POST", f"{path}?dryRun=All", other), 60, "the policy", interval_s=1)
        cluster.api.create(path, plain)
        assert said in refused_ephemeral(**uses)
        variable = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "workspace-proxy-kiwi", "key": "relay-key"}}}
        assert said in refused_ephemeral(env=[variable])
        assert refused_ephemeral(envFrom=[{"secretRef": {"name": "other"}}]) == ""
    finally:
        cluster.run_steps([f"kubectl delete -f {policy}"])


def test_updates_that_change_nothing_need_no_webhook(cluster, namespace):
    """Annotations, finalizers and the end of pods, while the webhook is away."""
    path = f"/api/v1/namespaces/{namespace}"
    job = workload("Job", namespace)[1]
    cluster.api.create(f"/apis/batch/v1/namespaces/{namespace}/jobs", job)
    wait_until(lambda: cluster.pods(namespace, "app=kiwi"), 60, "the job's pod")
    cluster.kubectl("-n", "workspace-proxy", "scale", "deployment/workspace-proxy-webhook", "--replicas=0")
    try:
        selector = "app.kubernetes.io/component=webhook"
        wait_until(lambda: not cluster.pods("workspace-proxy", selector), 60, "the end of the webhook")
        status, refused = cluster.api.ask("POST", f"{path}/pods", labelled_pod("late", namespace))
        assert status == 500 and "failed calling webhook" in refused["message"], refused
        (pod,) = cluster.pods(namespace, "app=kiwi")
        name = f"{path}/pods/{pod['metadata']['name']}"
        cluster.api.patch(name, {"metadata": {"annotations": {"example.com/note": "1"}}})
        cluster.kubectl("-n", namespace, "delete", "job", "kiwi", "--timeout=60s")
        wait_until(lambda: not cluster.pods(namespace, "app=kiwi"), 60, "the end of the job's pod")
    finally:
        cluster.kubectl("-n", "workspace-proxy", "scale", "deployment/workspace-proxy-webhook", "--replicas=2")
        cluster.roll_out("workspace-proxy-webhook")


def test_a_namespace_with_injection(cluster, namespace):
    """One label switches it on, one config map sets what its pods don't say, and a pod's own label opts out."""
    path = f"/api/v1/namespaces/{namespace}"
    settings = {"metadata": {"name": "workspace-proxy-inject"}, "data": {"cpu-limit": "3"}}
    cluster.api.create(f"{path}/configmaps", settings)
    cluster.api.patch(path, {"metadata": {"labels": {manifests.LABEL: "enabled"}}})
    pod = labelled_pod("kiwi", namespace)
    del pod["metadata"]["labels"][manifests.LABEL]

    def create(name, document):
        document["metadata"]["name"] = name
        return cluster.api.ask("POST", f"{path}/pods", document)

    # API servers learn of a namespace's label a moment later.
    names = (f"kiwi-{i}" for i in range(1000))
    made = wait_until(lambda: "labels" in (m := create(next(names), pod)[1])["metadata"] and manifests.LABEL in m["metadata"]["labels"] and m, 30)
    assert sidecar_of(made)["resources"]["limits"]["cpu"] == "3"
    named = manifests.pod("kiwi")
    for labels in ({manifests.LABEL: "true"}, {}):
        pod["metadata"]["labels"] = labels
        status, made = create(next(names), pod)
        assert status == 201 and sidecar_of(made)["resources"]["limits"]["cpu"] == "3", made
    pod["metadata"]["labels"] = {manifests.LABEL: "false"}
    status, made = create(next(names), pod)
    assert status == 201 and "workspace-proxy" not in json.dumps(made["spec"]), made
    pod["metadata"] = {"labels": {}, "annotations": {}}
    status, refused = create(next(names), pod)
    assert status == 422 and f"with {manifests.LABEL}=false" in refused["message"], refused
    cluster.api.patch(f"{path}/configmaps/workspace-proxy-inject", {"data": {"image": "mine"}})
    pod["metadata"] = named["metadata"] | {"labels": {}, "namespace": namespace}
    refused = wait_until(lambda: (answer := create(next(names), pod))[0] == 422 and answer[1], 30)
    assert "settings of the namespace: image: unknown setting" in refused["message"]
