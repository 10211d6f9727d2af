# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy webhook` as an API server would use it, and `webhook-certs`.

The last test uses a real API server, where KUBE_APISERVER and ETCD name the binaries.
"""

import base64
import contextlib
import copy
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

import manifests
import proxy as proxy_module
import pytest
from proxy import PATIENCE_S, run, wait_until

SERVICE = "workspace-proxy.operators"
NAME = f"{SERVICE}.svc"


def make_certificates(directory, *arguments):
    """What webhook-certs writes for the service; the caBundle."""
    os.makedirs(directory, exist_ok=True)
    result = run(["webhook-certs", SERVICE, str(directory), *arguments])
    assert result.returncode == 0, result.stderr
    return base64.b64decode(result.stdout).decode()


class Webhook(proxy_module.Proxy):
    """The process; directory has ca.crt, tls.crt and tls.key."""

    def __init__(self, directory, log_file, **settings):
        self.directory = directory
        values = {
            **manifests.SETTINGS,
            "WEBHOOK_ADDRESS": "127.0.0.1:0",
            "TLS_CERT_FILE": directory / "tls.crt",
            "TLS_KEY_FILE": directory / "tls.key",
            **settings,
        }
        super().__init__(values, log_file, arguments=("webhook",))

    def start(self):
        super().start()
        self.wait_for_log(message="listening", listener="webhook")
        return self

    @property
    def port(self):
        return int(self.listeners["webhook"].rpartition(":")[2])

    def connect(self, ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(str(ca or self.directory / "ca.crt"))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        return context.wrap_socket(plain, server_hostname=NAME)

    def ask(self, path, body=None, method=None, ca=None):
        """(status, text)."""
        connection = http.client.HTTPConnection(NAME)
        connection.sock = self.connect(ca)
        with contextlib.closing(connection):
            connection.request(method or ("GET" if body is None else "POST"), path, body)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    def review(self, path, document, **more):
        """The response to an AdmissionReview."""
        status, text = self.ask(path, json.dumps(manifests.review(document, **more)))
        assert status == 200, (status, text)
        answer = json.loads(text)
        assert answer["apiVersion"] == "admission.k8s.io/v1" and answer["kind"] == "AdmissionReview"
        return answer["response"]

    def patch(self, document, **more):
        response = self.review("/mutate", document, **more)
        assert response["allowed"] is True, response
        if "patch" not in response:
            return []
        assert response["patchType"] == "JSONPatch"
        return json.loads(base64.b64decode(response["patch"], validate=True))

    def admits(self, document, **more):
        return self.review("/validate", document, **more)["allowed"]


@pytest.fixture
def make_webhook(tmp_path):
    started = []

    def make(runner=None, **settings):
        directory = tmp_path / f"certificates-{len(started)}"
        make_certificates(directory)
        one = Webhook(directory, tmp_path / f"webhook-{len(started)}.log", **settings)
        one.runner = runner or one.runner
        started.append(one)
        return one.start()

    yield make
    for one in started:
        one.check_end()


@pytest.fixture
def webhook(make_webhook):
    return make_webhook(DRAIN_TIMEOUT="200ms")


def injected(document):
    """The same by the filter."""
    result = run(["inject", "--no-network-policy"], manifests.SETTINGS, input=json.dumps(document))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_pod_on_its_way_through(webhook, tmp_path):
    pod = manifests.full_pod()
    response = webhook.review("/mutate", pod, uid="7a-b", dryRun=True)
    assert response["uid"] == "7a-b"
    patch = webhook.patch(pod)
    assert patch and webhook.admits(pod) is False
    if manifests.has_kubectl():
        assert manifests.kubectl_patch(pod, patch, tmp_path) == injected(pod)
    done = injected(pod)
    assert webhook.patch(done) == []
    assert webhook.admits(done) is True
    assert "/spec/ports/0/targetPort" in [operation["path"] for operation in webhook.patch(manifests.service())]


def test_pods_that_validation_refuses(webhook):
    done = injected(manifests.pod())
    changed = copy.deepcopy(done)
    changed["spec"]["initContainers"][1]["image"] = "evil:1"
    response = webhook.review("/validate", changed)
    assert response["allowed"] is False and response["status"]["code"] == 422
    assert "differs at image" in response["status"]["message"]
    other_git = copy.deepcopy(done)
    helper = next(v for v in other_git["spec"]["containers"][0]["env"] if v["name"] == "GIT_CONFIG_VALUE_1")
    helper["value"] = "/projects/evil"
    assert webhook.admits(other_git) is False
    forged = manifests.pod(status="injected")
    assert webhook.admits(forged) is False
    unlabelled = copy.deepcopy(done)
    del unlabelled["metadata"]["labels"][manifests.LABEL]
    assert webhook.admits(unlabelled) is True
    assert webhook.admits(unlabelled, operation="UPDATE", oldObject=done) is False
    assert webhook.admits(done, operation="UPDATE", oldObject=done) is True
    assert webhook.admits(manifests.pod(), operation="UPDATE", oldObject=unlabelled) is False
    assert webhook.admits(None, operation="DELETE", oldObject=done) is True


def updated(done, **more):
    """An update's arguments, and the pod that it makes."""
    return copy.deepcopy(done), {"operation": "UPDATE", "oldObject": done, **more}


def test_updates_of_a_pod_that_runs(make_webhook):
    webhook = make_webhook(INJECT_IMAGE="registry.example.com/workspace-proxy:2", DRAIN_TIMEOUT="200ms")
    done = injected(manifests.pod())  # with version 1, as other settings had it
    pod, update = updated(done)
    pod["metadata"]["finalizers"] = ["example.com/batch"]
    pod["spec"]["containers"][0]["image"] = "ide:2"
    assert webhook.admits(pod, **update) is True
    for sidecar in pod["spec"]["initContainers"][:2]:
        sidecar["image"] = "registry.example.com/workspace-proxy:2"
    assert webhook.admits(pod, **update) is True
    pod["spec"]["initContainers"][1]["image"] = "evil:1"
    response = webhook.review("/validate", pod, **update)
    assert response["allowed"] is False and "differs at image" in response["status"]["message"]
    pod, update = updated(done, subResource="resize")
    pod["spec"]["initContainers"][1]["resources"]["limits"]["memory"] = "1Mi"
    assert webhook.admits(pod, **update) is False
    assert webhook.admits(pod, **{**update, "subResource": "status"}) is True


def test_containers_for_debugging(webhook):
    done = injected(manifests.pod())
    kept = "workspace-proxy-secret"
    refused = {
        "mounts volume": {"volumeMounts": [{"name": kept, "mountPath": "/x"}]},
        "reads secret": {"envFrom": [{"secretRef": {"name": "workspace-proxy"}}]},
        "reads volume": {"env": [{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": kept, "path": "a", "key": "A"}}}]},
        "targetContainerName": {"targetContainerName": manifests.SIDECAR},
        "runs as user id 65532": {"securityContext": {"runAsUser": 65532}},
        "capability SYS_PTRACE": {"securityContext": {"capabilities": {"add": ["sys_ptrace"]}}},
        "": {"targetContainerName": "ide", "volumeMounts": [{"name": "projects", "mountPath": "/x"}]},
    }
    for said, fields in refused.items():
        pod, update = updated(done, subResource="ephemeralcontainers")
        pod["spec"]["ephemeralContainers"] = [{"name": "debugger", "image": "shell:1", **fields}]
        response = webhook.review("/validate", pod, **update)
        assert response["allowed"] is (said == ""), fields
        assert said in response.get("status", {}).get("message", ""), response
        assert webhook.patch(pod, **update) == []


def test_problems_in_a_pod_are_reported(webhook):
    response = webhook.review("/mutate", manifests.pod(image="evil:1", upstream_prot="1"))
    assert response["allowed"] is False and "patch" not in response
    message = response["status"]["message"]
    assert "image: not allowed by the operator" in message and "did you mean" in message
    pod = manifests.pod(ide_env="HOST=127.0.0.1")
    pod["spec"]["containers"][0]["livenessProbe"] = {"grpc": {"port": 60001}}
    warnings = webhook.review("/mutate", pod)["warnings"]
    assert any("livenessProbe" in warning for warning in warnings)
    assert any("workspace-proxy.io/ide-user" in warning for warning in warnings)


def test_probes_of_an_ide_on_loopback(webhook):
    """What the mutating webhook makes of them, with what the API server adds, is valid; what others make is not."""
    pod = manifests.pod(ide_env="HOST=127.0.0.1")
    pod["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"path": "/healthz", "port": 60001}}
    changed = injected(pod)
    (probe,) = [c["livenessProbe"] for c in changed["spec"]["containers"] if c["name"] == "ide"]
    assert probe == {"httpGet": {"path": "/probe/liveness", "port": 9877, "scheme": "HTTP"}}
    probe.update(timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    assert webhook.review("/validate", changed)["allowed"] is True
    note = manifests.PREFIX + "probes"
    assert changed["metadata"]["annotations"][note] == "liveness=1s,http:60001/healthz"
    changed["metadata"]["annotations"][note] = "liveness=1s,http:22/"
    refused = webhook.review("/validate", changed)
    assert refused["allowed"] is False and "differs" in refused["status"]["message"]


def test_the_allowance_of_the_operator(make_webhook):
    webhook = make_webhook(INJECT_ALLOW="image,secrets", DRAIN_TIMEOUT="200ms")
    assert "other:2" in json.dumps(webhook.patch(manifests.pod(image="other:2", secret="theirs")))


MALFORMED = {
    "": "JSON",
    "{": "JSON",
    "[]": "AdmissionReview",
    "{}": "AdmissionReview",
    '{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}': "AdmissionReview",
    '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}': "uid",
    '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1"}}': "operation",
    '{"a":1,"a":2}': "JSON",
    "[" * 70 + "]" * 70: "deeper",
}


def test_what_is_no_review(webhook):
    for body, said in MALFORMED.items():
        status, text = webhook.ask("/mutate", body, method="POST")
        assert status == 400 and said in text, (body, status, text)
    assert webhook.ask("/mutate", method="GET")[0] == 405
    assert webhook.ask("/other", "{}")[0] == 404
    _, figures = webhook.ask("/metrics")
    assert f'{{webhook="mutate",outcome="malformed"}} {len(MALFORMED)}' in figures


def test_what_is_told_is_documented(webhook):
    with open(os.path.join(proxy_module.ROOT, "docs", "metrics.md")) as file:
        documented = set(re.findall(r"^\| `([a-z_]+)` .* \| (?:webhook|all) \| [^|]+ \|$", file.read(), re.M))
    _, figures = webhook.ask("/metrics")
    assert set(re.findall(r"^# TYPE (\S+)", figures, re.M)) == documented


def test_sizes(webhook):
    pod = manifests.pod()
    pod["metadata"]["annotations"]["padding"] = "x" * (3 * 1024 * 1024)
    assert webhook.patch(pod)
    status, _ = webhook.ask("/mutate", " " * (7 * 1024 * 1024))
    assert status == 413
    wide = manifests.pod()
    wide["metadata"]["annotations"].update({f"key-{i}": "" for i in range(60000)})
    assert webhook.patch(wide), "in time that grows with the size, not with its square"
    many = manifests.pod()
    many["metadata"]["annotations"] = {str(i): "" for i in range(250000)}
    status, text = webhook.ask("/mutate", json.dumps(manifests.review(many)))
    assert status == 400 and "more than" in text
    assert webhook.ask("/ping") == (200, "OK\n")


@pytest.mark.skipif(proxy_module.is_sanitized(), reason="sanitizers take memory of their own")
def test_memory_is_bounded_whatever_is_sent(webhook):
    """Any pod may reach the webhook, and the Deployment's limit is 256 MiB."""
    status, text = webhook.ask("/mutate", "[" + "{}," * 1_900_000 + "{}]")
    assert status == 400 and "more than" in text
    most = 6 * 1024 * 1024
    head = f"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: {most}\r\n\r\n".encode()
    answers, waiting = [], []
    for _ in range(30):
        connection = webhook.connect()
        waiting.append(connection)
        with contextlib.suppress(ConnectionError):
            connection.sendall(head + b" " * (most - 1))
    for connection in waiting[-5:]:
        with contextlib.suppress(ConnectionError):
            answers.append(connection.recv(1000)[:13])
    assert b"HTTP/1.1 503 " in answers
    assert webhook.ask("/ping")[0] == 200
    for connection in waiting:
        connection.close()
    assert webhook.patch(manifests.pod()), "served again"
    with open(f"/proc/{webhook.process.pid}/status") as file:
        (peak,) = [int(line.split()[1]) for line in file if line.startswith("VmHWM:")]
    assert peak < 160 * 1024, "KiB"


def test_connections_that_are_no_use(webhook):
    with socket.create_connection(("127.0.0.1", webhook.port), timeout=PATIENCE_S) as plain:
        plain.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not plain.recv(1000).startswith(b"HTTP")
    half = webhook.connect()
    half.sendall(b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert webhook.ask("/ping")[0] == 200
    half.close()
    waiting = webhook.connect()
    waiting.sendall(b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert waiting.recv(1000).startswith(b"HTTP/1.1 100 ")
    waiting.sendall(b"{}")
    assert waiting.recv(1000).startswith(b"HTTP/1.1 400 ")
    waiting.close()


def served_certificate(webhook):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", webhook.port), timeout=PATIENCE_S) as plain:
        with context.wrap_socket(plain) as connection:
            return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True))


def test_certificates_change_while_it_runs(webhook, tmp_path):
    old = (webhook.directory / "tls.crt").read_text()
    assert served_certificate(webhook) == old
    make_certificates(webhook.directory)
    new = (webhook.directory / "tls.crt").read_text()
    assert new != old
    wait_until(lambda: served_certificate(webhook) == new, what="the new certificate")
    assert webhook.ask("/ping")[0] == 200
    (webhook.directory / "tls.key").write_text("garbage")
    webhook.process.send_signal(signal.SIGHUP)
    webhook.wait_for_log(message="certificate reload failed")
    assert webhook.ask("/ready")[0] == 200
    assert served_certificate(webhook) == new
    _, figures = webhook.ask("/metrics")
    assert 'reloads_total{outcome="failed"}' in figures


def test_rotation_without_a_failed_review(webhook, tmp_path):
    """Clients that trust the printed bundle accept the certificates before and after."""
    first = make_certificates(tmp_path / "next")
    assert first.count("BEGIN CERTIFICATE") == 1
    for name in ("ca.crt", "tls.crt", "tls.key"):
        shutil.copy(tmp_path / "next" / name, webhook.directory / name)
    webhook.process.send_signal(signal.SIGHUP)
    old = (webhook.directory / "tls.crt").read_text()
    wait_until(lambda: served_certificate(webhook) == old, what="the certificate before")
    bundle = tmp_path / "bundle"
    bundle.write_text(make_certificates(tmp_path / "next"))
    assert bundle.read_text().count("BEGIN CERTIFICATE") == 2 and bundle.read_text().endswith(first)
    assert bundle.read_text() == (tmp_path / "next" / "ca.crt").read_text()

    def review():
        return webhook.ask("/ready", ca=bundle)[0]

    assert review() == 200
    for name in ("tls.crt", "tls.key"):
        shutil.copy(tmp_path / "next" / name, webhook.directory / name)
    new = (tmp_path / "next" / "tls.crt").read_text()
    reviews = 0
    while served_certificate(webhook) != new:
        assert review() == 200
        reviews += 1
    assert review() == 200 and reviews > 0
    third = make_certificates(tmp_path / "next")
    assert third.count("BEGIN CERTIFICATE") == 2 and first not in third
    (tmp_path / "next" / "ca.crt").write_text("garbage")
    result = run(["webhook-certs", SERVICE, str(tmp_path / "next")])
    assert result.returncode == 1 and "ca.crt: no certificate" in result.stderr


def test_new_requests_are_answered_for_the_delay(make_webhook):
    """An API server learns late that a pod ends."""
    webhook = make_webhook(DRAIN_TIMEOUT="1h", DRAIN_DELAY="30m")
    webhook.process.send_signal(signal.SIGTERM)
    webhook.wait_for_log(message="draining", delay_ms=1800000)
    for _ in range(3):
        assert webhook.patch(manifests.pod())
    # A second signal ends it at once.
    assert webhook.stop() == 0


def test_end(make_webhook):
    webhook = make_webhook(DRAIN_TIMEOUT="10m")
    half = webhook.connect()
    half.sendall(b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
    assert json.loads(webhook.ask("/ready")[1]) == {"ready": True}
    webhook.process.send_signal(signal.SIGTERM)
    webhook.wait_for_log(message="draining")
    status, text = webhook.ask("/ready")
    assert status == 503 and json.loads(text)["reason"] == "draining"
    assert webhook.patch(manifests.pod())
    half.sendall(b"}")
    assert half.recv(1000).startswith(b"HTTP/1.1 400 ")
    half.close()
    assert webhook.process.wait(PATIENCE_S) == 0


def test_certificates_for_the_service(tmp_path):
    bundle = make_certificates(tmp_path, "--days", "30")
    assert (tmp_path / "ca.crt").read_text() == bundle
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600
    for name in (SERVICE, NAME, f"{NAME}.cluster.local"):
        verify = ["openssl", "verify", "-CAfile", tmp_path / "ca.crt", "-purpose", "sslserver"]
        verify += ["-x509_strict", "-verify_hostname", name, tmp_path / "tls.crt"]
        result = subprocess.run(verify, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    wrong = [[], [SERVICE], ["noservice", "."], ["a.b.c", "."], ["A.b", "."], [SERVICE, ".", "--days", "0"]]
    for arguments in [*wrong, [SERVICE, ".", "--days", "826"], ["a.{name}", "."]]:
        assert run(["webhook-certs", *arguments]).returncode == 2, arguments
    result = run(["webhook-certs", SERVICE, str(tmp_path / "none")])
    assert result.returncode == 1 and "No such file" in result.stderr


def test_settings_that_are_missing(tmp_path):
    result = run(["webhook"], manifests.SETTINGS)
    assert result.returncode == 1 and "TLS_CERT_FILE" in result.stderr
    result = run(["check", "webhook"], {**manifests.SETTINGS, "WEBHOOK_ADDRESS": "off"})
    assert result.returncode == 1 and "WEBHOOK_ADDRESS" in result.stderr
