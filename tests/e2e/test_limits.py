# SPDX-License-Identifier: Apache-2.0
"""What one browser, or one address, may take: connections, bytes, slowness, descriptors."""

import contextlib
import fcntl
import os
import resource
import socket
import struct
import termios
import threading
import time

import pytest
import websocket
from proxy import wait_until
from raw_client import RawClient
from test_websocket_limits import upgrade

SHORT_PERIOD = "400ms"
PERIOD_S = 0.4
ONE, OTHER = "127.0.0.2", "127.0.0.3"
PIECE = bytes(65536)


def connect(stage, source, listener="http"):
    return RawClient(stage.proxy.address(listener), source=source)


def behind_proxy(stage, client):
    return connect(stage, ONE).send(f"PROXY TCP4 {client} 192.0.2.2 1234 443\r\n")


def get_404(stage, raw):
    """An answer of our own, on a connection that is served."""
    assert raw.send(stage.head("GET", "/oauth2/nothing")).read_response().status == 404
    return raw


# Connections of one address


def test_one_address_can_not_take_all_connections(make_stage):
    stage = make_stage(CONNECTIONS_PER_ADDRESS_MAX=3, HTTP_ADDRESS="127.0.0.1:0")
    ours = [get_404(stage, connect(stage, ONE)) for _ in range(3)]
    for listener in ("http", "https", "http"):
        with connect(stage, ONE, listener) as refused:
            assert refused.is_closed()
    with connect(stage, OTHER) as other:
        get_404(stage, other)
    for raw in ours:
        get_404(stage, raw)
    ours.pop().close()

    def is_served_again():
        with contextlib.suppress(OSError, EOFError), connect(stage, ONE) as again:
            return bool(get_404(stage, again))

    wait_until(is_served_again, what="room for another connection")
    message = "connections refused: too many of one address"
    stage.proxy.wait_for_log(message=message)
    assert [line["peer"] for line in stage.proxy.log_entries(message=message)] == [ONE]
    for raw in ours:
        raw.close()


def test_trusted_proxies_speak_for_many(make_stage):
    stage = make_stage(CONNECTIONS_PER_ADDRESS_MAX=2, HTTP_ADDRESS="127.0.0.1:0", TRUSTED_PROXY_IPS=ONE)
    ours = [get_404(stage, connect(stage, ONE)) for _ in range(6)]
    for raw in ours:
        raw.close()


def test_the_proxy_header_says_whose_connection_it_is(make_stage):
    stage = make_stage(
        CONNECTIONS_PER_ADDRESS_MAX=2,
        HTTP_ADDRESS="127.0.0.1:0",
        TRUSTED_PROXY_IPS=ONE,
        PROXY_PROTOCOL="on",
    )

    ours = [get_404(stage, behind_proxy(stage, "192.0.2.7")) for _ in range(2)]
    with behind_proxy(stage, "192.0.2.7") as refused:
        assert refused.is_closed()
    ours += [get_404(stage, behind_proxy(stage, "192.0.2.8"))]
    for raw in ours:
        raw.close()


def test_a_refusal_behind_the_proxy_header_makes_room(make_stage):
    stage = make_stage(
        CONNECTIONS_MAX=3,
        CONNECTIONS_PER_ADDRESS_MAX=2,
        HTTP_ADDRESS="127.0.0.1:0",
        TRUSTED_PROXY_IPS=ONE,
        PROXY_PROTOCOL="on",
    )

    ours = [get_404(stage, behind_proxy(stage, "192.0.2.7")) for _ in range(2)]
    with behind_proxy(stage, "192.0.2.7") as refused:
        stage.proxy.wait_for_log(message="connection limit reached")
        assert refused.is_closed()
    ours += [get_404(stage, behind_proxy(stage, "192.0.2.8"))]
    for raw in ours:
        raw.close()


def test_idle_connections_without_a_user_make_room(make_stage):
    stage = make_stage(CONNECTIONS_MAX=4, HTTP_ADDRESS="127.0.0.1:0", HEAD_TIMEOUT="60s")
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(stage.raw(listener="http"))
        assert ours.send(stage.head()).read_response().status == 200
        idle = [stack.enter_context(get_404(stage, stage.raw(listener="http"))) for _ in range(3)]
        for raw in idle:
            raw.send(b"GET / HT")
        for number in range(3):
            raw = stack.enter_context(stage.raw(listener="http"))
            assert raw.send(stage.head()).read_response().status == 200
            assert idle[number].is_closed(), "the one that was idle for longest"
        assert ours.send(stage.head()).read_response().status == 200, "a user's stays"


def test_cookies_of_others_do_not_lock_users_out(stage):
    """As ten cookies of a sibling host for the parent domain do."""
    head = stage.head("GET", "/oauth2/userinfo")
    foreign = "; ".join(f"other{n}={'x' * 4000}" for n in range(50))
    with stage.raw() as raw:
        raw.send(head.replace(b"Cookie: ", b"Cookie: " + foreign.encode() + b"; "))
        assert raw.read_response().status == 200
    with stage.raw() as raw:
        raw.send(stage.head().replace(b"Cookie: ", b"Cookie: " + foreign.encode() + b"; "))
        response = raw.read_response()
        assert response.status == 431 and response.body, "what goes on to the IDE has its limit"
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/oauth2/userinfo", [("X", "x" * 300000)])[:290000])
        assert raw.read_response().status == 431


# The request line


def test_the_longest_request_line_can_be_set(make_stage):
    stage = make_stage(URI_MAX_SIZE="1KiB", HTTP_ADDRESS="127.0.0.1:0")
    rest = len("GET  HTTP/1.1")
    for length, status in ((1024 - rest, 200), (1025 - rest, 414), (40000, 414)):
        data = stage.head("GET", "/" + "a" * (length - 1))
        for pieces in ([data], [data[:1000], data[1000:1037], data[1037:1038], data[1038:]]):
            with stage.raw(listener="http") as raw:
                for piece in pieces:
                    with contextlib.suppress(OSError):
                        raw.send(piece)
                assert raw.read_response().status == status, length


# Slowness


def drip(stage, raw, piece, count, pace_s):
    """Sends, until the other side has something to say or has gone."""
    for _ in range(count):
        with contextlib.suppress(OSError):
            raw.send(piece)
        raw.socket.settimeout(pace_s)
        try:
            return raw.socket.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return b""
        finally:
            raw.socket.settimeout(60)
    return None


@pytest.mark.parametrize("listener", ["https", "http"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_drips_is_refused(make_stage, chunked, listener):
    stage = make_stage(BODY_MIN_RATE=1000, MIN_RATE_PERIOD=SHORT_PERIOD, HTTP_ADDRESS="127.0.0.1:0")
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "100000")
    with stage.raw(listener=listener) as raw:
        raw.send(stage.head("POST", "/x", [framing]))
        started = time.monotonic()
        answer = drip(stage, raw, b"1\r\nx\r\n" if chunked else b"x", 200, 0.02)
        assert answer.startswith(b"HTTP/1.1 408 ") and b"\r\nConnection: close\r\n" in answer
        assert PERIOD_S * 0.9 < time.monotonic() - started < PERIOD_S + 9
    connection = next(c for c in stage.upstream.connections if c.requests)
    stage.upstream.wait(lambda: connection.closed_by_peer, what="the upload's end")
    assert not connection.requests[0].complete


def test_a_form_that_drips_is_refused(make_stage):
    stage = make_stage(BODY_MIN_RATE=1000, MIN_RATE_PERIOD=SHORT_PERIOD)
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/oauth2/workspace", [("Content-Length", "1000")]))
        assert drip(stage, raw, b"x", 200, 0.02).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_drips_behind_an_answer_is_cut(make_stage):
    stage = make_stage(BODY_MIN_RATE=1000, MIN_RATE_PERIOD=SHORT_PERIOD)
    stage.upstream.read_bodies = False

    def answer(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        connection.read_exactly(1000)

    stage.upstream.answer = answer
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/x", [("Content-Length", "1000")]))
        raw.read_head()
        raw.read_exactly(5)
        assert drip(stage, raw, b"x", 200, 0.02) == b""


def test_a_body_that_is_fast_enough_passes(make_stage):
    """Over several periods, none of which is without bytes."""
    stage = make_stage(BODY_MIN_RATE=100, MIN_RATE_PERIOD="1s")
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/x", [("Content-Length", "20000")]))
        answer = drip(stage, raw, b"x" * 200, 100, 0.03)
        assert (answer or raw.socket.recv(65536)).startswith(b"HTTP/1.1 200 ")


def test_a_slow_ide_is_not_the_browsers_fault(make_stage):
    """Neither an upload that it does not take nor an answer that it does not give."""
    stage = make_stage(BODY_MIN_RATE="1KiB", SEND_MIN_RATE="1KiB", MIN_RATE_PERIOD="2s")
    stage.upstream.read_bodies = False
    size = 24 << 20

    def answer(connection, request):
        stage.upstream.event.acquire(timeout=3)  # never released: an IDE that thinks
        connection.read_body(request)
        stage.upstream.event.acquire(timeout=0.5)
        connection.send_response(200, [], b"done")

    stage.upstream.answer = answer
    with stage.raw() as raw:
        raw.send(stage.head("PUT", "/x", [("Content-Length", str(size))]))
        sender = threading.Thread(target=lambda: [raw.socket.sendall(PIECE) for _ in range(size // len(PIECE))])
        sender.start()
        response = raw.read_response()
        sender.join()
    assert (response.status, response.body) == (200, b"done")


def test_waiting_for_100_continue_is_not_slow(make_stage):
    """It need not send its body before the IDE wants it; then, it must."""
    stage = make_stage(BODY_TIMEOUT="2s", BODY_MIN_RATE=1000, MIN_RATE_PERIOD="2s")
    stage.upstream.read_bodies = False

    def answer(connection, request):
        stage.upstream.event.acquire(timeout=3)  # never released: an IDE that thinks
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(request)
        connection.send_response(200, [], b"done")

    stage.upstream.answer = answer
    head = stage.head("PUT", "/x", [("Content-Length", "5"), ("Expect", "100-continue")])
    with stage.raw() as raw:
        assert raw.send(head).read_head().status == 100
        assert raw.send(b"hello").read_response().body == b"done"
    with stage.raw() as raw:
        assert raw.send(head).read_head().status == 100
        assert raw.read_response().status == 408


def test_slow_streams_are_not_slow_browsers(make_stage):
    """Events, and a WebSocket that idles or whose bytes drip: nothing waits for the browser."""
    stage = make_stage(BODY_MIN_RATE="1MiB", SEND_MIN_RATE="1MiB", MIN_RATE_PERIOD="100ms")
    with stage.raw() as events, stage.raw() as raw:
        events.send(stage.head("GET", "/events/10"))
        assert events.read_head().status == 200
        assert raw.upgrade("/ws", stage.host, stage.proxy.origin, [("Cookie", stage.cookie)]).status == 101
        for number in range(10):
            raw.send_frame(1, b"x")
            assert raw.read_frame()[1] == b"x"
            stage.upstream.release_event()
            assert b"data: %d\n" % number in events.read_until(b"\n\n\r\n")
            threading.Event().wait(0.08)  # a pace


def test_a_browser_that_takes_an_answer_too_slowly_is_cut(make_stage):
    stage = make_stage(SEND_MIN_RATE="1GiB", MIN_RATE_PERIOD=SHORT_PERIOD)
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/stream/1000000000"))
        raw.read_head()
        connection = next(c for c in stage.upstream.connections if c.requests)
        deadline = time.monotonic() + 60
        while not connection.closed_by_peer and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                raw.socket.recv(65536)
            stage.upstream.event.acquire(timeout=0.01)  # never released: a pace
        assert connection.closed_by_peer, "never cut"


def test_the_rest_of_an_answer_has_a_least_rate_as_well(make_stage):
    """The IDE is done, and only the browser is waited for."""
    stage = make_stage(SEND_MIN_RATE="1GiB", MIN_RATE_PERIOD=SHORT_PERIOD, SEND_TIMEOUT="1h")
    with stage.raw(listener="https") as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.send(stage.head("GET", "/stream/12000000", [("Connection", "close")]))
        raw.read_head()
        line = stage.proxy.wait_for_log(message="connection aborted")
        assert "more slowly than SEND_MIN_RATE" in line["error"]


# Bodies


def test_a_body_that_is_too_big_by_its_length_goes_nowhere(make_stage):
    stage = make_stage(BODY_MAX_SIZE=1000)
    stage.upstream.forget()
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/x", [("Content-Length", "1001")]))
        response = raw.read_response()
        assert (response.status, response.get("Connection")) == (413, "close")
    assert not stage.upstream.received
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/x", [("Content-Length", "1000")]) + bytes(1000))
        assert raw.read_response().status == 200
        raw.send(stage.head("POST", "/x", [("Content-Length", "1001")], signed_in=False))
        assert raw.read_response().status == 401


@pytest.mark.parametrize("piece", [1, 100, 5000])
def test_a_chunked_body_that_grows_too_big_never_ends_for_the_ide(make_stage, piece):
    stage = make_stage(BODY_MAX_SIZE=1000)
    stage.upstream.forget()
    head = stage.head("POST", "/x", [("Transfer-Encoding", "chunked")])

    def chunks(size):
        return b"".join(b"%x\r\n%b\r\n" % (n, bytes(n)) for n in [min(piece, size)] * (size // min(piece, size)))

    with stage.raw() as raw:
        raw.send(head + chunks(1000) + b"0\r\n\r\n")
        assert raw.read_response().status == 200
    with stage.raw() as raw:
        raw.send(head + chunks(1000))
        stage.upstream.wait_for_requests(2)
        wait_until(lambda: stage.upstream.requests[1].body_length == 1000, what="what is allowed")
        raw.send(chunks(5000))
        answer = raw.read_until_close()
        assert answer.startswith(b"HTTP/1.1 413 ") and b"\r\nConnection: close\r\n" in answer
    first, second = stage.upstream.requests
    assert first.complete and first.body_length == 1000
    connection = next(c for c in stage.upstream.connections if second in c.requests)
    stage.upstream.wait(lambda: connection.closed_by_peer, what="the upload's end")
    assert not second.complete and second.body_length <= 1000
    assert len(stage.upstream.requests) == 2


def test_a_body_that_grows_too_big_behind_an_answer_is_cut(make_stage):
    stage = make_stage(BODY_MAX_SIZE=1000)
    stage.upstream.read_bodies = False

    def answer(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        connection.read_exactly(100000)

    stage.upstream.answer = answer
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/x", [("Transfer-Encoding", "chunked")]))
        raw.read_head()
        raw.read_exactly(5)
        raw.send(b"7d0\r\n" + bytes(2000) + b"\r\n0\r\n\r\n")
        assert raw.is_closed()


# Descriptors


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_running_out_of_descriptors_pauses_accepting(make_stage):
    """No spinning, one line in the log; those who are served still are, and later everybody is."""
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0")
    pid = stage.proxy.process.pid
    served = get_404(stage, connect(stage, ONE))
    open_now = len(os.listdir(f"/proc/{pid}/fd"))
    limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + 4, limit[1]))
    waiting = [connect(stage, ONE) for _ in range(12)]
    stage.proxy.wait_for_log(message="connections can't be accepted")
    before, started = cpu_s(pid), time.monotonic()
    while time.monotonic() - started < 1:
        get_404(stage, served)
        threading.Event().wait(0.05)  # a pace
    assert cpu_s(pid) - before < 0.5
    assert len(stage.proxy.log_entries(message="connections can't be accepted")) == 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
    for raw in waiting:
        get_404(stage, raw).close()
    served.close()


# Browsers that leave while nobody reads what they send


def count_untaken(sock):
    """Bytes that were sent and that the peer's kernel has no room for."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


@pytest.mark.parametrize("listener", ["https", "http"])
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_browser_leaves_while_its_upload_is_held_back(make_stage, listener, how, chunked):
    """All that it sent has arrived and nobody reads it; only that way can its end arrive as well."""
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0")
    stage.upstream.read_bodies = False

    def answer(connection, request):
        while stage.upstream.event.acquire(timeout=60):
            connection.read_exactly(1 << 18)

    stage.upstream.answer = answer
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(1 << 30))
    raw = stage.raw(listener=listener)
    raw.send(stage.head("PUT", "/x", [framing]))
    raw.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            raw.socket.sendall(b"10000\r\n" + PIECE + b"\r\n" if chunked else PIECE)

    def is_taken():
        stage.upstream.release_event()
        return count_untaken(raw.socket) == 0

    wait_until(is_taken, what="room for what was sent")
    connection = next(c for c in stage.upstream.connections if c.requests)
    if how == "reset":
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raw.close()
    stage.proxy.wait_for_log(message="request", path="/x")
    stage.upstream.release_event(1000)
    stage.upstream.wait(lambda: connection.closed_by_peer, what="the upload's end")


@pytest.mark.parametrize("listener", ["https", "http"])
def test_a_websocket_is_reset_while_it_is_held_back(make_stage, listener):
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0")

    def answer(connection, request):
        key = request.get("Sec-WebSocket-Key").encode()
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {websocket.accept_value(key)}\r\n\r\n"
        )
        stage.upstream.event.acquire(timeout=60)
        raise EOFError

    stage.upstream.answer = answer
    raw = stage.raw(listener=listener)
    assert upgrade(stage, raw).status == 101
    raw.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            raw.socket.sendall(PIECE)
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raw.close()
    stage.proxy.wait_for_log(message="request", path="/ws")
    stage.upstream.release_event()
