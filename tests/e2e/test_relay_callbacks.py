# SPDX-License-Identifier: Apache-2.0
"""Callbacks that the relay refuses, and errors that it passes on."""

import urllib.parse

import pytest
import relay as relay_module
from relay_fixtures import gitlab, relay, shared_relay
from test_relay import assert_refused, at_gitlab, callback_of, query, zone

SESSION = "__Host-workspace-proxy"


@pytest.fixture
def box(relay):
    return relay_module.StateBox(relay.master, relay.redirect_uri)


# Callbacks that are refused


def test_a_victim_does_not_finish_an_attackers_flow(relay, make_proxy, gitlab, upstream, make_client):
    proxy = make_proxy(gitlab, upstream, relay=relay)
    attacker, victim = make_client(), make_client()
    lure = at_gitlab(attacker, proxy, relay)
    callback = callback_of(victim, lure, gitlab)
    assert query(callback)["code"], "GitLab itself can't tell"
    for _ in range(2):
        reply = victim.navigate(callback)
        assert_refused(reply, 403, "was not started in this browser", proxy.origin + "/")
    # An own flow under way does not help, nor does it suffer.
    mine = callback_of(victim, at_gitlab(victim, proxy, relay), gitlab)
    assert_refused(victim.navigate(callback), 403, "was not started in this browser")
    assert "This is the IDE" in victim.follow(victim.navigate(mine)).text
    code = query(callback)["code"][0]
    assert not [r for r in attacker.history + victim.history if code in (r.get("Location") or "")]


def test_a_lure_to_the_start_ends_at_the_workspace(relay, make_proxy, gitlab, upstream, make_client):
    """Then the relay's cookie is the victim's own; the sidecar still knows no flow of this browser."""
    proxy = make_proxy(gitlab, upstream, relay=relay)
    attacker, victim = make_client(), make_client()
    lure = attacker.navigate(proxy.origin + "/").location
    callback = callback_of(victim, victim.navigate(lure).location, gitlab)
    there = victim.navigate(callback)
    assert there.status == 302 and there.location.startswith(proxy.origin + "/oauth2/callback?")
    reply = victim.navigate(there.location)
    assert reply.status == 302 and reply.location.startswith(relay.url + "/start?"), "a login of its own"
    assert victim.cookie(SESSION) is None and gitlab.requests.count(endpoint="token") == 0


def test_replayed_callback(relay, make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, relay=relay)
    callback = callback_of(client, at_gitlab(client, proxy, relay), gitlab)
    first = client.navigate(callback)
    assert first.status == 302
    assert_refused(client.navigate(callback), 403, "was not started in this browser")
    assert "This is the IDE" in client.follow(first).text


def test_a_code_injected_into_another_flow(relay, make_proxy, gitlab, upstream, make_client):
    """The attacker's code under the victim's state, and the other way round: PKCE does not fit."""
    proxy = make_proxy(gitlab, upstream, relay=relay)
    attacker, victim = make_client(), make_client()
    theirs = query(callback_of(attacker, at_gitlab(attacker, proxy, relay), gitlab, "alex"))
    mine = query(callback_of(victim, at_gitlab(victim, proxy, relay), gitlab))
    for client, codes, states in ((victim, theirs, mine), (attacker, mine, theirs)):
        mixed = {"code": codes["code"][0], "state": states["state"][0]}
        url = f"{relay.redirect_uri}?" + urllib.parse.urlencode(mixed)
        reply = client.navigate(client.navigate(url).location)
        assert client.cookie(SESSION) is None and reply.status in (302, 403), reply.status
    assert gitlab.requests.count(endpoint="token", status=200) == 0 and not upstream.received


def test_state_of_another_workspace(relay, make_proxy, gitlab, upstream, client):
    """The relay sends it to where it belongs; handed to another sidecar it is of no use."""
    one = make_proxy(gitlab, upstream, relay=relay)
    two = make_proxy(gitlab, upstream, relay=relay, name="other.localhost")
    callback = callback_of(client, at_gitlab(client, one, relay), gitlab)
    there = client.navigate(callback).location
    assert there.startswith(one.origin)
    reply = client.navigate(there.replace(one.origin, two.origin))
    assert reply.status == 302 and reply.location.startswith(relay.url + "/start?")
    assert client.cookie(SESSION) is None and gitlab.requests.count(endpoint="token") == 0


def send_back(client, relay, flow, rest="code=0123456789abcdef", cookie=True):
    state, name, value = flow
    headers = {"Cookie": f"{name}={value}"} if cookie else {}
    url = f"{relay.redirect_uri}?{rest}&" + urllib.parse.urlencode({"state": state})
    return client.navigate(url, **headers)


def test_a_state_made_here_is_taken(relay, box, client):
    authority = f"kiwi.{zone(relay)}"
    reply = send_back(client, relay, box.state(authority))
    expected = f"https://{authority}/oauth2/callback?code=0123456789abcdef&state=a.state"
    assert (reply.status, reply.location) == (302, expected)


def test_states_of_other_times(relay, box, client):
    authority = f"kiwi.{zone(relay)}"
    for age_s in (601, 7200, -310):
        for cookie in (True, False):
            reply = send_back(client, relay, box.state(authority, age_s=age_s), cookie=cookie)
            assert_refused(reply, 403, "too long", f"https://{authority}/")


def test_foreign_and_altered_states(relay, box, client):
    authority = f"kiwi.{zone(relay)}"
    stranger = relay_module.StateBox(bytes(range(32)), relay.redirect_uri)
    elsewhere = relay_module.StateBox(relay.master, "https://other.localhost/callback")
    assert_refused(send_back(client, relay, stranger.state(authority)), 400, "not ours")
    assert_refused(send_back(client, relay, elsewhere.state(authority)), 400, "not ours")
    state, name, value = box.state(authority)
    for other in (state[:-2], state + "A", state.swapcase(), "x", value):
        assert_refused(send_back(client, relay, (other, name, value)), 400, "not ours")
    _, other_name, other_value = box.state(authority)
    for cookie in ((name, other_value), (other_name, value), (other_name, other_value), (name, state)):
        reply = send_back(client, relay, (state, *cookie))
        assert_refused(reply, 403, "was not started in this browser")
    assert_refused(send_back(client, relay, (state, name, value), cookie=False), 403, "was not started")


def test_states_of_hosts_that_left_the_zones(relay, box, client):
    for authority in ("kiwi.evil.example", f"user@kiwi.{zone(relay)}", f"KIWI.{zone(relay)}"):
        assert_refused(send_back(client, relay, box.state(authority)), 403, "Unknown workspace")


@pytest.mark.parametrize(
    "rest",
    [
        "code=a&code=b",
        "code=a&state=b",
        "code=a&st%61te=b",
        "code=a&error=b",
        "error=a&error=b",
        "code=",
        "code=%zz",
        "x=1",
    ],
)
def test_callbacks_with_odd_parameters(relay, box, client, rest):
    flow = box.state(f"kiwi.{zone(relay)}")
    assert_refused(send_back(client, relay, flow, rest), 400, "address is not valid")


def test_errors_are_passed_on_as_errors(relay, box, client):
    authority = f"kiwi.{zone(relay)}"
    known = {"access_denied": "access_denied", "server_error": "server_error"}
    for sent, passed in {**known, "%3Cb%3E": "invalid_request"}.items():
        reply = send_back(client, relay, box.state(authority), f"error={sent}&error_description=Said+so")
        assert reply.location == f"https://{authority}/oauth2/callback?error={passed}&state=a.state"
        assert_refused(send_back(client, relay, box.state(authority), f"error={sent}", cookie=False), 403)
