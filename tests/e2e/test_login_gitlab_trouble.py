# SPDX-License-Identifier: Apache-2.0
"""Logins while GitLab fails, lies or is silent."""

import concurrent.futures
import time

import pytest
from test_login import assert_page, callback_of, session_is_set, start

pytestmark = pytest.mark.shared
STAGE_SETTINGS = {"SIGN_IN_FAILURES_MAX": 60000, "SIGN_IN_FAILURES_PER_ADDRESS_MAX": 60000}
ANSWER_LIMIT_S = 20  # a silent GitLab costs at most 10 s


# GitLab in trouble


TROUBLE = [
    {"status": 500},
    {"status": 503},
    pytest.param({"status": 429, "retry_after_s": 33}, marks=pytest.mark.own),
    {"invalid_json": True},
    {"huge_bytes": 5 << 20},
    {"body": "[]"},
    {"body": "[" * 2000},
    {"body": '{"id":"42"}'},
    {"cut_after": 0},
    {"cut_after": 60},
    {"status": 302, "headers": {"Location": "https://localhost:1/"}},
]


@pytest.mark.parametrize("endpoint", ["token", "user", "graphql"])
@pytest.mark.parametrize(
    "trouble", TROUBLE, ids=lambda t: "-".join(f"{k}={str(v)[:6]}" for k, v in t.items())
)
def test_gitlab_in_trouble(proxy, gitlab, upstream, client, endpoint, trouble):
    callback = callback_of(client, gitlab, start(client, proxy))
    gitlab.faults.add(endpoint, **trouble)
    started = time.monotonic()
    reply = client.navigate(callback)
    assert time.monotonic() - started < ANSWER_LIMIT_S
    assert reply.status in (502, 503), (reply.status, reply.text[:500])
    assert "GitLab" in reply.text and not session_is_set(reply) and not upstream.received
    if reply.status == 503:
        assert int(reply.get("Retry-After")) > 0
        assert trouble.get("retry_after_s") in (None, int(reply.get("Retry-After")))
    gitlab.faults.clear()
    if endpoint == "token" and trouble.get("status") == 429:
        reply = client.open(proxy.origin + "/")
        assert reply.status == 503 and 1 <= int(reply.get("Retry-After")) <= 33, "GitLab asked for patience"
    else:
        assert "This is the IDE" in client.open(proxy.origin + "/").text, "trouble that is over is over"


@pytest.mark.parametrize(
    "endpoint, fault",
    [("token", {"delay_s": 60}), ("user", {"stall_after": 30}), ("graphql", {"stall_after": 0})],
)
def test_a_silent_gitlab_holds_nobody_else_up(proxy, gitlab, upstream, make_client, endpoint, fault):
    insider, newcomer = make_client(), make_client()
    insider.login(proxy.origin + "/", "sasha", "sasha-password")
    callback = callback_of(newcomer, gitlab, start(newcomer, proxy))
    gitlab.faults.add(endpoint, **fault)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        waiting = pool.submit(newcomer.navigate, callback)
        while not waiting.done():
            before = time.monotonic()
            assert insider.navigate(proxy.origin + "/").status == 200
            assert time.monotonic() - before < 5
            time.sleep(0.2)
        reply = waiting.result()
    assert time.monotonic() - started < ANSWER_LIMIT_S
    assert_page(reply, 503, "GitLab")


def test_gitlab_unreachable(make_proxy, make_gitlab, upstream, client):
    gitlab = make_gitlab()
    proxy = make_proxy(gitlab, upstream)
    callback = callback_of(client, gitlab, start(client, proxy))
    gitlab.stop()
    reply = client.navigate(callback)
    assert_page(reply, 503, "GitLab")
    assert reply.get("Retry-After")


def test_gitlab_with_a_foreign_certificate(make_proxy, gitlab, upstream, client, tmp_path, certificates):
    from certificates import Authority

    other = Authority(tmp_path / "other")
    proxy = make_proxy(gitlab, upstream, GITLAB_CA_FILE=other.file)
    reply = client.navigate(callback_of(client, gitlab, start(client, proxy)))
    assert reply.status in (502, 503) and gitlab.requests.count(endpoint="token") == 0


def test_request_id_on_error_pages_is_in_the_log(proxy, gitlab, client):
    callback = callback_of(client, gitlab, start(client, proxy))
    gitlab.faults.add("token", status=500)
    reply = client.navigate(callback)
    ids = [e.get("request_id") for e in proxy.log_entries() if e.get("request_id")]
    assert any(i in reply.text for i in ids)
