# SPDX-License-Identifier: Apache-2.0
"""Searches all memory of a process and its children, as somebody who took the machine would."""

import os
import re

CHUNK = 1 << 20


def children(pid):
    """All of them, and theirs."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            for child in file.read().split():
                found += children(int(child))
    return found


def regions(pid):
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+\s*(.*)", line)
            if match[3][0] == "r" and match[4] not in ("[vvar]", "[vsyscall]", "[vdso]"):
                yield int(match[1], 16), int(match[2], 16), match[4] or "anonymous"


def can_read(pid):
    try:
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            start, _, _ = next(regions(pid))
            memory.seek(start)
            return len(memory.read(16)) == 16
    except OSError:
        return False


def search(pid, needles):
    """{needle's name: [(region, address, text around it)]} for needles {name: bytes}."""
    overlap = max(map(len, needles.values()))
    found = {}
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, name in regions(pid):
            at, tail = start, b""
            while at < end:
                try:
                    memory.seek(at)
                    data = memory.read(min(CHUNK, end - at))
                except OSError:  # a page that is not there, or secret memory, which nobody reads this way
                    at += 4096
                    tail = b""
                    continue
                if not data:  # the program has ended, or become another one
                    return found
                window = tail + data
                for what, needle in needles.items():
                    place = window.find(needle)
                    if place >= 0:
                        around = window[max(0, place - 48) : place + len(needle) + 48]
                        found.setdefault(what, []).append((name, hex(at - len(tail) + place), around))
                at += len(data)
                tail = window[-overlap:]
    return found
