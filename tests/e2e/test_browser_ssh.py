# SPDX-License-Identifier: Apache-2.0
"""Letting a computer in by SSH from Chromium: the question, and the form's way to the computer."""

import re

import chromium
import pytest
from proxy import PATIENCE_S

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]


@pytest.fixture
def proxy(make_proxy, gitlab, upstream, container):
    container.start()
    return make_proxy(gitlab, upstream, SSH_SOCKET=container.socket)


def click(browser, text):
    (button,) = [b for b in browser.find_elements("css selector", "button") if b.text == text]
    button.click()


def test_a_computer_with_a_browser(proxy, browser, make_computer):
    computer = make_computer(proxy, "laptop")
    process = computer.start_login()
    process.stderr.readline()
    browser.get(process.stderr.readline().strip())
    chromium.sign_in(browser, "sasha", "sasha-password")
    chromium.wait(browser, lambda d: "connect by SSH?" in chromium.text_of(d))
    click(browser, "Allow")
    chromium.wait(browser, lambda d: "go back to the terminal" in chromium.text_of(d))
    assert browser.current_url.startswith("http://127.0.0.1:")
    errors = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, errors
    assert computer.ssh("echo hello").stdout == b"hello\n"
    browser.get(proxy.origin + "/oauth2/workspace")
    assert "Connect from your desktop" in chromium.text_of(browser)
    click(browser, "Disconnect")
    chromium.wait(browser, lambda d: not d.find_elements("css selector", "input[name=end]"))
    assert computer.ssh("true").returncode == 255


def test_a_computer_without_a_browser(proxy, browser, make_computer):
    computer = make_computer(proxy, "server")
    process = computer.start_login("--no-browser")
    url, code = re.match(r"Open (\S+) in a browser and type (\S+)", process.stderr.readline()).groups()
    browser.get(url)
    chromium.sign_in(browser, "sasha", "sasha-password")
    chromium.wait(browser, lambda d: d.find_elements("css selector", "input[name=code]"))
    browser.find_element("css selector", "input[name=code]").send_keys(code)
    click(browser, "Continue")
    chromium.wait(browser, lambda d: "connect by SSH?" in chromium.text_of(d))
    click(browser, "Allow")
    chromium.wait(browser, lambda d: "may connect" in chromium.text_of(d))
    assert process.wait(PATIENCE_S) == 0
    process.stderr.close()
