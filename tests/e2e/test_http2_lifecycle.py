# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 connections and streams in time: timeouts, least rates, draining."""

import contextlib
import time

import h2_client
import pytest
from h2_client import CANCEL, ENHANCE_YOUR_CALM, NO_ERROR, H2Client

LONG = "100s"


@pytest.fixture
def make(make_proxy, gitlab, upstream, certificates, make_client):
    def make(**settings):
        values = {name: LONG for name in "HEAD_TIMEOUT BODY_TIMEOUT SEND_TIMEOUT KEEPALIVE_TIMEOUT".split()}
        proxy = make_proxy(gitlab, upstream, HTTP2="on", **{**values, **settings})
        client = make_client()
        client.login(proxy.origin + "/", "sasha", "sasha-password")
        cookies = client.cookies_of(proxy.name)
        proxy.secrets += [c.value for c in cookies]
        proxy.cookie = "; ".join(f"{c.name}={c.value}" for c in cookies)
        upstream.forget()
        return proxy

    return make


# Timeouts


def test_a_connection_without_requests_ends(make):
    with H2Client(make(KEEPALIVE_TIMEOUT="300ms")) as browser:
        assert browser.read_to_end()[1] == NO_ERROR


def test_pings_do_not_keep_it(make):
    with H2Client(make(KEEPALIVE_TIMEOUT="500ms")) as browser:
        while browser.ping():
            time.sleep(0.05)
        assert browser.closed


def test_a_request_keeps_it(make, upstream):
    proxy = make(KEEPALIVE_TIMEOUT="1s")
    with H2Client(proxy) as browser:
        stream = browser.request("GET", "/events/1", cookie=proxy.cookie)
        upstream.wait_for_requests(1)
        time.sleep(1.5)
        upstream.release_event()
        assert browser.response(stream).ended
        assert browser.read_to_end()[1] == NO_ERROR


@pytest.mark.parametrize("sent, setting", [(0, "KEEPALIVE_TIMEOUT"), (1, "HEAD_TIMEOUT"), (24, "HEAD_TIMEOUT")])
def test_a_preface_that_does_not_come(make, sent, setting):
    """Browsers connect in advance, without a word."""
    proxy = make(**{setting: "300ms"})
    with h2_client.connect(proxy) as s:
        s.sendall(h2_client.PREFACE[:sent])
        while s.recv(4096):
            pass


@pytest.mark.parametrize("sent", [0, 1, 5])
def test_a_head_that_does_not_end(make, sent):
    proxy = make(HEAD_TIMEOUT="300ms")
    with H2Client(proxy) as browser:
        browser.raw(h2_client.frame(h2_client.HEADERS, 0, 1, browser.encode(browser.head())))
        for _ in range(sent):
            browser.raw(h2_client.frame(h2_client.CONTINUATION, 0, 1, b""))
        assert browser.read_to_end() is not None


def test_a_body_that_does_not_come(make, upstream):
    proxy = make(BODY_TIMEOUT="300ms")
    with H2Client(proxy) as browser:
        slow = browser.request("POST", "/", [("content-length", "10")], proxy.cookie, body=b"x", end=False)
        response = browser.response(slow)
        assert response.status == 408
        assert browser.fetch("GET", "/", cookie=proxy.cookie).status == 200


def test_a_body_that_dribbles(make):
    proxy = make(BODY_MIN_RATE="1KiB", MIN_RATE_PERIOD="500ms")
    with H2Client(proxy) as browser:
        stream = browser.request("POST", "/", [("content-length", "100000")], proxy.cookie, end=False)
        while not browser.responses[stream].status:
            browser.send(stream, b"x")
            browser.ping()
            time.sleep(0.02)
        assert browser.responses[stream].status == 408


def test_a_response_that_is_not_taken(make, upstream):
    """The window stays shut: the stream ends, the connection serves others."""
    proxy = make(SEND_TIMEOUT="300ms")
    with H2Client(proxy, consumes=False) as browser:
        stalled = browser.fetch("GET", "/stream/1000000", cookie=proxy.cookie)
        assert (stalled.ended, stalled.reset) == (False, CANCEL)
        upstream.wait(lambda: any(c.closed_by_peer for c in upstream.connections))
        browser.h2.increment_flow_control_window(1 << 20)
        assert browser.fetch("GET", "/", cookie=proxy.cookie).status == 200


def test_a_response_that_is_taken_byte_by_byte(make):
    proxy = make(SEND_MIN_RATE="1KiB", MIN_RATE_PERIOD="500ms")
    with H2Client(proxy, consumes=False) as browser:
        stream = browser.request("GET", "/stream/1000000", cookie=proxy.cookie)
        response = browser.responses[stream]
        browser.wait(lambda: len(response.body) >= 65535)
        while response.reset is None:
            browser.h2.increment_flow_control_window(1)
            browser.h2.increment_flow_control_window(1, stream)
            browser.ping()
            time.sleep(0.02)
        assert response.reset == CANCEL


def test_a_socket_that_is_not_read(make):
    proxy = make(SEND_TIMEOUT="500ms")
    with H2Client(proxy, initial_window_size=(1 << 31) - 1) as browser:
        browser.h2.increment_flow_control_window((1 << 30))
        browser.request("GET", f"/stream/{64 << 20}", cookie=proxy.cookie)
        proxy.wait_for_log(message="HTTP/2 connection ended")


# Draining


def test_drain_finishes_what_runs(make, upstream):
    proxy = make(DRAIN_TIMEOUT="60s")
    with H2Client(proxy) as browser:
        slow = browser.request("GET", "/chunked/10", cookie=proxy.cookie)
        assert browser.response(slow).ended
        held = browser.request("POST", "/echo", cookie=proxy.cookie, end=False)
        upstream.wait_for_requests(2)
        proxy.process.terminate()
        browser.wait(lambda: browser.goaway)
        assert browser.goaway == ((1 << 31) - 1, NO_ERROR)
        browser.raw(h2_client.frame(h2_client.DATA, h2_client.END_STREAM, held, b"end"))
        while not browser.responses[held].ended:
            assert browser.read_once()
        browser.read_to_end()
        assert browser.goaway == (held, NO_ERROR)
    assert proxy.stop() == 0


def test_drain_closes_idle_connections(make):
    proxy = make(DRAIN_TIMEOUT="60s")
    with H2Client(proxy) as browser:
        assert browser.fetch("GET", "/").status == 401
        proxy.process.terminate()
        assert browser.read_to_end() == (1, NO_ERROR)
    assert proxy.stop() == 0


def test_drain_without_an_answer(make):
    """A peer that does not answer the PING behind the notice."""
    proxy = make(DRAIN_TIMEOUT="60s")
    with h2_client.connect(proxy) as s:
        s.sendall(h2_client.PREFACE + h2_client.settings_frame())
        s.recv(4096)
        proxy.process.terminate()
        while s.recv(4096):
            pass
    assert proxy.stop() == 0


def test_drain_closes_connections_that_were_opening(make):
    """One that was accepted before, and finishes its handshake afterwards."""
    proxy = make(DRAIN_TIMEOUT="600s", KEEPALIVE_TIMEOUT="600s")
    with contextlib.closing(h2_client.connect_tcp(proxy)) as s:
        proxy.process.terminate()
        proxy.wait_for_log(message="draining")
        with h2_client.handshake(proxy, s) as tls:
            tls.sendall(h2_client.PREFACE + h2_client.settings_frame())
            while tls.recv(4096):
                pass
    assert proxy.stop() == 0


def test_leaving_is_announced(make):
    """DRAIN_DELAY: the next answer says that another connection is better."""
    proxy = make(DRAIN_TIMEOUT="60s", DRAIN_DELAY="30s")
    with H2Client(proxy) as browser:
        assert browser.fetch("GET", "/").status == 401
        proxy.process.terminate()
        proxy.wait_for_log(message="shutting down")
        stream = browser.request("GET", "/", cookie=proxy.cookie)
        browser.wait(lambda: browser.responses[stream].ended)
        assert browser.responses[stream].status == 200
        browser.wait(lambda: browser.goaway)
    proxy.kill()


# Sessions and eviction


def test_streams_end_with_their_session(make, gitlab, upstream):
    proxy = make(AUTHORIZATION_INTERVAL="1s")
    with H2Client(proxy) as browser:
        stream = browser.request("GET", "/events/3", cookie=proxy.cookie)
        upstream.wait_for_requests(1)
        upstream.release_event()
        browser.wait(lambda: browser.responses[stream].body)
        gitlab.revoke_tokens("sasha")
        response = browser.response(stream)
        assert not response.ended and response.reset is not None
        assert browser.fetch("GET", "/", cookie=proxy.cookie).status in (401, 403)


def test_idle_connections_give_way(make):
    proxy = make(CONNECTIONS_MAX="3")
    browsers = [H2Client(proxy) for _ in range(3)]
    assert browsers[0].fetch("GET", "/", cookie=proxy.cookie).status == 200
    assert browsers[1].fetch("GET", "/").status == 401
    time.sleep(1.1)
    with H2Client(proxy) as another:
        assert another.fetch("GET", "/").status == 401
    assert browsers[0].ping(), "that of a user was closed"
    for browser in browsers:
        browser.close()


def test_floods_end_the_connection(make):
    proxy = make()
    with H2Client(proxy) as browser:
        try:
            for _ in range(100):
                browser.raw(h2_client.frame(h2_client.PING, 0, 0, b"12345678") * 50)
        except OSError:
            pass
        browser.read_to_end()
        assert browser.goaway is None or browser.goaway[1] == ENHANCE_YOUR_CALM
    proxy.wait_for_log(message="HTTP/2 connection ended")
    with H2Client(proxy) as browser:
        assert browser.fetch("GET", "/", cookie=proxy.cookie).status == 200
