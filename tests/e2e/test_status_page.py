# SPDX-License-Identifier: Apache-2.0
"""The status page: what it tells the signed-in user, and to nobody else; pages for people, JSON for programs."""

import re

from proxy import wait_until


def page_of(client, proxy, query=""):
    return client.navigate(f"{proxy.origin}/oauth2/workspace{query}")


def facts(page):
    return {
        name: re.sub(r"<[^>]*>", " ", value).split()
        for name, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page.text, re.S)
    }


def test_what_it_tells(signed_in, proxy):
    page = page_of(signed_in, proxy)
    assert page.status == 200 and page.get("Content-Type").startswith("text/html")
    told = {name: " ".join(words) for name, words in facts(page).items()}
    assert told["IDE"] == "Running" and "@sasha" in told["Signed in as"]
    assert told["Repository"] == "None configured"
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    for name in ("Since", "Access last checked"):
        assert re.fullmatch(rf"(just now|\d+ seconds ago) {moment}", told[name]), told
    assert re.fullmatch(rf"in 24 hours {moment} or after 4 hours of inactivity", told["Session ends"]), told


def test_it_is_as_strict_as_other_pages(signed_in, proxy):
    page = page_of(signed_in, proxy, "?x=%3Cscript%3Ealert(1)%3C/script%3E&y=canary-in-query")
    policy = page.get("Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy and page.get("Cache-Control") == "no-store"
    assert page.text.count("<script") == 1 and "alert(1)" not in page.text and "canary-in-query" not in page.text
    for cookie in signed_in.cookies_of(proxy.name):
        assert cookie.value not in page.text


def test_programs_get_json_and_strangers_a_login(signed_in, proxy, make_client):
    reply = signed_in.fetch(proxy.origin + "/oauth2/workspace")
    assert reply.get("Content-Type") == "application/json" and reply.json()["ide"] == {"ready": True}
    stranger = page_of(make_client(), proxy)
    assert stranger.status == 302 and "sasha" not in stranger.text


def test_its_buttons(signed_in, proxy):
    page = page_of(signed_in, proxy)
    assert 'href="/">Open the workspace' in page.text
    form = next(f for f in page.forms() if f.action.endswith("/oauth2/sign_out"))
    assert signed_in.submit(page, form).status == 303
    assert page_of(signed_in, proxy).status == 302


def test_an_ide_that_does_not_answer_and_a_clone_that_failed(make_proxy, gitlab, client, tmp_path):
    proxy = make_proxy(
        gitlab, None, CLONE_URL=f"{gitlab.url}/group/none.git", CLONE_DIR=str(tmp_path / "none")
    )
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.wait_for_log(message="clone: failed")
    page = page_of(client, proxy)
    told = {name: " ".join(words) for name, words in facts(page).items()}
    assert page.status == 200 and told["IDE"] == "Not responding yet"
    assert told["Repository"].startswith("Could not be cloned localhost/group/none in"), told


def test_what_the_start_was_made_of(make_proxy, gitlab, upstream, client, tmp_path):
    proxy = make_proxy(
        gitlab, upstream, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=str(tmp_path / "demo")
    )
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.wait_for_log(message="clone: phase", phase="done")
    wait_until(lambda: client.fetch(proxy.origin + "/oauth2/workspace").json()["ide"]["ready"], what="the IDE")
    start = client.fetch(proxy.origin + "/oauth2/workspace").json()["start"]
    steps = {step["step"]: step for step in start["steps"]}
    assert start["began_at"].endswith("Z") and all(step["done"] for step in steps.values()), steps
    assert {"sidecar", "sign_in", "clone_connecting", "clone_receiving", "ide"} <= set(steps)
    assert steps["ide"]["seconds"] >= steps["sidecar"]["seconds"]
    told = " ".join(facts(page_of(client, proxy))["Start"])
    assert "Sidecar" in told and "Clone: receiving" in told and "IDE responds after" in told
    with proxy.raw("admin") as raw:
        text = raw.request("GET", "/metrics", host="admin").read_response().text
    measured = dict(re.findall(r'workspace_proxy_start_seconds\{step="(\w+)"\} (\S+)', text))
    assert set(measured) == set(steps)
    for name, seconds in measured.items():
        assert abs(float(seconds) - steps[name]["seconds"]) < 0.002
