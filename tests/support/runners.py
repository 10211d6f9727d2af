# SPDX-License-Identifier: Apache-2.0
"""How a test starts the program: as it is, as process 1 of a PID namespace of its own, by podman from the
image, or by chroot from the tree that the image is made of.
"""

import os
import shutil
import subprocess
import sys


class Plain:
    """A child of the test."""

    shares_ports = True  # with a reserved one of this network namespace
    pass_fds = ()

    def command(self, program, arguments, settings):
        return [program, *arguments]

    def signal(self, process, number):
        process.send_signal(number)

    def pid(self, process):
        """The program's own process id, as this side sees it."""
        return process.pid


PASS_SOCKETS = """
import fcntl, os, sys
names, fds, *command = sys.argv[1:]
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in fds.split(",")]
for number, fd in enumerate(high, 3):
    os.dup2(fd, number)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


class PassingSockets(Plain):
    """With listening sockets, as systemd passes them; their names are those of the listeners."""

    def __init__(self, **sockets):
        self.names = ":".join(sockets)
        self.pass_fds = tuple(s.fileno() for s in sockets.values())

    def command(self, program, arguments, settings):
        fds = ",".join(map(str, self.pass_fds))
        return [sys.executable, "-c", PASS_SOCKETS, self.names, fds, program, *arguments]


class FirstProcess(Plain):
    """Process 1, as in a container. Whoever loses a parent in its namespace becomes its child."""

    @staticmethod
    def why_not():
        """The reason why this can't be done here, or None."""
        if not shutil.which("unshare"):
            return "there is no unshare"
        tried = subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, text=True)
        return tried.stderr.strip() or None if tried.returncode else None

    def command(self, program, arguments, settings):
        return ["unshare", "--pid", "--fork", "--kill-child", program, *arguments]

    def signal(self, process, number):
        subprocess.run(["kill", f"-{int(number)}", str(self.pid(process))], check=False)

    def pid(self, process):
        return children_of(process.pid)[0]


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


ORPHAN = """
import os, sys
if os.fork() == 0:
    mother = os.getppid()
    if os.fork() == 0:
        os.setsid()
        sys.stdin.read()     # until the test lets go
        os._exit(7)
    os._exit(0)
os.wait()
"""


def leave_orphan(pid):
    """A process in pid's namespace that has lost its parent; it ends when its stdin does."""
    left = subprocess.Popen(
        ["nsenter", f"--pid=/proc/{pid}/ns/pid", "/usr/bin/python3", "-c", ORPHAN], stdin=subprocess.PIPE
    )
    assert left.wait(60) == 0
    return left.stdin


class Inside(Plain):
    """What both ways into the image share. The program runs as a user that no file knows, in group 0, as
    OpenShift does, on a root that it can't write to. folders: name -> a folder here, which it sees below /tmp.
    """

    UID, GID = 12345, 0
    shares_ports = False

    def __init__(self, image, folders):
        self.image = image
        self.folders = folders


class Container(Inside):
    """By podman, with nothing that it can be denied."""

    SCRIPT = """
. tools/image-storage "$1"; name=$2; shift 2
exec "${podman[@]}" run "${run_flags[@]}" --rm --name "$name" "$@"
"""

    def __init__(self, image, folders, name):
        super().__init__(image, folders)
        self.name = name

    def podman(self, *words):
        script = '. tools/image-storage "$1"; shift; exec "${podman[@]}" "$@"'
        return subprocess.run(
            ["bash", "-c", script, "bash", self.image, *words], capture_output=True, text=True, timeout=60
        )

    def command(self, program, arguments, settings):
        with open(f"{self.image}/workspace-proxy.id") as file:
            image = file.read().strip()
        options = ["--user", f"{self.UID}:{self.GID}", "--tmpfs", "/tmp:rw,mode=1777"]
        for name, folder in self.folders.items():
            options += ["--volume", f"{folder}:/tmp/{name}"]
        for name, value in settings.items():
            # Without a value, podman takes it from its own environment: no secret is in an argument.
            options += ["--env", f"WORKSPACE_PROXY_{name}"] if value is not None else []
        return ["bash", "-c", self.SCRIPT, "bash", self.image, self.name, *options, image, *arguments]

    def pid(self, process):
        return int(self.podman("inspect", "--format", "{{.State.Pid}}", self.name).stdout)

    def close(self):
        self.podman("rm", "--force", "--ignore", self.name)


class Chroot(Inside):
    """By chroot, in namespaces for mounts and processes. Proves less than a container: that all is there."""

    SCRIPT = """
set -e
tree=$1; uid=$2; gid=$3; shift 3
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs tmpfs "$tree/tmp"
while [ "$1" != -- ]; do
	mkdir "$tree/tmp/$1"
	mount --bind "$2" "$tree/tmp/$1"
	shift 2
done
shift
mount -o remount,bind,ro "$tree"
exec setpriv --no-new-privs chroot --userspec="$uid:$gid" --groups="$gid" "$tree" /usr/bin/workspace-proxy "$@"
"""

    @staticmethod
    def why_not():
        if os.geteuid() != 0:
            return "only root may chroot"
        tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
        return tried.stderr.strip() or None if tried.returncode else None

    def command(self, program, arguments, settings):
        folders = [word for pair in self.folders.items() for word in map(str, pair)]
        inside = ["sh", "-c", self.SCRIPT, "sh", f"{self.image}/tree", str(self.UID), str(self.GID), *folders, "--"]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", *inside, *arguments]

    def pid(self, process):
        return children_of(process.pid)[0]

    def signal(self, process, number):
        subprocess.run(["kill", f"-{int(number)}", str(self.pid(process))], check=False)

    def close(self):
        pass
