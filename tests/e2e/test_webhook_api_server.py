# SPDX-License-Identifier: Apache-2.0
"""The webhook behind an API server that verifies it as a real one does."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import ssl
import subprocess
import urllib.parse

import manifests
import proxy as proxy_module
import pytest
from proxy import wait_until
from test_webhook import make_webhook, webhook  # noqa: F401


class ApiServer:
    """etcd and kube-apiserver on loopback, for an administrator with a token."""

    TOKEN = "administrator"

    def __init__(self, directory):
        self.directory = directory
        self.processes = []
        self.port = proxy_module.free_port()
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def start(self):
        etcd, peer = proxy_module.free_port(), proxy_module.free_port()
        (self.directory / "tokens").write_text(f"{self.TOKEN},admin,1,system:masters\n")
        key = self.directory / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        self._run(
            os.environ["ETCD"],
            f"--data-dir={self.directory}/etcd",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
        )
        self._run(
            os.environ["KUBE_APISERVER"],
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self.directory}/certificates",
            f"--token-auth-file={self.directory}/tokens",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://localhost",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            "--disable-admission-plugins=ServiceAccount",
        )
        wait_until(self._is_ready, 60, "the API server")
        return self

    def _run(self, *command):
        log = open(self.directory / f"{os.path.basename(command[0])}.log", "wb")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        log.close()

    def _is_ready(self):
        with contextlib.suppress(OSError):
            return self.ask("GET", "/readyz")[0] == 200
        return False

    def ask(self, method, path, document=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context)
        headers = {"Authorization": f"Bearer {self.TOKEN}", "Content-Type": "application/json"}
        with contextlib.closing(connection):
            connection.request(method, path, document and json.dumps(document), headers)
            reply = connection.getresponse()
            text = reply.read().decode()
        return reply.status, json.loads(text) if text.startswith("{") else text

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                process.kill()


def configuration(kind, path, webhook, ca):
    """A webhook's configuration for pods and services."""
    url = urllib.parse.urlunsplit(("https", f"localhost:{webhook.port}", path, "", ""))
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"]}
    resources = ["pods", "services"] if path == "/mutate" else ["pods", "pods/ephemeralcontainers"]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "workspace-proxy"},
        "webhooks": [
            {
                "name": f"{path[1:]}.workspace-proxy.io",
                "clientConfig": {"url": url, "caBundle": base64.b64encode(ca).decode()},
                "rules": [{**rule, "resources": resources}],
                "objectSelector": {"matchLabels": {manifests.LABEL: "true"}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 5,
            }
        ],
    }


def test_a_real_api_server(make_webhook, certificates, tmp_path):
    missing = [name for name in ("KUBE_APISERVER", "ETCD") if not shutil.which(os.environ.get(name, ""))]
    if missing:
        pytest.skip(f"{' and '.join(missing)} must name the binaries of an API server and its store")
    cert, key = certificates.issue("webhook", names="DNS:localhost")
    webhook = make_webhook(TLS_CERT_FILE=cert, TLS_KEY_FILE=key, DRAIN_TIMEOUT="200ms")
    with open(certificates.ca, "rb") as file:
        ca = file.read()
    server = ApiServer(tmp_path)
    try:
        server.start()
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ws"}}
        assert server.ask("POST", "/api/v1/namespaces", namespace)[0] == 201
        for kind, path in (
            ("MutatingWebhookConfiguration", "/mutate"),
            ("ValidatingWebhookConfiguration", "/validate"),
        ):
            url = f"/apis/admissionregistration.k8s.io/v1/{kind.lower()}s"
            status, text = server.ask("POST", url, configuration(kind, path, webhook, ca))
            assert status == 201, text
        pods = "/api/v1/namespaces/ws/pods"

        def is_denied():  # the configuration takes a moment to be seen
            bad = manifests.pod(name="plum", image="evil:1")
            return server.ask("POST", pods + "?dryRun=All", bad)[0] == 422

        wait_until(is_denied, 30, "the webhook's configuration")
        status, made = server.ask("POST", pods, manifests.full_pod())
        assert status == 201, made
        assert made["spec"]["initContainers"][1]["name"] == manifests.SIDECAR
        shell = {"name": "shell", "image": "shell:1", "targetContainerName": manifests.SIDECAR}
        changed = {**made, "spec": {**made["spec"], "ephemeralContainers": [shell]}}
        status, text = server.ask("PUT", f"{pods}/kiwi/ephemeralcontainers", changed)
        assert status == 422 and "targetContainerName" in json.dumps(text), text
        label = made["metadata"]["labels"].pop(manifests.LABEL)
        assert label == "true"
        status, text = server.ask("PUT", f"{pods}/kiwi", made)
        assert status == 422 and "keeps it" in json.dumps(text), text
        status, made = server.ask("POST", "/api/v1/namespaces/ws/services", manifests.service())
        assert status == 201 and made["spec"]["ports"][0]["targetPort"] == 8443, made
    finally:
        server.stop()
