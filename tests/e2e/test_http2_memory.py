# SPDX-License-Identifier: Apache-2.0
"""What HTTP/2 connections hold: those that do nothing, WebSockets at rest, and streams whose responses nobody reads."""

import contextlib
import os
import struct

import pytest
import websocket
from h2_attacker import Attacker
from h2_client import HEADERS, PING, RST_STREAM, WINDOW_UPDATE, H2Client, frame, settings_frame
from h2_tunnel import open_tunnel
from proxy import is_sanitized, wait_until

pytestmark = pytest.mark.skipif(is_sanitized(), reason="sanitizers take memory of their own")

STAGE_SETTINGS = {"HTTP2": "on", "CONNECTIONS_MAX": "1000"}
DOWNLOAD = 10**8
STREAMS = 400
SAMPLES_ALIKE = 10
IDLE_KIB = 24  # OpenSSL's 14 are part of it
DOWNLOADS_KIB = 64 << 10
PAGES_KIB = 24 << 10
WEBSOCKET_KIB = 5  # 3.2 by itself; a message that stayed would be 64
WIDE = 0x7FFF0000


class Growth:
    def __init__(self, proxy):
        self._proxy = proxy
        self.first = proxy.own_memory_kib()

    def when_settled(self):
        samples = []

        def is_settled():
            samples.append(self._proxy.own_memory_kib())
            return len(samples) >= SAMPLES_ALIKE and len(set(samples[-SAMPLES_ALIKE:])) == 1

        wait_until(is_settled, what="no more changes of memory")
        return samples[-1] - self.first


def answered(attacker):
    """All that was sent before has been received."""
    before = attacker.frames[PING]
    attacker.send(frame(PING, 0, 0, b"12345678"))
    attacker.read_until(lambda: attacker.frames[PING] > before)
    return not attacker.closed


def test_idle_connections(stage):
    count = 200
    with contextlib.ExitStack() as stack:
        for warm_up in range(2):
            growth = Growth(stage.proxy)
            idle = [stack.enter_context(Attacker(stage)) for _ in range(count)]
            for a in idle:
                a.send(a.request(path="/oauth2/nothing", cookie=False))
                assert answered(a)
        each = growth.when_settled() / count
        print(f"{each:.1f} KiB each")
        assert each < IDLE_KIB
        for a in idle:
            before = a.frames[HEADERS]
            a.send(a.request(path="/oauth2/nothing", cookie=False))
            assert answered(a) and a.frames[HEADERS] == before + 1


def test_websockets_at_rest(stage):
    """Large messages went both ways, and nothing of them is left."""
    message = os.urandom(65536)
    with contextlib.ExitStack() as stack:
        browsers = [stack.enter_context(H2Client(stage.proxy)) for _ in range(4)]
        for browser in browsers:
            open_tunnel(browser, stage).echo(message, websocket.BINARY)
        growth = Growth(stage.proxy)
        tunnels = [open_tunnel(browser, stage) for browser in browsers for _ in range(50)]
        for tunnel in tunnels:
            tunnel.echo(message, websocket.BINARY)
        each = growth.when_settled() / len(tunnels)
        print(f"{each:.1f} KiB each")
        assert each < WEBSOCKET_KIB


@pytest.mark.parametrize("connections", [STREAMS, 40, 4])
@pytest.mark.parametrize("kind", ["zero window", "initial window", "unread socket"])
def test_downloads_that_nobody_reads(make_stage, connections, kind):
    stage = make_stage(**STAGE_SETTINGS)
    window = {"zero window": 0, "initial window": 65535, "unread socket": WIDE}[kind]
    growth = Growth(stage.proxy)
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            a = stack.enter_context(Attacker(stage, settings_frame(initial_window_size=window)))
            a.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WIDE)))
            for _ in range(STREAMS // connections):
                assert a.send(a.request(path=f"/stream/{DOWNLOAD}"))
        stage.upstream.wait_for_requests(STREAMS)
        held = growth.when_settled()
        print(f"{held / 1024:.1f} MiB for {STREAMS} downloads")
        assert held < DOWNLOADS_KIB
    wait_until(lambda: growth.when_settled() < DOWNLOADS_KIB / 4, what="memory that is given back")


def test_pages_that_nobody_reads(make_stage):
    """On many connections, without a session: each holds less the more of them there are, and others are served."""
    stage = make_stage(**STAGE_SETTINGS)
    with contextlib.ExitStack() as stack:
        settings = settings_frame(initial_window_size=0)
        attackers = [stack.enter_context(Attacker(stage, settings)) for _ in range(100)]
        assert all(answered(a) for a in attackers)
        growth = Growth(stage.proxy)
        for a in attackers:
            a.send(b"".join(a.request(path="/oauth2/sign_in", cookie=False) for _ in range(100)))
        assert all(answered(a) for a in attackers)
        held = growth.when_settled()
        print(f"{held} KiB for 10,000 pages")
        assert held < PAGES_KIB
        browser = stack.enter_context(H2Client(stage.proxy))
        assert [browser.fetch("GET", "/oauth2/sign_in").status for _ in range(3)] == [200] * 3
        assert any(a.frames[RST_STREAM] for a in attackers)
