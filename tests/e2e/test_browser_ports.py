# SPDX-License-Identifier: Apache-2.0
"""Ports by host name in Chromium: the hand-over unseen, WebSockets, and what pages may ask of each other."""

import chromium
import pytest
from ports import COOKIE, PortHost
from proxy import reserve_port
from test_browser import SOCKET, wait_for_ide
from upstream import Upstream

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]

ASK = """
const done = arguments[arguments.length - 1];
fetch(arguments[0], arguments[1])
    .then(async r => done({status: r.status, text: await r.text()}))
    .catch(e => done({error: String(e)}));
"""


def open_to(origin):
    """A server that lets pages of one origin read what it answers."""

    def answer(connection, request):
        if request.get("Upgrade"):
            connection.answer_websocket(request)
            raise EOFError
        cors = [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]
        page = [("Content-Type", "text/html"), *(cors if request.path == "/open" else [])]
        connection.send_response(200, page, b"<!DOCTYPE html><h1>This is the IDE</h1> of a port")

    return answer


def test_a_port_and_its_neighbours(make_proxy, gitlab, upstream, server, browser):
    late = reserve_port()
    proxy = make_proxy(gitlab, upstream, name="kiwi.ws.localhost", PORTS=f"{server.port},{late}")
    host = PortHost(proxy, server.port)
    server.answer = open_to(proxy.origin)

    # Nobody is signed in: through GitLab's page, and back to the port.
    browser.get(host.origin + "/page?a=b")
    chromium.sign_in(browser, "sasha", "sasha-password")
    wait_for_ide(browser)
    assert browser.current_url == host.origin + "/page?a=b"
    cookies = {c["name"]: c for c in browser.get_cookies()}
    assert list(cookies) == [COOKIE] and cookies[COOKIE]["domain"] == host.name
    assert browser.execute_async_script(SOCKET, f"wss://{host.host}/ws") == "from the browser"

    # The workspace's own page: signed in as well, another origin.
    browser.get(proxy.origin + "/")
    wait_for_ide(browser)
    assert browser.execute_async_script(SOCKET, f"wss://{host.host}/ws") in ("error", "closed")

    def ask(path, **how):
        return browser.execute_async_script(ASK, host.origin + path, how)

    assert ask("/open", credentials="include")["status"] == 200
    written = ask(
        "/open", credentials="include", method="PUT", headers={"Content-Type": "application/json"}, body="{}"
    )
    assert written["status"] == 200, "the browser asked, and was let through"
    assert [r.method for r in server.requests if r.path == "/open"] == ["GET", "PUT"]
    assert "error" in ask("/shut", credentials="include"), "the server decides who reads its answers"
    refused = ask("/open", credentials="omit")
    assert refused["status"] == 401 and host.origin + "/oauth2/start" in refused["text"]

    # A port where nothing listens yet opens by itself.
    waiting = PortHost(proxy, late)
    browser.get(waiting.origin + "/later")
    chromium.wait(browser, lambda d: f"No server on port {late} yet" in chromium.text_of(d), what="the page")
    starting = Upstream(address=("127.0.0.1", late))
    try:
        wait_for_ide(browser)
        assert browser.current_url == waiting.origin + "/later"
    finally:
        starting.stop()


def test_cookies_that_are_blocked_on_a_port(make_proxy, gitlab, upstream, server, certificates):
    with chromium.browser(certificates.cert, no_cookies_for="https://[*.]ws.localhost") as driver:
        proxy = make_proxy(gitlab, upstream, name="kiwi.ws.localhost", PORTS=server.port)
        driver.get(PortHost(proxy, server.port).origin + "/")
        chromium.sign_in(driver, "sasha", "sasha-password")
        chromium.wait(driver, lambda d: "does not accept our cookies" in chromium.text_of(d), what="the explanation")
        assert not server.requests
