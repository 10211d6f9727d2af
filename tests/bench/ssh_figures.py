# SPDX-License-Identifier: Apache-2.0
"""SSH through the proxy beside ssh to the same sshd over TCP on loopback, in turn, in one run.

    /usr/bin/python3 -m pytest -s -q -p no:cacheprovider tests/bench/ssh_figures.py

Prints throughput each way, the echo of a keystroke, the time to the first byte of a command, and the sidecar's
memory for idle tunnels. BENCH_MIB and BENCH_ROUNDS select how much. Needs root, for the container's user.
"""

import os
import resource
import statistics
import subprocess
import sys
import time

import pytest
import ssh
from proxy import PATIENCE_S, wait_until
from ssh import Sshd

MIB = int(os.environ.get("BENCH_MIB", "500"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
KEYSTROKES = 2000
TUNNELS = 200


def seconds(environment, command, **more):
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300, **more)
    return time.perf_counter() - started


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def echoes(environment, command):
    """Milliseconds until each keystroke came back."""
    process = subprocess.Popen(
        [*command, "echo ready; cat"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    ssh.read_until(process.stdout, rb"ready\n")
    times = []
    for _ in range(KEYSTROKES):
        started = time.perf_counter()
        process.stdin.write(b"x\n")
        got = b""
        while b"\n" not in got:
            got += process.stdout.read(16)
        times.append((time.perf_counter() - started) * 1000)
    process.stdin.close()
    process.wait(PATIENCE_S)
    return sorted(times)


def test_figures(make_proxy, gitlab, upstream, container, make_computer, client, tmp_path):
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, SSH_TUNNELS_MAX="300", ACCESS_LOG="off")
    container.start()
    computer = make_computer(proxy)
    computer.log_in(client)
    computer.write_config()
    direct = Sshd(container, computer)
    direct_command = [*direct.command, "-i", str(computer.configuration / "id_ed25519")]
    through = ["ssh", "-F", str(computer.home / ".ssh/config"), proxy.name]
    environment = computer.environment
    wait_until(lambda: subprocess.run([*direct_command, "true"], env=environment).returncode == 0)
    results = {"down": ([], []), "up": ([], []), "first byte": ([], []), "echo": ([], [])}
    zeros = open(tmp_path / "zeros", "w+b")
    zeros.truncate(MIB << 20)
    for _ in range(ROUNDS):
        for i, command in enumerate([direct_command, through]):
            down = seconds(environment, [*command, f"head -c {MIB << 20} /dev/zero"])
            results["down"][i].append(MIB / down)
            zeros.seek(0)
            results["up"][i].append(MIB / seconds(environment, [*command, "cat >/dev/null"], stdin=zeros))
            results["first byte"][i].extend([seconds(environment, [*command, "true"]) * 1000 for _ in range(5)])
            results["echo"][i].append(echoes(environment, command))
    out = sys.stdout
    used = cpu_seconds(proxy.process.pid)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds(environment, [*through, f"head -c {MIB << 20} /dev/zero"])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    print(f"\nCPU for {MIB} MiB down: sidecar {cpu_seconds(proxy.process.pid) - used:.2f} s, ssh and client {spent:.2f} s")
    for name in ("down", "up"):
        a, b = (statistics.median(r) for r in results[name])
        print(f"\n{name}: direct {a:.0f} MiB/s, through the proxy {b:.0f} MiB/s, ratio {b / a:.2f}", file=out)
    a, b = (statistics.median(r) for r in results["first byte"])
    print(f"login and command: direct {a:.0f} ms, through the proxy {b:.0f} ms, ratio {b / a:.2f}")
    for share in (50, 99):
        a, b = (statistics.median(t[len(t) * share // 100] for t in r) for r in results["echo"])
        print(f"echo p{share}: direct {a:.3f} ms, through the proxy {b:.3f} ms, added {b - a:.3f} ms")
    before = proxy.memory_kib()
    idle = [
        subprocess.Popen([*through, "echo ready; cat"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(60)
    ]
    for process in idle:
        ssh.read_until(process.stdout, rb"ready\n")
    grown = proxy.memory_kib() - before
    print(f"memory: {grown / len(idle):.1f} KiB for each of {len(idle)} idle tunnels")
    for process in idle:
        process.kill()
        process.wait()
    direct.stop()
