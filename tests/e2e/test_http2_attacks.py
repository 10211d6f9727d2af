# SPDX-License-Identifier: Apache-2.0
"""Attacks on servers that speak HTTP/2, known ones and some of our own: each costs the proxy little memory and CPU
time, and nobody else anything."""

import collections
import ssl
import struct
import threading
import time

import hpack
import pytest
from h2_client import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    H2Client,
    connect,
    frame,
    settings_frame,
)
from proxy import PATIENCE_S, is_sanitized

STAGE_SETTINGS = {"HTTP2": "on"}
MEMORY_KIB = 8192
CPU_S = 1.0
CONNECTIONS = 3  # attackers come back
FRAMES = 20_000  # on each of them, unless it is closed before
AT_ONCE = 200
PRIORITY_UPDATE, UNKNOWN = 16, 200


class Cost:
    """Peak of memory, and CPU time, of the proxy while a block runs."""

    def __init__(self, proxy):
        self._proxy = proxy
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def cpu_s(self):
        with open(f"/proc/{self._proxy.process.pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9

    def _watch(self):
        while not self._done.wait(0.02):
            self._peak = max(self._peak, self._proxy.own_memory_kib())

    def __enter__(self):
        self._before = self._peak = self._proxy.own_memory_kib()
        self._began_s = self.cpu_s()
        self._thread.start()
        return self

    def __exit__(self, kind, *unused):
        self._done.set()
        self._thread.join()
        growth, cpu_s = self._peak - self._before, self.cpu_s() - self._began_s
        print(f"cost: {growth} KiB, {cpu_s:.3f} s of CPU")
        if kind is None and not is_sanitized():
            assert growth < MEMORY_KIB and cpu_s < CPU_S, (growth, cpu_s)


class Attacker:
    """A connection that sends what it is given, and counts the frames that come back."""

    def __init__(self, stage, settings=b""):
        self.stage = stage
        self.socket = connect(stage.proxy)
        self.socket.settimeout(2)
        self.encoder = hpack.Encoder()
        self.frames = collections.Counter()
        self.goaway = None
        self.closed = False
        self._buffer = b""
        self.stream = -1
        self.send(PREFACE + (settings or settings_frame()))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, data):
        """False: the proxy has closed, or does not read any more."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True
        return not self.closed

    def read(self):
        """What is there."""
        self.socket.settimeout(0)
        try:
            while data := self.socket.recv(65536):
                self._take(data)
            self.closed = True
        except (ssl.SSLWantReadError, BlockingIOError, TimeoutError):
            pass
        except OSError:
            self.closed = True
        self.socket.settimeout(2)

    def read_until(self, condition):
        """Or until the connection is closed."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition() and not self.closed and time.monotonic() < deadline:
            self.read()

    def _take(self, data):
        self._buffer += data
        while len(self._buffer) >= 9 and len(self._buffer) >= (size := 9 + int.from_bytes(self._buffer[:3], "big")):
            whole, self._buffer = self._buffer[:size], self._buffer[size:]
            self.frames[whole[3]] += 1
            if whole[3] == GOAWAY:
                self.goaway = struct.unpack(">I", whole[13:17])[0]

    def head(self, method="GET", path="/", more=(), cookie=True):
        fields = [(":method", method), (":scheme", "https"), (":authority", self.stage.host), (":path", path)]
        fields += [("cookie", self.stage.cookie)] if cookie else []
        return self.encoder.encode([*fields, *more])

    def request(self, method="GET", path="/", more=(), end=True, cookie=True):
        """The frame of a request on the next stream."""
        self.stream += 2
        flags = END_HEADERS | (END_STREAM if end else 0)
        return frame(HEADERS, flags, self.stream, self.head(method, path, more, cookie))


def run(attacker, pieces, reads=True):
    """Until the proxy has had enough."""
    for piece in pieces:
        if not attacker.send(piece):
            break
        if reads:
            attacker.read()
    return attacker


def assert_others_are_served(stage):
    with H2Client(stage.proxy) as browser:
        assert browser.fetch("GET", "/status/200", cookie=stage.cookie).status == 200


def in_batches(make, count=FRAMES):
    """Frames by make(), many in a write."""
    for _ in range(0, count, AT_ONCE):
        yield b"".join(make() for _ in range(AT_ONCE))


# Streams that are given up, by the client or because it makes the proxy do it


def rapid_reset(a):
    return lambda: a.request(path="/nothing") + frame(RST_STREAM, 0, a.stream, struct.pack(">I", 8))


def rapid_reset_without_session(a):
    return lambda: a.request(path="/nothing", cookie=False) + frame(RST_STREAM, 0, a.stream, struct.pack(">I", 8))


def window_of_zero(a):
    return lambda: a.request(path="/nothing") + frame(WINDOW_UPDATE, 0, a.stream, struct.pack(">I", 0))


def window_overflow(a):
    return lambda: a.request(path="/nothing") + frame(WINDOW_UPDATE, 0, a.stream, struct.pack(">I", 0x7FFFFFFF))


def data_after_the_end(a):
    return lambda: a.request(path="/nothing") + frame(DATA, 0, a.stream, b"x")


def headers_after_the_end(a):
    return lambda: a.request(path="/nothing") + frame(HEADERS, END_HEADERS | END_STREAM, a.stream, a.head())


def more_than_the_length(a):
    return lambda: a.request("POST", "/nothing", [("content-length", "1")], end=False) + frame(DATA, 0, a.stream, b"xx")


def less_than_the_length(a):
    return lambda: a.request("POST", "/nothing", [("content-length", "9")], end=False) + frame(
        DATA, END_STREAM, a.stream, b"xx"
    )


def depends_on_itself(a):
    return lambda: a.request(path="/nothing") + frame(PRIORITY, 0, a.stream, struct.pack(">IB", a.stream, 1))


def short_priority(a):
    return lambda: a.request(path="/nothing") + frame(PRIORITY, 0, a.stream, b"xxxx")


def malformed_requests(a):
    return lambda: a.request(path="/nothing", more=[("Upper", "case")])


def pseudo_after_regular(a):
    return lambda: a.request(path="/nothing", more=[(":path", "/other")])


RESETS = [
    rapid_reset,
    rapid_reset_without_session,
    window_of_zero,
    window_overflow,
    data_after_the_end,
    headers_after_the_end,
    more_than_the_length,
    less_than_the_length,
    depends_on_itself,
    short_priority,
    malformed_requests,
    pseudo_after_regular,
]


@pytest.mark.parametrize("attack", RESETS, ids=lambda f: f.__name__)
def test_streams_without_an_answer(stage, attack):
    with Cost(stage.proxy):
        for _ in range(CONNECTIONS):
            with Attacker(stage) as a:
                run(a, in_batches(attack(a)))
                assert a.closed, "the connection goes on"
    # What reached the IDE is bounded by the allowance for a user.
    assert len(stage.upstream.requests) < CONNECTIONS * 2000
    assert_others_are_served(stage)


# Frames that cost their sender nothing


def empty_data(a):
    stream = a.stream
    return lambda: frame(DATA, 0, stream)


def padding_alone(a):
    stream = a.stream
    return lambda: frame(DATA, PADDED, stream, b"\xff" + bytes(255))


def pings(a):
    return lambda: frame(PING, 0, 0, b"12345678")


def ping_answers(a):
    return lambda: frame(PING, ACK, 0, b"12345678")


def settings(a):
    return lambda: settings_frame()


def settings_that_change(a):
    return lambda: settings_frame(header_table_size=0, initial_window_size=0) + settings_frame(
        header_table_size=4096, initial_window_size=65535
    )


def settings_answers(a):
    return lambda: frame(SETTINGS, ACK)


def connection_windows(a):
    return lambda: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))


def stream_windows(a):
    stream = a.stream
    return lambda: frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 1))


def priorities(a):
    return lambda: frame(PRIORITY, 0, 1_000_001, struct.pack(">IB", 0, 1))


def priority_updates(a):
    return lambda: frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 1_000_001) + b"u=1")


def unknown_frames(a):
    return lambda: frame(UNKNOWN, 0xFF, 77, b"x" * 20)


def resets_of_closed_streams(a):
    return lambda: frame(RST_STREAM, 0, 1, struct.pack(">I", 8))


def goaways(a):
    return lambda: frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0) + b"debug" * 20)


def pushes(a):
    return lambda: frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2))


def trailers_alone(a):
    return lambda: frame(HEADERS, END_HEADERS, a.stream, b"")


FLOODS = [
    empty_data,
    padding_alone,
    pings,
    ping_answers,
    settings,
    settings_that_change,
    settings_answers,
    connection_windows,
    stream_windows,
    priorities,
    priority_updates,
    unknown_frames,
    resets_of_closed_streams,
    goaways,
    pushes,
    trailers_alone,
]


@pytest.mark.parametrize("reads", [True, False], ids=["reading", "deaf"])
@pytest.mark.parametrize("attack", FLOODS, ids=lambda f: f.__name__)
def test_floods(stage, attack, reads):
    with Cost(stage.proxy):
        for _ in range(CONNECTIONS):
            with Attacker(stage) as a:
                a.send(a.request("POST", "/echo", end=False))
                run(a, in_batches(attack(a)), reads)
    assert_others_are_served(stage)


# Heads


def continuations(a, size=16):
    a.stream += 2
    yield frame(HEADERS, END_STREAM, a.stream, a.head())
    for _ in range(FRAMES // AT_ONCE):
        yield b"".join(frame(CONTINUATION, 0, a.stream, b"\x00\x01a\x01b" * (size // 5)) for _ in range(AT_ONCE))


def empty_continuations(a):
    return continuations(a, size=0)


def large_continuations(a):
    return continuations(a, size=16000)


def continuation_of_another_stream(a):
    for _ in range(20):
        a.stream += 2
        yield frame(HEADERS, END_STREAM, a.stream, a.head()) + frame(CONTINUATION, END_HEADERS, a.stream + 2, b"")


def indexed_references(a):
    """One octet each, of a field of 4,000."""
    a.stream += 2
    yield frame(HEADERS, END_STREAM | END_HEADERS, a.stream, a.head(more=[("x-long", "v" * 4000)]))
    for _ in range(200):
        a.stream += 2
        yield frame(HEADERS, END_STREAM | END_HEADERS, a.stream, a.head() + b"\xbe" * 16000)


def indexed_static_fields(a):
    for _ in range(200):
        a.stream += 2
        yield frame(HEADERS, END_STREAM | END_HEADERS, a.stream, a.head() + b"\x90" * 16000)  # accept-encoding


def cookie_crumbs(a):
    """An octet each in the table, 32 octets and a field each in memory."""
    for _ in range(200):
        a.stream += 2
        crumbs = a.encoder.encode([("cookie", "a")]) * 15000
        yield frame(HEADERS, END_STREAM | END_HEADERS, a.stream, a.head() + crumbs)


def table_sizes(a):
    for _ in range(200):
        a.stream += 2
        yield frame(HEADERS, END_STREAM | END_HEADERS, a.stream, b"\x20\x3f\xe1\x1f" * 4000 + a.head())


def endless_integers(a):
    for _ in range(200):
        a.stream += 2
        yield frame(HEADERS, END_STREAM | END_HEADERS, a.stream, b"\xff" + b"\x80" * 16000)


def huffman_padding(a):
    for _ in range(200):
        a.stream += 2
        yield frame(HEADERS, END_STREAM | END_HEADERS, a.stream, a.head() + b"\x00\x81\x1f\xff" + b"\xff" * 120)


def padded_heads(a):
    for _ in range(2000):
        a.stream += 2
        yield frame(HEADERS, PADDED | END_STREAM | END_HEADERS, a.stream, b"\xff" + a.head(cookie=False) + bytes(255))


HEADS = [
    continuations,
    empty_continuations,
    large_continuations,
    continuation_of_another_stream,
    indexed_references,
    indexed_static_fields,
    cookie_crumbs,
    table_sizes,
    endless_integers,
    huffman_padding,
    padded_heads,
]


@pytest.mark.parametrize("held", [False, True], ids=["", "held"])
@pytest.mark.parametrize("attack", HEADS, ids=lambda f: f.__name__)
def test_heads(stage, attack, held):
    """held: by a window of zero, so that nothing that is answered goes away."""
    with Cost(stage.proxy):
        attackers = []
        for _ in range(CONNECTIONS):
            a = Attacker(stage, settings_frame(initial_window_size=0) if held else b"")
            attackers.append(a)
            run(a, attack(a))
        assert_others_are_served(stage)
        for a in attackers:
            a.socket.close()
    assert len(stage.upstream.requests) < CONNECTIONS * 2000


# Streams that are held


@pytest.mark.parametrize("window", [0, 1])
def test_responses_that_are_not_taken(stage, window):
    """Large ones, on as many streams as there may be: what waits is bounded, and the IDE waits as well."""
    with Cost(stage.proxy):
        attackers = []
        for _ in range(CONNECTIONS):
            a = Attacker(stage, settings_frame(initial_window_size=window))
            attackers.append(a)
            run(a, (a.request(path="/stream/10000000") for _ in range(200)))
        stage.upstream.wait_for_requests(CONNECTIONS * 100)
        assert_others_are_served(stage)
        for a in attackers:
            a.socket.close()


def test_a_socket_that_is_not_read(stage):
    """With windows that would let everything through."""
    with Cost(stage.proxy):
        a = Attacker(stage, settings_frame(initial_window_size=0x7FFFFFFF))
        a.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFF0000)))
        run(a, (a.request(path="/stream/10000000") for _ in range(100)), reads=False)
        stage.upstream.wait_for_requests(50)
        assert_others_are_served(stage)
        a.socket.close()


def test_bodies_that_dribble(stage):
    """An octet in each frame, on many streams in turn."""
    with Cost(stage.proxy):
        with Attacker(stage) as a:
            streams = []
            for _ in range(50):
                a.send(a.request("POST", "/echo", end=False))
                streams.append(a.stream)
            run(a, (b"".join(frame(DATA, 0, s, b"x") for s in streams) for _ in range(200)))
        assert_others_are_served(stage)


def test_more_streams_than_there_may_be(stage):
    with Cost(stage.proxy):
        with Attacker(stage) as a:
            run(a, (a.request(path="/nothing") for _ in range(1000)))
            a.read_until(lambda: a.frames[RST_STREAM])
            assert a.closed or a.frames[RST_STREAM]
        assert len(stage.upstream.requests) <= 128
        assert_others_are_served(stage)


def test_the_last_stream(stage):
    """Numbers run out: the highest one is served, and a lower one is not."""
    with Attacker(stage) as a:
        a.stream = 0x7FFFFFFD
        a.send(a.request(path="/status/200"))
        a.read_until(lambda: a.frames[DATA])
        assert a.frames[HEADERS] == 1
        a.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, a.head()) + frame(PING, 0, 0, b"12345678"))
        a.read_until(lambda: a.frames[PING])
        assert a.frames[HEADERS] == 1 and len(stage.upstream.requests) == 1
    assert_others_are_served(stage)


def test_requests_while_the_connection_ends(make_stage):
    """What GOAWAY counts is answered as a whole, and what it does not never reaches the IDE."""
    stage = make_stage(HTTP2="on", DRAIN_TIMEOUT="60s")
    streams, notice = [], 0x7FFFFFFF
    with H2Client(stage.proxy) as browser:
        while browser.goaway is None or browser.goaway[0] == notice:
            if len(streams) == 50:
                stage.proxy.process.terminate()
            try:
                streams.append(browser.request("GET", f"/status/200?{len(streams)}", cookie=stage.cookie))
            except OSError:
                break
            if not browser.read_once():
                break
        browser.read_to_end()
    last, error = browser.goaway
    assert error == 0 and last < notice and len(streams) >= 50
    served = [s for s in streams if s <= last]
    assert all(browser.responses[s].ended and browser.responses[s].status == 200 for s in served)
    assert not any(browser.responses[s].status for s in streams if s > last)
    assert len(stage.upstream.requests) == len(served)
    assert stage.proxy.stop() == 0
