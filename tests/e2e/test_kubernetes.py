# SPDX-License-Identifier: Apache-2.0
"""container/kubernetes as the program sees it: its settings are understood, its workspace can be injected.

tests/lint/manifests.py checks the rest, without the program.
"""

import base64
import os
import re
import shutil
import subprocess

import fast_yaml
import manifests
import pytest
from proxy import ROOT, binary, new_cookie_secret, run

HERE = os.path.join(ROOT, "container", "kubernetes")
OVERLAYS = ["ingress", "gateway"]


def rendered(name):
    with open(f"{HERE}/rendered/{name}.yaml") as file:
        return file.read()


def settings_of(overlay, component):
    """What the container of a component has in its environment."""
    documents = list(fast_yaml.load_all(rendered(overlay)))

    def find(kind, name):
        (found,) = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
        return found

    deployment = find("Deployment", f"workspace-proxy-{component}")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    settings = {entry["name"]: entry["value"] for entry in container["env"]}
    for source in container["envFrom"]:
        settings.update(find("ConfigMap", source["configMapRef"]["name"])["data"])
    return settings, container


def with_files(settings, files):
    """Paths in the container become paths here."""
    return {name: str(files.get(value, value)) for name, value in settings.items()}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_relay_understands_its_settings(overlay, certificates, tmp_path):
    settings, container = settings_of(overlay, "relay")
    (tmp_path / "master-key").write_text(new_cookie_secret())
    (tmp_path / "client-secret").write_text("gloas-1")
    mounted = {
        "/etc/workspace-proxy/tls/tls.crt": certificates.cert,
        "/etc/workspace-proxy/tls/tls.key": certificates.key,
        "/etc/workspace-proxy/secrets/master-key": tmp_path / "master-key",
        "/etc/workspace-proxy/secrets/client-secret": tmp_path / "client-secret",
        "/etc/workspace-proxy/deny-list/deny-list": f"{HERE}/overlays/{overlay}/deny-list",
    }
    assert container["args"] == ["relay"]
    checked = run(["check", "relay"], with_files(settings, mounted))
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_webhook_understands_its_settings(overlay):
    settings, container = settings_of(overlay, "webhook")
    assert container["args"] == ["webhook"]
    checked = run(["check", "webhook"], {**settings, "WEBHOOK_API_URL": "https://10.0.0.1"})
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr
    service = settings["WORKSPACE_PROXY_WEBHOOK_SERVICE"]
    for configuration in fast_yaml.load_all(rendered(overlay)):
        for hook in configuration.get("webhooks", []):
            named = hook["clientConfig"]["service"]
            assert f"{named['name']}.{named['namespace']}" == service


def test_the_example_becomes_a_workspace():
    settings, _ = settings_of("ingress", "webhook")
    settings = {k: v for k, v in settings.items() if not k.endswith(("_FILE", "_ADDRESS"))}
    ran = run(["inject"], settings, input=rendered("example"))
    assert ran.returncode == 0 and ran.stderr == "", ran.stderr
    documents = {d["kind"]: d for d in fast_yaml.load_all(ran.stdout) if d["metadata"]["name"] != "workspaces"}
    pod = documents["Deployment"]["spec"]["template"]["spec"]
    (sidecar,) = [c for c in pod["initContainers"] if c["name"] == "workspace-proxy"]
    environment = {entry["name"]: entry["value"] for entry in sidecar["env"]}
    assert environment["WORKSPACE_PROXY_EXTERNAL_URL"] == "https://kiwi.ws.example.com"
    assert environment["WORKSPACE_PROXY_UPSTREAM"] == "http://127.0.0.1:8080"
    assert environment["WORKSPACE_PROXY_BROKER"] == "on", "the application's secret is in the relay only"
    assert documents["Service"]["spec"]["ports"][0]["targetPort"] == 8443
    # The secrets that it mounts, and their keys, are those that docs/kubernetes.md makes.
    with open(f"{HERE}/secrets.example.yaml") as file:
        secrets = {s["metadata"]["name"]: s["stringData"] for s in fast_yaml.load_all(file)}
    mounted = {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    assert mounted == {"workspace-proxy-kiwi", documents["Certificate"]["spec"]["secretName"]}
    files = [os.path.basename(v) for k, v in environment.items() if k.endswith("_FILE")]
    assert set(files) == set(secrets["workspace-proxy-kiwi"]) | {"tls.crt", "tls.key"}
    again = run(["inject", "--check"], settings, input=ran.stdout)
    assert again.returncode == 0, again.stdout + again.stderr


# The steps of docs/kubernetes.md

KUBECTL = """#!/bin/bash
# Makes objects as kubectl does, without a cluster, and keeps them.
set -euo pipefail
args=("$@")
exec 3>&1
case " $* " in
*" create "*)
	case " $* " in *" --dry-run=client "*) exec "$REAL_KUBECTL" "$@" ;; esac
	"$REAL_KUBECTL" "$@" --dry-run=client -o yaml ;;
*" apply -k "*) "$REAL_KUBECTL" kustomize "${args[-1]}" ;;
*" apply -f - "*) cat ;;
*" apply -f "*) for file in "$@"; do [ ! -f "$file" ] || { cat "$file"; echo ---; }; done ;;
*" rollout status "*|*" wait "*) exit 0 ;;
*" get secret "*) echo c29tZSBhdXRob3JpdHk= >&3; exit 0 ;;
*) echo "unexpected: kubectl $*" >&2; exit 1 ;;
esac >>"$OBJECTS"
echo --- >>"$OBJECTS"
"""


def steps():
    """The commands of the installation, and then those for certificates of webhook-certs and their rotation."""
    with open(os.path.join(ROOT, "docs", "kubernetes.md")) as file:
        text = file.read()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text.partition("## Check the cluster")[0], re.M | re.S)
    assert len(blocks) == 9, "a step that this test does not know"
    return blocks


@pytest.mark.skipif(not manifests.has_kubectl(), reason="needs kubectl")
def test_the_steps_as_they_are_printed(certificates, tmp_path):
    programs, work = tmp_path / "bin", tmp_path / "work"
    programs.mkdir()
    shutil.copytree(HERE, work / "container" / "kubernetes")
    (programs / "kubectl").write_text(KUBECTL)
    (programs / "kubectl").chmod(0o755)
    (programs / "workspace-proxy").symlink_to(os.path.abspath(binary()))
    for name in ("relay", "zone"):
        shutil.copy(certificates.cert, work / f"{name}.crt")
        shutil.copy(certificates.key, work / f"{name}.key")
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "EDITOR": "true",
        "REAL_KUBECTL": shutil.which("kubectl"),
        "OBJECTS": str(tmp_path / "objects"),
    }
    script = "set -euo pipefail\n" + "\n".join(steps())
    ran = subprocess.run(
        ["bash", "-c", script], cwd=work, env=environment, input="the secret\n", capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    documents = [d for d in fast_yaml.load_all((tmp_path / "objects").read_text()) if d]
    secrets = {d["metadata"]["name"]: set(d["data"]) for d in documents if d["kind"] == "Secret" and "data" in d}
    with open(f"{HERE}/secrets.example.yaml") as file:
        expected = {s["metadata"]["name"]: set(s["stringData"]) for s in fast_yaml.load_all(file)}
    assert secrets == expected
    bundles = [
        base64.b64decode(d["webhooks"][0]["clientConfig"].get("caBundle", ""), validate=True).decode()
        for d in documents
        if d["kind"] == "MutatingWebhookConfiguration"
    ]
    assert [bundle.count("BEGIN CERTIFICATE") for bundle in bundles] == [0, 1, 2]
    assert bundles[2].endswith(bundles[1])
    # With those certificates the webhook has no rights.
    assert [d["kind"] for d in documents].count("ClusterRole") == 1
    pods = [d["spec"]["template"]["spec"] for d in documents if d["metadata"]["name"] == "workspace-proxy-webhook" and d["kind"] == "Deployment"]
    assert [pod["automountServiceAccountToken"] for pod in pods] == [True, False, False]
    environment = {entry["name"] for entry in pods[1]["containers"][0]["env"]}
    assert "WORKSPACE_PROXY_TLS_CERT_FILE" in environment and "WORKSPACE_PROXY_WEBHOOK_SERVICE" not in environment
    assert not any(name.startswith("WORKSPACE_PROXY_WEBHOOK_SE") for name in environment)
