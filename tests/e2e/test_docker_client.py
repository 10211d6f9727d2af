# SPDX-License-Identifier: Apache-2.0
"""Docker's own client through a port, against Podman's API: run, attach and exec with UPGRADE_PROTOCOLS=tcp.

Needs Docker's client, Podman, a static busybox, and a mount namespace for names in /etc/hosts; it is skipped where one
of them is missing.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile

import pytest
import ssh
from ports import PortHost
from proxy import free_port, wait_until

LIMITS = ["--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1024:4096"]
MISSING = [name for name in ("docker", "podman", "busybox", "unshare") if not shutil.which(name)]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def can_mount(tmp_path):
    hosts = tmp_path / "try"
    hosts.write_text("")
    command = ["unshare", "-m", "mount", "--bind", hosts, "/etc/hosts"]
    return subprocess.run(command, capture_output=True).returncode == 0


def make_image(podman, tmp_path):
    (tmp_path / "root" / "bin").mkdir(parents=True)
    busybox = tmp_path / "root" / "bin" / "busybox"
    shutil.copy(shutil.which("busybox"), busybox)
    for name in ("sh", "cat", "sleep", "wc"):
        os.symlink("busybox", busybox.parent / name)
    archive = tmp_path / "root.tar"
    subprocess.run(["tar", "-C", tmp_path / "root", "-cf", archive, "."], check=True)
    subprocess.run([*podman, "import", archive, "localhost/tiny:1"], check=True, capture_output=True)


def end_monitors(store):
    """Podman's monitors of exec sessions stay for minutes."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                command = file.read()
            if b"conmon" in command.partition(b"\0")[0] and os.fsencode(store) in command:
                os.kill(int(pid), signal.SIGTERM)


@pytest.fixture
def engine(tmp_path):
    """The port of Podman's API."""
    short = tempfile.mkdtemp(prefix="podman-")  # sockets are below it, whose paths must be short
    store = ["--root", tmp_path / "store", "--runroot", short, "--storage-driver", "vfs"]
    podman = ["podman", *map(str, store), "--cgroup-manager", "cgroupfs"]
    make_image(podman, tmp_path)
    port = free_port()
    service = subprocess.Popen(
        [*podman, "system", "service", "--time=0", f"tcp:127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: service.poll() is not None or ssh.reaches(port), what="Podman's API")
    yield port
    service.terminate()
    service.wait(60)
    subprocess.run([*podman, "rm", "--all", "--force", "--time=0"], capture_output=True)
    end_monitors(store[1])
    shutil.rmtree(short, ignore_errors=True)


@pytest.fixture
def docker(make_proxy, gitlab, upstream, engine, client, tmp_path, certificates):
    """docker(arguments …, input=b"") -> what it said; through the proxy, with a GitLab token."""
    if not can_mount(tmp_path):
        pytest.skip("no mount namespace for names in /etc/hosts")
    proxy = make_proxy(
        gitlab, upstream, name="kiwi.ws.localhost", PORTS=str(engine), UPGRADE_PROTOCOLS="tcp", API_TOKENS="on"
    )
    host = PortHost(proxy, engine)
    token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
    proxy.secrets.append(token)
    hosts, config = tmp_path / "hosts", tmp_path / "docker"
    hosts.write_text(f"127.0.0.1 localhost {host.name}\n")
    config.mkdir()
    (config / "config.json").write_text(json.dumps({"HttpHeaders": {"Authorization": f"Bearer {token}"}}))
    shutil.copy(certificates.ca, config / "ca.pem")

    def call(*arguments, input=b""):
        there = ["docker", "--config", config, "--host", f"tcp://{host.host}", "--tlsverify", "--tlscacert", config / "ca.pem", *arguments]
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        ended = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, hosts, *map(str, there)], input=input, capture_output=True, timeout=120
        )
        assert ended.returncode == 0, (ended.stderr.decode(), proxy.log[-4000:])
        return ended.stdout

    call.proxy = proxy
    return call


def test_containers_through_a_port(docker):
    assert b"Podman Engine" in docker("version")
    run = ["run", "--network", "host", *LIMITS]
    # The end of standard input reaches the container, and what it says after that comes back.
    assert docker(*run, "-i", "--rm", "localhost/tiny:1", "/bin/wc", "-c", input=b"x" * 300000).split() == [b"300000"]
    name = docker(*run, "-d", "localhost/tiny:1", "/bin/sleep", "600").decode().strip()
    assert docker("exec", "-i", name, "/bin/cat", input=b"to and fro") == b"to and fro"
    lines = wait_until(lambda: docker.proxy.log_entries(message="request", status=101), what="log")
    assert {line["user"] for line in lines} == {"sasha"} and len(lines) >= 2
