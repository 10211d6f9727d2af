# SPDX-License-Identifier: Apache-2.0
"""Ports that their workspace's user shares: with whom, by which login, until when."""

import datetime
import re

import pytest
import websocket
from ports import COOKIE
from proxy import wait_until
from sharing import SHARE, Sharing, cookies_at, program

GUEST_SCOPES = {"users": "openid read_user", "gitlab": "openid read_user"}
GUEST_SCOPES |= {"project": "openid read_api", "group": "openid read_api"}


def test_a_guest_sees_the_page_and_the_server_sees_the_guest(make_sharing, servers, upstream, gitlab):
    sharing = make_sharing()
    first = sharing.hosts[0]
    assert sharing.share("gitlab") == {"port": first.port, "audience": "gitlab"}
    upstream.forget(), gitlab.requests.clear()
    guest, page = sharing.visit("robin", path="/app?a=b%20c")
    assert (page.status, page.url) == (200, first.origin + "/app?a=b%20c")
    request = servers[0].requests[0]
    assert request.get("X-Forwarded-User") == "robin" and request.get("X-Forwarded-Email") == gitlab.robin.email
    assert cookies_at(guest, first.name) and not cookies_at(guest, sharing.proxy.name)
    assert COOKIE not in servers[0].received.decode("latin-1")
    assert not upstream.requests
    entry = sharing.proxy.wait_for_log(message="guest signed in", user="robin")
    assert entry["port"] == first.port
    # The second time there is no redirect, and the owner is who they were.
    guest.history.clear()
    assert guest.navigate(first.origin + "/").status == 200
    assert first.enter(sharing.owner).status == 200
    assert servers[0].requests[-1].get("X-Forwarded-User") == "sasha"


def test_pages_for_guests_speak_of_no_workspace(make_sharing, servers, make_client):
    sharing = make_sharing()
    first = sharing.hosts[0]
    sharing.share("gitlab")
    guest, _ = sharing.visit("robin")

    def said(page):
        return re.search("<main.*</main>", page.text, re.S)[0]

    sign_out = guest.navigate(first.origin + "/oauth2/sign_out")
    signed_out = guest.follow(guest.submit(sign_out, sign_out.forms()[0]))
    sign_in = make_client().navigate(first.origin + "/oauth2/sign_in")
    for page, title in (
        (sign_in, "Sign in to open this page"),
        (sign_out, "Sign out of this page?"),
        (signed_out, "You are signed out"),
    ):
        assert title in said(page) and "orkspace" not in said(page), page.text
    reply = program(guest, first)
    assert reply.status == 401 and "orkspace" not in reply.json()["message"]
    # Its users sign out of all of it, wherever they do.
    first.enter(sharing.owner)
    assert "Sign out of this workspace?" in said(sharing.owner.navigate(first.origin + "/oauth2/sign_out"))


@pytest.mark.parametrize("audience", ["users", "gitlab", "project", "group"])
def test_guests_are_asked_for_no_more_than_it_takes(make_sharing, gitlab, audience):
    gitlab.add_group("company", members={gitlab.robin.id: 40})
    gitlab.project.members[gitlab.robin.id] = 40
    sharing = make_sharing(PROJECT="group/demo", GROUP="company", USERS="robin")
    sharing.share(audience)
    guest, page = sharing.visit("robin")
    assert page.status == 200, page.text
    (token,) = [t for t in gitlab.state.tokens if t.user is gitlab.robin]
    assert " ".join(token.scopes) == GUEST_SCOPES[audience]
    asked = next(r.url for r in guest.history if "/oauth/authorize" in r.url)
    assert "write" not in asked


@pytest.mark.parametrize(
    ("audience", "more", "lets_in", "refuses"),
    [
        ("users", {"users": "robin"}, ["robin"], ["alex"]),
        ("users", {"users": ["ROBIN", "1"]}, ["robin"], ["alex"]),
        ("group", {"group": "company/team"}, ["robin"], ["alex"]),
        ("group", {}, ["alex"], ["robin"]),
        ("project", {}, ["alex"], ["robin"]),
        ("gitlab", {}, ["robin", "alex"], []),
    ],
)
def test_audiences(make_sharing, servers, gitlab, audience, more, lets_in, refuses):
    gitlab.add_group("company/team", members={gitlab.robin.id: 30, gitlab.alex.id: 20})
    gitlab.add_group("others", members={gitlab.alex.id: 30})
    gitlab.project.members[gitlab.alex.id] = 30
    sharing = make_sharing(PROJECT="group/demo", GROUP="others")
    sharing.share(audience, **more)
    for name in lets_in:
        assert sharing.visit(name)[1].status == 200
        assert servers[0].requests[-1].get("X-Forwarded-User") == name
    count = len(servers[0].requests)
    for name in refuses:
        client, page = sharing.visit(name)
        assert page.status == 403 and "not shared with this account" in page.text and f"@{name}" in page.text
        assert not cookies_at(client, sharing.hosts[0].name)
    assert len(servers[0].requests) == count


def test_public_asks_nobody_and_says_nothing(make_sharing, servers, gitlab, make_client):
    sharing = make_sharing(ASSERTION="on")
    first = sharing.hosts[0]
    first.enter(sharing.owner)
    sharing.share("public")
    servers[0].forget()
    gitlab.requests.clear()
    stranger = make_client()
    assert stranger.navigate(first.origin + "/x").status == 200
    assert sharing.owner.navigate(first.origin + "/y").status == 200
    spoofed = {"X-Forwarded-User": "root", "X_Forwarded_Email": "root@example.com", "X-Workspace-Assertion": "x"}
    assert stranger.fetch(first.origin + "/z", headers=spoofed).status == 200
    for request in servers[0].requests:
        for name in ("User", "Email", "Preferred-Username"):
            assert request.get("X-Forwarded-" + name) is None
        assert request.get("X-Workspace-Assertion") is None and request.get("X_Forwarded_Email") is None
        assert request.get("X-Forwarded-Proto") == "https"
    assert COOKIE not in servers[0].received.decode("latin-1")
    assert not [r for r in gitlab.requests.all() if r.endpoint in ("token", "user")]
    # It is the one port, and its server's pages only.
    assert program(stranger, sharing.hosts[1]).status == 401
    for path in ("/oauth2/workspace", "/oauth2/workspace/log", "/oauth2/userinfo"):
        assert stranger.fetch(first.origin + path).status == 401
    assert stranger.fetch(first.origin + "/oauth2/auth").status == 202
    with sharing.proxy.raw() as raw:
        assert raw.upgrade("/ws", first.host, first.origin).status == 101
    with sharing.proxy.raw() as raw:
        assert raw.upgrade("/ws", first.host, "https://evil.example").status == 403


def test_the_one_who_shares_a_port_is_no_guest_there(make_sharing, servers, make_client):
    sharing = make_sharing()
    sharing.share("users", users="robin")
    client, page = sharing.visit("sasha")
    assert page.status == 200 and page.url == sharing.hosts[0].origin + "/"
    assert cookies_at(client, sharing.proxy.name), "a session of the workspace"


def test_the_assertion_says_why_somebody_was_let_in(make_sharing, servers):
    import base64
    import json

    sharing = make_sharing(ASSERTION="on")
    sharing.share("gitlab")
    sharing.visit("robin")
    sharing.hosts[0].enter(sharing.owner)

    def claims(request):
        body = request.get("X-Workspace-Assertion").split(".")[1]
        return json.loads(base64.urlsafe_b64decode(body + "=="))

    guest, owner = claims(servers[0].requests[0]), claims(servers[0].requests[-1])
    assert (guest["preferred_username"], guest["level"]) == ("robin", "gitlab")
    assert (owner["preferred_username"], owner["level"]) == ("sasha", "owner")


def test_through_the_relay(make_proxy, relay, gitlab, upstream, servers, client, make_client):
    ports = [s.port for s in servers]
    settings = {"PORTS": ",".join(map(str, ports)), "PORT_SHARING_MAX": "gitlab"}
    proxy = make_proxy(gitlab, upstream, relay=relay, **settings)
    client.context.check_hostname = False
    sharing = Sharing(proxy, client, ports, make_client)
    sharing.share("gitlab")
    guest = make_client()
    guest.context.check_hostname = False
    _, page = sharing.visit("robin", path="/a?b=c", client=guest)
    assert (page.status, page.url) == (200, sharing.hosts[0].origin + "/a?b=c")
    assert any(r.url.startswith(relay.url) for r in guest.history)
    assert not cookies_at(guest, proxy.name)


# The owner's change


def test_what_is_shared_is_listed(make_sharing):
    sharing = make_sharing()
    first, second = sharing.hosts
    assert all(p["audience"] == "owner" for p in sharing.state()["listening"])
    sharing.share("users", users=["robin", "alex"])
    sharing.share("public", second, seconds=3600)
    listed = {p["number"]: p for p in sharing.state()["listening"]}
    assert listed[first.port]["audience"] == "users" and "until" not in listed[first.port]
    assert listed[second.port]["audience"] == "public" and listed[second.port]["until"].endswith("Z")
    shared = {p["number"]: p for p in sharing.state()["shared"]}
    assert shared[first.port]["users"] == "robin,alex" and shared[first.port]["by"] == "sasha"
    sharing.take_back(first)
    assert [p["number"] for p in sharing.state()["shared"]] == [second.port]


def test_it_is_in_the_log(make_sharing):
    sharing = make_sharing()
    port = sharing.hosts[0].port
    sharing.share("users", users="robin,alex", seconds=3600)
    entry = sharing.proxy.wait_for_log(message="port shared", port=port)
    assert (entry["audience"], entry["with"], entry["user"]) == ("users", "robin,alex", "sasha")
    assert re.fullmatch(r"\d{4}-.*Z", entry["until"])
    sharing.take_back()
    entry = sharing.proxy.wait_for_log(message="port no longer shared", port=port)
    assert (entry["user"], entry["reason"]) == ("sasha", "it was revoked")


def test_as_a_form(make_sharing):
    sharing = make_sharing()
    page = sharing.owner.navigate(sharing.proxy.origin + "/oauth2/workspace")
    form = next(f for f in page.forms() if f.action.endswith("/share"))
    port = str(sharing.hosts[0].port)
    reply = sharing.owner.submit(page, form, port=port, audience="users", users=" robin , 42 ", seconds="")
    assert reply.status == 303 and reply.location == sharing.proxy.origin + "/oauth2/workspace#ports"
    assert sharing.state()["shared"][0]["users"] == "robin,42"


BAD = [
    ({"audience": "gitlab"}, "port"),
    ({"port": 0, "audience": "gitlab"}, "port"),
    ({"port": "x", "audience": "gitlab"}, "port"),
    ({"port": 1, "audience": "gitlab"}, "no such port"),
    ({"audience": "everybody", "port": None}, "audience"),
    ({"audience": "users", "port": None}, "users"),
    ({"audience": "users", "port": None, "users": "robin,,alex"}, "users"),
    ({"audience": "users", "port": None, "users": "a b"}, "users"),
    ({"audience": "users", "port": None, "users": ",".join(f"u{i}" for i in range(65))}, "users"),
    ({"audience": "users", "port": None, "users": "x" * 3000}, "users"),
    ({"audience": "users", "port": None, "users": [["robin"]]}, "users"),
    ({"audience": "group", "port": None}, "group"),
    ({"audience": "group", "port": None, "group": "a/../b"}, "group"),
    ({"audience": "group", "port": None, "group": "a%2Fb"}, "group"),
    ({"audience": "group", "port": None, "group": "a?b"}, "group"),
    ({"audience": "project", "port": None}, "PROJECT"),
    ({"audience": "gitlab", "port": None, "until": "tomorrow"}, "until"),
    ({"audience": "gitlab", "port": None, "until": "2026-01-31T18:00:00"}, "until"),
    ({"audience": "gitlab", "port": None, "until": "2001-01-31T18:00:00Z"}, "until"),
    ({"audience": "gitlab", "port": None, "until": "2999-01-31T18:00:00Z"}, "until"),
    ({"audience": "gitlab", "port": None, "seconds": 1}, "seconds"),
    ({"audience": "gitlab", "port": None, "seconds": -1}, "seconds"),
    ({"audience": "gitlab", "port": None, "seconds": 60, "until": "2999-01-31T18:00:00Z"}, "seconds"),
    ({"audience": "gitlab", "port": None, "level": 5}, "field"),
]


def test_bad_requests_name_the_field(make_sharing, upstream):
    sharing = make_sharing()
    for fields, named in BAD:
        if "port" in fields and fields["port"] is None:
            fields = {**fields, "port": sharing.hosts[0].port}
        reply = sharing.post(fields)
        assert reply.status == 400 and named in reply.json()["detail"], (fields, reply.text)
    for body in ("", "[]", "{", '{"port":1,"port":2}', "null", "x" * 8000):
        headers = {"Content-Type": "application/json", "Origin": sharing.proxy.origin}
        assert sharing.owner.fetch(sharing.proxy.origin + SHARE, "POST", headers, body).status == 400
    assert "IDE" in sharing.post({"port": upstream.port, "audience": "gitlab"}).json()["detail"]
    assert "shared" not in sharing.state()


@pytest.mark.parametrize(
    ("bound", "allowed"),
    [
        ("owner", []),
        ("users", ["users", "group", "project"]),
        ("project", ["users", "group", "project"]),
        ("gitlab", ["users", "group", "project", "gitlab"]),
        ("public", ["users", "group", "project", "gitlab", "public"]),
    ],
)
def test_the_bound(make_sharing, bound, allowed):
    sharing = make_sharing(PORT_SHARING_MAX=bound, PROJECT="group/demo", GROUP="company", USERS="robin")
    page = sharing.owner.navigate(sharing.proxy.origin + "/oauth2/workspace").text
    for audience in ("users", "group", "project", "gitlab", "public"):
        reply = sharing.post({"port": sharing.hosts[0].port, "audience": audience})
        assert reply.status == (200 if audience in allowed else 400)
        assert (f'value="{audience}"' in page) == (audience in allowed)
        if audience not in allowed:
            assert "PORT_SHARING_MAX" in reply.json()["detail"]


# Until when


def test_the_end_of_a_share_closes_all_connections(make_sharing, servers):
    sharing = make_sharing()
    first = sharing.hosts[0]
    sharing.share("gitlab")
    guest, _ = sharing.visit("robin")
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    until = end.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with sharing.proxy.raw() as raw:
        cookie = ("Cookie", first.cookie(guest))
        assert raw.upgrade("/ws", first.host, first.origin, [cookie]).status == 101
        assert sharing.share("gitlab", until=until)["until"] == until
        opcode, payload = raw.read_frame()[:2]
        assert (opcode, websocket.close_code(payload)) == (8, 1008)
    assert program(guest, first).status == 401
    assert sharing.proxy.wait_for_log(message="port no longer shared")["reason"] == "it has expired"
    assert "shared" not in sharing.state()


def test_shares_survive_a_restart_and_guests_sign_in_again(make_sharing, tmp_path):
    sharing = make_sharing(STATE_DIR=tmp_path)
    first = sharing.hosts[0]
    sharing.share("users", users="robin", seconds=3600)
    before = sharing.state()["shared"]
    guest, _ = sharing.visit("robin")
    sharing.proxy.stop()
    sharing.proxy.start_again()
    assert sharing.state()["shared"] == before
    assert program(guest, first).status == 401
    assert sharing.visit("robin", client=guest)[1].status == 200


def test_without_a_state_directory_a_restart_ends_them(make_sharing):
    sharing = make_sharing()
    sharing.share("public")
    sharing.proxy.stop()
    sharing.proxy.start_again()
    reply = sharing.owner.fetch(sharing.hosts[0].origin + "/")
    assert reply.status == 401


def test_a_stricter_limit_ends_wider_shares(make_sharing, tmp_path, make_client):
    sharing = make_sharing(STATE_DIR=tmp_path)
    first, second = sharing.hosts
    sharing.share("public", first)
    sharing.share("users", second, users="robin")
    sharing.proxy.stop()
    sharing.proxy.settings["PORT_SHARING_MAX"] = "users"
    sharing.proxy.start_again()
    assert program(make_client(), first).status == 401
    assert [p["number"] for p in sharing.state()["shared"]] == [second.port]
    assert "PORT_SHARING_MAX" in sharing.proxy.wait_for_log(message="port no longer shared", port=first.port)["reason"]
    # They do not come back with the bound.
    sharing.proxy.stop()
    sharing.proxy.settings["PORT_SHARING_MAX"] = "owner"
    sharing.proxy.start_again()
    sharing.proxy.stop()
    sharing.proxy.settings["PORT_SHARING_MAX"] = "public"
    sharing.proxy.start_again()
    assert "shared" not in sharing.state()


@pytest.mark.parametrize(
    "content",
    [b"WPSHAR\n\x00old", b"WPSHAR\n\x63new", b"WPSESS\n\x01", b"", b"x" * 200000, None],
    ids=["older", "newer", "sessions", "empty", "long", "altered"],
)
def test_a_file_of_another_version_shares_nothing(make_sharing, tmp_path, content):
    sharing = make_sharing(STATE_DIR=tmp_path)
    sharing.share("public")
    sharing.proxy.stop()
    file = tmp_path / "shares"
    stored = file.read_bytes()
    assert b"public" not in stored and (file.stat().st_mode & 0o777) == 0o600
    if content is None:
        content = stored[:-1] + bytes([stored[-1] ^ 1])
    file.write_bytes(content)
    sharing.proxy.start_again()
    assert "shared" not in sharing.state()
    sharing.proxy.wait_for_log(message="share file set aside; ports have to be shared again")
    assert list(tmp_path.glob("shares.corrupt-*"))


def test_guests_are_asked_again(make_sharing, gitlab):
    gitlab.add_group("company", members={gitlab.robin.id: 40})
    sharing = make_sharing(AUTHORIZATION_INTERVAL="200ms", AUTHORIZATION_GRACE="5s")
    first = sharing.hosts[0]
    sharing.share("group", group="company")
    guest, _ = sharing.visit("robin")
    with sharing.proxy.raw() as raw:
        cookie = ("Cookie", first.cookie(guest))
        assert raw.upgrade("/ws", first.host, first.origin, [cookie]).status == 101
        gitlab.requests.clear()
        wait_until(lambda: gitlab.requests.all(endpoint="group-member"), what="a question")
        gitlab.state.groups["company"].members.clear()
        opcode, payload = raw.read_frame()[:2]
        assert (opcode, websocket.close_code(payload)) == (8, 1008)
    assert program(guest, first).status == 401
