# SPDX-License-Identifier: Apache-2.0
"""WebSockets inside HTTP/2 (RFC 8441): Extended CONNECT becomes an upgrade towards the IDE."""

import os
import signal

import pytest
import websocket
from h2_client import CANCEL, NO_ERROR, PROTOCOL_ERROR, H2Client
from h2_tunnel import Tunnel, connect_fields, open_tunnel

STAGE_SETTINGS = {"HTTP2": "on", "WEBSOCKETS_MAX": "4"}
ENABLE_CONNECT_PROTOCOL = 8
GOING_AWAY, POLICY_VIOLATION = 1001, 1008


@pytest.fixture
def browser(stage):
    with H2Client(stage.proxy) as one:
        one.ping()
        yield one


def test_it_is_announced(stage, browser):
    assert browser.remote_settings[ENABLE_CONNECT_PROTOCOL] == 1


def test_a_handshake_passes_as_an_upgrade(stage, browser):
    tunnel = open_tunnel(browser, stage, sec_websocket_protocol="a, b", sec_websocket_key="aWdub3JlZCBrZXkgYnkgdXM=")
    request = stage.upstream.requests[-1]
    assert tunnel.response.status == 200 and tunnel.response.get("Sec-WebSocket-Protocol") == "a"
    assert tunnel.response.get("Sec-WebSocket-Accept") is None
    assert (request.method, request.target, request.get("Upgrade")) == ("GET", "/ws", "websocket")
    assert request.get("Connection") == "Upgrade" and request.get("Sec-WebSocket-Version") == "13"
    assert request.get("Sec-WebSocket-Key") != "aWdub3JlZCBrZXkgYnkgdXM=" and len(request.get_all("Sec-WebSocket-Key")) == 1
    assert request.get("X-Forwarded-User") == "sasha" and request.get("Cookie") is None


def test_frames_pass_beside_other_requests(stage, browser):
    one, two = open_tunnel(browser, stage), open_tunnel(browser, stage)
    for number in range(10):
        one.echo(f"first {number}".encode())
        two.echo(f"second {number}".encode())
        assert browser.fetch("GET", "/", cookie=stage.cookie).status == 200
    data = os.urandom(1 << 20)
    one.echo(data, websocket.BINARY)


def test_the_browser_closes(stage, browser):
    tunnel = open_tunnel(browser, stage)
    tunnel.send(websocket.CLOSE, b"\x03\xe8")
    assert tunnel.read() == (websocket.CLOSE, b"\x03\xe8")
    browser.wait(lambda: tunnel.response.ended)
    browser.send(tunnel.stream, b"", end=True)
    browser.ping()
    assert tunnel.response.reset is None
    stage.proxy.wait_for_log(message="request", path="/ws", status=101)
    assert browser.fetch("GET", "/", cookie=stage.cookie).status == 200


def test_the_browser_closes_and_ends_its_stream(stage, browser):
    """As Chromium does: the answer to its close frame must still arrive."""
    tunnel = open_tunnel(browser, stage)
    tunnel.send(websocket.CLOSE, b"\x03\xe8", end=True)
    assert tunnel.read() == (websocket.CLOSE, b"\x03\xe8")
    browser.wait(lambda: tunnel.response.ended)
    assert tunnel.response.reset is None


def test_the_browser_ends_its_stream(stage, browser):
    """RFC 8441 section 5: as an orderly end of a connection."""
    tunnel = open_tunnel(browser, stage)
    browser.send(tunnel.stream, b"", end=True)
    browser.wait(lambda: tunnel.response.ended)
    stage.upstream.wait(lambda: any(c.closed_by_peer for c in stage.upstream.connections))


def test_the_browser_resets(stage, browser):
    tunnel = open_tunnel(browser, stage)
    browser.h2.reset_stream(tunnel.stream, CANCEL)
    browser.flush()
    stage.upstream.wait(lambda: any(c.closed_by_peer for c in stage.upstream.connections))
    assert browser.ping()


def test_the_ide_closes_without_an_answer(stage, browser):
    """A browser that never ends its side: the stream is reset without an error after a moment."""

    def answer(connection, request):
        key = request.get("Sec-WebSocket-Key").encode()
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {websocket.accept_value(key)}\r\n\r\n"
        )
        connection.send(websocket.close(1000))
        raise EOFError

    stage.upstream.answer = answer
    tunnel = open_tunnel(browser, stage)
    assert tunnel.read()[0] == websocket.CLOSE
    browser.wait(lambda: tunnel.response.reset is not None)
    assert (tunnel.response.ended, tunnel.response.reset) == (True, NO_ERROR)


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "https://other.localhost"])
def test_origins_are_checked(stage, browser, origin):
    tunnel = open_tunnel(browser, stage, origin=origin)
    assert tunnel.response.status == 403 and not stage.upstream.requests


def test_without_a_session(stage, browser):
    assert open_tunnel(browser, stage, cookie=False).response.status == 401
    assert not stage.upstream.requests


@pytest.mark.parametrize("status", [200, 204, 403, 404])
def test_the_ide_does_not_switch(stage, browser, status):
    """A success other than 101 must not look like an open WebSocket."""
    stage.upstream.answer = lambda connection, request: connection.send_response(status, body=b"" if status == 204 else b"no")
    tunnel = open_tunnel(browser, stage)
    assert tunnel.response.status == (status if status >= 400 else 502)
    browser.wait(lambda: tunnel.response.ended)


@pytest.mark.parametrize("accept", ["Sec-WebSocket-Accept: wrong\r\n", ""])
def test_a_wrong_accept(stage, browser, accept):
    stage.upstream.respond_with(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{accept}\r\n".encode()
    )
    assert open_tunnel(browser, stage).response.status == 502


def test_other_connects(stage, browser):
    assert open_tunnel(browser, stage, protocol="connect-udp").response.status == 501
    plain = browser.send_fields([(":method", "CONNECT"), (":authority", "example.com:443")], end=False)
    browser.wait(lambda: browser.responses[plain].status)
    assert browser.responses[plain].status == 501
    assert not stage.upstream.requests


def test_the_limit_of_websockets(stage, browser):
    tunnels = [open_tunnel(browser, stage) for _ in range(5)]
    assert [t.response.status for t in tunnels] == [200] * 4 + [429]
    for tunnel in tunnels[:4]:
        browser.h2.reset_stream(tunnel.stream, CANCEL)
    browser.ping()
    assert open_tunnel(browser, stage).response.status == 200


def test_data_before_the_answer_waits(stage, browser):
    stage.upstream.read_bodies = False
    stream = browser.send_fields(connect_fields(stage), end=False)
    browser.send(stream, websocket.frame(websocket.TEXT, b"early", mask=True))
    assert Tunnel(browser, stream).read() == (websocket.TEXT, b"early")


def test_a_slow_reader_stops_its_tunnel_only(stage):
    with H2Client(stage.proxy, consumes=False) as browser:
        stalled = open_tunnel(browser, stage)
        for _ in range(16):
            stalled.send(websocket.BINARY, bytes(1 << 14))
        browser.wait(lambda: len(stalled.response.body) >= 65535)
        browser.h2.increment_flow_control_window(1 << 20)
        browser.flush()
        browser.consumes = True
        open_tunnel(browser, stage).echo(b"alive")
        assert len(stalled.response.body) == 65535


# Ends


@pytest.fixture
def own(make_proxy, gitlab, upstream, client):
    def make(**settings):
        proxy = make_proxy(gitlab, upstream, **{"HTTP2": "on", **settings})
        client.login(proxy.origin + "/", "sasha", "sasha-password")
        cookies = client.cookies_of(proxy.name)
        proxy.secrets += [c.value for c in cookies]
        proxy.cookie = "; ".join(f"{c.name}={c.value}" for c in cookies)
        proxy.proxy = proxy
        upstream.forget()
        return proxy

    return make


def test_the_end_of_a_session(own, gitlab):
    proxy = own(AUTHORIZATION_INTERVAL="1s")
    with H2Client(proxy) as browser:
        browser.ping()
        tunnel = open_tunnel(browser, proxy)
        tunnel.echo(b"hello")
        gitlab.revoke_tokens("sasha")
        opcode, payload = tunnel.read()
        assert opcode == websocket.CLOSE and websocket.close_code(payload) == POLICY_VIOLATION
        browser.wait(lambda: tunnel.response.ended)


def test_drain(own):
    proxy = own()
    with H2Client(proxy) as browser:
        browser.ping()
        tunnel = open_tunnel(browser, proxy)
        tunnel.echo(b"hello")
        proxy.process.send_signal(signal.SIGTERM)
        opcode, payload = tunnel.read()
        assert opcode == websocket.CLOSE and websocket.close_code(payload) == GOING_AWAY
        tunnel.send(websocket.CLOSE, payload, end=True)
        assert browser.read_to_end()[1] == NO_ERROR
        assert tunnel.response.ended and tunnel.response.reset is None
    assert proxy.stop() == 0


def test_pings_of_ours(own):
    proxy = own(WEBSOCKET_PING_INTERVAL="200ms")
    with H2Client(proxy) as browser:
        browser.ping()
        tunnel = open_tunnel(browser, proxy)
        assert tunnel.read() == (websocket.PING, b"")


def test_websockets_can_be_off(own):
    proxy = own(HTTP2_WEBSOCKETS="off")
    with H2Client(proxy) as browser:
        browser.ping()
        assert ENABLE_CONNECT_PROTOCOL not in browser.remote_settings
        refused = browser.response(browser.send_fields(connect_fields(proxy), end=False))
        assert refused.reset == PROTOCOL_ERROR
