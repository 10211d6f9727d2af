# SPDX-License-Identifier: Apache-2.0
"""An attacker that speaks HTTP/2, and what it costs the proxy."""

import collections
import os
import ssl
import struct
import threading
import time

import hpack
import pytest
from h2_client import END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, H2Client, connect, frame, settings_frame
from proxy import PATIENCE_S, is_sanitized

MEMORY_KIB = 8192
CPU_S = 1.0
CONNECTIONS = 3  # attackers come back
FRAMES = 20_000  # on each of them, unless it is closed before
AT_ONCE = 200


@pytest.fixture(scope="module")
def small_quarantine():
    """With ASan, less of what would be taken for growth: freed memory that is kept from use, 1 MiB instead of 256, and
    stack frames on the heap, 64 KiB of each size instead of 1 MiB."""
    with pytest.MonkeyPatch.context() as patch:
        if is_sanitized():
            options = f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
            options += ":max_uar_stack_size_log=16"
            patch.setenv("ASAN_OPTIONS", options)
        yield


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
        if kind is None:
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
