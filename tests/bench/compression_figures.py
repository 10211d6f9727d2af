# SPDX-License-Identifier: Apache-2.0
"""What compression costs: CPU time by type and coding beside nginx's gzip at several levels, how long small requests
wait beside ten compressed downloads, and memory. After make bench-programs jupyter and libjs-* have to be there:

	compression_figures.py DIRECTORY      where the built load generator is
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

import peers as peers_module
import run

import proxy as proxy_module
import raw_client

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
BYTES_PER_SAMPLE = 24e6
DOWNLOADS = 10
SMALL_RATE = 100  # requests/s
NOTEBOOK = "/usr/lib/python3/dist-packages/notebook/static"
FILES = (
    ("text/javascript", f"{NOTEBOOK}/notebook/js/main.min.js"),
    ("text/css", f"{NOTEBOOK}/style/style.min.css"),
    ("image/svg+xml", "/usr/share/fonts-font-awesome/fonts/fontawesome-webfont.svg"),
    ("font/ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
)
TINY = "/bytes/200"


class Ours(peers_module.Ours):
    def environment(self):
        return {**super().environment(), f"{proxy_module.PREFIX}ACCESS_LOG": "off"}


class Nginx(peers_module.Nginx):
    level = 1

    def command(self):
        command = super().command()
        types = " ".join({content_type for content_type, _ in FILES})
        gzip_on = f"gzip on; gzip_comp_level {self.level}; gzip_min_length 1024; gzip_types {types}; access_log off;"
        with open(command[2]) as file:
            text = file.read()
        self.write("nginx.conf", text.replace("map $http_upgrade", f"{gzip_on} map $http_upgrade").replace(
            f"access_log {self.log};", ""))
        return command


class Nginx4(Nginx):
    name, level = "nginx-4", 4


class Nginx6(Nginx):
    name, level = "nginx-6", 6


def cpu_ns(pids):
    """Of all threads of these processes."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                    total += int(file.read().split()[0])
    return total


def connect(peer):
    return raw_client.RawClient(("127.0.0.1", peer.plain))


def ask(client, peer, path, coding):
    fields = [("Accept-Encoding", coding), ("Cookie", peer.cookie or "a=b")]
    return client.request("GET", path, fields, host=peer.host)


def costs(peer, path, size, coding):
    """(microseconds of CPU for a MB, compressed size divided by the original one)"""
    count = max(1, int(BYTES_PER_SAMPLE / size))
    with connect(peer) as client:
        got = len(ask(client, peer, path, coding).read_response().body)
        before = cpu_ns(peer.pids())
        for _ in range(count):
            ask(client, peer, path, coding).read_response()
        return (cpu_ns(peer.pids()) - before) / 1e3 / (count * size / 1e6), got / size


def print_costs(variants):
    print(f"{'us CPU/MB, ratio':<18}" + "".join(f"{name:>20}" for name, _, _ in variants))
    for number, (content_type, file) in enumerate(FILES):
        columns = []
        for _, peer, coding in variants:
            samples = [costs(peer, f"/file/{number}", os.path.getsize(file), coding) for _ in range(ROUNDS)]
            columns.append(f"{statistics.median(s[0] for s in samples):,.0f}  {samples[0][1]:.3f}")
        print(f"{content_type:<18}" + "".join(f"{c:>20}" for c in columns), flush=True)


@contextlib.contextmanager
def downloads(peer, coding):
    """Ten of the large script, again and again."""
    url = f"http://127.0.0.1:{peer.plain}/file/0?[1-1000000]"
    fields = (f"Host: {peer.host}", f"Accept-Encoding: {coding}", f"Cookie: {peer.cookie or 'a=b'}")
    command = ["curl", "-s", "-o", "/dev/null", *(part for field in fields for part in ("-H", field)), url]
    processes = [subprocess.Popen(command) for _ in range(DOWNLOADS)]
    time.sleep(1)
    try:
        yield
    finally:
        assert all(process.poll() is None for process in processes), "a download ended"
        for process in processes:
            process.kill()
            process.wait()


def small_p99_us(tools, stage, peer):
    head = f"GET {TINY} HTTP/1.1\r\nHost: {peer.host}\r\nCookie: {peer.cookie or 'a=b'}\r\n\r\n"
    path = os.path.join(stage.directory, "head")
    with open(path, "w", newline="") as file:
        file.write(head)
    pids = ",".join(map(str, peer.pids()))
    load = os.path.join(tools, "load")
    command = [load, "http", str(peer.plain), "-", "32", "5", path, "0", str(SMALL_RATE), pids]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)["p99_us"]


def print_latency(variants, tools, stage):
    print(f"\np99 of small requests, us: alone, beside {DOWNLOADS} downloads")
    for name, peer, coding in variants:
        alone = statistics.median(small_p99_us(tools, stage, peer) for _ in range(ROUNDS))
        with downloads(peer, coding):
            beside = statistics.median(small_p99_us(tools, stage, peer) for _ in range(ROUNDS))
        print(f"{name:<20}{alone:>10,.0f}{beside:>10,.0f}", flush=True)


def print_memory(variants):
    """Of eight responses in progress that nobody reads."""
    print("\nKiB of anonymous memory for each compressed response in progress, and left after eight")
    for name, peer, coding in variants:
        before = peer.memory_kib()[1]
        clients = [connect(peer) for _ in range(8)]
        for client in clients:
            ask(client, peer, "/file/0", coding).read_head()
        time.sleep(0.5)
        during = peer.memory_kib()[1]
        for client in clients:
            client.close()
        time.sleep(0.5)
        print(f"{name:<20}{(during - before) / 8:>10,.0f}{peer.memory_kib()[1] - before:>10,.0f}", flush=True)


def main():
    tools = os.path.abspath(sys.argv[1])
    os.sched_setaffinity(0, {1})
    stage = run.Stage(tools, [text for file in FILES for text in file])
    ours, nginxes = Ours(stage), [Nginx(stage), Nginx4(stage), Nginx6(stage)]
    started = [ours, *nginxes]
    try:
        for peer in started:
            peer.start()
        variants = [("ours, zstd", ours, "zstd"), ("ours, gzip", ours, "gzip"), ("ours, identity", ours, "identity")]
        variants += [(f"nginx, gzip {p.level}", p, "gzip") for p in nginxes]
        print("\n".join(run.machine()), flush=True)
        print_memory([v for v in variants if v[2] != "identity"])
        print_costs(variants)
        print_latency(variants, tools, stage)
    finally:
        for peer in started:
            peer.stop()
        stage.close()


if __name__ == "__main__":
    main()
