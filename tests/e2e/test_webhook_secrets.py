# SPDX-License-Identifier: Apache-2.0
"""INJECT_SECRETS=create: the webhook makes the secret of a workspace before its pod is admitted."""

import base64
import contextlib
import http.client
import json
import time

import manifests
import pytest
from gitlab_workspace import Workspace
from kubernetes_api import KubernetesApi, apply
from proxy import PATIENCE_S, run, wait_until
from test_webhook import NAME, make_webhook  # noqa: F401

MASTER_KEY = "0123456789abcdef" * 4
RIGHT = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
CONFIG_MAP = "workspace-proxy-inject"
READ = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": [CONFIG_MAP]}
SETTINGS = {
    "INJECT_SECRETS": "create",
    "INJECT_SECRET": "workspace-proxy-{name}",
    "INJECT_SECRET_KEYS": "cookie-secret,relay-key",
    "INJECT_TLS": "self",
    "RELAY_URL": "https://relay.example.com",
    "RELAY_MASTER_KEY": MASTER_KEY,
    "BROKER": "on",
    "DRAIN_TIMEOUT": "200ms",
}


@pytest.fixture
def api(certificates, tmp_path):
    one = KubernetesApi(certificates, tmp_path, [RIGHT])
    yield one
    one.close()


@pytest.fixture
def webhook(api, make_webhook):  # noqa: F811
    return make_webhook(WEBHOOK_API_URL=api.url, WEBHOOK_ACCOUNT_DIR=api.account, **SETTINGS)


@pytest.fixture
def of_namespaces(api, make_webhook):  # noqa: F811
    """A webhook that asks for the settings of namespaces as well."""
    api.rules.append(READ)
    more = {"WEBHOOK_NAMESPACE_CONFIG_MAP": CONFIG_MAP, "WEBHOOK_ACCOUNT_DIR": api.account}
    return make_webhook(WEBHOOK_API_URL=api.url, **more, **SETTINGS)


def path_of(workspace):
    return f"/api/v1/namespaces/{workspace.namespace}/secrets/workspace-proxy-60001-{workspace.name}"


def create(webhook, workspace, **more):
    """The answer to the review of its pod's creation."""
    return webhook.review("/mutate", workspace.pod(), **{"namespace": workspace.namespace, **more})


def figures(webhook):
    _, text = webhook.ask("/metrics")
    name = "workspace_proxy_webhook_secrets_total{outcome="
    lines = [line.removeprefix(name) for line in text.splitlines() if line.startswith(name)]
    return {line.split('"')[1]: int(line.split()[-1]) for line in lines}


def test_a_secret_is_made_once(api, webhook):
    workspace = Workspace()
    answer = create(webhook, workspace)
    assert answer["allowed"], answer
    secret = api.get(path_of(workspace))
    derived = run(["relay-key", workspace.host], {"RELAY_MASTER_KEY": MASTER_KEY}).stdout.strip()
    assert secret["stringData"]["relay-key"] == derived
    assert len(base64.urlsafe_b64decode(secret["stringData"]["cookie-secret"] + "=")) == 32
    assert set(secret["stringData"]) == {"cookie-secret", "relay-key"}
    assert secret["metadata"]["annotations"] == {"workspace-proxy.io/host": workspace.host}
    # Its pod mounts it.
    pod = apply(workspace.pod(), json.loads(base64.b64decode(answer["patch"])))
    names = [v["secret"]["secretName"] for v in pod["spec"]["volumes"] if "secret" in v]
    assert names == [secret["metadata"]["name"]]
    # The next pod of the workspace, and this one when the webhook is asked again.
    assert create(webhook, workspace)["allowed"]
    assert webhook.review("/mutate", pod, namespace=workspace.namespace)["allowed"]
    assert api.get(path_of(workspace)) == secret
    assert figures(webhook) == {"created": 1, "existing": 2, "failed": 0}
    assert webhook.review("/validate", pod, namespace=workspace.namespace)["allowed"]
    assert api.count(method="POST") == 3
    for text in secret["stringData"].values():
        assert text not in webhook.log


def test_secrets_differ(api, webhook):
    texts = []
    for name in ("plum", "fig"):
        assert create(webhook, Workspace(name))["allowed"]
        texts += api.get(path_of(Workspace(name)))["stringData"].values()
    assert len(set(texts)) == 4


@pytest.mark.parametrize(
    "more", [{"dryRun": True}, {"namespace": "other"}, {"namespace": "gl-rd-ns-a/secrets"}, {"namespace": ""}]
)
def test_no_secret_is_made(api, webhook, more):
    assert create(webhook, Workspace(), **more)["allowed"]
    assert api.objects == {}


def test_a_refused_pod_gets_none(api, webhook):
    pod = Workspace().pod()
    pod["spec"]["hostNetwork"] = True
    assert not webhook.review("/mutate", pod, namespace=Workspace().namespace)["allowed"]
    assert api.objects == {}


def refusal(webhook):
    answer = create(webhook, Workspace())
    assert not answer["allowed"] and answer["status"]["code"] == 500 and "patch" not in answer
    prefix = "workspace-proxy: secret gl-rd-ns-plum-otter-teal/workspace-proxy-60001-plum-otter-teal can't be created"
    assert answer["status"]["message"].startswith(prefix)
    return answer["status"]["message"]


def test_without_the_right(api, webhook):
    api.rules.clear()
    assert "does not allow it (RBAC)" in refusal(webhook)
    api.rules.append(RIGHT)
    assert create(webhook, Workspace())["allowed"]
    assert figures(webhook) == {"created": 1, "existing": 0, "failed": 1}


def test_while_the_api_server_is_away(api, webhook):
    api.faults.append(("POST", 503))
    assert "answers with status 503" in refusal(webhook)
    (api.account / "token").unlink()
    assert "service account" in refusal(webhook)


def test_conflicts_of_quotas_are_repeated(api, webhook):
    api.faults += [("POST", 409)] * 2
    assert create(webhook, Workspace())["allowed"]
    api.faults += [("POST", 409)] * 20
    assert "conflicts again and again" in refusal(webhook)


@contextlib.contextmanager
def connection_to(webhook):
    connection = http.client.HTTPConnection(NAME, timeout=PATIENCE_S)
    connection.sock = webhook.connect()
    with contextlib.closing(connection):
        yield connection


def begin(connection, workspace, path="/mutate"):
    review = manifests.review(workspace.pod(), namespace=workspace.namespace)
    connection.request("POST", path, json.dumps(review))


def test_others_are_answered_meanwhile(api, webhook):
    """Also one that never is, whose client goes."""
    api.paused.clear()
    with connection_to(webhook) as waiting:
        begin(waiting, Workspace())
        with connection_to(webhook) as leaving:
            begin(leaving, Workspace("fig"))
            assert create(webhook, Workspace("other"), dryRun=True)["allowed"]
        api.paused.set()
        # The connection is kept for the next review.
        for _ in range(2):
            reply = waiting.getresponse()
            assert reply.status == 200 and json.loads(reply.read())["response"]["allowed"]
            begin(waiting, Workspace("lime"))
        assert waiting.getresponse().status == 200
    wait_until(lambda: path_of(Workspace("lime")) in api.objects)


def test_an_api_server_that_hangs(api, webhook):
    """Refused before the API server's patience for webhooks ends."""
    api.faults.append(("POST", "hang"))
    with connection_to(webhook) as waiting:
        waiting.sock.settimeout(5)
        begin(waiting, Workspace())
        answer = json.loads(waiting.getresponse().read())["response"]
    assert not answer["allowed"]


def settings_of(workspace):
    return f"/api/v1/namespaces/{workspace.namespace}/configmaps/{CONFIG_MAP}"


def create_there(webhook, pod, **more):
    return webhook.review("/mutate/namespace", pod, **{"namespace": Workspace().namespace, **more})


def test_settings_of_a_namespace_come_first(api, of_namespaces):
    workspace = Workspace(labels={})
    api.put(settings_of(workspace), {"metadata": {"name": CONFIG_MAP}, "data": {"cpu-limit": "3"}})
    assert create_there(of_namespaces, workspace.pod())["allowed"]
    assert path_of(workspace) in api.objects
    assert [method for method, *_ in api.requests] == ["GET", "POST"]
    assert create_there(of_namespaces, workspace.pod())["allowed"]
    assert figures(of_namespaces) == {"created": 1, "existing": 1, "failed": 0}


@pytest.mark.parametrize(
    ("data", "labels", "more"),
    [
        ({}, {}, {"dryRun": True}),
        ({}, {"workspace-proxy.io/inject": "false"}, {}),
        ({"cpu-limit": "lots"}, {}, {}),
    ],
)
def test_no_secret_is_made_in_a_namespace(api, of_namespaces, data, labels, more):
    workspace = Workspace(labels=labels)
    api.put(settings_of(workspace), {"metadata": {"name": CONFIG_MAP}, "data": data})
    assert create_there(of_namespaces, workspace.pod(), **more)["allowed"] == (not data)
    assert path_of(workspace) not in api.objects and api.count(method="POST") == 0


def test_questions_have_one_deadline_together(api, of_namespaces):
    """Also those that wait for others' turn."""
    api.paused.clear()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connection_to(of_namespaces)) for _ in range(4)]
        for number, connection in enumerate(waiting):
            connection.sock.settimeout(PATIENCE_S)
            begin(connection, Workspace(f"plum-{number}", labels={}), "/mutate/namespace")
        began = time.monotonic()
        for connection in waiting:
            answer = json.loads(connection.getresponse().read())["response"]
            assert "the settings of the namespace can't be read" in answer["status"]["message"]
        took = time.monotonic() - began
        api.paused.set()
    assert took < 7  # in turn, it were eight
    assert api.count(method="POST") == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"RELAY_MASTER_KEY": None}, "RELAY_MASTER_KEY: needed with INJECT_SECRETS"),
        ({"RELAY_URL": None, "BROKER": None}, "RELAY_URL: needed with INJECT_SECRETS"),
        ({"INJECT_ZONE": None}, "INJECT_ZONE: needed with INJECT_SECRETS"),
        ({"BROKER": None, "INJECT_SECRET_KEYS": None}, "INJECT_SECRET_KEYS: INJECT_SECRETS=create makes"),
        ({"WEBHOOK_API_URL": "http://127.0.0.1:1"}, "WEBHOOK_API_URL: expected an https URL"),
        ({"INJECT_SECRETS_NAMESPACE": "*"}, "INJECT_SECRETS_NAMESPACE"),
        ({"INJECT_SECRETS_NAMESPACE": "Gl-rd*"}, "INJECT_SECRETS_NAMESPACE"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, change, message):
    settings = {**manifests.SETTINGS, **SETTINGS, "WEBHOOK_API_URL": "https://127.0.0.1:1", **change}
    refused = run(["webhook"], {name: value for name, value in settings.items() if value is not None})
    assert refused.returncode != 0
    assert message in refused.stderr
