# SPDX-License-Identifier: Apache-2.0
"""Clones that are killed, told to stop or left alone half way, and what the next one finds of them."""

import os
import signal

import pytest
from clone import CODES, Worker, by_hand, git, leftovers, start_by_hand
from clone_fixtures import large, settings, target, token, workers


def test_interrupted_by_hand(gitlab, large, token, target, tmp_path):
    """Ctrl-C at a terminal: nothing is left."""
    gitlab.faults.add("git-upload-pack", stall_after=300000)
    process = start_by_hand({**large, "CLONE_TOKEN": token})
    for line in process.stderr:
        if line.startswith("Receiving"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == CODES["internal"]
    assert leftovers(tmp_path) == [] and not target.parent.exists()


# Where files are written by a process of their own, while more is to be fetched, as well.
PHASES = pytest.mark.parametrize(
    "phase, more",
    [("receiving", {}), ("checkout", {}), ("checkout", {"CLONE_DEPTH": "1", "CLONE_UNSHALLOW": "on"})],
    ids=["receiving", "checkout", "checkout-before-history"],
)


def start_slow(gitlab, settings, token, workers, phase):
    """A worker that is in the middle of `phase`."""
    if phase == "receiving":
        gitlab.faults.add("git-upload-pack", stall_after=300000, times=1)
    worker = Worker(settings, token)
    workers.append(worker)
    worker.wait_for(lambda line: line["phase"] == phase)
    return worker


@PHASES
@pytest.mark.parametrize("inside", [False, True])
def test_killed_and_run_again(gitlab, large, token, target, tmp_path, workers, phase, more, inside):
    large = {**large, **more}
    if inside:
        (target / "lost+found").mkdir(parents=True)
    worker = start_slow(gitlab, large, token, workers, phase)
    worker.signal(signal.SIGKILL)
    assert worker.finish() == -signal.SIGKILL
    assert not (target / ".git").exists()
    assert len(leftovers(tmp_path)) == 1
    second = Worker(large, token)
    workers.append(second)
    assert second.finish() == 0, second.log
    assert leftovers(tmp_path) == []
    assert git(target, "status", "--porcelain") == ""


@PHASES
@pytest.mark.parametrize("inside", [False, True])
def test_told_to_stop(gitlab, large, token, target, tmp_path, workers, phase, more, inside):
    large = {**large, **more}
    if inside:
        (target / "lost+found").mkdir(parents=True)
    worker = start_slow(gitlab, large, token, workers, phase)
    worker.signal(signal.SIGTERM)
    assert worker.finish() == CODES["internal"], worker.log
    assert worker.last["phase"] == "failed"
    assert leftovers(tmp_path) == []
    assert os.listdir(target) == ["lost+found"] if inside else not target.parent.exists()


def test_ends_when_nobody_reads(gitlab, large, token, target, tmp_path, workers):
    gitlab.faults.add("git-upload-pack", bytes_per_s=100000)
    worker = Worker(large, token, lines=1)
    workers.append(worker)
    assert worker.finish() == CODES["internal"]
    assert leftovers(tmp_path) == [] and not target.exists()


def test_leftovers_of_others_are_left(settings, token, target, tmp_path):
    parent = target.parent
    parent.mkdir()
    (parent / "kept").mkdir()
    (parent / "kept" / "file").write_text("kept")
    ours = ".demo.workspace-proxy-clone-"
    (parent / (ours + "AAAAAA")).mkdir()  # no marker, not empty
    (parent / (ours + "AAAAAA") / "file").write_text("kept")
    (parent / (ours + "BBBBBB")).symlink_to(parent / "kept")
    (parent / (ours + "CCCCCCC")).mkdir()  # not our pattern
    (parent / ".other.workspace-proxy-clone-DDDDDD").mkdir()
    (parent / (ours + "EEEEEE")).mkdir()  # ours: swept, but not through its link
    (parent / (ours + "EEEEEE") / "workspace-proxy-clone").write_text("")
    (parent / (ours + "EEEEEE") / "tree").symlink_to(parent / "kept")
    assert by_hand({**settings, "CLONE_TOKEN": token}).returncode == 0
    names = sorted(os.listdir(parent))
    assert names == sorted([ours + "AAAAAA", ours + "BBBBBB", ours + "CCCCCCC", ".other.workspace-proxy-clone-DDDDDD", "demo", "kept"])
    assert (parent / "kept" / "file").read_text() == "kept"


def test_two_at_once(gitlab, large, token, target, tmp_path, workers):
    """The slower one finds the target taken, and neither removes what is the other's."""
    first = start_slow(gitlab, large, token, workers, "receiving")
    second = Worker(large, token)
    workers.append(second)
    assert second.finish() == 0, second.log
    assert len(leftovers(tmp_path)) == 1
    first.signal(signal.SIGTERM)
    first.finish()
    assert leftovers(tmp_path) == [] and git(target, "status", "--porcelain") == ""
