# SPDX-License-Identifier: Apache-2.0
"""What stands at the target when the clone starts, by whose address it was cloned, and what marks it."""

import os
import stat

import pytest
from clone import CODES, by_hand, git, settings_for
from clone_fixtures import target


@pytest.fixture
def settings(gitlab, certificates, target):
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    return settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token)


def listing(path):
    return sorted((str(p), p.lstat().st_mtime_ns) for p in path.rglob("*"))


def other_spelling(url):
    return url.replace("https://localhost", "https://someone@LOCALHOST").removesuffix(".git") + "/"


@pytest.mark.parametrize("spell", [str, other_spelling])
def test_own_repository_is_left_alone_dirty_or_not(settings, target, gitlab, spell):
    target.mkdir(parents=True)
    git(target, "init", "-q")
    git(target, "remote", "add", "origin", spell(settings["CLONE_URL"]))
    (target / "mine.txt").write_text("mine")
    before = listing(target)
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert listing(target) == before and not gitlab.requests.all()


def test_clone_of_something_else(settings, target, gitlab):
    target.mkdir(parents=True)
    git(target, "init", "-q")
    git(target, "remote", "add", "origin", settings["CLONE_URL"].replace("demo", "other"))
    before = listing(target)
    result = by_hand(settings)
    assert result.returncode == CODES["other_repository"] == 23
    assert "another repository" in result.stderr
    assert listing(target) == before and not gitlab.requests.all()


@pytest.mark.parametrize("what", ["extension", "version", "damaged", "owner"])
def test_repository_that_does_not_open(settings, target, gitlab, what):
    target.mkdir(parents=True)
    git(target, "init", "-q")
    if what == "owner":
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        for path in (target, *target.rglob("*")):
            os.chown(path, 12345, 12345)
    elif what == "damaged":
        (target / ".git" / "HEAD").unlink()
    elif what == "version":
        git(target, "config", "core.repositoryformatversion", "9")
    else:
        git(target, "config", "core.repositoryformatversion", "1")
        git(target, "config", "extensions.fromTheFuture", "true")
    before = listing(target)
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert "existing repository cannot be opened" in result.stderr
    assert listing(target) == before and not gitlab.requests.all()


def test_marker_is_honoured_and_written(settings, target, gitlab, tmp_path):
    settings["CLONE_MARKER"] = marker = tmp_path / ".gl_project_cloning_successful"
    assert by_hand(settings).returncode == 0
    assert marker.is_file() and (target / ".git").is_dir()
    (target / ".git").rename(tmp_path / "elsewhere")
    gitlab.requests.clear()
    result = by_hand(settings)
    assert result.returncode == 0 and "cloned before" in result.stderr
    assert not gitlab.requests.all() and not (target / ".git").exists()
    marker.unlink()
    (tmp_path / "elsewhere").rename(target / ".git")
    assert by_hand(settings).returncode == 0
    assert marker.is_file() and not gitlab.requests.all()


def test_marker_is_not_written_after_a_failure(settings, target, tmp_path):
    settings["CLONE_MARKER"] = marker = tmp_path / "marker"
    assert by_hand({**settings, "CLONE_TOKEN": "wrong"}).returncode == CODES["token"]
    assert not marker.exists()
    settings["CLONE_MARKER"] = tmp_path / "no" / "such" / "folder"
    result = by_hand(settings)
    assert result.returncode == 0 and "CLONE_MARKER" in result.stderr


def test_umask_and_group_by_settings(settings, target):
    if os.geteuid() != 0:
        pytest.skip("only root belongs to every group")
    result = by_hand({**settings, "CLONE_UMASK": "0002", "CLONE_GROUP": "12345"}, preexec_fn=lambda: os.umask(0o077))
    assert result.returncode == 0, result.stderr
    for path in (target, *target.rglob("*")):
        status = path.lstat()
        assert status.st_gid == 12345, path
        if stat.S_ISDIR(status.st_mode):
            assert stat.S_IMODE(status.st_mode) == 0o2775, path
        elif "objects" not in path.parts:
            assert stat.S_IMODE(status.st_mode) & 0o664 == 0o664, path


@pytest.mark.parametrize("name, value", [("CLONE_UMASK", "0999"), ("CLONE_UMASK", "0700"), ("CLONE_GROUP", "staff"),
                                         ("CLONE_ORIGINS", "https://a.example.com/path"), ("CLONE_ORIGINS", "ssh://a.example.com"),
                                         ("CLONE_RETRIES", "-1"), ("CLONE_MARKER", "relative")])
def test_settings_that_are_none(settings, name, value):
    result = by_hand({**settings, name: value})
    assert result.returncode == 1 and name in result.stderr


@pytest.mark.parametrize("address", ["file:///etc", "ssh://git@localhost/a/b.git", "git://localhost/a/b.git", "ext::sh -c id",
                                     "/etc", "https://user:secret@localhost/a/b.git", "https://localhost/a/b.git?x", "https://other.example/a/b.git",
                                     "http://other.example/a/b.git", "https://localhost/a%0ab.git\n"])
def test_addresses_that_are_not_cloned(settings, target, gitlab, address):
    result = by_hand({**settings, "CLONE_URL": address})
    assert result.returncode == 1 and "CLONE_URL" in result.stderr and "secret" not in result.stderr
    assert not target.parent.exists() and not gitlab.requests.all()


@pytest.mark.parametrize("tls", [True, False])
def test_another_origin_by_a_setting(settings, target, make_gitlab, gitlab, tls):
    other = make_gitlab(tls=tls)
    project = other.add_project("group/open", other.sasha, visibility="public")
    settings["CLONE_URL"] = other.git_url(project)
    assert by_hand(settings).returncode == 1
    result = by_hand({**settings, "CLONE_ORIGINS": f"https://elsewhere.example,{other.url}"})
    assert result.returncode == 0, result.stderr
    assert (target / ".git").is_dir() and not gitlab.requests.all()
    assert {entry.authorization for entry in other.requests.all()} == {"none"}
