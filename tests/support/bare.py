# SPDX-License-Identifier: Apache-2.0
"""Objects and commits of a bare repository, without a process of git for each object."""

import hashlib
import os
import subprocess
import zlib


def write_object(bare, kind, content):
    """As `git hash-object -w --literally -t kind`. Returns the id."""
    data = b"%s %d\0%s" % (kind.encode(), len(content), content)
    oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    folder = os.path.join(bare, "objects", oid[:2])
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, oid[2:]), "wb") as file:
        file.write(zlib.compress(data, 1))
    return oid


def write_tree(bare, entries):
    """entries: (mode, name, id), in this order. Names are bytes."""
    return write_object(bare, "tree", b"".join(b"%s %s\0%s" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in entries))


def _quoted(path):
    return b'"' + path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def commit_files(bare, files, gitlinks=(), message="Change"):
    """Puts files {path: text} and gitlinks (path, commit) on top of main."""
    lines = [b"commit refs/heads/main\ncommitter Sasha <sasha@example.com> now\n"]
    lines.append(b"data %d\n%s\nfrom refs/heads/main^0\n" % (len(message), message.encode()))
    for path, text in files.items():
        content = text.encode()
        lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (_quoted(path), len(content), content))
    lines += [b"M 160000 %s %s\n" % (commit.encode(), _quoted(path)) for path, commit in gitlinks]
    # A pack: another process would unpack it.
    command = ["git", "-C", bare, "-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", "--date-format=now"]
    subprocess.run(command, input=b"".join(lines), check=True)
