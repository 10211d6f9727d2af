# SPDX-License-Identifier: Apache-2.0
"""Bodies on their way: large ones in constant memory, held back by who does not read, events at once."""

import re
import threading
import time

import pytest
from bodies import MIB, PATTERN, Counter, receive
from proxy import is_sanitized
from raw_client import RawClient


class Memory:
    """Watches how far a process's memory moves."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.first, self.most = None, {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _sample(self):
        with open(f"/proc/{self.proxy.process.pid}/status") as status:
            values = dict(line.split(":", 1) for line in status)
        return {name: int(values[name].split()[0]) for name in ("VmRSS", "RssAnon")}

    def _watch(self):
        while not self._done.wait(0.02):
            for name, value in self._sample().items():
                self.most[name] = max(value, self.most.get(name, 0))

    def __enter__(self):
        self.first = self.most = self._sample()
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()
        if exception[0] is None and not is_sanitized():
            moved = {name: self.most[name] - self.first[name] for name in self.first}
            assert max(moved.values()) < 1024, f"memory moved by {moved} KiB from {self.first}"


def size_for(mib):
    return mib * MIB if not is_sanitized() else mib * MIB // 16


def warm_up(stage):
    """Both ways once, so that code is paged in."""
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/stream/1000000")).read_response()
        raw.send(stage.head("PUT", "/", [("Content-Length", "1000000")]) + bytes(1000000)).read_response()


# Large bodies


@pytest.mark.parametrize("kind, mib", [("stream", 256), ("chunked", 256)])
def test_a_large_download_moves_no_memory(stage, kind, mib):
    size = size_for(mib)
    warm_up(stage)
    with stage.raw(timeout=60) as raw, Memory(stage.proxy):
        raw.send(stage.head("GET", f"/{kind}/{size}"))
        response = raw.read_head()
        if kind == "stream":
            assert response.get("Content-Length") == str(size)
            receive(raw, size)
        else:
            got = 0
            while length := int(raw.read_until(b"\r\n"), 16):
                if len(raw._buffer) < length + 2:
                    receive(raw, length)
                    raw.read_exactly(2)
                else:
                    del raw._buffer[: length + 2]
                got += length
            assert got == size
            raw.read_exactly(2)


@pytest.mark.http1("the framing of bodies, on the raw socket")
@pytest.mark.parametrize("kind, mib", [("length", 256), ("chunked", 256)])
def test_a_large_upload_moves_no_memory(stage, kind, mib):
    size = size_for(mib)
    warm_up(stage)
    stage.upstream.read_bodies = False
    buffer = bytearray(256 * 1024)
    coded = size if kind == "length" else size // len(PATTERN) * (len(PATTERN) + 9) + 5
    received = []

    def respond(connection, request):
        left = coded if kind == "length" else None
        total = len(connection._buffer)
        tail = bytes(connection._buffer[-5:])
        connection._buffer.clear()
        while (total < coded) if left else tail != b"0\r\n\r\n":
            got = connection.socket.recv_into(buffer)
            assert got
            total += got
            tail = (tail + bytes(buffer[max(0, got - 5) : got]))[-5:]
        received.append(total)
        connection.send_response(200)

    stage.upstream.answer = respond
    piece = PATTERN if kind == "length" else b"10000\r\n" + PATTERN + b"\r\n"
    framing = ("Content-Length", str(size)) if kind == "length" else ("Transfer-Encoding", "chunked")
    with stage.raw(timeout=60) as raw, Memory(stage.proxy):
        raw.send(stage.head("PUT", "/", [framing]))
        for _ in range(size // len(PATTERN)):
            raw.socket.sendall(piece)
        if kind == "chunked":
            raw.send(b"0\r\n\r\n")
        assert raw.read_response().status == 200
    assert received[0] >= size


def test_bodies_arrive_as_they_were_sent(stage):
    with stage.raw() as raw:
        for kind in ("stream", "chunked"):
            body = raw.send(stage.head("GET", f"/{kind}/{5 * MIB}")).read_response().body
            assert body == PATTERN * (5 * MIB // len(PATTERN))


# Backpressure


def test_a_browser_that_does_not_read_holds_the_upstream_back(stage):
    sent, size = Counter(), 256 * MIB

    def respond(connection, request):
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        while sent.value < size:
            connection.send(PATTERN)
            sent.value += len(PATTERN)

    warm_up(stage)
    stage.upstream.answer = respond
    with stage.raw(timeout=60) as raw, Memory(stage.proxy):
        raw.send(stage.head())
        raw.read_head()
        assert sent.settled() < size // 2
        for _ in range(20):
            receive(raw, 100000)
        assert sent.settled() < size // 2
        with stage.raw() as other:  # nobody else waits
            assert other.send(stage.head("GET", "/oauth2/userinfo")).read_response().status == 200
        receive(raw, 16 * MIB)
        assert sent.settled() < size


def test_an_upstream_that_does_not_read_holds_the_browser_back(stage):
    size = 128 * MIB
    warm_up(stage)
    stage.upstream.read_bodies = False
    sent = Counter()

    def respond(connection, request):
        stage.upstream.event.acquire(timeout=60)
        connection.read_body(request)
        connection.send_response(200)

    stage.upstream.answer = respond
    with stage.raw(timeout=60) as raw, Memory(stage.proxy):
        raw.send(stage.head("PUT", "/", [("Content-Length", str(size))]))

        def send_all():
            while sent.value < size:
                raw.socket.sendall(PATTERN)
                sent.value += len(PATTERN)

        sender = threading.Thread(target=send_all)
        sender.start()
        assert sent.settled() < size // 4 * 3
        stage.upstream.release_event()
        sender.join()
        assert raw.read_response().status == 200
    assert stage.upstream.requests[-1].body_length == size


def test_both_directions_at_once(stage):
    """An upstream that answers while the body arrives."""
    stage.upstream.read_bodies = False
    size = 20 * MIB

    def respond(connection, request):
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        left = size
        while left:
            data = bytes(connection._buffer) or connection.socket.recv(65536)
            connection._buffer.clear()
            connection.send(data)
            left -= len(data)

    stage.upstream.answer = respond
    with stage.raw(listener="http", timeout=30) as raw:
        raw.send(stage.head("POST", "/", [("Content-Length", str(size))]))
        sender = threading.Thread(
            target=lambda: [raw.socket.sendall(PATTERN) for _ in range(size // len(PATTERN))]
        )
        sender.start()
        response = raw.read_response()
        sender.join()
    assert response.body == PATTERN * (size // len(PATTERN))


# Events


@pytest.mark.parametrize("listener", ["https", "http"])
def test_events_arrive_one_by_one(stage, listener):
    with stage.raw(listener=listener) as raw:
        raw.send(stage.head("GET", "/events/50", [("Accept", "text/event-stream")]))
        assert raw.read_head().get("Content-Type") == "text/event-stream"
        took = []
        for number in range(50):
            started = time.monotonic()
            stage.upstream.release_event()
            assert raw.read_until(b"\n\n\r\n").endswith(b"data: %d\n\n\r\n" % number)
            took.append(time.monotonic() - started)
        assert sorted(took)[10] < 0.03, "events wait, as for delayed acknowledgements: 40 ms each"
        assert raw.read_until(b"0\r\n\r\n")


def test_pieces_of_a_body_go_up_one_by_one(stage):
    stage.upstream.read_bodies = False
    pieces = []

    def respond(connection, request):
        for _ in range(20):
            pieces.append(connection.read_exactly(5))
            stage.upstream.release_event()
        connection.send_response(200)

    stage.upstream.answer = respond
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/", [("Content-Length", "100")]))
        for number in range(20):
            raw.send(b"%05d" % number)
            assert stage.upstream.event.acquire(timeout=60)
        assert raw.read_response().status == 200
    assert pieces == [b"%05d" % n for n in range(20)]


def test_many_at_once(stage):
    """A page of an IDE asks for dozens of files at a time; each gets its own."""
    failures = []

    def fetch(number):
        try:
            with stage.raw() as raw:
                for round_number in range(5):
                    target = f"/echo?{number}-{round_number}"
                    assert raw.send(stage.head("GET", target)).read_response().json()["target"] == target
        except Exception as e:  # noqa: BLE001 - told below
            failures.append(e)

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


def test_the_plain_listener_over_tcp(make_stage):
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0")
    with RawClient(stage.proxy.address("http")) as raw:
        raw.send(stage.head("GET", "/stream/1000000"))
        assert len(raw.read_response().body) == 1000000
        assert re.match(r"127\.0\.0\.1$", stage.upstream.requests[0].get("X-Forwarded-For"))
