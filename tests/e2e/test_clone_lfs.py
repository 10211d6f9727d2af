# SPDX-License-Identifier: Apache-2.0
"""Large files: pointers are noticed and said; git-lfs, where it is installed, gets only what it needs."""

import os

import pytest
from clone import by_hand, git, settings_for
from clone_fixtures import target
from proxy import wait_until

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "1" * 64 + "\nsize 12345\n"
IN_MOUNTS = ("unshare", "--mount", "--propagation", "private", "sh", "-c")


@pytest.fixture
def settings(gitlab, certificates, target):
    bare = gitlab.project.repository
    attributes = git(bare, "hash-object", "-w", "--stdin", stdin="*.bin filter=lfs diff=lfs merge=lfs -text\n")
    pointer = git(bare, "hash-object", "-w", "--stdin", stdin=POINTER)
    config = git(bare, "hash-object", "-w", "--stdin", stdin="[lfs]\n\turl = https://elsewhere.example/lfs\n")
    tree = git(bare, "mktree", stdin=f"100644 blob {attributes}\t.gitattributes\n100644 blob {config}\t.lfsconfig\n100644 blob {pointer}\tlarge.bin\n")
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", tree, "-m", "Large"))
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    return settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token)


def test_pointers_are_said(settings, target):
    result = by_hand({**settings, "CLONE_LFS": "off"})
    assert result.returncode == 0, result.stderr
    assert '"git lfs pull" fetches them' in result.stderr and "LFS files remain pointers" in result.stderr
    assert (target / "large.bin").read_text() == POINTER


@pytest.fixture
def with_git_lfs(tmp_path):
    """Runs with a stand-in for git-lfs at /usr/local/bin, seen by that process only."""
    if os.geteuid() != 0:
        pytest.skip("a stand-in for git-lfs needs a mount, and that needs root")

    def run(settings, script, ignored=None):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "git-lfs").write_text(f"#!/bin/sh\necho \"$@\" >>{tmp_path}/calls\nenv >{tmp_path}/env\n{script}\n")
        (folder / "git-lfs").chmod(0o755)
        start = f"exec env --ignore-signal={ignored}" if ignored else "exec"
        return by_hand(settings, wrapper=(*IN_MOUNTS, f'mount --bind {folder} /usr/local/bin && {start} "$0" "$@"'))

    return run


def test_git_lfs_pulls(settings, target, tmp_path, with_git_lfs):
    result = with_git_lfs(settings, '[ "$1" != pull ] || echo content >large.bin')
    assert result.returncode == 0, result.stderr
    assert (target / "large.bin").read_text() == "content\n" and "pointers" not in result.stderr
    assert (tmp_path / "calls").read_text() == "install --local --skip-repo\npull\n"
    variables = (tmp_path / "env").read_text()
    assert settings["CLONE_TOKEN"] not in variables and "WORKSPACE_PROXY" not in variables
    # From GitLab, whatever the repository's .lfsconfig says.
    assert f"GIT_CONFIG_VALUE_0={settings['CLONE_URL']}/info/lfs\n" in variables


def test_git_lfs_that_fails_is_a_warning(settings, target, with_git_lfs):
    result = with_git_lfs(settings, "echo canary >&2; exit 2")
    assert result.returncode == 0 and "git-lfs install failed with exit code 2" in result.stderr, result.stderr
    assert "canary" not in result.stderr and (target / "large.bin").read_text() == POINTER


def test_git_lfs_whose_end_goes_to_nobody(settings, target, with_git_lfs):
    """Some who start us ignore SIGCHLD, which children inherit: then the kernel collects ours."""
    result = with_git_lfs(settings, '[ "$1" != pull ] || echo content >large.bin', ignored="CHLD")
    assert result.returncode == 0, result.stderr
    assert (target / "large.bin").read_text() == "content\n" and "pointers" not in result.stderr


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_git_lfs_leaves_behind_ends(settings, tmp_path, with_git_lfs):
    """It would write into files that are moved to their place."""
    result = with_git_lfs(settings, f'[ "$1" != pull ] || {{ sleep 300 & echo $! >{tmp_path}/left; }}')
    assert result.returncode == 0, result.stderr
    wait_until(lambda: not is_running((tmp_path / "left").read_text().strip()))
