# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy cluster-check` at a real API server: through `kubectl proxy`, and in a pod with a service account."""

import contextlib
import re
import subprocess

import control_plane
import manifests
import pytest
from proxy import run, wait_until
from test_cluster import labelled_pod, namespace  # noqa: F401

JOB = "container/kubernetes/cluster-check/job.yaml"
SPACE = "workspace-proxy"


@contextlib.contextmanager
def kubectl_proxy(cluster):
    """Its URL."""
    command = [control_plane.program("KUBECTL"), f"--kubeconfig={cluster.plane.kubeconfig}", "proxy", "--port=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield "http://" + re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def proxy_url(cluster):
    for component in ("webhook", "relay"):
        cluster.roll_out(f"workspace-proxy-{component}")
    with kubectl_proxy(cluster) as url:
        yield url


def lines_of(output, start):
    return [line for line in output.splitlines() if line.startswith(start)]


def problems(output):
    *lines, summary = output.splitlines()
    found = [line for line in lines if not line.startswith(("note: ", "not checked: "))]
    assert summary.startswith(f"{len(found)} problem"), output
    return found


def test_through_kubectl_proxy(cluster, proxy_url):
    ran = run(["cluster-check", "--api", proxy_url, "--offline"])
    assert ran.returncode == 0 and problems(ran.stdout) == [], (ran.stdout, ran.stderr)
    # This administrator may read everything, and the webhook refuses what it is asked with.
    assert lines_of(ran.stdout, "not checked: ") == []


def test_in_a_pod(cluster):
    cluster.run_steps([f"kubectl apply -f {JOB}"])

    def check():
        pods = cluster.pods(SPACE, "app.kubernetes.io/component=check")
        running = pods and cluster.node.pods.get(pods[0]["metadata"]["uid"])
        return running and running.container.process.poll() is not None and running.container

    container = wait_until(check, 60, "the check in a pod")
    said = container.log.read_text()
    assert container.process.returncode == 0 and problems(said) == [], said
    # Its account reads no secrets, and makes no pods, not even in a dry run.
    for line in lines_of(said, "not checked: "):
        assert "/secrets/" in line or "whether" in line, said
    assert f"/{SPACE}/secrets/workspace-proxy-webhook-tls: no permission to read it" in said
    cluster.kubectl("-n", SPACE, "wait", "--for=condition=complete", "job/workspace-proxy-check", "--timeout=60s")
    cluster.run_steps([f"kubectl delete -f {JOB}"])


def test_what_is_wrong(cluster, proxy_url, namespace):  # noqa: F811
    path = f"/api/v1/namespaces/{namespace}"
    cluster.api.patch(path, {"metadata": {"labels": {manifests.LABEL: "true"}}})
    cluster.api.create(f"{path}/pods", labelled_pod("kiwi", namespace))
    ran = run(["cluster-check", "--api", proxy_url, "--offline"])
    found = "\n".join(problems(ran.stdout))
    assert ran.returncode == 1
    for expected in (
        f'Namespace/{namespace}: label workspace-proxy.io/inject: "true" has no effect',
        f"Pod/{namespace}/kiwi: there is no Secret",
        f"Namespace/{namespace}: no NetworkPolicy restricts access to workspaces to the sidecar's port",
    ):
        assert expected in found, ran.stdout
    listed = run(["cluster-check", "--api", proxy_url, "--old-sidecars"])
    assert (listed.returncode, listed.stdout) == (0, "")
