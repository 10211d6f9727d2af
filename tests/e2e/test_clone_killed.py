# SPDX-License-Identifier: Apache-2.0
"""The clone worker, killed 200 times at random moments of all phases and started again each time."""

import concurrent.futures
import os
import random
import shutil
import signal
import time

from clone import Worker, git, settings_for

KILLS = 200
CHAINS = 8
PHASES = ("connecting", "receiving", "resolving", "checkout")


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


def test_killed_at_200_moments(make_gitlab, tmp_path):
    gitlab = make_gitlab(tls=False)
    project = gitlab.add_project("group/small", gitlab.sasha, files=60, commits=2)
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    settings = settings_for(gitlab, project, tmp_path / "first" / "demo")
    durations = measure(settings, token)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}, phases {durations}")
    with concurrent.futures.ThreadPoolExecutor(CHAINS) as pool:
        runs = [
            pool.submit(Chain(settings, token, tmp_path / str(i), i % 2 == 1, seed + i).run, durations, KILLS // CHAINS)
            for i in range(CHAINS)
        ]
        killed = sum(run.result() for run in runs)
    assert killed > KILLS // 2  # the others were faster than the signal
