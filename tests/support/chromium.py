# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium through Debian's chromium-driver, trusting the certificates that we made."""

import base64
import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile

from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --disable-default-apps --no-proxy-server "
    "--force-prefers-reduced-motion "
    "--disable-features=OptimizationHints,MediaRouter,WebUIOmniboxPopup,WebUIOmniboxAimPopup"
).split()  # the last two are pages of the address bar, which take half of what it costs to start


def is_available():
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


def key_hash(certificate):
    """What --ignore-certificate-errors-spki-list takes: this one certificate, nothing else."""
    pem = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, capture_output=True
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, check=True, capture_output=True
    ).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@contextlib.contextmanager
def _new_browser(certificate, dark=False, size=(1200, 800), javascript=True, no_cookies_for=None):
    """A driver with a profile of its own, which is deleted afterwards."""
    profile = tempfile.mkdtemp(prefix="chromium-")
    options = Options()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}")
    options.add_argument(f"--window-size={size[0]},{size[1]}")
    options.add_argument(f"--ignore-certificate-errors-spki-list={key_hash(certificate)}")
    if dark:
        options.add_argument("--force-dark-mode")
        options.add_argument("--blink-settings=preferredColorScheme=0")
    preferences = {}
    if not javascript:
        preferences["profile.managed_default_content_settings.javascript"] = 2
    if no_cookies_for:
        preferences["profile.content_settings.exceptions.cookies"] = {f"{no_cookies_for},*": {"setting": 2}}
    if preferences:
        options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(shutil.which("chromedriver"), log_path=os.devnull)
    driver = None
    try:
        driver = webdriver.Chrome(service=service, options=options)
        driver.set_page_load_timeout(60)
        yield driver
    finally:
        if driver:
            driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


class _Kept:
    """A browser that the tests of one process use in turn: starting one takes seconds of CPU time."""

    def __init__(self):
        self.certificate = None
        self.driver = None
        self.in_use = False
        self.stack = contextlib.ExitStack()

    def open(self, certificate):
        if self.driver is None or self.certificate != certificate:
            self.quit()
            self.driver = self.stack.enter_context(_new_browser(certificate))
            self.certificate = certificate
        self.in_use = True
        return self.driver

    def reset(self):
        """Empties one window and closes all others, and forgets cookies, stored data, caches and messages. A new
        window would take half a second of CPU time."""
        driver = self.driver
        *others, last = driver.window_handles
        for handle in others:
            driver.switch_to.window(handle)
            driver.close()
        driver.switch_to.window(last)
        with contextlib.suppress(WebDriverException):  # a page without an origin has none
            driver.execute_script("sessionStorage.clear()")
        driver.get("about:blank")
        driver.execute_cdp_cmd("Page.resetNavigationHistory", {})
        driver.set_window_rect(0, 0, 1200, 800)
        driver.set_script_timeout(30)
        driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
        driver.get_log("browser")
        self.in_use = False

    def quit(self):
        self.driver, self.in_use = None, False
        self.stack.close()


_kept = _Kept()
quit_kept_browser = _kept.quit


@contextlib.contextmanager
def browser(certificate, **options):
    """A driver without cookies or data of earlier tests. dark, size, javascript (True) and no_cookies_for (an
    origin whose cookies are blocked) start a Chromium of their own, as does a second one at the same time."""
    if options or _kept.in_use:
        with _new_browser(certificate, **options) as driver:
            yield driver
        return
    try:
        yield _kept.open(certificate)
    except BaseException:
        _kept.quit()
        raise
    try:
        _kept.reset()
    except WebDriverException:  # a failed test may leave an open dialog, for instance
        _kept.quit()


def wait(driver, condition, timeout_s=60, what=""):
    """Until condition(driver) is true; its value. Elements that went away meanwhile are no error."""

    def quietly(d):
        with contextlib.suppress(Exception):
            return condition(d)
        return False

    try:
        return WebDriverWait(driver, timeout_s, 0.1).until(quietly)
    except TimeoutException:
        text = f"waited {timeout_s} s for {what or condition}; at {driver.current_url}: {driver.title!r}"
        raise TimeoutException(text) from None


def text_of(driver):
    return driver.find_element(By.TAG_NAME, "body").text


def sign_in(driver, username, password):
    """On GitLab's sign-in page."""
    field = wait(driver, lambda d: d.find_element(By.ID, "user_login"), what="GitLab's sign-in page")
    field.clear()
    field.send_keys(username)
    driver.find_element(By.ID, "user_password").send_keys(password)
    driver.find_element(By.CSS_SELECTOR, "button[name=commit]").click()


def consent(driver, agree=True):
    wait(
        driver, lambda d: d.find_element(By.ID, "authorize" if agree else "deny"), what="the consent page"
    ).click()
