# SPDX-License-Identifier: Apache-2.0
"""Responses that the proxy has sent but the browser has not read yet arrive whole, whatever happens meanwhile."""

import fcntl
import struct
import termios

import pytest
from h2_client import H2Client

PATH = "/oauth2/nothing"  # anybody gets a page of 11 KiB
NAVIGATES = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")]
PAGE_BYTES = 10000


class Browser:
    """Over HTTP/1.1 it knows that the proxy holds back a response when the next request gets none."""

    def __init__(self, proxy, listener):
        self.proxy, self.raw = proxy, proxy.raw(listener)
        self.answered = 0

    def ask(self):
        self.raw.request("GET", PATH, NAVIGATES, host=self.proxy.host)

    def fill(self):
        """Asks without reading until the proxy can't send all of a response."""
        self.ask()
        while (answered := len(self.proxy.log_entries(message="request"))) > self.answered:
            self.answered = answered
            self.ask()

    def read(self):
        for _ in range(self.answered):
            response = self.raw.read_response()
            assert response.status == 404 and len(response.body) > PAGE_BYTES

    def is_closed(self):
        return self.raw.is_closed()

    def is_served(self):
        return self.raw.read_response().status == 404  # the request that waited

    def close(self):
        self.raw.close()


class Http2Browser:
    """It knows that when a response adds nothing to what can be read."""

    def __init__(self, proxy, listener):
        self.browser = H2Client(proxy, initial_window_size=(1 << 31) - 1)
        self.browser.h2.increment_flow_control_window(1 << 30)
        assert self.browser.ping() and self.is_served()
        self.proxy = proxy

    def unread(self):
        self.proxy.log_entries()  # waits until the proxy has done its work
        return struct.unpack("i", fcntl.ioctl(self.browser.socket, termios.FIONREAD, b"\0" * 4))[0]

    def fill(self):
        before = -1
        while (unread := self.unread()) > before:
            before = unread
            self.browser.request("GET", PATH, [("sec-fetch-mode", "navigate")])

    def read(self):
        responses = self.browser.responses.values()
        self.browser.wait(lambda: all(r.ended for r in responses))
        assert len(responses) > 1 and all(r.ended and len(r.body) > PAGE_BYTES for r in responses)

    def is_closed(self):
        return self.browser.read_to_end() is not None

    def is_served(self):
        return self.browser.fetch("GET", PATH, [("sec-fetch-mode", "navigate")]).status == 404

    def close(self):
        self.browser.close()


@pytest.fixture(params=["http", "https", "HTTP/2"])
def make(request, make_proxy, gitlab, upstream, tmp_path):
    """make(NAME=value …) -> a proxy and a browser. Unix sockets: what was sent can be read at once."""
    browsers = []

    def make(**settings):
        proxy = make_proxy(
            gitlab,
            upstream,
            HTTPS_ADDRESS=f"unix:{tmp_path}/https",
            HTTP_ADDRESS=f"unix:{tmp_path}/http",
            HTTP2="on" if request.param == "HTTP/2" else "off",
            **settings,
        )
        kind = Http2Browser if request.param == "HTTP/2" else Browser
        browsers.append(kind(proxy, request.param))
        return proxy, browsers[0]

    yield make
    for browser in browsers:
        browser.close()


def test_while_draining(make):
    proxy, browser = make()
    browser.fill()
    proxy.process.terminate()
    proxy.wait_for_log(message="draining")
    browser.read()
    assert browser.is_closed()
    browser.close()
    assert proxy.stop() == 0


def test_when_another_needs_the_connection(make):
    proxy, browser = make(CONNECTIONS_MAX="2")
    browser.fill()
    with proxy.raw("http") as idle, proxy.raw("http") as another:
        assert idle.request("GET", PATH, host=proxy.host).read_response().status == 404
        assert another.request("GET", PATH, host=proxy.host).read_response().status == 404
        assert idle.is_closed(), "although it was idle for less long"
        browser.read()
        assert browser.is_served()
