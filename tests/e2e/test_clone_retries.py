# SPDX-License-Identifier: Apache-2.0
"""What passes by itself is tried again, what does not is not; a token that ended is renewed once."""

import os
import signal
import time

import pytest
from clone import CODES, Worker, by_hand, git, settings_for
from clone_fixtures import target
from proxy import wait_until
from test_metrics import ask


@pytest.fixture
def settings(gitlab, certificates, target):
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    return settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token, CLONE_RETRIES="3")


@pytest.mark.parametrize(
    "endpoint, fault",
    [("git-info-refs", {"status": 503}), ("git-info-refs", {"status": 429, "retry_after_s": 1}),
     ("git-upload-pack", {"status": 502}), ("git-upload-pack", {"cut_after": 700})],
)
def test_what_may_pass_is_tried_again(settings, target, gitlab, endpoint, fault, tmp_path):
    gitlab.faults.add(endpoint, times=1, **fault)
    started = time.monotonic()
    result = by_hand(settings)
    assert result.returncode == 0, result.stderr
    assert "Attempt 2" in result.stderr and git(target, "status", "--porcelain") == ""
    if "retry_after_s" in fault:
        assert time.monotonic() - started >= 1
    assert os.listdir(tmp_path / "work") == ["demo"]


def test_attempts_are_bounded(settings, target, gitlab):
    gitlab.faults.add("git-info-refs", status=503)
    result = by_hand({**settings, "CLONE_RETRIES": "1"})
    assert result.returncode == CODES["unreachable"], result.stderr
    assert gitlab.requests.count(endpoint="git-info-refs") == 2
    assert not target.parent.exists()


@pytest.mark.parametrize("status, problem", [(401, "token"), (403, "no_access"), (404, "not_found"), (422, "unreachable")])
def test_what_is_refused_is_not_tried_again(settings, gitlab, status, problem):
    gitlab.faults.add("git-info-refs", status=status)
    result = by_hand(settings)
    assert result.returncode == CODES[problem], result.stderr
    assert gitlab.requests.count(endpoint="git-info-refs") <= 2 and "Attempt" not in result.stderr


def test_stopped_between_two_attempts(settings, gitlab, tmp_path):
    gitlab.faults.add("git-info-refs", status=429, retry_after_s=100)
    worker = Worker({**settings, "CLONE_STALL_TIMEOUT": "1s"})
    try:
        worker.wait_for(lambda line: line["attempt"] == 1)
        worker.signal(signal.SIGTERM)
    finally:
        status = worker.finish()
    assert status in (CODES["internal"], CODES["unreachable"]) and not (tmp_path / "work").exists()


def test_token_that_ended_is_renewed_once(make_proxy, gitlab, upstream, target, client):
    """GitLab does not take the session's token from git: one renewal, one more attempt."""
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target)
    gitlab.faults.add("git-info-refs", status=401, times=2)
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.wait_for_log(message="clone: phase", phase="done")
    assert len(proxy.log_entries(message="clone: retrying with a renewed token")) == 1
    assert git(target, "status", "--porcelain") == ""


def test_token_that_is_never_taken(make_proxy, gitlab, upstream, target, client):
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target)
    gitlab.faults.add("git-info-refs", status=401)
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    wait_until(lambda: len(proxy.log_entries(message="clone: failed")) == 2, what="two failures")
    assert len(proxy.log_entries(message="clone: retrying with a renewed token")) == 1
    assert not target.exists()


def test_a_skipped_clone_is_not_restarted(make_proxy, gitlab, upstream, target, client):
    """The IDE is open by the time that the token has been renewed."""
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target)
    gitlab.faults.add("git-info-refs", status=401, times=2)
    gitlab.faults.add("token", delay_answer_s=1, skip=1)
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.wait_for_log(message="clone: failed")
    form = {"Origin": proxy.origin, "Content-Type": "application/x-www-form-urlencoded"}
    client.fetch(proxy.origin + "/oauth2/workspace", "POST", form, b"action=continue")
    assert client.fetch(proxy.origin + "/").status == 200
    given = 'workspace_proxy_git_credentials_total{outcome="given"} 1'
    wait_until(lambda: given in ask(proxy, "/metrics").text, what="the renewal")
    assert not proxy.log_entries(message="clone: retrying with a renewed token")
    assert not target.exists()
