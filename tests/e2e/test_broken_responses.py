# SPDX-License-Identifier: Apache-2.0
"""Upstreams that break their responses, and pooled connections that died: what browsers see of it."""

import contextlib
import time

import pytest
from bodies import HEAD, MIB


BROKEN_HEADS = {
    "nothing": b"",
    "garbage": b"\x00\x01\x02\x03\r\n\r\n",
    "garbage-first": b"garbage\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok",
    "empty-line-first": b"\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok",
    "http2": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "http09": b"<html>hello</html>\r\n\r\n",
    "half-a-head": HEAD + b"Content-Le",
    "no-status": b"HTTP/1.1 \r\n\r\n",
    "status-of-two-digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "status-of-four-digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "status-099": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "status-600": b"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
    "status-with-sign": b"HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n",
    "nul-in-reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n",
    "two-lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "two-equal-lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "length-list": HEAD + b"Content-Length: 2, 2\r\n\r\nok",
    "length-and-chunked": HEAD
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "length-negative": HEAD + b"Content-Length: -2\r\n\r\nok",
    "length-overflow": HEAD + b"Content-Length: 18446744073709551618\r\n\r\nok",
    "length-with-underscore": HEAD + b"Content_Length: 2\r\n\r\nok",
    "connection-no-list": HEAD + b"Content-Length: 2\r\nConnection: close;a\r\n\r\nok",
    "upgrade-no-list": HEAD + b"Content-Length: 2\r\nUpgrade: a b\r\n\r\nok",
    "first-chunk-bad": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
    "first-chunk-extension-bare": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;\r\nok\r\n0\r\n\r\n",
    "first-chunk-extension-open": HEAD + b'Transfer-Encoding: chunked\r\n\r\n2;a="\r\nok\r\n0\r\n\r\n',
    "coding-unknown": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "coding-twice": HEAD
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "coding-in-http10": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "space-before-colon": HEAD + b"X : y\r\nContent-Length: 0\r\n\r\n",
    "fold": HEAD + b"X: y\r\n z\r\nContent-Length: 0\r\n\r\n",
    "bare-lf": HEAD + b"X: y\nContent-Length: 0\r\n\r\n",
    "bare-cr": HEAD + b"X: y\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
    "nul": HEAD + b"X: \0\r\nContent-Length: 0\r\n\r\n",
    "no-colon": HEAD + b"X\r\nContent-Length: 0\r\n\r\n",
    "101-unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello",
    "101-bare": b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "100-and-nothing": b"HTTP/1.1 100 Continue\r\n\r\n",
    "too-many-fields": HEAD + b"X: y\r\n" * 100000 + b"\r\n",
    "a-huge-field": HEAD + b"X: " + b"y" * MIB + b"\r\n\r\n",
    "a-huge-status-line": b"HTTP/1.1 200 " + b"y" * MIB + b"\r\n\r\n",
}


def send_and_end(data):
    def answer(connection, request):
        with contextlib.suppress(OSError):
            connection.send(data)
        raise EOFError

    return answer


@pytest.mark.parametrize("name", BROKEN_HEADS)
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_broken_response_head_becomes_502(stage, name, pieces):
    data = BROKEN_HEADS[name]
    if pieces == 1:
        stage.upstream.answer = send_and_end(data)
    else:

        def answer(connection, request):
            half = len(data) // 2
            with contextlib.suppress(OSError):
                connection.send(data[:half])
                time.sleep(0.005)
                connection.send(data[half:])
            raise EOFError

        stage.upstream.answer = answer
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/", [("Content-Length", "0")]))
        response = raw.read_response()
        assert response.status == 502 and b"ok" not in response.body.replace(b"looks", b"").replace(
            b"broke", b""
        )
        stage.upstream.answer = stage.upstream.default_answer
        assert b"the IDE" in raw.send(stage.head()).read_response().body


BROKEN_BODIES = {
    "length-short": HEAD + b"Content-Length: 10\r\n\r\nhello",
    "length-empty": HEAD + b"Content-Length: 10\r\n\r\n",
    "chunk-short": HEAD + b"Transfer-Encoding: chunked\r\n\r\na\r\nhello",
    "no-last-chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "no-end-of-trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    "half-a-trailer": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y",
    "chunk-size-bad": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n",
    "chunk-size-negative": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-5\r\nworld\r\n0\r\n\r\n",
    "chunk-size-overflow": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10000000000000005\r\nworld\r\n",
    "chunk-end-bad": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    "chunk-extension-bare": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5;\r\nworld\r\n0\r\n\r\n",
    "chunk-extension-open": HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5;a="\r\nworld\r\n0\r\n\r\n',
    "bare-lf": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
    "trailers-without-end": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
    + b"X: y\r\n" * 5000,
}


def read_all(raw):
    """Everything up to the end, and whether that end was an orderly one."""
    data = bytearray()
    try:
        while piece := raw.socket.recv(65536):
            data += piece
    except OSError:
        return bytes(data), False
    return bytes(data), True


def assert_broken(data, is_orderly):
    """Broken off, or a 502 where the first bytes told already that the body is malformed."""
    head, _, body = data.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 502 "):
        assert b"hello" not in body
        return
    assert not body.endswith(b"0\r\n\r\n") and b"world" not in body
    if b"Content-Length" in head:
        assert len(body) < 10
    elif b"chunked" not in head:
        assert not is_orderly, "the end of the connection could be the body's end"


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_a_broken_response_body_never_looks_whole(stage, name, version):
    stage.upstream.answer = send_and_end(BROKEN_BODIES[name])
    with stage.raw() as raw:
        raw.send(stage.head(headers=[("Connection", "close")], version=version))
        assert_broken(*read_all(raw))


def test_a_broken_response_body_never_looks_whole_without_tls(make_stage):
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0")
    for name, data in BROKEN_BODIES.items():
        for version in ("HTTP/1.1", "HTTP/1.0"):
            stage.upstream.answer = send_and_end(data)
            with stage.raw(listener="http") as raw:
                raw.send(stage.head(headers=[("Connection", "close")], version=version))
                assert_broken(*read_all(raw))


@pytest.mark.parametrize("bad", [b"zz\r\nworld\r\n", b"5;\r\nworld\r\n", b'5;a="\r\nworld\r\n', b"0\r\nX\r\n\r\n"])
def test_a_chunk_that_is_malformed_later_breaks_the_response_off(stage, bad):
    def answer(connection, request):
        connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        stage.upstream.event.acquire(timeout=5)
        connection.send(bad + b"0\r\n\r\n")
        raise EOFError

    stage.upstream.answer = answer
    with stage.raw() as raw:
        raw.send(stage.head())
        raw.read_until(b"hello")
        stage.upstream.release_event()
        data, _ = read_all(raw)
    assert b"world" not in data and not data.endswith(b"0\r\n\r\n")


def test_a_reset_in_a_body_is_passed_on(stage):
    def answer(connection, request):
        connection.send(HEAD + b"Content-Length: 10\r\n\r\nhello")
        connection.reset()
        raise EOFError

    stage.upstream.answer = answer
    with stage.raw() as raw:
        raw.send(stage.head())
        raw.read_head()
        with pytest.raises((EOFError, OSError)):
            raw.read_exactly(10)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 2\r\n\r\nok",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_bytes_after_a_response_are_discarded(stage, answer, later):
    """No request ever sees what was left over from another one's answer."""
    evil = HEAD + b"Content-Length: 4\r\n\r\nevil"

    def respond(connection, request):
        connection.send(answer if later else answer + evil)
        if later:
            stage.upstream.event.acquire(timeout=5)
            with contextlib.suppress(OSError):
                connection.send(evil)
            stage.upstream.answer = stage.upstream.default_answer

    stage.upstream.answer = respond
    with stage.raw() as raw:
        raw.send(stage.head())
        assert b"evil" not in raw.read_response().body
        connection = next(c for c in stage.upstream.connections if c.requests)
        if later:
            stage.upstream.release_event()
        stage.upstream.wait(lambda: connection.closed_by_peer, what="the connection's end")
        stage.upstream.answer = stage.upstream.default_answer
        for _ in range(3):
            assert b"the IDE" in raw.send(stage.head()).read_response().body
    assert len(connection.requests) == 1


def test_a_head_answer_with_a_body_spoils_the_connection(stage):
    stage.upstream.answer = lambda c, r: c.send(HEAD + b"Content-Length: 4\r\n\r\nevil")
    with stage.raw() as raw:
        raw.send(stage.head("HEAD")).read_response("HEAD")
        stage.upstream.answer = stage.upstream.default_answer
        assert b"the IDE" in raw.send(stage.head()).read_response().body


def test_close_by_the_upstream_is_kept_from_the_browser(stage):
    closing = HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nok"
    stage.upstream.answer = lambda c, r: c.send(closing)
    with stage.raw() as raw:
        for _ in range(3):
            response = raw.send(stage.head()).read_response()
            assert response.body == b"ok" and response.get("Connection") is None
    assert max(len(c.requests) for c in stage.upstream.connections) == 1


# Pooled connections that died


def make_stale(stage, raw):
    """Leaves one pooled connection whose next request will meet its end."""

    def respond(connection, request):
        if not connection.requests[1:]:
            connection.send_response(200, [], b"first")
        else:
            connection.reset() if stage.upstream.stale_by_reset else connection.close()
            raise EOFError

    stage.upstream.answer = respond
    assert raw.send(stage.head("GET", "/first")).read_response().body == b"first"


@pytest.fixture(params=[True, False], ids=["reset", "closed"])
def stale(request, stage):
    stage.upstream.stale_by_reset = request.param
    for connection in stage.upstream.connections:
        connection.close()
    stage.upstream.wait(lambda: all(c.closed_by_peer for c in stage.upstream.connections))
    stage.upstream.forget()
    return stage


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_what_may_be_repeated_is_repeated_once(stale, method):
    stage = stale
    with stage.raw() as raw:
        make_stale(stage, raw)
        response = raw.send(stage.head(method, "/again")).read_response(method)
        assert response.status == 200
    assert [r.target for r in stage.upstream.requests] == ["/first", "/again", "/again"]


def test_what_may_be_repeated_is_not_repeated_twice(stale):
    stage = stale
    with stage.raw() as raw:
        make_stale(stage, raw)
        stage.upstream.answer = send_and_end(b"")
        assert raw.send(stage.head("GET", "/again")).read_response().status == 502
    assert [r.target for r in stage.upstream.requests] == ["/first", "/again", "/again"]


@pytest.mark.parametrize(
    "method, headers, body",
    [
        ("POST", [], b""),
        ("PATCH", [("Content-Length", "0")], b""),
        ("POST", [("Content-Length", "5")], b"hello"),
        ("PUT", [("Content-Length", "5")], b"hello"),
        ("GET", [("Content-Length", "5")], b"hello"),
        ("BREW", [], b""),
    ],
)
def test_what_may_not_be_repeated_is_sent_once(stale, method, headers, body):
    stage = stale
    with stage.raw() as raw:
        make_stale(stage, raw)
        response = raw.send(stage.head(method, "/again", headers) + body).read_response()
    # A connection that was idle too long for such a request gives way to a new one, which answers.
    (used,) = [c for c in stage.upstream.connections if any(r.target == "/again" for r in c.requests)]
    assert response.status == (502 if len(used.requests) == 2 else 200)
    assert [r.target for r in stage.upstream.requests] == ["/first", "/again"]


def test_pooled_connections_that_closed_are_noticed(stage):
    with stage.raw() as raw:
        raw.send(stage.head()).read_response()
        for connection in stage.upstream.connections:
            connection.close()
        stage.upstream.forget()
        response = raw.send(stage.head("POST", "/x", [("Content-Length", "2")]) + b"hi").read_response()
        assert response.status in (200, 502)
        assert (
            raw.send(stage.head("POST", "/y", [("Content-Length", "2")]) + b"hi").read_response().status
            == 200
        )
