# SPDX-License-Identifier: Apache-2.0
"""Repositories that git clones though their objects are odd, and those that nobody here can clone."""

import subprocess

import pytest
from clone import CODES, by_hand, git, settings_for
from clone_fixtures import target

TAGGERS = ["", "tagger\n", "tagger nobody\n", "tagger A <a@b> \n", "tagger <> 99999999999999999999 +0000\n"]
AUTHORS = ["author\ncommitter\n", "author A B\ncommitter <> -1 x\n", "author A <a> 1 +0000\n"]


@pytest.fixture
def bare(gitlab):
    return gitlab.add_project("group/imported", gitlab.sasha, visibility="public", files=3).repository


@pytest.fixture
def settings(gitlab, bare, certificates, target):
    return settings_for(gitlab, gitlab.state.projects["group/imported"], target, certificates.ca)


def write_object(bare, kind, text):
    return git(bare, "hash-object", "-w", "-t", kind, "--literally", "--stdin", stdin=text)


@pytest.mark.parametrize("tagger", TAGGERS)
@pytest.mark.parametrize("ref", [None, "odd"])
def test_tags_without_a_tagger(settings, target, bare, tagger, ref):
    commit = git(bare, "rev-parse", "HEAD")
    tag = write_object(bare, "tag", f"object {commit}\ntype commit\ntag odd\n{tagger}\nmessage\n")
    git(bare, "update-ref", "refs/tags/odd", tag)
    result = by_hand({**settings, "CLONE_REF": ref})
    assert result.returncode == 0, result.stderr
    assert git(target, "rev-parse", "HEAD", "odd", "odd^{}").split() == [commit, tag, commit]
    assert git(target, "status", "--porcelain") == ""


@pytest.mark.parametrize("author", AUTHORS)
@pytest.mark.parametrize("is_tag", [False, True])
def test_commits_with_broken_authors(settings, target, bare, author, is_tag):
    tree = git(bare, "rev-parse", "HEAD^{tree}")
    commit = write_object(bare, "commit", f"tree {tree}\n{author}\nmessage\n")
    git(bare, "update-ref", "refs/tags/odd" if is_tag else "refs/heads/main", commit)
    result = by_hand({**settings, "CLONE_REF": "odd" if is_tag else None})
    assert result.returncode == 0, result.stderr
    assert git(target, "rev-parse", "HEAD") == commit and git(target, "status", "--porcelain") == ""


def test_sha256_is_refused_at_once(settings, target, bare):
    subprocess.run(["rm", "-r", bare], check=True)
    subprocess.run(["git", "init", "-q", "--bare", "--object-format=sha256", bare], check=True)
    tree = git(bare, "mktree", stdin="")
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", tree, "-m", "x"))
    result = by_hand({**settings, "CLONE_RETRIES": "3"})
    assert result.returncode == CODES["refused"], result.stderr
    assert "SHA-256 object ids, which are not supported" in result.stderr and "Attempt" not in result.stderr
