# SPDX-License-Identifier: Apache-2.0
"""Every state has its deadline: what ends when nothing moves, how, and what goes on because something does."""

import contextlib
import socket
import threading
import time

import pytest
import websocket
from proxy import wait_until
from raw_client import RawClient

SHORT = "300ms"
SHORT_S, SLACK_S = 0.3, 9  # the least default is 15 s
# Where something must happen in time: longer than a busy machine keeps a test from running. And a pace within that.
LONGER, LONGER_S, PACE_S, STEPS = "2s", 2, 0.4, 8
HEAD = b"HTTP/1.1 200 OK\r\n"


@contextlib.contextmanager
def within(least_s=SHORT_S, most_s=SHORT_S + SLACK_S):
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    assert least_s * 0.9 <= took < most_s, f"took {took:.2f} s"


# Browsers


def test_a_handshake_that_does_not_come(make_stage):
    stage = make_stage(HANDSHAKE_TIMEOUT=SHORT)
    for data in (b"", b"\x16\x03\x01"):
        with RawClient(stage.proxy.address()) as raw, within():
            raw.send(data)
            assert raw.is_closed()


def test_a_head_that_does_not_end(make_stage):
    """408 from the first byte on, however busy the sender looks."""
    stage = make_stage(HEAD_TIMEOUT=SHORT)
    with stage.raw() as raw:
        raw.send(stage.head()).read_response()
        with within():
            data = stage.head(headers=[("X-Slow", "y" * 1000)])
            raw.socket.settimeout(0.02)
            answer = b""
            for byte in data:
                with contextlib.suppress(TimeoutError, OSError):
                    raw.send(bytes([byte]))
                    answer += raw.socket.recv(1)
                if answer:
                    break
            raw.socket.settimeout(60)
            assert (answer + raw.read_until_close()).startswith(b"HTTP/1.1 408 ")
    assert len(stage.upstream.requests) == 1


def test_a_kept_connection_without_a_request(make_stage):
    stage = make_stage(KEEPALIVE_TIMEOUT=LONGER)
    with stage.raw() as raw, within(LONGER_S, LONGER_S + SLACK_S):
        assert raw.is_closed()
    with stage.raw() as raw:
        raw.send(stage.head()).read_response()
        with within(LONGER_S, LONGER_S + SLACK_S):
            assert raw.is_closed()


def test_a_body_that_stops(make_stage):
    stage = make_stage(BODY_TIMEOUT=SHORT)
    for headers, body in (
        ([("Content-Length", "10")], b"hello"),
        ([("Transfer-Encoding", "chunked")], b"5\r\nhel"),
    ):
        stage.upstream.forget()
        with stage.raw() as raw, within():
            raw.send(stage.head("POST", "/x", headers) + body)
            response = raw.read_response()
            assert (response.status, response.get("Connection")) == (408, "close")
            assert raw.is_closed()
        connection = next(c for c in stage.upstream.connections if c.requests)
        stage.upstream.wait(lambda c=connection: c.closed_by_peer, what="the upload's end")
        assert not connection.requests[0].complete


def test_a_body_for_our_own_endpoint_that_stops(make_stage):
    stage = make_stage(BODY_TIMEOUT=SHORT)
    with stage.raw() as raw, within():
        raw.send(stage.head("POST", "/oauth2/workspace", [("Content-Length", "10")]) + b"acti")
        assert raw.read_response().status == 408


def test_a_slow_body_goes_on(make_stage):
    stage = make_stage(BODY_TIMEOUT=LONGER)
    with stage.raw() as raw, within(STEPS * PACE_S, 60):
        raw.send(stage.head("POST", "/x", [("Content-Length", str(STEPS))]))
        for _ in range(STEPS):
            stage.upstream.event.acquire(timeout=PACE_S)  # never released: a pace
            raw.send(b"x")
        assert raw.read_response().status == 200


def test_the_wait_for_an_answer_is_not_the_bodys(make_stage):
    """Nothing is expected of a browser whose request is whole."""
    stage = make_stage(BODY_TIMEOUT=LONGER, KEEPALIVE_TIMEOUT=LONGER, HEAD_TIMEOUT=LONGER, SEND_TIMEOUT=LONGER)

    def answer(connection, request):
        stage.upstream.event.acquire(timeout=LONGER_S * 1.5)
        connection.send_response(200, [], b"late")

    stage.upstream.answer = answer
    with stage.raw() as raw, within(LONGER_S * 1.5, 60):
        raw.send(stage.head("POST", "/x", [("Content-Length", "2")]) + b"hi")
        assert raw.read_response().body == b"late"


def test_a_browser_that_takes_nothing(make_stage):
    stage = make_stage(SEND_TIMEOUT=SHORT)
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/stream/1000000000"))
        raw.read_head()
        connection = next(c for c in stage.upstream.connections if c.requests)
        stage.upstream.wait(lambda: connection.closed_by_peer, what="the end of what nobody reads")


def test_a_browser_that_takes_little(make_stage):
    """Slow is not gone, though the kernel's buffer stays full for longer than the deadline."""
    stage = make_stage(SEND_TIMEOUT=LONGER, SEND_MIN_RATE=10000, MIN_RATE_PERIOD=LONGER)
    size = 24 << 20
    with stage.raw() as raw:
        raw.send(stage.head("GET", f"/stream/{size}"))
        raw.read_head()
        got = len(raw._buffer)
        started = time.monotonic()
        while time.monotonic() - started < 2 * LONGER_S:
            got += len(raw.socket.recv(16384))
            stage.upstream.event.acquire(timeout=0.03)  # never released: a pace
        while got < size:
            data = raw.socket.recv(65536)
            assert data, f"cut after {got} of {size} bytes"
            got += len(data)


def test_a_browser_that_does_not_end_its_side(make_stage):
    """After Connection: close we wait a moment for the other side, not for ever."""
    stage = make_stage()
    with stage.raw() as raw, within(0, 12):
        raw.send(stage.head(headers=[("Connection", "close")])).read_response()
        assert raw.is_closed()
        with pytest.raises(OSError):
            while True:
                raw.socket.send(b"x")
                stage.upstream.event.acquire(timeout=0.05)  # never released: a pace


# The upstream


def test_an_upstream_that_does_not_take_connections(make_stage):
    stage = make_stage(UPSTREAM_CONNECT_TIMEOUT=SHORT)
    port = stage.upstream.port
    stage.upstream.stop()
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(4):  # further ones are left without an answer
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        with stage.raw() as raw, within():
            response = raw.send(stage.head()).read_response()
            assert response.status == 503 and response.get("Retry-After")


def test_an_upstream_that_is_not_there(make_stage):
    stage = make_stage()
    stage.upstream.stop()
    with stage.raw() as raw, within(0):
        raw.send(stage.head()).read_response()
        response = raw.send(stage.head()).read_response()
        assert response.status == 503 and response.get("Retry-After")
        page = raw.send(
            stage.head(headers=[("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")])
        ).read_response()
        assert page.status == 503 and page.get("Content-Type").startswith("text/html")
        response = raw.send(stage.head("POST", "/", [("Content-Length", "5")]) + b"hello").read_response()
        assert response.status == 503


@pytest.mark.parametrize("begins", [b"", b"HTTP/1.1 200 O"])
def test_an_upstream_that_does_not_answer(make_stage, begins):
    stage = make_stage(UPSTREAM_RESPONSE_TIMEOUT=LONGER)

    def answer(connection, request):
        connection.send(begins)
        connection.read_exactly(1)

    stage.upstream.answer = answer
    with stage.raw() as raw:
        with within(LONGER_S, LONGER_S + SLACK_S):
            assert raw.send(stage.head()).read_response().status == 504
        stage.upstream.answer = stage.upstream.default_answer
        assert raw.send(stage.head()).read_response().status == 200
    stage.proxy.wait_for_log(message="upstream failed", error="no response head within UPSTREAM_RESPONSE_TIMEOUT")


def test_a_response_head_that_trickles(make_stage):
    """The timeout is for the whole head, not for its next byte."""
    stage = make_stage(UPSTREAM_RESPONSE_TIMEOUT=LONGER)
    event = stage.upstream.event

    def answer(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nX: ")
        with contextlib.suppress(OSError):
            while not event.acquire(timeout=LONGER_S / 8):  # never released
                connection.send("x")

    stage.upstream.answer = answer
    with stage.raw() as raw, within(LONGER_S, LONGER_S + SLACK_S):
        assert raw.send(stage.head()).read_response().status == 504


@pytest.mark.parametrize("expects", [False, True])
@pytest.mark.parametrize("size", [10, 1000000])
def test_a_pause_of_the_browser_is_not_the_upstreams(make_stage, expects, size):
    """Nobody waits for the IDE while the browser uploads, which has a longer timeout here."""
    stage = make_stage(UPSTREAM_RESPONSE_TIMEOUT=SHORT, BODY_TIMEOUT=LONGER, HTTP_ADDRESS="127.0.0.1:0")
    stage.upstream.read_bodies = False

    def answer(connection, request):
        if expects:
            connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(request)

    stage.upstream.answer = answer
    headers = [("Content-Length", str(size)), *[("Expect", "100-continue")] * expects]
    with stage.raw(listener="http") as raw:
        raw.send(stage.head("POST", "/x", headers))
        if expects:
            assert raw.read_head().status == 100
        with within(LONGER_S, LONGER_S + SLACK_S):
            raw.send(b"x" * (size // 2))
            assert raw.read_response().status == 408


def test_the_wait_for_a_response_begins_with_the_end_of_the_request(make_stage):
    stage = make_stage(UPSTREAM_RESPONSE_TIMEOUT=LONGER)
    stage.upstream.answer = lambda connection, request: connection.read_exactly(1)
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/x", [("Transfer-Encoding", "chunked")]) + b"1\r\nx\r\n")
        stage.upstream.event.acquire(timeout=LONGER_S / 2)  # never released: a pause
        with within(LONGER_S, LONGER_S + SLACK_S):
            raw.send(b"0\r\n\r\n")
            assert raw.read_response().status == 504


def test_an_upstream_that_does_not_say_continue(make_stage):
    stage = make_stage(UPSTREAM_RESPONSE_TIMEOUT=SHORT)
    stage.upstream.read_bodies = False
    stage.upstream.answer = lambda connection, request: connection.read_exactly(1)
    with stage.raw() as raw, within():
        raw.send(stage.head("POST", "/x", [("Content-Length", "10"), ("Expect", "100-continue")]))
        assert raw.read_response().status == 504


def test_an_upstream_that_does_not_read(make_stage):
    stage = make_stage(UPSTREAM_RESPONSE_TIMEOUT=SHORT)
    stage.upstream.read_bodies = False
    event = stage.upstream.event
    stage.upstream.answer = lambda connection, request: event.acquire(timeout=60)
    with stage.raw() as raw, within(most_s=60):

        def upload():
            with contextlib.suppress(OSError):
                raw.send(b"x" * (64 << 20))

        raw.send(stage.head("POST", "/x", [("Content-Length", str(64 << 20))]))
        uploader = threading.Thread(target=upload)
        uploader.start()
        assert raw.read_response().status == 504
        event.release()
        uploader.join()


def test_an_upstream_that_stops_in_a_body(make_stage):
    stage = make_stage(STREAM_IDLE_TIMEOUT=SHORT)

    def answer(connection, request):
        connection.send(HEAD + b"Content-Length: 10\r\n\r\nhello")
        connection.read_exactly(1)

    stage.upstream.answer = answer
    with stage.raw() as raw, within():
        raw.send(stage.head()).read_head()
        with pytest.raises(EOFError):
            raw.read_exactly(10)
    stage.proxy.wait_for_log(message="upstream failed", error="no data within STREAM_IDLE_TIMEOUT")


def test_a_slow_stream_goes_on(make_stage):
    stage = make_stage(STREAM_IDLE_TIMEOUT=LONGER, SEND_TIMEOUT=LONGER, UPSTREAM_RESPONSE_TIMEOUT=LONGER)

    def answer(connection, request):
        connection.send(HEAD + b"Content-Length: %d\r\n\r\n" % STEPS)
        for _ in range(STEPS):
            stage.upstream.event.acquire(timeout=PACE_S)
            connection.send(b"x")

    stage.upstream.answer = answer
    with stage.raw() as raw, within(STEPS * PACE_S, 60):
        assert raw.send(stage.head()).read_response().body == b"x" * STEPS


@pytest.mark.parametrize("who", ["nobody", "browser", "upstream"])
def test_a_tunnel_on_which_nothing_moves(make_stage, who):
    stage = make_stage(STREAM_IDLE_TIMEOUT=LONGER)

    def answer(connection, request):
        key = request.get("Sec-WebSocket-Key").encode()
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {websocket.accept_value(key)}\r\n\r\n"
        )
        for _ in range(STEPS if who == "upstream" else 0):
            stage.upstream.event.acquire(timeout=PACE_S)
            connection.send(websocket.frame(websocket.PING))
        while True:
            connection.read_exactly(1)

    stage.upstream.answer = answer
    with stage.raw() as raw, within(LONGER_S if who == "nobody" else STEPS * PACE_S + LONGER_S, 60):
        response = raw.upgrade("/ws", stage.host, stage.proxy.origin, [("Cookie", stage.cookie)])
        assert response.status == 101
        for _ in range(STEPS if who == "browser" else 0):
            stage.upstream.event.acquire(timeout=PACE_S)
            raw.send_frame(websocket.PING)
        raw.read_until_close()


def test_pooled_connections_are_given_up(make_stage):
    stage = make_stage(UPSTREAM_IDLE_TIMEOUT=SHORT)
    with stage.raw() as raw:
        raw.send(stage.head()).read_response()
        connection = next(c for c in stage.upstream.connections if c.requests)
        with within():
            stage.upstream.wait(lambda: connection.closed_by_peer, what="the pooled connection's end")
        assert raw.send(stage.head()).read_response().status == 200


# Limits


@pytest.mark.http1("an answer to a head that is too large")
def test_limits_of_heads_can_be_set(make_stage):
    stage = make_stage(HEAD_MAX_SIZE="2KiB", HEADERS_MAX=16, RESPONSE_HEAD_MAX_SIZE="2KiB")
    for data, status in (
        (stage.head(headers=[("X", "y")] * 17), 431),
        (stage.head(headers=[("X", "y" * 3000)]), 431),
        (stage.head(target="/" + "a" * 3000), 414),
        (stage.head(headers=[("X", "y")] * 14), 200),
    ):
        with stage.raw() as raw:
            assert raw.send(data).read_response().status == status
    for error in (
        "the request head exceeds HEAD_MAX_SIZE or HEADERS_MAX",
        "the request line exceeds URI_MAX_SIZE or HEAD_MAX_SIZE",
    ):
        assert stage.proxy.log_entries(message="request refused", error=error)
    assert stage.proxy.log_entries(message="request head is larger than HEAD_MAX_SIZE")
    big = HEAD + b"X: " + b"y" * 3000 + b"\r\nContent-Length: 0\r\n\r\n"
    stage.upstream.respond_with(big)
    with stage.raw() as raw:
        assert raw.send(stage.head()).read_response().status == 502


def test_a_large_head_can_be_allowed(make_stage):
    stage = make_stage(HEAD_MAX_SIZE="1MiB", HEADERS_MAX=1000)
    headers = [(f"X-{n}", "y" * 1000) for n in range(900)]
    with stage.raw() as raw:
        assert raw.send(stage.head(headers=headers)).read_response().status == 200
        assert raw.send(stage.head() + stage.head(headers=headers)).read_response().status == 200
        assert raw.read_response().status == 200
    assert len(stage.upstream.requests[-1].headers) > 900


def test_connections_beyond_the_limit_wait(make_stage):
    stage = make_stage(CONNECTIONS_MAX=3, KEEPALIVE_TIMEOUT="20s", HTTP_ADDRESS="127.0.0.1:0")
    open_ones = [RawClient(stage.proxy.address("http"), timeout=60) for _ in range(12)]
    head = stage.head("GET", "/oauth2/nothing")
    for raw in open_ones:
        raw.send(head)
    served = []
    for raw in open_ones:  # in the order in which they were accepted
        assert raw.read_response().status == 404
        served.append(raw)
        if len(served) == 3:
            open_ones[-1].socket.settimeout(0.2)
            with pytest.raises(TimeoutError):
                open_ones[-1].socket.recv(1)
            open_ones[-1].socket.settimeout(60)
        if len(served) >= 3:
            served.pop(0).close()
    for raw in served:
        raw.close()
    with stage.raw() as raw:
        assert raw.send(stage.head()).read_response().status == 200
    stage.proxy.wait_for_log(message="connection limit reached")


def seconds_to_keepalive_probe(local, remote):
    """What the kernel's table says of one connection; None without such a timer."""

    def as_hex(address):
        return "0100007F:%04X" % address[1]

    with open("/proc/net/tcp") as table:
        for fields in map(str.split, table):
            if fields[1:3] == [as_hex(local), as_hex(remote)]:
                kind, when = fields[5].split(":")
                return int(when, 16) / 100 if kind == "02" else None
    raise LookupError(f"no connection from {local} to {remote}")


def test_a_peer_that_vanished_is_probed_for(stage):
    """A laptop that sleeps closes nothing: only probes end its WebSockets."""
    with stage.raw() as raw:
        assert raw.upgrade("/ws", stage.host, stage.proxy.origin, [("Cookie", stage.cookie)]).status == 101
        ours, theirs = raw.socket.getsockname(), raw.socket.getpeername()
        wait_until(lambda: seconds_to_keepalive_probe(theirs, ours), what="a keepalive timer")
        assert 30 < seconds_to_keepalive_probe(theirs, ours) <= 60
