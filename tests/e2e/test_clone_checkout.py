# SPDX-License-Identifier: Apache-2.0
"""What is checked out, and what the index says of it: as git does, whichever of our two ways wrote it."""

import os
import stat

import pytest
from clone import CODES, TIMEOUT_S, by_hand, git, settings_for
from clone_fixtures import target

FILES = {
    "README.md": (0o100644, "hello\n"),
    "empty": (0o100644, ""),
    "run.sh": (0o100755, "#!/bin/sh\n"),
    "link": (0o120000, "docs/a.txt"),
    "dangling": (0o120000, "../../nowhere"),
    "docs": None,
    "docs/a.txt": (0o100644, "a\n"),
    "docs.txt": (0o100644, "sorts before docs/\n"),
    "docs-more/b": (0o100644, "b\n"),
    "docs0": (0o100644, "sorts after docs/\n"),
    "docs/link": (0o120000, "a.txt"),
    "grüße/naïve ☃.txt": (0o100644, "ü\n"),
    "e\u0301/\u00e9": (0o100644, "both forms\n"),
    "with\\backslash and \"quotes\"": (0o100644, "x\n"),
    "/".join(["deep"] * 60) + "/file": (0o100644, "deep\n"),
    "/".join(["a-long-name-of-a-folder-for-paths-of-great-length"] * 60) + "/file": (0o100644, "long\n"),
    "large.txt": (0o100644, "line of text\n" * 400_000),
}
FILES.update({f"many/{n % 40}/{n}.txt": (0o100644, f"{n}\n" * (n % 7)) for n in range(1500)})
FILES = {path: file for path, file in FILES.items() if file}


def fill(project, files):
    """One commit of exactly these."""
    quote = '"{}"'.format
    lines = ["commit refs/heads/main", "committer Sasha <sasha@example.com> 1700000000 +0000", "data 5", "begin", "deleteall"]
    for path, (mode, text) in files.items():
        escaped = path.replace("\\", "\\\\").replace('"', '\\"')
        lines += [f"M {mode:o} inline {quote(escaped)}", f"data {len(text.encode())}", text]
    git(project.repository, "fast-import", "--quiet", "--force", stdin="\n".join(lines) + "\n")


@pytest.fixture
def clone(gitlab, certificates, target):
    def run(files, **more):
        project = gitlab.add_project("group/files", gitlab.sasha, visibility="public")
        fill(project, files)
        return by_hand(settings_for(gitlab, project, target, certificates.ca, **more))

    return run


def found(top):
    """{path: (mode, content)} of all files, and the modes of folders."""
    files, folders = {}, set()
    for folder, names, leaves in os.walk(top):
        if ".git" in names:
            names.remove(".git")
        for name in leaves + [n for n in names if os.path.islink(os.path.join(folder, n))]:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                files[os.path.relpath(path, top)] = (0o120000, os.readlink(path))
            else:
                with open(path, encoding="utf-8") as file:
                    files[os.path.relpath(path, top)] = (mode, file.read())
        folders.add(stat.S_IMODE(os.lstat(folder).st_mode))
    return files, folders


@pytest.mark.parametrize("attributes", [False, True], ids=["ours", "libgit2"])
def test_files_and_index_are_those_of_git(clone, target, tmp_path, gitlab, attributes):
    files = dict(FILES)
    if attributes:
        files["zz/.gitattributes"] = (0o100644, "*.none text\n")
    result = clone(files)
    assert result.returncode == 0, result.stderr
    git(tmp_path, "clone", "-q", gitlab.state.projects["group/files"].repository, "theirs")
    assert found(target) == found(tmp_path / "theirs")
    assert found(target)[0] == files
    for arguments in (("ls-files", "-s", "-v"), ("ls-files", "--eol")):
        assert git(target, *arguments) == git(tmp_path / "theirs", *arguments)
    assert git(target, "fsck", "--full", "--strict") == ""
    # diff-files takes the index at its word: whatever it says differently of a file shows.
    assert git(target, "diff-files") == "" and git(target, "status", "--porcelain") == ""


@pytest.mark.parametrize("mask", [0o077, 0o002])
def test_umask_holds(clone, target, mask):
    before = os.umask(mask)
    try:
        result = clone({"a/run": (0o100755, "x"), "a/file": (0o100644, "y")})
    finally:
        os.umask(before)
    assert result.returncode == 0, result.stderr
    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o777 & ~mask
    assert stat.S_IMODE((target / "a/run").stat().st_mode) == 0o755 & ~mask
    assert stat.S_IMODE((target / "a/file").stat().st_mode) == 0o644 & ~mask


@pytest.mark.parametrize("link", ["", "\0b"], ids=["empty", "nul"])
def test_links_to_nowhere_are_refused(clone, target, link):
    result = clone({"file": (0o100644, "x"), "link": (0o120000, link)})
    assert result.returncode == CODES["refused"], result.stderr
    assert "a symbolic link with an invalid target" in result.stderr and not target.exists()
