# SPDX-License-Identifier: Apache-2.0
"""The log on the waiting and status pages, and why an IDE does not answer, in Chromium."""

import contextlib
import socket

import chromium
import pictures
import pytest
from proxy import reserve_port
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]


def sign_in(driver, proxy, path="/"):
    driver.get(proxy.origin + path)
    chromium.sign_in(driver, "sasha", "sasha-password")


def lines(driver):
    return [e.text.strip() for e in driver.find_elements(By.CSS_SELECTOR, "#log-lines > div")]


def wait_for_line(driver, part):
    chromium.wait(driver, lambda d: [t for t in lines(d) if part in t], what=f"a line with {part}")


def severe(driver):
    return [
        e["message"]
        for e in driver.get_log("browser")
        if e["level"] == "SEVERE"
        and "favicon" not in e["message"]
        and "responded with a status" not in e["message"]
    ]


def text_at(driver, name):
    return driver.find_element(By.ID, name).text


def hostile_lines():
    return [
        "2026-01-31T12:00:00Z \x1b[31mred\x1b[0m <img src=x onerror=document.title='pwned'>",
        "2026-01-31T12:00:01Z WARN slow\u202e evil",
        "2026-01-31T12:00:02Z ERROR no license",
        '{"time":"2026-01-31T12:00:03Z","level":"info","msg":"json","who":"\\u001b]0;x\\u0007\\u202ename"}',
    ]


def test_the_log_on_the_waiting_page(make_logging_proxy, gitlab, browser, logs):
    (logs / "ide.log").write_text("\n".join(hostile_lines()) + "\n")
    proxy = make_logging_proxy(gitlab)
    sign_in(browser, proxy)
    wait_for_line(browser, "json")
    found = lines(browser)
    assert any(t.endswith("red <img src=x onerror=document.title='pwned'>") for t in found), found
    assert any(t == "12:00:01 warn ide.log WARN slow evil" for t in found), found
    assert any(t.startswith("12:00:03 info ide.log json who=") for t in found), found
    assert not [t for t in found if "\u202e" in t or "\x1b" in t]
    assert browser.find_elements(By.CSS_SELECTOR, "#log-lines > [data-level=error]")
    assert any("listening" in t for t in found), "our own lines are there, too"
    with open(logs / "ide.log", "a") as file:
        file.write("added later\n")
    wait_for_line(browser, "added later")
    assert not browser.find_elements(By.CSS_SELECTOR, "#log-lines img")
    assert "pwned" not in browser.title and not severe(browser)


def test_pause_copy_and_keyboard(make_logging_proxy, gitlab, browser, logs, certificates):
    (logs / "ide.log").write_text("first\n")
    proxy = make_logging_proxy(gitlab)
    sign_in(browser, proxy)
    wait_for_line(browser, "first")
    pause = browser.find_element(By.ID, "log-pause")
    pause.send_keys(Keys.ENTER)
    assert pause.text == "Follow"
    with open(logs / "ide.log", "a") as file:
        file.write("while it pauses\n")
    chromium.wait(browser, lambda d: pause.text == "Follow (1 new)", what="the count of new lines")
    assert not [t for t in lines(browser) if "while it pauses" in t]
    pause.send_keys(Keys.SPACE)
    wait_for_line(browser, "while it pauses")
    browser.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    copy = browser.find_element(By.ID, "log-copy")
    copy.send_keys(Keys.ENTER)
    chromium.wait(browser, lambda d: copy.text == "Copied", what="the confirmation")
    pasted = browser.execute_async_script(
        "const done = arguments[0]; navigator.clipboard.readText().then(done, e => done('failed: ' + e));"
    )
    assert pasted.endswith("while it pauses\n") and "first" in pasted
    box = browser.find_element(By.ID, "log-lines")
    box.send_keys(Keys.END)
    assert browser.switch_to.active_element == box
    assert box.get_attribute("role") == "log" and box.accessible_name == "Log"
    assert text_at(browser, "log-news") is not None
    link = browser.find_element(By.CSS_SELECTOR, "#log a[download]")
    assert link.get_attribute("href") == proxy.origin + "/oauth2/workspace/log?lines=1000"


def test_the_log_on_the_status_page(make_logging_proxy, gitlab, upstream, browser, logs):
    (logs / "ide.log").write_text("from the IDE\n")
    proxy = make_logging_proxy(gitlab, upstream)
    sign_in(browser, proxy, "/oauth2/workspace")
    wait_for_line(browser, "from the IDE")
    assert "IDE responds after" in chromium.text_of(browser)
    assert not severe(browser)
    browser.get(proxy.origin + "/oauth2/workspace/log")
    assert "from the IDE" in chromium.text_of(browser)


def test_a_log_that_ends_says_so(make_logging_proxy, gitlab, upstream, browser, logs):
    (logs / "ide.log").write_text("from the IDE\n")
    proxy = make_logging_proxy(gitlab, upstream)
    sign_in(browser, proxy, "/oauth2/workspace")
    wait_for_line(browser, "from the IDE")
    browser.delete_all_cookies()
    proxy.stop()
    proxy.start_again()  # the browser connects again, and is refused
    chromium.wait(browser, lambda d: "Reload the page" in text_at(d, "log-state"), what="the end")
    assert any("from the IDE" in t for t in lines(browser))


def test_without_script_there_is_a_link(make_logging_proxy, gitlab, certificates, logs):
    (logs / "ide.log").write_text("from the IDE\n")
    proxy = make_logging_proxy(gitlab, trusted=False, EXPLAIN_AFTER="0s")
    with chromium.browser(certificates.cert, javascript=False) as driver:
        sign_in(driver, proxy)
        chromium.consent(driver)
        chromium.wait(driver, lambda d: d.find_element(By.LINK_TEXT, "Show the log"), what="the waiting page")
        assert "Nothing listens at" in text_at(driver, "known-message")
        driver.find_element(By.LINK_TEXT, "Show the log").click()
        chromium.wait(driver, lambda d: "from the IDE" in chromium.text_of(d), what="the log as text")


@contextlib.contextmanager
def listening(address, port=0, backlog=1):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as server:
        server.bind((address, port))
        server.listen(backlog)
        yield server.getsockname()[1]


@contextlib.contextmanager
def nothing_listens(logs):
    yield "unix:" + str(logs / "ide.sock"), "Nothing listens at", "nothing_listens"


@contextlib.contextmanager
def another_port(logs):
    with listening("127.0.0.1"):
        yield f"http://127.0.0.1:{reserve_port()}", "Servers listen at", "other_port"


@contextlib.contextmanager
def another_address(logs):
    with listening("127.0.0.2") as port:
        yield f"http://127.0.0.1:{port}", "only on the address 127.0.0.2", "other_address"


@contextlib.contextmanager
def not_accepting(logs):
    with listening("127.0.0.1", backlog=0) as port, contextlib.ExitStack() as stack:
        for _ in range(4):  # fills the queue of connections that nobody accepts
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield f"http://127.0.0.1:{port}", "does not accept connections", "not_accepting"


@contextlib.contextmanager
def exited(logs):
    (logs / "ide.log").write_text(
        "2026-01-31T12:00:00Z starting\n2026-01-31T12:00:01Z ERROR: extension host: no license\n"
        "2026-01-31T12:00:01Z workspace-proxy run: code-server exited with code 1\n"
    )
    yield f"http://127.0.0.1:{reserve_port()}", "exited with code 1", "exited"


@contextlib.contextmanager
def out_of_memory(logs):
    (logs / "ide.log").write_text(
        "2026-01-31T12:00:00Z starting\n"
        "2026-01-31T12:00:09Z FATAL ERROR: Reached heap limit - JavaScript heap out of memory\n"
    )
    yield f"http://127.0.0.1:{reserve_port()}", "ran out of memory", "out_of_memory"


REASONS = [nothing_listens, another_port, another_address, not_accepting, exited, out_of_memory]


@pytest.mark.parametrize("situation", REASONS, ids=lambda s: s.__name__)
def test_reasons(make_logging_proxy, gitlab, browser, certificates, logs, situation):
    with situation(logs) as (upstream, sentence, code):
        proxy = make_logging_proxy(gitlab, UPSTREAM=upstream, EXPLAIN_AFTER="1s")
        sign_in(browser, proxy)
        chromium.wait(browser, lambda d: sentence in text_at(d, "known-message"), what=sentence)
        assert len(text_at(browser, "known-hint")) > 20
        state = browser.execute_async_script(
            "const done = arguments[0]; fetch('/oauth2/workspace', {headers: {Accept: 'application/json'}})"
            ".then(r => r.json()).then(done);"
        )
        assert state["ide"]["reason"]["code"] == code and not state["ide"]["ready"]
        assert [s["step"] for s in state["start"]["steps"]] == ["sidecar", "sign_in", "ide"]
        assert not severe(browser)

        def show(driver, name):
            sign_in(driver, proxy)
            chromium.wait(driver, lambda d: text_at(d, "known-message") and lines(d), what="the reason")

        pictures.take_forms(certificates.cert, [situation.__name__], show)
