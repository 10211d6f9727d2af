# SPDX-License-Identifier: Apache-2.0
"""Attacks by streams that are held, and by their numbers: see test_http2_attacks.py."""

import struct

import pytest
from h2_attacker import CONNECTIONS, Attacker, Cost, assert_others_are_served, run, small_quarantine
from h2_client import (
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    RST_STREAM,
    WINDOW_UPDATE,
    H2Client,
    frame,
    settings_frame,
)

STAGE_SETTINGS = {"HTTP2": "on"}
WIDE = 0x7FFF0000
pytestmark = pytest.mark.usefixtures("small_quarantine")


@pytest.mark.parametrize("window", [0, 1, 5000, 65535])
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


def test_windows_that_open_one_byte_at_a_time(stage):
    """Large responses on many streams, each of which may send one more octet with each SETTINGS."""
    with Cost(stage.proxy):
        for _ in range(CONNECTIONS):
            with Attacker(stage, settings_frame(initial_window_size=0)) as a:
                a.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WIDE)))
                a.send(b"".join(a.request(path="/stream/10000000") for _ in range(16)))
                a.read_until(lambda: a.frames[HEADERS] == 16)
                for window in range(1, 300):
                    a.send(settings_frame(initial_window_size=window))
                    a.read_until(lambda: a.frames[DATA] >= 16 * window)
                assert not a.closed
    assert_others_are_served(stage)


def test_a_socket_that_is_not_read(stage):
    """With windows that would let everything through."""
    with Cost(stage.proxy):
        a = Attacker(stage, settings_frame(initial_window_size=0x7FFFFFFF))
        a.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WIDE)))
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


def test_forms_that_grow_too_large(stage):
    """Their answers close the streams while the proxy still holds their data, which must not stay in the window of the
    connection: others may use it as well, where it is one of a trusted proxy."""
    form = bytes(12_000)
    with H2Client(stage.proxy) as browser:
        browser.ping()
        for _ in range(20):
            assert browser.h2.outbound_flow_control_window >= len(form)
            stream = browser.request("POST", "/oauth2/sign_out", end=False)
            browser.send(stream, form)
            assert browser.response(stream).status == 413
            browser.ping()
        assert browser.fetch("POST", "/echo", cookie=stage.cookie, body=bytes(100_000)).status == 200


def test_more_requests_than_there_may_be_connections(make_stage):
    """Each that is forwarded has a descriptor: the process must not run out of them, however many streams there are."""
    stage = make_stage(HTTP2="on", CONNECTIONS_MAX="8")
    with H2Client(stage.proxy) as one, H2Client(stage.proxy) as other:
        streams = [one.request("GET", "/events/1", cookie=stage.cookie) for _ in range(20)]
        one.wait(lambda: all(one.responses[s].status for s in streams))
        assert sorted(one.responses[s].status for s in streams) == [200] * 8 + [503] * 12
        assert other.fetch("GET", "/", cookie=stage.cookie).status == 503
        assert other.fetch("GET", "/oauth2/userinfo", cookie=stage.cookie).status == 200
        one.h2.reset_stream(next(s for s in streams if one.responses[s].status == 200), CANCEL)
        one.ping()
        assert other.fetch("GET", "/", cookie=stage.cookie).status == 200
    assert len(stage.upstream.requests) == 9
