# SPDX-License-Identifier: Apache-2.0
"""The token broker against workspaces that were taken over: what they get, and of whom.

What a workspace would say is made here by support/broker.py, a second implementation.
"""

import urllib.parse

import broker as broker_module
import pytest
from broker import REDEEM, REFRESH, REVOKE, Asker
from broker_fixtures import VERIFIER, asked, host_of, kiwi, new_code, redeem
from broker_fixtures import rejected as rejected_ever
from relay_fixtures import gitlab, relay


@pytest.fixture(scope="module")
def shared_relay(make_shared_relay):
    return make_shared_relay(broker=True, RELAY_REQUESTS_PER_WORKSPACE_MAX="60000")


@pytest.fixture
def rejected(relay):
    """How many requests the relay has rejected for a reason during this test."""
    before = {reason: rejected_ever(relay, reason) for reason in ("zone", "key", "malformed")}
    return lambda reason: rejected_ever(relay, reason) - before[reason]


def test_a_workspace_never_sees_gitlabs_refresh_token(relay, kiwi, gitlab):
    answer = redeem(kiwi, gitlab)
    token = gitlab.state.tokens[-1]
    assert answer.access == token.access and answer.refresh != token.refresh
    raw = broker_module.relay.decode(answer.refresh)
    assert token.refresh.encode() not in raw and answer.lifetime_ms == 7200000
    assert "read_api" in answer.scope
    renewed = kiwi.ask(REFRESH, token=answer.refresh)
    assert renewed.outcome == "ok" and renewed.refresh != answer.refresh
    assert kiwi.ask(REFRESH, token=answer.refresh).outcome == "grant_invalid", "GitLab has ended the old pair"
    assert kiwi.ask(REVOKE, token=renewed.access).outcome == "ok"
    assert gitlab.state.tokens[-1].revoked


def test_a_stolen_refresh_token_is_of_no_use_elsewhere(relay, kiwi, gitlab, make_client):
    """Neither to another workspace, nor at GitLab itself."""
    answer = redeem(kiwi, gitlab)
    mango = Asker(relay, host_of(relay, "mango"))
    before = asked(gitlab)
    assert mango.ask(REFRESH, token=answer.refresh).outcome == "grant_invalid"
    assert asked(gitlab) == before, "GitLab was not asked"
    form = {
        "grant_type": "refresh_token",
        "refresh_token": answer.refresh,
        "client_id": relay.application.uid,
        "client_secret": relay.application.secret,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = make_client().request("POST", f"{gitlab.url}/oauth/token", headers, urllib.parse.urlencode(form))
    assert reply.status == 400, "not even with the secret"
    assert kiwi.ask(REFRESH, token=answer.refresh).outcome == "ok"


def test_codes_count_once(relay, kiwi, gitlab):
    """The same sealed request, sent twice."""
    body = kiwi.channel.request(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    first, second = (kiwi.channel.open_answer(kiwi.post(body)[2]) for _ in range(2))
    assert (first.outcome, second.outcome) == ("ok", "grant_invalid")
    assert not second.access and not second.refresh


def test_a_code_without_its_verifier(relay, kiwi, gitlab):
    assert kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier="w" * 43).outcome == "grant_invalid"


# Other hosts, other keys


@pytest.mark.parametrize(
    "host",
    "Kiwi.{zone} kiwi.{zone}. a.b.{zone} {zone} .{zone} kiwi.evil.example xn--kiw-cpa.{zone} "
    "kiwi.localhost kiwi.localhost:443 user@kiwi.{zone} kiwi.{zone}/ kiwi.{zone}\0 kiwï.{zone}".split(" ") + [""],
)
def test_hosts_that_are_none_of_ours(relay, gitlab, rejected, host):
    """Even with the key of that very spelling."""
    authority = host.format(zone=f"localhost:{relay.ports[0]}")
    status, _, _ = Asker(relay, authority).post(
        Asker(relay, authority).channel.request(REDEEM, code="c", verifier=VERIFIER)
    )
    assert status == 403 and rejected("zone") == 1 and not asked(gitlab)


def test_another_workspaces_host(relay, kiwi, gitlab, rejected):
    mango = Asker(relay, host_of(relay, "mango"), key=relay.key_for(host_of(relay)))
    assert mango.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER).status == 403
    assert mango.ask(REFRESH, token="x").status == 403
    assert rejected("key") == 2 and not asked(gitlab)


def test_requests_that_were_altered(relay, kiwi, gitlab):
    body = kiwi.channel.request(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    for place in range(len(body)):
        flipped = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert kiwi.post(flipped)[0] in (400, 403), place
    for length in range(0, len(body), 7):
        assert kiwi.post(body[:length])[0] in (400, 403), length
    assert kiwi.post(body + b"\0")[0] == 403
    assert not asked(gitlab)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\x00",
        bytes([3]) + broker_module.text("c") + broker_module.text(VERIFIER) + broker_module.text(""),
        bytes([REDEEM]) + broker_module.text("c") + broker_module.text("short") + broker_module.text(""),
        bytes([REDEEM]) + broker_module.text("c") + broker_module.text(VERIFIER) + broker_module.text("more"),
        bytes([REDEEM]) + broker_module.text("") + broker_module.text(VERIFIER) + broker_module.text(""),
        bytes([REDEEM]) + broker_module.text("a b") + broker_module.text(VERIFIER) + broker_module.text(""),
        bytes([REDEEM]) + broker_module.text("c") + broker_module.text("&" * 43) + broker_module.text(""),
        bytes([REFRESH]) + broker_module.text("c") + broker_module.text("") + broker_module.text("t"),
        bytes([REFRESH]) + broker_module.text("") + broker_module.text("") + broker_module.text(""),
        bytes([REFRESH]) + broker_module.text("") + broker_module.text("") + broker_module.text("t\r\nx"),
        bytes([REVOKE]) + broker_module.text("") + broker_module.text("") + broker_module.text("t" * 4097),
        bytes([REVOKE]) + broker_module.text("") + broker_module.text("") + broker_module.text("t") + b"\0",
        bytes([REVOKE]) + b"\xff\xff",
    ],
)
def test_records_of_a_workspace_that_was_taken_over(kiwi, gitlab, rejected, plain):
    assert kiwi.post(kiwi.channel.request(REDEEM, plain=plain))[0] == 400
    assert rejected("malformed") == 1 and not asked(gitlab)


def test_form_fields_cannot_be_added(relay, kiwi, gitlab):
    """Codes and tokens end up in a form: "&" in them is data."""
    answer = kiwi.ask(REDEEM, code="c&client_id=other&grant_type=password", verifier=VERIFIER)
    assert answer.outcome == "grant_invalid"
    (entry,) = gitlab.requests.all(endpoint="token")
    assert sorted(entry.form) == sorted(set(entry.form)) and entry.grant_type == "authorization_code"


@pytest.mark.parametrize("age_s", [3600, -3600, 65, -65])
def test_clocks_that_differ(relay, kiwi, gitlab, age_s):
    answer = kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER, age_s=age_s)
    assert answer.outcome == "stale" and abs(answer.answered_ms - broker_module.relay.now_ms()) < 60000
    assert not asked(gitlab)


def test_clocks_that_differ_a_little(relay, kiwi, gitlab):
    for age_s in (50, -50):
        answer = kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER, age_s=age_s)
        assert answer.outcome == "ok"

