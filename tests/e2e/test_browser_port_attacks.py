# SPDX-License-Identifier: Apache-2.0
"""What the application on a port may try against its workspace from a browser: cookies for the whole zone, and a
service worker that sees every navigation to its host."""

import chromium
import pytest
from ports import COOKIE, PortHost
from test_browser import sign_in, wait_for_ide

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]

# Names that a script may give its cookies: ours, and those that differ from ours only to a careless reader.
TOSSED = (
    COOKIE,
    COOKIE.lower(),
    COOKIE + "-recent",
    " " + COOKIE,
    "__Secure-workspace-proxy",
)
TOSS = """
for (const name of arguments[0])
    for (const path of ['/', '/oauth2', '/oauth2/callback'])
        document.cookie = `${name}=forged; Domain=ws.localhost; Path=${path}; Secure`;
document.cookie = `=${arguments[0][0]}=forged; Domain=ws.localhost; Path=/; Secure`;
"""
# Takes the hand-over's ticket for itself: the proxy never sees that request.
WORKER = b"""
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', e => e.waitUntil(clients.claim()));
self.addEventListener('fetch', e => {
    if (e.request.url.includes('ticket='))
        e.respondWith(new Response(e.request.url));
});
"""
REGISTER = """
const done = arguments[arguments.length - 1];
navigator.serviceWorker.register(arguments[0], {scope: arguments[1]})
    .then(() => navigator.serviceWorker.ready).then(() => done('ok'), e => done(String(e)));
"""
UNREGISTER = """
const done = arguments[arguments.length - 1];
navigator.serviceWorker.getRegistrations().then(all => Promise.all(all.map(r => r.unregister()))).then(done);
"""


@pytest.fixture
def entered(make_proxy, gitlab, upstream, server, browser):
    """A port's host, and Chromium with a session there and at the workspace."""
    proxy = make_proxy(gitlab, upstream, name="kiwi.ws.localhost", PORTS=server.port)
    host = PortHost(proxy, server.port)
    sign_in(browser, proxy)
    wait_for_ide(browser)
    browser.get(host.origin + "/")
    wait_for_ide(browser)
    return host


def keep_secrets(browser, proxy):
    cookies = browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
    proxy.secrets += [c["value"] for c in cookies if c["name"].startswith(COOKIE) and c["value"] != "forged"]
    return cookies


def test_cookies_for_the_zone(entered, browser, upstream, server):
    browser.execute_script(TOSS, TOSSED)
    tossed = [c for c in keep_secrets(browser, entered.proxy) if c["value"].endswith("forged")]
    assert {c["domain"] for c in tossed} == {".ws.localhost"}, "the browser took some"
    assert COOKIE not in {c["name"] for c in tossed}, "but none with our name"
    for origin, receiver in ((entered.proxy.origin, upstream), (entered.origin, server)):
        receiver.forget()
        browser.get(origin + "/again")
        wait_for_ide(browser)
        assert browser.current_url == origin + "/again"
        request = next(r for r in receiver.requests if r.path == "/again")
        assert request.get("X-Forwarded-User") == "sasha"
        assert COOKIE + "=" not in (request.get("Cookie") or ""), "ours stay here, forged ones too"


def test_a_service_worker_sees_tickets_for_nothing(entered, browser, make_client, server, upstream):
    default = server.answer

    def answer(connection, request):
        if request.path == "/worker.js":
            connection.send_response(200, [("Content-Type", "text/javascript")], WORKER)
        else:
            default(connection, request)

    server.answer = answer
    assert "SecurityError" in browser.execute_async_script(REGISTER, "/worker.js", entered.proxy.origin + "/")
    assert browser.execute_async_script(REGISTER, "/worker.js", "/") == "ok"
    keep_secrets(browser, entered.proxy)
    browser.delete_all_cookies()  # those of the port
    browser.get(entered.origin + "/mine")
    chromium.wait(browser, lambda d: "ticket=" in chromium.text_of(d), what="the ticket")
    stolen = chromium.text_of(browser)
    entered.proxy.secrets.append(stolen.partition("ticket=")[2].partition("&")[0])

    # It is worth nothing elsewhere, be it before or after a visit to the port.
    for visits in (0, 1):
        thief = make_client()
        for _ in range(visits):
            thief.navigate(entered.origin + "/mine")
        server.forget()
        assert thief.navigate(stolen).location.startswith(entered.proxy.origin + "/oauth2/port?")
        assert not [c for c in thief.cookies_of(entered.name) if c.name == COOKIE] and not server.received
    # The workspace's own host is out of its reach, and the port is whole again without it.
    browser.get(entered.proxy.origin + "/")
    wait_for_ide(browser)
    assert browser.execute_script("return navigator.serviceWorker.controller") is None
    browser.get(entered.origin + "/worker.js")
    browser.execute_async_script(UNREGISTER)
    browser.get(entered.origin + "/mine")
    wait_for_ide(browser)
    keep_secrets(browser, entered.proxy)
