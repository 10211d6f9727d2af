# SPDX-License-Identifier: Apache-2.0
"""WebSockets as tunnels: who may open one, what passes, and how each ends."""

import os
import signal
import struct
import threading
import time

import pytest
import websocket
from proxy import is_sanitized, wait_until

GOING_AWAY, POLICY_VIOLATION = 1001, 1008
SOON_S = 20  # within which one side sees that the other is gone


def opened(stage, path="/ws", headers=(), **more):
    """A client with an open tunnel."""
    raw = stage.raw(**more)
    response = raw.upgrade(path, stage.host, stage.proxy.origin, [("Cookie", stage.cookie), *headers])
    assert response.status == 101, response.head
    return raw


def tunnel_of(stage):
    """The upstream's end of the tunnel."""
    return next(c for c in stage.upstream.connections if c.requests and c.requests[-1].get("Upgrade"))


def close_code(raw):
    """Reads to the close frame, which must be the last thing that comes."""
    while (frame := raw.read_frame())[0] != websocket.CLOSE:
        pass
    assert raw.is_closed(), "bytes after the close frame"
    return websocket.close_code(frame[1])


def accept(connection, request):
    key = request.get("Sec-WebSocket-Key").encode()
    connection.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {websocket.accept_value(key)}\r\n\r\n"
    )


def hold_open(stage, *frames, end="close"):
    """The upstream accepts, sends these bytes and then leaves the tunnel alone."""
    released = threading.Event()

    def answer(connection, request):
        accept(connection, request)
        for data in frames:
            connection.send(data)
        released.wait(10)
        getattr(connection, end)()
        raise EOFError

    stage.upstream.answer = answer
    return released


# The handshake


def test_the_handshake_passes_and_nothing_else(stage):
    more = [
        ("Sec-WebSocket-Protocol", "a, b"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Keep-Alive", "x"),
    ]
    with opened(stage, "/ws?x=1", more) as raw:
        raw.send_frame(websocket.TEXT, b"hello")
        assert raw.read_frame() == (websocket.TEXT, b"hello", True)
    request = stage.upstream.requests[0]
    assert request.target == "/ws?x=1" and request.get("X-Forwarded-User") == "sasha"
    assert request.get_all("Connection") == ["Upgrade"] and request.get_all("Upgrade") == ["websocket"]
    assert request.get("Sec-WebSocket-Protocol") == "a, b" and request.get("Keep-Alive") is None
    assert request.get("Sec-WebSocket-Extensions") == "permessage-deflate"
    assert request.get("Origin") == stage.proxy.origin and request.get("Cookie") is None


def origins(stage):
    host, own = stage.host, stage.proxy.origin
    name = host.partition(":")[0]
    return [
        *(
            None,
            "",
            "null",
            "https://evil.example",
            f"http://{host}",
            f"https://{name}",
            f"https://{name}:1",
            f"{own}/",
        ),
        *(
            f"https://x.{host}",
            f"https://{host}.evil.example",
            f"https://evil.example#{own}",
            f"{own}, {own}",
            host,
        ),
        *(f"https://user@{host}", f" {own}x", f"https://evil.example {own}", "file://", "*"),
    ]


def test_only_our_own_origin_may_upgrade(stage):
    """L11"""
    for origin in origins(stage):
        with stage.raw() as raw:
            response = raw.upgrade("/ws", stage.host, origin, [("Cookie", stage.cookie)])
            assert response.status == 403, origin
    own = stage.proxy.origin
    for more in ([("Origin", own)], [("Origin", "https://evil.example")], [("origin", "null")]):
        with stage.raw() as raw:
            assert raw.upgrade("/ws", stage.host, own, [("Cookie", stage.cookie), *more]).status == 400
    assert not stage.upstream.received


@pytest.mark.parametrize(
    "method, headers",
    [
        ("GET", [("Upgrade", "h2c"), ("Connection", "Upgrade")]),
        ("GET", [("Upgrade", "websocket"), ("Connection", "keep-alive")]),
        ("GET", [("Upgrade", "websocket, h2c"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "x")]),
        ("GET", [("Upgrade", "websocket"), ("Connection", "Upgrade")]),
        (
            "POST",
            [
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", "x"),
                ("Sec-WebSocket-Version", "13"),
            ],
        ),
        (
            "GET",
            [
                ("Upgrade", "websocket"),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", "x"),
                ("Sec-WebSocket-Version", "13"),
            ],
        ),
        (
            "GET",
            [
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", "x"),
                ("Sec-WebSocket-Version", "13"),
                ("Content-Length", "2"),
            ],
        ),
    ],
)
def test_what_is_no_handshake_is_no_upgrade(stage, method, headers):
    """It is an ordinary request for the upstream, which can't answer 101."""
    with stage.raw() as raw:
        raw.send(stage.head(method, "/", headers) + (b"hi" if ("Content-Length", "2") in headers else b""))
        assert raw.read_response().status == 200
    (request,) = stage.upstream.requests
    assert request.get("Upgrade") is None and request.get("Connection") in (None, "close")


def test_a_refused_handshake_is_an_ordinary_answer(stage):
    fields = [("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
    stage.upstream.answer = lambda c, r: c.send_response(426, fields, b"no")
    with stage.raw() as raw:
        response = raw.upgrade("/ws", stage.host, stage.proxy.origin, [("Cookie", stage.cookie)])
        assert (response.status, response.body) == (426, b"no")
        assert response.get("Sec-WebSocket-Version") == "13" and response.get("Upgrade") == "websocket"
        assert response.get("Connection") == "Upgrade"
        stage.upstream.answer = stage.upstream.default_answer
        assert raw.send(stage.head()).read_response().status == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_another_101_is_a_broken_answer(stage, answer):
    stage.upstream.respond_with(answer)
    with stage.raw() as raw:
        response = raw.upgrade("/ws", stage.host, stage.proxy.origin, [("Cookie", stage.cookie)])
        assert response.status == 502


# The tunnel


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1 << 20, 5 << 20])
def test_messages_of_every_size_both_ways(stage, size):
    data = os.urandom(size)
    with opened(stage, listener="http") as raw:
        sender = threading.Thread(target=lambda: raw.send_frame(websocket.BINARY, data))
        sender.start()
        assert raw.read_frame() == (websocket.BINARY, data, True)
        sender.join()


def test_frames_over_tls(stage):
    with opened(stage) as raw:
        for number in range(200):
            raw.send_frame(websocket.TEXT, b"%d" % number)
            assert raw.read_frame()[1] == b"%d" % number
        raw.send_frame(websocket.PING, b"x")
        assert raw.read_frame() == (websocket.PONG, b"x", True)
        raw.send_frame(websocket.TEXT, b"part", final=False).send_frame(websocket.CONTINUATION, b"ial")
        assert raw.read_frame() == (websocket.TEXT, b"part", False)
        assert raw.read_frame() == (websocket.CONTINUATION, b"ial", True)


def test_frames_sent_along_with_the_handshake(stage):
    with stage.raw() as raw:
        key = websocket.new_key()
        headers = [
            ("Upgrade", "websocket"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-WebSocket-Version", "13"),
        ]
        headers += [("Sec-WebSocket-Key", key), ("Origin", stage.proxy.origin)]
        raw.send(stage.head("GET", "/ws", headers) + websocket.frame(websocket.TEXT, b"early", mask=True))
        assert raw.read_response().status == 101
        assert raw.read_frame()[1] == b"early"


def test_frames_sent_along_with_the_answer(stage):
    released = hold_open(stage, websocket.frame(websocket.TEXT, b"early"))
    with opened(stage) as raw:
        assert raw.read_frame()[1] == b"early"
    released.set()


def test_a_browser_that_does_not_read_holds_the_upstream_back(stage):
    sent = [0]
    piece = websocket.frame(websocket.BINARY, bytes(60000))
    total = 256 << 20

    def pieces():
        while sent[0] < total:
            sent[0] += len(piece)
            yield piece

    def answer(connection, request):
        accept(connection, request)
        for data in pieces():
            connection.send(data)

    stage.upstream.answer = answer
    before = stage.proxy.memory_kib()
    with opened(stage) as raw:
        last, since = -1, time.monotonic()
        while time.monotonic() - since < 0.3:
            if sent[0] != last:
                last, since = sent[0], time.monotonic()
            time.sleep(0.01)
        assert sent[0] < total // 2, "no backpressure"
        for _ in range(100):
            assert raw.read_frame()[1] == bytes(60000)
        assert is_sanitized() or stage.proxy.memory_kib() - before < 1024


# Ends


def test_a_close_from_the_browser(stage):
    with opened(stage) as raw:
        raw.send_frame(websocket.CLOSE, struct.pack("!H", 1000))
        assert close_code(raw) == 1000
    connection = tunnel_of(stage)
    stage.upstream.wait(lambda: connection.closed_by_peer, what="the tunnel's end")
    assert connection.frames == [(websocket.CLOSE, struct.pack("!H", 1000))]


def test_a_close_from_the_upstream(stage):
    hold_open(stage, websocket.close(1011, b"bye")).set()
    with opened(stage) as raw:
        assert close_code(raw) == 1011


def test_the_upstream_sees_the_browser_leave(stage):
    raw = opened(stage)
    connection = tunnel_of(stage)
    started = time.monotonic()
    raw.close()
    stage.upstream.wait(lambda: connection.closed_by_peer, what="the tunnel's end")
    assert time.monotonic() - started < SOON_S


@pytest.mark.parametrize("how", ["close", "reset"])
def test_the_browser_sees_the_upstream_leave(stage, how):
    released = hold_open(stage, end=how)
    with opened(stage) as raw:
        started = time.monotonic()
        released.set()
        assert raw.is_closed() and time.monotonic() - started < SOON_S


def sign_out(stage):
    reply = stage.client.request(
        "POST",
        stage.proxy.origin + "/oauth2/sign_out",
        {"Origin": stage.proxy.origin, "Sec-Fetch-Site": "same-origin"},
    )
    assert reply.status in (200, 204, 302, 303), (reply.status, reply.text[:300])


def test_signing_out_closes_between_frames(make_stage):
    stage = make_stage()
    with opened(stage) as first, opened(stage, listener="https") as second:
        first.send_frame(websocket.TEXT, b"x")
        assert first.read_frame()[1] == b"x"
        sign_out(stage)
        assert close_code(first) == close_code(second) == POLICY_VIOLATION
    stage.upstream.wait(lambda: all(c.closed_by_peer for c in stage.upstream.connections if c.requests))


@pytest.mark.parametrize("rest_comes", [True, False])
@pytest.mark.parametrize("how", ["sign_out", "sigterm"])
def test_an_end_in_the_middle_of_a_large_frame(make_stage, how, rest_comes):
    """The frame is let out when the rest comes soon; if not, the connection is cut without a close frame."""
    stage = make_stage(DRAIN_TIMEOUT="5s")
    whole = websocket.frame(websocket.BINARY, bytes(1 << 20))
    gate = threading.Semaphore(0)
    done = threading.Event()

    def answer(connection, request):
        accept(connection, request)
        connection.send(whole[:500000])
        gate.acquire(timeout=60)
        if rest_comes:
            connection.send(whole[500000:] + websocket.frame(websocket.TEXT, b"too late"))
        done.wait(10)
        raise EOFError

    stage.upstream.answer = answer
    with opened(stage) as raw:
        raw.read_exactly(1)
        if how == "sign_out":
            sign_out(stage)
            code = POLICY_VIOLATION
        else:
            stage.proxy.process.send_signal(signal.SIGTERM)
            stage.proxy.wait_for_log(message="draining")
            code = GOING_AWAY
        gate.release()
        if rest_comes:
            raw._buffer[:0] = whole[:1]
            assert raw.read_frame() == (websocket.BINARY, bytes(1 << 20), True)
            assert close_code(raw) == code
        else:
            raw.read_exactly(499999)
            assert raw.is_closed()
    done.set()


def test_sigterm_closes_idle_websockets(make_stage):
    stage = make_stage()
    with opened(stage) as first, opened(stage) as second:
        stage.proxy.process.send_signal(signal.SIGTERM)
        assert close_code(first) == close_code(second) == GOING_AWAY
    started = time.monotonic()
    assert stage.proxy.stop() == 0 and time.monotonic() - started < SOON_S


def test_an_upgrade_under_way_when_draining_begins(make_stage):
    stage = make_stage()
    gate = threading.Semaphore(0)

    def answer(connection, request):
        gate.acquire(timeout=60)
        connection.answer_websocket(request)
        raise EOFError

    stage.upstream.answer = answer
    with stage.raw() as raw:
        key = websocket.new_key()
        headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        raw.send(
            stage.head("GET", "/ws", [*headers, ("Sec-WebSocket-Key", key), ("Origin", stage.proxy.origin)])
        )
        stage.upstream.wait_for_requests(1)
        stage.proxy.process.send_signal(signal.SIGTERM)
        stage.proxy.wait_for_log(message="draining")
        gate.release()
        assert raw.read_response().status == 101
        assert close_code(raw) == GOING_AWAY


def test_a_session_that_ends_during_the_handshake(make_stage):
    stage = make_stage()
    gate = threading.Semaphore(0)

    def answer(connection, request):
        gate.acquire(timeout=60)
        connection.answer_websocket(request)
        raise EOFError

    stage.upstream.answer = answer
    with stage.raw() as raw, stage.raw() as other:
        key = websocket.new_key()
        headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        raw.send(
            stage.head("GET", "/ws", [*headers, ("Sec-WebSocket-Key", key), ("Origin", stage.proxy.origin)])
        )
        other.send(stage.head("GET", "/events"))
        stage.upstream.wait_for_requests(2)
        sign_out(stage)
        assert raw.read_response().status == other.read_response().status == 401
        gate.release(2)
        connections = [c for c in stage.upstream.connections if c.requests]
        wait_until(
            lambda: all(c.closed_by_peer for c in connections), what="the upstream's connections to end"
        )


def test_an_event_stream_ends_with_its_session(make_stage):
    stage = make_stage()
    with stage.raw() as raw, stage.raw() as ours:
        raw.send(stage.head("GET", "/events/3", [("Accept", "text/event-stream")]))
        assert raw.read_head().status == 200
        ours.send(stage.head("GET", "/oauth2/workspace", [("Accept", "text/event-stream")]))
        assert ours.read_head().status == 200
        ours.read_until(b"\n\n")
        sign_out(stage)
        with pytest.raises(EOFError):
            raw.read_until(b"0\r\n\r\n")
        ours.read_until(b"0\r\n\r\n")


def test_an_access_that_is_taken_away_closes_websockets(make_stage):
    """L15"""
    stage = make_stage(AUTHORIZATION_INTERVAL="300ms")
    with opened(stage) as raw:
        stage.gitlab.workspace.owner = stage.gitlab.alex
        assert close_code(raw) == POLICY_VIOLATION


@pytest.mark.parametrize("value", [None, "", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
def test_an_upgrade_that_the_upstream_did_not_understand_is_none(stage, value):
    field = "" if value is None else f"Sec-WebSocket-Accept: {value}\r\n"
    stage.upstream.answer = lambda connection, request: connection.send(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{field}\r\n"
    )
    with stage.raw() as raw:
        assert raw.upgrade("/ws", stage.host, stage.proxy.origin, [("Cookie", stage.cookie)]).status == 502


def test_a_host_with_a_dot_at_its_end_is_the_same(stage):
    name, _, port = stage.host.partition(":")
    host = f"{name}.{':' if port else ''}{port}"
    with stage.raw() as raw:
        raw.send(stage.head().replace(stage.host.encode(), host.encode()))
        assert raw.read_response().status == 200
    with stage.raw() as raw:
        assert raw.upgrade("/ws", host, f"https://{host}", [("Cookie", stage.cookie)]).status == 101
    assert {r.get("Host") for r in stage.upstream.requests} == {stage.host}
