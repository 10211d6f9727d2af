# SPDX-License-Identifier: Apache-2.0
"""Repositories to clone, made on the spot and kept for the next run.

Text files change over thousands of commits in folders three deep, so that most objects are deltas in
chains, as in real history; binary files give the pack its weight. All by one `git fast-import`, which
gets the versions of a file one after the other and so finds their deltas by itself.
"""

import os
import random
import shutil
import subprocess
from dataclasses import dataclass

FIRST_COMMIT_AT = 1_700_000_000
WORDS = (
    "int return static struct const char size_t void if else while for buffer length offset error result value "
    "context option request response header stream table index count total first last next previous parent child "
    "name path file read write open close start stop begin end check parse print format update insert remove"
).split()


@dataclass(frozen=True)
class Shape:
    name: str
    files: int  # of text
    lines: int  # of a text file, on average
    commits: int
    edits: int = 3  # files that a commit changes
    binaries: int = 0
    binary_bytes: int = 200_000
    refs: int = 0  # branches besides main


SHAPES = {
    s.name: s
    for s in (
        Shape("3mb", files=500, lines=150, commits=1400),
        Shape("80mb", files=3500, lines=300, commits=12_000, binaries=230),
        Shape("300mb", files=6000, lines=300, commits=36_000, binaries=1000),
        Shape("files", files=50_000, lines=40, commits=20, edits=200),
        Shape("refs", files=300, lines=150, commits=800, refs=20_000),
    )
}


class Maker:
    """Writes the stream of one repository; the same shape makes the same bytes."""

    def __init__(self, shape, out):
        self.shape = shape
        self.out = out
        self.rng = random.Random(shape.name)
        self.lines = [self._line() for _ in range(20_000)]
        self.mark = 0

    def _line(self):
        rng = self.rng
        return f"\t{' '.join(rng.choices(WORDS, k=rng.randint(2, 9)))} = {rng.getrandbits(rng.choice((8, 32)))};\n".encode()

    def _blob(self, data):
        self.mark += 1
        self.out.write(b"blob\nmark :%d\ndata %d\n" % (self.mark, len(data)))
        self.out.write(data)
        self.out.write(b"\n")
        return self.mark

    def _folder(self, number):
        """Some folders hold much, most hold little; up to three deep."""
        rng = random.Random(number // 12)
        return "/".join(rng.choices(WORDS[:24], k=rng.randint(1, 3)))

    def _edit(self, lines):
        """A few lines in one or two places, sometimes a block that goes or comes."""
        rng = self.rng
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(lines) + 1)
            lines[at : at + rng.randint(0, 4)] = rng.choices(self.lines, k=rng.randint(1, 6))

    def _versions(self, number, count):
        """The marks of a text file's versions, oldest first."""
        length = max(3, int(self.shape.lines * self.rng.lognormvariate(-0.3, 0.8)))
        lines = self.rng.choices(self.lines, k=length)
        marks = [self._blob(b"".join(lines))]
        for _ in range(count):
            self._edit(lines)
            marks.append(self._blob(b"".join(lines)))
        return f"{self._folder(number)}/{self.rng.choice(WORDS)}_{number}.c", marks

    def _plan(self):
        """Which files each commit changes: some files often, most seldom."""
        s = self.shape
        plan = [[] for _ in range(s.commits)]
        for number in range(1, s.commits):
            plan[number] = list({int(s.files * self.rng.random() ** 2) for _ in range(s.edits)})
        return plan

    def _commit(self, number, changes):
        message = b"Change %d of them\n\nFor the better.\n" % len(changes)
        self.out.write(b"commit refs/heads/main\n")
        self.out.write(b"committer Sasha <sasha@example.com> %d +0000\n" % (FIRST_COMMIT_AT + number * 600))
        self.out.write(b"data %d\n%s" % (len(message), message))
        for path, mark in changes:
            self.out.write(b"M 100644 :%d %s\n" % (mark, path.encode()))

    def write(self):
        s = self.shape
        plan = self._plan()
        counts = [0] * s.files
        for files in plan:
            for number in files:
                counts[number] += 1
        texts = [self._versions(number, count) for number, count in enumerate(counts)]
        begin = [(path, marks[0]) for path, marks in texts]
        for number in range(s.binaries):
            data = self.rng.randbytes(int(s.binary_bytes * self.rng.uniform(0.1, 1.9)))
            begin.append((f"assets/{number % 30}/image_{number}.png", self._blob(data)))
        self._commit(0, begin)
        versions = [0] * s.files
        for number, files in enumerate(plan[1:], 1):
            changes = []
            for file in files:
                versions[file] += 1
                path, marks = texts[file]
                changes.append((path, marks[versions[file]]))
            self._commit(number, changes)
        self.out.write(b"done\n")


def git(directory, *arguments, **more):
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", "-C", directory, *arguments], check=True, env=environment, capture_output=True, **more)


def _add_refs(directory, count):
    ids = git(directory, "rev-list", "main", text=True).stdout.split()
    lines = (f"create refs/heads/topic/{n % 200}/{n} {ids[n % len(ids)]}\n" for n in range(count))
    git(directory, "update-ref", "--stdin", text=True, input="".join(lines))
    git(directory, "pack-refs", "--all")


def _make(shape, directory):
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    git(directory, "init", "-q", "--bare", "-b", "main")
    command = ["git", "-C", directory, "-c", "core.compression=1", "fast-import", "--quiet", "--done"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        Maker(shape, process.stdin).write()
    if process.returncode:
        raise RuntimeError(f"git fast-import: exit code {process.returncode}")
    if shape.refs:
        _add_refs(directory, shape.refs)
    # Like a server's: one pack in the order that git gives it, and a bitmap.
    git(directory, "-c", "pack.window=0", "repack", "-a", "-d", "-q", "--write-bitmap-index")
    git(directory, "config", "uploadpack.allowAnySHA1InWant", "true")


def get(name, cache):
    """The directory of a bare repository of this shape."""
    directory = os.path.join(cache, f"{name}.git")
    mark = os.path.join(directory, "made-from")
    shape = SHAPES[name]
    if os.path.exists(mark):
        with open(mark) as file:
            if file.read() == repr(shape):
                return directory
    _make(shape, directory)
    with open(mark, "w") as file:
        file.write(repr(shape))
    return directory
