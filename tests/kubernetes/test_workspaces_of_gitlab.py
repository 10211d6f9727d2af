# SPDX-License-Identifier: Apache-2.0
"""docs/gitlab-workspaces.md on a real control plane, with objects as GitLab's agent applies them."""

import base64
import json
import os
import re

import manifests
import pytest
from gitlab_workspace import Workspace
from proxy import ROOT, wait_until

ANNOTATIONS = {"workspace-proxy.io/ports": "3000"}
APPLY = "application/apply-patch+yaml"
KINDS = {"PersistentVolumeClaim": "persistentvolumeclaims", "NetworkPolicy": "networkpolicies"}


def documented_commands():
    with open(os.path.join(ROOT, "docs", "gitlab-workspaces.md")) as file:
        return re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)


@pytest.fixture(scope="module")
def installed(cluster):
    cluster.run_steps(documented_commands())
    return cluster


def path_of(document):
    version, metadata = document["apiVersion"], document["metadata"]
    group = f"apis/{version}" if "/" in version else f"api/{version}"
    plural = KINDS.get(document["kind"], document["kind"].lower() + "s")
    return f"/{group}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"


def version_of(document):
    """What changes only with what is applied: not with the status."""
    metadata = document["metadata"]
    return metadata.get("generation", metadata["resourceVersion"])


def apply_all(cluster, workspace):
    """As the agent does, by server-side apply; the versions afterwards, but of the claim, which has a controller."""
    versions = {}
    for document in workspace.objects():
        path = f"{path_of(document)}?fieldManager=agentk&force=true"
        status, made = cluster.api.ask("PATCH", path, document, APPLY)
        assert status in (200, 201), made
        if document["kind"] != "PersistentVolumeClaim":
            versions[path_of(document)] = version_of(made)
    return versions


@pytest.fixture
def make_workspace(installed):
    made = []

    def make(name, **more):
        workspace = Workspace(name, annotations=ANNOTATIONS, **more)
        made.append(workspace)
        installed.api.create("/api/v1/namespaces", {"metadata": {"name": workspace.namespace}})
        return workspace

    yield make
    for workspace in made:
        installed.api.ask("DELETE", f"/api/v1/namespaces/{workspace.namespace}")


def pods_of(cluster, workspace):
    return cluster.api.get(f"/api/v1/namespaces/{workspace.namespace}/pods")["items"]


def secret_path(workspace):
    return f"/api/v1/namespaces/{workspace.namespace}/secrets/workspace-proxy-60001-{workspace.name}"


def test_a_workspace(installed, make_workspace):
    workspace = make_workspace("plum-otter-teal")
    versions = apply_all(installed, workspace)
    (pod,) = wait_until(lambda: pods_of(installed, workspace), 60, "the workspace's pod")
    (sidecar,) = (c for c in pod["spec"]["initContainers"] if c["name"] == manifests.SIDECAR)
    environment = {v["name"]: v.get("value") for v in sidecar["env"]}
    assert environment["WORKSPACE_PROXY_EXTERNAL_URL"] == f"https://{workspace.host}"
    assert environment["WORKSPACE_PROXY_TLS"] == "self"
    secret = installed.api.get(secret_path(workspace))
    assert set(secret["data"]) == {"cookie-secret", "relay-key"}
    assert len(base64.b64decode(secret["data"]["relay-key"])) == 43
    service = installed.api.get(f"/api/v1/namespaces/{workspace.namespace}/services/{workspace.name}")
    assert [p["targetPort"] for p in service["spec"]["ports"]] == [3000, 8443, 60022]
    # The agent may apply them again and again: nothing changes, and no pod is replaced.
    for _ in range(3):
        assert apply_all(installed, workspace) == versions
    assert [p["metadata"]["uid"] for p in pods_of(installed, workspace)] == [pod["metadata"]["uid"]]
    # Another pod takes the same secret.
    installed.api.ask("DELETE", f"/api/v1/namespaces/{workspace.namespace}/pods/{pod['metadata']['name']}")
    wait_until(lambda: {p["metadata"]["uid"] for p in pods_of(installed, workspace)} - {pod["metadata"]["uid"]}, 60)
    assert installed.api.get(secret_path(workspace))["metadata"]["uid"] == secret["metadata"]["uid"]


def test_dry_runs_make_no_secret(installed, make_workspace):
    workspace = make_workspace("fig-hare-blue")
    pod = workspace.pod()
    del pod["spec"]["serviceAccountName"]
    path = f"/api/v1/namespaces/{workspace.namespace}/pods?dryRun=All"
    status, made = installed.api.ask("POST", path, pod)
    assert status == 201, made
    assert installed.api.ask("GET", secret_path(workspace))[0] == 404


def test_what_the_webhook_may_do(installed, make_workspace):
    """Create secrets of workspaces, and nothing else with secrets, nowhere else."""
    workspace = make_workspace("lime-wolf-red")
    account = "system:serviceaccount:workspace-proxy:workspace-proxy-webhook"

    def may(verb, namespace):
        said = installed.kubectl("auth", "can-i", verb, "secrets", "-n", namespace, f"--as={account}", check=False)
        return said.stdout.strip() == "yes"

    assert may("create", workspace.namespace)
    assert not any(may(verb, workspace.namespace) for verb in ("get", "list", "watch", "patch", "update", "delete"))

    def creates(namespace, name):
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}
        said = installed.kubectl("create", "-f", "-", f"--as={account}", stdin=json.dumps(document), check=False)
        return said.returncode == 0, said.stderr

    # Policies take effect a moment after they are made.
    wait_until(lambda: not creates("default", "workspace-proxy-x")[0], 60, "the policy", interval_s=1)
    assert "may only create secrets of workspaces" in creates("default", "workspace-proxy-y")[1]
    assert "may only create secrets of workspaces" in creates(workspace.namespace, "x")[1]
    assert creates(workspace.namespace, "workspace-proxy-x")[0]


def test_policies_close_the_editor(installed):
    """GitLab's admits the router's pods, and the router's admits these to sidecars."""
    path = "/apis/networking.k8s.io/v1/namespaces/workspace-proxy/networkpolicies/workspace-proxy-router"
    policy = installed.api.get(path)["spec"]
    deployment = installed.api.get("/apis/apps/v1/namespaces/workspace-proxy/deployments/workspace-proxy-router")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    (rule,) = Workspace().network_policy()["spec"]["ingress"]
    (peer,) = rule["from"]
    assert peer["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 8443} and "Egress" in policy["policyTypes"]
