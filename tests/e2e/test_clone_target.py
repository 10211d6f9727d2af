# SPDX-License-Identifier: Apache-2.0
"""What stands where a clone is to go: what is left alone, filled in place, or in the way."""

import os
import pathlib
import shutil
import signal
import stat
import tempfile

import pytest
from clone import CODES, Worker, assert_failed, by_hand, git, leftovers, settings_for
from clone_fixtures import settings, target, token, workers
from proxy import binary

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
IN_MOUNTS = ("unshare", "--mount", "--propagation", "private", "sh", "-c")


def test_repository_is_left_alone(settings, token, target, gitlab):
    target.mkdir(parents=True)
    git(target, "init", "-q")
    (target / "mine.txt").write_text("mine")
    before = sorted(str(p) for p in target.rglob("*"))
    assert by_hand({**settings, "CLONE_TOKEN": token}).returncode == 0
    assert sorted(str(p) for p in target.rglob("*")) == before
    assert not gitlab.requests.all()


def test_git_file_counts_as_a_repository(settings, target, gitlab):
    target.mkdir(parents=True)
    (target / ".git").write_text("gitdir: /elsewhere\n")
    assert by_hand(settings).returncode == 0
    assert not gitlab.requests.all()


@pytest.mark.parametrize("kind", ["file inside", "link inside", "git link", "file", "link", "dangling link"])
def test_anything_else_is_left_alone(settings, token, target, tmp_path, gitlab, kind):
    target.parent.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "file":
        target.write_text("mine")
    elif kind == "link":
        target.symlink_to(elsewhere)
    elif kind == "dangling link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.mkdir()
        name = {"file inside": "mine.txt", "link inside": "lost+found", "git link": ".git"}[kind]
        (target / name).symlink_to(elsewhere)
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert result.returncode == CODES["not_empty"], result.stderr
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before
    assert not gitlab.requests.all()


def test_empty_directory_keeps_its_mode(settings, token, target, tmp_path):
    target.mkdir(parents=True)
    target.chmod(0o2770)
    assert by_hand({**settings, "CLONE_TOKEN": token}).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o2770
    assert (target / "README.md").is_file() and leftovers(tmp_path) == []


def test_empty_directory_survives_a_failure(settings, target, tmp_path):
    target.mkdir(parents=True)
    number = target.stat().st_ino
    assert by_hand(settings).returncode == CODES["token"]
    assert target.stat().st_ino == number and os.listdir(target) == [] and leftovers(tmp_path) == []


def test_umask_holds(settings, token, target):
    settings["CLONE_TOKEN"] = token
    assert by_hand(settings, preexec_fn=lambda: os.umask(0o027)).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o750
    assert stat.S_IMODE((target / "README.md").stat().st_mode) == 0o640


def test_directory_with_lost_and_found_is_filled_in_place(settings, token, target):
    (target / "lost+found").mkdir(parents=True)
    number = target.stat().st_ino
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert result.returncode == 0, result.stderr
    assert target.stat().st_ino == number
    assert sorted(os.listdir(target)) == [".git", "README.md", "lost+found", "notebooks"]
    (target / "lost+found").rmdir()
    assert git(target, "status", "--porcelain") == ""


@ROOT_ONLY
def test_mount_point_is_filled_in_place(settings, token, target):
    target.mkdir(parents=True)
    script = f'mount -t tmpfs none {target} && "$0" "$@" && ls -A {target} && git -C {target} fsck'
    result = by_hand({**settings, "CLONE_TOKEN": token}, wrapper=(*IN_MOUNTS, script))
    assert result.returncode == 0, result.stderr
    assert sorted(result.stdout.split()) == [".git", "README.md", "notebooks"]


@ROOT_ONLY
def test_bind_mount_of_the_same_file_system(settings, token, target, tmp_path):
    target.mkdir(parents=True)
    (tmp_path / "volume").mkdir()
    script = f'mount --bind {tmp_path / "volume"} {target} && exec "$0" "$@"'
    result = by_hand({**settings, "CLONE_TOKEN": token}, wrapper=(*IN_MOUNTS, script))
    assert result.returncode == 0, result.stderr
    assert sorted(os.listdir(tmp_path / "volume")) == [".git", "README.md", "notebooks"]


AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def as_nobody(make_gitlab):
    """Clones as an unprivileged user: (where, settings, run)."""
    gitlab = make_gitlab(tls=False)
    with tempfile.TemporaryDirectory(prefix="clone-") as directory:
        os.chmod(directory, 0o755)
        program = shutil.copy(binary(), directory)
        where = pathlib.Path(directory) / "demo"
        settings = settings_for(gitlab, gitlab.project, where)
        settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
        wrapper = (*AS_NOBODY, "sh", "-c", f"exec {program} clone")

        def run():
            return by_hand(settings, wrapper=wrapper)

        run.settings, run.command = settings, (*AS_NOBODY, program)
        yield where, run


@ROOT_ONLY
def test_parent_that_is_not_writable(as_nobody):
    where, run = as_nobody
    assert run().returncode == CODES["permission"]
    where.mkdir()
    assert run().returncode == CODES["permission"]
    assert os.listdir(where) == []
    os.chown(where, 65534, 65534)
    number = where.stat().st_ino
    result = run()
    assert result.returncode == 0, result.stderr
    assert where.stat().st_ino == number and sorted(os.listdir(where)) == [".git", "README.md", "notebooks"]
    assert {p.stat().st_uid for p in where.rglob("*")} == {65534}


@ROOT_ONLY
def test_wait_for_a_target_that_becomes_writable(as_nobody, workers):
    """As a sidecar with CLONE_TOKEN does, whose volume later init containers prepare."""
    where, run = as_nobody
    where.mkdir()
    worker = Worker({**run.settings, "CLONE_TOKEN": None}, run.settings["CLONE_TOKEN"], command=run.command, arguments=["--wait"])
    workers.append(worker)
    line = worker.wait_for(lambda line: "waits" in line["notes"])
    assert line["phase"] == "connecting" and line["message"] == f"Waiting until {where} is writable."
    os.chown(where, 65534, 65534)
    assert worker.finish() == 0, worker.log
    assert worker.last["notes"] == [] and "waiting for the target to become writable" in worker.log
    assert sorted(os.listdir(where)) == [".git", "README.md", "notebooks"]


@ROOT_ONLY
def test_stopped_while_the_target_is_not_writable(as_nobody, workers):
    where, run = as_nobody
    worker = Worker(run.settings, run.settings["CLONE_TOKEN"], command=run.command, arguments=["--wait"])
    workers.append(worker)
    worker.wait_for(lambda line: "waits" in line["notes"])
    worker.signal(signal.SIGTERM)
    assert worker.finish() == CODES["permission"], worker.log
    assert worker.last["notes"] == []


@ROOT_ONLY
def test_repository_of_another_user_is_left_alone(as_nobody):
    where, run = as_nobody
    where.mkdir()
    git(where, "init", "-q")
    assert run().returncode == 0
    assert os.listdir(where) == [".git"]


@ROOT_ONLY
@pytest.mark.parametrize("size", ["size=100k", "size=400k", "nr_inodes=30", "nr_inodes=60"])
def test_full_disk(gitlab, certificates, token, target, size):
    project = gitlab.add_project("group/larger", gitlab.sasha, files=60)
    settings = settings_for(gitlab, project, target / "demo", certificates.ca, CLONE_TOKEN=token)
    target.mkdir(parents=True)
    script = f'mount -t tmpfs -o {size} none {target} && "$0" "$@"; code=$?; ls -A {target}; exit $code'
    result = by_hand(settings, wrapper=(*IN_MOUNTS, script))
    assert result.returncode == CODES["disk_full"], result.stderr
    assert result.stdout == ""


def test_file_size_limit(settings, gitlab, certificates, token, target):
    import resource

    project = gitlab.add_project("group/larger", gitlab.sasha, files=300)
    settings = settings_for(gitlab, project, target, certificates.ca, CLONE_TOKEN=token)
    limit = 64 * 1024
    result = by_hand(settings, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert_failed(result, "disk_full", target)
