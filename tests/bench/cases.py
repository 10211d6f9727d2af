# SPDX-License-Identifier: Apache-2.0
"""What is measured, and what our own goal for it is. Ratios are above 1 where we are better."""

import shutil
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch

NGINX = ("nginx",)
HAPROXY = ("haproxy", "haproxy-64k")
UNCHECKED = ("unchecked",)  # ours without its session check
ASSERTING = ("asserting",)  # ours with ASSERTION
FLOOR = ("relay",)  # passes bytes on and does nothing else: see relay.c
OIDC = ("mod_auth_openidc", "oauth2-proxy")
GIT = ("git",)


@dataclass(frozen=True)
class Measure:
    unit: str
    more_is_better: bool
    value: object  # of a sample: what tests/bench/load.c or clones.py reports
    is_rate: bool = False  # means little where the proxy's core was not busy
    allowance: float = 0  # ours may be so much above theirs; no goal where it is 0


PER_S = {"is_rate": True, "more_is_better": True}
COST = {"more_is_better": False}
MB = 1e6
REQUESTS = Measure("requests/s", value=lambda s: s["count"] / s["seconds"], **PER_S)
REQUEST_COST = Measure("us CPU/request", value=lambda s: s["cpu_seconds"] * 1e6 / s["count"], **COST)
THROUGHPUT = Measure("MB/s", value=lambda s: s["bytes"] / MB / s["seconds"], **PER_S)
BYTE_COST = Measure("us CPU/MB", value=lambda s: s["cpu_seconds"] * 1e6 / (s["bytes"] / MB), **COST)
MESSAGES = Measure("messages/s", value=lambda s: s["count"] / s["seconds"], **PER_S)
MESSAGE_COST = Measure("us CPU/message", value=lambda s: s["cpu_seconds"] * 1e6 / s["count"], **COST)
LATENCY = Measure("us p99", value=lambda s: s["p99_us"], **COST)
CONNECTIONS = Measure("connections/s", value=lambda s: s["count"] / s["seconds"], **PER_S)
CONNECTION_COST = Measure("us CPU/connection", value=lambda s: s["cpu_seconds"] * 1e6 / s["count"], **COST)
ADDED = Measure("us p99 added", value=lambda s: max(s["p99_us"] - s["direct_p99_us"], 1), **COST)
CONNECTION_MEMORY = Measure("KiB/connection", value=lambda s: s["kib"], **COST)
WEBSOCKET_MEMORY = Measure("KiB/WebSocket", value=lambda s: s["kib"], **COST)
CLONE_TIME = Measure("s", value=lambda s: s["seconds"], **COST)
CLONE_COST = Measure("s CPU", value=lambda s: s["cpu_seconds"], **COST)
CLONE_MEMORY = Measure("MiB peak", value=lambda s: s["peak_kib"] / 1024, allowance=256, **COST)
PAGE_LOAD = Measure("ms until usable", value=lambda s: s["seconds"] * 1e3, **COST)
PAGE_BYTES = Measure("KB transferred", value=lambda s: s["bytes"] / 1e3, **COST)
SOCKET_MEMORY = Measure("socket KiB/download", value=lambda s: s["kib"], **COST)
REST_MEMORY = Measure("KiB resident", value=lambda s: s["kib"], **COST)
REST_ANONYMOUS = Measure("KiB anonymous", value=lambda s: s["anonymous_kib"], **COST)


@dataclass(frozen=True)
class Case:
    name: str
    mode: str  # of the load generator, or "latency", "beside", "idle", "stall", "rest", "clone", "page", "http2", "http2-idle", "http2-websockets"
    measures: tuple
    peers: tuple
    tls: bool = False
    path: str = "/bytes/200"
    connections: int = 64
    size: int = 0  # of a request body or a message; with http2 the number of requests
    resumes: bool = False
    repository: str = ""  # see repositories.py
    application: str = ""  # see page_loads.py
    round_trip_ms: int = 0
    depth: int = 0
    opens: bool = False  # with the depth and its history behind it, until the IDE opens; git clones all
    goals: dict = field(default_factory=dict)  # (unit, peer) -> the ratio to reach


def goals(peers, **by_kind):
    """goals(nginx={unit: ratio}, haproxy=…, oidc=…)"""
    families = {"nginx": NGINX, "haproxy": HAPROXY, "oidc": OIDC}
    return {
        (measure.unit, peer): ratio
        for kind, ratios in by_kind.items()
        for peer in families[kind]
        if peer in peers
        for measure, ratio in ratios
    }


def both(name, **more):
    """The same case plain and with TLS 1.3."""
    return [Case(name=f"{name}-plain", **more), Case(name=f"{name}-tls", tls=True, **more)]


def beside_floor(cases):
    """The plain ones of these, with what the kernel alone costs beside them."""
    return [c if c.tls else replace(c, peers=c.peers + FLOOR) for c in cases]


def make_clones():
    for name, depth, goal in (
        ("3mb", 0, 1.0),
        ("80mb", 0, 1.2),
        ("300mb", 0, 1.2),
        ("files", 0, 1.0),
        ("refs", 0, 1.0),
        ("300mb", 1, 1.15),
    ):
        yield Case(
            name=f"clone-{name}" + ("-depth-1" if depth else ""),
            mode="clone",
            measures=(CLONE_TIME, CLONE_COST, CLONE_MEMORY),
            peers=GIT,
            repository=name,
            depth=depth,
            goals={(CLONE_TIME.unit, "git"): goal},
        )


def make_opening():
    """Until people can work: a shallow clone with the rest behind it, against all at once."""
    return Case(
        name="clone-300mb-open",
        mode="clone",
        measures=(CLONE_TIME,),
        peers=GIT,
        repository="300mb",
        depth=1,
        opens=True,
        goals={(CLONE_TIME.unit, "git"): 4.0},
    )


def make_http2():
    """With h2load, which is no faster than the best of the proxies: CPU tells more than rates."""
    peers = NGINX + HAPROXY + ("ours-http1",)
    for name, path, count in (("small", "/bytes/200", 40000), ("64kb", "/bytes/64000", 8000)):
        yield Case(
            name=f"http2-{name}",
            mode="http2",
            tls=True,
            path=path,
            size=count,
            peers=peers,
            measures=(REQUEST_COST,),
            goals={
                **goals(peers, nginx=[(REQUEST_COST, 1.2)], haproxy=[(REQUEST_COST, 1.2)]),
                (REQUEST_COST.unit, "ours-http1"): 0.87,
            },
        )
    yield Case(
        name="http2-idle",
        mode="http2-idle",
        tls=True,
        connections=500,
        peers=NGINX + HAPROXY,
        measures=(CONNECTION_MEMORY,),
    )
    yield Case(
        name="http2-websockets",
        mode="http2-websockets",
        tls=True,
        connections=1000,
        peers=HAPROXY,
        measures=(WEBSOCKET_MEMORY,),
    )


PAGE_PEERS = ("uncompressed", "nginx-http1", "nginx-http2")


def make_page_loads():
    """What people wait for. They take long, and need a browser: see choose."""
    for application, round_trip_ms, share in (("jupyter", 50, 0.62), ("modules", 50, 0.62), ("code-server", 150, 0.95)):
        yield Case(
            name=f"page-{application}",
            mode="page",
            measures=(PAGE_LOAD, PAGE_BYTES),
            peers=PAGE_PEERS,
            application=application,
            round_trip_ms=round_trip_ms,
            goals={
                **{(PAGE_LOAD.unit, peer): 1.0 for peer in PAGE_PEERS},
                (PAGE_LOAD.unit, "earlier"): 1 / share,  # a build without compression and HTTP/2
            },
        )


def make_all():
    ahead, everyone = NGINX + HAPROXY, NGINX + HAPROXY + OIDC
    cases = beside_floor(
        both(
            "small",
            mode="http",
            peers=everyone,
            measures=(REQUESTS, REQUEST_COST),
            goals=goals(
                everyone,
                nginx=[(REQUESTS, 1.1), (REQUEST_COST, 1.2)],
                haproxy=[(REQUESTS, 1.1), (REQUEST_COST, 1.2)],
                oidc=[(REQUESTS, 8), (REQUEST_COST, 8)],
            ),
        )
    )
    # A connection of its own for each, to the upstream: see docs/security.md, "Bodies of requests".
    cases += both(
        "post-1kb",
        mode="http",
        path="/sink",
        size=1000,
        peers=ahead,
        measures=(REQUESTS, REQUEST_COST),
    )
    cases += both("session-check", mode="http", peers=UNCHECKED + ASSERTING, measures=(REQUESTS, REQUEST_COST))
    bulk = (THROUGHPUT, BYTE_COST)
    for name, size, connections in (("1mb", 10**6, 8), ("100mb", 10**8, 4), ("100mb-one", 10**8, 1)):
        cases += both(
            f"download-{name}",
            mode="http",
            path=f"/bytes/{size}",
            connections=connections,
            peers=ahead,
            measures=bulk,
            goals=goals(ahead, nginx=[(m, 1.3) for m in bulk], haproxy=[(m, 1.0) for m in bulk]),
        )
    cases += both(
        "upload-100mb",
        mode="http",
        path="/sink",
        size=10**8,
        connections=4,
        peers=ahead,
        measures=bulk,
        goals=goals(ahead, nginx=[(m, 1.0) for m in bulk], haproxy=[(m, 1.0) for m in bulk]),
    )
    echo = (MESSAGES, MESSAGE_COST, LATENCY)
    for name, size, connections in (("64b", 64, 64), ("64kib", 65536, 16)):
        websockets = both(
            f"websocket-{name}",
            mode="ws",
            path="/ws",
            size=size,
            connections=connections,
            peers=ahead,
            measures=echo,
            goals=goals(
                ahead,
                nginx=[(MESSAGES, 1.1), (LATENCY, 1.1)],
                haproxy=[(MESSAGES, 1.0), (LATENCY, 1.0)],
            ),
        )
        cases += beside_floor(websockets) if name == "64b" else websockets
    for name, resumes in (("full", False), ("resumed", True)):
        fresh = (CONNECTIONS, CONNECTION_COST)
        cases.append(
            Case(
                name=f"connect-{name}",
                mode="connect",
                tls=True,
                connections=16,
                resumes=resumes,
                peers=ahead,
                measures=fresh,
                goals=goals(ahead, nginx=[(m, 1.0) for m in fresh], haproxy=[(m, 1.0) for m in fresh]),
            )
        )
    cases.append(
        Case("latency-half-peak", "latency", (ADDED,), NGINX, goals=goals(NGINX, nginx=[(ADDED, 1.0)]))
    )
    # Added latency below a fifth of what it is beside git.
    cases.append(
        Case(
            "latency-beside-clone",
            "beside",
            (ADDED,),
            NGINX,
            connections=16,
            repository="80mb",
            goals=goals(NGINX, nginx=[(ADDED, 5)]),
        )
    )
    cases.append(
        Case(
            "rest-memory",
            "rest",
            (REST_MEMORY, REST_ANONYMOUS),
            everyone,
            goals=goals(
                everyone, nginx=[(REST_MEMORY, 1.3)], haproxy=[(REST_MEMORY, 1.5)], oidc=[(REST_MEMORY, 3)]
            ),
        )
    )
    cases += make_clones()
    cases.append(make_opening())
    cases += make_page_loads()
    cases += make_http2()
    cases += both(
        "slow-readers",
        mode="stall",
        path=f"/bytes/{10**8}",
        connections=500,
        peers=ahead,
        measures=(SOCKET_MEMORY,),
        goals=goals(NGINX, nginx=[(SOCKET_MEMORY, 1)]),
    )
    return cases + both(
        "idle-websocket",
        mode="idle",
        path="/ws",
        connections=1000,
        peers=ahead,
        measures=(WEBSOCKET_MEMORY,),
        goals=goals(ahead, nginx=[(WEBSOCKET_MEMORY, 2)], haproxy=[(WEBSOCKET_MEMORY, 1)]),
    )


def is_there(case):
    """Debian has no code-server."""
    return case.application != "code-server" or shutil.which("code-server") is not None


def choose(patterns, pages):
    """The cases whose names match one of these patterns. Without any: all loads of pages if they are wanted, else
    everything but these."""
    named = patterns.replace(",", " ").split()
    found = [c for c in make_all() if any(fnmatch(c.name, p) for p in named or ["*"])]
    if not pages:
        return [c for c in found if c.mode != "page"]
    return [c for c in found if (is_there(c) if c.mode == "page" else named)]
