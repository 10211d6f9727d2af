# SPDX-License-Identifier: Apache-2.0
"""What RFC 9113 demands for what is wrong on a stream whose request is not answered yet, and h2spec.

H2SPEC is the path of h2spec's program; without it, there is none to test with. It speaks to the plain listener, by prior
knowledge, and every case of it passes but for those that docs/http2.md lists."""

import os
import socket
import struct
import subprocess
import threading
import xml.etree.ElementTree

import pytest
from h2_client import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    HEADERS,
    PRIORITY,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    H2Client,
    frame,
)
from proxy import PATIENCE_S
from readable import readable

STAGE_SETTINGS = {"HTTP2": "on"}
H2SPEC = os.environ.get("H2SPEC")
GATHER_S = 0.05


# On a stream that waits for the IDE. h2spec has these cases as well, but no session: it meets the answer of the proxy,
# behind which nothing is left that could be reset.


def second_head(browser, stream):
    return frame(HEADERS, END_HEADERS, stream, browser.encode([("x-test", "ok")]))


def pseudo_trailer(browser, stream):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, browser.encode([(":method", "GET")]))


def upper_case_trailer(browser, stream):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, browser.encode([("X-Test", "ok")]))


def too_much_data(_, stream):
    return frame(DATA, END_STREAM, stream, b"12345")


def too_little_data(_, stream):
    return frame(DATA, END_STREAM, stream, b"123")


def data(_, stream):
    return frame(DATA, END_STREAM, stream, b"1234")


def no_window(_, stream):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0))


def large_window(_, stream):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0x7FFFFFFF))


def long_window(_, stream):
    return frame(WINDOW_UPDATE, 0, stream, bytes(5))


def long_data(_, stream):
    return frame(DATA, 0, stream, bytes(16385))


WHILE_SENDING = [
    (second_head, PROTOCOL_ERROR),
    (pseudo_trailer, PROTOCOL_ERROR),
    (upper_case_trailer, PROTOCOL_ERROR),
    (too_much_data, PROTOCOL_ERROR),
    (too_little_data, PROTOCOL_ERROR),
    (no_window, PROTOCOL_ERROR),
    (large_window, FLOW_CONTROL_ERROR),
    (long_window, FRAME_SIZE_ERROR),
    (long_data, FRAME_SIZE_ERROR),
]
WHEN_SENT = [
    (second_head, STREAM_CLOSED),
    (data, STREAM_CLOSED),
    (no_window, PROTOCOL_ERROR),
    (large_window, FLOW_CONTROL_ERROR),
]


def find_error(stage, has_body, make):
    """Of the stream or of the connection."""
    stage.upstream.read_bodies = False
    with H2Client(stage.proxy) as browser:
        length = [("content-length", "4")] if has_body else []
        stream = browser.request("POST", "/nothing", length, stage.cookie, end=not has_body)
        browser.ping()
        browser.raw(make(browser, stream))
        response = browser.responses[stream]
        browser.wait(lambda: response.reset is not None or browser.goaway)
        return browser.goaway[1] if browser.goaway else response.reset


@pytest.mark.parametrize("make, error", WHILE_SENDING, ids=lambda x: getattr(x, "__name__", ""))
def test_errors_while_the_request_is_sent(stage, make, error):
    assert find_error(stage, True, make) == error


@pytest.mark.parametrize("make, error", WHEN_SENT, ids=lambda x: getattr(x, "__name__", ""))
def test_errors_when_the_request_is_whole(stage, make, error):
    assert find_error(stage, False, make) == error


def test_what_is_ignored(stage):
    """DATA on closed streams, which may have been on its way, and what RFC 9113 has deprecated."""
    with H2Client(stage.proxy) as browser:
        stream = browser.request("GET", "/status/200", cookie=stage.cookie)
        assert browser.response(stream).status == 200
        browser.raw(frame(DATA, 0, stream, b"late"))
        browser.raw(frame(PRIORITY, 0, stream + 2, struct.pack(">IB", stream + 2, 1)))
        assert browser.fetch("GET", "/status/200", cookie=stage.cookie).status == 200


# h2spec

EXCEPTIONS = {
    "http2/3.5": {"Sends invalid connection preface"},
    "http2/5.1": {
        "closed: Sends a DATA frame after sending RST_STREAM frame",
        "closed: Sends a DATA frame",
    },
    "http2/5.3.1": {"Sends PRIORITY frame that depend on itself"},
    "http2/8.1": {"Sends a second HEADERS frame without the END_STREAM flag"},
}


def gather(source, target):
    """What comes within GATHER_S is sent on together."""
    waiting = b""
    while True:
        ready = readable([source], GATHER_S if waiting else None)
        received = source.recv(65536) if ready else b""
        waiting += received
        if waiting and not received:
            target.sendall(waiting)
            waiting = b""
        if ready and not received:
            target.shutdown(socket.SHUT_WR)
            return


def pass_on(source, target):
    while received := source.recv(65536):
        target.sendall(received)
    target.shutdown(socket.SHUT_WR)


def run(copy, source, target):
    try:
        copy(source, target)
    except OSError:
        source.close()
        target.close()


class GatheringRelay:
    """Cases write two frames one after the other, of which the second has to be there before the answer to the first: so
    both arrive in one piece."""

    def __init__(self, address):
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=run, args=(self._accept, self._listener, self._listener), daemon=True).start()

    def _accept(self, listener, _):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(self._address)
            for copy, source, target in ((gather, client, server), (pass_on, server, client)):
                threading.Thread(target=run, args=(copy, source, target), daemon=True).start()

    def close(self):
        self._listener.close()


def failed_cases(report):
    failed, count = {}, 0
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        count += 1
        if case.find("failure") is not None or case.find("error") is not None:
            failed.setdefault(case.get("package"), set()).add(case.get("classname"))
    return failed, count


@pytest.mark.skipif(not H2SPEC, reason="H2SPEC is not set")
def test_h2spec(make_proxy, gitlab, upstream, tmp_path):
    proxy = make_proxy(gitlab, upstream, HTTP2="on", HTTP_ADDRESS="127.0.0.1:0", TRUSTED_PROXY_IPS="127.0.0.1")
    relay = GatheringRelay(proxy.address("http"))
    report = tmp_path / "report.xml"
    command = [H2SPEC, "--strict", "-h", "127.0.0.1", "-p", str(relay.port), "-j", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10 * PATIENCE_S, check=False)
    relay.close()
    failed, count = failed_cases(report)
    assert count == 146, done.stdout
    assert failed == EXCEPTIONS, done.stdout[done.stdout.find("Failures:") :]
