#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks where product code declares things:

- tags: no struct, union or enum tag is defined twice in the tree;
- prototypes: a function of module x, defined in x.c or x_<part>.c, is declared in x.h or x_private.h of the
  same folder, or in the header of the part; a folder's public header (auth/auth.h) also declares the functions of
  the rooms below that bear its name (auth_…);
- comments: none begins behind code and goes on in the next line, and none makes clang-format break a
  declaration that would fit into one line. They stand above what they describe.

Prints every violation, only those below a path when one is given, and exits with 1 when there is one.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

FOLDERS = ["base", "auth", "clone", "container", "ssh", "proxy"]
TEST_FOLDERS = ["tests/unit", "tests/fuzz", "tests/bench"]
COLUMNS = 100

COMMENT_OR_LITERAL = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
TAG = re.compile(r"\b(?:struct|union|enum)\s+(\w+)\s*\{")
CODE = r"(\s*(?:\*+\w|[^\s/*]).*?)"  # at the start of a line, no comment
PROTOTYPE = re.compile(r"((?:[\w*]+\s+\**|\*)+)(\w+)\s*\(.*\)(?:\s*\w+(?:\(.*\))?)*")


def blanked(text):
    """The text without comments, literals and directives, with the same number of lines."""
    for pattern in (COMMENT_OR_LITERAL, DIRECTIVE):
        text = pattern.sub(lambda m: " " + "\n" * m[0].count("\n"), text)
    return text


def outermost(code):
    """Yields (line, text, is a definition) of each declaration outside of braces."""
    depth, start, line, text = 0, 1, 1, []
    for c in code:
        if c == "\n":
            line += 1
        if depth == 0 and c in ";{":
            yield start, " ".join("".join(text).split()), c == "{"
            text = []
        elif depth == 0:
            if not text and not c.isspace():
                start = line
            if text or not c.isspace():
                text.append(c)
        depth += (c == "{") - (c == "}")


def functions(code):
    """Yields (line, name, is a definition) of every function that other files can call."""
    for line, text, is_definition in outermost(code):
        match = PROTOTYPE.fullmatch(text)
        if match and not re.search(r"\b(?:static|typedef|return)\b", match[1]) and not match[2].startswith("__"):
            yield line, match[2], is_definition


def may_declare(header, source, name):
    """Whether the header is that of the source's module, or the public header of its folder for what bears its name."""
    folder = source.parts[0]
    if str(header) == f"{folder}/{folder}.h" and name.startswith(folder + "_"):
        return True
    module = header.stem.removesuffix("_private")
    return header.parent == source.parent and (source.stem == module or source.stem.startswith(module + "_"))


def check_tags(files):
    found = defaultdict(list)
    for path, text in files.items():
        code = blanked(text)
        for match in TAG.finditer(code):
            found[match[1]].append((path, code.count("\n", 0, match.start()) + 1))
    for tag, places in sorted(found.items()):
        for path, line in places if len(places) > 1 else ():
            others = ", ".join(sorted({str(p) for p, n in places if (p, n) != (path, line)}))
            yield path, line, f"tag {tag} is defined in {others} as well"


def check_prototypes(files):
    declared, defined = defaultdict(list), defaultdict(list)
    for path, text in files.items():
        for line, name, is_definition in functions(blanked(text)):
            (defined if is_definition else declared)[name].append((path, line))
    for name, places in sorted(declared.items()):
        for path, line in places:
            sources = [source for source, _ in defined[name]]
            if path.suffix == ".c":
                yield path, line, f"prototype of {name}: belongs in a header"
            elif not sources:
                yield path, line, f"prototype of {name}: nothing defines it"
            elif not any(may_declare(path, source, name) for source in sources):
                yield path, line, f"prototype of {name}: belongs in the header of {sources[0]}"


def begins_statement(line):
    """Whether what follows this line begins something new."""
    code = COMMENT_OR_LITERAL.sub(lambda m: "" if m[0].startswith("/") else '""', line).rstrip()
    if not code or code.endswith((";", "{", "}", ",", ":")) or re.match(r"\s*(?:#|\*\W)", code):
        return True
    is_branch = re.match(r"\s*(?:\} )?(?:if|else|for|while|do|switch)\b", code)
    return bool(is_branch) and code.count("(") == code.count(")")


def check_comments(files):
    for path, text in files.items():
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            match = re.match(CODE + r"/\*(?!.*\*/)", line)
            if match and '"' not in match[1]:
                yield path, number, "this comment goes on in the next line: it belongs above the declaration"
            match = re.match(CODE + r"(?<=[;,)])\s*/\*.*\*/$", line)
            if not match or number < 2 or begins_statement(lines[number - 2]):
                continue
            first = number - 2
            while first > 0 and not begins_statement(lines[first - 1]):
                first -= 1
            before = [part.strip() for part in lines[first : number - 1]]
            indent = len(re.match(r"\t*", lines[first])[0]) * 8
            joined = " ".join([*before, match[1].strip()]).replace("( ", "(").replace("* ", "*")
            if indent + len(joined) <= COLUMNS:
                yield path, number, "this comment breaks what would fit into one line: it belongs above"


CHECKS = {"tags": check_tags, "prototypes": check_prototypes, "comments": check_comments}


def read(root, folders):
    paths = (path for folder in folders for path in sorted((root / folder).rglob("*.[ch]")))
    return {path.relative_to(root): path.read_text() for path in paths}


def problems(root):
    """{rule: [problem]}"""
    product = read(root, FOLDERS)
    everything = {**product, **read(root, TEST_FOLDERS)}
    found = {}
    for rule, check in CHECKS.items():
        files = everything if rule == "comments" else product
        found[rule] = [f"{path}:{line}: {what}" for path, line, what in check(files)]
    return found


def main():
    below = sys.argv[1] if len(sys.argv) > 1 else ""
    found = problems(Path(__file__).resolve().parents[2])
    for rule in found:
        shown = [problem for problem in found[rule] if problem.startswith(below)]
        print("\n".join([*shown, f"{rule}: {len(shown)} problems"]))
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
