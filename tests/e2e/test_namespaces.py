# SPDX-License-Identifier: Apache-2.0
"""Namespaces in which all pods get the sidecar, with settings of their own, which the webhook reads."""

import base64
import concurrent.futures
import json
import time

import manifests
import pytest
from proxy import wait_until
from test_webhook_certificate import api, make_replica  # noqa: F401

SETTINGS = "/api/v1/namespaces/{}/configmaps/workspace-proxy-inject"
READS = "workspace_proxy_webhook_namespace_reads_total"


@pytest.fixture
def webhook(make_replica):  # noqa: F811
    replica = make_replica(WEBHOOK_NAMESPACE_CONFIG_MAP="workspace-proxy-inject", DRAIN_TIMEOUT="200ms")
    wait_until(replica.is_ready)
    return replica


def unlabelled(name="kiwi", namespace="ws", **annotations):
    pod = manifests.pod(name, **annotations)
    del pod["metadata"]["labels"][manifests.LABEL]
    pod["metadata"]["namespace"] = namespace
    return pod


def ask(webhook, document, path="/mutate/namespace", **more):
    body = json.dumps(manifests.review(document, namespace=document["metadata"]["namespace"], **more))
    status, text = webhook.ask("POST", path, body)
    assert status == 200, (status, text)
    return json.loads(text)["response"]


def why_not(webhook, document, **more):
    response = ask(webhook, document, **more)
    assert not response["allowed"], response
    return response["status"]["message"]


def changed(webhook, document, tmp_path):
    response = ask(webhook, document)
    assert response["allowed"], response
    patch = json.loads(base64.b64decode(response.get("patch", "W10=")))
    return manifests.kubectl_patch(document, patch, tmp_path)


def put(api, namespace, **data):  # noqa: F811
    data = {name.replace("_", "-"): value for name, value in data.items()}
    document = {"metadata": {"name": "workspace-proxy-inject", "namespace": namespace}, "data": data}
    api.put(SETTINGS.format(namespace), document)


def reads(webhook, outcome):
    return webhook.figure(f'{READS}{{outcome="{outcome}"}}')


@pytest.mark.skipif(not manifests.has_kubectl(), reason="needs kubectl")
def test_a_pod_without_a_label(api, webhook, tmp_path):  # noqa: F811
    put(api, "ws", ide_env="HOST=127.0.0.1", cpu_limit="3")
    pod = changed(webhook, unlabelled(), tmp_path)
    assert pod["metadata"]["labels"][manifests.LABEL] == "true"
    assert pod["metadata"]["annotations"][manifests.PREFIX + "cpu-limit"] == "3"
    (sidecar,) = [c for c in pod["spec"]["initContainers"] if c["name"] == manifests.SIDECAR]
    assert sidecar["resources"]["limits"]["cpu"] == "3"
    assert {"name": "HOST", "value": "127.0.0.1"} in pod["spec"]["containers"][0]["env"]
    # What came out is valid for everybody, without the settings, and is not changed again.
    assert ask(webhook, pod, path="/validate")["allowed"]
    assert changed(webhook, pod, tmp_path) == pod
    assert not ask(webhook, unlabelled(), path="/validate/namespace")["allowed"]


@pytest.mark.skipif(not manifests.has_kubectl(), reason="needs kubectl")
def test_a_pod_says_otherwise(api, webhook, tmp_path):  # noqa: F811
    put(api, "ws", cpu_limit="3")
    pod = changed(webhook, unlabelled(cpu_limit="2"), tmp_path)
    assert pod["metadata"]["annotations"][manifests.PREFIX + "cpu-limit"] == "2"
    out = unlabelled()
    out["metadata"]["labels"][manifests.LABEL] = "false"
    assert changed(webhook, out, tmp_path) == out


@pytest.mark.parametrize("name", ["authorization", "image", "secret", "users", "sidecar_user", "name"])
def test_a_namespace_can_not_set(api, webhook, name):  # noqa: F811
    put(api, "ws", **{name: "public"})
    assert f"settings of the namespace: {name.replace('_', '-')}: unknown setting" in why_not(webhook, unlabelled())


def test_settings_are_read_once_for_a_while(api, webhook):  # noqa: F811
    put(api, "one", cpu_limit="3")
    for _ in range(3):
        assert ask(webhook, unlabelled(namespace="one"))["allowed"]
        assert ask(webhook, unlabelled(namespace="two"))["allowed"]
    assert api.count(path=SETTINGS.format("one")) == 1 and reads(webhook, "found") == 1
    assert api.count(path=SETTINGS.format("two")) == 1 and reads(webhook, "none") == 1
    put(api, "one", cpu_limit="lots")
    wait_until(lambda: not ask(webhook, unlabelled(namespace="one"))["allowed"], what="the change")


def test_one_answer_is_for_all_who_wait(api, webhook):  # noqa: F811
    api.paused.clear()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(ask, webhook, unlabelled(f"kiwi-{i}")) for i in range(8)]
        wait_until(lambda: api.waiting > 0, what="the question")
        # Nobody else waits for it.
        assert ask(webhook, unlabelled(), path="/mutate")["allowed"]
        assert webhook.is_ready()
        api.paused.set()
        assert all(answer.result()["allowed"] for answer in waiting)
    assert api.count(path=SETTINGS.format("ws")) <= 2


def test_no_pod_without_settings(api, webhook):  # noqa: F811
    """Whatever the API server does, except to say that there are none."""
    began = time.monotonic()
    for fault in (500, 403, 401, "hang"):
        space = f"ws-{fault}"
        api.faults.append(("GET", fault, SETTINGS.format(space)))
        assert "the settings of the namespace can't be read" in why_not(webhook, unlabelled(namespace=space))
        wait_until(lambda space=space: ask(webhook, unlabelled(namespace=space))["allowed"], what="the next look")
    assert time.monotonic() - began < 30
    assert reads(webhook, "failed") == 4
    data = {"ide-env": "A=" + "x" * 20000}
    api.put(SETTINGS.format("large"), {"metadata": {"name": "workspace-proxy-inject"}, "data": data})
    assert "is larger than" in why_not(webhook, unlabelled(namespace="large"))


def test_a_client_who_does_not_wait(api, webhook):  # noqa: F811
    """Its request is forgotten, and the answer is kept for others."""
    api.paused.clear()
    body = json.dumps(manifests.review(unlabelled(), namespace="ws"))
    with webhook.raw_tls() as raw:
        raw.sendall(f"POST /mutate/namespace HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        wait_until(lambda: api.waiting > 0, what="the question")
    api.paused.set()
    assert ask(webhook, unlabelled())["allowed"]


def test_a_service_for_the_workspace(webhook):
    service = manifests.service()
    service["metadata"].pop("labels", None)
    service["metadata"]["namespace"] = "ws"
    service["spec"]["ports"][0]["name"] = "workspace"
    assert "patch" in ask(webhook, service)
    service["spec"]["ports"][0]["name"] = "database"
    assert "patch" not in ask(webhook, service)
