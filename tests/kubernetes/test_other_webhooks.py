# SPDX-License-Identifier: Apache-2.0
"""What an operator's other webhooks add, before and after ours."""

import pytest
from other_webhook import MOUNT, TOLERATE, OtherWebhook
from proxy import wait_until
from test_cluster import labelled_pod, namespace, refused_by_webhook, sidecar_of  # noqa: F401

# Webhooks are called in the order of their configurations' names; ours is workspace-proxy.
NAMES = ["aaa-first", "zzz-last"]


@pytest.fixture(scope="module")
def tolerance(cluster):
    """Sets INJECT_TOLERATE when it is called, and takes it back in the end."""
    setting = "WORKSPACE_PROXY_INJECT_TOLERATE"

    def set_it(value):
        deployment = ["-n", "workspace-proxy", "set", "env", "deployment/workspace-proxy-webhook"]
        cluster.kubectl(*deployment, f"{setting}={value}" if value else f"{setting}-")
        cluster.roll_out("workspace-proxy-webhook")

    yield set_it
    set_it(None)


def other_pod(name, namespace):  # noqa: F811
    pod = labelled_pod("kiwi", namespace)
    pod["metadata"]["labels"]["other"] = name
    return pod


@pytest.mark.parametrize("name", NAMES)
def test_additions_are_refused_where_nobody_lists_them(cluster, namespace, name):  # noqa: F811
    path = f"/api/v1/namespaces/{namespace}/pods"
    with OtherWebhook(cluster.plane, name):
        # The API server follows new configurations after a moment.
        message = wait_until(lambda: try_refused(cluster, path, other_pod(name, namespace)), 60, "a refusal")
        assert "INJECT_TOLERATE" in message


def try_refused(cluster, path, pod):
    """The message of a refusal; deletes a pod that was let in."""
    status, answer = cluster.api.ask("POST", path, pod)
    if status == 201:
        cluster.api.ask("DELETE", f"{path}/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})
        return None
    assert "admission webhook" in answer["message"], answer
    return answer["message"]


@pytest.mark.parametrize("name", NAMES)
def test_listed_additions_are_let_pass(cluster, namespace, tolerance, name):  # noqa: F811
    tolerance(TOLERATE)
    path = f"/api/v1/namespaces/{namespace}/pods"

    def made_with_addition():
        """Replicas that end answer a last request on each connection, as they were configured."""
        status, made = cluster.api.ask("POST", path, other_pod(name, namespace))
        if status != 201:
            assert "INJECT_TOLERATE" in made["message"], made
            return None
        if any(mount["mountPath"] == MOUNT for mount in sidecar_of(made)["volumeMounts"]):
            return made
        cluster.api.ask("DELETE", f"{path}/kiwi", {"gracePeriodSeconds": 0})
        return None

    with OtherWebhook(cluster.plane, name):
        made = wait_until(made_with_addition, 60, "the other webhook")
    assert "AWS_ROLE_ARN" in [entry["name"] for entry in sidecar_of(made)["env"]]
