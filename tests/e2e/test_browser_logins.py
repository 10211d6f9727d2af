# SPDX-License-Identifier: Apache-2.0
"""Logins in a real browser's world: what starts one, what never does, and no way that ends nowhere."""

import itertools
import urllib.parse

import chromium
import pytest
from proxy import wait_until
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as EC

pytestmark = pytest.mark.browser
needs_chromium = pytest.mark.skipif(
    not chromium.is_available(), reason="chromium and chromedriver are not installed"
)

SESSION = "__Host-workspace-proxy"
MARKER = "a-body-that-is-nobodys-business"


@pytest.fixture
def asking(make_proxy, gitlab, upstream):
    """A proxy whose application is not trusted: GitLab shows a consent page each time."""
    return make_proxy(gitlab, upstream, trusted=False)


def sign_in_at_gitlab(driver, gitlab):
    driver.get(gitlab.url + "/users/sign_in")
    chromium.sign_in(driver, "sasha", "sasha-password")
    chromium.wait(driver, lambda d: d.find_element(By.ID, "sign_out"), what="GitLab's front page")


def sign_in(driver, gitlab, proxy, path="/"):
    sign_in_at_gitlab(driver, gitlab)
    driver.get(proxy.origin + path)
    wait_for_ide(driver)


def wait_for_ide(driver):
    chromium.wait(driver, lambda d: "This is the IDE" in chromium.text_of(d), what="the IDE")


def wait_for_consent(driver):
    chromium.wait(driver, lambda d: d.find_element(By.ID, "authorize"), what="the consent page")


def consent_until_arrived(driver):
    """A tab whose flow was forgotten before there was a session is asked once more."""
    for _ in range(2):
        page = driver.find_element(By.TAG_NAME, "html")
        chromium.consent(driver)
        chromium.wait(driver, EC.staleness_of(page), what="the next page")
        chromium.wait(
            driver,
            lambda d: "This is the IDE" in chromium.text_of(d) or d.find_element(By.ID, "authorize"),
            what="the IDE or the consent page",
        )
        if "This is the IDE" in chromium.text_of(driver):
            return
    wait_for_ide(driver)


def logins(gitlab):
    return gitlab.requests.count(endpoint="authorize")


# No way ends nowhere


@needs_chromium
@pytest.mark.parametrize("count", [2, 12])
def test_parallel_tabs(asking, gitlab, browser, count):
    """More tabs than flow cookies are kept for: every one of them arrives where it began."""
    sign_in_at_gitlab(browser, gitlab)
    tabs = []
    for number in range(count):
        browser.switch_to.new_window("tab")
        browser.get(f"{asking.origin}/tab/{number}")
        wait_for_consent(browser)
        tabs.append(browser.current_window_handle)
    landed = []
    for tab in tabs:
        browser.switch_to.window(tab)
        consent_until_arrived(browser)
        landed.append(urllib.parse.urlsplit(browser.current_url).path)
    assert landed == [f"/tab/{n}" for n in range(count)]


@needs_chromium
def test_tabs_restored_at_once(proxy, gitlab, browser):
    """Twelve tabs load together without a session, as after a restart of the browser."""
    sign_in_at_gitlab(browser, gitlab)
    opener = browser.current_window_handle
    paths = [f"/tab/{number}?" + "x" * (700 * number) for number in range(12)]
    browser.execute_script(
        "for (const path of arguments[1]) window.open(arguments[0] + path, '_blank');", proxy.origin, paths
    )
    chromium.wait(browser, lambda d: len(d.window_handles) == 13, what="all tabs")
    landed = []
    for tab in browser.window_handles:
        if tab != opener:
            browser.switch_to.window(tab)
            wait_for_ide(browser)
            landed.append(browser.current_url.removeprefix(proxy.origin))
    assert sorted(landed) == sorted(paths)


@needs_chromium
def test_the_back_button(asking, gitlab, browser):
    sign_in_at_gitlab(browser, gitlab)
    browser.get(asking.origin + "/work")
    chromium.consent(browser)
    wait_for_ide(browser)
    browser.back()
    wait_for_consent(browser)
    chromium.consent(browser)  # the flow is over: a session is there, so the browser is sent on
    wait_for_ide(browser)
    assert browser.current_url.startswith(asking.origin + "/")
    browser.back()
    browser.forward()
    wait_for_ide(browser)


def stranded_callback(driver, proxy, gitlab, path="/work"):
    """On the page that says that GitLab does not answer: its address is the callback's."""
    gitlab.faults.add("token", status=503)
    driver.get(proxy.origin + path)
    chromium.wait(driver, lambda d: "/oauth2/callback" in d.current_url, what="the callback's page")
    assert "gitlab" in chromium.text_of(driver).lower()
    gitlab.faults.clear()
    return driver.current_url


@needs_chromium
def test_reload_on_the_callback(proxy, gitlab, browser):
    sign_in_at_gitlab(browser, gitlab)
    stranded_callback(browser, proxy, gitlab)
    browser.refresh()
    wait_for_ide(browser)
    assert browser.current_url == proxy.origin + "/work"


@needs_chromium
def test_the_callback_page_offers_a_way_on(proxy, gitlab, browser):
    sign_in_at_gitlab(browser, gitlab)
    stranded_callback(browser, proxy, gitlab)
    browser.find_element(By.CSS_SELECTOR, "main a.button").click()
    wait_for_ide(browser)
    assert browser.current_url == proxy.origin + "/work"


@needs_chromium
def test_a_bookmarked_callback(proxy, gitlab, browser, certificates):
    sign_in_at_gitlab(browser, gitlab)
    bookmark = stranded_callback(browser, proxy, gitlab)
    browser.get(proxy.origin + "/")
    wait_for_ide(browser)
    browser.get(bookmark)
    wait_for_ide(browser)
    with chromium.browser(certificates.cert) as other:
        other.get(bookmark)
        chromium.sign_in(other, "sasha", "sasha-password")
        wait_for_ide(other)
        assert "code=" not in other.current_url


@needs_chromium
def test_a_stale_tab(asking, gitlab, browser):
    """A consent page left open until neither flow nor session is known: the login begins anew."""
    sign_in_at_gitlab(browser, gitlab)
    browser.get(asking.origin + "/work")
    wait_for_consent(browser)
    url = browser.current_url
    browser.get(asking.origin + "/oauth2/sign_in")
    browser.delete_all_cookies()
    browser.get(url)
    chromium.consent(browser)
    wait_until(lambda: gitlab.requests.count(endpoint="consent") == 1, what="the first consent")
    wait_until(lambda: logins(gitlab) >= 3, what="the login that begins anew")
    chromium.consent(browser)
    wait_for_ide(browser)


@needs_chromium
def test_a_restarted_proxy_is_not_noticed(proxy, gitlab, browser):
    sign_in(browser, gitlab, proxy, "/work")
    assert proxy.stop() == 0
    proxy.start_again()
    browser.refresh()
    wait_for_ide(browser)
    assert browser.current_url == proxy.origin + "/work" and logins(gitlab) == 2


@needs_chromium
def test_blocked_cookies_are_explained(make_proxy, gitlab, upstream, certificates):
    proxy = make_proxy(gitlab, upstream)
    with chromium.browser(certificates.cert, no_cookies_for=proxy.origin) as driver:
        sign_in_at_gitlab(driver, gitlab)
        driver.get(proxy.origin + "/work")
        chromium.wait(
            driver, lambda d: "does not accept our cookies" in chromium.text_of(d), what="the explanation"
        )
        assert not driver.get_cookies() and logins(gitlab) <= 4, "a loop ends after a few rounds"
        assert not upstream.received


# What never starts a login

PROMISE = "const done = arguments[arguments.length - 1], url = arguments[0];"
ELEMENT = (
    PROMISE
    + "const e = Object.assign(document.createElement('%s'), %s);"
    + "e.onload = e.onerror = () => done(true); document.%s.append(e);"
)
KINDS = {
    "fetch": PROMISE + "fetch(url).then(r => done(r.status), e => done(String(e)));",
    "fetch-html": PROMISE + "fetch(url, {headers: {Accept: 'text/html'}}).then(r => done(r.status));",
    "fetch-anonymous": PROMISE + "fetch(url, {credentials: 'omit'}).then(r => done(r.status));",
    "fetch-post": PROMISE + "fetch(url, {method: 'POST', body: '%s'}).then(r => done(r.status));" % MARKER,
    "fetch-manual": PROMISE + "fetch(url, {redirect: 'manual'}).then(r => done(r.type + r.status));",
    "xhr": PROMISE
    + "const x = new XMLHttpRequest(); x.open('GET', url); x.onloadend = () => done(x.status); x.send();",
    "xhr-requested-with": PROMISE
    + "const x = new XMLHttpRequest(); x.open('GET', url); x.onloadend = () => done(x.status);"
    + "x.setRequestHeader('X-Requested-With', 'XMLHttpRequest'); x.send();",
    "eventsource": PROMISE + "const s = new EventSource(url); s.onerror = () => { s.close(); done(true); };",
    "websocket": PROMISE
    + "const s = new WebSocket(url.replace('https:', 'wss:')); s.onclose = e => done(e.code);",
    "serviceworker": PROMISE
    + "navigator.serviceWorker.register(url, {scope: url}).then(() => done('ok'), e => done(String(e)));",
    "serviceworker-module": PROMISE
    + "navigator.serviceWorker.register(url, {type: 'module', scope: url})"
    + ".then(() => done('ok'), e => done(String(e)));",
    "worker": PROMISE + "const w = new Worker(url); w.onerror = () => done(true);",
    "worker-module": PROMISE + "const w = new Worker(url, {type: 'module'}); w.onerror = () => done(true);",
    "script": ELEMENT % ("script", "{src: url}", "head"),
    "script-module": ELEMENT % ("script", "{src: url, type: 'module'}", "head"),
    "import": PROMISE + "import(url).then(() => done('ok'), e => done(String(e)));",
    "style": ELEMENT % ("link", "{href: url, rel: 'stylesheet'}", "head"),
    "image": ELEMENT % ("img", "{src: url}", "body"),
    "iframe": ELEMENT % ("iframe", "{src: url}", "body"),
    "object": ELEMENT % ("object", "{data: url, type: 'text/html'}", "body"),
    "embed": ELEMENT % ("embed", "{src: url, type: 'text/html'}", "body"),
    "prefetch": ELEMENT % ("link", "{href: url, rel: 'prefetch'}", "head"),
    "preload": ELEMENT % ("link", "{href: url, rel: 'preload', as: 'fetch', crossOrigin: ''}", "head"),
    "beacon": PROMISE + "done(navigator.sendBeacon(url, '%s'));" % MARKER,
}


@needs_chromium
def test_only_navigations_start_a_login(proxy, gitlab, upstream, browser):
    sign_in(browser, gitlab, proxy)
    browser.delete_cookie(SESSION)
    browser.delete_cookie(SESSION + "-recent")
    upstream.forget()
    before = logins(gitlab)
    results = {}
    for kind, script in KINDS.items():
        results[kind] = browser.execute_async_script(script, f"{proxy.origin}/kind/{kind}")
        entry = proxy.wait_for_log(message="request", path=f"/kind/{kind}")
        assert entry["status"] == 401, (kind, entry)
    browser.execute_script(
        "document.head.append(Object.assign(document.createElement('link'),"
        " {rel: 'manifest', href: '/kind/manifest'}))"
    )
    browser.execute_cdp_cmd("Page.getAppManifest", {})
    assert proxy.wait_for_log(message="request", path="/kind/manifest")["status"] == 401
    assert results["fetch"] == results["fetch-html"] == results["xhr"] == 401, results
    assert results["fetch-manual"] == "basic401" and results["websocket"] == 1006, results
    assert "ok" not in results.values()
    assert logins(gitlab) == before and not upstream.received
    assert not browser.get_cookies(), "no flow was begun"
    # And what does start one.
    browser.get(proxy.origin + "/kind/navigation")
    wait_for_ide(browser)
    assert logins(gitlab) == before + 1


@needs_chromium
def test_other_origins_get_neither_a_login_nor_cors(proxy, gitlab, upstream, browser):
    """From a page elsewhere, preflights included; the browser keeps even the 401 from it."""
    sign_in(browser, gitlab, proxy)
    upstream.forget()
    before = logins(gitlab)
    browser.get(gitlab.url + "/")
    tries = {
        "simple": "{}",
        "credentials": "{credentials: 'include'}",
        "preflight": "{method: 'PUT', headers: {'X-Custom': '1'}}",
        "preflight-credentials": "{method: 'DELETE', credentials: 'include'}",
    }
    for name, options in tries.items():
        script = PROMISE + f"fetch(url, {options}).then(r => done(r.status), e => done(String(e)));"
        outcome = browser.execute_async_script(script, f"{proxy.origin}/cors/{name}")
        assert "TypeError" in str(outcome), (name, outcome)
        entry = proxy.wait_for_log(message="request", path=f"/cors/{name}")
        expected = "OPTIONS" if "preflight" in name else "GET"
        assert entry["method"] == expected
        assert entry["status"] == 401 or name == "credentials", entry
    assert logins(gitlab) == before


def test_no_answer_of_ours_carries_cors(proxy, signed_in, session_cookie):
    for origin, method, cookie in itertools.product(
        (proxy.origin, "https://3000-workspace.localhost", "https://evil.example", "null"),
        ("GET", "OPTIONS", "POST"),
        (None, session_cookie),
    ):
        for path in ("/", "/oauth2/auth", "/oauth2/userinfo", "/oauth2/start", "/oauth2/sign_out"):
            if cookie and path == "/":
                continue  # the IDE's own answer
            with proxy.raw() as raw:
                headers = [("Origin", origin), ("Access-Control-Request-Method", "PUT")]
                headers += [("Cookie", cookie)] if cookie and path != "/oauth2/sign_out" else []
                raw.request(method, path, [*headers, ("Content-Length", "0")], host=proxy.host)
                names = [name.lower() for name, _ in raw.read_response(method).headers]
            assert not [n for n in names if n.startswith("access-control-")], (origin, method, path)


# Bodies stay here


@needs_chromium
def test_a_posted_form_never_reaches_gitlab(proxy, gitlab, upstream, browser):
    sign_in(browser, gitlab, proxy)
    browser.delete_cookie(SESSION)
    upstream.forget()
    before = logins(gitlab)
    browser.execute_script(
        "const f = document.createElement('form'); f.method = 'post'; f.action = '/form';"
        "f.append(Object.assign(document.createElement('input'), {name: 'text', value: arguments[0]}));"
        "document.body.append(f); f.submit();",
        MARKER,
    )
    chromium.wait(browser, lambda d: d.find_element(By.CSS_SELECTOR, "main a.button"), what="our page")
    assert browser.current_url == proxy.origin + "/form"
    assert logins(gitlab) == before and not upstream.received
    browser.find_element(By.CSS_SELECTOR, "main a.button").click()
    wait_for_ide(browser)
    assert MARKER.encode() not in upstream.received
    assert not [e for e in gitlab.requests.all() if "text" in [*e.form, *e.query]]


def test_redirects_never_repeat_a_body(proxy, gitlab, signed_in, make_client):
    """Only 302 after GET and 303 after POST: a 307 or 308 would send the body on."""
    stranger = make_client()
    for client, path in itertools.product(
        (signed_in, stranger),
        (
            "/",
            "/oauth2/start",
            "/oauth2/callback?code=a&state=b",
            "/oauth2/sign_in",
            "/oauth2/auth",
            "/oauth2/sign_out",
        ),
    ):
        if client is signed_in and path == "/":
            continue
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            headers = {
                "Origin": proxy.origin,
                "Sec-Fetch-Site": "same-origin",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "document",
                "Accept": "text/html",
                "Content-Type": "application/x-www-form-urlencoded",
            }
            reply = client.request(method, proxy.origin + path, headers, f"x={MARKER}".encode())
            assert reply.status in (303, 401, 403, 404, 405), (method, path, reply.status)
            if reply.status == 303:
                assert reply.location.startswith(proxy.origin + "/oauth2/sign_in")
    assert not [e for e in gitlab.requests.all() if "x" in e.form]
