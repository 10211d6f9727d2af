# SPDX-License-Identifier: Apache-2.0
"""Repositories of unusual shapes: refs, HEAD, configuration, objects, index and files are those of `git clone`.

`make clone-compare` compares all shapes with a depth as well; each comparison adds a line to CLONE_COMPARE_REPORT.
"""

import os
import pprint

import pytest
from clone import CODES, by_hand, git, settings_for
from clone_compare import compare
from clone_fixtures import target
from foreign_shapes import SHAPES

REPORT = os.environ.get("CLONE_COMPARE_REPORT")


@pytest.fixture
def project(gitlab):
    return gitlab.add_project("group/shaped", gitlab.sasha, visibility="public", files=3, commits=4)


@pytest.fixture
def like_git(request, gitlab, project, certificates, target, tmp_path):
    """Asserts that our clone is git's, and returns what we printed."""

    def run(*arguments, then=(), apart=(), **more):
        settings = settings_for(gitlab, project, target, certificates.ca, **more)
        found, result = compare(settings, certificates.ca, tmp_path / "theirs", *arguments, then=then)
        found = {name: values for name, values in found.items() if name not in apart}
        if REPORT:
            with open(REPORT, "a", encoding="utf-8") as file:
                file.write(f"{'different' if found else 'same'}: {request.node.name} {' '.join(found)}\n")
        assert not found, pprint.pformat(found, width=160)
        return result

    return run


def test_folders_without_files(like_git, project, target):
    """Empty trees are in the repository only; the index can't tell the ids of the folders above them."""
    bare = project.repository
    empty = git(bare, "mktree", stdin="")
    blob = git(bare, "hash-object", "-w", "--stdin", stdin="text")
    outer = git(bare, "mktree", stdin=f"040000 tree {empty}\tempty\n100644 blob {blob}\tother\n")
    plain = git(bare, "mktree", stdin=f"100644 blob {blob}\tfile\n")
    only = git(bare, "mktree", stdin=f"040000 tree {empty}\tempty\n")
    names = ("long folder", "b", "aa", "a")
    entries = "".join(f"040000 tree {plain}\t{name}\n" for name in names)
    tree = git(bare, "mktree", stdin=entries + f"040000 tree {outer}\touter\n040000 tree {only}\tonly\n")
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", tree, "-p", "main", "-m", "Folders"))
    like_git()
    assert sorted(os.listdir(target)) == [".git", "a", "aa", "b", "long folder", "outer"]


def test_tree_without_files(like_git, project):
    bare = project.repository
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", git(bare, "mktree", stdin=""), "-m", "Nothing"))
    like_git()


DEPTHS = [((), {}), (("--depth=1",), {"CLONE_DEPTH": "1"}), (("--depth=2",), {"CLONE_DEPTH": "2"})]
depths = pytest.mark.parametrize("arguments, more", DEPTHS, ids=["all", "depth 1", "depth 2"])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", [None, "1"] if REPORT else [None])
def test_shapes(like_git, project, shape, depth):
    SHAPES[shape](project.repository)
    like_git(*([f"--depth={depth}"] if depth else []), CLONE_DEPTH=depth)


def other_branch(bare, name="other"):
    """A branch with a commit that main does not have. Returns the commit."""
    commit = git(bare, "commit-tree", "main^{tree}", "-p", "main~1", "-m", name)
    git(bare, "update-ref", f"refs/heads/{name}", commit)
    return commit


def loose_commit(bare):
    """A commit that no branch and no tag has."""
    return git(bare, "commit-tree", "main^{tree}", "-p", "main~2", "-m", "Loose")


@depths
def test_plain(like_git, project, arguments, more):
    other_branch(project.repository)
    git(project.repository, "tag", "-m", "annotated", "v1", "main~1")
    git(project.repository, "tag", "light", "main")
    like_git(*arguments, **more)


@depths
def test_detached_at_no_branch(like_git, project, arguments, more):
    git(project.repository, "update-ref", "--no-deref", "HEAD", loose_commit(project.repository))
    like_git(*arguments, **more)


@depths
def test_detached_at_a_branch(like_git, project, arguments, more):
    """Git takes the first branch at that commit."""
    bare = project.repository
    commit = other_branch(bare)
    git(bare, "update-ref", "refs/heads/same", commit)
    git(bare, "update-ref", "--no-deref", "HEAD", commit)
    like_git(*arguments, **more)


@depths
def test_detached_at_master(like_git, project, arguments, more):
    bare = project.repository
    commit = other_branch(bare)
    git(bare, "update-ref", "refs/heads/master", commit)
    git(bare, "update-ref", "--no-deref", "HEAD", commit)
    like_git(*arguments, **more)


@pytest.mark.parametrize("head", ["gone", "main"])
@depths
def test_head_without_its_branch(like_git, project, head, arguments, more):
    bare = project.repository
    other_branch(bare)
    git(bare, "update-ref", "refs/heads/kept", "main")
    git(bare, "update-ref", "-d", "refs/heads/main")
    git(bare, "symbolic-ref", "HEAD", f"refs/heads/{head}")
    result = like_git(*arguments, **more)
    assert "HEAD" in result.stderr


@pytest.mark.parametrize("depth", [None, "1"])
def test_default_branch_called_head(gitlab, project, certificates, target, depth):
    """Git would leave refs/remotes/origin/HEAD as a ref to itself."""
    bare = project.repository
    git(bare, "update-ref", "refs/heads/HEAD", "main")
    git(bare, "symbolic-ref", "HEAD", "refs/heads/HEAD")
    result = by_hand(settings_for(gitlab, project, target, certificates.ca, CLONE_DEPTH=depth))
    assert result.returncode == 0, result.stderr
    assert git(target, "symbolic-ref", "HEAD") == "refs/heads/HEAD"
    assert git(target, "rev-parse", "refs/remotes/origin/HEAD", "refs/heads/HEAD").split() == [git(bare, "rev-parse", "main")] * 2
    assert git(target, "status", "--porcelain", "--branch").startswith("## HEAD...origin") and git(target, "fsck") == ""
    git(target, "-c", f"http.sslCAInfo={certificates.ca}", "fetch", "-q")


@pytest.mark.parametrize("head", ["main", "trunk", "feature/x"])
@depths
def test_empty(like_git, gitlab, project, head, arguments, more):
    bare = project.repository
    git(bare, "update-ref", "-d", "refs/heads/main")
    git(bare, "symbolic-ref", "HEAD", f"refs/heads/{head}")
    like_git(*arguments, **more)


@pytest.mark.parametrize("depth", [1, 2, 3])
@depths
def test_shallow_server(like_git, project, depth, arguments, more):
    bare = project.repository
    other_branch(bare)
    with open(f"{bare}/shallow", "w", encoding="ascii") as file:
        file.write("".join(git(bare, "rev-parse", f"main~{at}") + "\n" for at in (depth, 3)))
    like_git(*arguments, **more)


@pytest.mark.parametrize("branch", ["other", "v1", "light"])
@depths
def test_branch_or_tag(like_git, project, branch, arguments, more):
    other_branch(project.repository)
    git(project.repository, "tag", "-m", "annotated", "v1", "main~1")
    git(project.repository, "tag", "light", "other")
    like_git("--branch", branch, *arguments, CLONE_REF=branch, **more)


def place_of(bare, kind):
    """A CLONE_REF of that kind, and the commit that it names."""
    commit = loose_commit(bare)
    if kind == "kept":
        git(bare, "update-ref", f"refs/keep-around/{commit}", commit)
    elif kind == "merge request":
        git(bare, "update-ref", "refs/merge-requests/7/head", commit)
        return "refs/merge-requests/7/head", commit
    elif kind == "tip":
        commit = git(bare, "rev-parse", "main")
    elif kind == "old":
        commit = git(bare, "rev-parse", "main~2")
    elif kind == "tag":
        git(bare, "tag", "-m", "annotated", "v1", commit)
        return git(bare, "rev-parse", "v1"), commit
    return commit, commit


KINDS = ["kept", "merge request", "tip", "old", "tag"]


@pytest.mark.parametrize("kind", KINDS)
def test_commit_by_its_id(like_git, project, target, kind):
    other_branch(project.repository)
    ref, commit = place_of(project.repository, kind)
    # git clones a branch first, which its reflog tells.
    like_git(then=[("fetch", "origin", ref), ("checkout", "--detach", commit), ("branch", "-D", "main")], apart=["reflogs"], CLONE_REF=ref)
    assert git(target, "rev-parse", "HEAD") == commit


@pytest.mark.parametrize("kind", KINDS)
def test_commit_by_its_id_with_a_depth(gitlab, project, certificates, target, kind):
    """As `git clone --revision` of later versions leaves it: that commit alone, and no refspec."""
    ref, commit = place_of(project.repository, kind)
    result = by_hand(settings_for(gitlab, project, target, certificates.ca, CLONE_REF=ref, CLONE_DEPTH="1"))
    assert result.returncode == 0, result.stderr
    assert git(target, "rev-list", "--all", "HEAD") == commit
    assert "refs/heads" not in git(target, "config", "--list") and git(target, "fsck", "--full") == ""
    assert git(target, "status", "--porcelain") == "" and git(target, "for-each-ref", "refs/remotes") == ""


@pytest.mark.parametrize("branch", ["refs/heads/other", "refs/tags/v1"])
def test_full_names(like_git, project, branch):
    other_branch(project.repository)
    git(project.repository, "tag", "-m", "annotated", "v1", "main~1")
    like_git("--branch", branch.split("/", 2)[2], CLONE_REF=branch)


@pytest.mark.parametrize("ref", ["1" * 40, "refs/merge-requests/8/head", "deadbeef"])
@pytest.mark.parametrize("depth", [None, "1"])
def test_refs_that_are_not_there(gitlab, project, certificates, target, ref, depth):
    result = by_hand(settings_for(gitlab, project, target, certificates.ca, CLONE_REF=ref, CLONE_DEPTH=depth, CLONE_RETRIES="3"))
    assert result.returncode == CODES["ref"], result.stderr
    assert "Attempt" not in result.stderr and not target.exists()


def test_dulwich_and_libgit2_read_it(gitlab, project, certificates, target):
    """Other implementations of git: dulwich, and libgit2 by our own look at what is there already."""
    porcelain = pytest.importorskip("dulwich.porcelain")
    other_branch(project.repository)
    settings = settings_for(gitlab, project, target, certificates.ca)
    assert by_hand(settings).returncode == 0
    with porcelain.open_repo_closing(str(target)) as repository:
        assert repository.head().decode() == git(target, "rev-parse", "HEAD")
        assert b"refs/remotes/origin/other" in repository.get_refs()
        status = porcelain.status(repository)
    assert not any(status.staged.values()) and not status.unstaged and not status.untracked
    again = by_hand(settings)
    assert again.returncode == 0 and "repository exists already" in again.stderr
