# SPDX-License-Identifier: Apache-2.0
"""Pods created by many writers at once, while certificates and processes of the webhook change."""

import concurrent.futures
import statistics
import threading
import time

import manifests
from control_plane import Api
from proxy import wait_until
from test_cluster import labelled_pod, namespace, sidecar_of  # noqa: F401

WRITERS = 50
SECRET = "/api/v1/namespaces/workspace-proxy/secrets/workspace-proxy-webhook-tls"
ROTATION_S = 180  # a new authority is trusted for 30 seconds before its use


def create_and_delete(api, pod):
    """(milliseconds, the pod as it was stored)"""
    # Nobody schedules it, so that the webhook's own pods don't wait behind these.
    pod["spec"]["schedulerName"] = "nobody"
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"
    before = time.monotonic()
    made = api.create(path, pod)
    took = (time.monotonic() - before) * 1000
    api.ask("DELETE", f"{path}/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})
    return took, made


def percentiles(times):
    return f"p50 {statistics.median(times):.1f} ms, p99 {statistics.quantiles(times, n=100)[98]:.1f} ms"


def test_what_a_label_costs(cluster, namespace, capsys):  # noqa: F811
    """Prints latencies; the machine's speed decides nothing here."""
    times = {"labelled": [], "unlabelled": []}
    for number in range(200):
        for kind in times:
            pod = labelled_pod(f"{kind}-{number}", namespace)
            if kind == "unlabelled":
                del pod["metadata"]["labels"][manifests.LABEL]
            took, made = create_and_delete(cluster.api, pod)
            assert bool(manifests.LABEL in made["metadata"]["labels"]) == (kind == "labelled")
            times[kind].append(took)
    with capsys.disabled():
        for kind, values in times.items():
            print(f"\n200 creates of {kind} pods: {percentiles(values)}")


def rotate(cluster):
    """As docs/kubernetes.md says; with a lifetime that makes it fast."""
    webhook = ["-n", "workspace-proxy", "set", "env", "deployment/workspace-proxy-webhook"]
    cluster.kubectl(*webhook, "WORKSPACE_PROXY_WEBHOOK_CERTIFICATE_LIFETIME=10m")
    cluster.roll_out("workspace-proxy-webhook")
    first = cluster.api.get(SECRET)["data"]["tls.crt"]
    name = SECRET.rpartition("/")[2]
    cluster.kubectl("-n", "workspace-proxy", "annotate", "secret", name, "workspace-proxy.io/renew=now")
    wait_until(lambda: "next.crt" in cluster.api.get(SECRET)["data"], ROTATION_S, "the next certificate", 0.5)
    yield
    wait_until(lambda: cluster.api.get(SECRET)["data"]["tls.crt"] != first, ROTATION_S, "the rotation", 0.5)
    yield


def test_creates_across_a_rotation_and_restarts(cluster, namespace, capsys):  # noqa: F811
    """50 writers; at least 1,000 creates, and as many as happen until certificates and both replicas were replaced."""
    done = threading.Event()
    counted, times = threading.Semaphore(0), []

    def write(writer):
        number, api = 0, Api(cluster.plane.authority)
        while number < 1000 // WRITERS or not done.is_set():
            took, made = create_and_delete(api, labelled_pod(f"w{writer}-{number}", namespace))
            assert sidecar_of(made), made
            times.append(took)
            counted.release()
            number += 1

    def replace_everything():
        try:
            for _ in rotate(cluster):
                for pod in cluster.pods("workspace-proxy", "app.kubernetes.io/component=webhook"):
                    cluster.kubectl("-n", "workspace-proxy", "delete", "pod", pod["metadata"]["name"], "--timeout=120s")
                    cluster.roll_out("workspace-proxy-webhook")
        finally:
            done.set()

    with concurrent.futures.ThreadPoolExecutor(WRITERS + 1) as pool:
        writers = [pool.submit(write, writer) for writer in range(WRITERS)]
        for _ in range(WRITERS):
            assert counted.acquire(timeout=120), "no pod was created"
        replacing = pool.submit(replace_everything)
        for job in [replacing, *writers]:
            job.result()
    with capsys.disabled():
        print(f"\n{len(times)} creates by {WRITERS} writers: {percentiles(times)}; none failed, none without sidecar")
