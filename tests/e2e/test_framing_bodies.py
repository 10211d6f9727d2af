# SPDX-License-Identifier: Apache-2.0
"""Malformed bodies, above all chunked ones: never a complete request for the IDE."""

import socket

import pytest
from proxy import wait_until
from test_framing import SMUGGLED, TE, assert_refused, assert_untouched, bytewise, fill_in, post, send_in_every_two_pieces, send_in_pieces

CHUNKS = [
    *(
        b"-1\r\n",
        b"+5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"5\t\r\nhello\r\n",
    ),
    *(
        b"\r\nhello\r\n",
        b"g\r\n",
        b"5\rhello\r\n",
        b"5\nhello\r\n",
        b"5\r\r\nhello\r\n",
        b"5\n\r\nhello\r\n",
        b";x\r\n",
    ),
    *(
        b"5\r\nhello",
        b"5\r\nhello\n",
        b"5\r\nhello\r",
        b"5\r\nhelloX\r\n",
        b"5\r\nhello\r\r\n",
        b"4\r\nhello\r\n",
    ),
    *(b"10000000000000005\r\nhello\r\n", b"1000000000000000\r\nh", b"ffffffffffffffff\r\nhello\r\n"),
    *(b"8000000000000000\r\nh", b"fffffffffffffffff\r\nhello\r\n", b"0000000000000005\r\nhello\r\n"),
    *(
        b"\x85\r\nhello\r\n",
        b"5\x85\r\nhello\r\n",
        "٥\r\nhello\r\n".encode(),
        b"5;\n\r\nhello\r\n",
        b"5;a\rb\r\nhello\r\n",
    ),
    *(
        b"5;a\0b\r\nhello\r\n",
        b"5 ;a\r\nhello\r\n",
        b"5, 5\r\nhello\r\n",
        b"5\0\r\nhello\r\n",
        b"1e+3\r\n",
        b"1_0\r\n",
    ),
    *(b"5;" + b"x" * 9000 + b"\r\nhello\r\n",),
]
# RFC 9112 section 7.1.1: what follows a size is discarded, but has to be well formed.
EXTENSIONS = [
    *(b"5;\r\nhello\r\n", b"5; \r\nhello\r\n", b"5;;a\r\nhello\r\n", b"5;a;\r\nhello\r\n"),
    *(b"5;a b\r\nhello\r\n", b"5;a[b]\r\nhello\r\n", b"5;=b\r\nhello\r\n", b"5;a=\r\nhello\r\n"),
    *(b'5;a="b\r\nhello\r\n', b'5;a="b\\"\r\nhello\r\n', b'5;a="b"c\r\nhello\r\n', b"5;a=b=c\r\nhello\r\n"),
]
TRAILERS = [
    *(
        b"0\r\nX\r\n\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\n X: y\r\n\r\n",
        b"0\r\nX: a\r\n b\r\n\r\n",
        b"0\r\n: y\r\n\r\n",
    ),
    *(
        b"0\r\nX: a\nY: b\r\n\r\n",
        b"0\r\nX: a\rb\r\n\r\n",
        b"0\r\nX: \0\r\n\r\n",
        b"0\r\n\n",
        b"0\r\n\r\r\n",
        b"0\n\r\n",
    ),
    *(b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 4000 + b"\r\n", b"00\r\n\rX"),
]


def wait_for_the_end_of_all_since(upstream, before):
    """Also of connections that still waited to be accepted: one of ours is behind them."""
    ours = socket.create_connection(("127.0.0.1", upstream.port))
    name = ours.getsockname()
    with ours:
        wait_until(lambda: any(c.peer == name for c in list(upstream.connections)), what="our connection")
    wait_until(
        lambda: all(c.closed_by_peer for c in upstream.connections if c.requests or c not in before),
        what="closed connections",
    )


@pytest.mark.parametrize("chunks", [*CHUNKS, *EXTENSIONS, *TRAILERS], ids=lambda c: repr(c[:24]))
def test_malformed_chunks_never_complete_a_request(stage, chunks):
    data = fill_in(stage, post(TE, body=b"3\r\nabc\r\n" + chunks))
    before = list(stage.upstream.connections)
    for pieces in [data + b"0\r\n\r\n" + fill_in(stage, SMUGGLED)], bytewise(data + b"0\r\n\r\n")[:2000]:
        if chunks.startswith(b"5;x") or len(chunks) > 1000:
            pieces = [data, b"0\r\n\r\n"]
        answer = send_in_pieces(stage, pieces)
        assert_refused(answer, 400)
    if len(chunks) < 100:
        body = data.index(b"\r\n\r\n") + 4
        for answer in send_in_every_two_pieces(stage, data + b"0\r\n\r\n", range(body, len(data) + 5)):
            assert_refused(answer, 400)
    wait_for_the_end_of_all_since(stage.upstream, before)
    for request in stage.upstream.requests:
        assert request.target == "/p" and not request.complete
        assert b"abcabc" not in request.body and len(request.body) <= 8


def test_malformed_chunks_without_a_session(stage):
    data = fill_in(stage, post(TE, body=b"3\r\nabc\r\nzz\r\n"), signed_in=False)
    for pieces in [data], bytewise(data):
        answer = send_in_pieces(stage, pieces)
        assert answer.startswith(b"HTTP/1.1 401 ") and b"\r\nConnection: close\r\n" in answer
    assert_untouched(stage.upstream)
