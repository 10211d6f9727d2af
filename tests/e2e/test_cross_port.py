# SPDX-License-Identifier: Apache-2.0
"""Requests of scripts to another port of their workspace: the hand-over that they take, as browsers follow redirects of
requests with CORS, and what pages, servers and guests could try to gain by it."""

import urllib.parse

import pytest
from ports import COOKIE, PortHost, ticket_of
from proxy import reserve_port
from sharing import holds_no_session
from test_embedding import NEIGHBOUR, STRANGERS
from test_ports import make_ports, sign_in  # noqa: F401

SCRIPT = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-site"}
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
NOBODY = {**SCRIPT, "Origin": "null"}


def origin_of(url):
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Blocked(Exception):
    """The browser gives the script a network error: nothing of the answer, nor its address."""


class Script:
    """A script of the page with this origin, in a client's browser (Fetch Standard, HTTP-redirect fetch)."""

    def __init__(self, client, page):
        self.client, self.page, self.replies = client, page, []

    def fetch(self, url, method="GET", body=None, limit=20, until=None, **headers):
        """The answer that it may read; or where it is just before it asks for an address that starts with until."""
        origin, referer = self.page, self.page + "/"
        self.replies = []
        while len(self.replies) < limit:
            if until and url.startswith(until):
                return url
            sent = {**SCRIPT, "Origin": origin, **headers, **({"Referer": referer} if referer else {})}
            reply = self.client.request(method, url, sent, body)
            self.replies.append(reply)
            allowed = (reply.get("Access-Control-Allow-Origin"), reply.get("Access-Control-Allow-Credentials"))
            if allowed != (origin, "true"):
                raise Blocked(reply.url)
            if not reply.location:
                return reply
            assert reply.status == 307, "it keeps method and body"
            if reply.get("Referrer-Policy") != "strict-origin":
                referer = ""
            if origin_of(reply.location) != origin_of(url) != self.page:
                origin = "null"
            url = reply.location
        raise AssertionError("too many redirects")

    def is_blocked(self, *arguments, **more):
        try:
            self.fetch(*arguments, **more)
        except Blocked:
            return True
        return False


def preflight(client, url, origin, referer, **headers):
    sent = {**SCRIPT, **ASKED, "Origin": origin, "Referer": referer + "/", **headers}
    return client.request("OPTIONS", url, sent, cookies=False)


def serve(server, allowed):
    """A server whose answers are open to `allowed`, an origin or None for whoever asks."""

    def answer(connection, request):
        origin = request.get("Origin") if allowed is None else allowed
        cors = [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]
        body = b"" if request.method == "HEAD" else b"data"
        connection.send_response(200, [*(cors if origin else []), ("Content-Type", "text/plain")], body)

    server.answer = answer


@pytest.fixture
def stage(make_ports, client, servers):
    """Signed in at the workspace and at the first port, whose page's scripts ask the second."""
    proxy, front, api = make_ports()
    sign_in(proxy, client)
    front.enter(client)
    servers[1].forget()
    serve(servers[1], front.origin)
    yield proxy, front, api
    front.keep_secrets(client)
    api.keep_secrets(client)


# The way in


def test_a_script_gets_in_by_itself(stage, client, servers):
    proxy, front, api = stage
    script = Script(client, front.origin)
    reply = script.fetch(api.origin + "/items?of=all")
    assert (reply.status, reply.url, reply.text) == (200, api.origin + "/items?of=all", "data")
    hosts = [origin_of(r.url) for r in script.replies]
    assert hosts == [api.origin, proxy.origin, api.origin, api.origin]
    assert all(r.get("Cache-Control") == "no-store" for r in script.replies[:3])
    assert "Origin" in reply.get_all("Vary"), "the answer is for no origin, and none to others"
    (request,) = servers[1].requests
    assert request.target == "/items?of=all" and request.get("Origin") == front.origin
    assert request.get("X-Forwarded-User") == "sasha"
    assert b"ticket" not in servers[1].received and COOKIE.encode() not in servers[1].received
    cookie = client.cookie(COOKIE, host=api.name)
    assert cookie.secure and cookie.attributes["samesite"] == "Lax" and "domain" not in cookie.attributes
    assert [c.name for c in client.cookies_of(api.name)] == [COOKIE], "the flow's cookie is gone"
    # From now on directly, and as the server says.
    reply = script.fetch(api.origin + "/items")
    assert len(script.replies) == 1 and reply.get("Access-Control-Allow-Origin") == front.origin
    assert not reply.get_all("Vary")


def test_a_long_body_and_a_long_address_arrive(stage, client, servers):
    _, front, api = stage
    body, target = "x" * 60_000, "/items?" + "y" * 3000
    assert Script(client, front.origin).fetch(api.origin + target, "POST", body).status == 200
    (request,) = servers[1].requests
    assert (request.method, request.target, request.body_length) == ("POST", target, len(body))


def test_preflights_are_answered_on_the_way(stage, client, servers):
    """Nothing of them reaches a server; a permission without an origin is not kept."""
    proxy, front, api = stage
    script = Script(client, front.origin)
    url = api.origin + "/items"
    assert preflight(client, url, front.origin, front.origin).status == 204
    back = script.fetch(url, "POST", "{}", until=api.origin + "/oauth2/callback")
    for place in (f"{proxy.origin}/oauth2/port?port={api.port}&state=a", back):
        reply = preflight(client, place, "null", front.origin)
        assert (reply.status, reply.get("Access-Control-Allow-Origin")) == (204, "null")
        assert reply.get("Access-Control-Allow-Methods") == "POST" and reply.get("Access-Control-Max-Age") == "0"
    assert not servers[1].received


@pytest.mark.parametrize("allowed", ["null", "*", "https://evil.example", ""])
def test_the_server_decides_as_without_a_detour(stage, client, servers, allowed):
    _, front, api = stage
    serve(servers[1], allowed)
    assert Script(client, front.origin).is_blocked(api.origin + "/items")
    assert servers[1].requests[0].get("Origin") == front.origin


def test_a_script_may_read_that_no_server_listens(make_ports, client, servers):
    late = reserve_port()
    proxy, front, _ = make_ports(PORTS=f"{servers[0].port},{late}")
    sign_in(proxy, client)
    late = PortHost(proxy, late)
    reply = Script(client, proxy.origin).fetch(late.origin + "/items")
    late.keep_secrets(client)
    assert reply.status == 503 and reply.get("Retry-After")


def test_never_a_login(make_ports, client, servers):
    proxy, front, api = make_ports()
    script = Script(client, front.origin)
    for method in ("GET", "POST"):
        reply = script.fetch(api.origin + "/items", method)
        assert reply.status == 401 and reply.json()["error"] == "login_required"
        assert reply.json()["login_url"] == api.origin + "/oauth2/start"
        assert not client.cookies_of(proxy.name)
    assert not servers[1].received


# Who gets nothing


def test_other_pages(stage, client, servers):
    """A page of a neighbour's, or one that can't say who it is, is where it was: 401, and no cookie."""
    proxy, front, api = stage
    names = {"own": proxy.origin, "host": proxy.host, "upper": proxy.origin.upper(), "http": proxy.origin.replace("s", "", 1)}
    strangers = [
        {},
        {"origin": NEIGHBOUR},
        {"origin": "https://3000-plum.ws.localhost"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": api.origin},
        {"origin": f"{front.origin}, {front.origin}"},
        *STRANGERS,
    ]
    for how in strangers[1:]:
        how = {k: v.format(**names) for k, v in how.items()}
        headers = {
            **SCRIPT,
            "Origin": how.get("origin", front.origin),
            "Referer": how.get("referer", front.origin + "/"),
            "Sec-Fetch-Site": how.get("site", "same-site"),
        }
        for method in ("GET", "POST"):
            reply = client.request(method, api.origin + "/items", {k: v for k, v in headers.items() if v})
            assert reply.status == 401 and not reply.location and not reply.get_all("Set-Cookie"), how
    for change in ({"Sec-Fetch-Mode": "same-origin"}, {"Sec-Fetch-Mode": ""}, {"Sec-Fetch-Mode": "websocket"}):
        headers = {**SCRIPT, "Origin": front.origin, "Referer": front.origin + "/", **change}
        assert not client.request("GET", api.origin + "/items", headers).location
    assert holds_no_session(client, api) and not servers[1].received


def test_the_ide_is_not_handed_over(stage, client, upstream):
    proxy, front, _ = stage
    upstream.forget()
    client.cookies = {k: c for k, c in client.cookies.items() if c not in client.cookies_of(proxy.name)}
    assert Script(client, front.origin).fetch(proxy.origin + "/").status == 401
    assert not upstream.received


def test_a_ticket_is_for_no_script_to_read(stage, client, make_client, servers):
    """Somebody starts a flow with a browser of their own, and has a page of the workspace finish it, by the redirect of a
    server that they control: where the address has a ticket in it, the browser lets the page see neither."""
    proxy, front, api = stage
    evil = make_client()
    begun = evil.request("GET", api.origin + "/", {**SCRIPT, "Origin": front.origin, "Referer": front.origin + "/"})
    assert begun.status == 307
    asked = {"Referer": front.origin + "/"}
    # At once, with its own origin: refused.
    direct = client.request("GET", begun.location, {**SCRIPT, "Origin": front.origin, **asked})
    assert direct.status == 403 and not direct.location
    # Through another server.
    given = client.request("GET", begun.location, {**NOBODY, **asked})
    assert given.status == 307 and ticket_of(given)
    proxy.secrets.append(ticket_of(given))
    for method in ("GET", "POST"):
        reply = client.request(method, given.location, {**NOBODY, **asked})
        assert reply.status == 401 and not reply.location and not reply.get("Access-Control-Allow-Origin")
    assert holds_no_session(client, api) and not servers[1].received


def test_a_ticket_of_a_script(stage, client, make_client, servers):
    """Good once, for its state, at its host, for a script, in the browser that started."""
    proxy, front, api = stage
    script = Script(client, front.origin)
    back = script.fetch(api.origin + "/items", until=api.origin + "/oauth2/callback")
    proxy.secrets.append(urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["ticket"][0])
    asked = {"Referer": front.origin + "/"}
    assert make_client().request("GET", back, {**NOBODY, **asked}).status == 401, "another browser"
    elsewhere = client.request("GET", back.replace(api.origin, front.origin), {**NOBODY, **asked})
    assert elsewhere.status == 401
    direct = client.request("GET", back, {**SCRIPT, "Origin": front.origin, **asked})
    assert ticket_of(direct) is None and not direct.get("Access-Control-Allow-Origin")
    assert holds_no_session(client, api)
    again = script.fetch(api.origin + "/items", until=api.origin + "/oauth2/callback")
    assert client.request("POST", again, {**NOBODY, **asked}).status == 307
    assert client.request("POST", again, {**NOBODY, **asked}).status == 401, "a second time"
    assert not servers[1].received


def test_flows_are_for_what_started_them(stage, client, servers):
    _, front, api = stage
    asked = {"Referer": front.origin + "/"}
    address = client.follow(client.navigate(api.origin + "/page"), until=api.origin + "/oauth2/callback").location
    front.proxy.secrets.append(urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["ticket"][0])
    assert client.request("GET", address, {**NOBODY, **asked}).status == 401
    assert holds_no_session(client, api) and not servers[1].received


def test_signed_out_on_the_way(stage, client, servers):
    proxy, front, api = stage
    back = Script(client, front.origin).fetch(api.origin + "/items", until=api.origin + "/oauth2/callback")
    page = client.navigate(proxy.origin + "/oauth2/sign_out")
    assert client.submit(page, page.form()).status == 303
    assert client.request("GET", back, {**NOBODY, "Referer": front.origin + "/"}).status == 401
    assert holds_no_session(client, api) and not servers[1].received


# What another server sends here by a redirect has no origin, whatever the page asks for itself


def test_only_what_was_handed_over_gets_its_origin_back(stage, client, servers):
    """The page asks a neighbour's server for something, which redirects it to the API while the page's own request to it
    is on its way: the API must not take it for a request of the page's."""
    _, front, api = stage
    serve(servers[1], None)
    back = Script(client, front.origin).fetch(api.origin + "/items", "POST", "{}", until=api.origin + "/oauth2/callback")
    asked = {"Referer": front.origin + "/"}
    arrived = client.request("POST", back, {**NOBODY, **asked}, "{}")
    assert arrived.location == api.origin + "/items"
    # Neither another address nor another method, with or without a preflight.
    for method, target in (("POST", "/delete"), ("POST", "/items?x"), ("PUT", "/items"), ("GET", "/items")):
        sent = {"Access-Control-Request-Method": method}
        assert preflight(client, api.origin + target, "null", front.origin, **sent).status == 401
        client.request(method, api.origin + target, {**NOBODY, **asked}, "{}")
    assert preflight(client, api.origin + "/items", "null", NEIGHBOUR).status == 401
    assert [r.get("Origin") for r in servers[1].requests] == ["null"] * 4
    assert preflight(client, api.origin + "/items", "null", front.origin).status == 204
    servers[1].forget()
    serve(servers[1], None)
    for _ in range(2):
        client.request("POST", api.origin + "/items", {**NOBODY, **asked}, "{}")
    assert [r.get("Origin") for r in servers[1].requests] == [front.origin, "null"], "once"
    assert preflight(client, api.origin + "/items", "null", front.origin).status == 401


def test_nobody_elses_session_takes_it(stage, client, make_client, servers):
    """The same user's other browser, at the same time."""
    proxy, front, api = stage
    other = make_client()
    sign_in(proxy, other)
    api.enter(other)
    servers[1].forget()
    serve(servers[1], None)
    asked = {"Referer": front.origin + "/"}
    back = Script(client, front.origin).fetch(api.origin + "/items", until=api.origin + "/oauth2/callback")
    client.request("GET", back, {**NOBODY, **asked})
    other.request("GET", api.origin + "/items", {**NOBODY, **asked})
    client.request("GET", api.origin + "/items", {**NOBODY, **asked})
    assert [r.get("Origin") for r in servers[1].requests] == ["null", front.origin]


# Guests


def test_a_guest_of_one_port_gets_no_further(guest):
    browser, page, url = guest.browser, guest.shared.origin, guest.private.origin + "/items"
    for method in ("GET", "POST"):
        reply = Script(browser, page).fetch(url, method)
        assert reply.status == 401 and reply.json()["error"] == "login_required"
    # With a cookie of the port's, wherever it fits.
    ticket = f"{guest.sharing.proxy.origin}/oauth2/port?port={guest.private.port}&state={'0' * 12}.{'a' * 43}.0.0"
    for place in (url, ticket):
        for origin in (page, "null"):
            headers = {**SCRIPT, "Origin": origin, "Referer": page + "/", "Cookie": guest.shared.cookie(browser)}
            reply = browser.request("GET", place, headers, cookies=False)
            assert ticket_of(reply) is None and reply.status in (307, 401, 403), place
    assert guest.got_no_further()


def test_a_shared_port_is_asked_by_the_owner_as_owner(make_sharing, servers, client):
    """Shared with others, the owner's scripts get the owner's session."""
    sharing = make_sharing()
    front, api = sharing.hosts
    sharing.share("gitlab", api)
    servers[1].forget()
    serve(servers[1], front.origin)
    reply = Script(sharing.owner, front.origin).fetch(api.origin + "/items", "POST", "{}")
    sharing.keep_secrets(sharing.owner)
    assert reply.status == 200 and servers[1].requests[0].get("X-Forwarded-User") == "sasha"
