# SPDX-License-Identifier: Apache-2.0
"""SSH through the proxy: the IDE's container with workspace-ssh and sshd, and a user's computer."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import websocket
from proxy import PATIENCE_S, SANITIZER, binary, environment_for, free_port
from readable import readable

SUBPROTOCOL = "ssh.workspace-proxy.v1"
USER, UID = "coder", 23456
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHbeY0dNWvcmLqPSJ0J1Nw4ZqRbEBhA9ZBAfB4xGqFq"
OK = f"ok coder {KEY}\n".encode()  # what a helper answers


def helper_binary():
    return os.path.join(os.path.dirname(binary()), "workspace-ssh")


def connect_binary():
    """The client as a program of its own."""
    return os.path.join(os.path.dirname(binary()), "workspace-connect")


def problem():
    """What SSH lacks on this machine, in a few words; or None."""
    if not os.access("/usr/sbin/sshd", os.X_OK):
        return "openssh-server is not installed"
    if not os.access(helper_binary(), os.X_OK):
        return f"{helper_binary()} is not there"
    return None


# As root: a mount namespace in which the user exists and terminals have their group, as in containers.
NAMESPACE = """
mount --bind "$1" /etc/passwd
mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount --bind /dev/pts/ptmx /dev/ptmx
shift
exec setpriv --reuid {uid} --regid {uid} --clear-groups "$@"
"""


class Container:
    """A user with a home, and workspace-ssh for them. Without root it is the user who runs the tests."""

    def __init__(self, account=True, uid=UID, password="x"):
        self.directory = tempfile.mkdtemp(prefix="wssh-", dir="/tmp")
        self.home = os.path.join(self.directory, "home")
        self.socket = os.path.join(self.directory, "socket")
        self.private = os.path.join(self.directory, "private")
        self.is_root = os.geteuid() == 0
        self.user = USER if self.is_root else os.environ.get("USER", "")
        self.uid = uid if self.is_root else os.geteuid()
        self.account = account
        self.password = password  # as in /etc/passwd
        self.process = None
        self.helper = helper_binary()
        self.hidden = {}  # path -> what is there instead
        os.mkdir(self.home)
        for path in (self.directory, self.home):
            os.chmod(path, 0o755)
            if self.is_root:
                os.chown(path, self.uid, self.uid)

    def command(self, *arguments):
        if not self.is_root:
            return list(arguments)
        passwd = os.path.join(self.directory, "passwd")
        shutil.copy("/etc/passwd", passwd)
        if self.account:
            with open(passwd, "a") as file:
                file.write(f"{USER}:{self.password}:{self.uid}:{self.uid}::{self.home}:/bin/bash\n")
        script = "".join(f"mount --bind {other} {path}\n" for path, other in self.hidden.items())
        script += NAMESPACE.format(uid=self.uid)
        return ["unshare", "--mount", "sh", "-e", "-c", script, "sh", passwd, *arguments]

    def start(self, *options, **environment):
        command = [self.helper, "serve", "--socket", self.socket, "--directory", self.private]
        self.process = subprocess.Popen(
            self.command(*command, "--uid", str(os.geteuid()), *options),
            env={"PATH": os.environ["PATH"], "HOME": self.home, **environment},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE_S
        while not os.path.exists(self.socket):
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self

    def children(self):
        """Process ids of the connections' sshd."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path) as file:
            return [int(pid) for pid in file.read().split()]

    def keys(self):
        return [name for name in os.listdir(self.private) if name.startswith("keys-")]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if self.process:
            errors = self.process.communicate(timeout=PATIENCE_S)[1]
            assert not SANITIZER.search(errors), errors
        shutil.rmtree(self.directory, ignore_errors=True)


# The same in a root that has a static busybox and nothing else: no C library, no sshd.
BARE_ROOT = """
root=$1
mkdir $root $root/bin $root/etc $root/dev $root/tmp $root/proc
cp {busybox} $root/bin/busybox
for name in sh cat id tty; do ln -s busybox $root/bin/$name; done
printf '{passwd}' >$root/etc/passwd
chmod {passwd_mode} $root/etc/passwd
mkdir -p $root$2
mount --bind /proc $root/proc
mount --bind /dev $root/dev
mount -t devpts -o newinstance,gid={terminals},mode=620,ptmxmode=666 devpts $root/dev/pts
mount --bind $root/dev/pts/ptmx $root/dev/ptmx
printf 'tty:x:5:\n' >$root/etc/group
mount --bind $2 $root$2
shift 2
exec /usr/sbin/chroot --userspec {uid}:{uid} $root "$@"
"""


class BareContainer(Container):
    """A container whose image has neither sshd nor a C library. Needs root."""

    passwd_mode = "644"
    terminals = 5  # the group of terminals

    def command(self, *arguments):
        entry = f"{USER}:x:{self.uid}:{self.uid}::{self.home}:/bin/sh\\n" if self.account else ""
        script = BARE_ROOT.format(
            busybox=shutil.which("busybox"),
            uid=self.uid,
            passwd="root:x:0:0::/root:/bin/sh\\n" + entry,
            passwd_mode=self.passwd_mode,
            terminals=self.terminals,
        )
        root = self.directory + "-root"
        return ["unshare", "--mount", "sh", "-e", "-c", script, "sh", root, self.directory, *arguments]

    def stop(self):
        super().stop()
        shutil.rmtree(self.directory + "-root", ignore_errors=True)


def reaches(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


class LyingHelper:
    """A helper that answers with the given bytes and then does nothing."""

    def __init__(self, path, answer):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        self.answer = answer
        self.connections = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            connection.recv(4096)
            if self.answer is None:
                connection.close()
            else:
                connection.sendall(self.answer)


class Sshd:
    """An sshd of the image, listening on loopback as the container's user; the computer's key opens it."""

    def __init__(self, container, computer, *more_options):
        self.port = free_port()
        self.keys = os.path.join(container.directory, "keys")
        self.host_key = os.path.join(container.directory, "sshd_host_key")
        self.user = container.user
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.host_key], check=True)
        if container.is_root:
            os.chown(self.host_key, container.uid, container.uid)
        self.accept(computer)
        options = [
            f"HostKey={self.host_key}", f"AuthorizedKeysFile={self.keys}", "UsePAM=no", "StrictModes=no",
            "PidFile=none", "UseDNS=no", "LogLevel=ERROR", "PrintMotd=no", "PrintLastLog=no", "MaxStartups=300",
            *more_options,
        ]
        command = ["/usr/sbin/sshd", "-De", "-f", "/dev/null", "-p", str(self.port), "-o", "ListenAddress=127.0.0.1"]
        for option in options:
            command += ["-o", option]
        self.process = subprocess.Popen(container.command(*command), stderr=subprocess.DEVNULL)
        self.command = [
            "ssh", "-F", "none", "-p", str(self.port), "-l", self.user,
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "127.0.0.1",
        ]

    def accept(self, computer):
        """The computer's key, where it has one, is authorized."""
        public = computer.configuration / "id_ed25519.pub"
        with open(self.keys, "w") as file:
            file.write(public.read_text() if public.exists() else "")
        os.chmod(self.keys, 0o644)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Computer:
    """A user's computer: a home, the client's commands, and real ssh."""

    def __init__(self, home, proxy, ca_file, program=None):
        self.home = home
        self.program = program or binary()
        self.proxy = proxy
        self.ca_file = ca_file
        home.mkdir(exist_ok=True)

    @property
    def configuration(self):
        return self.home / ".config" / "workspace-proxy"

    @property
    def stored(self):
        """What was stored for the one workspace that was logged in to."""
        (path,) = (self.configuration / "hosts").iterdir()
        return json.loads(path.read_text())

    @property
    def user(self):
        return self.stored["user"]

    @property
    def environment(self):
        environment = environment_for({})
        environment.update({"HOME": str(self.home), "BROWSER": "/bin/true"})
        return environment

    def run(self, *arguments, timeout=PATIENCE_S, **more):
        result = subprocess.run(
            [str(a) for a in arguments],
            env=self.environment,
            capture_output=True,
            timeout=timeout,
            **more,
        )
        assert not SANITIZER.search(result.stderr.decode("utf-8", "replace")), result.stderr
        return result

    def client(self, *arguments, **more):
        return self.run(self.program, *arguments, **more)

    def ssh(self, *arguments, **more):
        return self.client("ssh", self.proxy.host, "--", *arguments, **more)

    def start_login(self, *options):
        """`workspace-proxy login`; (process, first matching line's address or code)."""
        return subprocess.Popen(
            [self.program, "login", self.proxy.host, "--ca-file", self.ca_file, *options],
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def log_in(self, browser, signs_in=True):
        """All of it: the page in the browser, its question, the way back. What was printed."""
        process = self.start_login()
        assert process.stderr.readline() == "Continue in your browser:\n"
        page = browser.open(process.stderr.readline().strip())
        if signs_in:
            page = browser.consent(browser.sign_in(page, "sasha", "sasha-password"))
        assert "connect by SSH?" in page.text, (page.url, page.status, page.text)
        reply = browser.submit(page, next(f for f in page.forms() if "challenge" in f.fields))
        assert reply.status == 303 and reply.location.startswith("http://127.0.0.1:"), reply.text
        back = browser.follow(reply)
        assert back.status == 200 and "go back to the terminal" in back.text
        rest = process.communicate(timeout=PATIENCE_S)[1]
        assert process.returncode == 0, rest
        assert not SANITIZER.search(rest), rest
        return rest

    def write_config(self):
        result = self.client("ssh-config", self.proxy.host, "--write")
        assert result.returncode == 0, result.stderr
        return self.home / ".ssh" / "config"

    def tool(self, program, *arguments, **more):
        """ssh, scp, sftp …, with the configuration that ssh-config wrote."""
        return self.run(program, "-F", self.home / ".ssh" / "config", *arguments, **more)


def ask(proxy, token=None, headers=(), path="/oauth2/ssh", upgrade=True, method="GET"):
    """A request by hand; the client with the response read."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {proxy.host}"]
    if upgrade:
        lines += [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {websocket.new_key()}",
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
            f"Workspace-Ssh-Key: {KEY}",
        ]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"{name}: {value}" for name, value in headers]
    raw = proxy.raw()
    raw.send("\r\n".join(lines) + "\r\n\r\n")
    raw.response = raw.read_response()
    return raw


def admin(proxy, path):
    """What the admin listener answers, from JSON."""
    with proxy.raw("admin") as raw:
        return json.loads(raw.request("GET", path, host="admin").read_response().text)


def open_shell(laptop):
    """A remote `cat`, connected: (process, its bytes so far)."""
    process = subprocess.Popen(
        [binary(), "ssh", laptop.proxy.host, "--", "echo ready; cat"],
        env=laptop.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    read_until(process.stdout, rb"ready\n")
    return process


def read_until(stream, pattern, timeout=PATIENCE_S):
    """Reads a binary stream up to a match; all that was read."""
    seen, deadline = b"", time.monotonic() + timeout
    while not re.search(pattern, seen):
        assert time.monotonic() < deadline, seen
        if readable([stream], 1):
            data = os.read(stream.fileno(), 65536)
            assert data, seen
            seen += data
    return seen


def drain(stream):
    """Reads a stream in the background, so that its writer never blocks; the list of its lines."""
    lines = []
    threading.Thread(target=lambda: lines.extend(stream), daemon=True).start()
    return lines
