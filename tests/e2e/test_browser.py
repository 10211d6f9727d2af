# SPDX-License-Identifier: Apache-2.0
"""Through a real browser: Chromium, as far as only a browser can tell."""

import json
import urllib.parse

import chromium
import pytest
from selenium.webdriver.common.by import By

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]

FETCH = """
const done = arguments[arguments.length - 1];
fetch(arguments[0], {headers: {Accept: 'application/json'}})
    .then(async r => done({status: r.status, type: r.headers.get('content-type'), text: await r.text()}))
    .catch(e => done({error: String(e)}));
"""
SOCKET = """
const done = arguments[arguments.length - 1];
const s = new WebSocket(arguments[0]);
window.socketEnd = null;
s.onopen = () => s.send('from the browser');
s.onmessage = m => done(m.data);
s.onerror = () => done('error');
s.onclose = e => { window.socketEnd = {code: e.code, clean: e.wasClean}; done('closed'); };
"""


def sign_in(driver, proxy, user="sasha", path="/"):
    driver.get(proxy.origin + path)
    chromium.sign_in(driver, user, f"{user}-password")


def wait_for_ide(driver):
    chromium.wait(driver, lambda d: "This is the IDE" in chromium.text_of(d), what="the IDE")


def severe(driver):
    """Errors in the console: blocked by a policy, failed scripts. A missing favicon is none."""
    return [
        e["message"]
        for e in driver.get_log("browser")
        if e["level"] == "SEVERE" and "favicon" not in e["message"]
    ]


def test_sign_in_as_people_do(make_proxy, gitlab, upstream, browser):
    proxy = make_proxy(gitlab, upstream, trusted=False)
    sign_in(browser, proxy, path="/folder?file=a")
    chromium.consent(browser)
    wait_for_ide(browser)
    assert browser.current_url == proxy.origin + "/folder?file=a"
    assert browser.execute_script("return document.cookie") == "", "our cookies are out of scripts' reach"
    names = {c["name"]: c for c in browser.get_cookies()}
    cookie = names["__Host-workspace-proxy"]
    assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Lax"
    assert not [n for n in names if "flow" in n]


def test_sign_in_through_the_relay(relay, make_proxy, gitlab, upstream, browser):
    proxy = make_proxy(gitlab, upstream, relay=relay)
    sign_in(browser, proxy, path="/folder?file=a")
    wait_for_ide(browser)
    assert browser.current_url == proxy.origin + "/folder?file=a"
    browser.get(relay.url)
    assert "forwards them to their workspace" in chromium.text_of(browser)
    assert not browser.get_cookies(), "the flow's cookie is gone"
    assert not severe(browser)


def test_a_trusted_application_needs_no_click(proxy, upstream, browser):
    sign_in(browser, proxy)
    wait_for_ide(browser)
    assert browser.current_url == proxy.origin + "/"


def test_fragments_survive_a_login(proxy, upstream, browser):
    sign_in(browser, proxy)
    wait_for_ide(browser)
    browser.delete_all_cookies()
    browser.get("about:blank")
    browser.get(proxy.origin + "/page#part-2")  # signed in at GitLab still: no page in between
    wait_for_ide(browser)
    assert browser.current_url == proxy.origin + "/page#part-2"


def test_denied_consent(make_proxy, gitlab, upstream, browser):
    proxy = make_proxy(gitlab, upstream, trusted=False)
    sign_in(browser, proxy)
    chromium.consent(browser, agree=False)
    chromium.wait(
        browser, lambda d: "declined" in chromium.text_of(d).lower(), what="the page about declining"
    )
    browser.find_element(By.CSS_SELECTOR, "main a, main button").click()
    chromium.consent(browser)
    wait_for_ide(browser)


def test_no_access_and_then_somebody_else(proxy, gitlab, upstream, browser):
    sign_in(browser, proxy, "robin")
    chromium.wait(browser, lambda d: "no access" in chromium.text_of(d).lower(), what="the refusal")
    assert "robin" in chromium.text_of(browser) and not upstream.received
    assert not severe_without_status(browser)
    browser.get(gitlab.url + "/")
    browser.find_element(By.ID, "sign_out").click()
    chromium.wait(browser, lambda d: d.find_element(By.ID, "user_login"), what="being signed out of GitLab")
    sign_in(browser, proxy)
    wait_for_ide(browser)


def severe_without_status(driver):
    """The console also notes every 4xx page: those are meant."""
    return [m for m in severe(driver) if "responded with a status" not in m]


def test_websocket_and_sign_out(proxy, gitlab, upstream, browser):
    sign_in(browser, proxy)
    wait_for_ide(browser)
    address = proxy.origin.replace("https:", "wss:") + "/ws"
    assert browser.execute_async_script(SOCKET, address) == "from the browser"
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(proxy.origin + "/oauth2/sign_out")
    browser.find_element(By.CSS_SELECTOR, "form button").click()
    chromium.wait(browser, lambda d: "signed out" in chromium.text_of(d).lower(), what="the signed-out page")
    assert not severe_without_status(browser)
    browser.switch_to.window(first)
    end = chromium.wait(
        browser, lambda d: d.execute_script("return window.socketEnd"), what="the end of the WebSocket"
    )
    assert end["clean"] and end["code"] != 1006
    gitlab.requests.wait(endpoint="revoke", status=200)


def test_scripts_get_401_and_no_redirect(proxy, upstream, browser):
    sign_in(browser, proxy)
    wait_for_ide(browser)
    assert browser.execute_async_script(FETCH, "/status/200")["status"] == 200
    browser.delete_cookie("__Host-workspace-proxy")
    reply = browser.execute_async_script(FETCH, "/status/200")
    assert reply["status"] == 401
    login_url = urllib.parse.urljoin(proxy.origin, json.loads(reply["text"])["login_url"])
    assert login_url == proxy.origin + "/oauth2/start"


def test_another_sites_page_opens_no_websocket(proxy, upstream, browser):
    sign_in(browser, proxy)
    wait_for_ide(browser)
    browser.get(proxy.gitlab.url + "/users/sign_in")
    browser.get(proxy.gitlab.url + "/")  # another origin, with the user's cookies in the jar
    address = proxy.origin.replace("https:", "wss:") + "/ws"
    assert browser.execute_async_script(SOCKET, address) in ("error", "closed")
    assert "/ws" not in [r.path for r in upstream.requests]  # the page's icon may still have come


def test_waiting_page_until_the_ide_is_there(make_proxy, gitlab, browser, tmp_path):
    from upstream import Upstream

    path = str(tmp_path / "ide.sock")
    proxy = make_proxy(gitlab, UPSTREAM=f"unix:{path}")
    sign_in(browser, proxy, path="/folder")
    chromium.wait(browser, lambda d: "Preparing your workspace" in d.page_source, what="the waiting page")
    upstream = Upstream(path)
    try:
        wait_for_ide(browser)
        assert browser.current_url == proxy.origin + "/folder"
        assert not severe_without_status(browser)
    finally:
        upstream.stop()


def test_clone_with_progress(make_proxy, gitlab, upstream, browser, tmp_path):
    project = gitlab.add_project("group/large", gitlab.sasha, files=800, commits=200)
    gitlab.settings.git_bytes_per_s = 100_000  # until the browser has shown three percentages
    directory = tmp_path / "projects" / "large"
    directory.parent.mkdir()
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(project), CLONE_DIR=str(directory))
    sign_in(browser, proxy)
    seen = set()

    def watch(driver):
        if "This is the IDE" in chromium.text_of(driver):
            return True
        seen.add(driver.find_element(By.ID, "amount").text)
        if len([s for s in seen if s.endswith("%")]) >= 3:
            gitlab.settings.git_bytes_per_s = None
        return False

    chromium.wait(browser, watch, what="the clone and then the IDE")
    assert gitlab.settings.git_bytes_per_s is None, seen
    assert (directory / "README.md").exists() and (directory / ".git").is_dir()
    assert not severe_without_status(browser)


def test_failed_clone_and_retry(make_proxy, gitlab, upstream, browser, tmp_path):
    directory = tmp_path / "demo"
    clone = {"CLONE_URL": gitlab.git_url(gitlab.project), "CLONE_DIR": str(directory), "CLONE_RETRIES": "0"}
    proxy = make_proxy(gitlab, upstream, **clone)
    fault = gitlab.faults.add("git", status=503)
    sign_in(browser, proxy)

    def visible_retry(driver):
        button = driver.find_element(By.ID, "retry")
        return button if button.is_displayed() else None

    retry = chromium.wait(browser, visible_retry, what="the retry button")
    assert not directory.exists()
    gitlab.faults.remove(fault)
    retry.click()
    chromium.wait(browser, lambda d: "This is the IDE" in chromium.text_of(d), what="the IDE")
    assert (directory / "README.md").exists()


def test_pages_without_scripts(make_proxy, gitlab, upstream, certificates):
    proxy = make_proxy(gitlab, upstream, trusted=False)
    with chromium.browser(certificates.cert, javascript=False) as browser:
        sign_in(browser, proxy)
        chromium.consent(browser)
        wait_for_ide(browser)
