# SPDX-License-Identifier: Apache-2.0
"""Sharing a port in Chromium: its owner's menu, a guest's way in, and the cut when it is taken back."""

import time

import chromium
import pictures
import pytest
from ports import PortHost
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_browser import SOCKET, wait_for_ide

WORKSPACE = "/oauth2/workspace"
MENU = "#ports-list > li > #share"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]


@pytest.fixture
def host(make_proxy, gitlab, upstream, servers):
    server = servers[0]
    settings = {"PORTS": server.port, "PORT_SHARING_MAX": "public"}
    return PortHost(make_proxy(gitlab, upstream, name="kiwi.ws.localhost", **settings), server.port)


def find(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def badge(driver):
    return find(driver, "#ports-list .badge").text


def open_status(driver, host):
    driver.get(host.proxy.origin + WORKSPACE)
    chromium.sign_in(driver, "sasha", "sasha-password")
    chromium.wait(driver, lambda d: find(d, "#ports-list button[data-share]"), what="the list")


def choose(driver, audience, **fields):
    find(driver, "#ports-list button[data-share]").click()
    chromium.wait(driver, lambda d: find(d, MENU).is_displayed(), what="the menu")
    find(driver, f"#share-{audience}").click()
    for name, text in fields.items():
        find(driver, f"{MENU} [name={name}]").send_keys(text)
    find(driver, f"{MENU} form button").click()


def first_page(driver, url, name):
    """How long it takes from the address to the first page, with a login on the way."""
    began = time.monotonic()
    driver.get(url)
    chromium.sign_in(driver, name, f"{name}-password")
    wait_for_ide(driver)
    return time.monotonic() - began


def take_pictures(certificates, host):
    def show(driver, name):
        if name == "guest-sign-in":
            driver.get(host.origin + "/oauth2/sign_in")
        elif name == "guest-sign-out":
            first_page(driver, host.origin + "/", "robin")
            driver.get(host.origin + "/oauth2/sign_out")
        elif name == "guest-refused":
            driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
            driver.get(host.origin + "/")
            chromium.sign_in(driver, "alex", "alex-password")
            chromium.wait(driver, lambda d: "not shared with you" in d.title, what="the refusal")
        elif name == "share-list":
            open_status(driver, host)
            chromium.wait(driver, badge, what="the badge")
        else:
            find(driver, "#ports-list button[data-share]").click()
            chromium.wait(driver, lambda d: find(d, MENU).is_displayed(), what="the menu")

    pictures.take_forms(certificates.cert, ["guest-sign-in", "guest-sign-out", "guest-refused"], show)
    pictures.take_forms(certificates.cert, ["share-list", "share-menu"], show)


def test_a_guest_comes_and_goes(host, servers, certificates):
    with chromium.browser(certificates.cert) as owner, chromium.browser(certificates.cert, size=(900, 700)) as guest:
        owners = first_page(owner, host.proxy.origin + "/", "sasha")
        owner.get(host.proxy.origin + WORKSPACE)
        chromium.wait(owner, lambda d: find(d, "#ports-list button[data-share]"), what="the list")
        began = time.monotonic()
        choose(owner, "users", users="robin")
        chromium.wait(owner, lambda d: badge(d) == "robin", what="the badge")
        shared = time.monotonic() - began
        assert not owner.find_elements(By.CSS_SELECTOR, MENU)
        assert find(owner, "#ports-news").get_attribute("textContent") == f"Port {host.port} is shared."
        assert owner.switch_to.active_element.text == "Share"

        guests = first_page(guest, host.origin + "/", "robin")
        assert servers[0].requests[-1].get("X-Forwarded-User") == "robin"
        print(f"first page with a login: owner {owners:.2f} s, guest {guests:.2f} s, {guests / owners:.2f} times as long")
        print(f"from Share to the guest's first page: {(shared + guests) / owners:.2f} times the owner's first page")
        take_pictures(certificates, host)

        # Taken back: the guest's socket closes by itself.
        guest.set_script_timeout(60)
        assert guest.execute_async_script(SOCKET, f"wss://{host.host}/ws") == "from the browser"
        choose(owner, "owner")
        chromium.wait(owner, lambda d: not d.find_elements(By.CSS_SELECTOR, ".badge"), what="no badge")
        end = chromium.wait(guest, lambda d: d.execute_script("return window.socketEnd"), what="the socket's end")
        assert end == {"code": 1008, "clean": True}
        guest.get(host.origin + "/")
        chromium.wait(guest, lambda d: "no access" in chromium.text_of(d), what="the refusal")

        severe = [e["message"] for e in owner.get_log("browser") if e["level"] == "SEVERE"]
        assert not [m for m in severe if "favicon" not in m], severe


def test_the_menu_by_keyboard_and_its_problems(host, certificates):
    with chromium.browser(certificates.cert) as driver:
        open_status(driver, host)
        button = find(driver, "#ports-list button[data-share]")
        assert button.accessible_name == f"Share port {host.port}"
        driver.execute_script("arguments[0].focus()", button)
        button.send_keys(Keys.ENTER)
        chromium.wait(driver, lambda d: find(d, MENU).is_displayed(), what="the menu")
        assert button.get_attribute("aria-expanded") == "true"
        assert driver.switch_to.active_element.get_attribute("id") == "share-owner"
        driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
        assert find(driver, "#share-users").is_selected() and find(driver, f"{MENU} [name=users]").is_displayed()
        find(driver, f"{MENU} [name=users]").send_keys("a b", Keys.ENTER)
        problem = find(driver, "#share-problem")
        chromium.wait(driver, lambda d: problem.is_displayed(), what="the problem")
        assert '"users"' in problem.text and problem.aria_role == "alert"
        problem.parent.switch_to.active_element.send_keys(Keys.ESCAPE)
        chromium.wait(driver, lambda d: not d.find_elements(By.CSS_SELECTOR, MENU), what="no menu")
        assert driver.switch_to.active_element == button and button.get_attribute("aria-expanded") == "false"
        # What others share shows at once, and the menu starts from it.
        choose(driver, "group", group="company/team")
        chromium.wait(driver, lambda d: badge(d) == "Members of company/team", what="the badge")
        find(driver, "#ports-list button[data-share]").click()
        assert find(driver, f"{MENU} [name=group]").get_attribute("value") == "company/team"
        assert find(driver, "#share-group").is_selected()
