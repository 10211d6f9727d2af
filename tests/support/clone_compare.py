# SPDX-License-Identifier: Apache-2.0
"""Clones a repository with git and with us, and compares everything that git can see of the two.

A process of git costs more than most of what it is asked here: what is plain to read is read without one.
"""

import os
import re
import stat
import subprocess

from clone import by_hand, git
from proxy import is_sanitized

# Set by `git clone` of other versions, or by our credential helper.
CONFIG_IGNORED = ("credential.",)


def content_of(top):
    """{path: (mode, bytes)}, and all folders; without the .git at the top."""
    found, folders = {}, set()
    top = os.fsencode(top)
    for folder, names, leaves in os.walk(top):
        if folder == top and b".git" in names:
            names.remove(b".git")
        folders.add(os.path.relpath(folder, top))
        for path in (os.path.join(folder, name) for name in leaves + names):
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[path[len(top) :]] = (mode, os.readlink(path))
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    found[path[len(top) :]] = (mode, file.read())
    return found, folders


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return sorted(file.read().splitlines())
    except FileNotFoundError:
        return None


def lines_of(top, *arguments):
    """What git prints, or that it fails; paths of the clone itself replaced."""
    try:
        return sorted(git(top, *arguments).replace(str(top), "<top>").splitlines())
    except AssertionError as error:
        return ["fails", str(error.args[0][1]).replace(str(top), "<top>")]


def modules_of(top):
    """The git directories of its submodules, at all levels."""
    found = []
    for folder, names, leaves in os.walk(top / ".git" / "modules"):
        if "HEAD" in leaves and "objects" in names:
            found.append(os.path.relpath(folder, top))
            names[:] = [name for name in names if name == "modules"]
    return sorted(found)


def logs_of(top):
    """The ids that reflogs lead to, and their messages, without who and when."""
    found, root = {}, os.path.join(top, ".git", "logs")
    for folder, _, leaves in os.walk(root):
        for path in (os.path.join(folder, name) for name in leaves):
            with open(path, encoding="utf-8") as file:
                lines = [line.rstrip("\n").split("\t", 1) for line in file]
            found[os.path.relpath(path, root)] = [(who[41:81], message) for who, message in lines]
    return found


def says_nothing(extension):
    """Whether all entries are invalid (-1), as git writes it for trees that are not sorted."""
    return re.fullmatch(rb"([^\0]*\0-1 \d+\n)+", extension) is not None


def git_directory(top):
    """That of a work tree, or of a submodule in `.git/modules`."""
    link = os.path.join(top, ".git")
    if os.path.isfile(link):
        with open(link, encoding="utf-8") as file:
            return os.path.join(top, file.read().removeprefix("gitdir: ").rstrip("\n"))
    return link if os.path.isdir(link) else top


def packed_objects(path):
    """The ids in the index of a pack (gitformat-pack, version 2)."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\xfftOc\0\0\0\2", path
    count = int.from_bytes(data[1028:1032], "big")
    return [data[at : at + 20].hex() for at in range(1032, 1032 + 20 * count, 20)]


def objects_of(directory):
    """The ids of all objects, of which a clone borrows none. Type and size of an object follow from its id."""
    root, found = os.path.join(directory, "objects"), set()
    assert not os.path.exists(os.path.join(root, "info", "alternates"))
    for folder in os.listdir(root):
        for name in os.listdir(os.path.join(root, folder)):
            if len(folder) == 2:
                found.add(folder + name)
            elif name.endswith(".idx"):
                found.update(packed_objects(os.path.join(root, folder, name)))
    return found


def read_index(directory):
    """(entries, TREE extension) of the index (gitformat-index, version 2). Entries: modes, ids, flags and names.

    The extension is None if there is no such thing, or it says nothing.
    """
    path, entries = os.path.join(directory, "index"), []
    if not os.path.exists(path):
        return entries, None
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"DIRC\0\0\0\2", path
    at = 12
    for _ in range(int.from_bytes(data[8:12], "big")):
        end = data.index(b"\0", at + 62)
        entries.append((data[at + 24 : at + 28], data[at + 40 : end]))
        at += (end - at) // 8 * 8 + 8
    while at < len(data) - 20:
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"TREE":
            extension = data[at + 8 : at + 8 + size]
            return entries, None if says_nothing(extension) else extension
        at += 8 + size
    return entries, None


def ref_files_of(directory):
    """{path: bytes} of packed-refs and of all files below refs."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(directory, "refs")) for name in names]
    found = {}
    for path in [*paths, os.path.join(directory, "packed-refs")]:
        if os.path.exists(path):
            with open(path, "rb") as file:
                found[os.path.relpath(path, directory)] = file.read()
    return found


def config_sections_of(directory, top):
    """The lines of each section, sorted; paths of the clone itself replaced."""
    with open(os.path.join(directory, "config"), encoding="utf-8") as file:
        sections = file.read().replace(str(top), "<top>").split("\n[")
    return [sorted(section.splitlines()) for section in sections]


def trust_file_times(directory):
    """Makes git compare the times of files with the index, and read no file.

    git reads files that are not older than the index, since they may have changed within a tick of the clock. A file that
    the attributes do not restore to what was committed then counts as modified, and only then. A newer index prevents it.
    """
    index = os.path.join(directory, "index")
    if os.path.exists(index):
        os.utime(index, (4000000000, 4000000000))


def repository_state(top, expected):
    """Refs, HEAD, configuration, index, objects, and what git has to say.

    expected: the other clone's state, or {}. git is not asked again of what is the same in both: neither where the files
    are that it reads, nor by fsck, which looks at what else is compared and has found nothing in the other clone.
    """
    directory = git_directory(top)
    entries, cached_trees = read_index(directory)
    trust_file_times(directory)
    sources = {"refs": ref_files_of(directory), "config": config_sections_of(directory, top), "index": entries}

    def ask(part, *command):
        is_known = expected and expected["sources"][part] == sources[part]
        return expected[part] if is_known else lines_of(top, *command)

    return {
        "HEAD": read(os.path.join(directory, "HEAD")),
        "refs": ask("refs", "for-each-ref", "--format=%(refname) %(objectname) %(objecttype) %(symref) %(*objectname)"),
        "shallow": read(os.path.join(directory, "shallow")),
        "config": [line for line in ask("config", "config", "--local", "--list") if not line.startswith(CONFIG_IGNORED)],
        "status": lines_of(top, "status", "--porcelain", "--branch"),
        "cached trees": cached_trees,
        "index": ask("index", "ls-files", "--stage", "--eol"),
        "objects": objects_of(directory),
        "fsck": [] if expected.get("fsck") == [] else lines_of(top, "fsck", "--full"),
        "sources": sources,
    }


def submodules_of(top, index):
    """git submodule is a script that starts many processes, and says nothing where there are neither links nor settings."""
    has_some = os.path.lexists(os.path.join(top, ".gitmodules")) or any(line.startswith("160000 ") for line in index)
    return lines_of(top, "submodule", "status", "--recursive") if has_some else []


def state_of(top, expected=None):
    """Everything that is compared, each part by its name. expected: the state of the clone that it is compared with."""
    expected = expected or {}
    files, folders = content_of(top)
    state = {"files": files, "folders": folders, "reflogs": logs_of(top), **repository_state(top, expected), "modules": modules_of(top)}
    for path in state["modules"]:
        prefix = f"{path}: "
        theirs = {name.removeprefix(prefix): value for name, value in expected.items() if name.startswith(prefix)}
        found = repository_state(top / path, theirs)
        state.update({prefix + name: value for name, value in found.items() if name != "status"})
    state["submodules"] = submodules_of(top, state["index"])
    return state


def run_git(ca, *arguments, token=None):
    """git as a user would run it, whose default branch is ours. Returns the process."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSL_CAINFO": str(ca),
        "GIT_SSL_CAPATH": os.path.dirname(ca),  # in place of all authorities of the system, which take long to read
    }
    options = ["-c", "init.defaultBranch=main", "-c", "advice.detachedHead=false", "-c", "protocol.file.allow=never"]
    if token is not None:
        options += ["-c", f"credential.helper=!f() {{ echo username=oauth2; echo password={token}; }}; f"]
    return subprocess.run(["git", *options, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def differences(ours, theirs):
    """{part: (ours, git's)} of the parts that differ. Of the sources, what git reads in them is compared."""
    parts = [name for name in {**ours, **theirs} if not name.endswith("sources")]
    return {name: (ours.get(name), theirs.get(name)) for name in parts if ours.get(name) != theirs.get(name)}


def compare(settings, ca, place, *arguments, token=None, then=()):
    """Clones twice, by us into CLONE_DIR and by git into `place`. Returns the differences and our result.

    then: commands that git runs in its clone afterwards.
    """
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    if is_sanitized():  # only git would do the rest; the ordinary program's clone is compared
        return {}, result
    for command in (("clone", *arguments, settings["CLONE_URL"], place), *(("-C", place, *more) for more in then)):
        theirs = run_git(ca, *command, token=token)
        assert theirs.returncode == 0, theirs.stderr
    ours = state_of(settings["CLONE_DIR"])
    return differences(ours, state_of(place, ours)), result
