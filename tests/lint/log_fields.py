#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The fields of log lines, as docs/operations.md lists them and as the code writes them, are the same.
Prints what differs and exits with 1.
"""

import re
import sys
from pathlib import Path

WRITTEN = re.compile(r'\blog_(?:str|cstr|int|bool|ms|secret)\(\s*"([^"]+)"')
FOLDERS = ("base", "auth", "clone", "container", "proxy")


def main():
    root = Path(__file__).resolve().parents[2]
    written = set()
    for folder in FOLDERS:
        for path in sorted(root.glob(f"{folder}/*.[ch]")):
            written |= set(WRITTEN.findall(path.read_text()))
    section = (root / "docs/operations.md").read_text().partition("## The log")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.M)
    listed = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    problems = [f"docs/operations.md does not list the log field {name}" for name in sorted(written - listed)]
    problems += [f"docs/operations.md lists {name}, which nobody logs" for name in sorted(listed - written)]
    problems += [f"{name} is no lower_snake_case" for name in written if not re.fullmatch(r"[a-z][a-z_]*", name)]
    print("\n".join(problems + [f"log fields: {len(written)}, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
