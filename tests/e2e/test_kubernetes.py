# SPDX-License-Identifier: Apache-2.0
"""container/kubernetes as the program sees it: its settings are understood, its workspace can be injected.

tests/lint/manifests.py checks the rest, without the program.
"""

import os

import pytest
import yaml
from proxy import ROOT, new_cookie_secret, run

HERE = os.path.join(ROOT, "container", "kubernetes")
OVERLAYS = ["ingress", "gateway"]


def rendered(name):
    with open(f"{HERE}/rendered/{name}.yaml") as file:
        return file.read()


def settings_of(overlay, component):
    """What the container of a component has in its environment."""
    documents = list(yaml.safe_load_all(rendered(overlay)))

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
    mounted = {
        "/etc/workspace-proxy/tls/tls.crt": certificates.cert,
        "/etc/workspace-proxy/tls/tls.key": certificates.key,
        "/etc/workspace-proxy/secrets/master-key": tmp_path / "master-key",
    }
    assert container["args"] == ["relay"]
    checked = run(["check", "relay"], with_files(settings, mounted))
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_webhook_understands_its_settings(overlay, tmp_path):
    """With the certificates that docs/kubernetes.md has made for it."""
    settings, container = settings_of(overlay, "webhook")
    made = run(["webhook-certs", "workspace-proxy-webhook.workspace-proxy", str(tmp_path)])
    assert made.returncode == 0, made.stderr
    mounted = {f"/etc/workspace-proxy/tls/{name}": tmp_path / name for name in ("tls.crt", "tls.key")}
    assert container["args"] == ["webhook"]
    checked = run(["check", "webhook"], with_files(settings, mounted))
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


def test_the_example_becomes_a_workspace():
    settings, _ = settings_of("ingress", "webhook")
    settings = {k: v for k, v in settings.items() if not k.endswith(("_FILE", "_ADDRESS"))}
    ran = run(["inject"], settings, input=rendered("example"))
    assert ran.returncode == 0 and ran.stderr == "", ran.stderr
    documents = {d["kind"]: d for d in yaml.safe_load_all(ran.stdout) if d["metadata"]["name"] != "workspaces"}
    pod = documents["Deployment"]["spec"]["template"]["spec"]
    (sidecar,) = [c for c in pod["initContainers"] if c["name"] == "workspace-proxy"]
    environment = {entry["name"]: entry["value"] for entry in sidecar["env"]}
    assert environment["WORKSPACE_PROXY_EXTERNAL_URL"] == "https://kiwi.ws.example.com"
    assert environment["WORKSPACE_PROXY_UPSTREAM"] == "http://127.0.0.1:8080"
    assert documents["Service"]["spec"]["ports"][0]["targetPort"] == 8443
    # The secrets that it mounts, and their keys, are those that docs/kubernetes.md makes.
    with open(f"{HERE}/secrets.example.yaml") as file:
        secrets = {s["metadata"]["name"]: s["stringData"] for s in yaml.safe_load_all(file)}
    mounted = {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    assert mounted == {"workspace-proxy-kiwi", "workspace-proxy-tls"}
    files = [os.path.basename(v) for k, v in environment.items() if k.endswith("_FILE")]
    assert set(files) == set(secrets["workspace-proxy-kiwi"]) | set(secrets["workspace-proxy-tls"])
    again = run(["inject", "--check"], settings, input=ran.stdout)
    assert again.returncode == 0, again.stdout + again.stderr
