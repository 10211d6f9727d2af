# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy clone` and `git clone` in turn: the same repositories from the same server.

Each run has a fresh directory on the file system of the build. What it leaves is removed at the end, or
when space runs short: ext4 looks at each inode that was freed in the last minutes before it takes
another one, which slows the next clone. Each starts when all that was written before is on disk, as ours ends
with its own files there. Time and CPU are of the whole tree of processes; memory is the sum
of what each process had at most (VmHWM), for those that were there at the same time.
"""

import contextlib
import os
import resource
import shutil
import subprocess
import threading
import time

import repositories
from git_server import Server
from peers import Earlier, proxy_module
from clone import Worker

SAMPLE_S = 0.02
FREE_BYTES = 20 * 10**9
TIMEOUT_S = 600


def _children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def _peak_kib(pid):
    """Of a process and all below it."""
    total = 0
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    total = int(line.split()[1])
    except OSError:
        pass
    return total + sum(_peak_kib(child) for child in _children_of(pid))


def run(command, environment):
    """One sample: seconds, cpu_seconds, peak_kib."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    peak = 0
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None:
        peak = max(peak, _peak_kib(process.pid))
        try:
            process.wait(SAMPLE_S)
        except subprocess.TimeoutExpired:
            pass
        if time.monotonic() - start > TIMEOUT_S:
            process.kill()
    seconds = time.monotonic() - start
    error = process.stderr.read()
    process.stderr.close()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {error[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_kib": peak}


class Clones:
    """The server and the two clients; every method that clones returns a sample."""

    PEERS = ("ours", "git") + (("earlier",) if Earlier.binary() else ())

    def __init__(self, directory):
        self.cache = os.path.join(directory, "repositories")
        self.directory = os.path.join(directory, "clone")
        self.count = 0
        self.server = Server(self.cache, os.path.join(directory, "answers"))

    def close(self):
        self.server.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.server.answers, ignore_errors=True)

    @property
    def target(self):
        return os.path.join(self.directory, str(self.count), "target")

    def _prepare(self):
        if self.count == 0 or shutil.disk_usage(os.path.dirname(self.directory)).free < FREE_BYTES:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.count += 1
        os.makedirs(os.path.dirname(self.target))
        os.sync()

    def _settings(self, case):
        return {
            "CLONE_URL": f"{self.server.url}/{case.repository}.git",
            "CLONE_DIR": self.target,
            "GITLAB_URL": self.server.url,
            "CLONE_DEPTH": case.depth or None,
            "CLONE_UNSHALLOW": "on" if case.opens else None,
        }

    def _open(self, case):
        """Seconds until the sidecar would open the IDE; the history that comes then has to come."""
        start = time.monotonic()
        worker = Worker(self._settings(case))
        worker.wait_for(lambda line: line["phase"] in ("done", "failed"))
        seconds = time.monotonic() - start
        worker.finish(TIMEOUT_S)
        if worker.last["history"]["state"] != "complete":
            raise RuntimeError(f"{case.name}: {worker.log[-500:]}")
        return {"seconds": seconds}

    def ours(self, case):
        if case.opens:
            return self._open(case)
        return self._clone(case, proxy_module.binary())

    def _clone(self, case, binary):
        return run([binary, "clone"], proxy_module.environment_for(self._settings(case)))

    def git(self, case):
        depth = ["--depth", str(case.depth)] if case.depth and not case.opens else []
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }
        url = f"{self.server.url}/{case.repository}.git"
        return run(["git", "clone", "-q", *depth, url, self.target], environment)

    def sample(self, case, peer):
        self._prepare()
        if peer == "earlier":
            return self._clone(case, Earlier.binary())
        return self.ours(case) if peer == "ours" else self.git(case)

    def _worker(self, case):
        """As the sidecar starts it: out of the way of everything else."""
        worker = Worker(self._settings(case))
        if worker.finish():
            raise RuntimeError(f"{case.name}: {worker.log[-500:]}")

    @contextlib.contextmanager
    def running(self, case, peer):
        """One clone after the other while the context lasts; the first has begun."""
        is_over, has_begun, failures = threading.Event(), threading.Event(), []

        def run_all():
            try:
                while not is_over.is_set():
                    self._prepare()
                    has_begun.set()
                    self._worker(case) if peer == "ours" else self.git(case)
            except (OSError, RuntimeError, AssertionError) as e:
                failures.append(e)
                has_begun.set()

        thread = threading.Thread(target=run_all)
        thread.start()
        has_begun.wait()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
        if failures:
            raise failures[0]

    def warm(self, case):
        """The server's answers, and whether both come to the same files."""
        repositories.get(case.repository, self.cache)
        trees = []
        for peer in self.PEERS:
            self.sample(case, peer)
            state = repositories.git(self.target, "status", "--porcelain", text=True).stdout
            tree = repositories.git(self.target, "rev-parse", "HEAD^{tree}", text=True).stdout
            shallow = repositories.git(self.target, "rev-parse", "--is-shallow-repository", text=True).stdout
            trees.append((state, tree, shallow))
        if trees[0] != trees[1] or trees[0][0]:
            raise RuntimeError(f"{case.name}: the clones differ, or are not clean")
