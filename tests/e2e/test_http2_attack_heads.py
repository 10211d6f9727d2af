# SPDX-License-Identifier: Apache-2.0
"""Attacks by header blocks: see test_http2_attacks.py."""

import pytest
from h2_attacker import AT_ONCE, CONNECTIONS, FRAMES, Attacker, Cost, assert_others_are_served, run, small_quarantine
from h2_client import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PADDED, RST_STREAM, H2Client, frame, settings_frame

STAGE_SETTINGS = {"HTTP2": "on"}
pytestmark = pytest.mark.usefixtures("small_quarantine")


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


def test_large_heads_that_are_malformed(stage):
    """A few connections at a time may send a larger head than HEAD_MAX_SIZE: those whose heads were refused no more."""
    large = [("cookie", "Z" * 6000 + str(n)) for n in range(12)]
    attackers = [Attacker(stage) for _ in range(32)]
    block = attackers[0].head(cookie=False, more=[*large, ("connection", "close")])
    pieces = [block[at : at + 16000] for at in range(0, len(block), 16000)]
    for a in attackers:
        a.send(frame(HEADERS, END_STREAM, 1, pieces[0]))
        a.send(b"".join(frame(CONTINUATION, 0, 1, piece) for piece in pieces[1:]) + frame(CONTINUATION, END_HEADERS, 1))
        a.read_until(lambda a=a: a.frames[RST_STREAM])
        assert a.frames[RST_STREAM] and not a.closed
    with H2Client(stage.proxy) as browser:
        assert browser.fetch("GET", "/oauth2/userinfo", large, stage.cookie).status == 200
    for a in attackers:
        a.socket.close()
