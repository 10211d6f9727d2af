# SPDX-License-Identifier: Apache-2.0
"""The clone worker, killed at random moments of all phases and started again each time.

With submodules and LFS files under way. `make clone-kills` kills 200 times.
"""

import concurrent.futures
import os
import random
import shutil
import signal
import time

from clone import Worker, git, settings_for
from lfs import add_files
from test_clone_submodules import add, head

KILLS = int(os.environ.get("CLONE_KILLS", "48"))
CHAINS = 8
PHASES = ("connecting", "receiving", "resolving", "lfs", "checkout")
LARGE = {f"large/{i}.bin": bytes([i]) * 150_000 for i in range(4)}
INNER = {"inner.bin": b"inner" * 30_000}


class Chain:
    """One target and the workers that are killed over it, one after the other."""

    def __init__(self, settings, token, folder, inside, seed):
        self.target = folder / "work" / "demo"
        self.settings = {**settings, "CLONE_DIR": self.target}
        self.token = token
        self.inside = inside
        self.random = random.Random(seed)
        self.killed = 0
        self.neighbour = folder / "work" / ".mine"
        self.neighbour.mkdir(parents=True)
        (self.neighbour / "file").write_text("mine")
        self.prepare()

    def prepare(self):
        if self.inside:
            (self.target / "lost+found").mkdir(parents=True)
            (self.target / "lost+found" / "file").write_text("mine")

    def is_complete(self):
        return (self.target / ".git").exists()

    def check(self):
        """A complete clone or none at all, and what is others' as it was."""
        assert (self.neighbour / "file").read_text() == "mine"
        if self.inside:
            assert (self.target / "lost+found" / "file").read_text() == "mine"
        if self.is_complete():
            (self.target / "lost+found").exists() and shutil.rmtree(self.target / "lost+found")
            assert git(self.target, "status", "--porcelain") == "" and git(self.target, "fsck", "--full") == ""
            assert git(self.target / "lib", "status", "--porcelain") == ""
            for path, content in (*LARGE.items(), *((f"lib/{path}", content) for path, content in INNER.items())):
                assert (self.target / path).read_bytes() == content
        elif not self.inside:
            assert not self.target.exists()

    def finish(self):
        worker = Worker(self.settings, self.token)
        assert worker.finish() == 0, worker.log
        self.check()
        assert self.is_complete() and set(os.listdir(self.target.parent)) == {".mine", "demo"}
        assert not [name for name in os.listdir(self.target) if "workspace-proxy" in name]

    def kill_one(self, durations):
        phase = self.random.choice(PHASES)
        worker = Worker(self.settings, self.token)
        worker.wait_for(lambda line: PHASES.index(phase) <= (*PHASES, "done").index(line["phase"]))
        # Into the phase; from the last one also beyond its end, where files are moved in.
        time.sleep(self.random.uniform(0, durations[phase] * (1.5 if phase == "checkout" else 1)))
        try:
            worker.signal(signal.SIGKILL)
        finally:
            status = worker.finish()
        assert status in (0, -signal.SIGKILL), worker.log
        self.killed += status != 0
        if self.is_complete():
            self.finish()
            shutil.rmtree(self.target)
            self.prepare()
        else:
            self.check()

    def run(self, durations, times):
        for _ in range(times):
            self.kill_one(durations)
        self.finish()
        return self.killed


def measure(settings, token):
    """How long each phase takes, and how long the end of the last one."""
    worker = Worker(settings, token)
    begun = {}
    for phase in PHASES:
        worker.wait_for(lambda line, phase=phase: PHASES.index(phase) <= (*PHASES, "done").index(line["phase"]))
        begun[phase] = time.monotonic()
    assert worker.finish() == 0, worker.log
    ends = [begun[phase] for phase in PHASES[1:]] + [time.monotonic()]
    return {phase: end - begun[phase] for phase, end in zip(PHASES, ends)}


def test_killed_at_any_moment(make_gitlab, tmp_path):
    gitlab = make_gitlab(tls=False)
    project = gitlab.add_project("group/small", gitlab.sasha, files=60, commits=2)
    lib = gitlab.add_project("group/lib", gitlab.sasha, files=5)
    add_files(lib, INNER)
    add_files(project, LARGE)
    add(project.repository, [("lib", "lib", "../lib.git", head(lib))])
    gitlab.faults.add("lfs-object", bytes_per_s=1_000_000)
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    settings = settings_for(gitlab, project, tmp_path / "first" / "demo", CLONE_SUBMODULES="1")
    durations = measure(settings, token)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}, phases {durations}")
    with concurrent.futures.ThreadPoolExecutor(CHAINS) as pool:
        runs = [
            pool.submit(Chain(settings, token, tmp_path / str(i), i % 2 == 1, seed + i).run, durations, KILLS // CHAINS)
            for i in range(CHAINS)
        ]
        killed = sum(run.result() for run in runs)
    print(f"{killed} of {KILLS} killed")
    assert killed > KILLS // 2  # the others were faster than the signal
