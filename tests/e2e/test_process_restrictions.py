# SPDX-License-Identifier: Apache-2.0
"""What processes have given up by the time that they serve: system calls and files."""

import contextlib
import os
import re
import shutil
import signal
import subprocess

import intruder
import pytest
import runners
from proxy import PATIENCE_S, is_sanitized, wait_until
from test_lifecycle import own_pair, subject  # noqa: F401  (own_pair is a fixture)
from test_webhook import make_webhook  # noqa: F401


def status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(re.findall(r"^(\w+):\s*(.*)$", file.read(), re.M))


def assert_restricted(process):
    entry = process.wait_for_log(message="process restricted")
    assert entry["seccomp"] == "on"
    assert entry["landlock"] in ("on", "unavailable")
    assert entry["secrets"] in ("hidden", "locked", "not locked")
    about = status(process.process.pid)
    assert about["Seccomp"] == "2" and about["NoNewPrivs"] == "1"


def test_sidecar_and_relay(proxy, relay):
    assert_restricted(proxy)
    assert_restricted(relay)


def test_off(make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, SECCOMP="off", LANDLOCK="off")
    entry = proxy.wait_for_log(message="process restricted")
    assert (entry["seccomp"], entry["landlock"]) == ("off", "off")
    about = status(proxy.process.pid)
    assert about["Seccomp"] == "0" and about["NoNewPrivs"] == "0"


def test_each_by_itself(make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, LANDLOCK="off")
    assert proxy.wait_for_log(message="process restricted")["landlock"] == "off"
    assert status(proxy.process.pid)["Seccomp"] == "2"
    proxy = make_proxy(gitlab, upstream, SECCOMP="off")
    assert proxy.wait_for_log(message="process restricted")["seccomp"] == "off"
    assert status(proxy.process.pid)["Seccomp"] == "0"


def test_certificates_that_links_lead_to_are_read_again(make_stage, certificates, tmp_path):
    """As cert-manager's and Let's Encrypt's clients keep them: links to files elsewhere, whose next ones are beside
    them."""
    archive, live = tmp_path / "archive", tmp_path / "live"
    archive.mkdir()
    live.mkdir()

    def put(number):
        for source, name in zip(certificates.issue(f"link{number}"), ("cert", "key")):
            shutil.copyfile(source, archive / f"{name}{number}")
            (live / "new").symlink_to(f"../archive/{name}{number}")
            os.replace(live / "new", live / name)

    put(1)
    stage = make_stage(TLS_CERT_FILE=live / "cert", TLS_KEY_FILE=live / "key")
    assert subject(stage, certificates) == "link1"
    put(2)
    stage.proxy.process.send_signal(signal.SIGHUP)
    stage.proxy.wait_for_log(message="certificate reloaded")
    assert subject(stage, certificates) == "link2"


def test_a_file_elsewhere_is_refused_and_said(make_stage, certificates, own_pair, tmp_path):  # noqa: F811
    (cert, key), _ = own_pair
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    paths = inside / "cert", inside / "key"
    for source, path in zip((cert, key), paths):
        shutil.copyfile(source, path)
    stage = make_stage(TLS_CERT_FILE=paths[0], TLS_KEY_FILE=paths[1])
    if stage.proxy.wait_for_log(message="process restricted")["landlock"] != "on":
        pytest.skip("no Landlock")
    for source, path in zip(certificates.issue("moved"), paths):
        shutil.copyfile(source, outside / path.name)
        os.unlink(path)
        path.symlink_to(outside / path.name)
    stage.proxy.process.send_signal(signal.SIGHUP)
    entry = stage.proxy.wait_for_log(message="certificate not reloaded; the old one remains in use")
    assert "Permission denied" in entry["error"]
    assert subject(stage, certificates) == "first"


class Intruded(runners.Plain):
    """Starts the program with code of an intruder in it: see tests/support/intruder.c."""

    def __init__(self, folder):
        self.library, self.file = intruder.library(folder), folder / "elsewhere" / "secret"
        self.file.parent.mkdir()
        self.file.write_text("secret")

    def command(self, program, arguments, settings):
        return intruder.command(self.library, [program, *arguments], INTRUDER_FILE=self.file)

    def outcomes(self, process):
        """What came of each attempt, and of the process."""
        process.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: any("intruder: signal" in line for line in process.lines), what="attempts")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.process.wait(0.5 if "intruder: program" in process.log else PATIENCE_S)
        return dict(re.findall(r"^intruder: (\w+) (\w+)$", "\n".join(process.lines), re.M))


NOT_SANITIZED = pytest.mark.skipif(is_sanitized(), reason="a sanitizer wants to be the first library")
REFUSED = {"packet": "EPERM", "dumpable": "EPERM", "executable": "EPERM", "signal": "EPERM"}


def kernel_has_scopes():
    return tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 12)


@NOT_SANITIZED
@pytest.mark.skipif(not kernel_has_scopes(), reason="an older kernel refuses less")
@pytest.mark.parametrize("role", ["sidecar", "relay", "webhook"])
def test_an_intruder_gets_nowhere(make_proxy, make_relay, make_webhook, gitlab, upstream, tmp_path, role):  # noqa: F811
    intruded = Intruded(tmp_path)
    make = {
        "sidecar": lambda **more: make_proxy(gitlab, upstream, **more),
        "relay": lambda **more: make_relay(gitlab, **more),
        "webhook": make_webhook,
    }
    process = make[role](runner=intruded)
    if process.wait_for_log(message="process restricted")["landlock"] != "on":
        pytest.skip("no Landlock")
    assert intruded.outcomes(process) == {
        **REFUSED,
        "read": "EACCES",
        "write": "EACCES",
        "connect": "done" if role == "sidecar" else "EPERM",
        "bind": "EACCES" if role == "sidecar" else "EPERM",
    }
    assert process.process.wait(PATIENCE_S) == -signal.SIGSYS
    assert not intruded.file.with_suffix(".new").exists()
    process.kill()


@NOT_SANITIZED
def test_without_it_an_intruder_does_as_it_likes(make_proxy, gitlab, upstream, tmp_path):
    """So that the test above can fail."""
    intruded = Intruded(tmp_path)
    process = make_proxy(gitlab, upstream, runner=intruded, SECCOMP="off", LANDLOCK="off")
    outcomes = intruded.outcomes(process)
    assert {outcomes[name] for name in ("read", "write", "connect", "bind", "dumpable", "executable", "signal")} == {"done"}
    assert process.process.wait(PATIENCE_S) == 0
    process.kill()
