# SPDX-License-Identifier: Apache-2.0
"""The image for arm64, as far as an emulator of its processor on this kernel can tell.

tools/run-image-tests builds it where Debian's cross compiler, mmdebstrap and qemu-user-static are installed.
"""

import os
import shutil
import subprocess
from pathlib import Path

import proxy as proxy_module
import pytest

BUILD = Path(os.environ.get("WORKSPACE_PROXY_ARM64", "build/arm64"))
TREE, SYSROOT = BUILD / "image" / "tree", BUILD / "sysroot"
QEMU = shutil.which("qemu-aarch64-static")
# Our functions sign and check their return addresses (-mbranch-protection). They do so here as well, but not with the
# cipher that the emulator takes by default: that would be most of the time of many programs.
PROCESSOR = "max,pauth-impdef=on"
TIMEOUT_S = 600
# What an emulated process can't do, or the time that it has for it. By the program's name, whichever folder it is in.
NOT_EMULATED = {
    "test_attributes": "the work of its limits takes too long",
    "test_cookie": "compares times of attacks",
    "test_log_sink": "a terminal that is stopped",
    "test_metrics": "/proc/self is the emulator's",
    "test_clone_failures": "exec fails later than the call",
    "test_log_reader": "steps are bounded by time",
    "test_log_reader_files": "steps are bounded by time",
    "test_syscall_escapes": "filters of system calls are for the emulator's",
    "test_syscall_filter": "filters of system calls are for the emulator's",
    "test_exit_search": "steps are bounded by time",
}

pytestmark = pytest.mark.skipif(
    not (QEMU and TREE.is_dir()),
    reason="NOT CHECKED, because qemu-user-static or the image is missing: arm64",
)


def unit_programs():
    return sorted(str(p.relative_to(BUILD / "tests")) for p in (BUILD / "tests").rglob("test_*") if os.access(p, os.X_OK) and p.is_file())


def test_programs_are_of_that_processor():
    for program in (TREE / "usr/bin").iterdir():
        header = subprocess.run(["readelf", "-h", program], capture_output=True, text=True, check=True).stdout
        assert "AArch64" in header, program


@pytest.mark.parametrize("name", unit_programs())
def test_unit(name):
    program = Path(name).name
    if program in NOT_EMULATED:
        pytest.skip(f"not under an emulator: {NOT_EMULATED[program]}")
    command = [QEMU, "-cpu", PROCESSOR, "-L", SYSROOT, BUILD / "tests" / name]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=TIMEOUT_S)
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_exceptions_are_programs():
    assert set(NOT_EMULATED) <= {Path(name).name for name in unit_programs()}


def test_sign_in(make_proxy, gitlab, upstream, client, tmp_path, monkeypatch):
    """With the programs and libraries of the image alone."""
    wrapper = tmp_path / "workspace-proxy"
    image = TREE.resolve()
    wrapper.write_text(f'#!/bin/sh\nexec {QEMU} -cpu {PROCESSOR} -L {image} {image}/usr/bin/workspace-proxy "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(proxy_module, "binary", lambda: str(wrapper))
    proxy = make_proxy(gitlab, upstream)
    page = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert page.status == 200
    assert upstream.requests[-1].get("X-Forwarded-User") == "sasha"
