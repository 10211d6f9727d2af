# SPDX-License-Identifier: Apache-2.0
"""The servers on PORTS, as JSON, the event stream and the status page list them while they come and go."""

import contextlib
import html
import json
import socket

import chromium
import pytest
from ports import PortHost
from proxy import reserve_ipv6_port, wait_until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

WORKSPACE = "/oauth2/workspace"


class Server:
    """Listens at a port of its own from start() to stop()."""

    def __init__(self, address="127.0.0.1"):
        self.address = address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.bind((address, reserve_ipv6_port() if family == socket.AF_INET6 else 0))
        self.port = self._socket.getsockname()[1]

    def start(self):
        self._socket.listen(1)

    def stop(self):
        self._socket.close()


@pytest.fixture
def servers():
    with contextlib.ExitStack() as stack:

        def make(address="127.0.0.1"):
            server = Server(address)
            stack.callback(server.stop)
            return server

        yield make


@pytest.fixture
def make_listed(make_proxy, gitlab, upstream, client):
    """make_listed(servers, NAME=value …) -> a proxy whose PORTS are theirs and the IDE's, with sasha signed in."""

    def make(*servers, **settings):
        ports = ",".join(str(port) for port in (upstream.port, *(s.port for s in servers)))
        proxy = make_proxy(gitlab, upstream, name="kiwi.ws.localhost", **{"PORTS": ports, **settings})
        page = client.login(proxy.origin + "/", "sasha", "sasha-password")
        assert page.status == 200, (page.url, page.status, page.text[:500])
        proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
        return proxy

    return make


def is_known(ports):
    """Not at once where thousands of sockets listen, which the machine may have besides ours."""
    assert "still being looked up" in ports.get("problem", "still being looked up"), ports
    return "listening" in ports


def listed(client, proxy):
    def known():
        ports = client.fetch(proxy.origin + WORKSPACE).json()["ports"]
        return ports if is_known(ports) else None

    return {p["number"]: p["url"] for p in wait_until(known, what="the list")["listening"]}


def test_in_json(make_listed, client, servers):
    first, second = servers(), servers("::1")
    proxy = make_listed(first, second)
    assert listed(client, proxy) == {}, "the IDE's own port is no other one"
    first.start()
    second.start()
    wait_until(lambda: len(listed(client, proxy)) == 2, what="both")
    assert listed(client, proxy) == {s.port: PortHost(proxy, s.port).origin + "/" for s in (first, second)}
    first.stop()
    wait_until(lambda: list(listed(client, proxy)) == [second.port], what="one")


def test_not_without_ports_and_not_on_their_hosts(make_listed, client, servers):
    server = servers()
    proxy = make_listed(server, PORTS=server.port)
    host = PortHost(proxy, server.port)
    assert "ports" in client.fetch(proxy.origin + WORKSPACE).json()
    server.start()
    host.enter(client, WORKSPACE)
    state = client.fetch(host.origin + WORKSPACE).json()
    assert state["port"]["number"] == server.port and "ports" not in state
    bare = make_listed(PORTS=None)
    assert "ports" not in client.fetch(bare.origin + WORKSPACE).json()
    assert 'id="ports"' not in client.navigate(bare.origin + WORKSPACE).text


def test_in_the_event_stream(make_listed, client, servers):
    server = servers()
    proxy = make_listed(server)
    cookies = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    with proxy.raw() as raw:
        raw.request("GET", WORKSPACE, [("Accept", "text/event-stream"), ("Cookie", cookies)], host=proxy.host)
        assert raw.read_head().status == 200
        events = (json.loads(e[6:]) for chunk in raw.read_chunks() for e in chunk.decode().split("\n\n") if e[:6] == "data: ")
        known = (event["ports"] for event in events if is_known(event["ports"]))
        numbers = ([p["number"] for p in ports["listening"]] for ports in known)
        assert next(numbers) == []
        server.start()
        assert next(n for n in numbers if n) == [server.port]
        server.stop()
        assert next(n for n in numbers if not n) == []


def test_on_the_page_without_script(make_listed, client, servers):
    server = servers()
    proxy = make_listed(server)
    assert "No server is running on a published port" in client.navigate(proxy.origin + WORKSPACE).text
    server.start()
    origin = PortHost(proxy, server.port).origin
    wait_until(lambda: f'<a href="{origin}/">' in client.navigate(proxy.origin + WORKSPACE).text, what="the link")
    assert "Only you" in client.navigate(proxy.origin + WORKSPACE).text


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"AUTHORIZATION": "project", "PROJECT": "group/demo"}, "Members of the project"),
        ({"AUTHORIZATION": "group", "GROUP": "company"}, "Members of the group"),
        ({"AUTHORIZATION": "users", "USERS": "sasha,robin"}, "Users on the operator's list"),
        ({"AUTHORIZATION": "group+users", "GROUP": "company", "USERS": "sasha,robin"}, "Users of the workspace"),
        ({"AUTHORIZATION": "workspace+project", "PROJECT": "group/demo"}, "Only you"),
    ],
)
def test_who_may_open_them(make_listed, gitlab, client, servers, settings, said):
    gitlab.add_group("company", members={gitlab.sasha.id: 50})
    server = servers()
    server.start()
    proxy = make_listed(server, **settings)

    origin = PortHost(proxy, server.port).origin

    def page():
        text = client.navigate(proxy.origin + WORKSPACE).text
        return text if f'<a href="{origin}/">' in text else None

    item = wait_until(page, what="the port").partition("data-port=")[2].partition("</li>")[0]
    assert said in html.unescape(item)


FAKE_STREAM = """
window.EventSource = class {
    constructor() { window.fake = this; }
    addEventListener() {}
    close() {}
};
for (const hidden of [true, false]) {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}
"""


def items(driver):
    return [e.text for e in driver.find_elements(By.CSS_SELECTOR, "#ports-list > li")]


def news(driver):
    return driver.find_element(By.ID, "ports-news").get_attribute("textContent")


@pytest.mark.browser
@pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed")
def test_on_the_page(make_proxy, gitlab, upstream, servers, certificates):
    first, second = sorted((servers(), servers()), key=lambda s: s.port)
    proxy = make_proxy(gitlab, upstream, name="kiwi.ws.localhost", PORTS=f"{first.port},{second.port}")
    second.start()
    with chromium.browser(certificates.cert) as driver:
        driver.get(proxy.origin + WORKSPACE)
        chromium.sign_in(driver, "sasha", "sasha-password")
        chromium.wait(driver, lambda d: len(items(d)) == 1, what="the port that was there")
        assert PortHost(proxy, second.port).host in items(driver)[0] and "Only you" in items(driver)[0]

        # Another one comes, in its place, and is told to screen readers.
        first.start()
        chromium.wait(driver, lambda d: len(items(d)) == 2, what="the other port")
        assert str(first.port) in items(driver)[0] and str(second.port) in items(driver)[1]
        assert news(driver) == f"A server listens on port {first.port}."
        assert driver.find_element(By.ID, "ports").aria_role == "region"
        assert driver.find_element(By.ID, "ports").accessible_name == "Ports"

        # With the keyboard: from the link to the button, which copies the address.
        driver.execute_cdp_cmd(
            "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        )
        link, copy = driver.find_elements(By.CSS_SELECTOR, "#ports-list > li:first-child :is(a, button)")
        assert link.get_attribute("href") == PortHost(proxy, first.port).origin + "/"
        assert copy.accessible_name == f"Copy the address of port {first.port}"
        driver.execute_script("arguments[0].focus()", link)
        link.send_keys(Keys.TAB)
        assert driver.switch_to.active_element == copy
        copy.send_keys(Keys.ENTER)
        chromium.wait(driver, lambda d: copy.text == "Copied", what="the confirmation")
        pasted = driver.execute_async_script(
            "const done = arguments[0]; navigator.clipboard.readText().then(done, e => done('failed: ' + e));"
        )
        assert pasted == PortHost(proxy, first.port).origin + "/"
        assert news(driver) == f"Copied the address of port {first.port}"

        # It goes: the focus is not lost with it.
        first.stop()
        chromium.wait(driver, lambda d: len(items(d)) == 1, what="only one port")
        assert driver.switch_to.active_element.get_attribute("id") == "ports-title"
        assert news(driver) == f"No server listens on port {first.port} any more."
        second.stop()
        note = driver.find_element(By.ID, "ports-note")
        chromium.wait(driver, lambda d: note.is_displayed(), what="the note")
        assert note.text == "No server is running on a published port." and not items(driver)

        # What the stream carries is text.
        driver.execute_script(FAKE_STREAM)
        hostile = {"ports": {"problem": "<img src=x onerror=document.title='pwned'>"}}
        driver.execute_script("window.fake.onmessage({data: arguments[0]})", json.dumps(hostile))
        assert note.text == hostile["ports"]["problem"] == news(driver) and "pwned" not in driver.title
        severe = [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE"]
        assert not [m for m in severe if "favicon" not in m and "responded with a status" not in m]
