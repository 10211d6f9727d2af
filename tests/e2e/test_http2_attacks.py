# SPDX-License-Identifier: Apache-2.0
"""Attacks on servers that speak HTTP/2, known ones and some of our own, by streams that are given up and by frames:
each costs the proxy little memory and CPU time, and nobody else anything."""

import struct

import pytest
from h2_attacker import CONNECTIONS, Attacker, Cost, assert_others_are_served, in_batches, run, small_quarantine
from h2_client import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    settings_frame,
)

STAGE_SETTINGS = {"HTTP2": "on"}
pytestmark = pytest.mark.usefixtures("small_quarantine")
PRIORITY_UPDATE, UNKNOWN = 16, 200


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


def test_the_log_tells_why(stage):
    with Attacker(stage) as a:
        run(a, in_batches(malformed_requests(a)))
    reason = "HTTP/2: too many streams reset before their response was complete"
    assert stage.proxy.wait_for_log(message="HTTP/2 connection ended", error=reason)


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
