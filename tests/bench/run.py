# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark: ours and the peers in turn, in each round, on one core; the load generator
and the upstream have the other one. Prints a table of medians and ratios and writes results.tsv.

	run.py DIRECTORY      where the built load generator and upstream are, and results.tsv goes

BENCH_ROUNDS (5), BENCH_SECONDS (1) of each run, and BENCH_CASES (names or patterns, separated by
spaces) bound it; BENCH_PEERS likewise. BENCH_EARLIER names another build of workspace-proxy, which
becomes a peer in every case. BENCH_PAGES=1 loads pages in Chromium instead, seven times unless
BENCH_ROUNDS says otherwise. Everything listens on loopback.
"""

import contextlib
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import cases as cases_module
import clones as clones_module
import http2_loads
import peer as peer_module
import peers as peers_module
import report

import certificates
from gitlab import GitLab

LOAD_CORE = "1"
PAGES = os.environ.get("BENCH_PAGES", "") not in ("", "0")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7" if PAGES else "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "1"))
BESIDE_RATE = 2000  # requests/s while a clone runs
REST_S = 11  # ours lets go of the code of its start after ten seconds
HEAD = """{method} {path} HTTP/1.1
Host: {host}
{more}User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0
Accept: */*
Accept-Language: en-US,en;q=0.9
Accept-Encoding: gzip, deflate, br
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: {fetch}
Sec-Fetch-Dest: empty
Cookie: {cookie}

"""
WEBSOCKET = """Connection: Upgrade
Upgrade: websocket
Origin: {origin}
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
"""


class Stage:
    """What all proxies share: certificates, a GitLab to log in at, the upstream."""

    def __init__(self, tools, files=()):
        """files: types and names, for the upstream."""
        self.tools = tools
        self.directory = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.directory, 0o755)  # Apache's worker has a user of its own
        self.authority = certificates.Authority(os.path.join(self.directory, "certificates"))
        self.cert, self.key = self.authority.issue()
        self.gitlab = GitLab(tls_cert=self.cert, tls_key=self.key, name="localhost").start()
        self.gitlab.settings.token_lifetime_s = 24 * 3600
        user = self.gitlab.add_user("sasha", "sasha-password")
        self.workspace = self.gitlab.add_workspace(user, self.gitlab.add_project("group/demo", user))
        self.upstream = subprocess.Popen(
            ["taskset", "-c", LOAD_CORE, os.path.join(tools, "upstream"), *files], stdout=subprocess.PIPE, text=True
        )
        self.upstream_port = int(self.upstream.stdout.readline())

    def close(self):
        self.upstream.kill()
        self.upstream.wait()
        self.gitlab.stop()
        shutil.rmtree(self.directory)


class LoadFailed(Exception):
    """An answer was not what it should be."""


class Runner:
    def __init__(self, stage, peers, clones):
        self.stage = stage
        self.clones = clones
        self.peers = peers  # by name
        self.cookie = peers["ours"].cookie
        self.memory_modes = {
            "rest": self.rest,
            "idle": self.idle,
            "stall": self.stall,
            "http2-idle": self.http2_idle,
            "http2-websockets": self.http2_websockets,
        }

    def head_file(self, case, peer):
        """The same head for everyone; who asks for a session gets its own cookie."""
        upgrade = WEBSOCKET.format(origin=peer.origin) if case.path == "/ws" else ""
        if case.size and case.mode == "http":
            upgrade = f"Content-Length: {case.size}\n"
        text = HEAD.format(
            method="POST" if case.path == "/sink" else "GET",
            path=case.path,
            host=peer.host,
            more=upgrade,
            fetch="websocket" if case.path == "/ws" else "cors",
            cookie=peer.cookie or self.cookie,
        )
        path = os.path.join(self.stage.directory, "head")
        with open(path, "w", newline="\r\n") as file:
            file.write(text)
        return path

    def load_command(self, case, peer, mode, port, seconds=SECONDS, rate=0):
        pids = ",".join(str(pid) for pid in peer.pids())
        return [
            *("taskset", "-c", LOAD_CORE, os.path.join(self.stage.tools, "load"), mode, str(port)),
            *(peers_module.NAME if case.tls else "-", str(case.connections), str(seconds)),
            *(self.head_file(case, peer), str(case.size), str(int(case.resumes) or rate), pids),
        ]

    def load(self, case, peer, mode=None, port=None, **more):
        port = port or (peer.tls if case.tls else peer.plain)
        command = self.load_command(case, peer, mode or case.mode, port, **more)
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if result.returncode:
            raise LoadFailed(f"{case.name}, {peer.name}: {result.stderr.strip()[:500]}\n{peer.log_tail()}")
        sample = json.loads(result.stdout)
        if not sample["count"] and not sample["bytes"]:
            raise LoadFailed(f"{case.name}, {peer.name}: nothing came back")
        if case.resumes and sample["resumed"] < sample["count"] / 2:
            raise RuntimeError(f"{case.name}, {peer.name}: sessions are not resumed")
        return sample

    def sample(self, case, peer):
        special = {"latency": self.latency, "beside": self.beside, "http2": self.http2}
        take = special.get(case.mode, self.load)
        try:
            return take(case, peer)
        except LoadFailed as e:
            report.say(f"once more, because of {e}")
            return take(case, peer)

    def http2(self, case, peer):
        cookie = peer.cookie or self.cookie
        return http2_loads.requests(case, peer, cookie, LOAD_CORE, http1=peer.name == "ours-http1")

    def http2_idle(self, case, peer):
        return http2_loads.idle(case, peer, peer.cookie or self.cookie)

    def http2_websockets(self, case, peer):
        return http2_loads.websockets(case, peer, peer.cookie or self.cookie)

    def latency(self, case, peer):
        """Half of what nginx can do, in this round: found once, when the first peer asks."""
        if self.half_peak is None:
            peak = self.load(case, self.peers["nginx"], "http", seconds=min(SECONDS, 1))
            self.half_peak = int(peak["count"] / peak["seconds"] / 2)
            upstream = self.stage.upstream_port
            self.direct = self.load(case, peer, "http", port=upstream, rate=self.half_peak)
        sample = self.load(case, peer, "http", rate=self.half_peak)
        return {**sample, "direct_p99_us": self.direct["p99_us"]}

    def beside(self, case, peer):
        """The same load with nothing else running, and with one clone after the other beside it."""
        alone = self.load(case, peer, "http", rate=BESIDE_RATE)
        with self.clones.running(case, peer.name):
            sample = self.load(case, peer, "http", rate=BESIDE_RATE, seconds=max(SECONDS, 3))
        return {**sample, "direct_p99_us": alone["p99_us"]}

    def rest(self, _, peer):
        """Fresh, with one login where there is one."""
        time.sleep(REST_S)
        total, anonymous = peer.memory_kib()
        return {"kib": total, "anonymous_kib": anonymous}

    def idle(self, case, peer):
        """Fresh as well: what an earlier load has left behind would hide the growth."""
        _, before = peer.memory_kib()
        command = self.load_command(case, peer, "hold", peer.tls if case.tls else peer.plain)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
            if load.stdout.readline() != "ready\n":
                raise RuntimeError(f"{case.name}, {peer.name}: no WebSockets")
            time.sleep(0.3)
            _, after = peer.memory_kib()
            load.stdin.close()
        return {"kib": (after - before) / case.connections}

    def stall(self, case, peer):
        """Large downloads of which nothing is read: how much the proxy takes from the upstream and keeps
        in the kernel."""
        command = self.load_command(case, peer, "stall", peer.tls if case.tls else peer.plain)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
            if load.stdout.readline() != "ready\n":
                raise RuntimeError(f"{case.name}, {peer.name}: no downloads")
            sizes = [-1, 0]
            while sizes[-1] != sizes[-2]:
                time.sleep(0.3)
                sizes.append(peer_module.socket_memory_kib(peer.pids()))
            load.stdin.close()
        return {"kib": sizes[-1] / case.connections}

    def run_rounds(self, cases, samples):
        for number in range(ROUNDS):
            for case in cases:
                self.half_peak = self.direct = None
                for peer in self.of(case):
                    sample = self.sample(case, peer)
                    samples.setdefault((case.name, peer.name), []).append(sample)
                    peer.forget_log()
                report.say(f"round {number + 1} of {ROUNDS}: {case.name}")

    def run_memory(self, cases, samples):
        for case in cases:
            for peer in self.peers.values():
                if peer not in self.of(case):
                    peer.stop()  # a second copy of ours would share its libraries
            for peer in self.of(case):
                peer.stop()
                peer.start()
                sample = self.memory_modes[case.mode](case, peer)
                samples.setdefault((case.name, peer.name), []).append(sample)
            report.say(f"memory: {case.name}")

    def of(self, case):
        return [p for name, p in self.peers.items() if name == "ours" or name in case.peers]


@contextlib.contextmanager
def cloning(cases, tools):
    """What clones, when a case needs it; on all cores, unlike the proxies."""
    cases = [c for c in cases if c.repository]
    if not cases:
        yield None
        return
    affinity = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    clones = clones_module.Clones(tools)
    try:
        for case in cases:
            clones.warm(case)
        yield clones
    finally:
        clones.close()
        os.sched_setaffinity(0, affinity)


def run_clones(cases, tools, samples):
    """Ours and git in turn."""
    with cloning(cases, tools) as clones:
        for number in range(ROUNDS):
            for case in cases:
                for peer in clones.PEERS:
                    samples.setdefault((case.name, peer), []).append(clones.sample(case, peer))
                report.say(f"round {number + 1} of {ROUNDS}: {case.name}")


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo") as file:
        memory = int(re.search(r"MemTotal:\s+(\d+)", file.read())[1]) >> 20
    with open("/etc/os-release") as file:
        system = re.search(r'PRETTY_NAME="(.*)"', file.read())
    return [
        f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, {memory} GiB",
        f"{system[1] if system else 'Linux'}, kernel {platform.release()}",
        peer_module.output_of("openssl", "version").strip(),
    ]


@contextlib.contextmanager
def running(stage, wanted):
    peers = [p for p in (make(stage) for make in peers_module.ALL) if p.name == "ours" or p.name in wanted]
    try:
        yield {p.name: p.start() for p in peers if p.is_there()}
    finally:
        for peer in peers:
            peer.stop()


def run_proxies(cases, wanted, tools, samples):
    """Returns their versions, by name."""
    stage = Stage(tools)
    try:
        with running(stage, wanted) as peers, cloning(cases, tools) as clones:
            versions = {name: peer.version() for name, peer in peers.items()}
            runner = Runner(stage, peers, clones)
            memory = [c for c in cases if c.mode in runner.memory_modes]
            runner.run_rounds([c for c in cases if c not in memory], samples)
            runner.run_memory(memory, samples)
    finally:
        stage.close()
    return versions


def run_pages(cases, wanted, tools, samples):
    import page_loads  # what it needs is installed for it alone

    stage = Stage(tools)
    try:
        return page_loads.run(stage, cases, wanted, ROUNDS, samples)
    finally:
        stage.close()


def main():
    tools = os.path.abspath(sys.argv[1])
    chosen = cases_module.choose(os.environ.get("BENCH_CASES", ""), PAGES)
    if peers_module.Earlier.binary():
        chosen = [replace(c, peers=c.peers + (peers_module.Earlier.name,)) for c in chosen]
    clones = [c for c in chosen if c.mode == "clone"]
    pages = [c for c in chosen if c.mode == "page"]
    cases = [c for c in chosen if c not in clones + pages]
    named = set(os.environ.get("BENCH_PEERS", "").replace(",", " ").split())
    wanted = {p for c in cases + pages for p in c.peers if not named or p in named}
    if not chosen:
        sys.exit("BENCH_CASES matches no case")
    if not {0, 1} <= os.sched_getaffinity(0):
        sys.exit("two cores are needed: one for the proxies, one for the load")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    samples, versions = {}, {}
    if clones:
        versions["git"] = peer_module.output_of("git", "--version").strip()
        run_clones(clones, tools, samples)
    if pages:
        versions.update(run_pages(pages, wanted, tools, samples))
    if cases:
        versions.update(run_proxies(cases, wanted, tools, samples))
    facts = machine() + [f"{name}: {version}" for name, version in versions.items()]
    facts.append(f"rounds: {ROUNDS}, each run {SECONDS:g} s, medians; {time.strftime('%Y-%m-%d')}")
    report.write(tools, chosen, list(versions), samples, statistics.median, facts)


if __name__ == "__main__":
    main()
