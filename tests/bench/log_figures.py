# SPDX-License-Identifier: Apache-2.0
"""What a log that grows by 1 MB/s costs the sidecar, without and with viewers, beside `tail -F` in the same time.

    /usr/bin/python3 -m pytest -s -q -p no:cacheprovider tests/bench/log_figures.py

Prints CPU time as a share of one core, and the memory that viewers add. BENCH_SECONDS selects how long.
"""

import contextlib
import os
import subprocess
import threading
import time

from workspace_log import Follower

SECONDS = int(os.environ.get("BENCH_SECONDS", "20"))
LINES = b"2026-01-31T12:00:00Z INFO a line of some eighty bytes, as servers write many of them...\n" * 115
VIEWERS = (0, 1, 4)


def cpu_ns(pid):
    """Of all threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total


class Writer(threading.Thread):
    """About 10 kB a hundred times a second."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.ending = path, threading.Event()

    def run(self):
        with open(self.path, "ab", buffering=0) as file:
            while not self.ending.wait(0.01):
                file.write(LINES)


def read_all(follower):
    with contextlib.suppress(OSError, EOFError, ValueError):
        for _ in follower.events():
            pass


def measure(proxy, tail):
    """Shares of a core: the sidecar's, and tail's."""
    began, cpu, other = time.perf_counter_ns(), cpu_ns(proxy.process.pid), cpu_ns(tail.pid)
    time.sleep(SECONDS)
    wall = time.perf_counter_ns() - began
    return (cpu_ns(proxy.process.pid) - cpu) / wall, (cpu_ns(tail.pid) - other) / wall


def watch(stack, proxy, client):
    follower = stack.enter_context(Follower(proxy, client, "?source=ide"))
    threading.Thread(target=read_all, args=(follower,), daemon=True).start()


def test_figures(make_logging_proxy, gitlab, upstream, client, logs):
    proxy = make_logging_proxy(gitlab, upstream, ACCESS_LOG="off")
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    path = logs / "ide.log"
    path.write_bytes(LINES)
    writer = Writer(path)
    writer.start()
    tail = subprocess.Popen(["tail", "-F", path], stdout=subprocess.DEVNULL)
    before = proxy.own_memory_kib()
    try:
        for viewers in VIEWERS:
            with contextlib.ExitStack() as stack:
                for _ in range(viewers):
                    watch(stack, proxy, client)
                own, other = measure(proxy, tail)
                grown = proxy.own_memory_kib() - before
            print(
                f"\n{viewers} viewers: {own:.3%} of a core, {own / other:.2f} of what tail -F took ({other:.3%}); "
                f"{grown} KiB more memory",
            )
    finally:
        writer.ending.set()
        writer.join()
        tail.terminate()
        tail.wait()
