# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy env`: the addresses of ports for shells outside Kubernetes."""

import os
import shlex
import subprocess

import pytest
from proxy import run

KIWI = {"EXTERNAL_URL": "https://kiwi.ws.example.com", "PORTS": "3000,8000-8999"}


def read(tmp_path, settings, **environment):
    """VSCODE_PROXY_URI as programs get it from a shell that has read what is printed."""
    printed = run(["env"], settings)
    assert printed.returncode == 0 and not printed.stderr, printed.stderr
    profile = tmp_path / "profile"
    profile.write_text(printed.stdout)
    script = f"set -eu; . {shlex.quote(str(profile))}; . {shlex.quote(str(profile))}; exec printenv VSCODE_PROXY_URI"
    shells = [
        subprocess.run([shell, "-c", script], env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True)
        for shell in ("sh", "bash")
    ]
    assert all(s.returncode == 0 and not s.stderr for s in shells) and shells[0].stdout == shells[1].stdout
    return shells[0].stdout.rstrip("\n")


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://kiwi.ws.example.com", "https://{{port}}-kiwi.ws.example.com/"),
        ("https://60001-kiwi.ws.example.com/", "https://{{port}}-kiwi.ws.example.com/"),
        ("https://my-kiwi.ws.example.com:8443", "https://{{port}}-my-kiwi.ws.example.com:8443/"),
    ],
)
def test_address(tmp_path, url, expected):
    assert read(tmp_path, {**KIWI, "EXTERNAL_URL": url}) == expected


def test_what_the_shell_has_stays(tmp_path):
    assert read(tmp_path, KIWI, VSCODE_PROXY_URI="mine") == "mine"
    assert read(tmp_path, KIWI, VSCODE_PROXY_URI="") == "https://{{port}}-kiwi.ws.example.com/"


@pytest.mark.parametrize(
    "settings, named",
    [
        ({**KIWI, "PORTS": None}, "WORKSPACE_PROXY_PORTS"),
        ({**KIWI, "PORTS": "3000-"}, "WORKSPACE_PROXY_PORTS"),
        ({**KIWI, "EXTERNAL_URL": None}, "WORKSPACE_PROXY_EXTERNAL_URL"),
        ({**KIWI, "EXTERNAL_URL": "http://kiwi.ws.example.com"}, "WORKSPACE_PROXY_EXTERNAL_URL"),
        ({**KIWI, "EXTERNAL_URL": "https://localhost"}, "WORKSPACE_PROXY_PORTS"),
        ({**KIWI, "EXTERNAL_URL": "https://10.0.0.1"}, "WORKSPACE_PROXY_PORTS"),
    ],
)
def test_errors_name_the_setting(settings, named):
    result = run(["env"], {k: v for k, v in settings.items() if v is not None})
    assert result.returncode == 1 and named in result.stderr and not result.stdout, result.stderr


def test_no_arguments():
    assert run(["env", "x"], KIWI).returncode == 2
