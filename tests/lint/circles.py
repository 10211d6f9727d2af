#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files call each other in one direction only: tests/lint/circles.py BUILD

Reads from the objects in BUILD which file calls which. Circles that are intended are listed in docs/architecture.md with
their reasons; any other is a violation, as is a listed one that is gone. Prints them, with the functions that tie them,
and exits with 1 when there is one.
"""

import re
import subprocess
import sys
from pathlib import Path

FOLDERS = ("base", "auth", "clone", "container", "ssh", "proxy")
DOCUMENT = Path("docs/architecture.md")
HEADING = "### Circular dependencies that remain"


def symbols(build):
    """File: the functions and data that it defines for others, and those that it takes from others."""
    sources = sorted(path for folder in FOLDERS for path in Path(folder).rglob("*.c"))
    objects = [build / path.with_suffix(".o") for path in sources if not path.name.startswith("main_")]
    if missing := [str(path) for path in objects if not path.exists()]:
        sys.exit(f"circles: there is no {missing[0]}: build it first")
    listed = subprocess.run(["nm", "-A", *objects], check=True, capture_output=True, text=True).stdout
    defined, taken = {}, {}
    for line in listed.splitlines():
        path, _, entry = line.partition(":")
        file = str(Path(path).relative_to(build).with_suffix(""))
        kind, symbol = entry.split()[-2:]
        if kind in "TDBRVW":
            defined[symbol] = file
        elif kind == "U":
            taken.setdefault(file, set()).add(symbol)
    return defined, taken


def components(calls):
    """Groups of files that reach each other (Tarjan), without those of one file."""
    order, low, stack, found = {}, {}, [], []

    def visit(file):
        order[file] = low[file] = len(order)
        stack.append(file)
        for other in calls.get(file, ()):
            if other not in order:
                visit(other)
            if other in stack:
                low[file] = min(low[file], low[other])
        if low[file] == order[file]:
            place = stack.index(file)
            found.append(frozenset(stack[place:]))
            del stack[place:]

    for file in sorted(calls):
        if file not in order:
            visit(file)
    return [group for group in found if len(group) > 1]


def intended():
    """The rows of the table: full names of files without their endings."""
    _, _, text = DOCUMENT.read_text().partition(HEADING)
    rows = re.findall(r"^\| (`.*?) \|", text.partition("\n## ")[0], re.M)
    return [frozenset(re.findall(r"`([^`]+)`", row)) for row in rows]


def main():
    defined, taken = symbols(Path(sys.argv[1]))
    calls = {
        file: sorted({defined[symbol] for symbol in names if symbol in defined} - {file}) for file, names in taken.items()
    }
    circles, listed, problems = components(calls), intended(), 0
    for circle in circles:
        if circle in listed:
            continue
        problems += 1
        print(f"{', '.join(sorted(circle))}: they call each other, and {DOCUMENT} does not list them with a reason")
        for file in sorted(circle):
            for other in sorted(circle & set(calls[file])):
                tie = sorted(symbol for symbol in taken[file] if defined.get(symbol) == other)
                print(f"    {file} takes from {other}: {', '.join(tie)}")
    for row in listed:
        if row not in circles:
            problems += 1
            print(f"{DOCUMENT}: {', '.join(sorted(row))}: no such circle")
    print(f"circles: {len(calls)} files, {len(circles)} circles, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
