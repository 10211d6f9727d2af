# SPDX-License-Identifier: Apache-2.0
"""The unit for machines with systemd: what systemd says of it, and what the program says of its settings."""

import functools
import os
import re
import secrets
import shutil
import subprocess

import pytest
from proxy import PATIENCE_S, binary, run, wait_until

UNIT = "container/systemd/workspace-proxy.service"
SSH_UNIT = "container/systemd/workspace-ssh@.service"
EXPOSURE_MAX = 15  # tenths; systemd calls up to 2.0 safe


@functools.cache
def why_not():
    if not shutil.which("systemd-analyze"):
        return "there is no systemd-analyze"
    tried = subprocess.run(["systemd-analyze", "security", "--help"], capture_output=True, text=True)
    return None if "--offline" in tried.stdout else "systemd-analyze can't judge units offline"


needs_systemd = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def assignments(name):
    with open(UNIT) as file:
        return [line.partition("=")[2].rstrip("\n") for line in file if line.startswith(name + "=")]


@pytest.fixture
def unit(tmp_path):
    """The unit with the program where it is now, so that it can be found."""
    path = tmp_path / "workspace-proxy.service"
    with open(UNIT) as file:
        path.write_text(file.read().replace("/usr/local/bin/workspace-proxy", binary()))
    return path


@needs_systemd
def test_systemd_understands_it(unit):
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


@needs_systemd
def test_systemd_understands_the_unit_for_ssh(unit, tmp_path):
    """As an instance for root, who is there everywhere."""
    with open(SSH_UNIT) as file:
        (tmp_path / "workspace-ssh@.service").write_text(file.read())
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / "workspace-ssh@root.service"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_the_command_of_the_unit_for_ssh(tmp_path):
    """It starts the helper, which listens, with a host key of its own."""
    with open(SSH_UNIT) as file:
        (command,) = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", file.read(), re.M)
    for unit, here in (
        ("/usr/local/bin", os.path.dirname(binary())),
        ("/run/workspace-ssh", str(tmp_path)),
        ("/var/lib/workspace-ssh", str(tmp_path / "state")),
        ("$$(id -u workspace-proxy)", "$(id -u root)"),
    ):
        assert unit in command
        command = command.replace(unit, here)
    process = subprocess.Popen(["/bin/sh", "-c", command], stderr=subprocess.DEVNULL)
    try:
        wait_until((tmp_path / "ssh.sock").exists)
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@needs_systemd
def test_it_is_hardened(unit):
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", "--no-pager", unit],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]


def test_its_settings_are_understood(certificates, tmp_path):
    """Every credential is there and used, and with the settings of docs/container.md the program would start."""
    folder, state = tmp_path / "credentials", tmp_path / "workspace-proxy"
    folder.mkdir()
    state.mkdir()
    contents = {"client-secret": "gloas-1", "cookie-secret": secrets.token_hex(32)}
    for source, name in ((certificates.cert, "tls.crt"), (certificates.key, "tls.key")):
        with open(source) as file:
            contents[name] = file.read()
    credentials = dict(line.split(":") for line in assignments("LoadCredential"))
    assert set(credentials) == set(contents)
    for name, path in credentials.items():
        assert path == f"/etc/workspace-proxy/{name}"
        (folder / name).write_text(contents[name])
    lines = assignments("Environment")
    assert all(any(line.endswith(f"%d/{name}") for line in lines) for name in credentials)
    with open("docs/container.md") as file:
        example = re.search(r"```ini\n(.*?)```", file.read(), re.S)[1]
    lines += [line for line in example.splitlines() if line.startswith("WORKSPACE_PROXY_")]
    settings = dict(line.split("=", 1) for line in lines)
    settings = {k: v.replace("%d", str(folder)).replace("%S", str(tmp_path)) for k, v in settings.items()}
    checked = run(["check"], settings)
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr == ""
