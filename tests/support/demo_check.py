# SPDX-License-Identifier: Apache-2.0
"""Goes through the demo once as a person would, in headless Chromium, and keeps screenshots.

Each step says what it is about to see; the first one that fails ends the check with its reason and
a last screenshot.
"""

import glob
import os
import pathlib

import chromium
import ssh
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

NOTEBOOK_READY = """
return Boolean(window.Jupyter && Jupyter.notebook && Jupyter.notebook._fully_loaded &&
    Jupyter.notebook.kernel && Jupyter.notebook.kernel.is_connected());
"""
CELL_OUTPUT = "42 from the kernel"
EXPLORER_FILES = ".explorer-folders-view .monaco-list-row"
TERMINAL_INPUT = ".xterm textarea"
TERMINAL_FILE = "from-the-terminal.txt"


class CheckFailed(Exception):
    pass


class Check:
    def __init__(self, demo):
        self.demo = demo
        self.shots = 0
        self.driver = None

    def step(self, text):
        print(f"  {text}", flush=True)

    def shot(self, name):
        self.shots += 1
        path = os.path.join(self.demo.output, f"{self.shots:02d}-{name}.png")
        self.driver.save_screenshot(path)

    def expect(self, what, condition, timeout_s=300):
        try:
            return chromium.wait(self.driver, condition, timeout_s, what)
        except Exception as e:
            raise CheckFailed(
                f"did not see {what} in {timeout_s} s, at {self.driver.current_url}: {str(e)[:300]}"
            ) from None

    def require(self, condition, what):
        if not condition:
            raise CheckFailed(what)

    def percent(self):
        """What the waiting page shows; 0 where it shows words."""
        text = self.driver.find_element(By.ID, "amount").text.rstrip("%")
        return int(text) if text.isdigit() else 0

    # Steps

    def sign_in(self, user):
        self.driver.get(self.demo.origin + "/")
        self.expect("GitLab's sign-in page", lambda d: d.find_element(By.ID, "user_login"))
        self.require(
            self.driver.current_url.startswith(self.demo.gitlab.url), "the sign-in page is not GitLab's"
        )
        self.shot(f"sign-in-{user.username}")
        chromium.sign_in(self.driver, user.username, user.password)
        self.expect("the consent page", lambda d: d.find_element(By.ID, "authorize"))
        self.shot(f"consent-{user.username}")
        chromium.consent(self.driver)

    def watch_clone(self):
        self.expect("the waiting page", lambda d: d.find_element(By.ID, "steps"))
        self.expect("progress of the clone", lambda d: self.percent() > 0)
        self.shot("waiting")
        self.expect(
            "the progress to go on by itself",
            lambda d: not d.find_elements(By.ID, "amount") or self.percent() >= 50,
        )
        self.shot("waiting-later")

    def land_in_ide(self):
        if self.demo.ide_name == "jupyter":
            condition = lambda d: "hello.ipynb" in d.page_source or "README.md" in d.page_source  # noqa: E731
        else:
            condition = lambda d: len(d.find_elements(By.CSS_SELECTOR, EXPLORER_FILES)) > 5  # noqa: E731
        self.expect(
            "the IDE with the cloned files",
            lambda d: not d.find_elements(By.ID, "steps") and condition(d),
        )
        self.require(
            self.driver.current_url.startswith(self.demo.origin), "the IDE is not at the workspace's address"
        )
        self.shot("ide")
        cloned = os.path.exists(os.path.join(self.demo.project_directory, ".git"))
        self.require(cloned, "the repository is not in the workspace's directory")

    def run_notebook(self):
        self.driver.get(self.demo.origin + self.demo.ide.landing)
        self.expect("a notebook with a connected kernel", lambda d: d.execute_script(NOTEBOOK_READY), 60)
        self.driver.execute_script("Jupyter.notebook.execute_all_cells();")
        self.expect(
            f"“{CELL_OUTPUT}” from the kernel, which comes over a WebSocket",
            lambda d: any(CELL_OUTPUT in e.text for e in d.find_elements(By.CSS_SELECTOR, ".output_text")),
            60,
        )
        self.shot("notebook")
        self.driver.execute_script("window.onbeforeunload = null; Jupyter.notebook.set_dirty(false);")

    def run_terminal(self):
        body = self.driver.find_element(By.TAG_NAME, "body")
        body.send_keys(Keys.CONTROL, Keys.SHIFT, "`")
        terminal = self.expect("a terminal", lambda d: d.find_element(By.CSS_SELECTOR, TERMINAL_INPUT), 60)
        terminal.send_keys(f"echo $((6 * 7)) > {TERMINAL_FILE}", Keys.ENTER)
        path = os.path.join(self.demo.project_directory, TERMINAL_FILE)
        self.expect("what a command in the terminal wrote", lambda d: os.path.getsize(path) > 0, 60)
        self.shot("terminal")

    def connect_by_ssh(self):
        computer = ssh.Computer(
            pathlib.Path(self.demo.run_directory, "laptop"), self.demo.proxy, self.demo.ca
        )
        process = computer.start_login()
        process.stderr.readline()
        self.driver.get(process.stderr.readline().strip())
        button = self.expect("the question", lambda d: d.find_element(By.CSS_SELECTOR, "form button"))
        self.shot("ssh")
        button.click()
        self.expect("the way back to the computer", lambda d: "terminal" in chromium.text_of(d).lower())
        process.communicate(timeout=60)
        result = computer.ssh("echo $((6 * 7))")
        self.require(result.stdout == b"42\n", f"ssh said {result.stderr.decode(errors='replace')[:300]}")

    def sign_out(self):
        self.driver.get(self.demo.origin + "/oauth2/sign_out")
        button = self.expect("the sign-out page", lambda d: d.find_element(By.CSS_SELECTOR, "form button"))
        self.shot("sign-out")
        button.click()
        self.expect("the signed-out page", lambda d: "signed out" in chromium.text_of(d).lower())
        self.shot("signed-out")
        revoked = self.demo.gitlab.requests.count(endpoint="revoke", status=200)
        self.require(revoked, "signing out did not revoke the token at GitLab")

    def refused(self):
        self.expect("the refusal", lambda d: "no access" in chromium.text_of(d).lower())
        self.require(
            "robin" in chromium.text_of(self.driver).lower(), "the refusal does not say who is signed in"
        )
        self.require("Jupyter" not in self.driver.page_source, "something of the IDE is on the refusal page")
        self.shot("refused")

    def go(self):
        with chromium.browser(self.demo.certificate) as self.driver:
            self.step("sasha signs in and allows the application")
            self.sign_in(self.demo.sasha)
            self.step("the waiting page shows the clone's progress")
            self.watch_clone()
            self.step("the IDE opens by itself, with the repository")
            self.land_in_ide()
            if self.demo.ide_name == "jupyter":
                self.step("a notebook's kernel answers over a WebSocket")
                self.run_notebook()
            else:
                self.step("a terminal runs a command over a WebSocket")
                self.run_terminal()
            if self.demo.container:
                self.step("a computer connects by SSH")
                self.connect_by_ssh()
            self.step("sasha signs out")
            self.sign_out()
        with chromium.browser(self.demo.certificate) as self.driver:
            self.step("robin signs in and is refused")
            self.sign_in(self.demo.robin)
            self.refused()


def run(demo):
    """True when all went well."""
    if not chromium.is_available():
        print("demo: chromium and chromedriver are needed (Debian: chromium, chromium-driver)")
        return False
    for old in glob.glob(os.path.join(demo.output, "*.png")):
        os.unlink(old)
    check = Check(demo)
    try:
        check.go()
    except Exception as e:  # noqa: BLE001 - whatever happened, the person shall read it
        print(f"FAILED: {e}")
        _keep_last_look(check)
        return False
    print(f"All well. {check.shots} screenshots are in {os.path.relpath(demo.output)}/")
    return True


def _keep_last_look(check):
    try:
        check.shot("failed")
    except Exception:  # noqa: BLE001 - the browser may be gone
        pass
    print("The end of the proxy's log:")
    print("\n".join(check.demo.proxy.lines[-30:]))
