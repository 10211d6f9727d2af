#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What no compiler and no formatter checks: file heads and guards, include order, banned calls and words,
files that comments name, and sizes. Prints every violation, then how large files and functions are.
"""

import re
import statistics
import sys
from pathlib import Path

FOLDERS = ["base", "auth", "clone", "container", "ssh", "proxy"]
FILE_BYTES_MAX = 100_000
FILE_LINES_MAX = 500
TEST_LINES_MAX = 500
HEADER_LINES_MAX = 120
FUNCTION_LINES_MAX = 60
TEST_FUNCTION_LINES_MAX = 80

BANNED_CALLS = re.compile(
    r"\b(sprintf|vsprintf|strcpy|strcat|strncat|strtok|gets|atoi|atol|atoll|atof|alloca|"
    r"tmpnam|mktemp|system|popen)\s*\("
)
BANNED_WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
FILE_NAME = re.compile(r"(?<![\w<./-])(?:\w+/)*(\w+\.[ch])\b")
INCLUDE = re.compile(r'^#include ([<"])([^>"]+)[>"]$')
FUNCTION_HEAD = re.compile(r"^([a-z_][a-z0-9_]*)\(")


def blanked(text):
    """The text with comments and strings emptied, line numbers kept."""
    return COMMENT_OR_STRING.sub(lambda m: "\n" * m[0].count("\n"), text)


def check_head(text):
    if not text.startswith("/* SPDX-License-Identifier: Apache-2.0 */\n/*\n"):
        return "does not start with the licence and a comment that says what the file is"
    comment = text[text.index("/*\n"):]
    lines = comment[: comment.index("*/")].count("\n") - 1
    if comment.startswith("/*\n * See "):
        return "the opening comment refers to another file instead of saying what this one does"
    return None if 1 <= lines <= 14 else f"the opening comment has {lines} lines, not 1 to 14"


def own_header(path):
    """The header that a file implements, or tests (tests/unit/base/test_str.c: base/str.h)."""
    if path.parts[:2] != ("tests", "unit"):
        return str(path.with_suffix(".h"))
    return str(Path(*path.parts[2:-1], path.stem.removeprefix("test_") + ".h"))


def check_includes(path, lines):
    """Own header first, then <...>, then "..."; clang-format sorts within."""
    found = [(n, *INCLUDE.match(l).groups()) for n, l in enumerate(lines, 1) if INCLUDE.match(l)]
    found = [f for f in found if not f[2].endswith(".inc")]
    if path.suffix == ".c" and found and found[0][2] == own_header(path):
        found = found[1:]
    ranks = ['<"'.index(kind) for _, kind, _ in found]
    if ranks != sorted(ranks):
        return "includes: own header, then <...>, then \"...\""
    return None


def check_guard(path, text):
    """A header's guard is its path."""
    guard = re.sub(r"\W", "_", str(path)).upper()
    if path.suffix == ".h" and f"\n#ifndef {guard}\n#define {guard}\n" not in text:
        return f"its guard is not {guard}"
    return None


def check_calls(code):
    for number, line in enumerate(code.splitlines(), 1):
        match = BANNED_CALLS.search(line)
        if match:
            yield number, f"{match[1]} is not used here"


def check_words(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = BANNED_WORDS.search(line)
        if match:
            yield number, f"{match[1]}: finish it, or open an issue"


def check_references(text, known):
    """Comments name files of the tree, or headers that the file includes."""
    known = known | {Path(m[2]).name for m in map(INCLUDE.match, text.splitlines()) if m}
    for comment in COMMENT.finditer(text):
        for match in FILE_NAME.finditer(comment[0]):
            if match[1] not in known:
                line = text.count("\n", 0, comment.start() + match.start()) + 1
                yield line, f"there is no {match[0]}"


def functions(lines):
    """Yields (name, first line, number of lines), by the shape that clang-format gives them."""
    name, start, opened = None, 0, False
    for number, line in enumerate(lines, 1):
        head = FUNCTION_HEAD.match(line)
        if head and not opened:
            name, start = head[1], number
        elif line == "{" and name:
            opened = True
        elif line == "}" and opened:
            yield name, start, number - start + 1
            name, opened = None, False


def check_file(path, text):
    """Yields (line, problem)."""
    lines = text.splitlines()
    is_test = path.parts[0] == "tests"
    limit = HEADER_LINES_MAX if path.suffix == ".h" else FILE_LINES_MAX
    limit = TEST_LINES_MAX if is_test else limit
    for problem in (check_head(text), check_includes(path, lines), check_guard(path, text)):
        if problem:
            yield 1, problem
    if len(lines) > limit:
        yield len(lines), f"{len(lines)} lines, at most {limit}"
    yield from check_words(text)
    if not is_test:
        yield from check_calls(blanked(text))
    function_limit = TEST_FUNCTION_LINES_MAX if is_test else FUNCTION_LINES_MAX
    for name, start, length in functions(lines):
        if length > function_limit:
            yield start, f"{name} has {length} lines, at most {function_limit}"


def check_kind(path, data):
    """Sources only: no core dump, program or archive that was left in the tree."""
    if len(data) > FILE_BYTES_MAX:
        return f"{len(data)} bytes, at most {FILE_BYTES_MAX}"
    if b"\0" in data and path.suffix != ".png" and "seeds" not in path.parts:
        return "is not text"
    return None


def report(sizes):
    """sizes: folder -> list of (file lines, [function lines])."""
    print(f"{'folder':<12}{'files':>6}{'lines':>8}{'functions':>11}{'median':>8}{'longest':>9}")
    for folder, files in sizes.items():
        lengths = [n for _, own in files for n in own] or [0]
        print(f"{folder:<12}{len(files):>6}{sum(n for n, _ in files):>8}{len(lengths):>11}"
              f"{statistics.median(lengths):>8.0f}{max(lengths):>9}")


def main():
    root = Path(__file__).resolve().parents[2]
    problems, sizes = [], {}
    sources = {f.name for folder in FOLDERS + ["tests"] for f in (root / folder).rglob("*.[ch]")}
    for folder in FOLDERS + ["tests/unit", "tests/fuzz", "tests/bench"]:
        for absolute in sorted((root / folder).rglob("*.[ch]")):
            path = absolute.relative_to(root)
            text = absolute.read_text()
            found = [*check_file(path, text), *check_references(text, sources)]
            problems += [f"{path}:{n}: {what}" for n, what in found]
            lengths = [length for _, _, length in functions(text.splitlines())]
            sizes.setdefault(folder, []).append((text.count("\n"), lengths))
    for absolute in sorted((root / "tests").rglob("*.py")):
        lines = absolute.read_text().count("\n")
        if lines > TEST_LINES_MAX:
            problems.append(f"{absolute.relative_to(root)}:{lines}: {lines} lines, at most {TEST_LINES_MAX}")
    for folder in FOLDERS + ["tests", "docs", "tools"]:
        for absolute in sorted(f for f in (root / folder).rglob("*") if f.is_file() and f.parent.name != "__pycache__"):
            path = absolute.relative_to(root)
            problem = check_kind(path, absolute.read_bytes())
            problems += [f"{path}:1: {problem}"] if problem else []
    print("\n".join(problems + [f"style: {len(problems)} problems"]))
    report(sizes)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
