# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 in Chromium: everything on one connection, WebSockets and event streams among it."""

import threading

import chromium
import pytest
from test_browser import SOCKET, wait_for_ide

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]

PROTOCOLS = """
return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))
    .map(e => e.nextHopProtocol);
"""
FETCHES = """
const done = arguments[arguments.length - 1];
Promise.all(Array.from({length: arguments[0]}, (_, i) => fetch('/echo?' + i).then(r => r.json())))
    .then(all => done(all.map(e => e.target)), e => done(String(e)));
"""
EVENTS = """
const [count, done] = [arguments[0], arguments[arguments.length - 1]];
let opened = 0;
window.sources = Array.from({length: count}, () => {
    const source = new EventSource('/events');
    source.onmessage = () => { source.onmessage = null; if (++opened === count) done(opened); };
    return source;
});
"""
MANY_SOCKETS = """
const [url, count, done] = [arguments[0], arguments[1], arguments[arguments.length - 1]];
const one = number => new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ['a', 'b']);
    socket.onopen = () => socket.send('message ' + number);
    socket.onerror = () => reject('error');
    socket.onmessage = event => { socket.close(1000, 'done'); socket.answer = event.data; };
    socket.onclose = event => resolve([socket.answer, event.code, event.wasClean, socket.protocol]);
});
Promise.all(Array.from({length: count}, (_, i) => one(i))).then(done, done);
"""
UPLOAD = """
const done = arguments[arguments.length - 1];
fetch('/echo', {method: 'POST', body: new Uint8Array(arguments[0])}).then(r => r.json())
    .then(e => done(e.body_length), e => done(String(e)));
"""


@pytest.fixture
def signed_in(make_proxy, gitlab, upstream, browser):
    def make(**settings):
        proxy = make_proxy(gitlab, upstream, **{"HTTP2": "on", **settings})
        browser.get(proxy.origin + "/")
        chromium.sign_in(browser, "sasha", "sasha-password")
        wait_for_ide(browser)
        return proxy

    return make


def connections(proxy):
    return len(proxy.log_entries(message="request")) and {
        e["protocol"] for e in proxy.log_entries(message="request") if e["path"] != "/metrics"
    }


def test_pages_uploads_and_many_requests(signed_in, browser):
    proxy = signed_in()
    assert browser.execute_async_script(FETCHES, 300) == [f"/echo?{n}" for n in range(300)]
    assert browser.execute_async_script(UPLOAD, 3_000_000) == 3_000_000
    assert set(browser.execute_script(PROTOCOLS)) == {"h2"}
    assert connections(proxy) == {"HTTP/2"}


def test_websockets_travel_inside(signed_in, browser, upstream):
    proxy = signed_in()
    assert browser.execute_async_script(SOCKET, f"wss://{proxy.host}/ws") == "from the browser"
    all_of_them = browser.execute_async_script(MANY_SOCKETS, f"wss://{proxy.host}/ws", 20)
    assert all_of_them == [[f"message {n}", 1000, True, "a"] for n in range(20)]
    assert all(e["protocol"] == "HTTP/2" for e in proxy.log_entries(message="request", path="/ws"))
    assert all(r.get("Origin") == proxy.origin for r in upstream.requests if r.get("Upgrade"))


def test_websockets_beside_it(signed_in, browser):
    proxy = signed_in(HTTP2_WEBSOCKETS="off")
    [answer] = browser.execute_async_script(MANY_SOCKETS, f"wss://{proxy.host}/ws", 1)
    assert answer == ["message 0", 1000, True, "a"]
    proxy.wait_for_log(message="request", path="/ws", protocol="HTTP/1.1")


def test_event_streams_leave_room(signed_in, browser, upstream):
    """Over HTTP/1.1 six would be all that a browser opens to a host."""
    signed_in()
    leave = threading.Event()

    def answer(connection, request):
        if request.path != "/events":
            return upstream.default_answer(connection, request)
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")
        leave.wait(60)
        raise EOFError

    upstream.answer = answer
    assert browser.execute_async_script(EVENTS, 20) == 20
    assert browser.execute_async_script(FETCHES, 10) == [f"/echo?{n}" for n in range(10)]
    leave.set()
