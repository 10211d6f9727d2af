# SPDX-License-Identifier: Apache-2.0
"""Many tabs of one workspace, each with an event stream. Over HTTP/1.1 Chromium opens six connections to a host, and
the seventh tab waits for ever; over HTTP/2 they share one."""

import threading

import chromium
import pytest
from proxy import PATIENCE_S

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]

TABS = 8
PAGE = b"""<!DOCTYPE html><title>IDE</title><script>
const stream = new EventSource('/stream');
stream.onmessage = e => window.last = e.data;
</script>"""


@pytest.fixture
def streams(upstream):
    """Each stream has one event at once, and the second when the test says so."""
    go_on = threading.Event()

    def respond(connection, request):
        if request.path != "/stream":
            connection.send_response(200, [("Content-Type", "text/html")], PAGE)
            return
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.send(b"9\r\ndata: 1\n\n\r\n")
        if go_on.wait(PATIENCE_S):
            connection.send(b"9\r\ndata: 2\n\n\r\n")
        connection.read_exactly(1)

    upstream.answer = respond
    yield go_on
    go_on.set()


def wait_for_event(driver, number):
    chromium.wait(driver, lambda d: d.execute_script("return window.last") == str(number), what=f"event {number}")


def test_eight_tabs_with_streams_and_a_ninth(make_proxy, gitlab, upstream, streams, certificates):
    proxy = make_proxy(gitlab, upstream, HTTP2="on")
    with chromium.browser(certificates.cert) as driver:
        driver.get(proxy.origin + "/")
        chromium.sign_in(driver, "sasha", "sasha-password")
        wait_for_event(driver, 1)
        for _ in range(TABS):
            driver.switch_to.new_window("tab")
            driver.get(proxy.origin + "/")
            wait_for_event(driver, 1)
        protocols = "return performance.getEntriesByType('navigation').map(e => e.nextHopProtocol)"
        assert driver.execute_script(protocols) == ["h2"]
        streams.set()
        for handle in driver.window_handles:
            driver.switch_to.window(handle)
            wait_for_event(driver, 2)
