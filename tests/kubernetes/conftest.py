# SPDX-License-Identifier: Apache-2.0
"""One cluster for all tests here, with webhook and relay installed by the commands of docs/kubernetes.md."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))

import cert_manager  # noqa: E402
import certificates  # noqa: E402
import control_plane  # noqa: E402
import network  # noqa: E402
import outside  # noqa: E402
from node import Node  # noqa: E402
from proxy import ROOT, binary  # noqa: E402


def documented_steps():
    """The commands of the installation."""
    with open(os.path.join(ROOT, "docs", "kubernetes.md")) as file:
        installation = file.read().partition("## Rotation")[0]
    return re.findall(r"^```sh\n(.*?)^```$", installation, re.M | re.S)


def definition(group, version, kind, scope):
    """A kind that takes whatever is written: its controller is not here."""
    plural = kind.lower() + "s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


class Cluster:
    """plane, node, and a folder in which an operator works."""

    def __init__(self, directory):
        self.plane = control_plane.ControlPlane(directory)
        self.api = self.plane.api
        self.kubectl = self.plane.kubectl
        self.work = directory / "work"
        self.sites = certificates.Authority(directory / "sites", "Sites")  # whose certificates browsers see
        outside.write_etc(directory / "etc", self.sites.file)
        self.node = Node(self.plane, directory / "node", directory / "etc")
        self.cert_manager = cert_manager.CertManager(self.plane, directory / "issuer")
        self._programs = directory / "bin"

    def start(self):
        self.plane.start()
        self.node.start()
        definitions = [json.dumps(definition(*kind)) for kind in cert_manager.KINDS]
        self.kubectl("apply", "-f", "-", stdin="\n---\n".join(definitions))
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        self.cert_manager.start()
        self._prepare_operator()
        return self

    def stop(self):
        try:
            self.cert_manager.stop()
            self.node.stop()
        finally:
            self.plane.stop()

    def add_program(self, name, path):
        """For the operator's commands."""
        (self._programs / name).symlink_to(os.path.abspath(path))

    def run_steps(self, commands):
        environment = {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "HOME": str(self.work),
            "EDITOR": "true",
            "KUBECONFIG": self.plane.kubeconfig,
        }
        ran = subprocess.run(
            ["bash", "-c", "set -euo pipefail\n" + "\n".join(commands)],
            cwd=self.work,
            env=environment,
            input="the secret\n",
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stderr

    def pods(self, namespace, selector):
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
        return self.api.get(path)["items"]

    def roll_out(self, name):
        self.kubectl("-n", "workspace-proxy", "rollout", "status", f"deployment/{name}", "--timeout=120s")

    def _prepare_operator(self):
        self._programs.mkdir()
        self.add_program("kubectl", control_plane.program("KUBECTL"))
        self.add_program("workspace-proxy", binary())
        shutil.copytree(
            os.path.join(ROOT, "container", "kubernetes"), self.work / "container" / "kubernetes"
        )
        for name, host in (("relay", "relay.example.com"), ("zone", "*.ws.example.com")):
            certificate, key = self.sites.issue(name, names=f"DNS:{host}")
            shutil.copy(certificate, self.work / f"{name}.crt")
            shutil.copy(key, self.work / f"{name}.key")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    missing = control_plane.missing_programs()
    if missing:
        pytest.fail(f"{', '.join(missing)} must name the programs: see tools/kubernetes-binaries")
    network.enter_new_network()
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        cluster.run_steps(documented_steps())
        yield cluster
    finally:
        cluster.stop()
