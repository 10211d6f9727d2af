# SPDX-License-Identifier: Apache-2.0
"""Repositories made to do harm: refused or bounded, with nothing left behind and nothing run."""

import os
import zlib

import pytest
from bare import write_object, write_tree
from clone import CODES, Worker, by_hand, git, settings_for
from clone_fixtures import target


@pytest.fixture
def settings(gitlab, certificates, target):
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    return settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token)


@pytest.fixture
def bare(gitlab):
    return gitlab.project.repository


def blob(bare, text):
    return write_object(bare, "blob", text.encode())


def raw_tree(bare, entries):
    """entries: (mode, name, object id), written as they come."""
    return write_tree(bare, [(mode.encode(), name, oid) for mode, name, oid in entries])


def commit(bare, tree):
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", tree, "-m", "Hostile"))


def assert_refused(result, target, *words):
    assert result.returncode == CODES["refused"], result.stderr
    for word in words:
        assert word in result.stderr
    assert not target.parent.exists()


DISGUISES = [b".git", b".GIT", b".Git ", b".git.", b"git~1", b"GIT~1", b".git::$INDEX_ALLOCATION", ".g\u200cit".encode(),
             "\ufeff.git".encode(), b"..", b".", b"a\\..\\.git"]


@pytest.mark.parametrize("names, depth, modes", [(DISGUISES, 0, ["40000"]), (DISGUISES[:3], 0, ["100644", "120000"]), (DISGUISES[4:7], 2, ["40000"])])
def test_alternative_spellings_of_dot_git(settings, target, bare, names, depth, modes):
    """As a folder with a hook, at the top and further down; also as a file and as a link."""
    hook = blob(bare, "#!/bin/sh\ntouch /tmp/never\n")
    hooks = raw_tree(bare, [("40000", b"hooks", raw_tree(bare, [("100755", b"post-checkout", hook)]))])
    for name in names:
        for mode in modes:
            tree = raw_tree(bare, [(mode, name, hooks if mode == "40000" else hook)])
            for _ in range(depth):
                tree = raw_tree(bare, [("40000", b"d", tree)])
            commit(bare, tree)
            result = by_hand(settings)
            assert result.returncode == CODES["refused"], (name, mode, result.stderr)
            assert not target.parent.exists()


@pytest.mark.parametrize("name", [b"../../escaped", b"/escaped", b"d/escaped"])
def test_paths_that_lead_out(settings, target, bare, tmp_path, name):
    commit(bare, raw_tree(bare, [("100644", name, blob(bare, "escaped"))]))
    result = by_hand(settings)
    assert result.returncode == CODES["refused"], result.stderr
    assert not target.parent.exists() and not (tmp_path / "escaped").exists() and not os.path.exists("/escaped")


def test_names_that_only_look_odd(settings, target, bare):
    """Plain files on Linux, as for git."""
    names = [b"..\\out.txt", b"dir\\.\\x", b"git~2"]
    text = blob(bare, "x")
    commit(bare, raw_tree(bare, [("100644", name, text) for name in sorted(names)]))
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert sorted(os.listdir(os.fsencode(target))) == sorted([*names, b".git"])
    assert git(target, "status", "--porcelain") == ""


def test_link_and_folder_of_one_name(settings, target, bare, tmp_path):
    """What is in the folder would be written where the link leads."""
    (tmp_path / "outside").mkdir()
    link = blob(bare, str(tmp_path / "outside"))
    inner = raw_tree(bare, [("100644", b"file", blob(bare, "escaped"))])
    commit(bare, raw_tree(bare, [("120000", b"a", link), ("40000", b"a", inner)]))
    assert_refused(by_hand(settings), target, "is a duplicate entry")
    assert os.listdir(tmp_path / "outside") == []
    commit(bare, raw_tree(bare, [("120000", b"a", link), ("100644", b"a.b", link), ("40000", b"a", inner)]))
    assert_refused(by_hand(settings), target, "is a duplicate entry")
    assert os.listdir(tmp_path / "outside") == []


def test_link_instead_of_gitmodules(settings, target, bare):
    commit(bare, raw_tree(bare, [("120000", b".gitmodules", blob(bare, "other"))]))
    assert_refused(by_hand(settings), target, ".gitmodules", "is a symbolic link")


def test_links_that_lead_out_are_links(settings, target, bare):
    """As git has it: a link is only text, and nothing is written through it."""
    commit(bare, raw_tree(bare, [("120000", b"link", blob(bare, "/etc/passwd"))]))
    assert by_hand(settings).returncode == 0
    assert os.readlink(target / "link") == "/etc/passwd"


def test_more_files_than_a_setting_allows(settings, target, bare):
    empty = blob(bare, "")
    commit(bare, git(bare, "mktree", stdin="".join(f"100644 blob {empty}\tf{i}\n" for i in range(300))))
    assert_refused(by_hand({**settings, "CLONE_FILES_MAX": "299"}), target, "CLONE_FILES_MAX")
    assert by_hand({**settings, "CLONE_FILES_MAX": "300"}).returncode == 0


def test_tree_of_a_million_entries(settings, target, bare):
    """Refused after the look at its entries, before one file is written."""
    name = bytes.fromhex(blob(bare, ""))
    content = b"".join(b"100644 %07d\0" % i + name for i in range(1000001))
    commit(bare, write_object(bare, "tree", content))
    assert_refused(by_hand(settings), target, "more than CLONE_FILES_MAX (1000000) files")


@pytest.mark.parametrize("name", ["folder/large", "folder/.gitattributes", ".gitmodules"])
def test_file_larger_than_a_setting_allows(settings, target, bare, name):
    """Few bytes arrive, many would be written; one that is not checked out does no harm."""
    large = blob(bare, "0" * 3_000_000)
    folder, _, leaf = name.rpartition("/")
    tree = git(bare, "mktree", stdin=f"100644 blob {large}\t{leaf}\n")
    if folder:
        tree = git(bare, "mktree", stdin=f"040000 tree {tree}\t{folder}\n")
    commit(bare, tree)
    result = by_hand({**settings, "CLONE_FILE_BYTES_MAX": "2999999"})
    assert_refused(result, target, name, "has 3000000 bytes", "more than CLONE_FILE_BYTES_MAX (2999999)")
    if name == "folder/large":
        assert by_hand({**settings, "CLONE_FILE_BYTES_MAX": "3000000"}).returncode == 0
        assert (target / name).stat().st_size == 3_000_000


def test_more_bytes_than_a_setting_allows(settings, target, bare):
    data = os.urandom(300000).hex()
    commit(bare, git(bare, "mktree", stdin=f"100644 blob {blob(bare, data)}\tlarge\n"))
    assert_refused(by_hand({**settings, "CLONE_BYTES_MAX": "100KiB"}), target, "CLONE_BYTES_MAX")


def test_nothing_of_the_repository_runs(settings, target, bare, tmp_path):
    """Filters, diff drivers, hooks and configuration in the tree are files like others."""
    attributes = blob(bare, "* filter=evil diff=evil merge=evil text\n")
    config = blob(bare, f'[filter "evil"]\n smudge = touch {tmp_path}/ran\n[core]\n fsmonitor = touch {tmp_path}/ran\n')
    script = blob(bare, f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hooks = git(bare, "mktree", stdin=f"100755 blob {script}\tpost-checkout\n")
    entries = f"100644 blob {attributes}\t.gitattributes\n100644 blob {config}\t.gitconfig\n100644 blob {config}\tconfig\n040000 tree {hooks}\thooks\n"
    commit(bare, git(bare, "mktree", stdin=entries))
    assert by_hand(settings).returncode == 0
    assert not (tmp_path / "ran").exists()
    assert not [name for name in os.listdir(target / ".git" / "hooks") if not name.endswith(".sample")] if (target / ".git" / "hooks").exists() else True
    text = (target / ".git" / "config").read_text()
    assert "filter" not in text and "fsmonitor" not in text


def pack_of(objects):
    """A pack with (kind number, declared size, compressed bytes) as they come."""
    import hashlib

    data = b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")
    for kind, size, compressed in objects:
        byte = (kind << 4) | (size & 15)
        size >>= 4
        while size:
            data += bytes([byte | 0x80])
            byte, size = size & 0x7F, size >> 7
        data += bytes([byte]) + compressed
    return data + hashlib.sha1(data).digest()


def serve_pack(gitlab, pack):
    """The next fetch gets this pack, whatever it asked for."""
    packets = b"".join(b"%04x\x01" % (len(pack[i : i + 60000]) + 5) + pack[i : i + 60000] for i in range(0, len(pack), 60000))
    headers = {"Content-Type": "application/x-git-upload-pack-result"}
    body = b"0008NAK\n" + packets + b"0000"
    gitlab.faults.add("git-upload-pack", status=200, headers=headers, body=body)


def number(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


@pytest.mark.parametrize("what", ["size", "delta", "count", "short", "checksum"])
def test_packs_with_false_sizes(settings, target, gitlab, what):
    base = zlib.compress(b"x" * 100)
    if what == "size":  # of an object: a terabyte, says its head
        pack = pack_of([(3, 1 << 40, base)])
    elif what == "delta":  # which would become an exabyte
        delta = number(100) + number(1 << 60) + b"\x90\x64"
        offset = bytes([len(base) + 2])
        pack = pack_of([(3, 100, base), (6, len(delta), offset + zlib.compress(delta))])
    elif what == "count":
        pack = b"PACK" + (2).to_bytes(4, "big") + b"\xff\xff\xff\xff" + base
    elif what == "short":
        pack = pack_of([(3, 100, base)])[:-25]
    else:
        pack = pack_of([(3, 100, base)])[:-1] + b"x"
    serve_pack(gitlab, pack)
    result = by_hand(settings)
    assert result.returncode in (CODES["refused"], CODES["unreachable"]), result.stderr
    assert "internal" not in result.stderr and not target.parent.exists()


def test_refs_without_end(settings, target, gitlab):
    line = b"%040x refs/heads/" % 1 + b"x" * 60000
    packet = b"%04x" % (len(line) + 9) + line + b"%04d\n" % 0
    first = b"%040x HEAD\0side-band-64k ofs-delta\n" % 1
    body = b"001e# service=git-upload-pack\n0000" + b"%04x" % (len(first) + 4) + first + packet * 2300
    headers = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    gitlab.faults.add("git-info-refs", status=200, headers=headers, body=body)
    assert_refused(by_hand(settings), target, "refs")


NAMES = ["../../../harm", "a..b", "x.lock", "a\nb", "a\x1b[2Jb", ".hidden", "a//b", "-rf", "@{1}", "main/../../../hooks/post-checkout", "x" * 5000]


def serve_refs(gitlab, bare, names, head):
    """A listing with these branches, all of them the commit of the real one, and what HEAD is said to be."""
    main = git(bare, "rev-parse", "main").encode()
    lines = [main + b" HEAD\0side-band-64k ofs-delta symref=HEAD:refs/heads/" + head.encode()]
    lines += [main + b" refs/heads/" + name.encode() for name in names]
    packets = b"".join(b"%04x" % (len(line) + 5) + line + b"\n" for line in lines)
    headers = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    gitlab.faults.add("git-info-refs", status=200, headers=headers, body=b"001e# service=git-upload-pack\n0000" + packets + b"0000")


def test_names_that_git_would_not_take_are_left_out(settings, target, gitlab, bare):
    serve_refs(gitlab, bare, ["main", *NAMES], "main")
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    refs = [line.split(" ", 1)[1] for line in (target / ".git" / "packed-refs").read_text().splitlines() if line[0] not in "#^"]
    assert "refs/remotes/origin/main" in refs and not [ref for ref in refs for name in NAMES if ref.endswith("/" + name) and name != "-rf"]
    assert git(target, "fsck", "--full") == "" and git(target, "status", "--porcelain") == ""


@pytest.mark.parametrize("head", NAMES)
@pytest.mark.parametrize("depth", ["0", "1"])
def test_head_that_is_no_branch(settings, target, gitlab, bare, head, depth):
    serve_refs(gitlab, bare, ["main", head], head)
    result = by_hand({**settings, "CLONE_DEPTH": depth})
    if result.returncode == 0:
        assert git(target, "status", "--porcelain") == ""
        assert "harm" not in (target / ".git" / "config").read_text()
    else:
        assert result.returncode in (CODES["refused"], CODES["unreachable"]), result.stderr
        assert not target.parent.exists()


def test_link_in_place_of_the_temporary_folder(gitlab, settings, target, tmp_path):
    """Code in the IDE's container, between two attempts: neither is anything removed behind it nor written there."""
    mine = tmp_path / "outside" / "tree" / "mine"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    target.parent.mkdir()
    gitlab.faults.add("git", status=503, times=1, headers={"Retry-After": "2"})
    worker = Worker({**settings, "CLONE_RETRIES": "1"}, settings["CLONE_TOKEN"])
    worker.wait_for(lambda line: line.get("attempt") == 1)
    (temporary,) = target.parent.glob(".demo.workspace-proxy-clone-*")
    temporary.rename(target.parent / "aside")
    temporary.symlink_to(tmp_path / "outside")
    assert worker.finish() == CODES["permission"], worker.log
    assert mine.read_text() == "mine" and os.listdir(mine.parent) == ["mine"]
