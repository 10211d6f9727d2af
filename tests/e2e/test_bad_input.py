# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a workspace, and what people and programs are told about it."""

import json
import math
import os
import socket
import time

import pytest
from gitlab.requests import digest
from proxy import run, sanitizer_report, wait_until


def workspace_state(client, proxy):
    reply = client.fetch(proxy.origin + "/oauth2/workspace")
    assert reply.status == 200, (reply.status, reply.text[:300])
    return reply.json()


def clone_end(client, proxy):
    """The clone's state once it is done or failed."""

    def ended():
        clone = workspace_state(client, proxy)["clone"]
        return clone["phase"] in ("done", "failed") and clone

    return wait_until(ended, what="the end of the clone", interval_s=0.1)


# Configuration


WRONG = {
    "EXTERNAL_URL": "ftp://workspace.example",
    "GITLAB_URL": "not a url",
    "UPSTREAM": "http://ide.example.com:1",
    "COOKIE_EXPIRE": "soon",
    "COOKIE_SECRET": "hush-hush-much-too-short",
    "CLIENT_SECRET": "gloas-never-shown",
    "CLONE_URL": "file:///etc",
    "TLS_CERT_FILE": "/nonexistent/cert.pem",
    "EXTERNAL_URI": "x",
}


@pytest.mark.parametrize("command", ["check", "serve"])
def test_every_problem_of_the_configuration_at_once(command):
    result = run([command], WRONG)
    assert result.returncode == 1
    output = result.stdout + result.stderr
    assert sanitizer_report(output) is None
    for name in (*(n for n in WRONG if n != "CLIENT_SECRET"), "TLS_KEY_FILE", "CLIENT_ID"):
        assert f"WORKSPACE_PROXY_{name}" in output, (name, output)
    for value in ("ftp://workspace.example", "soon", "/nonexistent/cert.pem", "file:///etc"):
        assert value in output, value
    assert "EXTERNAL_URL" in output and "expected" in output
    assert "hush-hush" not in output and "never-shown" not in output


def test_a_good_configuration_passes_the_check(make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, start=False)
    result = run(["check"], proxy.settings)
    assert result.returncode == 0, result.stderr
    shown = result.stdout + result.stderr
    assert proxy.settings["COOKIE_SECRET"] not in shown and proxy.settings["CLIENT_SECRET"] not in shown


def test_secrets_from_files(make_proxy, gitlab, upstream, client, tmp_path):
    template = make_proxy(gitlab, upstream, start=False)
    cookie_file, secret_file = tmp_path / "cookie", tmp_path / "secret"
    cookie_file.write_text(template.settings["COOKIE_SECRET"] + "\n")
    proxy = make_proxy(
        gitlab, upstream, COOKIE_SECRET=None, COOKIE_SECRET_FILE=str(cookie_file), CLIENT_SECRET="gloas-wrong"
    )
    application = gitlab.state.applications[proxy.settings["CLIENT_ID"]]
    proxy.check_end()
    secret_file.write_text(application.secret + "\n")
    again = make_proxy(
        gitlab,
        upstream,
        COOKIE_SECRET=None,
        COOKIE_SECRET_FILE=str(cookie_file),
        CLIENT_SECRET=None,
        CLIENT_SECRET_FILE=str(secret_file),
        CLIENT_ID=application.uid,
    )
    application.redirect_uris.append(f"{again.origin}/oauth2/callback")
    assert client.login(again.origin + "/", "sasha", "sasha-password").status == 200


def test_a_port_that_is_taken(make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, start=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = {**proxy.settings, "HTTPS_ADDRESS": f"127.0.0.1:{taken.getsockname()[1]}"}
        result = run(["serve"], settings)
    assert result.returncode == 1 and "ddress already in use" in result.stderr


# The IDE


def test_an_ide_that_is_not_there(make_proxy, gitlab, client, tmp_path):
    from upstream import Upstream

    path = str(tmp_path / "ide.sock")
    proxy = make_proxy(gitlab, UPSTREAM=f"unix:{path}")
    page = client.login(proxy.origin + "/folder", "sasha", "sasha-password")
    assert page.status == 503 and "Preparing your workspace" in page.text
    assert int(page.get("Retry-After")) > 0
    program = client.fetch(proxy.origin + "/api")
    assert program.status in (502, 503) and program.json()["ide"] == {"ready": False}
    assert int(program.get("Retry-After")) > 0
    upstream = Upstream(path)
    try:
        wait_until(lambda: workspace_state(client, proxy)["ide"]["ready"], what="the IDE")
        assert client.navigate(proxy.origin + "/folder").status == 200
    finally:
        upstream.stop()


def test_an_ide_that_breaks_off(proxy, signed_in, upstream):
    for answer in (
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    ):
        upstream.respond_with(answer)
        page = signed_in.navigate(proxy.origin + "/page")
        assert page.status == 502 and "IDE" in page.text, answer
        upstream.respond_with(answer)
        assert signed_in.fetch(proxy.origin + "/api").json()["status"] == 502
    upstream.answer = upstream.default_answer
    assert signed_in.navigate(proxy.origin + "/page").status == 200


def test_an_ide_that_breaks_off_in_a_body(proxy, signed_in, session_cookie, upstream):
    upstream.respond_with(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    with proxy.raw() as raw:
        raw.request("GET", "/", [("Cookie", session_cookie)], host=proxy.host)
        assert raw.read_head().status == 200
        assert raw.read_until_close() == b"only this", "a cut answer must not look whole"


def test_a_foreign_host_is_misdirected(proxy, session_cookie, upstream):
    count = len(upstream.requests)
    for host in ("evil.example", f"x.{proxy.host}", proxy.name, "localhost"):
        with proxy.raw() as raw:
            raw.request("GET", "/", [("Cookie", session_cookie)], host=host)
            assert raw.read_response().status == 421, host
    assert len(upstream.requests) == count


# The clone


@pytest.fixture
def target(tmp_path):
    directory = tmp_path / "projects" / "demo"
    directory.parent.mkdir()
    return directory


def start_clone(make_proxy, client, gitlab, upstream, target, project=None, **settings):
    url = gitlab.git_url(project or gitlab.project)
    proxy = make_proxy(gitlab, upstream, **{"CLONE_URL": url, "CLONE_DIR": str(target), **settings})
    page = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert page.status in (200, 503), page.text[:300]
    return proxy


def assert_untouched(target):
    assert not target.exists() and os.listdir(target.parent) == []


def test_the_first_users_token_clones(make_proxy, client, gitlab, upstream, target):
    proxy = start_clone(make_proxy, client, gitlab, upstream, target)
    clone = clone_end(client, proxy)
    assert clone["phase"] == "done" and clone["percent"] == 100 and clone["problem"] is None
    assert (target / "README.md").read_text().startswith("# Demo project")
    config = (target / ".git" / "config").read_text()
    assert not [s for s in gitlab.secrets() if s in config]
    assert {e.user for e in gitlab.requests.all(endpoint="git-upload-pack", status=200)} == {"sasha"}
    assert client.navigate(proxy.origin + "/").status == 200


def test_a_token_of_its_own_clones_at_start(make_proxy, client, gitlab, upstream, target):
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    settings = {"CLONE_URL": gitlab.git_url(gitlab.project), "CLONE_DIR": str(target), "CLONE_TOKEN": token}
    make_proxy(gitlab, upstream, **settings)
    wait_until((target / "README.md").exists, what="the clone, without anybody signed in")


def test_an_existing_repository_is_left_alone(make_proxy, client, gitlab, upstream, target):
    first = start_clone(make_proxy, client, gitlab, upstream, target)
    clone_end(client, first)
    first.check_end()
    (target / "mine.txt").write_text("not committed")
    count = gitlab.requests.count(endpoint="git-upload-pack")
    second = start_clone(make_proxy, client, gitlab, upstream, target)
    assert clone_end(client, second)["phase"] == "done"
    assert (target / "mine.txt").read_text() == "not committed"
    assert gitlab.requests.count(endpoint="git-upload-pack") == count


FAILURES = {
    "token": {"status": 401},
    "no_access": {"status": 403},
    "not_found": {"status": 404},
    "unreachable": {"status": 503},
    "cut": {"cut_after": 700},
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failed_clones_say_why_and_can_be_tried_again(make_proxy, client, gitlab, upstream, target, kind):
    gitlab.faults.add("git", **FAILURES[kind])
    proxy = start_clone(make_proxy, client, gitlab, upstream, target, CLONE_RETRIES="1")
    if kind == "token":  # fails twice: with the session's token, and with a renewed one
        wait_until(lambda: "retrying with a renewed token" in proxy.log, what="the second attempt")
    clone = clone_end(client, proxy)
    assert clone["phase"] == "failed" and clone["can_retry"] and len(clone["message"]) > 20, clone
    assert clone["problem"] == {"cut": "unreachable"}.get(kind, kind)
    assert_untouched(target)
    page = client.navigate(proxy.origin + "/")
    assert page.status == 503 and clone["message"][:20] in page.text
    gitlab.faults.clear()
    headers = {"Origin": proxy.origin, "Content-Type": "application/x-www-form-urlencoded"}
    reply = client.fetch(proxy.origin + "/oauth2/workspace", "POST", headers, "action=retry")
    assert reply.status == 200, reply.text
    wait_until((target / "README.md").exists, what="the second try")


def test_retry_from_elsewhere_is_refused(make_proxy, client, gitlab, upstream, target):
    gitlab.faults.add("git", status=503)
    proxy = start_clone(make_proxy, client, gitlab, upstream, target, CLONE_RETRIES="0")
    clone_end(client, proxy)
    count = gitlab.requests.count(endpoint="git-info-refs")
    form = "application/x-www-form-urlencoded"
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": form}
    reply = client.fetch(proxy.origin + "/oauth2/workspace", "POST", headers, "action=retry")
    assert reply.status == 403 and gitlab.requests.count(endpoint="git-info-refs") == count


def test_a_clone_without_access_to_the_project(make_proxy, client, gitlab, upstream, target):
    hidden = gitlab.add_project("alex/hidden", gitlab.alex)
    proxy = start_clone(make_proxy, client, gitlab, upstream, target, hidden)
    assert clone_end(client, proxy)["problem"] == "not_found"
    assert_untouched(target)


def test_a_target_that_is_not_empty(make_proxy, client, gitlab, upstream, target):
    target.mkdir()
    (target / "mine.txt").write_text("precious")
    proxy = start_clone(make_proxy, client, gitlab, upstream, target)
    clone = clone_end(client, proxy)
    assert clone["problem"] == "not_empty"
    assert os.listdir(target) == ["mine.txt"] and (target / "mine.txt").read_text() == "precious"


def test_a_branch_that_is_not_there(make_proxy, client, gitlab, upstream, target):
    proxy = start_clone(make_proxy, client, gitlab, upstream, target, CLONE_REF="no-such-branch")
    assert clone_end(client, proxy)["problem"] == "ref"
    assert_untouched(target)


def test_a_clone_that_stalls(make_proxy, client, gitlab, upstream, target):
    gitlab.faults.add("git-upload-pack", stall_after=300)
    proxy = start_clone(make_proxy, client, gitlab, upstream, target, CLONE_STALL_TIMEOUT="2s", CLONE_RETRIES="0")
    assert clone_end(client, proxy)["problem"] == "stalled"
    assert_untouched(target)


def test_no_refresh_while_a_clone_uses_the_token(make_proxy, client, make_client, gitlab, upstream, target):
    project = gitlab.add_project("group/large", gitlab.sasha, files=300, commits=20)
    # Long enough for a login and the start of a clone, however slow this machine is: the worker has the lowest priority.
    began, other = time.monotonic(), make_client()
    assert clone_end(other, start_clone(make_proxy, other, gitlab, upstream, target.parent / "small"))["phase"] == "done"
    lifetime_s = max(3, math.ceil(3 * (time.monotonic() - began)))
    gitlab.settings.git_bytes_per_s = 300_000 // lifetime_s
    gitlab.settings.token_lifetime_s = lifetime_s
    proxy = start_clone(make_proxy, client, gitlab, upstream, target, project, AUTHORIZATION_INTERVAL="1s")
    done = wait_until(lambda: workspace_state(client, proxy)["clone"]["phase"] == "done", interval_s=0.1)
    assert done, "with the first token, or on a busy machine with the next one"
    fetch = gitlab.requests.wait(ended=True, endpoint="git-upload-pack", status=200)[-1]
    assert fetch.ended_at - fetch.started_at > lifetime_s, "the clone must outlive the token, or this shows nothing"
    # On a busy machine the first token may be replaced before the clone begins.
    used = next(t for t in gitlab.state.tokens if digest(t.access) == fetch.credential)

    def refreshes():
        every = gitlab.requests.all(endpoint="token", grant_type="refresh_token")
        return [e for e in every if e.started_at >= used.created_at]

    wait_until(lambda: client.navigate(proxy.origin + "/") and refreshes(), what="the refresh")
    dead_at = used.created_at + lifetime_s
    assert refreshes()[0].started_at >= dead_at, "a refresh kills the token that the clone works with"


def test_stopping_while_a_clone_runs(make_proxy, client, gitlab, upstream, target):
    project = gitlab.add_project("group/large", gitlab.sasha, files=300, commits=20)
    gitlab.settings.git_bytes_per_s = 20_000
    proxy = start_clone(make_proxy, client, gitlab, upstream, target, project)
    wait_until(lambda: workspace_state(client, proxy)["clone"]["bytes"] > 0, what="bytes of the clone")
    started = time.monotonic()
    proxy.check_end()
    assert time.monotonic() - started < 30
    assert not target.exists()


def test_progress_as_an_event_stream(make_proxy, client, gitlab, upstream, target):
    project = gitlab.add_project("group/large", gitlab.sasha, files=300, commits=20)
    gitlab.settings.git_bytes_per_s = 400_000
    proxy = start_clone(make_proxy, client, gitlab, upstream, target, project)
    cookies = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    phases, percents = [], []
    with proxy.raw() as raw:
        headers = [("Accept", "text/event-stream"), ("Cookie", cookies)]
        raw.request("GET", "/oauth2/workspace", headers, host=proxy.host)
        head = raw.read_head()
        assert head.status == 200 and head.get("Content-Type") == "text/event-stream"
        for chunk in raw.read_chunks():
            for line in chunk.decode().split("\n"):
                if line.startswith("data: "):
                    clone = json.loads(line[6:])["clone"]
                    phases.append(clone["phase"])
                    percents.append(clone["percent"])
            if "done" in phases:
                break
    order = ["waiting", "connecting", "receiving", "resolving", "checkout", "done"]
    assert sorted(phases, key=order.index) == phases and "receiving" in phases
    assert percents == sorted(percents) and percents[-1] == 100
