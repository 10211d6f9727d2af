# SPDX-License-Identifier: Apache-2.0
"""Either side that answers early or leaves half way, and how soon the other one sees it."""

import contextlib
import socket
import time

import pytest
from bodies import HEAD, MIB, PATTERN, Counter, receive
from proxy import wait_until

SOON_S = 20  # within which one side sees that the other is gone


# Answers that come early


@pytest.mark.parametrize("ends", [True, False])
def test_an_answer_before_the_body_has_arrived(stage, ends):
    stage.upstream.read_bodies = False

    def respond(connection, request):
        connection.send_response(413, [], b"too much")
        if ends:
            raise EOFError
        connection.socket.recv(1)

    stage.upstream.answer = respond
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/", [("Content-Length", str(100 * MIB))]))
        with contextlib.suppress(OSError):
            for _ in range(16):
                raw.send(PATTERN)
        response = raw.read_response()
        assert (response.status, response.body, response.get("Connection")) == (413, b"too much", "close")
        assert raw.is_closed()
    wait_until(
        lambda: all(c.closed_by_peer for c in stage.upstream.connections if c.requests),
        what="closed connections",
    )


def test_an_early_answer_with_a_long_body(stage):
    stage.upstream.read_bodies = False
    stage.upstream.answer = lambda c, r: c.answer_stream(3 * MIB, False)
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/", [("Content-Length", "1000000")]) + b"begin")
        assert len(raw.read_response().body) == 3 * MIB


# Breaking off


def ends_soon(stage, connection):
    started = time.monotonic()
    stage.upstream.wait(lambda: connection.closed_by_peer, what="the connection's end")
    assert time.monotonic() - started < SOON_S


@pytest.mark.parametrize("listener", ["https", "http"])
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("when", ["waiting", "response", "request"])
def test_the_upstream_sees_that_the_browser_left(stage, listener, how, when):
    def respond(connection, request):
        if when == "response":
            connection.send(HEAD + b"Content-Length: 10\r\n\r\nhello")
        connection.read_exactly(1)

    stage.upstream.answer = respond
    raw = stage.raw(listener=listener)
    if when == "request":
        raw.send(stage.head("POST", "/", [("Content-Length", "10")]) + b"hello")
    else:
        raw.send(stage.head())
    stage.upstream.wait_for_requests(1)
    if when == "response":
        raw.read_head()
    connection = next(c for c in stage.upstream.connections if c.requests)
    if how == "reset":
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raw.close()
    ends_soon(stage, connection)


def test_the_upstream_sees_that_a_slow_browser_left(stage):
    """While the response is held back."""
    sent = Counter()

    def respond(connection, request):
        connection.send(HEAD + b"Content-Length: 1000000000\r\n\r\n")
        while True:
            connection.send(PATTERN)
            sent.value += len(PATTERN)

    stage.upstream.answer = respond
    raw = stage.raw()
    raw.send(stage.head())
    raw.read_head()
    sent.settled()
    connection = next(c for c in stage.upstream.connections if c.requests)
    raw.close()
    ends_soon(stage, connection)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_the_browser_sees_that_the_upstream_left(stage, how):
    def respond(connection, request):
        connection.send(HEAD + b"Content-Length: 10\r\n\r\nhello")
        stage.upstream.event.acquire(timeout=60)
        connection.reset() if how == "reset" else connection.close()
        raise EOFError

    stage.upstream.answer = respond
    with stage.raw() as raw:
        raw.send(stage.head())
        raw.read_head()
        raw.read_exactly(5)
        stage.upstream.release_event()
        started = time.monotonic()
        assert raw.is_closed() and time.monotonic() - started < SOON_S


def test_a_client_that_shuts_its_side_still_gets_its_answer(stage):
    """On the plain listener, after Connection: close; over TLS an end is an end."""
    for size in (10, 5 * MIB):
        with stage.raw(listener="http") as raw:
            raw.send(stage.head("GET", f"/stream/{size}", [("Connection", "close")]))
            raw.socket.shutdown(socket.SHUT_WR)
            assert len(raw.read_response().body) == size


def test_a_client_that_shuts_its_side_late_still_gets_the_rest(stage):
    size = 20 * MIB
    with stage.raw(listener="http") as raw:
        raw.send(stage.head("GET", f"/stream/{size}", [("Connection", "close")]))
        raw.read_head()
        connection = next(c for c in stage.upstream.connections if c.requests)
        receive(raw, size - 300000 - 65536)
        raw.socket.shutdown(socket.SHUT_WR)
        receive(raw, 300000 + 65536)
        assert raw.is_closed()
    assert connection.requests


def test_an_end_of_tls_ends_the_request(stage):
    stage.upstream.answer = lambda connection, request: connection.read_exactly(1)
    with stage.raw() as raw:
        raw.send(stage.head(headers=[("Connection", "close")]))
        stage.upstream.wait_for_requests(1)
        connection = next(c for c in stage.upstream.connections if c.requests)
        with contextlib.suppress(OSError):
            raw.socket.unwrap()
        ends_soon(stage, connection)


def test_an_upload_that_stops_half_way_never_completes(stage):
    stage.upstream.read_bodies = True
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/", [("Transfer-Encoding", "chunked")]) + b"5\r\nhello\r\n")
        stage.upstream.wait_for_requests(1)
    connection = next(c for c in stage.upstream.connections if c.requests)
    ends_soon(stage, connection)
    assert not connection.requests[0].complete


# The access log


@pytest.mark.http1("the end of a connection")
def test_the_log_says_whether_the_ide_responded(stage):
    stage.upstream.answer = lambda connection, request: connection.read_exactly(1)
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/no-response"))
        stage.upstream.wait_for_requests(1)
    assert stage.proxy.wait_for_log(message="request", path="/no-response")["upstream"] is False

    def break_off(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        raise EOFError

    stage.upstream.answer = break_off
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/broken-off"))
        assert raw.read_until_close().endswith(b"hello")
    assert stage.proxy.wait_for_log(message="request", path="/broken-off")["upstream"] is True
