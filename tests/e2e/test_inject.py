# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy inject`: manifests in, the same with the sidecar out.

Second opinions: PyYAML reads what comes out, kubectl applies the JSON Patches, and the models of Debian's
python3-kubernetes say whether an object is one (support/kubernetes_schema.py says why those).
"""

import copy
import json

import fast_yaml
import kubernetes_schema
import manifests
import pytest
from proxy import run, sanitizer_report


def inject(text, *arguments, code=0, **settings):
    """Standard output and error of the filter."""
    result = run(["inject", *arguments], {**manifests.SETTINGS, **settings}, input=text)
    assert sanitizer_report(result.stderr) is None, result.stderr
    assert result.returncode == code, (result.returncode, result.stdout[:2000], result.stderr[:2000])
    return result


def dump(*documents):
    return "---\n".join(fast_yaml.dump(d) for d in documents)


def load(text):
    return list(fast_yaml.load_all(text))


def sidecars(document, where="initContainers"):
    containers = manifests.pod_of(document)["spec"].get(where, [])
    return [c for c in containers if c["name"] == manifests.SIDECAR]


def everything():
    base = manifests.full_pod()
    return [base, *(manifests.workload(kind, base) for kind in manifests.WORKLOADS), manifests.service()]


@pytest.mark.parametrize("sidecar", ["native", "classic"])
def test_every_kind(sidecar):
    documents = [d for d in everything() if sidecar == "native" or d["kind"] not in ("Job", "CronJob")]
    result = inject(
        dump(*documents),
        INJECT_SIDECAR=sidecar,
        RELAY_URL="https://relay.example.com",
        INJECT_CA_CONFIG_MAP="gitlab-ca",
        INJECT_CONFIG_MAP="workspace-proxy",
    )
    out = load(result.stdout)
    assert [d["kind"] for d in out] == [*(d["kind"] for d in documents), "NetworkPolicy"]
    for document in out:
        assert kubernetes_schema.problems(document) == []
    for document in out[:-2]:
        where = "initContainers" if sidecar == "native" else "containers"
        (container,) = sidecars(document, where)
        assert container.get("restartPolicy") == ("Always" if sidecar == "native" else None)
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        spec = manifests.pod_of(document)["spec"]
        others = [c for c in spec["containers"] if c["name"] != manifests.SIDECAR]
        mounted = {m["name"] for c in others for m in c.get("volumeMounts", [])}
        assert mounted == {"projects", "workspace-proxy-git"}
        ide = next(c for c in spec["containers"] if c["name"] == "ide")
        assert {"name": "HOST", "value": "127.0.0.1"} in ide["env"]
        assert ide["args"] == ["serve", "--no-auth", "--quiet"]
    assert out[-2]["spec"]["ports"][0]["targetPort"] == 8443
    assert out[-1]["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8443}]}]


def test_the_schemas_find_mistakes():
    pod = manifests.pod()
    assert kubernetes_schema.problems(pod) == []
    pod["spec"]["containers"][0]["portz"] = []
    pod["spec"]["containers"][0]["ports"][0]["containerPort"] = "60001"
    del pod["spec"]["containers"][1]["name"]
    assert len(kubernetes_schema.problems(pod)) == 3


def test_again_changes_no_byte():
    once = inject(dump(*everything())).stdout
    assert inject(once).stdout == once
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": everything()})
    once = inject(listed).stdout
    assert len(json.loads(once)["items"]) == len(everything()) + 1
    assert inject(once).stdout == once


def test_a_forged_status_changes_nothing():
    pod = manifests.pod(status="injected")
    (out, _) = load(inject(dump(pod)).stdout)
    assert len(sidecars(out)) == 1


def test_what_is_not_ours_comes_out_as_it_was():
    text = (
        "# a comment\n%YAML 1.1\n---\napiVersion: v1\nkind: ConfigMap   # kept\n"
        "metadata: {name: x}\ndata: {a: 'yes', b: !!str 5}\n...\n---\n# nothing\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: other}\nspec: {containers: []}"
    )
    assert inject(text).stdout == text
    assert inject("").stdout == ""
    mixed = f"kind: A  # kept\n---\n{dump(manifests.service())}---\nkind: B  # kept\n"
    out = inject(mixed).stdout
    assert out.startswith("kind: A  # kept\n---\n") and out.endswith("---\nkind: B  # kept\n")
    assert load(out)[1]["spec"]["ports"][0]["targetPort"] == 8443


def test_json_stays_json():
    out = json.loads(inject(json.dumps(manifests.pod()), "--no-network-policy").stdout)
    assert out["kind"] == "Pod" and len(sidecars(out)) == 1
    out = json.loads(inject(json.dumps(manifests.pod())).stdout)
    assert [item["kind"] for item in out["items"]] == ["Pod", "NetworkPolicy"]


@pytest.mark.parametrize("kind", ["Pod", "CronJob", "Service"])
def test_kubectl_applies_the_patch(kind, tmp_path):
    if not manifests.has_kubectl():
        pytest.skip("there is no kubectl: install Debian's kubernetes-client")
    document = next(d for d in everything() if d["kind"] == kind)
    patch = json.loads(inject(json.dumps(document), "--patch").stdout)
    patched = manifests.kubectl_patch(document, patch, tmp_path)
    expected = json.loads(inject(json.dumps(document), "--no-network-policy").stdout)
    assert patched == expected
    assert json.loads(inject(json.dumps(patched), "--patch").stdout) == []


def test_check_says_what_would_change():
    result = inject(dump(manifests.pod(), manifests.service()), "--check", code=3)
    assert "Pod/kiwi: changed" in result.stdout and "NetworkPolicy/workspace-proxy" in result.stdout
    done = inject(dump(manifests.pod())).stdout
    assert "Pod/kiwi: unchanged" in inject(done, "--check").stdout
    wrong = manifests.pod(upstream_prot="1")
    assert "upstream-port" in inject(dump(wrong), "--check", code=1).stdout
    labelled = manifests.workload("Deployment", manifests.pod())
    del labelled["spec"]["template"]["metadata"]["labels"][manifests.LABEL]
    labelled["metadata"]["labels"] = {manifests.LABEL: "true"}
    assert "put it on the pod template" in inject(dump(labelled), "--check").stdout


def test_all_or_nothing():
    result = inject(dump(manifests.pod(), manifests.pod(name="plum", image="evil:1")), code=1)
    assert result.stdout == ""
    assert "Pod/plum: annotation workspace-proxy.io/image: not allowed by the operator" in result.stderr


def test_a_differing_container_is_refused():
    pod = load(inject(dump(manifests.pod())).stdout)[0]
    next(iter(sidecars(pod)))["image"] = "evil:1"
    result = inject(dump(pod), code=1)
    assert "container workspace-proxy: exists and differs at image" in result.stderr
    twice = load(inject(dump(manifests.pod())).stdout)[0]
    twice["spec"]["initContainers"].append(copy.deepcopy(sidecars(twice)[0]))
    assert "more than once" in inject(dump(twice), code=1).stderr


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: 1\nb: 2\na: 3\n", "line 3"),
        ("kind: A\n---\nx: .inf\n", "line 3"),
        ("a: [1\n", "line"),
        ('{"a": }', "JSON: malformed"),
        ("a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(
            f"{chr(c)}: &{chr(c)} [*{chr(c - 1)}, *{chr(c - 1)}]\n" for c in range(ord("c"), ord("z"))
        ), "more than"),
        ("[" * 100000, "nested too deeply"),
        ("a: \x01", "byte 3"),
    ],
)
def test_bad_text(text, said):
    result = inject(text, code=1)
    assert result.stdout == "" and said in result.stderr, result.stderr


def test_command_line(tmp_path):
    assert "usage" in inject("", "--help").stdout
    for arguments in (["--nonsense"], ["--patch", "--check"], ["-f"]):
        assert "usage" in inject("", *arguments, code=2).stderr
    assert "No such file" in inject("", "-f", str(tmp_path / "none"), code=1).stderr
    file = tmp_path / "pod.yaml"
    file.write_text(dump(manifests.pod()))
    assert len(load(inject("", "-f", str(file)).stdout)) == 2
    assert "the input is a list" in inject('{"kind":"List","items":[]}', "--patch", code=1).stderr
    assert "the input contains several" in inject("a: 1\n---\nb: 2\n", "--patch", code=1).stderr
    result = run(["inject"], {}, input="")
    assert result.returncode == 1 and "INJECT_IMAGE" in result.stderr


def test_byte_order_mark():
    mark = "\ufeff"
    text = "kind: A  # kept\n"
    assert inject(mark + text).stdout == mark + text
    changed = inject(mark + dump(manifests.service())).stdout
    assert changed.startswith(mark) and load(changed[1:])[0]["spec"]["ports"][0]["targetPort"] == 8443
    assert json.loads(inject(mark + json.dumps(manifests.service())).stdout[1:])["kind"] == "Service"


def test_binary_values():
    """They are not decoded, so a document that has one can only stay as it is."""
    secret = "kind: Secret\ndata: !!binary aGVsbG8=\n---\n"
    out = inject(secret + dump(manifests.service())).stdout
    assert out.startswith(secret) and load(out.replace("!!binary ", ""))[1]["spec"]["ports"][0]["targetPort"] == 8443
    service = dump(manifests.service()).replace("metadata:", "x: !!binary aGVsbG8=\nmetadata:", 1)
    assert "!!binary" in inject(service, code=1).stderr
