# SPDX-License-Identifier: Apache-2.0
"""The token broker on GitLab's bad days: what fails is passed on by kind, and no token is left over."""

import socket

import pytest
from broker import REDEEM, REFRESH, Asker
from broker_fixtures import VERIFIER, asked, grew_by_less_than, host_of, kiwi, new_code, outcomes, redeem, relay
from proxy import PATIENCE_S, wait_until
from test_metrics import scrape


def test_too_many_requests_for_gitlab(relay, kiwi, gitlab):
    """429 is passed on, and nothing is asked until its Retry-After is over, for nobody."""
    answer = redeem(kiwi, gitlab)
    gitlab.faults.add("token", status=429, retry_after_s=2)
    limited = kiwi.ask(REFRESH, token=answer.refresh)
    assert limited.outcome == "unavailable" and limited.retry_after_s == 2
    gitlab.faults.clear()
    before = asked(gitlab)
    mango = Asker(relay, host_of(relay, "mango"))
    held = mango.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    assert held.outcome == "unavailable" and 1 <= held.retry_after_s <= 2 and asked(gitlab) == before
    wait_until(
        lambda: kiwi.ask(REFRESH, token=answer.refresh).outcome == "ok", what="the end of it", interval_s=0.2
    )


@pytest.mark.parametrize(
    "fault, outcome",
    [
        ({"status": 500}, "unavailable"),
        ({"status": 502}, "unavailable"),
        ({"status": 503, "retry_after_s": 7}, "unavailable"),
        ({"status": 404}, "refuses_us"),
        ({"status": 302, "headers": {"Location": "https://evil.example/"}}, "refuses_us"),
        ({"invalid_json": True}, "unavailable"),
        ({"huge_bytes": 1 << 20}, "lost"),
        ({"cut_after": 0}, "lost"),
        ({"cut_after": 300}, "lost"),
        ({"status": 400, "body": '{"error":"invalid_client"}'}, "refuses_us"),
    ],
)
def test_failures_are_passed_on_by_kind(relay, kiwi, gitlab, fault, outcome):
    answer = redeem(kiwi, gitlab)
    before = relay.own_memory_kib()
    gitlab.faults.add("token", times=1, **fault)
    failed = kiwi.ask(REFRESH, token=answer.refresh)
    assert failed.outcome == outcome, failed
    assert failed.retry_after_s == fault.get("retry_after_s", 0)
    assert not failed.access and not failed.refresh and not failed.id_token
    assert grew_by_less_than(relay, before, 2048)
    assert outcomes(relay, "refresh", outcome) == 1


def test_tokens_of_nobody_are_revoked(relay, kiwi, gitlab):
    """An answer that does not say whose they are can't be held against the operator's list."""
    gitlab.settings.token_fields_left_out = ["id_token"]
    answer = kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    assert answer.outcome == "lost" and not answer.access
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")


def test_a_refresh_that_changes_the_user(relay, kiwi, gitlab):
    answer = redeem(kiwi, gitlab)
    gitlab.settings.id_token_claims = {"sub": str(gitlab.robin.id)}
    assert kiwi.ask(REFRESH, token=answer.refresh).outcome == "lost"
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")


def test_answers_without_a_new_refresh_token(relay, kiwi, gitlab):
    """The old one is wrapped again, as the one that there is (RFC 6749 section 6)."""
    answer = redeem(kiwi, gitlab)
    gitlab.settings.token_fields_left_out = ["refresh_token", "id_token"]
    again = kiwi.ask(REFRESH, token=answer.refresh)
    assert again.outcome == "ok" and again.refresh and again.refresh != answer.refresh


def test_a_sidecar_that_goes_away_leaves_no_tokens(relay, kiwi, gitlab):
    gitlab.faults.add("token", delay_answer_s=PATIENCE_S, times=1)
    body = kiwi.channel.request(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    with socket.create_connection(relay.address()) as plain:
        with relay.context.wrap_socket(plain, server_hostname=relay.name) as s:
            head = f"POST /token HTTP/1.1\r\nHost: {relay.host}\r\nContent-Length: {len(body)}\r\n\r\n"
            s.sendall(head.encode() + body)
            gitlab.requests.wait(1, endpoint="token")
    wait_until(
        lambda: scrape(relay).get("workspace_proxy_broker_requests_in_flight") == 0, what="the relay to notice"
    )
    gitlab.faults.released.set()
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")
