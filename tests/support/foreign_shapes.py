# SPDX-License-Identifier: Apache-2.0
"""Repositories as other tools and other times made them: {name: function that changes a bare repository}.

Each starts with a branch main of four commits. git clones all of them.
"""

import os
import re

from bare import write_object, write_tree
from clone import git

WHO = "A <a@example.com> 1700000000 +0000"


_known = {}  # (commit, what follows it) -> id


def resolve(bare, name):
    """As `git rev-parse name`. Where a suffix leads from a branch follows from the branch's commit: git is asked once."""
    branch = re.match(r"[\w-]+", name)[0]
    suffix = name.removeprefix(branch)
    try:
        with open(f"{bare}/refs/heads/{branch}", encoding="ascii") as file:
            commit = file.read().rstrip("\n")
    except FileNotFoundError:  # a tag
        return git(bare, "rev-parse", name)
    if suffix and (commit, suffix) not in _known:
        _known[commit, suffix] = git(bare, "rev-parse", commit + suffix)
    return _known[commit, suffix] if suffix else commit


def set_ref(bare, ref, oid):
    """As `git update-ref`, for a ref that is in a file of its own or new."""
    path = os.path.join(bare, ref)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(oid + "\n")


def blob(bare, content=b"content\n"):
    return write_object(bare, "blob", content)


def tree(bare, entries):
    """entries: (mode, kind, id, name), in any order; the tree is written as they are sorted by git."""
    ordered = sorted(entries, key=lambda entry: entry[3] + (b"/" if entry[1] == "tree" else b"\0"))
    return write_tree(bare, [(mode.lstrip("0").encode(), name, oid) for mode, _, oid, name in ordered])


def object_of(bare, kind, text):
    return write_object(bare, kind, text.encode() if isinstance(text, str) else text)


def commit(bare, tree_id, head="", parents=("main",), ref="refs/heads/main", author=WHO, committer=WHO, message="Shape\n"):
    """A commit with any lines; the ref is set to it."""
    lines = "".join(f"parent {resolve(bare, name)}\n" for name in parents)
    oid = object_of(bare, "commit", f"tree {tree_id}\n{lines}author {author}\ncommitter {committer}\n{head}\n{message}")
    set_ref(bare, ref, oid)
    return oid


def files(*names, mode="100644", content=b"content\n"):
    """main has these files beside what it had; names are bytes, of the top folder."""

    def change(bare):
        old = git(bare, "ls-tree", "-z", "main").split("\0")
        entries = [(*line.split("\t")[0].split(" "), line.split("\t")[1].encode()) for line in old if line]
        oid = blob(bare, content)
        commit(bare, tree(bare, entries + [(mode, "blob", oid, name) for name in names]))

    return change


def folder(*path, name=b"file"):
    """A file below folders."""

    def change(bare):
        oid = tree(bare, [("100644", "blob", blob(bare), name)])
        for part in reversed(path):
            oid = tree(bare, [("040000", "tree", oid, part)])
        commit(bare, oid)

    return change


def link(target, name=b"link"):
    return files(name, mode="120000", content=target)


def tag(text, kind="commit", target="main", name="odd"):
    def change(bare):
        oid = resolve(bare, target)
        set_ref(bare, f"refs/tags/{name}", object_of(bare, "tag", f"object {oid}\ntype {kind}\ntag {name}\n{text}"))

    return change


def head_lines(text, **more):
    return lambda bare: commit(bare, resolve(bare, "main^{tree}"), head=text, **more)


def refs(*names, target="main~1"):
    return lambda bare: [set_ref(bare, name, resolve(bare, target)) for name in names]


def nested_tags(bare):
    git(bare, "tag", "-a", "-m", "1", "one", "main")
    git(bare, "tag", "-a", "-m", "2", "two", "one")
    git(bare, "tag", "-a", "-m", "3", "three", "two")


def octopus(bare):
    for name in "abc":
        commit(bare, resolve(bare, "main^{tree}"), parents=("main~1",), ref=f"refs/heads/{name}", message=f"{name}\n")
    commit(bare, resolve(bare, "main^{tree}"), parents=("main", "a", "b", "c"))


def written_tree(bare, entries):
    """A tree as it is said to be: (mode, id, name), in this order."""
    return write_tree(bare, [(mode, name, oid) for mode, oid, name in entries])


def modes(*modes):
    """A file with each of them, in the folder "old", beside a folder that is written as today."""

    def change(bare):
        oid = blob(bare, b"x")
        old = written_tree(bare, [(mode, oid, b"f%02d" % n) for n, mode in enumerate(modes)])
        plain = tree(bare, [("100644", "blob", oid, b"file")])
        commit(bare, tree(bare, [("040000", "tree", old, b"old"), ("040000", "tree", plain, b"plain")]))

    return change


def padded_modes(bare):
    """The zeros that old programs wrote before the modes of folders."""
    inner = tree(bare, [("100644", "blob", blob(bare), b"x")])
    commit(bare, written_tree(bare, [(b"040000", inner, b"folder"), (b"0100644", blob(bare), b"z")]))


def lines(text):
    """A commit of these lines; TREE and PARENT are those of main."""

    def change(bare):
        ids = {name: resolve(bare, f"main{suffix}") for name, suffix in (("TREE", "^{tree}"), ("PARENT", ""))}
        set_ref(bare, "refs/heads/main", object_of(bare, "commit", text.replace("TREE", ids["TREE"]).replace("PARENT", ids["PARENT"])))

    return change


def with_attributes(text, contents):
    def change(bare):
        entries = [("100644", "blob", blob(bare, content), name) for name, content in contents.items()]
        commit(bare, tree(bare, [("100644", "blob", blob(bare, text), b".gitattributes"), *entries]))

    return change


def texts(*names):
    return {name.encode("latin-1"): b"x\n" for name in names}


def attributes_as(mode, kind):
    """.gitattributes is something else than a file."""

    def change(bare):
        oid = blob(bare, b"* text eol=crlf\n")
        oid = {"tree": tree(bare, [("100644", "blob", oid, b"x")]), "commit": "1" * 40}.get(kind, oid)
        commit(bare, tree(bare, [(mode, kind, oid, b".gitattributes"), ("100644", "blob", blob(bare, b"a\n"), b"x.txt")]))

    return change


def head_of(ref):
    """The remote's HEAD names this ref."""

    def change(bare):
        set_ref(bare, ref, resolve(bare, "main"))
        git(bare, "symbolic-ref", "HEAD", ref)

    return change


def ref_of_tag(ref):
    """A branch that is an annotated tag, as nothing but a file can make it."""

    def change(bare):
        oid = object_of(bare, "tag", f"object {resolve(bare, 'main')}\ntype commit\ntag t\ntagger {WHO}\n\nm\n")
        set_ref(bare, ref, oid)

    return change


def several_roots(bare):
    commit(bare, tree(bare, []), parents=(), ref="refs/heads/root", message="Root\n")
    commit(bare, resolve(bare, "main^{tree}"), parents=("main", "root"))


def tag_of_others(bare):
    git(bare, "tag", "tree", "main^{tree}")
    git(bare, "tag", "blob", "main:README.md")
    git(bare, "tag", "-a", "-m", "tree", "annotated-tree", "main^{tree}")


def gitlinks(modules):
    """A gitlink to a commit that is elsewhere, with this .gitmodules (None: none)."""

    def change(bare):
        entries = [("160000", "commit", "1" * 40, b"lib"), ("100644", "blob", blob(bare), b"file")]
        if modules is not None:
            entries.append(("100644", "blob", blob(bare, modules), b".gitmodules"))
        commit(bare, tree(bare, entries))

    return change


def packed(bare):
    git(bare, "repack", "-adq", "--depth=50", "--window=50")
    git(bare, "pack-refs", "--all")


def reference_deltas(bare):
    """Packs of old versions name bases by their ids."""
    git(bare, "-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq")


def many_files(bare):
    oid = blob(bare)
    inner = tree(bare, [("100755" if n % 3 else "100644", "blob", oid, b"f%03d" % n) for n in range(300)])
    commit(bare, tree(bare, [("040000", "tree", inner, b"d%02d" % n) for n in range(20)]))


def alias(name, target, head=None):
    """A branch that is a symbolic ref, and HEAD if it should be that one."""

    def change(bare):
        git(bare, "symbolic-ref", name, target)
        if head:
            git(bare, "symbolic-ref", "HEAD", head)

    return change


def tags_elsewhere(bare):
    """A tag of a commit that no branch has, and one of another root."""
    plain = resolve(bare, "main^{tree}")
    commit(bare, plain, parents=("main~2",), ref="refs/tags/aside", message="Aside\n")
    root = commit(bare, plain, parents=(), ref="refs/tags/root", message="Root\n")
    git(bare, "tag", "-a", "-m", "annotated", "root-annotated", root)


def neighbours(bare):
    """Names that sort otherwise once one of them is a folder."""
    inner = tree(bare, [("100644", "blob", blob(bare), name) for name in (b"a", b"a-", b"a.b")])
    files = [("100644", "blob", blob(bare), name) for name in (b"a-b", b"a.b", b"a0", b"a.", b"a ", b"ab")]
    commit(bare, tree(bare, [("040000", "tree", inner, b"a"), ("040000", "tree", inner, b"a-"), *files]))


def unsorted_tree(bare):
    oid = blob(bare, b"x")
    inner = written_tree(bare, [(b"100644", oid, name) for name in (b"b", b"a", b"c")])
    commit(bare, tree(bare, [("040000", "tree", inner, b"folder"), ("100644", "blob", oid, b"z")]))


def many_parents(bare):
    parents = []
    for number in range(40):
        commit(bare, resolve(bare, "main^{tree}"), parents=("main~3",), ref=f"refs/heads/p{number}", message=f"{number}\n")
        parents.append(f"p{number}")
    commit(bare, resolve(bare, "main^{tree}"), parents=("main", *parents))


SHAPES = {
    "plain": lambda bare: None,
    "packed": packed,
    "reference deltas": reference_deltas,
    "many files": many_files,
    # Tags and commits of converters
    "tag without tagger": tag("\nmessage\n"),
    "tag with empty tagger": tag("tagger\n\nmessage\n"),
    "tag with a tagger without date": tag("tagger nobody\n\nmessage\n"),
    "tag with an overflowing date": tag("tagger <> 99999999999999999999 +0000\n\nmessage\n"),
    "tag without message": tag(f"tagger {WHO}\n"),
    "tag of a tree": tag(f"tagger {WHO}\n\nmessage\n", "tree", "main^{tree}"),
    "nested tags": nested_tags,
    "tags of trees and blobs": tag_of_others,
    "author without address": head_lines("", author="A B", committer="C"),
    "author without a name": head_lines("", author="<a@b> 1 +0000"),
    "negative date": head_lines("", author="A <a> -1 +0000", committer="A <a> -1 -9999"),
    "date after 2106": head_lines("", author="A <a> 9999999999 +0000"),
    "encoding": head_lines("encoding ISO-8859-1\n"),
    "signature": head_lines("gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n"),
    "unknown header": head_lines("x-unknown some text\n"),
    "no message": head_lines("", message=""),
    "same parent twice": lambda bare: commit(bare, resolve(bare, "main^{tree}"), parents=("main", "main")),
    "octopus": octopus,
    "several roots": several_roots,
    # Refs
    "refs of other kinds": refs("refs/notes/commits", "refs/merge-requests/1/head", "refs/pipelines/1", "refs/x/y", "refs/replace/" + "1" * 40),
    "odd names of refs": refs("refs/heads/a.b/c-d", "refs/heads/é", "refs/heads/x#y", "refs/heads/'q", "refs/tags/%41", "refs/heads/@", "refs/heads/" + "n" * 200),
    "branch and tag of one name": refs("refs/heads/same", "refs/tags/same"),
    "branch of a tag's prefix": refs("refs/heads/a-b", "refs/heads/a/b", "refs/heads/a0"),
    "branch called HEAD": refs("refs/heads/HEAD"),
    "branch like an id": refs("refs/heads/" + "a" * 40),
    "branch that is an alias": alias("refs/heads/alias", "refs/heads/main"),
    "HEAD of an alias": alias("refs/heads/alias", "refs/heads/main", head="refs/heads/alias"),
    "alias of a tag": lambda bare: [git(bare, "tag", "v1", "main~1"), alias("refs/heads/alias", "refs/tags/v1")(bare)],
    "alias of nothing": alias("refs/heads/alias", "refs/heads/gone"),
    "tags elsewhere": tags_elsewhere,
    "refs named like refs": refs("refs/heads/refs/heads/main", "refs/heads/origin/main", "refs/tags/HEAD", "refs/tags/origin", "refs/heads/-x", "refs/heads/heads"),
    "refs that Windows forbids": refs("refs/heads/con", "refs/heads/a|b", "refs/heads/a<b", "refs/heads/A", "refs/heads/a"),
    "many parents": many_parents,
    # Names
    "neighbours of folders": neighbours,
    "folders that are not UTF-8": folder(b"\xff", b"\xe9t\xe9", name=b"\xfe"),
    "backslashes": files(b"..\\out.txt", b"dir\\.\\x", b"\\", b"a\\b"),
    "git~2": files(b"git~2", b"GIT~10", b"git~", b".git~1", b"x.git"),
    "windows devices": files(b"CON", b"aux.txt", b"nul", b"com1", b"a:b", b"what?", b"star*", b"<>|"),
    "blanks and dots": files(b" ", b"a ", b" a", b"dot.", b"...", b"....x", b"tab\t", b"\xc2\xa0"),
    "line feed in a name": files(b"a\nb", b"\r"),
    "not UTF-8": files(b"\xff\xfe", b"caf\xe9"),
    "two forms of unicode": files("é".encode(), "e\u0301".encode()),
    "cases": files(b"a", b"A", b"readme.md", b"Readme.md"),
    "long name": files(b"n" * 255),
    "options": files(b"-rf", b"--help", b"-"),
    "like patterns": files(b"[a]", b"{b}", b"!c", b"#d", b"~", b"$HOME"),
    "git's own files": files(b".gitignore", b".gitkeep", b".mailmap", b"gitmodules", b".gitx", content=b"*\n"),
    "deep folders": folder(*[b"d%d" % n for n in range(200)]),
    "folder called git": folder(b"git", b".gitlab", b"GIT"),
    "empty tree": lambda bare: commit(bare, tree(bare, [])),
    "empty folder": lambda bare: commit(bare, tree(bare, [("040000", "tree", tree(bare, []), b"empty"), ("100644", "blob", blob(bare), b"x")])),
    # Modes and content
    "executable": files(b"run", mode="100755"),
    "empty file": files(b"empty", content=b""),
    "no final line feed": files(b"x", content=b"x"),
    "binary": files(b"x", content=bytes(range(256)) * 300),
    "line ends": files(b"x", content=b"a\r\nb\rc\n\r"),
    "ignored by itself": files(b".gitignore", b"x", content=b"x\n"),
    "links": lambda bare: [link(b"README.md")(bare), link(b"/etc/passwd", b"abs")(bare), link(b"../up", b"up")(bare), link(b"gone/", b"gone")(bare)],
    "long link": link(b"x" * 4000),
    "link with a line feed": link(b"a\nb"),
    # Submodules that are not cloned
    "gitlink without .gitmodules": gitlinks(None),
    "gitlink with an include": gitlinks(b"[include]\n\tpath = /dev/zero\n"),
    "gitlink with a broken .gitmodules": gitlinks(b"[submodule \"x\n"),
    "gitlink with a BOM": gitlinks(b"\xef\xbb\xbf[submodule \"lib\"] path = lib\n\turl = ../li\\\nb.git\n"),
    # Trees of old programs
    "zeros before modes": padded_modes,
    "modes of old versions": modes(b"100664", b"100600", b"100711", b"100755", b"100777"),
    "unsorted": unsorted_tree,
    "links with other bits": modes(b"120777", b"120644"),
    # Attributes and encodings
    "attributes that are a folder": attributes_as("040000", "tree"),
    "attributes that are executable": attributes_as("100755", "blob"),
    "attributes that are a commit": attributes_as("160000", "commit"),
    "attributes in capitals": files(b".GITATTRIBUTES", b"x.txt", content=b"* text eol=crlf\n"),
    "attributes that are encoded themselves": with_attributes(b".gitattributes working-tree-encoding=UTF-16\n*.t text eol=crlf\n", {b"a.t": b"x\n"}),
    "attributes of names that are not UTF-8": with_attributes(
        b'caf\xe9.* eol=crlf\n"\\347a.*" eol=crlf\n[\xe0-\xe8].t eol=crlf\n',
        texts("caf\xe9.t", "\xe7a.t", "\xe5.t", "\xe9.t"),
    ),
    "attributes behind blanks": with_attributes(
        b" *.t eol=crlf\n\t*.u eol=crlf\n*.v\teol=crlf\n*.w  \t eol=crlf   \n*.x\veol=crlf\n*.y\feol=crlf\n",
        texts("a.t", "a.u", "a.v", "a.w", "a.x", "a.y"),
    ),
    "attributes with CR": with_attributes(b"*.t eol=crlf\r*.u eol=crlf\r\n*.v eol=crlf \r\n*.w text\r eol=crlf\n", texts("a.t", "a.u", "a.v", "a.w")),
    "attributes with NUL": with_attributes(b"*.t eol=crlf\n*.u text\0 eol=crlf\n*.v eol=crlf\n", texts("a.t", "a.u", "a.v")),
    "attributes for archives": with_attributes(b"* export-subst export-ignore\n*.t text eol=crlf delta whitespace=-all\n", {b"a.t": b"$Format:%H$\n"}),
    "macros of macros": with_attributes(
        b"[attr]one two\n[attr]two three eol=crlf\n[attr]three one text\n*.t one\n*.u two\n*.u -two\n*.v one !eol\n",
        texts("a.t", "a.u", "a.v"),
    ),
    "attributes said twice": with_attributes(
        b"*.t eol=lf eol=crlf text -text text\n*.u text=auto -text\n*.v -text eol=crlf\n*.w binary eol=crlf text\n",
        texts("a.t", "a.u", "a.v", "a.w"),
    ),
    "macro of git's own name": with_attributes(b"[attr]binary text eol=crlf\n*.t binary\n*.u -binary\n", {b"a.t": b"x\n", b"a.u": b"x\n"}),
    "filter that nobody has": with_attributes(b"*.t filter=nothere eol=crlf\n*.u filter\n", {b"a.t": b"x\n", b"a.u": b"y\n"}),
    "attributes of links": lambda bare: [with_attributes(b"* eol=crlf ident\n", {})(bare), link(b"$Id$\n")(bare)],
    "long idents": with_attributes(b"* ident\n", {b"a": b"$Id: " + b"x" * 70000 + b" $ $Id$", b"b": b"$Id$" * 9000}),
    **{
        f"encoded as {name}": with_attributes(b"*.t working-tree-encoding=" + name.encode() + b"\n", {b"a.t": text, b"e.t": b"", b"l.t": text * 9000})
        for name, text in {
            "ASCII//TRANSLIT": "grüße\n".encode(),
            "ISO-8859-1//IGNORE": "grüße ☃\n".encode(),
            "SHIFT-JIS eol=crlf": "日本語\n".encode(),
            "ISO-2022-JP": "日本語".encode(),
            "UTF-7": "日本語\n".encode(),
            "UTF-32LE-BOM": "日本語\n".encode(),
            "UCS-2": "😀\n".encode(),
            "windows-1252 text=auto eol=crlf": "€\n".encode(),
            "UTF-16LE-BOM ident": b"\xef\xbb\xbfx $Id$\n",
            "utf-16 eol=crlf": b"x\r\ny\n",
            "UTF-16 -text": "grüße\n".encode(),
            "UTF-16BE-BOM text=auto eol=crlf": "a\nb\n".encode(),
            "UTF-16LE": b"\xef\xbb\xbfx\n",
            "GB18030": "汉字\n".encode(),
            "EUC-JP": "日本語\n".encode(),
            "KOI8-R": "привет\n".encode(),
            "IBM437": "é½\n".encode(),
            "UTF-16 filter=none": "x\n".encode(),
            "ASCII": "é\n".encode(),
            "EUC-KR": "한국\n".encode() + b"\xff",
            "UTF-32BE": "a\0b\n".encode(),
            "ISO-2022-KR": "한국\n".encode(),
            "HZ": "汉字~\n".encode(),
            "BIG5-HKSCS": "Ê̌\n".encode(),
        }.items()
    },
    # Commits, tags and refs that git does not write
    "merged tag": head_lines("mergetag object " + "1" * 40 + "\n type commit\n tag x\n tagger A <a> 1 +0000\n \n x\n"),
    "large message": head_lines("", message="x" * 2_000_000 + "\n"),
    "large header": head_lines("x-large " + "y" * 300_000 + "\n"),
    "header without a value": head_lines("x-empty\n"),
    "message that begins with empty lines": head_lines("", message="\n\n\nx\n"),
    "author with control characters": head_lines("", author="A\tB\x01 <a\x7f@b> 1 +0000"),
    "zones out of range": head_lines("", author="A <a> 1 +9999", committer="A <a> 1 -0001"),
    "tag of another name": lambda bare: [tag(f"tagger {WHO}\n\nm\n", name="a")(bare), git(bare, "update-ref", "refs/tags/b", "refs/tags/a")],
    "signed tag": tag(f"tagger {WHO}\n\nm\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n"),
    "tag of a blob": tag(f"tagger {WHO}\n\nmessage\n", "blob", "main:README.md"),
    "commit without a committer": lines(f"tree TREE\nparent PARENT\nauthor {WHO}\n\nx\n"),
    "commit without an empty line": lines(f"tree TREE\nparent PARENT\nauthor {WHO}\ncommitter {WHO}"),
    "commit with CRLF": lines(f"tree TREE\nparent PARENT\nauthor {WHO}\r\ncommitter {WHO}\r\n\r\nx\r\n"),
    "commit with a NUL": head_lines("", message="a\0b\n"),
    "tag with a NUL": tag(f"tagger {WHO}\n\na\0b\n"),
    "tag with CRLF": tag(f"tagger {WHO}\r\n\r\nm\r\n"),
    "branch that is a tag": ref_of_tag("refs/heads/odd"),
    "HEAD of a merge request": head_of("refs/merge-requests/1/head"),
    "HEAD of another remote": head_of("refs/remotes/origin/main"),
    "link with a NUL": link(b"a\0b"),
    "links to themselves": lambda bare: [link(b"self", b"self")(bare), link(b".", b"dot")(bare), link(b".git", b"g")(bare)],
}
