# SPDX-License-Identifier: Apache-2.0
"""Content of files with attributes: what git writes, byte for byte.

CLONE_COMPARE_TREES random trees are compared (`make clone-compare`: more, from a random seed); the seed of each
repository is in the test's name, and CLONE_COMPARE_SEED=<seed> repeats from it.
"""

import os
import stat
import subprocess

import pytest
from attribute_trees import fast_import, random_files
from clone import CODES, by_hand, git, settings_for
from clone_compare import trust_file_times
from clone_fixtures import target

TREES = int(os.environ.get("CLONE_COMPARE_TREES", "150"))
TREES_IN_ONE = 15
SEED = int(os.environ.get("CLONE_COMPARE_SEED", "1"))


def content_of(top):
    """{path: (mode, bytes)}, and all folders."""
    found, folders = {}, set()
    for folder, names, leaves in os.walk(os.fsencode(top)):
        if b".git" in names:
            names.remove(b".git")
        folders.add(os.path.relpath(folder, os.fsencode(top)))
        for path in (os.path.join(folder, name) for name in leaves + names):
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[path[len(os.fsencode(top)) :]] = (mode, os.readlink(path))
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    found[path[len(os.fsencode(top)) :]] = (mode, file.read())
    return found, folders


def status_of(top):
    """What git has to say once it looks at the content of all files."""
    for path in content_of(top)[0]:
        os.utime(os.fsencode(top) + path, (1700000000, 1700000000), follow_symlinks=False)
    return set(git(top, "status", "--porcelain", "-z").split("\0"))


def differing_files(top):
    """Those that are not as the index says."""
    trust_file_times(top / ".git")
    return git(top, "diff-files", "--name-only")


@pytest.fixture
def compare(gitlab, certificates, target, tmp_path):
    """Clones by git and by us, and asserts that the results are the same."""

    def run(files):
        project = gitlab.add_project("group/attributes", gitlab.sasha, visibility="public")
        subprocess.run(
            ["git", "-C", project.repository, "fast-import", "--quiet", "--force"], input=fast_import(files), check=True
        )
        result = by_hand(settings_for(gitlab, project, target, certificates.ca))
        assert result.returncode == 0, result.stderr
        git(tmp_path, "clone", "-q", project.repository, "theirs")
        ours, theirs = content_of(target), content_of(tmp_path / "theirs")
        assert set(ours[0]) == set(theirs[0]) and ours[1] == theirs[1]
        different = {path: (ours[0][path], theirs[0][path]) for path in ours[0] if ours[0][path] != theirs[0][path]}
        assert not different
        assert git(target, "ls-files", "-s", "--eol") == git(tmp_path / "theirs", "ls-files", "-s", "--eol")
        assert differing_files(target) == ""
        assert status_of(target) == status_of(tmp_path / "theirs")
        return result

    return run


@pytest.mark.parametrize("seed", range(SEED, SEED + -(-TREES // TREES_IN_ONE)))
def test_random_trees_are_those_of_git(compare, seed):
    compare(random_files(seed, TREES_IN_ONE))


TEXT = "grüße\nnaïve ☃\n".encode()


@pytest.mark.parametrize(
    "attributes",
    [
        "*.txt working-tree-encoding=UTF-16",
        "*.txt text working-tree-encoding=UTF-16LE-BOM eol=crlf",
        "*.txt working-tree-encoding=utf-16be-bom eol=crlf",
        "*.txt working-tree-encoding=UTF-16LE",
        "*.txt working-tree-encoding=UTF8",
        "* text=auto eol=crlf",
        "* working-tree-encoding=ISO-8859-1",
        "* working-tree-encoding=latin-1 ident",
    ],
)
def test_encodings_are_those_of_git(compare, attributes):
    """What sorts before .gitattributes has attributes as well."""
    files = {name: (0o100644, TEXT) for name in ["a.txt", "(app)/page.txt", ".devcontainer/y.txt", ".editorconfig", "z"]}
    files["latin.txt"] = (0o100644, "$Id$ é\n".encode())
    compare({".gitattributes": (0o100644, attributes.encode() + b"\n"), **files})


@pytest.mark.parametrize("encoding, text", [("no-such-encoding", TEXT), ("ISO-8859-1", TEXT), ("UTF-16", b"\xff\n")])
def test_what_can_not_be_encoded_stays_and_is_named(compare, encoding, text):
    attributes = f"a.txt working-tree-encoding={encoding}\n".encode()
    result = compare({".gitattributes": (0o100644, attributes), "a.txt": (0o100644, text), "b.txt": (0o100644, text)})
    assert "not converted to its working-tree-encoding" in result.stderr
    assert "path=a.txt" in result.stderr and f"encoding={encoding}" in result.stderr and "b.txt" not in result.stderr


def test_encodings_without_a_value_stay_and_are_named(gitlab, certificates, target):
    """git ends the checkout half way: "true/false are no valid working-tree-encodings"."""
    project = gitlab.add_project("group/attributes", gitlab.sasha, visibility="public")
    files = {".gitattributes": (0o100644, b"* working-tree-encoding\n"), "a.txt": (0o100644, TEXT)}
    subprocess.run(["git", "-C", project.repository, "fast-import", "--quiet", "--force"], input=fast_import(files), check=True)
    result = by_hand(settings_for(gitlab, project, target, certificates.ca))
    assert result.returncode == 0 and "path=a.txt" in result.stderr
    assert (target / "a.txt").read_bytes() == TEXT


CRLF = {"x.txt": (0o100644, b"a\n"), "x.c": (0o100644, b"a\n"), "d/x.txt": (0o100644, b"a\n")}
CRLF_RULE = b"*.txt text eol=crlf\n"


def test_many_and_deep_attribute_files(compare):
    """A file in each of 100 nested folders and of 200 beside each other."""
    deep, files = "", dict(CRLF)
    for n in range(300):
        deep += f"n{n}/" if n < 100 else ""
        folder = deep if n < 100 else f"f{n}/"
        files[folder + ".gitattributes"] = (0o100644, b"*.txt text eol=" + (b"crlf\n" if n % 3 else b"lf\n"))
        files[folder + "x.txt"] = (0o100644, b"a\n")
    compare(files)


@pytest.mark.parametrize("pattern", [b"*a*a*a*a*a*a*a*a*b", b"/**/a*/**/*a*/**/b", b"[a-z]*[!b]*[[:alpha:]]*b", b"**/a/**/a/**/b"])
def test_patterns_that_backtrack(compare, pattern):
    """Matchers that try all combinations take for ever on these names."""
    names = ["a" * 60, "a" * 60 + "b", "/".join(["a"] * 20) + "/" + "a" * 30 + "b"]
    files = {name: (0o100644, b"x\n") for name in names}
    compare({".gitattributes": (0o100644, (pattern + b" text eol=crlf\n") * 50), **files})


def clone_of(gitlab, certificates, target, files, **more):
    project = gitlab.add_project("group/attributes", gitlab.sasha, visibility="public")
    subprocess.run(["git", "-C", project.repository, "fast-import", "--quiet", "--force"], input=fast_import(files), check=True)
    return by_hand(settings_for(gitlab, project, target, certificates.ca, **more))


def test_attributes_that_git_ignores(gitlab, certificates, target):
    """From 100 MiB on."""
    files = {".gitattributes": (0o100644, CRLF_RULE + b"#\n" * (50 * 1024 * 1024)), **CRLF}
    result = clone_of(gitlab, certificates, target, files)
    assert result.returncode == 0 and ".gitattributes ignored: the file is too large" in result.stderr, result.stderr
    assert (target / "x.txt").read_bytes() == b"a\n"


def refused(*arguments, **more):
    result = clone_of(*arguments, **more)
    assert result.returncode == CODES["refused"], result.stderr
    return result.stderr


def test_attributes_without_bound_are_refused(gitlab, certificates, target):
    files = {"a/.gitattributes": (0o100644, b"x text\n" * 2_500_000), "a/b": (0o100644, b"")}
    assert "a/.gitattributes: attributes of more than" in refused(gitlab, certificates, target, files)


def test_rules_without_bound_are_refused(gitlab, certificates, target):
    """A few bytes of text become many in memory."""
    files = {"a/.gitattributes": (0o100644, b"x -text\n" * 1_060_000), "a/b": (0o100644, b"")}
    assert "a/.gitattributes: attributes that need more than" in refused(gitlab, certificates, target, files)


@pytest.mark.parametrize("attributes", ["ident", "text eol=crlf", "working-tree-encoding=UTF-32"])
def test_files_that_grow_beyond_the_limit_are_refused(gitlab, certificates, target, attributes):
    """They are in memory while they are written."""
    files = {".gitattributes": (0o100644, f"a {attributes}\n".encode()), "a": (0o100644, b"$Id$\n\n\n\n" * 4000)}
    assert 'a\\" exceeds CLONE_FILE_BYTES_MAX (40960 bytes) after conversion' in refused(gitlab, certificates, target, files, CLONE_FILE_BYTES_MAX="40KiB")
