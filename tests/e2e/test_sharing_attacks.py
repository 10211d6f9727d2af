# SPDX-License-Identifier: Apache-2.0
"""What a guest of a port, a stranger and another site may not do, and what is cut when a share ends."""

import contextlib
import json
import threading
import urllib.parse

import pytest
import websocket
from credential import helper
from ports import COOKIE, ticket_of
from proxy import wait_until
from sharing import SHARE, Sharing, cookies_at, program
from web_client import NAVIGATION, PROGRAM


@pytest.fixture
def shared(make_sharing, upstream, servers):
    """robin is a guest of the first port, which is shared with everybody at GitLab."""
    sharing = make_sharing()
    sharing.share("gitlab")
    guest, page = sharing.visit("robin")
    assert page.status == 200
    upstream.forget()
    for server in servers:
        server.forget()
    return sharing, guest


def ask(sharing, authority, target="/", headers=(), method="GET", cookie=None, body=b""):
    headers = [*headers, ("Connection", "close")] + ([("Cookie", cookie)] if cookie else [])
    with sharing.proxy.raw() as raw:
        raw.request(method, target, headers, host=authority, body=body)
        return raw.read_response(method)


# A guest's cookie


def test_a_guests_cookie_opens_nothing_else(shared, servers, upstream):
    sharing, guest = shared
    first, second = sharing.hosts
    cookie = first.cookie(guest)
    everywhere = [
        ("GET", "/"),
        ("GET", "/oauth2/workspace"),
        ("GET", "/oauth2/workspace/log"),
        ("GET", "/oauth2/userinfo"),
        ("GET", "/oauth2/auth"),
        ("POST", "/oauth2/workspace"),
        ("POST", SHARE),
    ]
    for authority, own in ((sharing.proxy.host, sharing.proxy.origin), (second.host, second.origin)):
        for method, path in everywhere:
            form = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", own)]
            body = f"action=retry&port={first.port}&audience=public".encode() if method == "POST" else b""
            headers = [*PROGRAM.items(), *form, ("Content-Length", str(len(body)))]
            if method == "GET":
                headers = list(PROGRAM.items())
            reply = ask(sharing, authority, path, headers, method, cookie, body)
            assert reply.status in (401, 404), (authority, method, path, reply.status)
        with sharing.proxy.raw() as raw:
            assert raw.upgrade("/ws", authority, own, [("Cookie", cookie)]).status == 401
        # An empty cookie of our name is nobody's, whoever came last.
        assert ask(sharing, authority, "/", PROGRAM.items(), cookie=f"{COOKIE}=").status == 401
    assert not upstream.received and not servers[1].received


def test_on_the_ports_host_it_opens_the_servers_pages_alone(shared, servers):
    sharing, guest = shared
    first = sharing.hosts[0]
    for path in ("/oauth2/workspace", "/oauth2/workspace/log"):
        reply = guest.fetch(first.origin + path)
        assert reply.status == 403 and reply.json()["error"] == "no_access"
        assert "clone" not in reply.json() and "sasha" not in reply.text
        assert guest.navigate(first.origin + path).status == 403
    stream = guest.fetch(first.origin + "/oauth2/workspace", headers={"Accept": "text/event-stream"})
    assert stream.status == 403
    form = {"Origin": first.origin, "Content-Type": "application/x-www-form-urlencoded"}
    for action in ("retry", "continue"):
        assert guest.fetch(first.origin + "/oauth2/workspace", "POST", form, f"action={action}").status == 403
    for path in (SHARE, "/oauth2/port", "/oauth2/ssh", "/oauth2/device"):
        assert guest.fetch(first.origin + path, "POST", form, "port=1").status == 404
    assert guest.fetch(first.origin + "/oauth2/userinfo").json()["user"] == "robin"
    reply = guest.fetch(first.origin + "/oauth2/auth")
    assert (reply.status, reply.get("X-Auth-Request-User")) == (202, "robin")
    assert not servers[0].received


def test_git_gets_no_token_of_a_guest(make_sharing, gitlab, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    sharing = make_sharing(STATE_DIR=state, CREDENTIAL_SOCKET=state / "credential.sock")
    socket_path = state / "credential.sock"
    sharing.share("gitlab")
    guest, page = sharing.visit("robin")
    assert page.status == 200
    origin = urllib.parse.urlsplit(gitlab.url)
    asked = f"protocol={origin.scheme}\nhost={origin.netloc}\npath=group/demo.git\n\n"
    assert "password" in helper("get", asked, socket_path).stdout, "the owner's"
    page = sharing.owner.navigate(sharing.proxy.origin + "/oauth2/sign_out")
    sharing.owner.submit(page, page.forms()[0])
    assert program(guest, sharing.hosts[0]).status == 200, "the guest is still there"
    answer = helper("get", asked, socket_path)
    assert "password" not in answer.stdout
    for token in gitlab.state.tokens:
        if token.user is gitlab.robin:
            assert token.access not in answer.stdout and "write_repository" not in token.scopes


def test_a_guest_starts_no_clone(make_proxy, gitlab, upstream, servers, client, make_client, tmp_path):
    """Nor learns how it is doing: the owner has not signed in since the restart."""
    ports = [s.port for s in servers]
    settings = {"PORTS": ",".join(map(str, ports)), "PORT_SHARING_MAX": "public", "STATE_DIR": tmp_path / "state"}
    (tmp_path / "state").mkdir()
    proxy = make_proxy(gitlab, upstream, name="kiwi.ws.localhost", **settings)
    sharing = Sharing(proxy, client, ports, make_client)
    sharing.share("gitlab")
    sharing.share("public", sharing.hosts[1])
    page = client.navigate(proxy.origin + "/oauth2/sign_out")
    client.submit(page, page.forms()[0])
    proxy.stop()
    proxy.settings["CLONE_URL"] = f"{gitlab.url}/group/demo.git"
    proxy.settings["CLONE_DIR"] = str(tmp_path / "clone")
    proxy.start_again()
    guest, page = sharing.visit("robin")
    assert page.status == 503 and "does not respond yet" in page.text
    for page in (guest.fetch(sharing.hosts[0].origin + "/"), make_client().fetch(sharing.hosts[1].origin + "/")):
        assert page.status == 503 and "group/demo" not in page.text and "clone" not in page.text
    assert not (tmp_path / "clone").exists()
    assert not gitlab.requests.all(endpoint="git")


# Tickets and hand-overs


def at_ticket(sharing, name, host, make_client):
    """A guest's browser that has been sent back from the workspace's host, up to the ticket."""
    guest = make_client()
    reply = guest.navigate(host.origin + "/mine")
    reply = guest.follow(reply, until=f"{host.origin}/oauth2/callback")
    page = reply
    forms = [f for f in page.forms() if "user[login]" in f.fields]
    values = {"user[login]": name, "user[password]": f"{name}-password"}
    reply = guest.submit(page, forms[0], **values)
    reply = guest.follow(reply, until=f"{host.origin}/oauth2/callback")
    assert reply.status == 302 and ticket_of(reply), (reply.status, reply.location)
    sharing.keep_secrets(guest)
    return guest, reply.location


def test_a_guests_ticket_on_another_port(make_sharing, servers, make_client):
    sharing = make_sharing()
    first, second = sharing.hosts
    sharing.share("gitlab")
    sharing.share("gitlab", second)
    guest, location = at_ticket(sharing, "robin", first, make_client)
    # With the other port's own flow, or with this one's carried over.
    flow = guest.navigate(second.origin + "/")
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(flow.location).query)["state"][0]
    for target in (
        location.replace(first.origin, second.origin),
        f"{second.origin}/oauth2/callback?state={state}&ticket={ticket_of(guest.history[-2])}",
    ):
        ours = "; ".join(f"{c.name}={c.value}" for c in guest.cookies.values())
        path = target.removeprefix(second.origin)
        reply = ask(sharing, second.host, path, NAVIGATION.items(), cookie=ours)
        assert reply.status == 302 and reply.get("Location").startswith(sharing.proxy.origin)
        assert not [c for c in reply.get_all("Set-Cookie") if c.startswith(COOKIE + "=")]
    assert not servers[1].received
    # And at the workspace's own host.
    path = location.removeprefix(first.origin)
    ours = "; ".join(f"{c.name}={c.value}" for c in guest.cookies.values())
    reply = ask(sharing, sharing.proxy.host, path, NAVIGATION.items(), cookie=ours)
    assert not [c for c in reply.get_all("Set-Cookie") if c.startswith(COOKIE + "=")]


def test_a_guests_ticket_is_good_for_one_browser_and_once(make_sharing, make_client):
    sharing = make_sharing()
    first = sharing.hosts[0]
    sharing.share("gitlab")
    guest, location = at_ticket(sharing, "robin", first, make_client)
    thief = make_client()
    thief.navigate(first.origin + "/mine")
    assert thief.navigate(location).location.startswith(sharing.proxy.origin + "/oauth2/port?")
    assert not cookies_at(thief, first.name)
    before = dict(guest.cookies)
    assert guest.navigate(location).location == first.origin + "/mine"
    sharing.keep_secrets(guest)
    guest.cookies = before
    assert guest.navigate(location).location.startswith(sharing.proxy.origin + "/oauth2/port?")


@pytest.mark.parametrize("change", ["owner", "users", "public"])
def test_taken_back_between_ticket_and_callback(make_sharing, servers, make_client, change):
    sharing = make_sharing()
    first = sharing.hosts[0]
    sharing.share("gitlab")
    guest, location = at_ticket(sharing, "robin", first, make_client)
    sharing.share(change, **({"users": "alex"} if change == "users" else {}))
    reply = guest.navigate(location)
    assert reply.location.startswith(sharing.proxy.origin + "/oauth2/port?")
    assert not cookies_at(guest, first.name) and not servers[0].received


@pytest.mark.parametrize("endpoint", ["token", "user", "group-member"])
def test_taken_back_while_gitlab_is_asked(make_sharing, gitlab, servers, endpoint):
    gitlab.add_group("company", members={gitlab.robin.id: 40})
    sharing = make_sharing()
    sharing.share("group", group="company")
    gitlab.requests.clear()
    gitlab.faults.add(endpoint, delay_answer_s=1.5, times=1)
    result = []
    thread = threading.Thread(target=lambda: result.append(sharing.visit("robin")))
    thread.start()
    wait_until(lambda: gitlab.requests.all(endpoint=endpoint), what="the question")
    sharing.take_back()
    thread.join()
    ((guest, page),) = result
    assert page.status == 403 and "no longer shared" in page.text
    assert not cookies_at(guest, sharing.hosts[0].name) and not servers[0].received
    (token,) = [t for t in gitlab.state.tokens if t.user is gitlab.robin]
    wait_until(lambda: token.revoked, what="the revocation")


def test_shared_again_while_gitlab_is_asked_is_another_share(make_sharing, gitlab, servers):
    sharing = make_sharing()
    sharing.share("gitlab")
    gitlab.requests.clear()
    gitlab.faults.add("user", delay_answer_s=1.5, times=1)
    result = []
    thread = threading.Thread(target=lambda: result.append(sharing.visit("robin")))
    thread.start()
    wait_until(lambda: gitlab.requests.all(endpoint="user"), what="the question")
    sharing.share("users", users="alex")
    thread.join()
    assert result[0][1].status == 403 and not servers[0].received


def test_a_guests_login_does_not_become_one_of_the_workspace(make_sharing, gitlab, make_client):
    """The owner of another browser signs in as a guest; their code and state give no session here."""
    sharing = make_sharing()
    first = sharing.hosts[0]
    sharing.share("gitlab")
    guest, _ = at_ticket(sharing, "robin", first, make_client)
    callback = next(r.url for r in reversed(guest.history) if r.url.startswith(sharing.proxy.origin + "/oauth2/callback"))
    reply = guest.navigate(callback)
    assert not cookies_at(guest, sharing.proxy.name), reply.location


# Cuts


def held_open(sharing, stack, host, client, path="/ws"):
    raw = stack.enter_context(sharing.proxy.raw())
    cookie = [("Cookie", host.cookie(client))] if client else []
    assert raw.upgrade(path, host.host, host.origin, cookie).status == 101
    return raw


def assert_cut(raw):
    opcode, payload = raw.read_frame()[:2]
    assert (opcode, websocket.close_code(payload)) == (8, 1008)


def test_two_guests_and_the_owner_on_one_port(make_sharing, servers):
    sharing = make_sharing()
    first, second = sharing.hosts
    sharing.share("users", users="robin,alex")
    sharing.share("gitlab", second)
    robin, alex = sharing.visit("robin")[0], sharing.visit("alex")[0]
    elsewhere = sharing.visit("robin", second)[0]
    first.enter(sharing.owner)
    for _ in range(3):
        for name, client in (("robin", robin), ("sasha", sharing.owner), ("alex", alex)):
            assert program(client, first).status == 200
            assert servers[0].requests[-1].get("X-Forwarded-User") == name
    with contextlib.ExitStack() as stack:
        sockets = [held_open(sharing, stack, first, c) for c in (robin, alex)]
        owners = held_open(sharing, stack, first, sharing.owner)
        other = held_open(sharing, stack, second, elsewhere)
        sharing.take_back()
        for raw in sockets:
            assert_cut(raw)
        for client in (robin, alex):
            assert program(client, first).status == 401
        assert program(sharing.owner, first).status == 200
        assert program(elsewhere, second).status == 200
        for raw in (owners, other):
            raw.send_frame(1, b"still here")
            assert raw.read_frame()[1] == b"still here"


def test_signing_out_ends_one_guest(make_sharing):
    sharing = make_sharing()
    first = sharing.hosts[0]
    sharing.share("gitlab")
    robin, alex = sharing.visit("robin")[0], sharing.visit("alex")[0]
    with contextlib.ExitStack() as stack:
        raw, other = (held_open(sharing, stack, first, c) for c in (robin, alex))
        page = robin.navigate(first.origin + "/oauth2/sign_out")
        assert robin.submit(page, page.forms()[0]).status == 303
        assert_cut(raw)
        other.send_frame(1, b"x")
        assert other.read_frame()[1] == b"x"
    assert program(alex, first).status == 200


def test_public_connections_are_cut_too(make_sharing, servers, make_client):
    sharing = make_sharing()
    first = sharing.hosts[0]
    sharing.share("public")
    with contextlib.ExitStack() as stack:
        raw = held_open(sharing, stack, first, None)
        waiting = stack.enter_context(sharing.proxy.raw())
        waiting.request("GET", "/nothing", list(PROGRAM.items()), host=first.host)
        wait_until(lambda: any(r.target == "/nothing" for r in servers[0].requests), what="the request")
        sharing.take_back()
        assert_cut(raw)
        assert waiting.read_response("GET").status == 401
    assert program(make_client(), first).status == 401


# Who may share


def test_nobody_else_shares(shared, make_client, gitlab, client):
    sharing, guest = shared
    port = sharing.hosts[0].port
    fields = {"port": port, "audience": "public"}
    assert sharing.post(fields, make_client()).status == 401
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": sharing.hosts[0].origin},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert sharing.post(fields, **headers).status == 403, headers
    url = sharing.proxy.origin + SHARE
    sent = {"Content-Type": "application/json"}
    bare = client.request("POST", url, sent, json.dumps(fields))
    assert bare.status == 403, "a program without an Origin"
    for method in ("GET", "PUT", "HEAD"):
        assert client.fetch(url, method).status == 405
    assert sharing.state()["shared"][0]["audience"] == "gitlab"


def test_api_tokens_do_not_share(make_sharing, gitlab, make_client):
    sharing = make_sharing(API_TOKENS="on")
    token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
    headers = {"Authorization": f"Bearer {token}"}
    reply = sharing.post({"port": sharing.hosts[0].port, "audience": "public"}, make_client(), **headers)
    assert reply.status == 400 and "API tokens" in reply.json()["detail"]
    # Nor do others' tokens open what is shared with them: that takes a login.
    sharing.share("gitlab")
    token = gitlab.add_token(gitlab.robin, "read_api read_user").access
    reply = program(make_client(), sharing.hosts[0], **{"Authorization": f"Bearer {token}"})
    assert reply.status == 403


def test_strangers_are_still_limited_on_a_public_port(make_sharing):
    """A connection without a user is closed for others, however public the port."""
    sharing = make_sharing(CONNECTIONS_MAX="8")
    first = sharing.hosts[0]
    sharing.share("public")
    with contextlib.ExitStack() as stack:
        idle = []
        for _ in range(7):
            raw = stack.enter_context(sharing.proxy.raw())
            raw.request("GET", "/x", list(PROGRAM.items()), host=first.host)
            assert raw.read_response("GET").status == 200
            idle.append(raw)
        for _ in range(7):
            assert sharing.owner.navigate(sharing.proxy.origin + "/").status == 200
            raw = stack.enter_context(sharing.proxy.raw())
            raw.request("GET", "/x", list(PROGRAM.items()), host=first.host)
            assert raw.read_response("GET").status == 200
        assert any(raw.is_closed() for raw in idle)


@pytest.mark.parametrize("setting, most", [("WEBSOCKETS_MAX", 4), ("CONNECTIONS_MAX", 8)])
def test_public_requests_leave_room_for_users(make_sharing, servers, setting, most):
    sharing = make_sharing(**{setting: str(most)})
    first = sharing.hosts[0]
    sharing.share("public")
    with contextlib.ExitStack() as stack:
        strangers = [held_open(sharing, stack, first, None) for _ in range(most // 2)]
        more = stack.enter_context(sharing.proxy.raw())
        assert more.upgrade("/ws", first.host, first.origin).status == 429
        assert ask(sharing, first.host, "/x", PROGRAM.items()).status == 429
        cookie = "; ".join(f"{c.name}={c.value}" for c in sharing.owner.cookies_of(sharing.proxy.name))
        for _ in range(2):
            raw = stack.enter_context(sharing.proxy.raw())
            assert raw.upgrade("/ws", sharing.proxy.host, sharing.proxy.origin, [("Cookie", cookie)]).status == 101
        strangers[0].close()
        wait_until(lambda: ask(sharing, first.host, "/x", PROGRAM.items()).status == 200, what="a place")


def test_public_requests_are_not_activity(make_sharing, make_client):
    sharing = make_sharing()
    first = sharing.hosts[0]
    sharing.share("public")

    def last_activity():
        with sharing.proxy.raw("admin") as raw:
            raw.request("GET", "/activity", host="localhost")
            return raw.read_response("GET").json()["last_activity"]

    before = last_activity()
    for _ in range(3):
        assert program(make_client(), first).status == 200
    assert last_activity() == before
    sharing.owner.navigate(sharing.proxy.origin + "/")
    wait_until(lambda: last_activity() != before, what="activity")
