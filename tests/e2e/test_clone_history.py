# SPDX-License-Identifier: Apache-2.0
"""CLONE_UNSHALLOW: the IDE opens with a shallow clone, and the rest of the history comes behind it.

git itself is the judge of what is there in the end, and works in the repository meanwhile.
"""

import json
import os
import random
import resource
import shutil
import signal
import time

import pytest
from clone import Worker, git, settings_for
from clone_fixtures import target, token, workers
from proxy import wait_until

COMMITS = 12
MARK = ".git/workspace-proxy-history"


@pytest.fixture
def project(gitlab):
    project = gitlab.add_project("group/deep", gitlab.sasha, files=200, commits=COMMITS)
    bare = project.repository
    git(bare, "branch", "topic/one", "HEAD~2")
    git(bare, "branch", "old", "HEAD~5")
    git(bare, "tag", "-a", "-m", "One", "v1", "HEAD~3")
    git(bare, "tag", "light", "HEAD~7")
    return project


@pytest.fixture
def settings(gitlab, certificates, project, target):
    return settings_for(gitlab, project, target, certificates.ca, CLONE_DEPTH="1", CLONE_UNSHALLOW="on")


@pytest.fixture
def work(settings, token, workers):
    """Starts a worker."""

    def start(**more):
        workers.append(Worker({**settings, **more}, token))
        return workers[-1]

    return start


def history(line):
    return line["history"]["state"]


def refs(directory, *patterns):
    return git(directory, "for-each-ref", "--format=%(refname) %(objectname) %(*objectname) %(symref)", *patterns)


def assert_complete(target, project, tmp_path, fetched=True):
    """As `git clone` would have made it, and nothing of ours is left."""
    whole = tmp_path / "whole"
    if not whole.exists():
        git(tmp_path, "clone", "-q", f"file://{project.repository}", str(whole))
    assert git(target, "rev-parse", "--is-shallow-repository") == "false"
    assert git(target, "fsck", "--full", "--strict", "--no-dangling") == ""
    assert git(target, "status", "--porcelain") == ""
    assert git(target, "rev-list", "--count", "origin/main") == str(COMMITS)
    if fetched:
        assert refs(target, "refs/remotes", "refs/tags") == refs(whole, "refs/remotes", "refs/tags")
    assert git(target, "config", "--get-all", "remote.origin.fetch") == "+refs/heads/*:refs/remotes/origin/*"
    folder = os.listdir(target / ".git")
    assert not [name for name in folder if "workspace-proxy" in name or name.endswith(".lock")]
    assert not [name for name in os.listdir(target / ".git/objects/pack") if not name.endswith((".pack", ".idx", ".rev"))]


@pytest.mark.parametrize("ref", [None, "topic/one", "v1"])
def test_history_comes(work, target, project, tmp_path, ref):
    worker = work(CLONE_REF=ref)
    assert worker.finish() == 0, worker.log
    states = [history(line) for line in worker.lines if line and line["phase"] == "done"]
    assert states[0] == "coming" and states[-1] == "complete", worker.log
    assert worker.last["history"]["objects_done"] == worker.last["history"]["objects_total"] > 0
    assert_complete(target, project, tmp_path)
    again = work(CLONE_REF=ref)
    assert again.finish() == 0 and history(again.last) == "none"


def test_depth_without_it_stays_shallow(work, target):
    worker = work(CLONE_UNSHALLOW=None)
    assert worker.finish() == 0 and history(worker.last) == "none"
    assert git(target, "rev-parse", "--is-shallow-repository") == "true"
    # Nor is a shallow clone touched later that was not made for it.
    again = work()
    assert again.finish() == 0 and history(again.last) == "none"
    assert git(target, "rev-parse", "--is-shallow-repository") == "true"


def test_the_ide_is_open_meanwhile(make_proxy, gitlab, upstream, client, project, target, tmp_path):
    gitlab.faults.add("git-upload-pack", stall_after=20000, skip=1, times=1)
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(project), CLONE_DIR=target, CLONE_DEPTH="1",
                       CLONE_UNSHALLOW="on", CLONE_STALL_TIMEOUT="60s")
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    wait_until(lambda: proxy.log_entries(message="clone: history", state="coming"), what="the history's beginning")
    assert client.navigate(proxy.origin + "/").status == 200
    state = json.loads(client.fetch(proxy.origin + "/oauth2/workspace").text)["clone"]
    assert state["phase"] == "done" and state["history"]["state"] == "coming"
    assert "history is still" in client.navigate(proxy.origin + "/oauth2/workspace").text
    assert (target / MARK).is_dir() and git(target, "status", "--porcelain") == ""
    # It ends with the sidecar, and leaves nothing but the mark.
    assert proxy.stop() == 0
    assert os.listdir(target / MARK) == ["due"]
    assert git(target, "fsck", "--full", "--no-dangling") == "" and git(target, "rev-parse", "--is-shallow-repository") == "true"


def test_git_goes_on_meanwhile(work, gitlab, target, project, tmp_path):
    """Commits, fetches and a moved branch of the user's: nothing of it is changed or rolled back."""
    gitlab.faults.add("git-upload-pack", bytes_per_s=150000, skip=1, times=1)
    worker = work()
    worker.wait_for(lambda line: line["history"]["bytes"] > 0)
    (target / "mine.txt").write_text("mine")
    git(target, "add", "mine.txt")
    git(target, "commit", "-q", "-m", "Mine")
    git(target, "branch", "old")
    mine = git(target, "rev-parse", "HEAD")
    git(target, "update-ref", "refs/remotes/origin/old", "HEAD~1")
    git(target, "tag", "v1", "HEAD~1")
    git(target, "fetch", "-q", f"file://{project.repository}", "topic/one:refs/heads/fetched")
    (target / "staged.txt").write_text("staged")
    git(target, "add", "staged.txt")
    assert history(worker.last) == "coming"
    assert worker.finish() == 0, worker.log
    assert history(worker.last) == "complete"
    assert git(target, "rev-parse", "HEAD") == mine == git(target, "rev-parse", "refs/heads/old")
    assert git(target, "rev-parse", "refs/remotes/origin/old") == git(target, "rev-parse", "v1") == git(target, "rev-parse", "HEAD~1")
    assert git(target, "rev-list", "--count", "HEAD") == str(COMMITS + 1)
    assert git(target, "status", "--porcelain") == "A  staged.txt"
    git(target, "reset", "-q", "--hard")
    assert_complete(target, project, tmp_path, fetched=False)
    git(target, "gc", "-q", "--prune=now")
    assert git(target, "rev-parse", "origin/topic/one") == git(project.repository, "rev-parse", "topic/one")


def test_other_shallow_commits_stay(work, gitlab, target, tmp_path):
    """Those of another remote are none of ours."""
    gitlab.faults.add("git-upload-pack", delay_answer_s=1, skip=1, times=1)
    other = tmp_path / "other"
    git(tmp_path, "init", "-q", str(other))
    for number in range(3):
        git(other, "commit", "-q", "--allow-empty", "-m", str(number))
    first = work()
    first.wait_for(lambda line: line["phase"] == "done")
    first.signal(signal.SIGKILL)
    first.finish()
    git(target, "fetch", "-q", "--depth=1", f"file://{other}", "HEAD:refs/heads/other")
    assert work().finish() == 0
    assert (target / ".git/shallow").read_text() == git(other, "rev-parse", "HEAD") + "\n"
    assert git(target, "rev-list", "--count", "main") == str(COMMITS) and git(target, "fsck", "--full", "--no-dangling") == ""


def test_a_lock_of_git_is_waited_for(work, gitlab, target, project, tmp_path):
    gitlab.faults.add("git-upload-pack", delay_answer_s=0.3, skip=1, times=1)
    lock = target / ".git/shallow.lock"
    worker = work(CLONE_RETRIES="8")
    worker.wait_for(lambda line: line["phase"] == "done")
    lock.touch()
    worker.wait_for(lambda line: line["history"]["bytes"] > 0)
    # Another attempt, which has nothing to receive any more.
    wait_until(lambda: worker.last["history"] == {"state": "coming", "objects_done": 0, "objects_total": 0, "bytes": 0}, what="the lock to be met")
    assert git(target, "rev-parse", "--is-shallow-repository") == "true" and git(target, "fsck", "--full", "--no-dangling") == ""
    lock.unlink()
    assert worker.finish() == 0, worker.log
    assert "shallow.lock is locked by git" in worker.log
    assert_complete(target, project, tmp_path)


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut_after": 30000}, {"status": 401}])
def test_failing_is_a_warning(work, gitlab, target, project, tmp_path, fault):
    gitlab.faults.add("git-upload-pack", skip=1, times=1, **fault)
    worker = work()
    assert worker.finish() == 0
    assert worker.last["phase"] == "done" and history(worker.last) == "missing"
    assert "git fetch --unshallow" in worker.last["message"] and "history: not fetched" in worker.log
    assert os.listdir(target / MARK) == ["due"] and git(target, "status", "--porcelain") == ""
    again = work()
    assert again.finish() == 0 and history(again.last) == "complete"
    assert_complete(target, project, tmp_path)


def test_another_attempt(work, gitlab, target, project, tmp_path):
    gitlab.faults.add("git-upload-pack", skip=1, times=1, cut_after=30000)
    worker = work(CLONE_RETRIES="1")
    assert worker.finish() == 0 and history(worker.last) == "complete", worker.log
    assert_complete(target, project, tmp_path)


def test_a_full_disk(work, gitlab, target, project, tmp_path):
    """A limit on the size of files is a full disk to the worker."""
    gitlab.faults.add("git-upload-pack", delay_answer_s=0.5, skip=1, times=1)
    worker = work()
    worker.wait_for(lambda line: line["phase"] == "done")
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (20000, 20000))
    assert worker.finish() == 0 and history(worker.last) == "missing"
    assert "problem=disk_full" in worker.log
    assert os.listdir(target / MARK) == ["due"] and git(target, "fsck", "--full", "--no-dangling") == ""
    assert not [name for name in os.listdir(target / ".git/objects/pack") if not name.endswith((".pack", ".idx"))]
    assert work().finish() == 0
    assert_complete(target, project, tmp_path)


def test_killed_at_random_moments(work, target, project, tmp_path):
    """Wherever it ends, git finds a valid repository, and in the end all of it is there."""
    begun = work()
    begun.wait_for(lambda line: line["phase"] == "done")
    start = time.monotonic()
    begun.finish()
    lasts = time.monotonic() - start
    seed = random.randrange(1 << 32)
    print(f"seed {seed}, lasts {lasts}")
    moments = random.Random(seed)
    shutil.rmtree(target)
    for _ in range(8):
        worker = work()
        worker.wait_for(lambda line: line["phase"] == "done")
        time.sleep(moments.uniform(0, lasts))
        try:
            worker.signal(signal.SIGKILL)
        except ProcessLookupError:
            pass
        worker.finish()
        assert git(target, "status", "--porcelain") == "" and git(target, "fsck", "--full", "--no-dangling") == ""
        assert git(target, "rev-list", "--count", "HEAD") in ("1", str(COMMITS))
    assert work().finish() == 0
    assert_complete(target, project, tmp_path)


@pytest.mark.parametrize("depth", [4, 7])
def test_server_that_is_shallow_itself(work, target, project, depth):
    """The history ends where the server's does."""
    end = git(project.repository, "rev-parse", f"main~{depth}")
    with open(f"{project.repository}/shallow", "w", encoding="ascii") as file:
        file.write(end + "\n")
    worker = work()
    assert worker.finish() == 0, worker.log
    assert history(worker.last) == "complete", worker.log
    assert (target / ".git/shallow").read_text() == end + "\n"
    assert git(target, "rev-list", "--count", "HEAD") == str(depth + 1)
    assert git(target, "fsck", "--full", "--strict", "--no-dangling") == ""


def test_history_of_a_commit_that_no_branch_has(work, target, project):
    bare = project.repository
    commit = git(bare, "commit-tree", "main^{tree}", "-p", "main~3", "-m", "Loose")
    git(bare, "update-ref", f"refs/keep-around/{commit}", commit)
    worker = work(CLONE_REF=commit)
    assert worker.finish() == 0, worker.log
    assert history(worker.last) == "complete", worker.log
    assert git(target, "rev-parse", "HEAD", "--is-shallow-repository").split() == [commit, "false"]
    assert git(target, "rev-list", "--count", "HEAD") == str(COMMITS - 2)
    assert git(target, "fsck", "--full", "--strict", "--no-dangling") == ""
