# SPDX-License-Identifier: Apache-2.0
"""A day with the token broker in a real browser: sign in, clone, git, renewals, one of two relays killed, sign out."""

import chromium
import pytest
import relay as relay_module
from credential import Workspace
from proxy import wait_until
from selenium.webdriver.common.by import By
from test_metrics import scrape

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]


@pytest.fixture
def replicas(make_relay, gitlab):
    with relay_module.replicas(make_relay, gitlab, broker=True) as (_, first, second):
        yield first, second


@pytest.fixture
def driver(certificates):
    with chromium.browser(certificates.cert) as driver:
        driver.set_script_timeout(60)
        yield driver


def answered(relay, operation):
    return scrape(relay).get("workspace_proxy_broker_requests_total", operation=operation, outcome="ok")


def test_a_day(replicas, make_proxy, gitlab, upstream, driver, certificates, tmp_path):
    """The first visit clones; the tokens of the browser and of its git expire again and again, and are renewed."""
    first, second = replicas
    state, project = tmp_path / "state", tmp_path / "project"
    state.mkdir()
    proxy = make_proxy(
        gitlab,
        upstream,
        relay=first,
        STATE_DIR=str(state),
        CLONE_URL=gitlab.git_url(gitlab.project),
        CLONE_DIR=str(project),
        AUTHORIZATION_INTERVAL="1s",
        AUTHORIZATION_GRACE="30s",
    )
    driver.get(proxy.origin + "/work")
    chromium.sign_in(driver, "sasha", "sasha-password")
    chromium.wait(driver, lambda d: "This is the IDE" in chromium.text_of(d), what="the IDE")
    assert driver.current_url == proxy.origin + "/work"
    workspace = Workspace(tmp_path, certificates)

    def renewed():
        """The page asks for something again and again, and sees nothing of what goes on behind it."""
        status = driver.execute_async_script(
            "const done = arguments[arguments.length - 1]; fetch('/').then(r => done(r.status), e => done(`${e}`));"
        )
        assert status == 200
        return gitlab.requests.refreshes > before

    def git_works():
        workspace.commit(project, f"file-{len(list(project.iterdir()))}")
        workspace.git_ok(project, "push", "-q", "origin", "HEAD")
        workspace.git_ok(project, "fetch", "-q")

    git_works()
    for day in range(3):
        if day == 1:
            second.kill()
            second.exit_code = 0
        before = gitlab.requests.refreshes
        gitlab.expire_tokens("sasha")
        wait_until(renewed, what="a renewal", interval_s=0.2)
        git_works()
    assert gitlab.requests.refreshes == 3
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 1
    assert gitlab.requests.count(endpoint="token", status=400) == 0 and workspace.asked.read_text() == ""

    token, revoked = gitlab.state.tokens[-1], answered(first, "revoke")
    driver.get(proxy.origin + "/oauth2/sign_out")
    driver.find_element(By.CSS_SELECTOR, "form button").click()
    chromium.wait(driver, lambda d: "signed out" in chromium.text_of(d).lower(), what="the end")
    wait_until(lambda: token.revoked or gitlab.state.tokens[-1].revoked, what="the token to be revoked")
    wait_until(lambda: answered(first, "revoke") == revoked + 1, what="the broker's count")
