# SPDX-License-Identifier: Apache-2.0
"""A front end on one port and its API on another, in Chromium: scripts get in by themselves, with whatever they ask first."""

import json

import chromium
import pytest
from ports import COOKIE, PortHost
from test_browser import wait_for_ide
from upstream import Upstream

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]

ASK = """
const [url, how, done] = arguments;
fetch(url, {credentials: "include", ...how})
    .then(async r => done({status: r.status, url: r.url, text: await r.text()}))
    .catch(e => done({error: String(e)}));
"""
ASK_MANY = """
const [url, count, how, done] = arguments;
const ask = i => fetch(url + i, {credentials: "include", ...how}).then(r => r.status, String);
Promise.all([...Array(count).keys()].map(ask)).then(done);
"""
XHR = """
const [method, url, body, done] = arguments, request = new XMLHttpRequest();
request.open(method, url);
request.withCredentials = true;
request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
request.onload = () => done([request.status, request.responseText]);
request.onerror = () => done("error");
request.send(body);
"""
EVENTS = """
const [url, done] = arguments, source = new EventSource(url, {withCredentials: true});
source.onmessage = e => { source.close(); done([e.data, e.origin]); };
source.onerror = () => { source.close(); done("error"); };
"""
MODULE = """
const [url, done] = arguments, script = document.createElement("script");
script.type = "module";
script.crossOrigin = "use-credentials";
script.src = url;
script.onload = () => done(window.fromTheModule);
script.onerror = () => done("failed");
document.body.append(script);
"""
SOCKET = """
const [url, done] = arguments, socket = new WebSocket(url);
socket.onopen = () => done("open");
socket.onerror = () => done("error");
"""
AS_JSON = {"Content-Type": "application/json"}


@pytest.fixture
def browser(certificates):
    with chromium.browser(certificates.cert) as driver:
        driver.set_script_timeout(60)
        yield driver


def serve_api(server, origin):
    """Answers to pages of one origin, as a server with CORS does."""

    def answer(connection, request):
        kind, text = "text/plain", f"{request.method} for {request.get('X-Forwarded-User')}"
        if request.path == "/events":
            kind, text = "text/event-stream", "data: an event\n\n"
        elif request.path == "/lib/main.js":
            kind, text = "text/javascript", 'import {part} from "./part.js"; window.fromTheModule = part;'
        elif request.path == "/lib/part.js":
            kind, text = "text/javascript", 'export const part = "of a port";'
        cors = [("Access-Control-Allow-Credentials", "true")]
        if request.get("Origin") == origin and request.path != "/shut":
            cors.append(("Access-Control-Allow-Origin", origin))
        body = b"" if request.method == "HEAD" else text.encode()
        connection.send_response(200, [("Content-Type", kind), *cors], body)

    server.answer = answer


class Stage:
    def __init__(self, make_proxy, gitlab, upstream, servers, browser, **settings):
        self.servers, self.browser = servers, browser
        self.proxy = make_proxy(
            gitlab, upstream, name="kiwi.ws.localhost", PORTS=",".join(str(s.port) for s in servers), **settings
        )
        self.front, self.api = (PortHost(self.proxy, s.port) for s in servers)
        self.serve_page(servers[0], "<!DOCTYPE html><h1>This is the IDE</h1> of a port")
        serve_api(servers[1], self.front.origin)
        browser.get(self.front.origin + "/")
        chromium.sign_in(browser, "sasha", "sasha-password")
        wait_for_ide(browser)

    def serve_page(self, server, text, *headers):
        page = [("Content-Type", "text/html"), *headers]
        server.answer = lambda connection, _: connection.send_response(200, page, text.encode())

    def ask(self, path="/open", **how):
        return self.browser.execute_async_script(ASK, self.api.origin + path, how)

    def cookies(self):
        cookies = self.browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
        self.proxy.secrets += [c["value"] for c in cookies if c["name"].startswith(COOKIE)]
        return {c["domain"] for c in cookies if c["name"] == COOKIE}

    def flows(self):
        cookies = self.browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
        return [c["name"] for c in cookies if c["name"].startswith(COOKIE + "-flow")]


@pytest.fixture
def stage(make_proxy, gitlab, upstream, servers, browser):
    stage = Stage(make_proxy, gitlab, upstream, servers, browser)
    yield stage
    stage.cookies()


def test_a_get_is_answered_at_first(stage):
    answer = stage.ask("/open?a=b%20c")
    assert answer == {"status": 200, "url": stage.api.origin + "/open?a=b%20c", "text": "GET for sasha"}
    (request,) = stage.servers[1].requests
    assert request.target == "/open?a=b%20c" and request.get("Origin") == stage.front.origin
    assert stage.api.name in stage.cookies() and not stage.flows()
    assert stage.ask("/open?a=b%20c")["status"] == 200, "not from the cache, as an answer to no origin"
    assert len(stage.servers[1].requests) == 2
    assert "error" in stage.ask("/shut"), "the server decides who reads its answers"


def test_a_post_keeps_its_method_headers_and_body(stage):
    """It is preceded by a preflight at each host, none of which reaches the server."""
    body = json.dumps({"text": "ü" * 3000})
    headers = {**AS_JSON, "X-Csrf-Token": "canary"}
    assert stage.ask(method="POST", headers=headers, body=body)["text"] == "POST for sasha"
    (request,) = stage.servers[1].requests
    assert request.method == "POST" and request.get("Origin") == stage.front.origin
    assert request.get("X-Csrf-Token") == "canary" and request.get("Content-Type") == "application/json"
    assert request.body == body.encode()
    for method in ("PUT", "DELETE", "PATCH"):
        assert stage.ask(method=method)["status"] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "POST"])
def test_other_methods(stage, method):
    assert stage.ask(method=method)["status"] == 200
    assert [r.method for r in stage.servers[1].requests] == [method]


def test_xmlhttprequest(stage):
    url = stage.api.origin + "/open"
    assert stage.browser.execute_async_script(XHR, "POST", url, "a=b") == [200, "POST for sasha"]
    assert [(r.method, r.body) for r in stage.servers[1].requests] == [("POST", b"a=b")]


def test_an_event_source(stage):
    found = stage.browser.execute_async_script(EVENTS, stage.api.origin + "/events")
    assert found == ["an event", stage.api.origin]


def test_a_module_and_what_it_imports(stage):
    assert stage.browser.execute_async_script(MODULE, stage.api.origin + "/lib/main.js") == "of a port"
    assert [r.path for r in stage.servers[1].requests] == ["/lib/main.js", "/lib/part.js"]


def test_many_at_once(stage):
    """More than a browser has connections."""
    assert stage.browser.execute_async_script(ASK_MANY, stage.api.origin + "/open?", 24, {}) == [200] * 24
    assert len(stage.servers[1].requests) == 24
    assert {r.get("Origin") for r in stage.servers[1].requests} == {stage.front.origin}
    assert not stage.flows()


def test_the_ides_page(stage, upstream):
    stage.serve_page(upstream, "<!DOCTYPE html><h1>This is the IDE</h1>")
    serve_api(stage.servers[1], stage.proxy.origin)
    stage.browser.get(stage.proxy.origin + "/")
    wait_for_ide(stage.browser)
    assert stage.ask(method="POST", headers=AS_JSON, body="{}")["text"] == "POST for sasha"
    assert [r.body for r in stage.servers[1].requests] == [b"{}"]


def test_what_a_websocket_does_not_get(stage):
    """Its Origin has to be that of its host, whoever is signed in."""
    url = f"wss://{stage.api.host}/ws"
    assert stage.browser.execute_async_script(SOCKET, url) == "error"
    assert stage.ask()["status"] == 200
    assert stage.browser.execute_async_script(SOCKET, url) == "error"
    assert [r.path for r in stage.servers[1].requests] == ["/open"]


def test_without_credentials_or_session(stage):
    answer = stage.ask(credentials="omit")
    assert answer["status"] == 401 and json.loads(answer["text"])["error"] == "login_required"
    assert stage.api.origin + "/oauth2/start" in answer["text"]
    answer = stage.ask(method="POST", headers=AS_JSON, body="{}", credentials="omit")
    assert answer["status"] == 401
    stage.cookies()
    stage.browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    for how in ({}, {"method": "POST", "headers": AS_JSON, "body": "{}"}):
        answer = stage.ask(**how)
        assert answer["status"] == 401 and stage.api.origin + "/oauth2/start" in answer["text"]
    assert "ticket" not in answer["url"]
    assert not stage.servers[1].requests


def test_a_page_that_hides_its_address(stage):
    stage.serve_page(stage.servers[0], "<!DOCTYPE html><h1>This is the IDE</h1>", ("Referrer-Policy", "no-referrer"))
    stage.browser.get(stage.front.origin + "/")
    wait_for_ide(stage.browser)
    assert stage.ask()["status"] == 401 and not stage.servers[1].requests


# Others


def redirect_to(server, location, origin):
    """A server that a page asks for something, and that sends the request on."""
    cors = [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]

    def answer(connection, _):
        connection.send_response(307, [*cors, ("Location", location), ("Referrer-Policy", "strict-origin")])

    server.answer = answer


def test_a_server_that_redirects_to_the_hand_over(stage, make_proxy, gitlab, make_client):
    """It has a flow of its own, and wants the ticket: the page, which may be its own as well, learns nothing."""
    evil = make_client()
    begun = evil.navigate(stage.api.origin + "/")
    hostile = Upstream()
    try:
        lemon = make_proxy(gitlab, hostile, name="lemon.ws.localhost")
        stage.browser.get(lemon.origin + "/")
        wait_for_ide(stage.browser)
        stage.browser.get(stage.front.origin + "/")
        wait_for_ide(stage.browser)
        redirect_to(hostile, begun.location, stage.front.origin)
        answer = stage.browser.execute_async_script(ASK, lemon.origin + "/x", {})
        assert list(answer) == ["error"]
        ended = stage.proxy.wait_for_log(message="request", path="/oauth2/callback", status=401)
        assert ended["port"] == stage.api.port, "as far as with a ticket"
        assert stage.api.name not in stage.cookies() and not stage.servers[1].requests
        # Nor does it ask the API in the page's name.
        redirect_to(hostile, stage.api.origin + "/delete", stage.front.origin)
        assert stage.ask()["status"] == 200
        assert list(stage.browser.execute_async_script(ASK, lemon.origin + "/x", {})) == ["error"]
        as_json = {"method": "POST", "headers": AS_JSON, "body": "{}"}
        assert list(stage.browser.execute_async_script(ASK, lemon.origin + "/x", as_json)) == ["error"]
        assert [(r.path, r.get("Origin")) for r in stage.servers[1].requests] == [
            ("/open", stage.front.origin),
            ("/delete", "null"),
        ]
        cookies = stage.browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
        lemon.secrets += [c["value"] for c in cookies if c["name"].startswith(COOKIE)]
    finally:
        hostile.stop()


def test_a_neighbours_page(stage, make_proxy, gitlab):
    """Of the same site, in the browser of somebody who is signed in to both."""
    hostile = Upstream()
    try:
        lemon = make_proxy(gitlab, hostile, name="lemon.ws.localhost")
        stage.browser.get(lemon.origin + "/")
        wait_for_ide(stage.browser)
        for how in ({}, {"method": "POST"}, {"method": "POST", "headers": AS_JSON, "body": "{}"}):
            assert list(stage.ask(**how)) == ["error"], "not even our refusal can be read"
        cookies = stage.browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
        lemon.secrets += [c["value"] for c in cookies if c["name"].startswith(COOKIE)]
        assert stage.api.name not in stage.cookies() and not stage.servers[1].requests
    finally:
        hostile.stop()
