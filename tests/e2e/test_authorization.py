# SPDX-License-Identifier: Apache-2.0
"""Who may enter by membership of a group, or by a list of users."""

import contextlib

import pytest
import websocket

SESSION = "__Host-workspace-proxy"
POLICY_VIOLATION = 1008


@pytest.fixture
def groups(gitlab):
    """company, and company/team below it: sasha in the team, robin in the company."""
    gitlab.company = gitlab.add_group("company", members={gitlab.robin.id: 40})
    gitlab.team = gitlab.add_group("company/team", members={gitlab.sasha.id: 30})
    return gitlab


@pytest.fixture
def make_team_proxy(make_proxy, groups, upstream):
    return lambda **more: make_proxy(
        groups, upstream, **{"AUTHORIZATION": "group", "GROUP": "company/team", **more}
    )


def login(proxy, client, name):
    reply = client.login(proxy.origin + "/", name, f"{name}-password")
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    return reply


def refusal(proxy):
    return proxy.wait_for_log(message="login failed")["error"]


def cookie_of(client):
    return [("Cookie", f"{SESSION}={client.cookie(SESSION).value}")]


def test_members_of_the_group_and_of_those_above_enter(make_team_proxy, gitlab, make_client):
    proxy = make_team_proxy()
    for name in ("sasha", "robin"):
        assert login(proxy, make_client(), name).status == 200
    asked = gitlab.requests.all(endpoint="group-member")
    assert [e.path for e in asked] == [
        f"/api/v4/groups/company%2Fteam/members/all/{user.id}" for user in (gitlab.sasha, gitlab.robin)
    ], "one question each"
    assert not gitlab.requests.count(endpoint="graphql")


@pytest.mark.parametrize("level, minimum, status", [(5, 10, 403), (10, 30, 403), (5, 5, 200), (30, 30, 200)])
def test_the_level_decides(make_team_proxy, gitlab, upstream, client, level, minimum, status):
    gitlab.team.members[gitlab.alex.id] = level
    proxy = make_team_proxy(GROUP=gitlab.team.id, GROUP_ACCESS_LEVEL=minimum)
    reply = login(proxy, client, "alex")
    assert reply.status == status
    if status == 403:
        assert "members of a GitLab group" in reply.text and not upstream.requests
        assert "the user's access level in the group is too low" in refusal(proxy)


def test_others_are_refused_with_the_reason(make_team_proxy, gitlab, upstream, client):
    proxy = make_team_proxy()
    reply = login(proxy, client, "alex")
    assert reply.status == 403 and "You are not one of them" in reply.text
    assert "the user is not a member of the group" in refusal(proxy)
    assert not upstream.requests and client.cookie(SESSION) is None


@pytest.mark.parametrize("answer", [b"[]", b'{"id": 1, "access_level": 50}', b"<html>"])
def test_a_malformed_answer_is_no_answer(make_team_proxy, gitlab, upstream, client, answer):
    proxy = make_team_proxy()
    gitlab.faults.add("group-member", status=200, body=answer.decode())
    assert login(proxy, client, "sasha").status == 503
    assert not upstream.requests


@pytest.mark.parametrize("inherited", [False, True])
def test_the_end_of_membership_ends_the_session(make_team_proxy, gitlab, client, inherited):
    proxy = make_team_proxy(AUTHORIZATION_INTERVAL="1s", AUTHORIZATION_GRACE="10s")
    assert login(proxy, client, "robin" if inherited else "sasha").status == 200
    with contextlib.ExitStack() as stack:
        tabs = [stack.enter_context(proxy.raw()) for _ in range(3)]
        for raw in tabs:
            assert raw.upgrade("/ws", proxy.host, proxy.origin, cookie_of(client)).status == 101
        (gitlab.company if inherited else gitlab.team).members.clear()
        for raw in tabs:
            opcode, payload, _ = raw.read_frame()
            assert opcode == websocket.CLOSE and websocket.close_code(payload) == POLICY_VIOLATION
    assert client.fetch(proxy.origin + "/").status in (401, 403)
    assert "member of the group" in proxy.wait_for_log(message="authorization withdrawn")["error"]


@pytest.mark.parametrize("form", ["name", "id"])
def test_listed_users_enter(make_proxy, gitlab, upstream, make_client, form):
    users = f"nobody, {'SASHA' if form == 'name' else gitlab.sasha.id}"
    proxy = make_proxy(gitlab, upstream, AUTHORIZATION="users", USERS=users)
    assert login(proxy, make_client(), "sasha").status == 200
    refused = login(proxy, make_client(), "robin")
    assert refused.status == 403 and "you are not on it" in refused.text
    assert "the user is not listed in USERS" in refusal(proxy)


def test_a_renamed_user_is_another(make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, AUTHORIZATION="users", USERS="sasha", AUTHORIZATION_INTERVAL="1s")
    assert login(proxy, client, "sasha").status == 200
    with proxy.raw() as raw:
        assert raw.upgrade("/ws", proxy.host, proxy.origin, cookie_of(client)).status == 101
        gitlab.sasha.username = "sasha-k"
        opcode, payload, _ = raw.read_frame()
        assert opcode == websocket.CLOSE and websocket.close_code(payload) == POLICY_VIOLATION


def test_all_rules_that_are_joined_hold(make_team_proxy, gitlab, make_client):
    proxy = make_team_proxy(AUTHORIZATION="group+users", USERS="sasha,alex")
    statuses = {name: login(proxy, make_client(), name).status for name in ("sasha", "robin", "alex")}
    assert statuses == {"sasha": 200, "robin": 403, "alex": 403}


def test_programs_are_held_to_the_same(make_team_proxy, gitlab, client):
    proxy = make_team_proxy(API_TOKENS="on")
    cases = [(gitlab.robin, "read_api", 200), (gitlab.alex, "read_api", 403), (gitlab.sasha, "read_user", 403)]
    for user, scopes, status in cases:
        token = gitlab.add_token(user, scopes).access
        reply = client.fetch(proxy.origin + "/", headers={"Authorization": f"Bearer {token}"})
        assert reply.status == status
