# SPDX-License-Identifier: Apache-2.0
"""docs/gitlab-workspaces.md on a real control plane, with objects as GitLab's agent applies them."""

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import sys

import manifests
import network
import outside
import pytest
import websocket
from gitlab import GitLab
from gitlab_workspace import EDITOR, Workspace
from names import NameServer
from node import NGINX, Container
from proxy import PATIENCE_S, ROOT, wait_until
from volumes import Volumes
from web_client import WebClient

ANNOTATIONS = {"workspace-proxy.io/ports": "3000"}
APPLY = "application/apply-patch+yaml"
KINDS = {"PersistentVolumeClaim": "persistentvolumeclaims", "NetworkPolicy": "networkpolicies"}


def documented_commands():
    with open(os.path.join(ROOT, "docs", "gitlab-workspaces.md")) as file:
        return re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)


@pytest.fixture(scope="module")
def installed(cluster):
    cluster.run_steps(documented_commands())
    wait_until(lambda: not ending(cluster, "webhook"), 60, "the end of the webhook with the earlier settings")
    return cluster


def ending(cluster, component):
    """Pods that still answer on connections that API servers keep."""
    pods = cluster.pods("workspace-proxy", f"app.kubernetes.io/component={component}")
    return [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]


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


# A browser's way: router, sidecar, editor


@pytest.fixture
def gitlab(installed):
    """With the application and the secret that the documents' steps name."""
    network.add_address(outside.GITLAB)
    cert, key = installed.sites.issue("gitlab", names="DNS:gitlab.example.com")
    gitlab = GitLab(host=outside.GITLAB, port=443, tls_cert=cert, tls_key=key)
    gitlab.origin = gitlab.url = "https://gitlab.example.com"
    application = gitlab.add_application("https://relay.example.com/callback")
    del gitlab.state.applications[application.uid]
    application.uid, application.secret = "0123456789abcdef", "the secret"
    gitlab.state.applications[application.uid] = application
    for name in ("sasha", "robin"):
        gitlab.add_user(name, f"{name}-password")
    with gitlab:
        yield gitlab


def started_pod(cluster, component):
    """The first container of the component that is ready: its address."""

    def find():
        for pod in cluster.pods("workspace-proxy", f"app.kubernetes.io/component={component}"):
            running = cluster.node.pods.get(pod["metadata"]["uid"])
            if running and "deletionTimestamp" not in pod["metadata"] and running.container.is_ready():
                return running.container.address
        return None

    return wait_until(find, 60, f"a pod of the {component}", interval_s=0.2)


@pytest.fixture
def way(installed, make_workspace, gitlab, tmp_path, monkeypatch):
    """A workspace whose sidecar runs with an editor, and all that is between it and a browser; its origin."""
    if not NGINX:
        pytest.skip("NOT CHECKED, because there is no nginx: the router in a control plane")
    number = gitlab.add_workspace(gitlab.state.users["sasha"]).id
    workspace = make_workspace("plum-newt-grey", number=number)
    apply_all(installed, workspace)
    (pod,) = wait_until(lambda: pods_of(installed, workspace), 60, "the workspace's pod")
    (sidecar,) = (c for c in pod["spec"]["initContainers"] if c["name"] == manifests.SIDECAR)
    volumes = Volumes(installed.api, pod, tmp_path / "volumes")
    volumes.refresh()
    container = Container(sidecar, 900, volumes, tmp_path / "sidecar", installed.node.directory_of_etc)
    editor = subprocess.Popen(
        ["nsenter", "--net", f"--target={container.process.pid}", sys.executable, "tests/kubernetes/editor.py"], cwd=ROOT
    )
    service = installed.api.get(f"/api/v1/namespaces/{workspace.namespace}/services/{workspace.name}")
    (target,) = (p["targetPort"] for p in service["spec"]["ports"] if p["port"] == EDITOR)
    for address in (outside.RELAY, outside.ROUTER, outside.SERVICES):
        network.add_address(address)
    name = f"{workspace.name}.{workspace.namespace}.svc.cluster.local"
    opened = [
        NameServer(name, address=outside.SERVICES, listen=(network.CONTROL_PLANE, 53)),
        outside.Forward(outside.SERVICES, EDITOR, (container.address, target)),
        outside.Forward(outside.RELAY, 443, (started_pod(installed, "relay"), 8443)),
        outside.Forward(outside.ROUTER, 443, (started_pod(installed, "router"), 8443)),
    ]
    wait_until(container.is_ready, 60, "the sidecar")
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: resolve(outside.address_of(host) or host, *rest, **more))
    yield f"https://{workspace.host}"
    for one in opened:
        one.close()
    editor.kill()
    editor.wait()
    assert container.stop(40) == 0, container.log.read_text()


def test_signing_in_through_the_router(installed, way):
    """With the secret that the webhook made, and the relay as the token broker."""
    client = WebClient(installed.sites.client_context())
    page = client.login(f"{way}/", "sasha", "sasha-password")
    page = wait_until(lambda: (p := client.navigate(f"{way}/")).status == 200 and p, PATIENCE_S, "the editor")
    assert page.text == "This is the editor" and page.url == f"{way}/"
    other = WebClient(installed.sites.client_context())
    assert other.login(f"{way}/", "robin", "robin-password").status == 403
    assert greeting_of(installed, way, client) == [b"hello", b"and back"]


def greeting_of(cluster, way, client):
    """What the editor says by its WebSocket."""
    host = way.removeprefix("https://")
    head = {
        "Host": host,
        "Origin": way,
        "Cookie": "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(host)),
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": websocket.new_key(),
    }
    plain = socket.create_connection((host, 443), PATIENCE_S)
    with contextlib.closing(cluster.sites.client_context().wrap_socket(plain, server_hostname=host)) as connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        connection.sendall(f"GET /ws HTTP/1.1\r\n{lines}\r\n".encode())
        file = connection.makefile("rb")
        assert file.readline().startswith(b"HTTP/1.1 101 ")
        while file.readline() != b"\r\n":
            pass
        said = [websocket.read_frame(file.read)[1]]
        connection.sendall(websocket.frame(websocket.TEXT, b"and back", mask=True))
        return [*said, websocket.read_frame(file.read)[1]]
