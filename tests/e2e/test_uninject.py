# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy uninject`: what came out of inject is what went in, whatever went in."""

import copy
import itertools
import json
import random

import fast_yaml
import manifests
import pytest
from proxy import run, sanitizer_report

RECORD = manifests.PREFIX + "original"


def inject(text, *arguments, **settings):
    result = run(["inject", *arguments], {**manifests.SETTINGS, **settings}, input=text)
    assert sanitizer_report(result.stderr) is None and result.returncode == 0, result.stderr
    return result.stdout


def uninject(text, code=0):
    """Without any setting."""
    result = run(["uninject"], input=text)
    assert sanitizer_report(result.stderr) is None, result.stderr
    assert result.returncode == code, (result.returncode, result.stdout[:2000], result.stderr[:2000])
    return result.stdout if code == 0 else result.stderr


def dump(*documents):
    return "---\n".join(fast_yaml.dump(d) for d in documents)


def load(text):
    return [d for d in fast_yaml.load_all(text) if d]


def ide(pod):
    return pod["spec"]["containers"][0]


def edit(pod, **changes):
    ide(pod).update(changes)
    return pod


GET = {"httpGet": {"path": "/healthz", "port": 60001, "scheme": "HTTP"}, "periodSeconds": 3}
HEALTH = {"readinessProbe": GET, "livenessProbe": {"tcpSocket": {"port": "web"}}}
# What injection replaces, or adds where there was something already.
SHAPES = {
    "plain": lambda p: p,
    "an empty list": lambda p: edit(p, env=[]),
    "the same variable": lambda p: edit(p, env=[{"name": "HOST", "value": "127.0.0.1"}]),
    "another value": lambda p: edit(p, env=[{"name": "HOST", "value": "0.0.0.0"}, {"name": "Z", "value": "1"}]),
    "a value from elsewhere": lambda p: edit(p, env=[{"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]),
    "git's own": lambda p: edit(
        p,
        env=[
            {"name": "GIT_CONFIG_COUNT", "value": "1"},
            {"name": "GIT_CONFIG_KEY_0", "value": "a.b"},
            {"name": "GIT_CONFIG_VALUE_0", "value": "c"},
        ],
    ),
    "git's count": lambda p: edit(p, env=[{"name": "GIT_CONFIG_COUNT", "value": "0"}]),
    "its arguments": lambda p: edit(p, args=["--no-auth", "--quiet"]),
    "probes": lambda p: edit(p, ports=[{"name": "web", "containerPort": 60001}], **copy.deepcopy(HEALTH)),
    "a hook": lambda p: edit(p, lifecycle={"preStop": {"exec": {"command": ["true"]}}}),
    "a group": lambda p: p["spec"].update(securityContext={"fsGroup": 65532, "fsGroupChangePolicy": "OnRootMismatch"}) or p,
    "a security context": lambda p: p["spec"].update(securityContext={"runAsUser": 1000}) or p,
    "no volumes": lambda p: p["spec"].update(volumes=[]) or edit(p, volumeMounts=[]),
    "no init containers": lambda p: p["spec"].pop("initContainers") and p,
    "a forged status": lambda p: p["metadata"]["annotations"].update({manifests.PREFIX + "status": "mine"}) or p,
    "special keys": lambda p: p["metadata"]["annotations"].update({"a~b/c": "", "é": "\n"}) or p,
}


def pods():
    for shape, full in itertools.product(SHAPES, (False, True)):
        if full and shape == "no volumes":
            continue  # the clone is on one
        yield SHAPES[shape](manifests.full_pod() if full else manifests.pod(ide_env="HOST=127.0.0.1"))


def variants():
    for pod in pods():
        yield pod
    for kind in manifests.WORKLOADS:
        yield manifests.workload(kind, manifests.full_pod())
    yield manifests.service()


def services():
    for fields in ({"targetPort": "ide", "appProtocol": "http"}, {"appProtocol": "kubernetes.io/h2c"}, {"targetPort": 8443}):
        service = manifests.service()
        service["spec"]["ports"][0].update(fields)
        for annotations in (None, {}, {"x": "z"}):
            one = copy.deepcopy(service)
            if annotations is not None:
                one["metadata"]["annotations"] = annotations
            yield one


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("sidecar", ["native", "classic"])
def test_a_pod_comes_back(shape, full, sidecar):
    pod = SHAPES[shape](manifests.full_pod() if full else manifests.pod(ide_env="HOST=127.0.0.1"))
    if full and shape == "no volumes":
        pod = SHAPES[shape](manifests.pod())
    injected = inject(json.dumps(pod), INJECT_SIDECAR=sidecar)
    assert manifests.SIDECAR in injected
    assert json.loads(uninject(injected)) == pod


@pytest.mark.parametrize("note", [{"ssh": "true"}, {"ide_log": "true"}, {"ports": "3000"}])
def test_a_pod_with_more_comes_back(note):
    pod = manifests.pod(ide_user="1000", **note)
    injected = inject(json.dumps(pod), INJECT_CA_CONFIG_MAP="ca")
    assert json.loads(uninject(injected)) == pod


def test_other_kinds_come_back():
    documents = [*(manifests.workload(kind, manifests.full_pod()) for kind in manifests.WORKLOADS), *services()]
    assert load(uninject(inject(dump(*documents)))) == documents
    listed = {"apiVersion": "v1", "kind": "List", "items": documents, "metadata": {}}
    assert json.loads(uninject(inject(json.dumps(listed)))) == listed


def test_any_stream_comes_back():
    """Mixtures of everything, with documents that are not ours and policies of ours and others."""
    choice = random.Random(7)
    everything = [*variants(), *services(), {"kind": "ConfigMap", "data": {"a": "b"}}]
    policy = load(inject(dump(manifests.pod())))[-1]
    del policy["metadata"]["annotations"]
    everything.append(policy)
    for _ in range(12):
        documents = [copy.deepcopy(one) for one in choice.sample(everything, 5)]
        for number, one in enumerate(documents):
            one.setdefault("metadata", {})["namespace"] = choice.choice(["ws", "other"])
        text = dump(*documents)
        assert load(uninject(inject(text))) == documents


def test_most_pods_need_no_record():
    for pod in (manifests.pod(), manifests.full_pod()):
        assert RECORD not in inject(json.dumps(pod))
    assert RECORD in inject(json.dumps(next(services())))


def test_again_changes_no_byte():
    """And what was not injected comes out as it was."""
    text = f"# kept\n{dump(manifests.pod(ide_env='A=1'))}---\nkind: Other  # kept\n"
    assert uninject(text) == text
    once = uninject(inject(text))
    assert uninject(once) == once
    once = inject(text)
    assert inject(once) == once


def test_injection_of_the_webhook():
    """A pod that has no record: nothing of ours stays."""
    pod = json.loads(inject(json.dumps(edit(manifests.full_pod(), env=[{"name": "HOST", "value": "x"}])), "--no-network-policy"))
    pod["metadata"]["annotations"].pop(RECORD)
    text = uninject(json.dumps(pod))
    assert "workspace-proxy-" not in text and "GIT_CONFIG" not in text


def test_a_change_in_between():
    (service,) = load(inject(dump(next(services()))))
    service["spec"]["ports"] = []
    said = uninject(dump(service), code=1)
    assert "annotation workspace-proxy.io/original: does not fit" in said
    service["metadata"]["annotations"][RECORD] = "{"
    assert "does not fit" in uninject(dump(service), code=1)


def test_usage():
    assert run(["uninject", "x"]).returncode == 2
    assert run(["uninject", "--help"]).stdout.startswith("usage: workspace-proxy uninject")
    assert run(["uninject", "-f", "/nonexistent"]).returncode == 1
