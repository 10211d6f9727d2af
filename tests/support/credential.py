# SPDX-License-Identifier: Apache-2.0
"""Git in a workspace that asks the sidecar for credentials: the helper, real git, the bare socket."""

import contextlib
import fcntl
import os
import socket
import subprocess

from proxy import SANITIZER, binary, environment_for

TIMEOUT_S = 60
# WORKSPACE_GIT: another git than the system's, for the workspace alone.
GIT = os.environ.get("WORKSPACE_GIT", "git")


def helper(operation, text="", socket_path=None, wrapper=(), environment=None):
    """Runs `workspace-proxy credential` as git would; the CompletedProcess."""
    option = ["--socket", str(socket_path)] if socket_path else []
    result = subprocess.run(
        [*wrapper, binary(), "credential", *option, operation],
        env=environment_for(environment or {}),
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert not SANITIZER.search(result.stderr), result.stderr
    return result


HELPERS = ("git-credential-workspace", "docker-credential-workspace", "workspace-proxy credential")


@contextlib.contextmanager
def held(name, text, socket_path, wrapper=()):
    """Runs `HELPER get`; its answer does not fit into the pipe that it writes to, so that it stays. The Popen."""
    folder = os.path.dirname(binary())
    program = {
        # As `workspace-proxy install` links it.
        "docker-credential-workspace": ["bash", "-c", f"exec -a {name} '{folder}/git-credential-workspace' get"],
        "git-credential-workspace": [f"{folder}/git-credential-workspace", "get"],
        "workspace-proxy credential": [binary(), "credential", "get"],
    }[name]
    out, into = os.pipe()
    os.write(into, bytes(fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)))
    environment = environment_for({"CREDENTIAL_SOCKET": socket_path})
    process = subprocess.Popen([*wrapper, *program], env=environment, stdin=subprocess.PIPE, stdout=into)
    os.close(into)
    try:
        process.stdin.write(text.encode())
        process.stdin.close()
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(out)


def parsed(text):
    return dict(line.split("=", 1) for line in text.splitlines() if line)


class Workspace:
    """What a person in the workspace has: a home with a helper of their own, and git."""

    def __init__(self, directory, certificates):
        self.home = directory / "home"
        self.home.mkdir()
        self.asked = self.home / "asked"  # the hosts that the person's own helper was asked for
        self.asked.touch()
        own = self.home / "own-helper"
        own.write_text(f"#!/bin/sh\ngrep '^host=' >>'{self.asked}'\n")
        own.chmod(0o755)
        (self.home / ".gitconfig").write_text(
            f"[credential]\n\thelper = {own}\n[user]\n\tname = Sasha\n\temail = sasha@example.com\n"
        )
        self.environment = {
            **environment_for({}),
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSL_CAINFO": str(certificates.ca),
        }

    def git(self, directory, *arguments, **more):
        """A CompletedProcess, with both outputs in stdout."""
        result = subprocess.run(
            [GIT, "-C", str(directory), *arguments],
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert not SANITIZER.search(result.stdout), result.stdout
        return result

    def git_ok(self, directory, *arguments, **more):
        result = self.git(directory, *arguments, **more)
        assert result.returncode == 0, (arguments, result.stdout)
        return result.stdout

    def commit(self, directory, name):
        (directory / name).write_text(name)
        self.git_ok(directory, "add", name)
        self.git_ok(directory, "commit", "-qm", name)


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(TIMEOUT_S)
    s.connect(str(path))
    return s


def read_all(s):
    """What comes until the other side closes, by whatever means."""
    data = b""
    try:
        while block := s.recv(65536):
            data += block
    except ConnectionResetError:
        pass
    s.close()
    return data.decode("latin-1")


def contains(directory, needles):
    """The files below a directory that hold one of the strings."""
    found = []
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
                found += [path for needle in needles if needle.encode() in content]
    return found
