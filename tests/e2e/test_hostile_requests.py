# SPDX-License-Identifier: Apache-2.0
"""Random variations of malformed and unusual requests: the proxy answers or closes, and stays as it was.

2,000 of them in an ordinary run. HOSTILE_REQUESTS=100000 sends more, HOSTILE_SEED repeats a run.
"""

import collections
import contextlib
import os
import random
import re
import socket

import raw_client
import test_framing as framing
import test_framing_bodies as bodies
from proxy import is_sanitized, wait_until

COUNT = int(os.environ.get("HOSTILE_REQUESTS", "2000"))
BATCH = 32
LISTENERS = ("http", "http", "http", "https", "admin")
MEMORY_KIB = 16 << 10  # by which a process may be larger afterwards
LENGTH_MAX = 60000
PIECES = [
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b'"', b"%", b"%00", b"%0d%0a", b"\\", b"\x7f", b"\xff"),
    *(b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"Content-Length: 5\r\n", b"Content-Length: 18446744073709551621\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: ,\r\n", b"Connection: close, upgrade, te\r\n", b"TE: trailers\r\n"),
    *(b"Upgrade: websocket\r\n", b"Sec-WebSocket-Key: x\r\n", b"Expect: 100-continue\r\n", b"Host: @HOST@\r\n", b"Host: [::1\r\n"),
    *(b"Cookie: __Host-workspace-proxy=x; =; ;;\r\n", b"Authorization: Bearer \xe9\r\n", b"Origin: null\r\n", b"Range: bytes=" + b"0-," * 300 + b"\r\n"),
    *(b"X-Forwarded-For: " + b"1," * 200 + b"\r\n", b"Content-Encoding: gzip\r\n", b"Accept-Encoding: gzip;q=0.0, zstd;q=x\r\n"),
    *(b"/oauth2/start?rd=//evil.example", b"/oauth2/callback?code=a&state=b", b"/oauth2/sign_out", b"/oauth2/workspace", b"/metrics", b"/../"),
    *(b"HTTP/1.0", b"HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", b"\x16\x03\x01\x02\x00\x01"),
]


def corpus():
    requests = [data for _, data in framing.BAD.values()] + [data for data, _, _ in framing.ODD.values()]
    for chunks in (*bodies.CHUNKS, *bodies.EXTENSIONS, *bodies.TRAILERS):
        requests.append(framing.post(framing.TE, body=b"3\r\nabc\r\n" + chunks))
    return requests


def mutate(rng, data):
    """One small change."""
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((1, 2, 8, 64)))
    how = rng.randrange(6)
    if how == 0:
        return data[:at] + data[end:]
    if how == 1:
        return data[:at] + rng.choice(PIECES) + data[at:]
    if how == 2:
        return data[:at] + rng.choice(PIECES) + data[end:]
    if how == 3:
        return data[:end] + data[at:end] * rng.choice((1, 3, 200)) + data[end:]
    if how == 4:
        return data[:at] + rng.randbytes(end - at) + data[end:]
    return data[:at]


def hostile(rng, requests):
    data = b"".join(rng.choices(requests, k=rng.choice((1, 1, 2, 4))))
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        data = mutate(rng, data)
    return data[:LENGTH_MAX]


def connect(stage, listener):
    if listener == "admin":
        return raw_client.RawClient(stage.proxy.address("admin"))
    return stage.raw(listener=listener)


def send(stage, rng, requests, count):
    """Sends them on as many connections, each in one or two pieces; yields what came back until the end."""
    with contextlib.ExitStack() as stack:
        open_ones = [stack.enter_context(connect(stage, rng.choice(LISTENERS))) for _ in range(count)]
        messages = [framing.fill_in(stage, hostile(rng, requests), rng.random() < 0.7) for _ in range(count)]
        cuts = [rng.randrange(len(message) + 1) for message in messages]
        for part in (0, 1):
            for raw, message, cut in zip(open_ones, messages, cuts):
                with contextlib.suppress(OSError):
                    raw.send(message[cut:] if part else message[:cut])
        for raw in open_ones:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(raw.socket, socket.SHUT_WR)  # for TLS, the end of TCP without a close_notify
        for raw, message in zip(open_ones, messages):
            yield message, raw.read_until_close()


def descriptors(stage):
    return len(os.listdir(f"/proc/{stage.proxy.process.pid}/fd"))


def test_hostile_requests_change_nothing(make_stage, tmp_path):
    stage = make_stage(HTTP_ADDRESS=f"unix:{tmp_path}/http", BODY_TIMEOUT="2s", HEAD_TIMEOUT="2s")
    seed = int(os.environ.get("HOSTILE_SEED") or random.randrange(1 << 32))
    rng, requests, statuses = random.Random(seed), corpus(), collections.Counter()
    print(f"seed {seed}")
    memory = None
    before = descriptors(stage)
    for sent in range(0, COUNT, BATCH):
        if sent >= COUNT // 10 and memory is None:
            memory = stage.proxy.memory_kib()
        for message, answer in send(stage, rng, requests, BATCH):
            match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
            assert match or not answer, (message, answer[:200])
            statuses[int(match[1]) if match else None] += 1
        stage.upstream.forget()
        assert stage.proxy.process.poll() is None, stage.proxy.log[-5000:]
    print(dict(statuses))
    assert statuses[200] and statuses[400] and not statuses[500], statuses
    with stage.raw() as raw:
        assert raw.send(stage.head()).read_response().status == 200
    wait_until(lambda: descriptors(stage) <= before + 2, what="descriptors to be given back")
    if not is_sanitized():
        assert stage.proxy.memory_kib() - memory < MEMORY_KIB
