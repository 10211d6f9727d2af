# SPDX-License-Identifier: Apache-2.0
"""Repositories made on the spot by `git fast-import`: small ones for tests, large ones to watch.

The same arguments make the same repository, byte for byte, so each is made once per process and then copied.
"""

import atexit
import functools
import os
import random
import shutil
import subprocess
import tempfile

NAME, EMAIL, FIRST_COMMIT_AT = "Sasha", "sasha@example.com", 1_700_000_000
FOLDERS = "api app assets config core data docs lib models notebooks scripts services tests tools web".split()
WORDS = (
    "alpha branch buffer carry client commit cursor daily delta digest editor engine fetch field filter frame "
    "gather graph handle index joint kernel layer ledger locale marker metric module notebook object packet "
    "parser portal queue random record relay render sample schema sensor server shard signal socket sorted "
    "stream string summary table target thread ticket token vector window worker"
).split()
README = """# Demo project

This repository was made on the spot. Open `notebooks/hello.ipynb` and run its cells, or start a
terminal and try `git log --oneline | head`.
"""
NOTEBOOK = """{
 "cells": [
  {"cell_type": "markdown", "metadata": {}, "source": ["# Hello from the workspace"]},
  {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [],
   "source": ["print(6 * 7, \\"from the kernel\\")"]}
 ],
 "metadata": {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}},
 "nbformat": 4,
 "nbformat_minor": 4
}
"""
SMALL = {"README.md": README, "notebooks/hello.ipynb": NOTEBOOK}


def _text(rng, lines):
    return "".join(" ".join(rng.choices(WORDS, k=9)) + f" {rng.getrandbits(64):016x}\n" for _ in range(lines))


def _made_up(rng, count):
    files = dict(SMALL)
    for number in range(count):
        folder = f"{rng.choice(FOLDERS)}/{rng.choice(WORDS)}"
        files[f"{folder}/{rng.choice(WORDS)}_{number}.txt"] = _text(rng, rng.randint(20, 120))
    return files


def _commit(number, message, changes, content):
    """One commit of fast-import's stream."""
    text = message.encode()
    who = f"{NAME} <{EMAIL}> {FIRST_COMMIT_AT + number * 3600} +0000"
    yield f"commit refs/heads/main\ncommitter {who}\ndata {len(text)}\n".encode() + text + b"\n"
    for path in changes:
        data = content[path].encode()
        yield f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"


def _stream(files, commits, rng):
    yield from _commit(0, "Begin", files, files)
    paths = sorted(files.keys() - SMALL.keys()) or sorted(files)
    for number in range(1, commits):
        changed = rng.sample(paths, min(len(paths), 3))
        for path in changed:
            files[path] += _text(rng, 1) if path not in SMALL else "\n"
        yield from _commit(number, f"Change {changed[0]}", changed, files)


def make(directory, files=None, commits=1):
    """A bare repository; files: {path: text}, or how many to make up; None: a small set."""
    made = _made(tuple(sorted(files.items())) if isinstance(files, dict) else files, commits)
    shutil.copytree(made, directory, copy_function=_copy)


def _copy(source, target):
    """Packs are never changed in place, so the copies share them."""
    os.link(source, target) if os.path.basename(os.path.dirname(source)) == "pack" else shutil.copyfile(source, target)


@functools.cache
def _folder():
    folder = tempfile.mkdtemp(prefix="repositories-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _made(files, commits):
    rng = random.Random(7)
    if files is None:
        files = SMALL
    elif isinstance(files, int):
        files = _made_up(rng, files)
    directory = tempfile.mkdtemp(dir=_folder())
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": "/nonexistent",
    }
    init = ["git", "init", "-q", "--bare", "-b", "main", "--template=", directory]
    subprocess.run(init, check=True, env=environment)
    # A pack, however few objects there are: copies share it.
    command = ["git", "-C", directory, "-c", "fastimport.unpackLimit=1", "fast-import", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        for piece in _stream(dict(files), commits, rng):
            process.stdin.write(piece)
    if process.returncode:
        raise RuntimeError(f"git fast-import: exit code {process.returncode}")
    return directory
