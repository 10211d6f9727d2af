# SPDX-License-Identifier: Apache-2.0
"""Random trees with random .gitattributes files, as bytes for git fast-import."""

import random

NAMES = ["a", "b.txt", "ab.c", "x.bin", "A.TXT", "a b", "with space.txt", "-dash", ".hidden", "(app)", "é.txt", "[x].c",
         "foo", "foo.bar.c", "*.star", "q\\s", "1", "123.txt", "~t", "#h.txt", "!n.txt"]  # fmt: skip
FOLDERS = ["a", "dir", "foo", "deep", ".devcontainer", "foox", "z z", "(g)"]
TEXTS = [
    b"", b"one\ntwo\n", b"one\r\ntwo\r\n", b"one\r\ntwo\n", b"no newline", b"\n", b"\r", b"cr\rlf\n", b"nul\0\n", b"eof\n\x1a",
    b"text " * 60 + b"\x01\n", b"text\x01\x02\n", "grüße ☃ 文字\n".encode(), "grüße\nnaïve\n".encode(), "かな\n".encode(),
    b"\xff\xfe broken \xe9\n", b"$Id$\n", b"a $Id: 0123 $ b\n", b"$Id: x y z $\n", b"$Id:\n$ $Id$\n", b"$$Id$ $Id$$Id$\n",
    b"$Id:$ x\n", b"$Idx$Id: old $\n", b"$Id: open\n", b"$Id", b"$I$Id$", b"$Id: a\tb $ $Id: trailing  $\n", b"$Id\0$Id$\n",
    b"$Id: $\r\n$Id$\r\n", b"mixed $Id$\r\nlf\n", b"\xef\xbb\xbfbom\n", b"\r\r\n\r\n\n", b"x" * 70000 + b"\n" + b"y\n" * 10,
]  # fmt: skip
ATTRIBUTES = [
    "text", "-text", "!text", "text=auto", "text=auto eol=crlf", "text eol=crlf", "eol=crlf", "eol=lf", "eol=", "text=input",
    "text=auto eol=lf", "crlf", "-crlf", "!crlf", "crlf=input", "crlf=auto", "crlf=auto eol=crlf", "-text=x", "!eol", "-eol",
    "ident", "-ident", "!ident", "ident=x", "ident eol=crlf", "ident text=auto", "binary", "-binary", "!binary", "diff", "merge=x",
    "filter=lfs diff=lfs merge=lfs -text", "filter=none", "working-tree-encoding=UTF-16", "working-tree-encoding=utf-8",
    "working-tree-encoding=UTF-16LE-BOM eol=crlf", "text working-tree-encoding=UTF-16BE-BOM", "working-tree-encoding=latin-1",
    "working-tree-encoding=utf16le", "working-tree-encoding=UTF-32", "working-tree-encoding=ISO-8859-15", "!working-tree-encoding",
    "working-tree-encoding=SHIFT-JIS ident", "working-tree-encoding=no-such", "working-tree-encoding=", "one", "-one", "!one", "two",
    "three", "one=x", "a?b text", "=x", "- text", "--text", "text=auto=x", "eol=CRLF", "TEXT", "text  eol=crlf\t", "e-o.l_1",
]  # fmt: skip
PATTERNS = [
    "*", "*.txt", "*.c", "*.*", "a", "/a", "a/*", "a/**", "**/a", "**", "/*", "/**", "dir/", "dir/*.txt", "dir/**/*.txt", "**/foo/**",
    "foo**/a", "foo*/*.c", "foo/**/b.txt", "a**", "a**b", "*a*", "?", "?.txt", "*/?", "[a-c]*", "[!a-c]*", "[^.]*", "[[:digit:]]*",
    "[[:alpha:]][[:punct:]]*", "[]x]", "[a", "[[:nope:]]*", "\\*.star", "\\[x\\].c", "[[]x].c", "q\\\\s", "\\", "a\\", "!a", "\\!n.txt",
    "\\#h.txt", "#h.txt", ".*", ".gitattributes", "(app)", "(*)/**", "é.txt", "*.TXT", "x.bi[n]", "/foo.bar.c", "**/*.c", "a/", "/",
    "//", "*/", "*/*", "*/*/*", "**/", "/**/a", "dir\\/a", "**\\/a", "[-a]*", "[a-]*", "[\\]a]*", "[a\\-c]*", "[:a]*", "[[:]*",
]  # fmt: skip
QUOTED = ['"a b"', '"with space.txt"', '"\\303\\251.txt"', '"*.t\\170t"', '"z z/*"', '"a', '"b.txt"text', '"q\\\\\\\\s"', '"a\\000b"',
          '"*\\t"', '"\\q"', '"[attr]one" text', '"!a"', '""']  # fmt: skip


def line(choose, is_root):
    kind = choose.random()
    if kind < 0.08:
        name = choose.choice(["one", "two", "three", "binary", "text", "ident", "bad?name", "-x", ""])
        return "[attr]" + name + " " + " ".join(choose.choices(ATTRIBUTES, k=choose.randint(0, 3)))
    if kind < 0.11:
        return choose.choice(["# comment", "", "   ", "\t# x", "a" * 2100 + " text", "*.txt " + "text " * 410, "* text\0eol=crlf"])
    pattern = choose.choice(QUOTED) if kind < 0.2 else choose.choice(PATTERNS)
    if kind > 0.9 and is_root:
        pattern = choose.choice(["t[0-4]*/", "**/", "/t1*/**/", "*/*/"]) + choose.choice(PATTERNS).lstrip("/")
    blank = choose.choice([" ", " ", " ", "\t", "  ", " \t "])
    return choose.choice(["", "", "", " "]) + pattern + blank + " ".join(choose.choices(ATTRIBUTES, k=choose.choice([1, 1, 1, 2, 3])))


def attributes(choose, is_root=False):
    ending = choose.choice(["\n", "\n", "\n", "\r\n"])
    lines = [line(choose, is_root) for _ in range(choose.randint(1, 8))]
    bom = "\ufeff" if choose.random() < 0.03 else ""
    return (bom + ending.join(lines) + choose.choice(["", ending])).encode()


def add_folder(choose, files, folder, depth):
    for name in choose.sample(NAMES, k=choose.randint(2, 7)):
        files[folder + name] = (choose.choice([0o100644, 0o100644, 0o100755]), choose.choice(TEXTS))
    if choose.random() < 0.15:
        files[folder + "link"] = (0o120000, b"b.txt")
    if choose.random() < 0.6:
        mode = 0o120000 if choose.random() < 0.03 else 0o100644
        files[folder + ".gitattributes"] = (mode, b"b.txt" if mode == 0o120000 else attributes(choose))
    if depth > 0:
        for name in choose.sample(FOLDERS, k=choose.randint(0, 3)):
            if folder + name not in files:
                add_folder(choose, files, folder + name + "/", depth - 1)


def random_files(seed, trees):
    """{path: (mode, bytes)}: as many trees as folders of one repository."""
    choose = random.Random(seed)
    files = {".gitattributes": (0o100644, attributes(choose, is_root=True))}
    for name in choose.sample(NAMES, k=5):
        files[name] = (0o100644, choose.choice(TEXTS))
    for tree in range(trees):
        add_folder(choose, files, f"t{tree}/", 3)
    return files


def fast_import(files):
    def quoted(path):
        return b'"' + path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'

    lines = [b"commit refs/heads/main\ncommitter S <s@example.com> 1700000000 +0000\ndata 5\nbegin\ndeleteall\n"]
    for path, (mode, content) in files.items():
        lines.append(b"M %o inline %s\ndata %d\n%s\n" % (mode, quoted(path), len(content), content))
    return b"".join(lines)
