# SPDX-License-Identifier: Apache-2.0
"""A real control plane: etcd, API server, controller manager and scheduler, without nodes.

ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER and KUBECTL name the programs;
tools/kubernetes-binaries builds them.
"""

import contextlib
import http.client
import json
import os
import shutil
import ssl
import subprocess

import certificates
import network
from proxy import wait_until

PROGRAMS = {
    name.upper().replace("-", "_"): name
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
}
TOKEN = "administrator"
PORT = 6443
URL = f"https://{network.CONTROL_PLANE}:{PORT}"
START_S = 120


def program(variable):
    """The path of a program; None where there is none."""
    return shutil.which(os.environ.get(variable) or PROGRAMS[variable])


def missing_programs():
    return [variable for variable in PROGRAMS if not program(variable)]


class Api:
    """Requests of the administrator, or of whoever has a token."""

    def __init__(self, authority, token=TOKEN):
        self._context = authority.client_context()
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method, path, document=None, kind="application/json"):
        """(status, document)"""
        host, _, port = URL.removeprefix("https://").partition(":")
        connection = http.client.HTTPSConnection(host, int(port), timeout=60, context=self._context)
        body = None if document is None else json.dumps(document)
        with contextlib.closing(connection):
            connection.request(method, path, body, {**self._headers, "Content-Type": kind})
            reply = connection.getresponse()
            text = reply.read().decode()
        return reply.status, json.loads(text) if text.startswith("{") else text

    def get(self, path):
        """Waits where the server asks for patience, as it does for new kinds."""

        def answer():
            status, document = self.ask("GET", path)
            assert status in (200, 429), (path, status, document)
            return document if status == 200 else None

        return wait_until(answer, START_S, path, interval_s=0.2)

    def create(self, path, document):
        status, made = self.ask("POST", path, document)
        assert status == 201, (path, status, made)
        return made

    def patch(self, path, document):
        status, changed = self.ask("PATCH", path, document, "application/merge-patch+json")
        assert status == 200, (path, status, changed)
        return changed


class ControlPlane:
    """directory: its data and logs."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.authority = certificates.Authority(directory / "certificates", "Cluster")
        self.api = Api(self.authority)
        self._processes = []

    def start(self):
        self._write_identity()
        self._run_etcd()
        self._run_api_server()
        wait_until(self._is_ready, START_S, "the API server")
        self._run_controllers()
        wait_until(self._has_service_accounts, START_S, "the controller manager")
        return self

    def kubectl(self, *arguments, stdin=None, check=True):
        """What it printed."""
        command = [program("KUBECTL"), f"--kubeconfig={self.kubeconfig}", *arguments]
        ran = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300)
        if check and ran.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {ran.stderr}")
        return ran.stdout if check else ran

    def stop(self):
        for process in reversed(self._processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                process.kill()
                process.wait()

    @property
    def kubeconfig(self):
        return f"{self.directory}/kubeconfig"

    def _write_identity(self):
        """The administrator's, as a token and as a kubeconfig, and the key that signs service accounts' tokens."""
        with open(f"{self.directory}/tokens", "w") as file:
            file.write(f'{TOKEN},admin,admin,"system:masters"\n')
        cluster = {"server": URL, "certificate-authority": self.authority.file}
        configuration = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        with open(self.kubeconfig, "w") as file:
            json.dump(configuration, file)
        self._key = f"{self.directory}/accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", self._key, "2048"], check=True, capture_output=True)

    def _run(self, variable, *flags):
        with open(f"{self.directory}/{PROGRAMS[variable]}.log", "wb") as log:
            command = [program(variable), *flags]
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def _run_etcd(self):
        self._run(
            "ETCD",
            f"--data-dir={self.directory}/etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
        )

    def _run_api_server(self):
        cert, key = self.authority.issue(
            "apiserver", names=f"IP:{network.CONTROL_PLANE},DNS:kubernetes.default.svc,DNS:localhost"
        )
        self._run(
            "KUBE_APISERVER",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--bind-address={network.CONTROL_PLANE}",
            f"--advertise-address={network.CONTROL_PLANE}",
            f"--secure-port={PORT}",
            f"--tls-cert-file={cert}",
            f"--tls-private-key-file={key}",
            f"--token-auth-file={self.directory}/tokens",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={self._key}",
            f"--service-account-key-file={self._key}",
            # Webhooks are reached at the addresses of their pods, since nothing routes those of Services.
            "--enable-aggregator-routing=true",
            "--enable-admission-plugins=AlwaysPullImages",
            "--max-requests-inflight=0",
        )

    def _run_controllers(self):
        common = [f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1"]
        self._run(
            "KUBE_CONTROLLER_MANAGER",
            *common,
            f"--service-account-private-key-file={self._key}",
            f"--root-ca-file={self.authority.file}",
            # Nodes of these tests send no heartbeats.
            "--controllers=*,-node-lifecycle-controller",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
        self._run("KUBE_SCHEDULER", *common)

    def _is_ready(self):
        for process in self._processes:
            assert process.poll() is None, f"{process.args[0]} exited: see its log in {self.directory}"
        with contextlib.suppress(OSError, ssl.SSLError):
            return self.api.ask("GET", "/readyz")[0] == 200
        return False

    def _has_service_accounts(self):
        return self.api.ask("GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200
