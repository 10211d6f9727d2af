# SPDX-License-Identifier: Apache-2.0
"""The container image: what is in it, and that it works as nobody in particular on a root that is read-only.

tools/run-image-tests builds it and says by WORKSPACE_PROXY_NO_IMAGE and WORKSPACE_PROXY_NO_CONTAINERS what
this machine does not allow, and why.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import ssl
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from injected_pod import GIT, SIDECAR, InjectedPod
from proxy import wait_until
from runners import Chroot, Container, children_of, leave_orphan

IMAGE = Path(os.environ.get("WORKSPACE_PROXY_IMAGE", "build/image"))
TREE = IMAGE / "tree"
DPKG = Path("/var/lib/dpkg/status")
BUILD = IMAGE.parent
NO_IMAGE = os.environ.get("WORKSPACE_PROXY_NO_IMAGE")
NO_CONTAINERS = os.environ.get("WORKSPACE_PROXY_NO_CONTAINERS")
SIZE_MAX = 33_000_000
HELPERS = ("git-credential-workspace", "workspace-ssh", "workspace-run")
PROGRAMS = ("/usr/bin/workspace-proxy", *(f"/usr/bin/{name}" for name in HELPERS))
SSHD = ("/usr/sbin/sshd", "/usr/bin/ssh-keygen")  # for images of workspaces
SSHD_LINKS = "/usr/lib/workspace-proxy/sshd"
DOCUMENTS = "usr/share/doc/workspace-proxy"
needs_image = pytest.mark.skipif(bool(NO_IMAGE), reason=f"no images can be built here: {NO_IMAGE}")


def files():
    return [path for path in TREE.rglob("*") if path.is_file() and not path.is_symlink()]


def inside(path):
    return "/" + str(path.relative_to(TREE))


# What is in it


def test_size():
    size = sum(path.stat().st_size for path in files())
    print(f"{size / 1e6:.1f} MB")
    assert size <= SIZE_MAX


def test_nothing_that_helps_an_intruder():
    """No shell, no tool, nothing set-id, nothing that others may write to, no link that leads out."""
    libraries = re.compile(r"/(usr/lib|lib64)/.*\.so(\.[0-9.]+)?$")
    for path in TREE.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) and inside(path.parent) == SSHD_LINKS:
            assert path.resolve().is_relative_to(TREE.resolve()) and path.is_file(), inside(path)
            continue
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode), inside(path)
        assert not mode & (stat.S_ISUID | stat.S_ISGID), inside(path)
        assert not mode & 0o022 or inside(path) == "/tmp", inside(path)
        assert mode & 0o004, f"{inside(path)} can't be read by any user"
        if stat.S_ISREG(mode) and mode & 0o111 and inside(path) not in PROGRAMS + SSHD:
            assert libraries.match(inside(path)), inside(path)


def test_bill_of_materials():
    text = (IMAGE / "sbom.cdx.json").read_text()
    assert text == (TREE / DOCUMENTS / "sbom.cdx.json").read_text()
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    listed = {}
    for component in bill["components"]:
        assert re.fullmatch(r"pkg:deb/debian/[a-z0-9.+-]+@[^?\s]+\?arch=[a-z0-9]+", component["purl"])
        for file in component["components"]:
            listed[file["name"]] = file["hashes"][0]["content"]
    # Each library, the loader, converters with their lists, and the authorities: nothing else comes from elsewhere.
    for file in bill["metadata"]["component"]["components"]:
        path = TREE / file["name"].lstrip("/")
        assert file["hashes"][0]["content"] == hashlib.sha256(path.read_bytes()).hexdigest()
    foreign = [path for path in files() if ".so" in path.name or "gconv" in path.parts or path.name == "ca-certificates.crt"]
    foreign = [path for path in foreign if not path.is_symlink()] + [TREE / name.lstrip("/") for name in SSHD]
    assert listed == {inside(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in foreign}
    refs = {component["bom-ref"] for component in bill["components"]}
    root = bill["metadata"]["component"]["bom-ref"]
    edges = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    assert set(edges) == refs | {root}
    reached, queue = set(), [root]
    while queue:
        for ref in edges[queue.pop()]:
            if ref not in reached:
                reached.add(ref)
                queue.append(ref)
    assert reached == refs, "everything is there because something needs it"


def test_nothing_of_another_architecture():
    """Whatever other architectures' packages this machine has."""
    machine = lambda path: path.read_bytes()[:20][18:]  # noqa: E731  (e_machine of elf(5))
    own = machine(TREE / PROGRAMS[0].lstrip("/"))
    assert {machine(path) for path in files() if path.read_bytes()[:4] == b"\x7fELF"} == {own}


def test_authorities_are_the_packages_own():
    """None that an administrator of this machine has added, and none left out."""
    bundle = TREE / "etc/ssl/certs/ca-certificates.crt"
    names = subprocess.run(["dpkg-query", "-L", "ca-certificates"], capture_output=True, text=True, check=True).stdout
    bundled, own = ssl.create_default_context(cafile=bundle), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in re.findall(r"^/usr/share/ca-certificates/.*\.crt$", names, re.M):
        own.load_verify_locations(name)
    by_number = lambda context: sorted(context.get_ca_certs(), key=lambda one: one["serialNumber"])  # noqa: E731
    assert by_number(bundled) == by_number(own)
    assert bundle.read_text().count("BEGIN CERTIFICATE") == len(own.get_ca_certs())


def test_licences():
    bill = json.loads((IMAGE / "sbom.cdx.json").read_text())
    for component in bill["components"]:
        properties = {entry["name"]: entry["value"] for entry in component["properties"]}
        text = gzip.decompress((TREE / properties["copyright"].lstrip("/")).read_bytes()).decode()
        for name in re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9])", text):
            if os.path.exists(f"/usr/share/common-licenses/{name}"):
                assert (TREE / f"usr/share/common-licenses/{name}.gz").is_file(), (component["name"], name)
    assert b"Apache License" in gzip.decompress((TREE / DOCUMENTS / "copyright.gz").read_bytes())


def records_of(tree):
    return {path.name: path.read_text() for path in (tree / "var/lib/dpkg/status.d").iterdir()}


def test_scanners_find_the_packages():
    bill = json.loads((IMAGE / "sbom.cdx.json").read_text())
    records = records_of(TREE)
    assert set(records) == {component["name"] for component in bill["components"]}
    for component in bill["components"]:
        assert f"\nVersion: {component['version']}\n" in records[component["name"]]
    assert "VERSION_ID" in (TREE / "etc/os-release").read_text()


def test_names_are_resolved_without_plugins():
    """The C library has `files` and `dns` built in since 2.34; earlier ones would look for libnss_*.so."""
    libc = next(path for path in files() if path.name == "libc.so.6")
    symbols = subprocess.run(["nm", "-D", libc], capture_output=True, text=True, check=True).stdout
    assert "_nss_dns_gethostbyname4_r" in symbols and "_nss_files_gethostbyname4_r" in symbols


def test_helper_for_other_containers(tmp_path):
    """What an init container leaves in a volume needs nothing of this image."""
    subprocess.run([TREE / "usr/bin/workspace-proxy", "install", tmp_path], check=True)
    helper = tmp_path / "git-credential-workspace"
    headers = subprocess.run(["readelf", "-lW", helper], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in headers, "it wants a loader"
    said = subprocess.run([helper, "--help"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("usage: ")


def test_the_tree_is_reproducible(tmp_path):
    """The same inputs give the same bytes, modes and times, whoever builds, whatever their umask."""

    def build(where, umask):
        subprocess.run(
            ["tools/image-tree", BUILD, "1.2.3", where],
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
            umask=umask,
            check=True,
            capture_output=True,
        )
        return {
            str(path.relative_to(where)): (
                path.stat().st_mode,
                path.stat().st_mtime,
                path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in (where / "tree").rglob("*")
        }

    one, two = build(tmp_path / "one", 0o022), build(tmp_path / "two", 0o077)
    assert one == two
    assert {time for _, time, _ in one.values()} == {1700000000}


@needs_image
def test_the_image_is_reproducible(tmp_path):
    """A second build, somewhere else, has the same id."""
    (tmp_path / "image").mkdir()
    for program in PROGRAMS:
        shutil.copy(BUILD / os.path.basename(program), tmp_path)
    subprocess.run(
        ["tools/build-image", tmp_path, os.environ["WORKSPACE_PROXY_VERSION"]],
        check=True,
        stdout=subprocess.DEVNULL,
        umask=0o077,
    )
    one, two = tmp_path / "image", IMAGE
    if records_of(one / "tree") != records_of(two / "tree") and DPKG.stat().st_mtime > (two / "workspace-proxy.id").stat().st_mtime:
        pytest.skip("packages of the image were upgraded between the two builds")
    assert (one / "workspace-proxy.id").read_text() == (two / "workspace-proxy.id").read_text()


@needs_image
def test_what_the_image_says(tmp_path):
    script = '. tools/image-storage "$1"; "${buildah[@]}" inspect --type image "$(cat "$1/workspace-proxy.id")"'
    said = subprocess.run(["bash", "-c", script, "bash", IMAGE], capture_output=True, text=True, check=True).stdout
    config = json.loads(said)["OCIv1"]["config"]
    assert config["User"] == "65532:65532" and config["Entrypoint"] == ["/usr/bin/workspace-proxy"]
    assert config["StopSignal"] == "SIGTERM" and set(config["ExposedPorts"]) == {"8443/tcp", "9877/tcp"}
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == os.environ["WORKSPACE_PROXY_VERSION"]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", labels["org.opencontainers.image.revision"])


# That it works


@pytest.fixture(params=["container", "chroot"])
def start(request, make_proxy, gitlab, upstream, certificates, tmp_path):
    """start(NAME=value …): the program out of the image."""
    why_not = NO_CONTAINERS if request.param == "container" else Chroot.why_not()
    if why_not:
        pytest.skip(f"no {request.param} here: {why_not}")
    config, work = tmp_path / "config", tmp_path / "work"
    config.mkdir(mode=0o755)
    work.mkdir()
    work.chmod(0o770)  # of group 0, and of nobody else
    (work / "state").mkdir()
    (work / "state").chmod(0o770)
    for name, path in {"tls.crt": certificates.cert, "tls.key": certificates.key, "ca.crt": certificates.ca}.items():
        shutil.copy(path, config / name)
        (config / name).chmod(0o644)
    folders = {"config": config, "work": work}
    if request.param == "container":
        runner = Container(IMAGE, folders, f"workspace-proxy-test-{os.getpid()}-{tmp_path.name}")
    else:
        runner = Chroot(IMAGE, folders)

    def start(**settings):
        return make_proxy(
            gitlab,
            upstream,
            runner=runner,
            TLS_CERT_FILE="/tmp/config/tls.crt",
            TLS_KEY_FILE="/tmp/config/tls.key",
            GITLAB_CA_FILE="/tmp/config/ca.crt",
            STATE_DIR="/tmp/work/state",
            **settings,
        )

    start.work = work
    yield start
    runner.close()


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_sign_in_clone_and_end(start, gitlab, upstream, client):
    """The whole way: login, clone as whoever we are, a request, and an end that waits for it."""
    proxy = start(CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR="/tmp/work/demo")
    status = status_of(proxy.runner.pid(proxy.process))
    assert status["Uid"].split() == ["12345"] * 4 and status["Gid"].split() == ["0"] * 4
    assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NSpid"].split()[-1] == "1", "process 1, as in a pod"
    if isinstance(proxy.runner, Container):
        assert int(status["CapBnd"], 16) == 0 and status["Seccomp"] == "2"
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.wait_for_log(message="clone: phase", phase="done")
    page = client.navigate(proxy.origin + "/")
    assert page.status == 200
    assert upstream.requests[-1].get("X-Forwarded-User") == "sasha"
    assert (start.work / "demo" / ".git" / "HEAD").stat().st_uid == 12345
    assert os.listdir(start.work / "state")

    go = threading.Event()

    def answer(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        go.wait(10)
        connection.send(b"world")

    upstream.answer = answer
    cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    with proxy.raw() as raw:
        raw.send(f"GET /slow HTTP/1.1\r\nHost: {proxy.host}\r\nCookie: {cookie}\r\n\r\n".encode()).read_head()
        ending = threading.Thread(target=proxy.stop)
        ending.start()
        proxy.wait_for_log(message="draining")
        go.set()
        assert raw.read_exactly(10) == b"helloworld"
        ending.join()
    assert proxy.exit_code == 0


def test_orphans_are_collected(start):
    proxy = start()
    pid = proxy.runner.pid(proxy.process)
    end = leave_orphan(pid)
    wait_until(lambda: children_of(pid), what="the orphan to come")
    end.close()
    wait_until(lambda: not children_of(pid), what="the orphan to be collected")
    assert proxy.stop() == 0


def check_the_clone_is_shared(pod):
    """The sidecar owns what it has cloned, and the IDE's user works with it by the group."""
    group = pod.spec["securityContext"]["fsGroup"]
    sidecar, ide = (pod.container(name)["securityContext"].get("runAsUser") for name in (SIDECAR, "ide"))
    assert sidecar != (ide or pod.spec["securityContext"]["runAsUser"])
    clone = pod.folder("projects") / "project"
    for path in (clone, *clone.rglob("*")):
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (sidecar, group), path
        # Objects are read-only for everyone, as git itself leaves them.
        assert status.st_mode & stat.S_IWGRP or path.is_relative_to(clone / ".git/objects") and path.is_file(), path
    tracked = next(path.name for path in clone.iterdir() if path.is_file())
    git = "git -c user.name=Sasha -c user.email=sasha@example.com"
    work = f"cd project && echo more >>{tracked} && echo new >new && git add . && {git} commit -q -m more && git gc -q"
    did = pod.run_as_ide("projects", "sh", "-ec", f"id -u && {work} && git status --porcelain && git fsck")
    assert did.returncode == 0 and did.stdout.split() == ["1000"], did.stdout + did.stderr


def test_an_injected_pod(make_proxy, gitlab, upstream, client, tmp_path):
    """The example of container/kubernetes: probes, login, clone, git's credentials in the IDE, and the end."""
    if NO_CONTAINERS:
        pytest.skip(f"no container here: {NO_CONTAINERS}")
    pod = InjectedPod(IMAGE, tmp_path, f"workspace-proxy-test-{os.getpid()}-{tmp_path.name}")
    try:
        proxy = make_proxy(gitlab, upstream, runner=pod, CLONE_URL=gitlab.git_url(gitlab.project))
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            with proxy.raw(listener="admin") as raw:
                raw.request("GET", pod.container(SIDECAR)[probe]["httpGet"]["path"], host="localhost")
                assert raw.read_response().status == 200, probe
        client.login(proxy.origin + "/", "sasha", "sasha-password")
        proxy.wait_for_log(message="clone: phase", phase="done")
        assert client.navigate(proxy.origin + "/").status == 200
        assert upstream.requests[-1].get("X-Forwarded-User") == "sasha"
        check_the_clone_is_shared(pod)
        path = next(m["mountPath"] for m in pod.container("ide")["volumeMounts"] if m["name"] == GIT)
        asked = gitlab.url.partition("://")[2]
        told = pod.run_in_ide(
            f"{path}/git-credential-workspace",
            *("--socket", f"{path}/credential.sock", "get"),
            input=f"protocol=https\nhost={asked}\n\n",
        )
        assert told.returncode == 0 and "password=" in told.stdout, told.stderr
        proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
        assert proxy.stop() == 0
    finally:
        pod.close()
