#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The fields of log lines, as docs/operations.md lists them and as the code writes them, are the same;
and each is named by one literal that needs no escapes, because lines take names as they are.
Prints what is wrong and exits with 1.
"""

import re
import sys
from pathlib import Path

NAMED = re.compile(r'\blog_(?:str|cstr|int|bool|ms|secret)\(\s*([^,)]*)')
LITERAL = re.compile(r'"[a-z][a-z_]*"')
UNNAMED = re.compile(r"\blog_(?:text|number)_field\(")
FOLDERS = ("base", "auth", "clone", "container", "ssh", "proxy")


def main():
    root = Path(__file__).resolve().parents[2]
    written, problems = set(), []
    for path in (p for folder in FOLDERS for p in sorted((root / folder).rglob("*.[ch]"))):
        text = path.read_text()
        if path == root / "base/log/log.h":  # defines what the others use
            text = text[text.index("log_err(") :]
        names = [name.strip() for name in NAMED.findall(text)]
        problems += [f"{path}: {n} is no lower_snake_case" for n in names if not LITERAL.fullmatch(n)]
        problems += [f"{path}: a log field without a literal name"] * len(UNNAMED.findall(text))
        written |= {name.strip('"') for name in names}
    section = (root / "docs/operations.md").read_text().partition("## Log\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.M)
    listed = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    problems += [f"docs/operations.md does not list the log field {name}" for name in sorted(written - listed)]
    problems += [f"docs/operations.md lists {name}, which nobody logs" for name in sorted(listed - written)]
    print("\n".join(problems + [f"log fields: {len(written)}, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
