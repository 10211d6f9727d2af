# SPDX-License-Identifier: Apache-2.0
"""What the workspace's pages embed of its ports: frames and sub-resources get in by themselves, where the page is
one of this workspace and its user is signed in; a neighbour's page gets nothing."""

import itertools
import urllib.parse

import pytest
from ports import COOKIE, PortHost, ticket_of
from proxy import reserve_port
from sharing import holds_no_session
from test_ports import NAME, make_ports, sign_in  # noqa: F401

pytestmark = pytest.mark.shared
STAGE_OF_PORTS = NAME
FRAME = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
IMAGE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
NEIGHBOUR = "https://plum.ws.localhost"


def embed(client, url, page, kind=FRAME, site="same-site", referer=None, limit=8):
    """As a browser does for an element of `page`, redirects included; all replies."""
    referer = page + "/" if referer is None else referer
    replies = []
    for _ in range(limit):
        headers = {**kind, "Sec-Fetch-Site": site, "Accept": "text/html,*/*"}
        if referer:
            headers["Referer"] = referer
        replies.append(client.request("GET", url, headers))
        if replies[-1].status not in (302, 307):
            return replies
        if replies[-1].get("Referrer-Policy") != "strict-origin":
            referer = ""
        url = urllib.parse.urljoin(url, replies[-1].location)
    raise AssertionError("too many redirects: " + " -> ".join(r.url for r in replies))


def ancestors(reply):
    policies = [p.strip() for p in (reply.get("Content-Security-Policy") or "").split(";")]
    found = [p.split()[1:] for p in policies if p.startswith("frame-ancestors ")]
    assert len(found) == 1, policies
    return set(found[0])


@pytest.fixture
def stage(make_ports, client):
    """Signed in at the workspace's own host, and nowhere else."""
    proxy, first, second = make_ports()
    sign_in(proxy, client)
    yield proxy, first, second
    first.keep_secrets(client)
    second.keep_secrets(client)


# Who gets in


@pytest.mark.parametrize("kind", [FRAME, {**FRAME, "Sec-Fetch-Dest": "frame"}, IMAGE, {**IMAGE, "Sec-Fetch-Dest": "script"}])
def test_what_the_workspaces_page_embeds_gets_in(stage, client, servers, kind):
    proxy, first, _ = stage
    replies = embed(client, first.origin + "/app?x=1", proxy.origin, kind, referer=proxy.origin + "/?folder=/a")
    assert [r.status for r in replies] == [302, 302, 302, 200]
    assert replies[-1].url == first.origin + "/app?x=1" and len(servers[0].requests) == 1
    for reply in replies[:3]:
        assert reply.get("Cache-Control") == "no-store" and not reply.get("X-Frame-Options")
        expected = {"'self'", proxy.origin} if kind["Sec-Fetch-Mode"] == "navigate" else {"'none'"}
        assert ancestors(reply) == expected
    cookie = client.cookie(COOKIE, host=first.name)
    assert cookie.secure and cookie.attributes["samesite"] == "Lax" and "domain" not in cookie.attributes


def test_a_port_may_embed_another(stage, client, servers):
    """A dashboard on one port, in a frame of the IDE's page itself."""
    proxy, first, second = stage
    embed(client, first.origin + "/", proxy.origin)
    replies = embed(client, second.origin + "/panel", first.origin)
    assert replies[-1].status == 200 and replies[-1].url == second.origin + "/panel"
    assert ancestors(replies[0]) == {"'self'", proxy.origin, first.origin}


# Who does not

STRANGERS = [
    {"site": "cross-site"},
    {"site": "none"},
    {"site": ""},
    {"site": "same-site, same-site"},
    {"referer": ""},
    {"referer": NEIGHBOUR + "/"},
    {"referer": "https://3000-plum.ws.localhost/"},
    {"referer": "https://evil.example/"},
    {"referer": "{http}/"},
    {"referer": "{own}"},
    {"referer": "{own}0/"},
    {"referer": "{own}.evil.example/"},
    {"referer": "{own}@evil.example/"},
    {"referer": "https://evil.example/{own}/"},
    {"referer": "https://user@{host}/"},
    {"referer": "null"},
    {"referer": "{upper}/"},
    {"referer": "https://1-{host}/"},
]


@pytest.mark.parametrize("where", ["port", "own"])
@pytest.mark.parametrize("kind", [FRAME, IMAGE])
def test_what_a_neighbours_page_embeds_gets_nothing(stage, client, servers, kind, where):
    """Workspaces of one zone are the same site, so the browser sends both cookies and Sec-Fetch-Site: same-site."""
    proxy, first, _ = stage
    names = {"own": proxy.origin, "host": proxy.host, "upper": proxy.origin.upper(), "http": proxy.origin.replace("s", "", 1)}
    url = first.origin + "/app"
    if where == "own":  # a state that somebody got for themselves
        url = client.navigate(url).location
    for how in STRANGERS:
        how = {k: v.format(**names) for k, v in how.items()}
        reply = embed(client, url, proxy.origin, kind, **{"referer": None, **how})[0]
        assert reply.status in ((401, 403) if where == "own" else (401,)), how
        assert not reply.location and not reply.get_all("Set-Cookie"), how
        assert not reply.get("Access-Control-Allow-Origin")
        if kind is FRAME:
            assert ancestors(reply) == {"'self'", proxy.origin}, "a neighbour can't even show it"
    assert holds_no_session(client, first) and not servers[0].received


@pytest.mark.parametrize(
    "change",
    [
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "worker"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"},
        pytest.param({"Sec-Fetch-Mode": "no-cors", "Upgrade": "websocket"}, marks=pytest.mark.http1("Upgrade")),
        {"Sec-Fetch-Mode": "websocket"},
        {"Sec-Fetch-Mode": ""},
    ],
)
def test_other_requests_get_no_ticket(stage, client, servers, change):
    """Scripts' requests have a way of their own: test_cross_port.py."""
    proxy, first, _ = stage
    ticket_url = client.navigate(first.origin + "/").location
    for url in (first.origin + "/app", ticket_url):
        reply = embed(client, url, proxy.origin, {**IMAGE, **change})[0]
        assert reply.status in (401, 403) and not reply.location, (url, reply.status)
    assert not servers[0].received


def test_only_get_is_handed_over(stage, client, servers):
    proxy, first, _ = stage
    for method, kind in itertools.product(("POST", "PUT"), (FRAME, IMAGE)):
        headers = {**kind, "Sec-Fetch-Site": "same-site", "Referer": proxy.origin + "/", "Origin": proxy.origin}
        assert client.request(method, first.origin + "/form", headers, "a=b").status == 401
    assert not servers[0].received


def test_a_neighbour_gains_nothing_from_a_state_of_its_own(stage, client, make_client, servers):
    """It starts a flow by itself and has the victim's page finish it: the ticket is no use without the flow's cookie."""
    proxy, first, second = stage
    evil = make_client()
    begun = evil.request("GET", first.origin + "/", {**FRAME, "Sec-Fetch-Site": "same-site", "Referer": proxy.origin + "/"})
    assert begun.status == 302
    replies = embed(client, begun.location, first.origin)  # a page on a port, which may have been written by anybody
    location = next(r.location for r in replies if ticket_of(r))
    sees_nothing = [r for r in replies if r.url.startswith(first.origin + "/oauth2/callback")][0]
    assert sees_nothing.status == 302 and sees_nothing.location.startswith(proxy.origin + "/oauth2/port?")
    # Only the redirect's address would help, and no page of theirs can see it: to that very port, and not beyond.
    elsewhere = location.replace(first.origin, second.origin)
    assert evil.navigate(elsewhere).location.startswith(proxy.origin) and holds_no_session(evil, second)


# Without a session


def test_never_a_login_in_a_frame(make_ports, client, servers):
    proxy, first, _ = make_ports()
    replies = embed(client, first.origin + "/app?x=<y>", proxy.origin)
    assert [r.status for r in replies] == [302, 401]
    page = replies[-1]
    assert page.url.startswith(proxy.origin + "/oauth2/port?") and page.get("Content-Type").startswith("text/html")
    assert "Open this page in a tab" in page.text and 'target="_blank"' in page.text
    assert ancestors(page) == {"'self'", proxy.origin} and page.get("X-Frame-Options") is None
    assert not page.get_all("Set-Cookie") and not page.location
    link = page.text.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    page = client.login(link, "sasha", "sasha-password")
    first.keep_secrets(client)
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    assert (page.status, page.url) == (200, first.origin + "/app?x=<y>")
    # A sub-resource that can't be had is an error for programs.
    client.cookies.clear()
    assert embed(client, first.origin + "/a.png", proxy.origin, IMAGE)[-1].json()["error"] == "login_required"


def test_a_frame_without_a_referrer(stage, client):
    """Referrer-Policy: no-referrer. It may be the workspace's page, which alone can show what comes."""
    proxy, first, _ = stage
    page = embed(client, first.origin + "/app", proxy.origin, referer="")[0]
    assert page.status == 401 and "Open this page in a tab" in page.text
    link = page.text.partition('class="button" href="')[2].partition('"')[0]
    assert client.open(link).url == first.origin + "/app"


def test_pages_that_change_something_are_never_framed(stage, client):
    proxy, first, _ = stage
    first.enter(client)
    for host in (proxy, first):
        for path in ("/oauth2/sign_out", "/oauth2/workspace", "/oauth2/sign_in", "/oauth2/device"):
            reply = embed(client, host.origin + path, proxy.origin)[-1]
            if reply.status == 200 and reply.get("Content-Type").startswith("text/html"):
                assert ancestors(reply) <= {"'none'"}, (host.origin, path)


def test_the_waiting_page_in_a_frame(make_ports, client, upstream):
    """A server that is not up yet is waited for in the frame."""
    late = reserve_port()
    proxy, *_ = make_ports(PORTS=str(late))
    host = PortHost(proxy, late)
    sign_in(proxy, client)
    page = embed(client, host.origin + "/", proxy.origin)[-1]
    host.keep_secrets(client)
    assert page.status == 503 and f"No server on port {late} yet" in page.text
    assert ancestors(page) == {"'self'", proxy.origin}
    assert page.get("X-Frame-Options") is None


# Guests


def test_a_guest_of_one_port_gets_no_further_by_embedding(guest):
    """The page of a shared port may come from anybody who can write to it."""
    shared, own = guest.shared, guest.sharing.proxy.origin
    for kind in (FRAME, IMAGE):
        for url in (guest.private.origin + "/", own + "/"):
            reply = embed(guest.browser, url, shared.origin, kind)[-1]
            assert reply.status == 401 and not reply.location, url
    assert guest.got_no_further()
    # Signed out, the guest's own frame leads to a tab too.
    guest.browser.cookies.clear()
    if guest.audience == "gitlab":
        assert embed(guest.browser, shared.origin + "/", own)[-1].status == 401
