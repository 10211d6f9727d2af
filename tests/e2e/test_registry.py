# SPDX-License-Identifier: Apache-2.0
"""Container tools in the workspace with the signed-in user's token: skopeo, podman, buildah and docker, through
docker-credential-workspace, at a registry that asks for tokens as GitLab's does."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from proxy import binary, environment_for, run, wait_until
from registry import Registry

pytestmark = pytest.mark.skipif(
    not (shutil.which("skopeo") and shutil.which("docker-registry")), reason="needs skopeo and docker-registry"
)
SCOPES = "openid read_user read_api write_repository read_registry write_registry"


@pytest.fixture
def registry(gitlab, certificates, tmp_path):
    one = Registry(tmp_path, gitlab, certificates)
    yield one
    one.close()


@pytest.fixture
def place():
    """Where `workspace-proxy install` puts the helpers, and the socket beside them; its path is short."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="ws"))
    assert run(["install", str(path)], {}).returncode == 0
    yield path
    shutil.rmtree(path)


@pytest.fixture
def make_sidecar(make_proxy, gitlab, upstream, place):
    def make(**settings):
        return make_proxy(gitlab, upstream, scopes=SCOPES, CREDENTIAL_SOCKET=place / "credential.sock", **settings)

    return make


@pytest.fixture
def sidecar(make_sidecar, registry):
    return make_sidecar(REGISTRY_ORIGINS=f"https://{registry.host}")


@pytest.fixture
def helper(place):
    def call(operation, text=""):
        return subprocess.run(
            [place / "docker-credential-workspace", operation], input=text, capture_output=True, text=True, env={}, timeout=60
        )

    return call


def sign_in(proxy, client):
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]


@pytest.fixture
def container_tool(registry, certificates, place, tmp_path):
    """Runs a program of the containers project with an image and the helper for the registry."""
    certs = tmp_path / "certs"
    certs.mkdir()
    shutil.copy(certificates.ca, certs / "ca.crt")
    (tmp_path / "auth.json").write_text(json.dumps({"credHelpers": {registry.host: "workspace"}}))
    (tmp_path / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    image = tmp_path / "image"
    image.mkdir()
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    digest = hashlib.sha256(config).hexdigest()
    (image / digest).write_bytes(config)
    (image / "version").write_text("Directory Transport Version: 1.1\n")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": f"sha256:{digest}"},
        "layers": [],
    }
    (image / "manifest.json").write_text(json.dumps(manifest))

    def call(program, *arguments, **options):
        environment = {
            "PATH": f"{place}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json"),
            "SSL_CERT_FILE": str(certificates.ca),
        }
        words = [argument.format(image=image, registry=f"docker://{registry.host}", certs=certs, out=tmp_path / "out") for argument in arguments]
        return subprocess.run([program, *words], env=environment, capture_output=True, text=True, timeout=60, **options)

    return call


@pytest.fixture
def skopeo(container_tool, tmp_path):
    def call(*arguments):
        return container_tool("skopeo", f"--policy={tmp_path}/policy.json", *arguments)

    return call


@pytest.fixture(params=["podman", "buildah"])
def image_store(request, container_tool, place, tmp_path):
    """The same for a program that keeps images in a store of the test. podman takes short paths only."""
    program = request.param
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    store = (f"--root={tmp_path}/store", f"--runroot={place}/run", "--storage-driver=vfs")

    def call(operation, *arguments):
        options = ("--cert-dir={certs}",) if operation in ("push", "pull") else ()
        policy = (f"--signature-policy={tmp_path}/policy.json",) if options else ()
        return container_tool(program, *store, operation, *options, *policy, *arguments)

    return call


PUSH = ("copy", "--dest-cert-dir={certs}", "dir:{image}", "{registry}/group/demo:latest")
PULL = ("copy", "--src-cert-dir={certs}", "{registry}/group/demo:latest", "dir:{out}")


def test_push_and_pull(sidecar, client, registry, skopeo, gitlab):
    sign_in(sidecar, client)
    pushed = skopeo(*PUSH)
    assert pushed.returncode == 0, pushed.stderr
    pulled = skopeo(*PULL)
    assert pulled.returncode == 0, pulled.stderr
    assert set(registry.tokens.asked) == {("oauth2", gitlab.state.tokens[-1].access)}
    assert {"read_registry", "write_registry"} <= set(gitlab.state.tokens[-1].scopes)


def test_push_and_pull_with_a_store(sidecar, client, registry, skopeo, image_store, gitlab):
    sign_in(sidecar, client)
    assert skopeo(*PUSH).returncode == 0
    registry.tokens.asked.clear()
    for operation, target in (("pull", "{registry}/group/demo:latest"), ("push", "{registry}/group/demo:again")):
        image = () if operation == "pull" else (f"{registry.host}/group/demo:latest",)
        done = image_store(operation, *image, target)
        assert done.returncode == 0, done.stderr
    assert set(registry.tokens.asked) == {("oauth2", gitlab.state.tokens[-1].access)}


@pytest.fixture
def docker(container_tool, certificates, registry, place, tmp_path):
    """Docker's own client. It asks the registry itself, or hands the token to an engine, which is Podman's here."""
    missing = [name for name in ("docker", "podman") if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    config = tmp_path / "docker"
    config.mkdir()
    (config / "config.json").write_text(json.dumps({"credHelpers": {registry.host: "workspace"}}))
    address = f"unix://{place}/engine.sock"
    # The engine has neither the helper nor a file with credentials.
    engine = subprocess.Popen(
        ["podman", f"--root={tmp_path}/store", f"--runroot={place}/run", "--storage-driver=vfs", "system", "service", "--time=0", address],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SSL_CERT_FILE": str(certificates.ca)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until((place / "engine.sock").exists, what="Podman's socket")

    def call(*arguments, **options):
        return container_tool("docker", f"--config={config}", f"--host={address}", *arguments, **options)

    yield call
    engine.terminate()
    engine.wait(60)


def test_docker(sidecar, client, registry, skopeo, docker, gitlab):
    sign_in(sidecar, client)
    assert skopeo(*PUSH).returncode == 0
    expected = {("oauth2", gitlab.state.tokens[-1].access)}
    image, other = f"{registry.host}/group/demo:latest", f"{registry.host}/group/demo:other"
    for command in (("manifest", "inspect", image), ("pull", image), ("tag", image, other), ("push", other)):
        registry.tokens.asked.clear()
        done = docker(*command)
        assert done.returncode == 0, (command, done.stderr)
        assert set(registry.tokens.asked) == (set() if command[0] == "tag" else expected)


def test_docker_login_is_refused(sidecar, client, registry, docker, gitlab):
    sign_in(sidecar, client)
    asked = docker("login", "--username", "x", "--password-stdin", registry.host, input=gitlab.state.tokens[-1].access)
    assert asked.returncode != 0, asked.stdout


def test_scopes_are_the_operators(make_sidecar, client, registry, skopeo, gitlab):
    """A SCOPE that is set is left alone, with a note; GitLab then refuses."""
    sidecar = make_sidecar(REGISTRY_ORIGINS=f"https://{registry.host}", SCOPE="openid read_user read_api write_repository")
    assert "REGISTRY_ORIGINS" in sidecar.log
    sign_in(sidecar, client)
    pushed = skopeo(*PUSH)
    assert pushed.returncode != 0 and "denied" in pushed.stderr, pushed.stderr


def test_no_scopes_without_the_setting(make_sidecar, client, gitlab, helper, registry):
    sign_in(make_sidecar(), client)
    assert not any("registry" in scope for scope in gitlab.state.tokens[-1].scopes)
    assert helper("get", registry.host).returncode == 1


def test_nobody_is_signed_in(sidecar, registry, skopeo, helper):
    asked = helper("get", registry.host + "\n")
    assert asked.returncode == 1 and "nobody is signed in" in asked.stdout
    pushed = skopeo(*PUSH)
    assert pushed.returncode != 0 and "nobody is signed in" in pushed.stderr
    assert not registry.tokens.asked


def test_origins_are_exact(sidecar, client, registry, gitlab, helper):
    """Neither another port, scheme or host, nor GitLab itself; and git gets nothing for the registry."""
    sign_in(sidecar, client)
    port = registry.port
    for server in (f"http://localhost:{port}", f"https://localhost:{port + 1}", "localhost", f"x.localhost:{port}", gitlab.url, "", "a b", '"'):
        asked = helper("get", server)
        assert asked.returncode == 1 and asked.stdout == "credentials not found in native keychain\n", (server, asked)
    for server in (registry.host, f"https://{registry.host}", f"https://{registry.host}/v2/"):
        given = json.loads(helper("get", server).stdout)
        assert given == {"ServerURL": server, "Username": "oauth2", "Secret": gitlab.state.tokens[-1].access}
    for_git = subprocess.run(
        [binary(), "credential", "--socket", sidecar.settings["CREDENTIAL_SOCKET"], "get"],
        input=f"protocol=https\nhost={registry.host}\n\n",
        env=environment_for({}),
        capture_output=True,
        text=True,
    )
    assert for_git.stdout == ""


def test_other_operations(helper):
    assert helper("list").stdout == "{}\n" and helper("erase", "x").returncode == 0
    stored = helper("store", '{"ServerURL":"x","Username":"y","Secret":"z"}')
    assert stored.returncode == 1 and "not stored" in stored.stdout
    assert helper("--help").returncode == 2
    asked = helper("get", "registry.example.com")
    assert asked.returncode == 1 and "no socket" in asked.stdout
