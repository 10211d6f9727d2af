# SPDX-License-Identifier: Apache-2.0
"""The Helm chart takes the place of what kustomize installed, by the commands of docs/helm.md.

Needs helm 3: HELM names it where it isn't in PATH. These tests come last, because the others need the
installation that they replace.
"""

import os
import re
import shutil

import pytest
from proxy import ROOT, wait_until
from test_cluster import labelled_pod, namespace, sidecar_of  # noqa: F401

HELM = os.environ.get("HELM") or shutil.which("helm")

pytestmark = pytest.mark.skipif(not HELM, reason="NOT CHECKED, because there is no helm (HELM=path): the release")
NAMESPACE = "workspace-proxy"


def documented(kind):
    with open(os.path.join(ROOT, "docs", "helm.md")) as file:
        blocks = re.findall(rf"^( *)```{kind}\n(.*?)^\1```$", file.read(), re.M | re.S)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) + "\n" for indent, text in blocks]


@pytest.fixture(scope="module")
def release(cluster):
    """Installed over the objects of kustomize, which it adopts."""
    (values,) = documented("yaml")
    install, adopt = documented("sh")
    cluster.add_program("helm", HELM)
    shutil.copytree(os.path.join(ROOT, "container", "helm"), cluster.work / "container" / "helm")
    (cluster.work / "values.yaml").write_text(values)
    cluster.run_steps([adopt, install])
    for component in ("webhook", "relay"):
        cluster.roll_out(f"workspace-proxy-{component}")
    return cluster


def test_workspaces_are_injected(release, namespace):  # noqa: F811
    path = f"/api/v1/namespaces/{namespace}/pods"
    assert sidecar_of(release.api.create(path, labelled_pod("kiwi", namespace)))


def test_one_of_each(release):
    """Adopted, not made a second time; the autoscaler sees to two replicas."""
    for component in ("webhook", "relay"):
        wait_until(lambda: running(release, component) == 2, 120, f"two pods of the {component}")  # noqa: B023
    webhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    assert [item["metadata"]["name"] for item in release.api.get(webhooks)["items"]] == ["workspace-proxy"]


def running(release, component):
    pods = release.pods(NAMESPACE, f"app.kubernetes.io/component={component}")
    return sum("deletionTimestamp" not in pod["metadata"] for pod in pods)
