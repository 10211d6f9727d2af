# SPDX-License-Identifier: Apache-2.0
"""Code in the workspace that runs as our user: it sees neither our memory nor environment nor descriptors, can't
trace us, and gets no core dump of us."""

import shutil
import socket
import subprocess

import credential
import memory
import neighbour
import pytest
from proxy import PATIENCE_S, is_sanitized
from test_webhook import make_webhook  # noqa: F401

SIGN_IN = ("sasha", "sasha-password")
pytestmark = [
    pytest.mark.skipif(is_sanitized(), reason="leak checkers have to trace, so their builds are open"),
    pytest.mark.skipif(not (shutil.which("setpriv") and shutil.which("prlimit")), reason="needs setpriv and prlimit"),
]


@pytest.fixture
def open_process(tmp_path):
    """A program that does nothing for itself."""
    command = neighbour.command(["cat"])
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path)
    process.stdin.write(b"x")
    process.stdin.flush()
    assert process.stdout.read(1) == b"x", "it runs"
    yield process.pid
    process.kill()
    process.communicate()


@pytest.fixture
def sidecar(make_proxy, gitlab, upstream, tmp_path):
    return make_proxy(
        gitlab,
        upstream,
        runner=neighbour.Plain(),
        STATE_DIR=str(tmp_path),
        CLONE_URL=gitlab.git_url(gitlab.project),
        CLONE_DIR=str(tmp_path / "project"),
    )


def assert_closed(pid):
    _, done = neighbour.attack(pid)
    assert not done


def test_any_other_process(open_process):
    """So that the tests below can fail."""
    attempts, done = neighbour.attack(open_process)
    traced = {name for name in attempts if "ptrace" in name}  # which Yama may keep to ancestors
    assert set(done) | traced == set(attempts) and "environ" in done and "mem" in done


def test_the_sidecar(sidecar):
    assert_closed(sidecar.process.pid)


def test_the_worker(sidecar, gitlab, client):
    """While it has the token that it clones with."""
    gitlab.faults.add("git-upload-pack", stall_after=600)
    assert client.login(sidecar.origin + "/", *SIGN_IN).status in (200, 503)
    gitlab.requests.wait(endpoint="git-upload-pack")
    _, worker = memory.children(sidecar.process.pid)
    assert_closed(worker)


def test_the_relay(make_relay, gitlab):
    assert_closed(make_relay(gitlab, broker=True, runner=neighbour.Plain()).process.pid)


def test_the_webhook(make_webhook):  # noqa: F811
    assert_closed(make_webhook(runner=neighbour.Plain()).process.pid)


@pytest.mark.parametrize("name", credential.HELPERS)
def test_helpers(tmp_path, name):
    """While they wait for the sidecar's answer."""
    asked = "https://gitlab.example.com" if name.startswith("docker") else "protocol=https\nhost=gitlab.example.com\n\n"
    with socket.socket(socket.AF_UNIX) as sidecar:
        sidecar.bind(str(tmp_path / "s"))
        sidecar.listen()
        sidecar.settimeout(PATIENCE_S)
        with credential.held(name, asked, tmp_path / "s", neighbour.command([])) as helper:
            connection, _ = sidecar.accept()
            assert_closed(helper.pid)
            connection.close()


def test_core_dumps(sidecar, open_process):
    if not neighbour.leaves_core(open_process):
        pytest.skip("no process dumps core here")
    assert not neighbour.leaves_core(sidecar.process.pid)
    sidecar.kill()
