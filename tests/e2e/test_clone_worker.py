# SPDX-License-Identifier: Apache-2.0
"""The clone worker against a real git server: what it clones, what it refuses, what it leaves."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest
from clone import CODES, Worker, by_hand, git, settings_for, start_by_hand
from proxy import binary

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
IN_MOUNTS = ("unshare", "--mount", "--propagation", "private", "sh", "-c")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "work" / "demo"


@pytest.fixture
def workers():
    """Ends what a failing test left running."""
    started = []
    yield started
    for worker in started:
        if worker.status is None:
            try:
                worker.signal(signal.SIGKILL)
            except ProcessLookupError:
                pass
            worker.finish()


@pytest.fixture
def token(gitlab):
    return gitlab.add_token(gitlab.sasha, "read_repository").access


@pytest.fixture
def settings(gitlab, certificates, target):
    return settings_for(gitlab, gitlab.project, target, certificates.ca)


@pytest.fixture
def large(gitlab, certificates, target):
    project = gitlab.add_project("group/large", gitlab.sasha, files=2500)
    return settings_for(gitlab, project, target, certificates.ca)


def leftovers(path):
    """Temporary directories of ours anywhere below."""
    return [d for _, names, _ in os.walk(path) for d in names if "workspace-proxy-clone" in d]


def assert_failed(result, problem, target):
    assert result.returncode == CODES[problem], result.stderr
    assert f"problem={problem}" in result.stderr
    assert not os.path.lexists(target) and not os.path.exists(target.parent)


# What is cloned


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
    assert f"the server left out object {missing}" in result.stderr or (not is_ours and "missing 1 objects" in result.stderr)


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


# What fails, and how


def test_wrong_token_is_sent_once(settings, target, gitlab):
    assert_failed(by_hand({**settings, "CLONE_TOKEN": "wrong"}), "token", target)
    assert gitlab.requests.count(authorization="basic") == 1


def test_no_token(settings, target):
    assert_failed(by_hand(settings), "token", target)


def test_token_without_the_scope(settings, target, gitlab):
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "read_user").access
    assert_failed(by_hand(settings), "no_access", target)


def test_hidden_project(settings, target, gitlab):
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.robin, "api").access
    assert_failed(by_hand(settings), "not_found", target)


def test_missing_ref_is_known_before_anything_is_received(settings, target, token, gitlab):
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token, "CLONE_REF": "gone"}), "ref", target)
    assert gitlab.requests.count(endpoint="git-upload-pack") == 0


def test_unknown_authority(settings, target, token):
    assert_failed(by_hand({**settings, "GITLAB_CA_FILE": None, "CLONE_TOKEN": token}), "tls", target)


def test_certificate_for_another_name(make_gitlab, certificates, target):
    cert, key = certificates.issue("other", names="DNS:other.localhost")
    gitlab = make_gitlab(tls_cert=cert, tls_key=key)
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert_failed(by_hand(settings), "tls", target)
    assert not gitlab.requests.all()


def test_https_by_address(make_gitlab, certificates, target):
    """A certificate may name an IP address; one that does not is not for it."""
    gitlab = make_gitlab(name="127.0.0.1")
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert by_hand(settings).returncode == 0
    cert, key = certificates.issue("name-only", names="DNS:localhost")
    gitlab = make_gitlab(name="127.0.0.1", tls_cert=cert, tls_key=key)
    settings = settings_for(gitlab, gitlab.project, target.parent / "other", certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    result = by_hand(settings)
    assert result.returncode == CODES["tls"], result.stderr
    assert not gitlab.requests.all()


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_server_errors(settings, target, token, gitlab, status):
    gitlab.faults.add("git", status=status)
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "unreachable", target)


def test_nobody_listens(settings, target, token):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        settings["GITLAB_URL"] = f"https://localhost:{s.getsockname()[1]}"
        settings["CLONE_URL"] = settings["GITLAB_URL"] + "/group/demo.git"
        assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "unreachable", target)


@pytest.mark.parametrize("endpoint", ["git-info-refs", "git-upload-pack"])
def test_silence(settings, target, token, gitlab, endpoint):
    gitlab.faults.add(endpoint, stall_after=700 if endpoint == "git-upload-pack" else 40, times=1)
    result = by_hand({**settings, "CLONE_TOKEN": token, "CLONE_STALL_TIMEOUT": "300ms"})
    assert_failed(result, "stalled", target)


@pytest.mark.parametrize("tls", [True, False])
def test_answer_breaks_off(make_gitlab, certificates, target, tls):
    gitlab = make_gitlab(tls=tls)
    project = gitlab.add_project("group/larger", gitlab.sasha, files=200)
    gitlab.faults.add("git-upload-pack", cut_after=30000)
    settings = settings_for(gitlab, project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert_failed(by_hand(settings), "unreachable", target)


@pytest.mark.parametrize("endpoint", ["git-info-refs", "git-upload-pack"])
@pytest.mark.parametrize("tls", [True, False])
def test_redirect_to_another_port_gets_nothing(make_gitlab, certificates, target, tls, endpoint):
    gitlab, other = make_gitlab(tls=tls), make_gitlab(tls=tls)
    location = f"{other.url}/group/demo.git/info/refs?service=git-upload-pack"
    skip = 1 if endpoint == "git-info-refs" else 0
    gitlab.faults.add(endpoint, status=302, skip=skip, headers={"Location": location}, body="")
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert_failed(by_hand(settings), "refused", target)
    assert gitlab.requests.all() and not other.requests.all()


@pytest.mark.parametrize("absolute", [True, False])
def test_redirect_of_a_renamed_project(settings, target, token, gitlab, absolute):
    """GitLab answers for an old path with the new one, on the same origin."""
    location = "/group/demo.git/info/refs?service=git-upload-pack"
    location = gitlab.url + location if absolute else location
    gitlab.faults.add("git-info-refs", status=301, times=1, headers={"Location": location}, body="")
    settings["CLONE_URL"] = gitlab.url + "/group/old-name.git"
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert result.returncode == 0, result.stderr
    assert git(target, "status", "--porcelain") == ""


@pytest.mark.parametrize("location", ["/users/sign_in", "", "/group/demo.git/info/refs?service=git-receive-pack"])
def test_redirect_to_no_repository(settings, target, token, gitlab, location):
    gitlab.faults.add("git-info-refs", status=302, headers={"Location": location}, body="")
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "refused", target)


def test_redirects_without_end(settings, target, token, gitlab):
    location = "/group/demo.git/info/refs?service=git-upload-pack"
    gitlab.faults.add("git-info-refs", status=302, headers={"Location": location}, body="")
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "refused", target)
    assert gitlab.requests.count(endpoint="git-info-refs") == 4


def test_redirect_to_another_host_gets_nothing(settings, target, token, gitlab, make_gitlab):
    other = make_gitlab(tls=False)
    location = f"{other.url}/group/demo.git/info/refs?service=git-upload-pack"
    gitlab.faults.add("git-info-refs", status=302, headers={"Location": location}, body="")
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "refused", target)
    assert not other.requests.all()


def test_tree_that_writes_into_git(settings, gitlab, token, target):
    bare = gitlab.project.repository
    blob = git(bare, "hash-object", "-w", "--stdin", stdin="#!/bin/sh\necho hook\n")
    hooks = git(bare, "mktree", stdin=f"100755 blob {blob}\tpost-checkout\n")
    inner = git(bare, "mktree", stdin=f"040000 tree {hooks}\thooks\n")
    tree = git(bare, "mktree", stdin=f"040000 tree {inner}\t.GIT\n")
    evil = git(bare, "mktree", "--missing", stdin=f"040000 tree {inner}\t.git\n040000 tree {tree}\tsub\n")
    commit = git(bare, "commit-tree", evil, "-m", "Evil")
    git(bare, "update-ref", "refs/heads/main", commit)
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert result.returncode != 0
    assert not target.exists()


def nest(bare, tree, name, times, width=1):
    """A tree that holds `tree` `width` times, that `width` times, and so on."""
    for _ in range(times):
        tree = git(bare, "mktree", stdin="".join(f"040000 tree {tree}\t{name}{i}\n" for i in range(width)))
    return tree


@pytest.mark.parametrize("shape", ["wide", "deep"])
def test_tree_without_end(settings, gitlab, token, target, shape):
    bare = gitlab.project.repository
    blob = git(bare, "hash-object", "-w", "--stdin", stdin="bomb")
    leaf = git(bare, "mktree", stdin=f"100644 blob {blob}\tfile\n")
    tree = nest(bare, leaf, "d", 10, 10) if shape == "wide" else nest(bare, leaf, "d" * 200, 30)
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", tree, "-m", "Bomb"))
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "refused", target)


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


# What stands at the target


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
        wrapper = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", f"exec {program} clone")
        yield where, lambda: by_hand(settings, wrapper=wrapper)


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


# Being ended


def start_slow(gitlab, settings, token, workers, phase):
    """A worker that is in the middle of `phase`."""
    if phase == "receiving":
        gitlab.faults.add("git-upload-pack", stall_after=300000, times=1)
    worker = Worker(settings, token)
    workers.append(worker)
    worker.wait_for(lambda line: line["phase"] == phase)
    return worker


@pytest.mark.parametrize("phase", ["receiving", "checkout"])
@pytest.mark.parametrize("inside", [False, True])
def test_killed_and_run_again(gitlab, large, token, target, tmp_path, workers, phase, inside):
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


@pytest.mark.parametrize("phase", ["receiving", "checkout"])
@pytest.mark.parametrize("inside", [False, True])
def test_told_to_stop(gitlab, large, token, target, tmp_path, workers, phase, inside):
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
