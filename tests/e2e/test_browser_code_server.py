# SPDX-License-Identifier: Apache-2.0
"""Real code-server behind the proxy, in Chromium: a server that is started in its terminal, the link to it, its row
in the Ports view, and its page in the Simple Browser.

CODE_SERVER is the path of code-server's program; without it, there is none to test with."""

import contextlib
import json
import os
import signal
import subprocess

import chromium
import pictures
import pytest
from ports import COOKIE, PortHost
from proxy import free_port
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CODE_SERVER = os.environ.get("CODE_SERVER")
# Rows of the terminal as elements of the page, and a shell with the shortest of prompts. The Ports view lists what
# the terminal prints an address of: by default it lists only what starts after a first look at /proc, which is late on
# a busy machine.
SETTINGS = {
    "remote.autoForwardPortsSource": "hybrid",
    "terminal.integrated.gpuAcceleration": "off",
    "terminal.integrated.defaultProfile.linux": "sh",
    "terminal.integrated.profiles.linux": {"sh": {"path": "/bin/sh"}},
    "workbench.startupEditor": "none",
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CODE_SERVER, reason="CODE_SERVER is not set"),
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]


@pytest.fixture
def code_server(tmp_path):
    """start(port, NAME=value …). The directory has a short name: it makes a socket there."""
    started = []

    def start(port, **environment):
        user = tmp_path / "u"
        (user / "User").mkdir(parents=True)
        (user / "User" / "settings.json").write_text(json.dumps(SETTINGS))
        project = tmp_path / "project"
        project.mkdir()
        (project / "index.html").write_text("<!DOCTYPE html><h1>Started in the terminal</h1>")
        log = open(tmp_path / "code-server.log", "wb")
        command = [CODE_SERVER, "--auth=none", f"--bind-addr=127.0.0.1:{port}", f"--user-data-dir={user}"]
        command += [f"--extensions-dir={user}/ext", "--disable-telemetry", "--disable-update-check"]
        command += ["--disable-workspace-trust", "--disable-getting-started-override", str(project)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WORKSPACE_PROXY_", "VSCODE_"))}
        process = subprocess.Popen(
            command, env={**kept, "HOME": str(tmp_path), **environment}, stdout=log, stderr=log, start_new_session=True
        )
        started.append((process, log))

    yield start
    for process, log in started:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        log.close()


def find_all(driver, selector):
    return driver.find_elements(By.CSS_SELECTOR, selector)


def rows(driver):
    return find_all(driver, ".xterm-rows > div")


def open_terminal(driver):
    chromium.wait(driver, lambda d: find_all(d, ".monaco-workbench .statusbar"), what="the workbench")
    ActionChains(driver).key_down(Keys.CONTROL).send_keys("`").key_up(Keys.CONTROL).perform()
    chromium.wait(driver, lambda d: find_all(d, ".xterm-helper-textarea"), what="the terminal")

    def has_prompts(d):
        """The terminal takes keys once it shows what they do."""
        find_all(d, ".xterm-screen")[0].click()
        ActionChains(d).send_keys("\n").perform()
        return sum(r.text.strip() in ("#", "$") for r in rows(d)) > 2

    chromium.wait(driver, has_prompts, what="prompts")


def follow(driver, link):
    """Hovers over a link in the terminal, and presses Ctrl once VS Code has seen that it is one."""

    def is_seen(d):
        text = next(s for r in rows(d) for s in r.find_elements(By.TAG_NAME, "span") if link in s.text)
        middle = (text.text.index(link) + len(link) / 2) / len(text.text)
        offset = int(text.size["width"] * (middle - 0.5))
        ActionChains(d).move_to_element_with_offset(text, offset - 9, 0).move_by_offset(9, 0).pause(1).perform()
        return any("Follow link" in h.text for h in find_all(d, ".monaco-hover"))

    chromium.wait(driver, is_seen, what="the hover of the link")
    before = set(driver.window_handles)
    ActionChains(driver).key_down(Keys.CONTROL).move_by_offset(2, 0).click().key_up(Keys.CONTROL).perform()
    (new,) = chromium.wait(driver, lambda d: set(d.window_handles) - before, what="the tab")
    driver.switch_to.window(new)


class Stage:
    """sasha, signed in at code-server behind the proxy, where a server was started in the terminal."""

    def __init__(self, proxy, port, driver):
        self.proxy, self.driver, self.host = proxy, driver, PortHost(proxy, port)
        self.link = f"http://127.0.0.1:{port}/"

    def start_server(self):
        driver, command = self.driver, f"python3 -u -m http.server --bind 127.0.0.1 {self.host.port}"
        driver.get(self.proxy.origin + "/")
        chromium.sign_in(driver, "sasha", "sasha-password")
        open_terminal(driver)
        ActionChains(driver).send_keys(command + "\n").perform()
        chromium.wait(driver, lambda d: any(self.link in r.text for r in rows(d)), what="the server")

    def keep_secrets(self):
        cookies = self.driver.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
        self.proxy.secrets += [c["value"] for c in cookies if c["name"].startswith(COOKIE)]


@pytest.fixture
def make_stage(make_proxy, gitlab, code_server, certificates):
    with contextlib.ExitStack() as stack:

        def make(http2):
            port, ide = free_port(), free_port()
            settings = {"UPSTREAM": f"http://127.0.0.1:{ide}", "PORTS": port, "HTTP2": http2}
            proxy = make_proxy(gitlab, name="kiwi.ws.localhost", **settings)
            driver = stack.enter_context(chromium.browser(certificates.cert, size=(1400, 900)))
            stage = Stage(proxy, port, driver)
            code_server(ide, VSCODE_PROXY_URI=stage.host.origin.replace(str(port), "{{port}}", 1) + "/")
            stage.start_server()
            return stage, driver

        yield make


@pytest.mark.parametrize("http2", ["off", "on"])
def test_a_server_from_the_terminal(make_stage, http2):
    stage, driver = make_stage(http2)
    pictures.take(driver, f"code-server-terminal-http2-{http2}")
    follow(driver, stage.link)
    chromium.wait(driver, lambda d: "Started in the terminal" in chromium.text_of(d), what="the page")
    assert driver.current_url == stage.host.origin + "/"
    protocol = driver.execute_script("return performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert protocol == ("h2" if http2 == "on" else "http/1.1")
    pictures.take(driver, f"code-server-page-http2-{http2}")
    stage.keep_secrets()


def run_command(driver, name):
    """By the command palette."""
    ActionChains(driver).send_keys(Keys.F1).perform()
    chromium.wait(driver, lambda d: find_all(d, ".quick-input-widget input")[0].is_displayed(), what="the palette")
    ActionChains(driver).send_keys(name).perform()

    def is_first(d):
        return name in find_all(d, ".quick-input-list .monaco-list-row.focused")[0].get_attribute("aria-label")

    chromium.wait(driver, is_first, what=name)
    ActionChains(driver).send_keys(Keys.ENTER).perform()


def enter_innermost_frame(driver):
    """Of a view that an extension fills: two frames of code-server around what it shows."""
    driver.switch_to.default_content()
    for _ in range(3):
        driver.switch_to.frame(find_all(driver, "iframe:not([id=web-worker-ext-host-iframe])")[-1])
    return True


@pytest.mark.parametrize("http2", ["off", "on"])
def test_the_ports_view_and_the_simple_browser(make_stage, http2):
    """The port was not opened before: the frame is what is handed over first. The Simple Browser does not translate
    what is typed there, so it gets the address that the Ports view shows."""
    stage, driver = make_stage(http2)
    run_command(driver, "Ports: Focus on Ports View")
    address = stage.host.origin + "/"

    def is_listed(d):
        return any(address in row.text for row in find_all(d, ".part.panel .monaco-list-row"))

    chromium.wait(driver, is_listed, what="the row of the port")
    run_command(driver, "Simple Browser: Show")
    chromium.wait(driver, lambda d: "url" in find_all(d, ".quick-input-widget")[0].text.lower(), what="its question")
    ActionChains(driver).send_keys(address + Keys.ENTER).perform()

    def shows_page(d):
        return enter_innermost_frame(d) and "Started in the terminal" in chromium.text_of(d)

    chromium.wait(driver, shows_page, what="the page in the frame")
    assert driver.execute_script("return location.href").startswith(address)
    driver.switch_to.default_content()
    pictures.take(driver, f"code-server-ports-http2-{http2}")
    stage.keep_secrets()
