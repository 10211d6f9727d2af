# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy cluster-check`: a cluster in which all is well, and each thing that can be wrong."""

import base64
import contextlib
import copy
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading

import fast_yaml
import lean_http
import manifests
import pytest
from proxy import PATIENCE_S, ROOT, binary, environment_for, run, sanitizer_report

SERVICE = "workspace-proxy-webhook.workspace-proxy"
IMAGE = "registry.example.com/workspace-proxy:0.1.0"
LISTS = {
    "nodes": "Node",
    "namespaces": "Namespace",
    "pods": "Pod",
    "replicasets": "ReplicaSet",
    "networkpolicies": "NetworkPolicy",
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
    "deployments": "Deployment",
    "services": "Service",
    "configmaps": "ConfigMap",
    "endpointslices": "EndpointSlice",
}


def encoded(path):
    return base64.b64encode(path.read_bytes()).decode()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """The manifests as a cluster has them, with a workspace, by kind and name."""
    folder = tmp_path_factory.mktemp("webhook")
    bundle = run(["webhook-certs", SERVICE, str(folder)]).stdout.strip()
    objects = []
    for name in ("ingress", "example"):
        with open(os.path.join(ROOT, "container/kubernetes/rendered", f"{name}.yaml")) as file:
            objects += [d for d in fast_yaml.load_all(file) if d]
    for one in objects:
        for hook in one.get("webhooks", []):
            hook["clientConfig"]["caBundle"] = bundle
        if one["kind"] == "Deployment":
            one["status"] = {"replicas": 2, "availableReplicas": 2, "updatedReplicas": 2}
        if one["kind"] == "Secret" and one["metadata"]["name"] == "workspace-proxy-webhook-tls":
            one["data"] = {"tls.crt": encoded(folder / "tls.crt"), "tls.key": encoded(folder / "tls.key")}
    (workload,) = [d for d in objects if d["kind"] == "Deployment" and d["metadata"]["name"] == "kiwi"]
    settings = manifests.SETTINGS | {"INJECT_IMAGE": IMAGE, "INJECT_SECRET": "workspace-proxy-{name}"}
    injected = json.loads(run(["inject"], settings, input=json.dumps(workload)).stdout)["items"][0]
    template = injected["spec"]["template"]
    metadata = template["metadata"] | {"name": "kiwi-1", "namespace": "workspaces"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    labels = {"kubernetes.io/service-name": "workspace-proxy-webhook"}
    objects += [
        pod,
        {"kind": "Node", "metadata": {"name": "one"}, "status": {"nodeInfo": {"kubeletVersion": "v1.29.4"}}},
        {
            "kind": "EndpointSlice",
            "metadata": {"name": "webhook-x", "namespace": "workspace-proxy", "labels": labels},
            "endpoints": [{"conditions": {"ready": True}}],
        },
        {
            "kind": "ReplicaSet",
            "metadata": {"name": "kiwi-1", "namespace": "workspaces", "labels": {manifests.LABEL: "true"}},
            "status": {"conditions": []},
        },
    ]
    for name, space in (
        ("workspace-proxy-relay", "workspace-proxy"),
        ("workspace-proxy-relay-tls", "workspace-proxy"),
        ("workspace-proxy-kiwi", "workspaces"),
        ("workspace-proxy-tls", "workspaces"),
    ):
        objects.append({"kind": "Secret", "metadata": {"name": name, "namespace": space}, "data": {}})
    return {(d["kind"], d["metadata"]["name"]): d for d in objects}


@pytest.fixture
def cluster(healthy):
    return copy.deepcopy(healthy)


def check(cluster, *arguments, code, version="v1.36.3"):
    texts = [{"kind": "List", "items": list(cluster.values())}]
    command = ["cluster-check", "--offline", "-f", "-", *arguments]
    ran = run(command, input=json.dumps(texts[0]))
    assert sanitizer_report(ran.stderr) is None, ran.stderr
    assert ran.returncode == code, (ran.returncode, ran.stdout, ran.stderr)
    return ran.stdout


def test_all_is_well(cluster, tmp_path):
    (tmp_path / "version").write_text(json.dumps({"serverVersion": {"gitVersion": "v1.36.3"}}))
    assert check(cluster, "-f", str(tmp_path / "version"), code=0) == "0 problems, 0 notes, 0 not checked\n"


def remove(kind, name):
    return lambda cluster: cluster.pop((kind, name))


def change(kind, name, edit):
    return lambda cluster: edit(cluster[kind, name])


def set_hook(field, value):
    return lambda one: one["webhooks"][0].update({field: value})


def set_bundle(value):
    return lambda one: one["webhooks"][0]["clientConfig"].update(caBundle=value)


def set_tls(value):
    return lambda one: one["data"].update({"tls.crt": base64.b64encode(value.encode()).decode()})


MUTATING = "MutatingWebhookConfiguration"
FAULTS = {
    "an old node": (
        change("Node", "one", lambda n: n["status"]["nodeInfo"].update(kubeletVersion="v1.28.9-gke.1")),
        "Node/one: kubelet v1.28.9-gke.1: native sidecars need Kubernetes 1.29",
    ),
    "no configuration": (remove(MUTATING, "workspace-proxy"), "so nothing is injected"),
    "fail open": (change(MUTATING, "workspace-proxy", set_hook("failurePolicy", "Ignore")), "is not Fail"),
    "no bundle": (change(MUTATING, "workspace-proxy", set_bundle("")), "caBundle has no certificate"),
    "garbage": (change(MUTATING, "workspace-proxy", set_bundle("Z2FyYmFnZQ==")), "caBundle has no certificate"),
    "no certificate": (change("Secret", "workspace-proxy-webhook-tls", set_tls("")), "there is no certificate"),
    "no service": (remove("Service", "workspace-proxy-webhook"), "there is no Service workspace-proxy-webhook"),
    "no endpoint": (
        change("EndpointSlice", "webhook-x", lambda e: e.update(endpoints=[{"conditions": {"ready": False}}])),
        "has no endpoint that is ready",
    ),
    "no replica": (
        change("Deployment", "workspace-proxy-relay", lambda d: d.update(status={})),
        "Deployment/workspace-proxy/workspace-proxy-relay: no replica is available",
    ),
    "no relay": (remove("Deployment", "workspace-proxy-relay"), "workspace-proxy-relay: does not exist"),
    "a label that means nothing": (
        change("Namespace", "workspaces", lambda n: n["metadata"].update(labels={manifests.LABEL: "true"})),
        'Namespace/workspaces: label workspace-proxy.io/inject: "true" has no effect: expected enabled',
    ),
    "no policy": (remove("NetworkPolicy", "workspaces"), "no NetworkPolicy restricts access to workspaces to the sidecar's port"),
    "no secret": (remove("Secret", "workspace-proxy-kiwi"), "Pod/workspaces/kiwi-1: there is no Secret"),
    "no sidecar": (
        change("Pod", "kiwi-1", lambda p: p["spec"].update(initContainers=[])),
        "Pod/workspaces/kiwi-1: has the label, but no sidecar",
    ),
    "a container that waits": (
        change(
            "Pod",
            "kiwi-1",
            lambda p: p.update(
                status={
                    "initContainerStatuses": [
                        {
                            "name": "workspace-proxy",
                            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "b\x1b[1m"}},
                        }
                    ]
                }
            ),
        ),
        "the sidecar waits: CrashLoopBackOff: b?[1m",
    ),
    "pods that can't be made": (
        change(
            "ReplicaSet",
            "kiwi-1",
            lambda r: r.update(
                status={"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "denied the request"}]}
            ),
        ),
        "ReplicaSet/workspaces/kiwi-1: its pods can't be created: denied the request",
    ),
}


def policy_of(cluster):
    (name,) = [n for (k, n), d in cluster.items() if k == "NetworkPolicy" and d["metadata"]["namespace"] == "workspaces"]
    return name


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault(cluster, fault):
    spoil, expected = FAULTS[fault]
    if fault == "no policy":
        spoil = remove("NetworkPolicy", policy_of(cluster))
    spoil(cluster)
    assert expected in check(cluster, code=1)


def test_no_policy_where_the_first_pod_has_no_sidecar(cluster):
    bare = copy.deepcopy(cluster["Pod", "kiwi-1"])
    bare["metadata"]["name"] = "kiwi-0"
    bare["spec"]["initContainers"] = []
    del cluster["NetworkPolicy", policy_of(cluster)]
    said = check({("Pod", "kiwi-0"): bare} | cluster, code=1)
    assert said.count("Namespace/workspaces: no NetworkPolicy restricts access to workspaces to the sidecar's port") == 1, said


def test_another_authority(cluster, tmp_path):
    other = run(["webhook-certs", SERVICE, str(tmp_path)]).stdout.strip()
    set_bundle(other)(cluster[MUTATING, "workspace-proxy"])
    said = check(cluster, code=1)
    assert "caBundle does not verify the certificate in Secret/workspace-proxy/workspace-proxy-webhook-tls" in said


def test_a_certificate_for_another_service(cluster, tmp_path):
    bundle = run(["webhook-certs", "other.workspace-proxy", str(tmp_path)]).stdout.strip()
    for kind in (MUTATING, "ValidatingWebhookConfiguration"):
        for hook in cluster[kind, "workspace-proxy"]["webhooks"]:
            hook["clientConfig"]["caBundle"] = bundle
    cluster["Secret", "workspace-proxy-webhook-tls"]["data"]["tls.crt"] = encoded(tmp_path / "tls.crt")
    assert "is not for workspace-proxy-webhook.workspace-proxy.svc" in check(cluster, code=1)


def test_old_sidecars(cluster):
    pod = cluster["Pod", "kiwi-1"]
    assert check(cluster, "--old-sidecars", code=0) == ""
    for image, said in ((IMAGE + "@sha256:" + "0" * 64, ""), ("registry.example.com/workspace-proxy:0.0.9", "0.0.9")):
        for container in pod["spec"]["initContainers"]:
            container["image"] = image
        listed = check(cluster, "--old-sidecars", code=0)
        assert (listed == "") == (said == "") and said in listed
    assert listed == "workspaces/kiwi-1\tregistry.example.com/workspace-proxy:0.0.9\n"
    assert "note: Pod/workspaces/kiwi-1: has an old sidecar" in check(cluster, code=0)


def test_what_is_not_seen_is_said(cluster):
    kept = {key: d for key, d in cluster.items() if key[0] in (MUTATING, "ValidatingWebhookConfiguration")}
    said = check(kept, code=0)
    for what in ("the API server's version", "versions of nodes", "labels of namespaces", "whether secrets exist"):
        assert f"not checked: {what}" in said, said


def test_usage(tmp_path):
    for arguments in (["--api"], ["-f"], ["x"], ["--api", "http://127.0.0.1:1", "-f", "-"], ["--account", "/", "-f", "-"]):
        assert run(["cluster-check", *arguments]).returncode == 2, arguments
    assert "Exit codes" in run(["cluster-check", "--help"]).stdout
    for text in ("", "[]", "{}", "{", '{"kind":"List","items":[7]}'):
        ran = run(["cluster-check", "--offline", "-f", "-"], input=text)
        assert ran.returncode == 3 and ran.stdout == "" and ran.stderr, (text, ran)
    ran = run(["cluster-check", "-f", str(tmp_path / "none")])
    assert ran.returncode == 3 and "none" in ran.stderr
    ran = run(["cluster-check", "--api", "http://127.0.0.1:1", "--offline"])
    assert ran.returncode == 3 and "http://127.0.0.1:1" in ran.stderr


# Through the API


@contextlib.contextmanager
def api_server(cluster, answer, certificates=None, token=None, refused=("nodes",)):
    """As `kubectl proxy`; with certificates and a token, as API servers are in a pod. answer: (status, message) for a pod
    with the label. refused: ends of paths that may not be read."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def _reply(self, status, document):
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self):
            asked.append(self.path)
            if token and self.headers["Authorization"] != f"Bearer {token}":
                self._reply(401, {"kind": "Status"})
                return
            parts = self.path.partition("?")[0].split("/")
            if "/".join(parts).endswith(refused):
                self._reply(403, {"kind": "Status"})
            elif self.path == "/version":
                self._reply(200, {"gitVersion": "v1.36.3"})
            elif parts[-2] == "secrets":
                found = cluster.get(("Secret", parts[-1]))
                self._reply(200 if found else 404, found or {"kind": "Status"})
            else:
                kind = LISTS[parts[-1]]
                items = [{k: v for k, v in d.items() if k != "kind"} for (x, _), d in cluster.items() if x == kind]
                self._reply(200, {"kind": f"{kind}List", "items": items})

        def do_POST(self):
            asked.append(self.path)
            pod = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert pod["metadata"]["labels"] == {manifests.LABEL: "true"}
            self._reply(answer[0], {"kind": "Status", "message": answer[1]})

    server = lean_http.Server(("127.0.0.1", 0), Handler)
    if certificates:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.cert, certificates.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if certificates else ''}://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "answer, code, expected",
    [
        (
            (422, 'admission webhook "inject.workspace-proxy.io" denied the request: workspace-proxy: annotation …'),
            0,
            "0 problems, 0 notes, 2 not checked",
        ),
        ((201, ""), 1, "the API server does not call it"),
        ((500, 'failed calling webhook "inject.workspace-proxy.io": context deadline exceeded'), 1, "deadline exceeded"),
        ((403, 'pods is forbidden: User "x" cannot create resource "pods"'), 0, "3 not checked"),
    ],
)
def test_through_the_api(cluster, answer, code, expected):
    with api_server(cluster, answer) as (url, asked):
        ran = run(["cluster-check", "--api", url, "--offline"])
    assert ran.returncode == code and expected in ran.stdout, (ran.stdout, ran.stderr)
    assert "/api/v1/nodes: no permission to read it" in ran.stdout
    assert "/api/v1/namespaces/workspaces/secrets/workspace-proxy-kiwi" in asked
    assert "/api/v1/namespaces/default/pods?dryRun=All" in asked


DENIED = (422, "admission webhook denied the request: workspace-proxy: annotation …")
NAMED_SECRETS = ("secrets/workspace-proxy-kiwi", "secrets/workspace-proxy-webhook-tls")


@pytest.mark.parametrize("refused", ["/version", *LISTS, *NAMED_SECRETS])
def test_what_may_not_be_read_is_no_problem(cluster, refused):
    with api_server(cluster, DENIED, refused=(refused,)) as (url, _):
        ran = run(["cluster-check", "--api", url, "--offline"])
    assert ran.returncode == 0 and "\n0 problems, " in ran.stdout, (ran.stdout, ran.stderr)
    said = ran.stdout.replace("?labelSelector=workspace-proxy.io%2Finject", "")
    assert f"{refused}: no permission to read it" in said


def test_nothing_may_be_read(cluster):
    with api_server(cluster, DENIED, refused=("",)) as (url, _):
        ran = run(["cluster-check", "--api", url, "--offline"])
    assert ran.returncode == 0 and "\n0 problems, 0 notes, " in ran.stdout, (ran.stdout, ran.stderr)
    for kind in (MUTATING, "ValidatingWebhookConfiguration"):
        assert f"not checked: whether there is a {kind}" in ran.stdout


def test_all_secrets_are_missing(cluster):
    kept = {key: d for key, d in cluster.items() if key[0] != "Secret"}
    with api_server(kept, DENIED, refused=()) as (url, _):
        ran = run(["cluster-check", "--api", url, "--offline"])
    assert ran.returncode == 1, (ran.stdout, ran.stderr)
    assert "Pod/workspaces/kiwi-1: there is no Secret workspace-proxy-kiwi" in ran.stdout


def test_a_secret_of_many_pods_is_asked_for_once(cluster):
    other = copy.deepcopy(cluster["Pod", "kiwi-1"])
    other["metadata"]["name"] = "kiwi-2"
    cluster["Pod", "kiwi-2"] = other
    with api_server(cluster, DENIED, refused=NAMED_SECRETS) as (url, asked):
        assert run(["cluster-check", "--api", url, "--offline"]).returncode == 0
    assert len(asked) == len(set(asked)), asked


@pytest.fixture
def account(tmp_path, certificates):
    (tmp_path / "token").write_text("a-token\n")
    shutil.copy(certificates.ca, tmp_path / "ca.crt")
    return tmp_path


def run_with(variables, *arguments):
    """Variables without our prefix."""
    return subprocess.run(
        [binary(), *arguments], env=environment_for({}) | variables, capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_in_a_pod(cluster, certificates, account):
    """The kubelet's variables name the API server; the account's token and authority are used there."""
    with api_server(cluster, DENIED, certificates, "a-token") as (url, _):
        host, _, port = url.removeprefix("https://").partition(":")
        pod = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        command = ["cluster-check", "--account", str(account), "--offline"]
        ran = run_with(pod, *command)
        assert ran.returncode == 0 and "0 problems, 0 notes, 2 not checked" in ran.stdout, (ran.stdout, ran.stderr)
        named = run([*command, "--api", url])
        assert named.stdout == ran.stdout
        without = run_with(pod, "cluster-check", "--offline")
    assert without.returncode == 3 and "/var/run/secrets/kubernetes.io/serviceaccount/token" in without.stderr


def test_an_account_that_is_not_known(cluster, certificates, account):
    (account / "token").write_text("another")
    with api_server(cluster, DENIED, certificates, "a-token") as (url, asked):
        ran = run(["cluster-check", "--api", url, "--account", str(account), "--offline"])
        assert ran.returncode == 3 and "rejects the credentials (status 401)" in ran.stderr and ran.stdout == "", ran.stderr
        assert asked == ["/version"]
        (account / "ca.crt").write_text("")
        assert run(["cluster-check", "--api", url, "--account", str(account), "--offline"]).returncode == 3
    (account / "token").write_text("")
    ran = run(["cluster-check", "--api", url, "--account", str(account), "--offline"])
    assert ran.returncode == 3 and str(account / "token") in ran.stderr


def test_sites(cluster):
    """A relay and a zone that have no address."""
    name = next(n for k, n in cluster if k == "ConfigMap" and n.startswith("workspace-proxy-webhook"))
    data = cluster["ConfigMap", name]["data"]
    data["WORKSPACE_PROXY_RELAY_URL"] = "https://127.0.0.1:1"
    data["WORKSPACE_PROXY_INJECT_ZONE"] = "ws.invalid"
    text = json.dumps({"kind": "List", "items": list(cluster.values())})
    ran = run(["cluster-check", "-f", "-"], input=text)
    assert ran.returncode == 1 and "https:/127.0.0.1:1: " in ran.stdout
    assert any(line.startswith("https:/check-") and ".ws.invalid: " in line for line in ran.stdout.splitlines())
