# SPDX-License-Identifier: Apache-2.0
"""The clone worker against a real git server: what it clones, and what it shows of that."""

import contextlib
import os
import signal
import subprocess

import pytest
from clone import CODES, Worker, assert_failed, by_hand, git, leftovers, settings_for
from clone_fixtures import settings, target, token, workers


def test_private_repository_with_progress(settings, token, target, tmp_path, workers):
    worker = Worker(settings, token)
    workers.append(worker)
    assert worker.finish() == 0, worker.log
    assert worker.phases == ["connecting", "receiving", "resolving", "checkout", "done"]
    percents = [line["percent"] for line in worker.lines if line]
    assert percents == sorted(percents) and percents[-1] == 100
    assert worker.last["problem"] is None and worker.last["objects_done"] == worker.last["objects_total"] > 0
    assert worker.last["files_done"] == worker.last["files_total"] == 2 and worker.last["bytes"] > 100
    assert git(target, "status", "--porcelain", "--branch") == "## main...origin/main"
    assert git(target, "fsck", "--strict") == ""
    assert git(target, "symbolic-ref", "refs/remotes/origin/HEAD") == "refs/remotes/origin/main"
    assert (target / "README.md").read_text().startswith("# Demo project")
    assert leftovers(tmp_path) == []


def test_token_is_left_nowhere(settings, token, target):
    settings["CLONE_TOKEN"] = token
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert token not in result.stderr + result.stdout
    for folder, _, names in os.walk(target):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                assert token.encode() not in file.read(), name
    assert git(target, "config", "remote.origin.url") == settings["CLONE_URL"]


def test_worker_shows_the_token_to_nobody(settings, token, gitlab, workers):
    gitlab.faults.add("git-upload-pack", stall_after=600)
    worker = Worker(settings, token)
    workers.append(worker)
    gitlab.requests.wait(endpoint="git-upload-pack")
    for name in ("environ", "cmdline"):
        with open(f"/proc/{worker.pid}/{name}", "rb") as file:
            assert token.encode() not in file.read()
    worker.signal(signal.SIGTERM)
    assert worker.finish() == CODES["internal"]


def test_public_repository_without_a_token(gitlab, certificates, target):
    project = gitlab.add_project("group/open", gitlab.sasha, visibility="public", files=40, commits=5)
    result = by_hand(settings_for(gitlab, project, target, certificates.ca))
    assert result.returncode == 0, result.stderr
    assert "The repository is ready" in result.stderr
    assert git(target, "rev-list", "--count", "HEAD") == "5"
    assert {e.authorization for e in gitlab.requests.all()} == {"none"}


def test_address_without_git_suffix(settings, token, target):
    settings["CLONE_URL"] = settings["CLONE_URL"].removesuffix(".git") + "/"
    settings["CLONE_TOKEN"] = token
    assert by_hand(settings).returncode == 0
    assert git(target, "config", "remote.origin.url").endswith("/group/demo.git")


def test_empty_repository(gitlab, certificates, target, tmp_path):
    project = gitlab.add_project("group/empty", gitlab.sasha, visibility="public")
    subprocess.run(["rm", "-r", project.repository], check=True)
    git(tmp_path, "init", "-q", "--bare", "-b", "main", project.repository)
    result = by_hand(settings_for(gitlab, project, target, certificates.ca))
    assert result.returncode == 0, result.stderr
    assert os.listdir(target) == [".git"]
    assert git(target, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(target, "config", "branch.main.merge") == "refs/heads/main"


@pytest.mark.parametrize(
    "ref, head, commits",
    [("topic/one", "refs/heads/topic/one", "2"), ("v1", "detached", "1"), ("light", "detached", "2"), ("both", "refs/heads/both", "2")],
)
def test_branch_or_tag(settings, gitlab, token, target, ref, head, commits):
    bare = gitlab.project.repository
    git(bare, "tag", "-a", "-m", "One", "v1")
    git(bare, "tag", "both")
    tree = git(bare, "rev-parse", "HEAD^{tree}")
    second = git(bare, "commit-tree", tree, "-p", "HEAD", "-m", "Second")
    for name in ("refs/heads/topic/one", "refs/heads/both", "refs/tags/light"):
        git(bare, "update-ref", name, second)
    result = by_hand({**settings, "CLONE_REF": ref, "CLONE_TOKEN": token})
    assert result.returncode == 0, result.stderr
    assert git(target, "rev-list", "--count", "HEAD") == commits
    assert git(target, "status", "--porcelain") == ""
    if head == "detached":
        assert git(target, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    else:
        assert git(target, "symbolic-ref", "HEAD") == head
        assert git(target, "rev-parse", "--abbrev-ref", "@{upstream}") == f"origin/{ref}"


@pytest.mark.parametrize("ref", [None, "topic/one", "v1"])
@pytest.mark.parametrize("depth, commits", [(1, 1), (3, 3), (50, 5)])
def test_depth(gitlab, certificates, token, target, ref, depth, commits):
    project = gitlab.add_project("group/deep", gitlab.sasha, files=20, commits=5)
    bare = project.repository
    git(bare, "branch", "topic/one")
    git(bare, "branch", "other", "HEAD~1")
    git(bare, "tag", "-a", "-m", "One", "v1")
    settings = settings_for(gitlab, project, target, certificates.ca, CLONE_REF=ref, CLONE_DEPTH=depth, CLONE_TOKEN=token)
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert git(target, "rev-list", "--count", "HEAD") == str(commits)
    assert git(target, "status", "--porcelain") == "" and git(target, "fsck", "--strict") == ""
    assert git(target, "rev-parse", "--is-shallow-repository") == ("true" if commits < 5 else "false")
    refs = git(target, "for-each-ref", "--format=%(refname)", "refs/remotes", "refs/tags").split()
    wanted = {None: "refs/remotes/origin/main", "topic/one": "refs/remotes/origin/topic/one", "v1": "refs/tags/v1"}[ref]
    assert set(refs) - {"refs/remotes/origin/HEAD"} == {wanted, "refs/tags/v1"}
    assert git(target, "config", "--get-all", "remote.origin.fetch").endswith(f":{wanted}")
    git(target, "fetch", "-q", "--depth=50", f"file://{bare}", wanted.replace("remotes/origin", "heads"))
    assert git(target, "rev-list", "--count", "HEAD") == "5"


@pytest.mark.parametrize(
    "answer, problem",
    [("0008NAK\n", "refused"), ("0034shallow " + "x" * 40, "refused"), ("000cshallow ", "refused"), ("nonsense", "unreachable"),
     ("0003", "unreachable"), ("00", "unreachable"), ("", "unreachable"), ("0000", "unreachable")],
)
def test_depth_and_a_strange_answer(settings, token, target, gitlab, answer, problem):
    headers = {"Content-Type": "application/x-git-upload-pack-result"}
    gitlab.faults.add("git-upload-pack", status=200, headers=headers, body=answer, skip=0)
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token, "CLONE_DEPTH": "1"}), problem, target)


def test_refs_are_those_of_git(settings, gitlab, token, target, tmp_path):
    bare = gitlab.project.repository
    git(bare, "tag", "-a", "-m", "One", "v1")
    git(bare, "tag", "-a", "-m", "One again", "nested", "v1")
    git(bare, "tag", "light")
    for name in ("refs/heads/a-b", "refs/heads/a/b", "refs/heads/z", "refs/notes/commits"):
        git(bare, "update-ref", name, "HEAD")
    assert by_hand({**settings, "CLONE_TOKEN": token}).returncode == 0
    url = settings["CLONE_URL"].replace("://", f"://oauth2:{token}@")
    git(tmp_path, "-c", "http.sslVerify=false", "clone", "-q", url, "theirs")
    theirs = tmp_path / "theirs"
    assert (target / ".git/packed-refs").read_bytes() == (theirs / ".git/packed-refs").read_bytes()
    assert git(target, "for-each-ref") == git(theirs, "for-each-ref")
    assert git(target, "show-ref", "-d") == git(theirs, "show-ref", "-d")


def test_refs_in_each_others_way(settings, gitlab, token, target):
    head = git(gitlab.project.repository, "rev-parse", "HEAD")
    with open(os.path.join(gitlab.project.repository, "packed-refs"), "w") as file:
        file.write(f"# pack-refs with: sorted \n{head} refs/heads/topic\n{head} refs/heads/topic-1\n{head} refs/heads/topic/one\n")
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert_failed(result, "refused", target)
    assert "refs/remotes/origin/topic" in result.stderr


@pytest.mark.parametrize("place", [None, ".gitattributes", "docs/.gitattributes"])
def test_attributes_are_followed(gitlab, certificates, token, target, place):
    files = {"docs/a.txt": "one\ntwo\n", "docs/b/c.txt": "three\n", "plain.md": "four\n"}
    if place:
        files[place] = "*.txt text eol=crlf\n"
    project = gitlab.add_project("group/lines", gitlab.sasha, files=files)
    result = by_hand(settings_for(gitlab, project, target, certificates.ca, CLONE_TOKEN=token))
    assert result.returncode == 0, result.stderr
    end = b"\r\n" if place else b"\n"
    assert (target / "docs/a.txt").read_bytes() == b"one" + end + b"two" + end
    assert (target / "docs/b/c.txt").read_bytes() == b"three" + end
    assert (target / "plain.md").read_bytes() == b"four\n"
    assert git(target, "status", "--porcelain") == ""


@pytest.mark.parametrize("offsets", ["--delta-base-offset", "--no-reuse-delta"])  # ours to index, libgit2's to index
@pytest.mark.parametrize("ref", ["HEAD:README.md", "HEAD^{tree}", "HEAD"])
def test_server_leaves_an_object_out(settings, token, target, gitlab, ref, offsets):
    """Checkout would miss some of them; others only somebody who looks at history."""
    bare = gitlab.project.repository
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "Same"))
    missing = git(bare, "rev-parse", ref.replace("HEAD", "HEAD~1"))
    ids = [line for line in git(bare, "rev-list", "--objects", "--all").splitlines() if not line.startswith(missing)]
    pack = subprocess.run(
        ["git", "-C", bare, "pack-objects", "-q", "--stdout", offsets], input="\n".join(ids).encode(), capture_output=True, check=True
    ).stdout
    body = b"0008NAK\n" + b"%04x\x01" % (len(pack) + 5) + pack + b"0000"
    headers = {"Content-Type": "application/x-git-upload-pack-result"}
    gitlab.faults.add("git-upload-pack", status=200, headers=headers, body=body, skip=0)
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert_failed(result, "refused", target)
    is_ours = offsets == "--delta-base-offset"
    assert f"the server did not send object {missing}" in result.stderr or (not is_ours and "missing 1 objects" in result.stderr)


def test_relative_url_root(make_gitlab, certificates, target):
    gitlab = make_gitlab(root="/gitlab")
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert by_hand(settings).returncode == 0
    assert (target / ".git").is_dir()


def test_address_of_ipv6(make_gitlab, target):
    gitlab = make_gitlab(tls=False, host="::1")
    settings = settings_for(gitlab, gitlab.project, target)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr


def test_usage(settings):
    result = by_hand({**settings, "CLONE_URL": None})
    assert result.returncode == 1 and "CLONE_URL" in result.stderr
    result = by_hand(settings, arguments=("--unknown",))
    assert result.returncode == 2 and "usage:" in result.stderr
    result = by_hand({}, arguments=("--help",))
    assert result.returncode == 0 and "Exit codes" in result.stdout


def test_bar_on_a_terminal(settings, token, target):
    leader, follower = os.openpty()
    result = by_hand({**settings, "CLONE_TOKEN": token}, stderr=follower)
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError), os.fdopen(leader, "rb", buffering=0) as terminal:  # EIO at its end
        while piece := terminal.read(65536):
            shown += piece
    shown = shown.decode()
    assert result.returncode == 0 and "\r" in shown and "#] " not in shown.split("\r")[1]
    assert shown.rstrip().endswith(f"The repository is ready in {target}.")
