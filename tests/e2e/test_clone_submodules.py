# SPDX-License-Identifier: Apache-2.0
"""Submodules: as git would leave them, from where they may come, and what hostile ones can't do."""

import os
import pprint
import subprocess

import pytest
from bare import commit_files
from clone import CODES, by_hand, git, settings_for
from clone_compare import compare, differences, run_git, state_of
from clone_fixtures import target
from lfs import add_files, pointer_to


UPDATE = ("submodule", "update", "--init", "--recursive")


@pytest.fixture
def settings(gitlab, certificates, target):
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    return settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token, CLONE_SUBMODULES="3")


def add(bare, modules, text=None):
    """Puts submodules into a bare repository: (name, path, url, commit)."""
    lines = "".join(f'[submodule "{name}"]\n\tpath = {path}\n\turl = {url}\n' for name, path, url, _ in modules)
    gitlinks = [(path, commit) for _, path, _, commit in modules]
    commit_files(bare, {".gitmodules": lines if text is None else text}, gitlinks, "Submodules")


def head(project):
    return git(project.repository, "rev-parse", "HEAD")


def test_files_of_all_count_together(settings, target, gitlab):
    """The one that does not fit is left out, and named."""
    lib = gitlab.add_project("group/lib", gitlab.sasha, files=20)
    bare = gitlab.project.repository
    add(bare, [("one", "one", "../lib.git", head(lib)), ("two", "two", "../lib.git", head(lib))])
    entries = {r: len(git(r, "ls-tree", "-r", "-t", "HEAD").splitlines()) for r in (bare, lib.repository)}
    together = entries[bare] + 2 * entries[lib.repository]
    result = by_hand({**settings, "CLONE_FILES_MAX": str(together - 1)})
    assert result.returncode == 0 and f"more than CLONE_FILES_MAX ({together - 1}) files" in result.stderr, result.stderr
    assert os.listdir(target / "one") != [] and os.listdir(target / "two") == []


def test_as_git_leaves_them(settings, target, gitlab, certificates):
    inner = gitlab.add_project("other/inner", gitlab.sasha, files=3)
    lib = gitlab.add_project("group/lib", gitlab.sasha, files=3, commits=3)
    add(lib.repository, [("inner", "deps/inner", "../../other/inner.git", head(inner))])
    pinned = head(lib)
    old = git(lib.repository, "rev-parse", "HEAD~2")
    add(gitlab.project.repository, [("lib", "lib", "../lib.git", pinned), ("with/slash", "third party/old", gitlab.git_url(lib), old)])
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert "missing" not in result.stderr
    status = git(target, "submodule", "status", "--recursive").splitlines()
    assert [line.split()[0] for line in status] == [pinned, head(inner), old]  # no '-', no '+'
    assert git(target, "status", "--porcelain") == ""
    assert (target / "lib" / ".git").read_text().rstrip("/\n") == "gitdir: ../.git/modules/lib"
    assert git(target / "lib", "config", "core.worktree").rstrip("/") == "../../../lib"
    assert (target / ".git/modules/with/slash/HEAD").is_file()
    assert git(target, "config", "submodule.lib.url") == gitlab.git_url(lib)
    assert git(target / "lib", "fsck") == ""
    git(target, "submodule", "update", "--no-fetch")
    git(target / "third party/old", "checkout", "-q", "--detach", "HEAD~0")
    assert "token" not in result.stderr and settings["CLONE_TOKEN"] not in (target / ".git/modules/lib/config").read_text()


def test_none_without_the_setting_and_bounded_depth(settings, target, gitlab):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    inner = gitlab.add_project("group/inner", gitlab.sasha)
    add(lib.repository, [("inner", "inner", "../inner.git", head(inner))])
    add(gitlab.project.repository, [("lib", "lib", "../lib.git", head(lib))])
    assert by_hand({**settings, "CLONE_SUBMODULES": "1"}).returncode == 0
    assert (target / "lib" / ".git").is_file() and os.listdir(target / "lib" / "inner") == []
    subprocess.run(["rm", "-r", target], check=True)
    assert by_hand({**settings, "CLONE_SUBMODULES": None}).returncode == 0
    assert os.listdir(target / "lib") == [] and not (target / ".git" / "modules").exists()


@pytest.mark.parametrize(
    "url", ["-uexec", "--upload-pack=touch /tmp/never", "https://elsewhere.example/a.git", "file:///etc", "ext::sh -c id", "git://localhost/a",
            "ssh://git@localhost/a.git", "../../../../a.git", "https://user:secret@localhost/a.git", "git@elsewhere.example:group/lib.git", "/etc", "../gone.git"]
)
def test_addresses_that_are_not_fetched(settings, target, gitlab, url):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add(gitlab.project.repository, [("bad", "bad", url, head(lib)), ("lib", "lib", "../lib.git", head(lib))])
    result = by_hand(settings)
    assert result.returncode == 0 and "submodule not cloned submodule=bad" in result.stderr, result.stderr
    assert "Some submodules are missing" in result.stderr
    assert os.listdir(target / "bad") == [] and not (target / ".git/modules/bad").exists()
    assert (target / "lib" / "README.md").is_file() and git(target, "status", "--porcelain") == ""


def test_foreign_one_gets_no_credentials(settings, target, gitlab, make_gitlab):
    other = make_gitlab()
    lib = other.add_project("group/open", other.sasha, visibility="public")
    add(gitlab.project.repository, [("lib", "lib", other.git_url(lib), head(lib))])
    assert by_hand(settings).returncode == 0
    assert not other.requests.all() and os.listdir(target / "lib") == []
    subprocess.run(["rm", "-r", target], check=True)
    assert by_hand({**settings, "CLONE_ORIGINS": other.url}).returncode == 0
    assert {entry.authorization for entry in other.requests.all()} == {"none"}
    assert (target / "lib" / "README.md").is_file()


@pytest.mark.parametrize("name", ["../../escaped", "..", "a/../b", "/abs", "x/.git", "a\\\\..\\\\b"])
def test_names_that_lead_elsewhere(settings, target, gitlab, tmp_path, name):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add(gitlab.project.repository, [(name, "lib", "../lib.git", head(lib))])
    result = by_hand(settings)
    assert result.returncode == 0 and "part of .gitmodules ignored" in result.stderr, result.stderr
    assert "Some submodules are missing" in result.stderr
    assert sorted(os.listdir(tmp_path / "work")) == ["demo"] and os.listdir(target / "lib") == []


def test_one_repository_inside_another(settings, target, gitlab):
    """The second one would write hooks into the first one's repository."""
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add(gitlab.project.repository, [("x", "x", "../lib.git", head(lib)), ("x/hooks", "y", "../lib.git", head(lib))])
    result = by_hand(settings)
    assert result.returncode == 0 and "another submodule uses its git directory" in result.stderr
    assert (target / "x" / "README.md").is_file() and os.listdir(target / "y") == []


@pytest.mark.parametrize(
    "url", ["git@localhost:group/lib.git", "ssh://git@localhost/group/lib.git", "ssh://git@localhost:2222/group/lib", "http://localhost/group/lib.git",
            "https://someone@localhost/group/lib.git", "LOCALHOST:group/lib.git"]
)  # fmt: skip
def test_spellings_of_gitlab(settings, target, gitlab, url):
    """What most projects have: the address that a developer with an ssh key clones from."""
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add(gitlab.project.repository, [("lib", "lib", url, head(lib))])
    result = by_hand(settings)
    assert result.returncode == 0 and "not cloned" not in result.stderr, result.stderr
    assert (target / "lib" / "README.md").is_file()
    assert git(target, "config", "submodule.lib.url") == gitlab.git_url(lib)


def test_ssh_server_at_another_host(settings, target, gitlab):
    """With an address in GITLAB_SSH_ADDRESS, which nothing connects to."""
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add(gitlab.project.repository, [("lib", "lib", "ssh://git@ssh.gitlab.test:2222/group/lib.git", head(lib))])
    result = by_hand({**settings, "GITLAB_SSH_ADDRESS": "SSH.gitlab.test:2222"})
    assert result.returncode == 0 and "not cloned" not in result.stderr, result.stderr
    assert git(target, "config", "submodule.lib.url") == gitlab.git_url(lib)
    for wrong in ("git@ssh.gitlab.test", "ssh.gitlab.test:0", "[::1]:22", "a/b"):
        result = by_hand({**settings, "GITLAB_SSH_ADDRESS": wrong})
        assert result.returncode == 1 and "GITLAB_SSH_ADDRESS" in result.stderr, wrong


@pytest.mark.parametrize("url", ["git@localhost:group/lib.git", "ssh://git@ssh.gitlab.test/group/lib.git"])
def test_spellings_below_a_relative_url_root(make_gitlab, make_proxy, upstream, target, url):
    """The worker of a sidecar knows the root, which ssh's paths lack, and the ssh server."""
    gitlab = make_gitlab(root="/gitlab")
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add(gitlab.project.repository, [("lib", "lib", url, head(lib))])
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    place = {"CLONE_URL": gitlab.git_url(gitlab.project), "CLONE_DIR": target, "CLONE_SUBMODULES": "1"}
    proxy = make_proxy(gitlab, upstream, **place, CLONE_TOKEN=token, GITLAB_SSH_ADDRESS="ssh.gitlab.test")
    proxy.wait_for_log(message="clone: phase", phase="done")
    assert (target / "lib" / "README.md").is_file()


def test_update_by_a_command(settings, target, gitlab, tmp_path):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    text = f'[submodule "lib"]\n\tpath = lib ; comment\n\turl = "../lib.git"\n\tupdate = !touch {tmp_path}/ran\n'
    add(gitlab.project.repository, [("lib", "lib", "", head(lib))], text)
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert (target / "lib" / "README.md").is_file() and not (tmp_path / "ran").exists()


def test_commit_that_is_not_there(settings, target, gitlab):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add(gitlab.project.repository, [("lib", "lib", "../lib.git", "1" * 40)])
    result = by_hand(settings)
    assert result.returncode == 0 and "submodule not cloned" in result.stderr
    assert os.listdir(target / "lib") == [] and not (target / ".git/modules/lib").exists()


@pytest.mark.parametrize("head", ["[include]", "[ InClude ]", '[includeIf "gitdir:/"]', "# [include]"])
@pytest.mark.parametrize("submodules", [None, "3"])
def test_gitmodules_that_include(settings, target, gitlab, tmp_path, head, submodules):
    """Ignored, as by git. A library that follows it would wait at the pipe for ever."""
    os.mkfifo(tmp_path / "fifo")
    add(gitlab.project.repository, [], f"{head}\n\tpath = {tmp_path}/fifo\n")
    result = by_hand({**settings, "CLONE_SUBMODULES": submodules})
    assert result.returncode == 0, result.stderr
    assert git(target, "status", "--porcelain") == ""


@pytest.fixture
def like_git(settings, certificates, tmp_path):
    """Asserts that everything is as `git clone` and `git submodule update --init` leave it."""

    def run(different=()):
        found, result = compare(settings, certificates.ca, tmp_path / "theirs", token=settings["CLONE_TOKEN"], then=[UPDATE])
        found = {name: value for name, value in found.items() if name not in different}
        assert not found, pprint.pformat(found, width=160)
        return result

    return run


@pytest.mark.parametrize("update", ["none", "checkout", "rebase", "merge"])
def test_update_is_honoured(like_git, target, gitlab, update):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    text = f'[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n\tupdate = {update}\n'
    add(gitlab.project.repository, [("lib", "lib", "", head(lib))], text)
    result = like_git()
    assert "not cloned" not in result.stderr and "missing" not in result.stderr
    assert (os.listdir(target / "lib") == []) == (update == "none")


@pytest.mark.parametrize("url", ["https://foreign.example.com/group/lib", "git@foreign.example.com:group/lib.git", "http://foreign.example.com/lib?x=1", "file:///srv/lib"])
def test_one_that_is_only_registered_may_be_anywhere(like_git, target, gitlab, url):
    text = f'[submodule "lib"]\n\tpath = lib\n\turl = {url}\n\tupdate = none\n'
    add(gitlab.project.repository, [("lib", "lib", "", "1" * 40)], text)
    result = like_git()
    assert "not cloned" not in result.stderr and "missing" not in result.stderr
    assert git(target, "config", "submodule.lib.url") == url and os.listdir(target / "lib") == []


@pytest.mark.parametrize("value, is_shallow", [("= true", True), ("", True), ("= 1", True), ("= no", False)])
@pytest.mark.parametrize("commit", ["HEAD", "HEAD~2"])
def test_shallow_is_honoured(like_git, target, gitlab, value, is_shallow, commit):
    lib = gitlab.add_project("group/lib", gitlab.sasha, commits=5)
    text = f'[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n\tshallow {value}\n'
    add(gitlab.project.repository, [("lib", "lib", "", git(lib.repository, "rev-parse", commit))], text)
    # Git fetches all that is behind a commit that is not the newest.
    different = [f".git/modules/lib: {part}" for part in ("objects", "shallow") if is_shallow and commit != "HEAD"]
    assert "not cloned" not in like_git(different).stderr
    assert git(target / "lib", "fsck", "--full") == ""
    assert (target / ".git/modules/lib/shallow").exists() == is_shallow


def test_many_odd_lines_are_counted(settings, target, gitlab):
    """A hostile .gitmodules does not fill the log."""
    add(gitlab.project.repository, [("a", "a", gitlab.git_url(gitlab.project), head(gitlab.project))], "[\n" * 5000)
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert 10 <= result.stderr.count("part of .gitmodules ignored") <= 50
    assert "further parts of .gitmodules ignored" in result.stderr and "4980" in result.stderr


def test_the_limit_is_for_all_of_them(settings, target, gitlab):
    """Many submodules, or their LFS files, do not multiply CLONE_BYTES_MAX."""
    modules = []
    for name, content in (("a", {}), ("c", {"c.bin": os.urandom(250_000)}), ("b", {})):
        lib = gitlab.add_project(f"group/{name}", gitlab.sasha)
        if content:
            add_files(lib, content)
        else:
            blob = git(lib.repository, "hash-object", "-w", "--stdin", stdin=os.urandom(180_000).hex())
            tree = git(lib.repository, "mktree", stdin=f"100644 blob {blob}\tlarge\n")
            git(lib.repository, "update-ref", "refs/heads/main", git(lib.repository, "commit-tree", tree, "-p", "HEAD", "-m", "Large"))
        modules.append((name, name, f"../{name}.git", head(lib)))
    add(gitlab.project.repository, modules)
    result = by_hand({**settings, "CLONE_BYTES_MAX": "300KiB"})
    assert result.returncode == 0 and "Some submodules are missing" in result.stderr, result.stderr
    assert "more than CLONE_BYTES_MAX (307200) bytes received" in result.stderr
    assert (target / "a/large").stat().st_size == 360_000 and not os.listdir(target / "b")
    assert (target / "c/c.bin").stat().st_size < 200 and "more than CLONE_BYTES_MAX (307200) leaves" in result.stderr


def test_two_names_for_one_path(like_git, target, gitlab):
    """The last one counts, as for git."""
    lib = gitlab.add_project("group/lib", gitlab.sasha, files=3)
    add(gitlab.project.repository, [(name, "lib", gitlab.git_url(lib), head(lib)) for name in ("first", "second")])
    like_git()
    assert (target / ".git/modules/second/HEAD").exists() and not (target / ".git/modules/first").exists()


def test_entries_without_a_gitlink_are_silent(like_git, gitlab):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    text = """[submodule "gone"]\n\tpath = gone\n\turl = ../gone.git\n[submodule "file"]\n\tpath = README.md\n\turl = ../gone.git
[submodule "no-path"]\n\turl = ../gone.git\n[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n"""
    add(gitlab.project.repository, [("lib", "lib", "", head(lib))], text)
    result = like_git()
    assert "WARN" not in result.stderr and "missing" not in result.stderr, result.stderr


SPELLINGS = {
    "old section": "[submodule.lib]\n\tpath = lib\n\turl = ../lib.git\n",
    "CRLF": '[submodule "lib"]\r\n\tpath = lib\r\n\turl = ../lib.git\r\n',
    "two sections": '[submodule "lib"]\n\tpath = x\n[core]\n\tbare\n[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n',
    "partly quoted": '[submodule "lib"]\n\tpath = "l"i"b" # x\n\turl = ../l"ib.git";x\n',
    "no final line feed": '[submodule "lib"] path=lib\nurl=../lib.git',
    "blanks": ' [submodule\t"lib"]\n\n \t path \t=\t lib \t \n\t;\n#\n\tURL\t= ../lib.git\t\n',
    "odd name": '[submodule "a.b]c=d \\"é\\\\"]\n\tpath = lib\n\turl = ../lib.git\n',
    "other values": '[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n\tbranch = .\n\tignore = all\n\tfetchRecurseSubmodules = false\n\tx\n',
    "slash behind the address": '[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git/\n',
    "slash behind the path": '[submodule "lib"]\n\tpath = lib/\n\turl = ../lib.git\n',
    "dot before the path": '[submodule "lib"]\n\tpath = ./lib\n\turl = ../lib.git\n',
    "address from the root": '[submodule "lib"]\n\tpath = lib\n\turl = ../../group/lib.git\n',
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_gitmodules(settings, certificates, target, gitlab, tmp_path, spelling):
    """What git clones of it, and nothing that git does not clone."""
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add(gitlab.project.repository, [("lib", "lib", "", head(lib))], SPELLINGS[spelling])
    result = by_hand(settings)
    theirs = run_git(certificates.ca, "clone", settings["CLONE_URL"], tmp_path / "theirs", token=settings["CLONE_TOKEN"])
    updated = run_git(certificates.ca, "-C", tmp_path / "theirs", *UPDATE, token=settings["CLONE_TOKEN"])
    assert result.returncode == theirs.returncode == 0, (result.stderr, theirs.stderr)
    assert "missing" not in result.stderr and (updated.returncode == 0) == (os.listdir(target / "lib") != []), updated.stderr
    ours = state_of(target)
    found = differences(ours, state_of(tmp_path / "theirs", ours))
    assert not found, pprint.pformat(found, width=160)


def test_an_invalid_entry_is_skipped(settings, target, gitlab):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    text = """[submodule "odd\n\tpath = odd\n\turl = ../lib.git\n[submodule "../up"]\n\tpath = up\n\turl = ../lib.git
[submodule "lib"] path = "l\\
ib" ; here\n\turl = ../li\\\nb.git\n"""
    add(gitlab.project.repository, [("", "odd", "", head(lib)), ("", "up", "", head(lib)), ("lib", "lib", "", head(lib))], text)
    result = by_hand(settings)
    assert result.returncode == 0 and "Some submodules are missing" in result.stderr, result.stderr
    assert "part of .gitmodules ignored" in result.stderr and "line=1" in result.stderr
    assert "submodule=../up line=5" in result.stderr
    assert (target / "lib" / "README.md").is_file() and not os.listdir(target / "odd") and not os.listdir(target / "up")


@pytest.mark.parametrize("ref", ["refs/keep-around/x", "refs/merge-requests/7/head"])
def test_commit_that_no_branch_has(settings, target, gitlab, certificates, tmp_path, ref):
    """Squashed or rebased away after the parent was pushed: git asks for it by its id."""
    lib = gitlab.add_project("group/lib", gitlab.sasha, commits=3)
    commit = git(lib.repository, "commit-tree", "HEAD^{tree}", "-p", "HEAD~1", "-m", "Gone")
    git(lib.repository, "update-ref", ref, commit)
    add(gitlab.project.repository, [("lib", "lib", "../lib.git", commit)])
    found, result = compare(settings, certificates.ca, tmp_path / "theirs", token=settings["CLONE_TOKEN"], then=[UPDATE])
    assert "not cloned" not in result.stderr and not found, pprint.pformat(found, width=160)
    assert git(target / "lib", "rev-parse", "HEAD") == commit


def test_lfs_files_of_submodules(settings, target, gitlab):
    """As in the main tree, on all levels, with the submodule's own server."""
    inner = gitlab.add_project("other/inner", gitlab.sasha)
    add_files(inner, {"inner.bin": b"inner" * 1000})
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add_files(lib, {"lib.bin": b"lib" * 1000})
    add(lib.repository, [("inner", "inner", "../../other/inner.git", head(inner))])
    add(gitlab.project.repository, [("lib", "lib", "../lib.git", head(lib))])
    result = by_hand(settings)
    assert result.returncode == 0 and "missing" not in result.stderr, result.stderr
    assert (target / "lib/lib.bin").read_bytes() == b"lib" * 1000
    assert (target / "lib/inner/inner.bin").read_bytes() == b"inner" * 1000
    assert (target / ".git/modules/lib/lfs/objects").is_dir()
    for folder in (target, target / "lib", target / "lib/inner"):
        assert git(folder, "-c", "filter.lfs.process=false", "status", "--porcelain") == ""


def test_missing_lfs_files_of_submodules(settings, target, gitlab):
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    add_files(lib, {"lib.bin": b"lib"})
    lib.lfs.clear()
    add(gitlab.project.repository, [("lib", "lib", "../lib.git", head(lib))])
    result = by_hand(settings)
    assert result.returncode == 0 and '"git lfs pull" fetches them' in result.stderr, result.stderr
    assert "Object does not exist on the server" in result.stderr and gitlab.git_url(lib) in result.stderr
    assert (target / "lib/lib.bin").read_text() == pointer_to(b"lib")
