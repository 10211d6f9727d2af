# SPDX-License-Identifier: Apache-2.0
"""Frames, images and scripts of ports in Chromium: on the workspace's own pages, and on a neighbour's of the same site."""

import chromium
import pytest
from ports import COOKIE, PortHost
from selenium.webdriver.common.by import By
from test_browser import wait_for_ide
from upstream import Upstream

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]

PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b"
)
LOAD_IMAGES = """
const [url, count, done] = arguments;
const load = i => new Promise(resolve => {
    const image = new Image();
    image.onload = () => resolve("loaded");
    image.onerror = () => resolve("failed");
    image.src = url + i;
});
Promise.all([...Array(count).keys()].map(load)).then(done);
"""
LOAD_SCRIPT = """
const [url, done] = arguments, script = document.createElement("script");
script.onload = () => done(window.fromThePort);
script.onerror = () => done("failed");
script.src = url;
document.body.append(script);
"""


def serve(server, page):
    """page, and an image at /pixel.gif."""

    def answer(connection, request):
        is_image = request.path == "/pixel.gif"
        kind = "image/gif" if is_image else "text/html"
        connection.send_response(200, [("Content-Type", kind)], PIXEL if is_image else page.encode())

    server.answer = answer


def framing(url):
    return f'<!DOCTYPE html><h1>This is the IDE</h1><iframe id="frame" src="{url}"></iframe>'


def text_in_frame(driver, *frames):
    def read(d):
        d.switch_to.default_content()
        for name in frames or ("frame",):
            d.switch_to.frame(d.find_element(By.ID, name))
        return chromium.text_of(d)

    try:
        return chromium.wait(driver, read, what="text in the frame")
    finally:
        driver.switch_to.default_content()


def make_workspace(make_proxy, gitlab, upstream, servers, name="kiwi.ws.localhost"):
    proxy = make_proxy(gitlab, upstream, name=name, PORTS=",".join(str(s.port) for s in servers))
    return proxy, *(PortHost(proxy, s.port) for s in servers)


def load_image(driver, url):
    return driver.execute_async_script(LOAD_IMAGES, url + "#", 1)[0]


def keep_cookies(driver, proxy):
    cookies = driver.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
    proxy.secrets += [c["value"] for c in cookies if c["name"].startswith(COOKIE)]
    return {c["domain"] for c in cookies if c["name"] == COOKIE}


def test_a_dashboard_in_a_frame_of_the_ide(make_proxy, gitlab, upstream, servers, browser):
    proxy, dashboard, panel = make_workspace(make_proxy, gitlab, upstream, servers)
    serve(upstream, framing(dashboard.origin + "/dashboard?of=all"))
    serve(servers[0], f'<!DOCTYPE html><h1>Dashboard</h1><iframe id="panel" src="{panel.origin}/panel"></iframe>')
    serve(servers[1], "<!DOCTYPE html><h1>Panel</h1>")
    browser.get(proxy.origin + "/")
    chromium.sign_in(browser, "sasha", "sasha-password")
    wait_for_ide(browser)
    assert "Dashboard" in text_in_frame(browser, "frame")
    assert "Panel" in text_in_frame(browser, "frame", "panel")
    assert keep_cookies(browser, proxy) == {proxy.name, dashboard.name, panel.name}
    assert servers[0].requests[0].target == "/dashboard?of=all"
    assert load_image(browser, panel.origin + "/pixel.gif") == "loaded"


def test_an_image_and_a_script_of_a_port(make_proxy, gitlab, upstream, servers, browser):
    proxy, first, second = make_workspace(make_proxy, gitlab, upstream, servers)
    serve(upstream, "<!DOCTYPE html><h1>This is the IDE</h1>")
    serve(servers[0], "<!DOCTYPE html><h1>This is the IDE</h1> of a port")
    serve(servers[1], "window.fromThePort = 1")
    browser.get(first.origin + "/")
    chromium.sign_in(browser, "sasha", "sasha-password")
    wait_for_ide(browser)
    keep_cookies(browser, proxy)
    # More at once than a browser keeps cookies of flows.
    assert browser.execute_async_script(LOAD_IMAGES, second.origin + "/pixel.gif?", 24) == ["loaded"] * 24
    assert browser.execute_async_script(LOAD_SCRIPT, second.origin + "/script.js") == 1
    assert keep_cookies(browser, proxy) == {proxy.name, first.name, second.name}


def test_a_frame_when_nobody_is_signed_in(make_proxy, gitlab, upstream, servers, browser, certificates):
    """Signed out meanwhile: the frame says what to do, in a page that the browser shows."""
    proxy, first, _ = make_workspace(make_proxy, gitlab, upstream, servers)
    serve(upstream, framing("about:blank"))
    serve(servers[0], "<!DOCTYPE html><h1>Dashboard</h1>")
    browser.get(proxy.origin + "/")
    chromium.sign_in(browser, "sasha", "sasha-password")
    wait_for_ide(browser)
    keep_cookies(browser, proxy)
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    frame = "document.getElementById('frame').src = arguments[0]"
    browser.execute_script(frame, first.origin + "/dashboard")
    chromium.wait(browser, lambda d: "Open this page in a tab" in text_in_frame(d), what="the page in the frame")
    browser.switch_to.frame(browser.find_element(By.ID, "frame"))
    browser.find_element(By.LINK_TEXT, "Open in a new tab").click()
    browser.switch_to.default_content()
    chromium.wait(browser, lambda d: len(d.window_handles) == 2, what="the tab")
    browser.switch_to.window(browser.window_handles[1])
    chromium.sign_in(browser, "sasha", "sasha-password")
    chromium.wait(browser, lambda d: "Dashboard" in chromium.text_of(d), what="the dashboard")
    assert browser.current_url == first.origin + "/dashboard"
    keep_cookies(browser, proxy)


def test_a_neighbour_of_the_same_site(make_proxy, gitlab, upstream, servers, browser):
    """lemon's page embeds kiwi's ports in the browser of somebody who is signed in to both."""
    kiwi, victim, entered = make_workspace(make_proxy, gitlab, upstream, servers)
    hostile = Upstream()
    try:
        serve(upstream, "<!DOCTYPE html><h1>This is the IDE</h1>")
        for server in servers:
            serve(server, "<!DOCTYPE html><h1>This is the IDE</h1> of a port")
        serve(hostile, framing(victim.origin + "/secret"))
        lemon = make_proxy(gitlab, hostile, name="lemon.ws.localhost")
        browser.get(entered.origin + "/")
        chromium.sign_in(browser, "sasha", "sasha-password")
        wait_for_ide(browser)
        for server in servers:
            server.forget()
        browser.get(lemon.origin + "/")
        wait_for_ide(browser)
        keep_cookies(browser, lemon)
        kiwi.wait_for_log(message="request", path="/secret", status=401)
        browser.switch_to.frame(browser.find_element(By.ID, "frame"))
        assert "in a tab" not in chromium.text_of(browser), "not even our own page is shown"
        browser.switch_to.default_content()
        for url in (f"{victim.origin}/pixel.gif", f"{kiwi.origin}/oauth2/port?port={victim.port}&state=a"):
            assert load_image(browser, url) == "failed"
        assert victim.name not in keep_cookies(browser, kiwi), "no session at the port"
        assert not servers[0].requests, "not a request reached the port"
    finally:
        hostile.stop()
