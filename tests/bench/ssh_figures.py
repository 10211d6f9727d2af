# SPDX-License-Identifier: Apache-2.0
"""SSH through the proxy beside ssh to the same sshd over TCP on loopback, in turn, in one run.

    /usr/bin/python3 -m pytest -s -q -p no:cacheprovider tests/bench/ssh_figures.py

Prints, for each way: throughput, and CPU seconds per GiB of every process on the path; then the echo of a keystroke,
time and CPU until the first byte of a command, and the sidecar's memory for idle tunnels. Ratios of time are medians
over the pairs of neighbouring runs. On a busy machine, and where there are fewer cores than processes, time tells how
the machine shared them: then the CPU is what to compare. BENCH_MIB, BENCH_ROUNDS and BENCH_TUNNELS select how much.
Needs root, for the container's user.
"""

import os
import statistics
import subprocess
import time

import pytest
import ssh
from proxy import PATIENCE_S, wait_until
from ssh import Sshd

MIB = int(os.environ.get("BENCH_MIB", "500"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
TUNNELS = int(os.environ.get("BENCH_TUNNELS", "200"))
LOGINS = 5  # of a round
KEYSTROKES = 2000
PIECE = 1 << 16
GIB = 1 << 30
DOWN = f"echo ready; read go; head -c {MIB << 20} /dev/zero; read go"
UP = f"echo ready; head -c {MIB << 20} > /dev/null; echo done; read go"


def cpu_seconds(pid):
    """Of all its threads, to the nanosecond; 0 when it has ended."""
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total / 1e9


def descendants(pid):
    """(process id, name) of all."""
    found = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return found
    for child in children:
        try:
            with open(f"/proc/{child}/comm") as file:
                found += [(int(child), file.read().strip()), *descendants(child)]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


class Path:
    """One of the two ways to the workspace."""

    def __init__(self, name, command, environment, server, sidecar=None):
        self.name, self.command, self.environment = name, command, environment
        self.server, self.sidecar = server, sidecar

    def open(self, command):
        process = subprocess.Popen(
            [*self.command, command], env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert os.read(process.stdout.fileno(), 6) == b"ready\n"
        return process

    def cpu(self, process):
        """CPU seconds so far, by the names of the programs on the path."""
        used = {"ssh": cpu_seconds(process.pid)}
        used["sshd"] = sum(cpu_seconds(pid) for pid, name in descendants(self.server.pid) if name == "sshd")
        if self.sidecar:
            used["client"] = sum(cpu_seconds(pid) for pid, _ in descendants(process.pid))
            used["sidecar"] = cpu_seconds(self.sidecar.pid)
        return used


def close(process):
    process.stdin.close()
    process.stdout.close()
    process.wait(PATIENCE_S)


def receive(process):
    """Reads what the command writes and throws it away."""
    process.stdin.write(b"\n")
    left = MIB << 20
    while left > 0:
        got = len(os.read(process.stdout.fileno(), PIECE))
        assert got > 0
        left -= got


def send(process):
    zeros = bytes(PIECE)
    left = MIB << 20
    while left > 0:
        left -= os.write(process.stdin.fileno(), zeros[: min(PIECE, left)])
    assert process.stdout.read(5) == b"done\n"


def move(path, command, transfer):
    """(MiB/s, CPU seconds per GiB of each program)."""
    process = path.open(command)
    before, started = path.cpu(process), time.perf_counter()
    transfer(process)
    rate = MIB / (time.perf_counter() - started)
    after = path.cpu(process)
    close(process)
    return rate, {name: (after[name] - before[name]) * GIB / (MIB << 20) for name in after}


def log_in(path):
    """(milliseconds until the first byte, CPU milliseconds until then of each program)."""
    sidecar = cpu_seconds(path.sidecar.pid) if path.sidecar else 0
    started = time.perf_counter()
    process = path.open("echo ready; read go")
    taken = time.perf_counter() - started
    cpu = path.cpu(process)
    if path.sidecar:
        cpu["sidecar"] -= sidecar
    close(process)
    wait_until(lambda: not descendants(path.server.pid))
    return taken * 1000, {name: used * 1000 for name, used in cpu.items()}


def echoes(path):
    """Milliseconds until each keystroke came back, sorted."""
    process = path.open("echo ready; cat")
    times = []
    for _ in range(KEYSTROKES):
        started = time.perf_counter()
        process.stdin.write(b"x\n")
        got = b""
        while b"\n" not in got:
            got += process.stdout.read(16)
        times.append((time.perf_counter() - started) * 1000)
    close(process)
    return sorted(times)


def print_pairs(title, unit, pairs):
    direct, through = (statistics.median(values) for values in zip(*pairs))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{title}: direct {direct:.1f} {unit}, through the proxy {through:.1f} {unit}, ratio {ratio:.2f}")


def print_cpu(unit, paths, pairs):
    """Medians of each program; pairs of what they used on each path."""
    sums = []
    for path, runs in zip(paths, zip(*pairs)):
        medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        parts = ", ".join(f"{name} {value:.2f}" for name, value in medians.items())
        sums.append(sum(medians.values()))
        print(f"  CPU {unit}, {path.name}: {parts}; together {sums[-1]:.2f}")
    print(f"  CPU ratio {sums[1] / sums[0]:.2f}")


def test_throughput(paths):
    for title, command, transfer in [("down", DOWN, receive), ("up", UP, send)]:
        pairs = [[move(path, command, transfer) for path in paths] for _ in range(ROUNDS)]
        print()
        print_pairs(title, "MiB/s", [[rate for rate, _ in pair] for pair in pairs])
        print_cpu("s/GiB", paths, [[used for _, used in pair] for pair in pairs])


def test_time_to_prompt(paths):
    pairs = [[log_in(path) for path in paths] for _ in range(ROUNDS * LOGINS)]
    print()
    print_pairs("time to the first byte", "ms", [[taken for taken, _ in pair] for pair in pairs])
    print_cpu("ms", paths, [[used for _, used in pair] for pair in pairs])


def test_echo(paths):
    pairs = [[echoes(path) for path in paths] for _ in range(ROUNDS)]
    print()
    for share in (50, 99):
        both = [[times[len(times) * share // 100] for times in pair] for pair in pairs]
        added = statistics.median(b - a for a, b in both)
        direct, through = (statistics.median(values) for values in zip(*both))
        print(f"echo p{share}: direct {direct:.3f} ms, through the proxy {through:.3f} ms, added {added:.3f} ms")


def test_memory(paths, proxy, container):
    """All of them work, and leave nothing behind."""
    through = paths[1]
    files = len(os.listdir(f"/proc/{proxy.process.pid}/fd"))
    close(through.open("echo ready"))  # what the first one needs, all have
    before = proxy.memory_kib()
    idle = [through.open("echo ready; cat") for _ in range(TUNNELS)]
    grown = proxy.memory_kib() - before
    print(f"\nmemory: {grown / TUNNELS:.1f} KiB of the sidecar for each of {TUNNELS} idle tunnels")
    for process in idle:
        process.stdin.write(b"x\n")
    assert all(process.stdout.read(2) == b"x\n" for process in idle)
    for process in idle:
        close(process)
    wait_until(lambda: not container.children() and not container.keys())
    wait_until(lambda: len(os.listdir(f"/proc/{proxy.process.pid}/fd")) <= files + 8)  # kept connections to others


@pytest.fixture
def proxy(make_proxy, gitlab, upstream, container):
    return make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, SSH_TUNNELS_MAX="300", ACCESS_LOG="off")


@pytest.fixture
def paths(proxy, container, make_computer, client):
    container.start()
    computer = make_computer(proxy, program=ssh.connect_binary())
    computer.log_in(client)
    computer.write_config()
    environment = computer.environment
    sshd = Sshd(container, computer)
    direct = [*sshd.command, "-i", str(computer.configuration / "id_ed25519")]
    through = ["ssh", "-F", str(computer.home / ".ssh/config"), proxy.name]
    wait_until(lambda: subprocess.run([*direct, "true"], env=environment).returncode == 0)
    yield [
        Path("direct", direct, environment, sshd.process),
        Path("through the proxy", through, environment, container.process, proxy.process),
    ]
    sshd.stop()
