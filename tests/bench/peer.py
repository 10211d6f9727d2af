# SPDX-License-Identifier: Apache-2.0
"""One server in front of the same IDE: starts it, measures its memory and time, ends it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

import proxy as proxy_module  # noqa: E402
from web_client import WebClient  # noqa: E402

PROXY_CORE = "0"
NAME = "workspace.localhost"
START_TIMEOUT_S = 20


class Peer:
    """One proxy. The stage knows where everything is; see run.py."""

    name = "?"
    has_login = False
    has_tls = True

    def __init__(self, stage):
        self.stage = stage
        self.plain = proxy_module.free_port()
        self.tls = proxy_module.free_port()
        self.directory = os.path.join(stage.directory, self.name)
        self.log = os.path.join(self.directory, "access.log")
        self.cookie = None
        self.process = None
        os.makedirs(self.directory, exist_ok=True)

    # For subclasses

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def version(self):
        raise NotImplementedError

    def is_there(self):
        return True

    # Life

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self):
        """In our session: one of its own would be a group of its own for the scheduler, for which the
        priority of a clone beside it, which is in one container with it, would mean nothing."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", PROXY_CORE, *self.command()],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_for(self.plain)
        if self.has_tls:
            self._wait_for(self.tls)
        if self.has_login:
            self.log_in()
        return self

    def _wait_for(self, port):
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not start:\n{self.log_tail()}") from None
                time.sleep(0.05)

    def log_in(self):
        """Through the stand-in GitLab, as a browser does; its cookies are what the load then sends."""
        client = WebClient(self.stage.authority.client_context())
        page = client.login(f"{self.origin}/bytes/200", "sasha", "sasha-password")
        if page.status != 200:
            raise RuntimeError(f"{self.name}: login ended with {page.status} at {page.url}")
        self.cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(NAME))

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log_tail(self):
        with open(self.log, errors="replace") as log:
            return log.read()[-1000:]

    def forget_log(self):
        os.truncate(self.log, 0)

    # What is measured

    @property
    def origin(self):
        return f"https://{NAME}:{self.tls}"

    @property
    def host(self):
        return f"{NAME}:{self.tls}"

    def pids(self):
        """The process and what it started."""
        found, parents = [self.process.pid], {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat") as stat:
                        parents[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
                except OSError:
                    continue
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def memory_kib(self):
        """Proportional set size: all, and its anonymous part."""
        total = anonymous = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as file:
                sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", file.read(), re.M))
            total += int(sizes["Pss"])
            anonymous += int(sizes["Pss_Anon"])
        return total, anonymous


def socket_memory_kib(pids):
    """What the kernel holds for their TCP connections: received and not read, sent and not acknowledged,
    queued, and allocated ahead."""
    lines = output_of("ss", "--no-header", "--tcp", "--numeric", "--memory", "--processes", "--oneline").splitlines()
    ours = [line for line in lines if any(f"pid={pid}," in line for pid in pids)]
    found = [re.search(r"skmem:\(r(\d+),rb\d+,t(\d+),tb\d+,f(\d+),w(\d+)", line) for line in ours]
    return sum(int(m[1]) + int(m[3]) + int(m[4]) for m in found if m) / 1024


def output_of(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stdout + result.stderr
