# SPDX-License-Identifier: Apache-2.0
"""A machine with systemd as process 1: a privileged container of podman, whose root is that of this machine with a
layer in memory above it, and whose network is this machine's.
"""

import json
import os
import resource
import shutil
import subprocess
import time

SYSTEMD = "/lib/systemd/systemd"
PATIENCE_S = 120
# What this machine has of its own, and would not leave alone; without the last, no package that is installed has all
# manual pages indexed anew.
EMPTY = ("run", "tmp", "etc/systemd/system", "var/log/journal", "var/lib/man-db")
# Neither this machine's services nor its timers.
TARGET = "machine.target"


class Refused(Exception):
    """This machine does not allow it, or lacks what it takes."""


def limits():
    """This process's own: podman asks for more, which some machines refuse."""
    values = {"nofile": resource.getrlimit(resource.RLIMIT_NOFILE), "nproc": resource.getrlimit(resource.RLIMIT_NPROC)}
    return [f"--ulimit={name}={min(soft, 4096)}:{min(hard, 16384) if hard > 0 else 16384}" for name, (soft, hard) in values.items()]


class Machine:
    def __init__(self, directory, name):
        self.name = name
        self._directory = directory
        self._podman = ["podman", f"--root={directory}/storage", f"--runroot={directory}/state", "--storage-driver=vfs"]
        self._podman += [f"--runtime={shutil.which('runc') or '/usr/sbin/runc'}", "--cgroup-manager=cgroupfs"]
        self.root = directory / "layers" / "root"

    def start(self):
        missing = [word for word in ("podman", "mount") if not shutil.which(word)]
        missing += [] if os.path.exists(SYSTEMD) else ["systemd"]
        if missing or os.geteuid() != 0:
            raise Refused(f"there is no {' and no '.join(missing)}" if missing else "this needs root")
        self._make_root()
        self._run(*self._podman, "run", "--detach", f"--name={self.name}", "--systemd=always", "--privileged",
                  "--network=host", "--log-driver=none", *limits(), "--rootfs", self.root,
                  SYSTEMD, f"--unit={TARGET}", "--log-target=journal", refused=True)  # fmt: skip
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.ask("systemctl", "is-system-running").stdout.strip()) not in ("running", "degraded"):
            if time.monotonic() > deadline or not self._is_running():
                raise Refused(f"systemd does not get up: {state}")
            time.sleep(0.2)
        # As a machine has it: credentials are mounted for services by another process.
        self.run("mount", "--make-rshared", "/")
        return self

    def stop(self):
        subprocess.run([*self._podman, "rm", "--force", "--ignore", "--time=5", self.name], capture_output=True)
        for place in (self.root, self._directory / "layers"):
            subprocess.run(["umount", "--lazy", place], capture_output=True)

    def ask(self, *command, input=None):
        """What a command inside said."""
        more = ["--interactive"] if input is not None else []
        return subprocess.run(
            [*self._podman, "exec", *more, self.name, *command],
            input=input, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip

    def run(self, *command, input=None):
        ran = self.ask(*command, input=input)
        assert ran.returncode == 0, f"{' '.join(command)}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def write(self, path, text, mode=0o600):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def show(self, unit, name):
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def journal(self, unit):
        """Messages of the unit, the oldest first; those in JSON are read."""
        lines = self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").splitlines()
        return [json.loads(line) if line.startswith("{") else line for line in lines]

    def _make_root(self):
        layers = self._directory / "layers"
        for folder in (layers, self._directory / "storage", self._directory / "state"):
            folder.mkdir()
        self._run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", layers, refused=True)
        for name in ("upper", "work", "root"):
            (layers / name).mkdir()
        for name in EMPTY:
            folder = layers / "upper" / name
            folder.mkdir(parents=True, mode=0o755)
            os.setxattr(folder, "trusted.overlay.opaque", b"y")
        options = f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work"
        self._run("mount", "-t", "overlay", "-o", options, "overlay", self.root, refused=True)
        (self.root / "tmp").chmod(0o1777)
        self.write(f"/etc/systemd/system/{TARGET}", "[Unit]\nRequires=sysinit.target dbus.socket\nAfter=sysinit.target\n", 0o644)

    def _is_running(self):
        told = subprocess.run(
            [*self._podman, "inspect", "--format={{.State.Running}}", self.name], capture_output=True, text=True
        )
        return told.stdout.strip() == "true"

    def _run(self, *command, refused=False):
        ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE_S)
        assert "--help" not in ran.stderr, ran.stderr  # a mistake of ours
        if ran.returncode and refused:
            raise Refused((ran.stderr.strip().splitlines() or [f"{command[0]} failed"])[-1])
        assert ran.returncode == 0, ran.stderr
