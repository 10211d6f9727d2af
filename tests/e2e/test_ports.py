# SPDX-License-Identifier: Apache-2.0
"""Ports by host name: who gets there and how, what a ticket is worth, and to whom answers are open."""

import contextlib
import json
import socket
import urllib.parse

import pytest
import websocket
from ports import COOKIE, PortHost, ticket_of
from proxy import reserve_ipv6_port, run, wait_until
from test_metrics import scrape
from upstream import Upstream
from web_client import NAVIGATION

pytestmark = pytest.mark.shared
NAME = STAGE_OF_PORTS = "kiwi.ws.localhost"
PORTS_AT_ONCE = 32
TIMEOUT_S = 60
PROGRAM = {"Accept": "application/json", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


@pytest.fixture
def make_ports(shared_proxy, make_proxy, gitlab, upstream, servers):
    """make_ports(NAME=value …) -> (proxy, the host of each server's port)."""

    def make(name=NAME, **settings):
        ports = ",".join(str(s.port) for s in servers)
        lent = shared_proxy if name == NAME and not settings else None
        proxy = lent or make_proxy(gitlab, upstream, name=name, **{"PORTS": ports, **settings})
        return proxy, *(PortHost(proxy, s.port) for s in servers)

    return make


def sign_in(proxy, client):
    page = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert page.status == 200, (page.url, page.status, page.text[:500])
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]


@pytest.fixture
def entered(make_ports, client):
    """A client with sasha's session at the workspace and at the first port."""
    proxy, first, second = make_ports()
    sign_in(proxy, client)
    assert first.enter(client).status == 200
    return proxy, first, second


def ask(host, method="GET", target="/", headers=(), cookie=None, authority=None):
    """One raw request to a host; its response."""
    headers = [*headers, ("Connection", "close")] + ([("Cookie", cookie)] if cookie else [])
    with host.proxy.raw() as raw:
        raw.request(method, target, headers, host=authority or host.host)
        return raw.read_response(method)


# The way in


@pytest.mark.own  # for its log
def test_a_navigation_gets_in_by_itself(make_ports, client, servers, upstream):
    proxy, first, second = make_ports()
    sign_in(proxy, client)
    upstream.forget()
    client.history.clear()
    page = first.enter(client, "/app/page?a=b%20c")
    assert (page.status, page.url) == (200, f"{first.origin}/app/page?a=b%20c")
    assert [r.status for r in client.history] == [302, 302, 302, 200]
    request = servers[0].requests[0]
    assert request.target == "/app/page?a=b%20c"
    assert request.get("Host") == request.get("X-Forwarded-Host") == first.host
    assert request.get("X-Forwarded-User") == "sasha"
    assert request.get("X-Forwarded-Proto") == "https"
    assert COOKIE not in servers[0].received.decode("latin-1")
    assert b"ticket" not in servers[0].received
    assert not upstream.requests and not servers[1].requests
    cookie = client.cookie(COOKIE, host=first.name)
    assert cookie.secure and cookie.attributes["samesite"] == "Lax" and "domain" not in cookie.attributes
    assert [c.name for c in client.cookies_of(first.name)] == [COOKIE], "the flow's cookie is gone"
    line = wait_until(lambda: proxy.log_entries(message="request", port=first.port, status=200), what="log")[-1]
    assert line["path"] == "/app/page" and line["upstream"] is True and line["user"] == "sasha"


def test_without_a_session_it_leads_through_the_login_and_back(make_ports, client, servers):
    proxy, first, _ = make_ports()
    page = client.login(first.origin + "/deep?x=1", "sasha", "sasha-password")
    first.keep_secrets(client)
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    assert (page.status, page.url) == (200, first.origin + "/deep?x=1")
    assert client.cookie(COOKIE, host=proxy.name) and client.cookie(COOKIE, host=first.name)
    assert [r.target for r in servers[0].requests] == ["/deep?x=1"]


def test_gitlabs_own_form_of_hosts(make_ports, client, servers):
    proxy, first, _ = make_ports(name="60001-" + NAME)
    assert first.host.startswith(f"{servers[0].port}-kiwi.ws.localhost:")
    sign_in(proxy, client)
    assert first.enter(client, "/a").url == first.origin + "/a"
    assert servers[0].requests[0].get("Host") == first.host


def test_the_relay_needs_to_know_nothing_of_ports(make_proxy, gitlab, upstream, servers, client, relay):
    proxy = make_proxy(gitlab, upstream, relay=relay, PORTS=servers[0].port)
    host = PortHost(proxy, servers[0].port)
    client.context.check_hostname = False  # 1234-workspace.localhost; wildcards of one label don't count
    page = client.login(host.origin + "/a?b=c", "sasha", "sasha-password")
    host.keep_secrets(client)
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    assert (page.status, page.url) == (200, host.origin + "/a?b=c")
    assert any(r.url.startswith(relay.url) for r in client.history)
    assert not any(str(servers[0].port) + "-" in r.url for r in client.history if r.url.startswith(relay.url))


def test_somebody_without_access_gets_no_further(make_ports, client, servers):
    proxy, first, _ = make_ports()
    page = client.login(first.origin + "/", "robin", "robin-password")
    assert page.status == 403 and page.url.startswith(proxy.origin)
    assert not servers[0].requests


def test_programs_are_told_where_to_sign_in(entered, servers):
    _, first, _ = entered
    servers[0].forget()
    for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE"):
        reply = ask(first, method, "/api", list(PROGRAM.items()))
        assert reply.status == 401
        if method != "HEAD":
            assert reply.json()["login_url"] == first.origin + "/oauth2/start"
    with first.proxy.raw() as raw:
        assert raw.upgrade("/ws", first.host, first.origin).status == 401
    assert not servers[0].received, "not a byte without a session"


def test_tokens_of_programs_work_on_ports(make_ports, gitlab, servers):
    _, first, _ = make_ports(API_TOKENS="on")
    bearer = ("Authorization", f"Bearer {gitlab.add_token(gitlab.sasha, 'read_api read_user').access}")
    assert ask(first, "GET", "/api", [bearer]).status == 200
    assert servers[0].requests[0].get("Authorization") is None
    # A program has no use for a browser's ticket.
    state = f"00000000.{'a' * 43}.0.1"
    target = f"/oauth2/port?port={first.port}&state={state}"
    reply = ask(first, "GET", target, [bearer, ("Accept", "text/html")], authority=first.proxy.host)
    assert reply.status == 400


def test_more_ports_at_once_than_there_is_room_for(make_ports, gitlab):
    """The one too many is told to come again, and gets in when there is room."""
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(PORTS_AT_ONCE + 1)]
        for server in silent:
            server.settimeout(TIMEOUT_S)
        ports = [server.getsockname()[1] for server in silent]
        proxy, *_ = make_ports(API_TOKENS="on", PORTS=",".join(map(str, ports)))
        bearer = ("Authorization", f"Bearer {gitlab.add_token(gitlab.sasha, 'read_api read_user').access}")
        raws, accepted = [], []
        for server, port in zip(silent[:-1], ports, strict=False):
            raws.append(stack.enter_context(proxy.raw()))
            raws[-1].request("GET", "/", [bearer], host=PortHost(proxy, port).host)
            accepted.append(stack.enter_context(server.accept()[0]))
        last = PortHost(proxy, ports[-1])
        reply = ask(last, "GET", "/", [bearer])
        assert reply.status == 503 and int(reply.get("Retry-After")) > 0
        accepted[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert raws[0].read_response("GET").status == 200
        with proxy.raw() as raw:
            raw.request("GET", "/", [bearer, ("Connection", "close")], host=last.host)
            connection = stack.enter_context(silent[-1].accept()[0])
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert raw.read_response("GET").status == 200


# Hosts


@pytest.mark.parametrize(
    "make_authority",
    [
        lambda h: "0" + h.host,
        lambda h: "+" + h.host,
        lambda h: h.host.replace(str(h.port), "1", 1),
        lambda h: h.host.replace(str(h.port), str(h.port + 65536), 1),
        lambda h: h.host.replace("-kiwi", "-plum", 1),
        lambda h: h.host.replace("-kiwi", "--kiwi", 1),
        lambda h: h.host.replace("-kiwi", "-1-kiwi", 1),
        lambda h: h.host.replace("-", ".", 1),
        lambda h: h.host.partition(":")[0],
        lambda h: h.host + "0",
        lambda h: h.host.replace(".ws.", ".ws.evil."),
        lambda h: f"a.{h.host}",
        lambda h: f"{h.port}-127.0.0.1",
    ],
)
def test_every_other_host_is_misdirected(stage_of_ports, servers, make_authority):
    first, cookie = stage_of_ports
    reply = ask(first, cookie=cookie, authority=make_authority(first))
    assert reply.status in (400, 421)
    assert not servers[0].received


def test_a_port_without_an_address(stage_of_ports, servers):
    """As the Ports view of an IDE may list it: the page says why it can't be opened."""
    first, cookie = stage_of_ports
    host = first.host.replace(str(first.port), "1", 1)
    reply = ask(first, cookie=cookie, authority=host, headers=[*NAVIGATION.items()])
    assert reply.status == 421 and "PORTS" in reply.body.decode()
    reply = ask(first, cookie=cookie, authority=host)
    assert (reply.status, json.loads(reply.body)["error"]) == (421, "no_such_port")
    assert not servers[0].received


@pytest.fixture
def stage_of_ports(entered, client, servers):
    _, first, _ = entered
    servers[0].forget()
    return first, first.cookie(client)


def test_case_of_hosts_does_not_matter(stage_of_ports):
    first, cookie = stage_of_ports
    assert ask(first, cookie=cookie, authority=first.host.upper()).status == 200


def test_our_endpoints_on_the_host_of_a_port(stage_of_ports, servers):
    first, cookie = stage_of_ports
    assert ask(first, target="/oauth2/auth", cookie=cookie).status == 202
    assert ask(first, target="/oauth2/userinfo", cookie=cookie).json()["user"] == "sasha"
    state = ask(first, target="/oauth2/workspace", headers=PROGRAM.items(), cookie=cookie).json()
    assert state["port"] == {"number": first.port, "ready": True} and "ide" not in state
    assert ask(first, target="/oauth2/port?port=1&state=a", cookie=cookie).status == 404
    assert ask(first, target="/oauth2/none", cookie=cookie).status == 404
    assert not servers[0].requests


# What a cookie and a ticket are worth


def test_a_cookie_counts_on_its_own_host_only(entered, client, servers, upstream):
    proxy, first, second = entered
    upstream.forget()
    ports, ours = first.cookie(client), "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    for host, authority, cookie in ((first, first.host, ours), (second, second.host, ports), (first, proxy.host, ports)):
        assert ask(host, target="/x", headers=PROGRAM.items(), cookie=cookie, authority=authority).status == 401
    assert not servers[1].received and not upstream.received


def test_a_ticket_is_good_for_one_browser(entered, client, make_client, servers):
    """Handing somebody a ticket signs nobody in, neither the finder nor the victim."""
    proxy, first, second = entered
    client.cookies = {k: v for k, v in client.cookies.items() if k[0] != first.name}
    location = first.stop_at_ticket(client, "/mine")
    servers[0].forget()
    other = make_client()
    reply = other.navigate(location)
    assert reply.status == 302 and reply.location.startswith(proxy.origin + "/oauth2/port?")
    assert not other.cookie(COOKIE, host=first.name)
    # Also where the other browser has a flow of its own.
    flow = other.follow(other.navigate(first.origin + "/theirs"), until=proxy.origin)
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(flow.location).query)["state"][0]
    crossed = f"{first.origin}/oauth2/callback?state={state}&ticket={ticket_of(client.history[-1])}"
    assert other.navigate(crossed).location.startswith(proxy.origin + "/oauth2/port?")
    assert not other.cookie(COOKIE, host=first.name)
    # It is still the first browser's.
    assert client.follow(client.navigate(location)).url == first.origin + "/mine"
    first.keep_secrets(client)
    assert [r.target for r in servers[0].requests] == ["/mine"]


def test_a_ticket_is_good_once(entered, client, servers):
    proxy, first, _ = entered
    client.cookies = {k: v for k, v in client.cookies.items() if k[0] != first.name}
    location = first.stop_at_ticket(client, "/once")
    before = dict(client.cookies)
    assert client.navigate(location).location == first.origin + "/once"
    first.keep_secrets(client)
    client.cookies = before  # with the flow's cookie
    again = client.navigate(location)
    assert again.status == 302 and again.location.startswith(proxy.origin + "/oauth2/port?")
    assert not client.cookie(COOKIE, host=first.name)


def test_a_ticket_is_good_for_its_port(entered, client, servers):
    proxy, first, second = entered
    client.cookies = {k: v for k, v in client.cookies.items() if k[0] != first.name}
    location = first.stop_at_ticket(client)
    flow = next(c for c in client.cookies_of(first.name) if "-flow-" in c.name)
    elsewhere = location.replace(first.origin, second.origin)
    reply = ask(
        second,
        target=elsewhere.removeprefix(second.origin),
        headers=[("Accept", "text/html")],
        cookie=f"{flow.name}={flow.value}",
    )
    assert reply.status == 302 and reply.get("Location").startswith(proxy.origin)
    assert not [c for c in reply.get_all("Set-Cookie") if c.startswith(COOKIE + "=")]
    assert not servers[1].received


def test_a_ticket_ends_with_its_session(entered, client, make_client):
    proxy, first, _ = entered
    client.cookies = {k: v for k, v in client.cookies.items() if k[0] != first.name}
    location = first.stop_at_ticket(client)
    page = client.navigate(proxy.origin + "/oauth2/sign_out")
    client.submit(page, page.forms()[0])
    reply = client.navigate(location)
    assert reply.location.startswith(proxy.origin + "/oauth2/port?")
    assert not client.cookie(COOKIE, host=first.name)


@pytest.mark.parametrize("where", ["proxy", "port"])
def test_signing_out_anywhere_ends_it_everywhere(entered, client, servers, where):
    proxy, first, _ = entered
    cookie = first.cookie(client)
    with proxy.raw() as raw:
        assert raw.upgrade("/ws", first.host, first.origin, [("Cookie", cookie)]).status == 101
        page = client.navigate((proxy.origin if where == "proxy" else first.origin) + "/oauth2/sign_out")
        assert client.submit(page, page.forms()[0]).status == 303
        opcode, payload = raw.read_frame()[:2]
        assert (opcode, websocket.close_code(payload)) == (8, 1008)
    assert ask(first, headers=PROGRAM.items(), cookie=cookie).status == 401


@pytest.mark.parametrize(
    "change",
    [
        lambda q: {**q, "ticket": q["ticket"][:-1] + ("A" if q["ticket"][-1] != "A" else "B")},
        lambda q: {**q, "ticket": "A" * 100},
        lambda q: {**q, "state": q["state"].replace(".0.", ".1.")},
    ],
)
def test_altered_answers_start_anew(entered, client, change):
    proxy, first, _ = entered
    client.cookies = {k: v for k, v in client.cookies.items() if k[0] != first.name}
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(first.stop_at_ticket(client)).query))
    reply = client.navigate(f"{first.origin}/oauth2/callback?{urllib.parse.urlencode(change(query))}")
    assert reply.status == 302 and reply.location.startswith(proxy.origin + "/oauth2/port?")


@pytest.mark.parametrize("query", ["", "state=a", "state=a&ticket=b", "ticket=b", "state=%00&ticket=b"])
def test_malformed_answers(entered, client, query):
    _, first, _ = entered
    assert client.navigate(f"{first.origin}/oauth2/callback?{query}").status == 400


def test_what_asks_for_a_ticket(entered, client):
    proxy, first, _ = entered
    good = client.follow(client.navigate(first.origin + "/oauth2/start"), until=proxy.origin).location
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(good).query))
    base = good.partition("?")[0]
    for bad in ("0", "1", f"0{first.port}", f"{first.port} ", "65536", "", f"{first.port}-"):
        assert client.navigate(f"{base}?{urllib.parse.urlencode({**query, 'port': bad})}").status == 400
    assert client.navigate(f"{base}?port={first.port}").status == 400
    assert client.navigate(good + f"&port={first.port}").status == 400
    assert client.fetch(good).status == 403, "scripts get none"
    assert client.navigate(good, **{"Sec-Fetch-Dest": "iframe"}).status == 403


def test_a_browser_that_keeps_no_cookies_is_told(entered, client):
    proxy, first, _ = entered
    url, statuses = first.origin + "/", []
    for _ in range(20):
        client.cookies = {k: v for k, v in client.cookies.items() if k[0] != first.name}
        page = client.navigate(url)
        statuses.append(page.status)
        if page.status != 302:
            break
        url = page.location
    first.keep_secrets(client)
    assert page.status == 403 and "cookies" in page.text, statuses


def test_a_browser_that_loses_the_session_cookie_is_told(entered, client):
    proxy, first, _ = entered
    url = first.origin + "/"
    for _ in range(30):
        client.cookies.pop((first.name, "/", COOKIE), None)
        page = client.navigate(url)
        if page.status != 302:
            break
        url = page.location
    first.keep_secrets(client)
    assert page.status == 403 and "cookies" in page.text


def test_a_restart_signs_nobody_out_of_a_port(make_ports, client, tmp_path):
    proxy, first, _ = make_ports(STATE_DIR=tmp_path)
    sign_in(proxy, client)
    first.enter(client)
    proxy.stop()
    proxy.start_again()
    client.history.clear()
    assert client.open(first.origin + "/still").status == 200
    assert len(client.history) == 1, "no hand-over was needed"


def test_many_tabs_at_once(make_ports, client, servers):
    """A browser that is restored opens all its tabs before the first has got in."""
    proxy, first, second = make_ports()
    sign_in(proxy, client)
    hosts = [first, second, first, second, first]
    flows = [client.navigate(f"{h.origin}/tab/{i}") for i, h in enumerate(hosts)]
    tickets = [client.navigate(reply.location) for reply in flows]
    for i, (host, reply) in enumerate(zip(hosts, tickets)):
        assert client.follow(client.navigate(reply.location)).url == f"{host.origin}/tab/{i}"
    first.keep_secrets(client)
    second.keep_secrets(client)


# Servers


def test_each_port_has_its_own_waiting_page(make_ports, client, gitlab):
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))  # and does not listen
        proxy, *_ = make_ports(PORTS=str(place.getsockname()[1]))
        host = PortHost(proxy, place.getsockname()[1])
        sign_in(proxy, client)
        page = host.enter(client)
        assert page.status == 503 and page.get("Retry-After")
        assert f"No server on port {host.port} yet" in page.text
        reply = client.fetch(host.origin + "/api", headers={"Origin": proxy.origin})
        assert reply.get("Access-Control-Allow-Origin") == proxy.origin
        assert reply.status == 503 and reply.json()["error"] == "port_not_ready"
        assert reply.json()["port"] == {"number": host.port, "ready": False}
        assert client.navigate(proxy.origin + "/").status == 200, "the IDE is none the worse"
        figures = scrape(proxy)
        assert figures.get("workspace_proxy_http_requests_total", route="port", code="5xx") == 2
        assert figures.get("workspace_proxy_http_requests_total", route="ide", code="5xx") == 0
        assert admin_state(proxy)["ports"] == {str(host.port): False} and admin_state(proxy)["ide_ready"]
        place.listen()
        wait_until(lambda: admin_state(proxy)["ports"] == {str(host.port): True}, what="the port")


def admin_state(proxy):
    with proxy.raw(listener="admin") as raw:
        raw.request("GET", "/ready", [("Connection", "close")], host="localhost")
        return json.loads(raw.read_response().body)


def test_servers_that_listen_on_v6_alone(make_ports, client):
    try:
        server = Upstream(address=("::1", reserve_ipv6_port()))
    except OSError as e:
        pytest.skip(f"no IPv6 here: {e}")
    try:
        proxy, *_ = make_ports(PORTS=str(server.port))
        sign_in(proxy, client)
        assert PortHost(proxy, server.port).enter(client).status == 200
        assert len(server.requests) == 1
    finally:
        server.stop()


# Settings


@pytest.mark.parametrize("name", ["HTTPS_ADDRESS", "ADMIN_ADDRESS"])
def test_our_own_listeners_are_no_targets(make_ports, name):
    proxy = make_ports()[0]
    settings = {k: v for k, v in proxy.settings.items() if v is not None}
    settings.update({name: "127.0.0.1:8443", "PORTS": "3000,8443"})
    result = run(["check"], settings)
    assert result.returncode == 1 and "WORKSPACE_PROXY_PORTS: 8443 is the proxy's own" in result.stderr, result.stderr


def test_check_says_when_the_certificate_does_not_cover_ports(make_ports):
    proxy = make_ports()[0]
    settings = {k: v for k, v in proxy.settings.items() if v is not None}
    assert run(["check"], settings).stderr.count("certificate") == 0
    result = run(["check"], {**settings, "EXTERNAL_URL": "https://kiwi.example.com", "PORTS": "3000"})
    assert result.returncode == 0 and 'not for "3000-kiwi.example.com"' in result.stderr, result.stderr
