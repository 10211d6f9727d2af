# SPDX-License-Identifier: Apache-2.0
"""The webhook and the objects that GitLab's agent makes for a workspace (docs/gitlab-workspaces.md)."""

import json

import manifests
import pytest
from gitlab_workspace import Workspace
from kubernetes_api import apply
from proxy import run
from test_webhook import make_webhook  # noqa: F401

# Of the agent's configuration, and therefore on pods, services and everything else.
ANNOTATIONS = {"workspace-proxy.io/ports": "3000"}


@pytest.fixture
def webhook(make_webhook):  # noqa: F811
    return make_webhook(DRAIN_TIMEOUT="200ms")


def environment(pod):
    (sidecar,) = (c for c in pod["spec"]["initContainers"] if c["name"] == manifests.SIDECAR)
    return {v["name"].removeprefix("WORKSPACE_PROXY_"): v.get("value") for v in sidecar["env"]}


def test_a_pod(webhook):
    pod = Workspace(annotations=ANNOTATIONS).pod()
    changed = apply(pod, webhook.patch(pod))
    settings = environment(changed)
    assert settings["EXTERNAL_URL"] == "https://60001-plum-otter-teal.ws.example.com"
    assert settings["WORKSPACE_ID"] == "993"
    assert settings["UPSTREAM"] == "http://127.0.0.1:60001"
    assert settings["PORTS"] == "3000"
    editor = changed["spec"]["containers"][1]
    assert editor["lifecycle"] == pod["spec"]["containers"][1]["lifecycle"]
    assert not any(v["name"].startswith("GIT_CONFIG") for v in editor["env"])
    assert webhook.admits(changed)
    assert webhook.patch(changed) == []
    assert not webhook.admits(pod)


def test_a_service_is_changed_each_time_it_is_applied(webhook):
    """The agent applies what it knows, again and again: the same is stored each time."""
    service = Workspace(annotations=ANNOTATIONS).service()
    stored = apply(service, webhook.patch(service))
    assert [p["targetPort"] for p in stored["spec"]["ports"]] == [3000, 8443, 60022]
    again = apply(service, webhook.patch(service, operation="UPDATE", oldObject=stored))
    assert again == stored
    assert webhook.patch(stored, operation="UPDATE", oldObject=stored) == []


def test_the_filter_takes_all_objects():
    objects = Workspace(annotations=ANNOTATIONS).objects()
    made = run(["inject"], manifests.SETTINGS, input="\n---\n".join(f"# an object\n{json.dumps(o)}" for o in objects))
    assert made.returncode == 0, made.stderr
    assert "https://60001-plum-otter-teal.ws.example.com" in made.stdout


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.port}}-plum-otter-teal.other.example.com", "is not one label below ws.example.com"),
        ("plum-otter-teal.ws.example.com", "expected {{.port}}-<name>.<zone>"),
    ],
)
def test_another_zone_is_refused(webhook, template, message):
    pod = Workspace().pod()
    pod["metadata"]["annotations"]["workspaces.gitlab.com/host-template"] = template
    refused = webhook.review("/mutate", pod)
    assert not refused["allowed"]
    assert f"workspaces.gitlab.com/host-template: {message}" in refused["status"]["message"]
