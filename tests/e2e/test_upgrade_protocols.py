# SPDX-License-Identifier: Apache-2.0
"""UPGRADE_PROTOCOLS: requests to ports that switch to another protocol than WebSocket, as Docker's and Kubernetes' APIs
do. Bytes pass in both directions, each with its own end; what is not listed or does not fit never becomes a tunnel."""

import hashlib
import socket
import ssl

import pytest
from ports import PortHost
from proxy import run, wait_until
from test_metrics import scrape
from test_ports import sign_in

SWITCH = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
BULK = 8 << 20


@pytest.fixture
def make_stage(make_proxy, gitlab, upstream, server, client):
    """make_stage(NAME=value …) -> (proxy, host of the port, headers of a signed-in client)."""

    def make(**settings):
        defaults = {"PORTS": str(server.port), "UPGRADE_PROTOCOLS": "tcp,SPDY/3.1", "HTTP_ADDRESS": "127.0.0.1:0"}
        proxy = make_proxy(gitlab, upstream, name="kiwi.ws.localhost", **{**defaults, **settings})
        sign_in(proxy, client)
        host = PortHost(proxy, server.port)
        host.enter(client)
        server.forget()
        return proxy, host, [("Cookie", host.cookie(client))]

    return make


def ask(raw, host, headers, protocol="tcp", method="POST", body=b"", target="/attach"):
    more = [("Connection", "Upgrade"), ("Upgrade", protocol), *headers]
    if body or method == "POST":
        more.append(("Content-Length", str(len(body))))
    raw.request(method, target, more, body, host=host.host)
    return raw.read_response(method)


def echo_to_end(protocol="tcp"):
    """A server that sends back what it gets, and a last word after the client's end."""

    def answer(connection, request):
        connection.send(SWITCH % protocol)
        if connection._buffer:
            connection.send(connection._take(len(connection._buffer)))
        while data := connection.socket.recv(65536):
            connection.send(data)
        connection.send(b"last words")
        raise EOFError

    return answer


def half_close(raw):
    """The client sends no more: close_notify, as Go's CloseWrite."""
    raw.socket.setblocking(False)
    try:
        raw.socket.unwrap()
    except (ssl.SSLWantReadError, OSError):
        pass
    raw.socket.settimeout(60)


def test_docker_attaches(make_stage, server):
    proxy, host, cookie = make_stage()
    server.answer = echo_to_end()
    with proxy.raw("http") as raw:
        reply = ask(raw, host, [*cookie, ("Content-Type", "text/plain"), ("User-Agent", "Docker-Client/28")])
        assert reply.status == 101 and reply.get("Upgrade") == "tcp" and reply.get("Connection") == "Upgrade"
        assert reply.get("Content-Type") == "application/vnd.docker.raw-stream"
        sent = b"\x00\xff\r\n\r\nGET / HTTP/1.1\r\n"
        assert raw.send(sent).read_exactly(len(sent)) == sent
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.read_until_close() == b"last words"
    request = server.requests[0]
    assert (request.method, request.get_all("Connection"), request.get_all("Upgrade")) == ("POST", ["Upgrade"], ["tcp"])
    assert request.get_all("Content-Length") == ["0"] and request.get("X-Forwarded-User") == "sasha"
    assert request.get("Cookie") is None and len(server.requests) == 1
    line = proxy.wait_for_log(message="request", path="/attach", status=101)
    assert line["method"] == "POST" and line["user"] == "sasha" and line["request_bytes"] == len(sent)
    figures = scrape(proxy)
    assert figures.get("workspace_proxy_websockets_opened_total") == 1
    assert figures.get("workspace_proxy_websockets") == 0
    assert figures.get("workspace_proxy_http_requests_total", route="websocket", code="1xx") == 1


def test_docker_executes(make_stage, server):
    """With a body before the switch; what follows it at once belongs to the tunnel."""
    proxy, host, cookie = make_stage()
    server.answer = echo_to_end()
    body = b'{"Detach":false,"Tty":true}\n'
    with proxy.raw() as raw:
        reply = ask(raw, host, [*cookie, ("Content-Type", "application/json")], body=body)
        assert reply.status == 101
        raw.send(b"ls\n")
        assert raw.read_exactly(3) == b"ls\n"
    assert server.requests[0].body == body
    with proxy.raw() as raw:
        head = [*cookie, ("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Transfer-Encoding", "chunked")]
        raw.request("POST", "/attach", head, b"3\r\nabc\r\n0\r\n\r\nfirst", host=host.host)
        assert raw.read_response("POST").status == 101 and raw.read_exactly(5) == b"first"
    assert server.requests[-1].body == b"abc"


@pytest.mark.parametrize("asked, answered", [("SPDY/3.1", "SPDY/3.1"), ("spdy/3.1", "SPDY/3.1"), ("TCP", "tcp")])
def test_names_are_compared_without_case(make_stage, server, asked, answered):
    proxy, host, cookie = make_stage()
    server.answer = echo_to_end(answered)
    with proxy.raw() as raw:
        more = [("X-Stream-Protocol-Version", "v4.channel.k8s.io"), ("X-Stream-Protocol-Version", "channel.k8s.io")]
        assert ask(raw, host, [*cookie, *more], asked).get("Upgrade") == answered
    assert server.requests[0].get_all("X-Stream-Protocol-Version") == ["v4.channel.k8s.io", "channel.k8s.io"]


def test_each_direction_has_its_own_end(make_stage, server):
    """The server's end first, then much from the client; and both with much on its way."""
    proxy, host, cookie = make_stage()
    got = {}

    def answer(connection, request):
        connection.send(SWITCH % "tcp")
        connection.send(b"s" * BULK)
        connection.socket.shutdown(socket.SHUT_WR)
        got["data"] = read_all(connection)
        raise EOFError

    def read_all(connection):
        digest, size = hashlib.sha256(connection._buffer), len(connection._buffer)
        while data := connection.socket.recv(1 << 16):
            digest.update(data)
            size += len(data)
        return size, digest.hexdigest()

    server.answer = answer
    sent = bytes(range(256)) * (BULK // 256)
    for listener in ("http", "https"):
        got.clear()
        with proxy.raw(listener) as raw:
            assert ask(raw, host, cookie).status == 101
            assert raw.read_until_close() == b"s" * BULK
            raw.send(sent)
            half_close(raw) if listener == "https" else raw.socket.shutdown(socket.SHUT_WR)
            wait_until(lambda: got, what="the client's end at the server")
        assert got["data"] == (BULK, hashlib.sha256(sent).hexdigest()), listener


def test_a_client_that_ends_its_side_over_tls(make_stage, server):
    proxy, host, cookie = make_stage()
    server.answer = echo_to_end()
    with proxy.raw() as raw:
        assert ask(raw, host, cookie).status == 101
        raw.send(b"x" * 100000)
        assert raw.read_exactly(100000) == b"x" * 100000
        half_close(raw)
        proxy.wait_for_log(message="request", path="/attach", status=101, response_bytes=100010)


def test_quiet_tunnels_end(make_stage, server):
    proxy, host, cookie = make_stage(STREAM_IDLE_TIMEOUT="1s")
    server.answer = lambda connection, request: (connection.send(SWITCH % "tcp"), connection.read_exactly(1))
    with proxy.raw() as raw:
        assert ask(raw, host, cookie).status == 101
        assert raw.is_closed(), "no ping or close frame of ours came first"


def test_it_ends_with_the_session(make_stage, server, client):
    """At once, and not like an end of the server's."""
    proxy, host, cookie = make_stage()
    server.answer = lambda connection, request: (connection.send(SWITCH % "tcp"), connection.read_exactly(1))
    with proxy.raw("http") as plain, proxy.raw() as tls:
        for raw in (plain, tls):
            assert ask(raw, host, cookie).status == 101
        page = client.navigate(proxy.origin + "/oauth2/sign_out")
        client.submit(page, page.forms()[0])
        with pytest.raises(ConnectionResetError):
            plain.socket.recv(1)
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            tls.socket.recv(1)
    wait_until(lambda: scrape(proxy).get("workspace_proxy_websockets_closed_total", reason="session") == 2, what="metric")
    assert scrape(proxy).get("workspace_proxy_websockets") == 0


def test_it_ends_when_the_process_ends(make_stage, server):
    proxy, host, cookie = make_stage(DRAIN_TIMEOUT="60s")
    server.answer = lambda connection, request: (connection.send(SWITCH % "tcp"), connection.read_exactly(1))
    with proxy.raw() as raw:
        assert ask(raw, host, cookie).status == 101
        assert proxy.stop() == 0
        assert raw.is_closed()


def test_they_count_like_websockets(make_stage, server):
    proxy, host, cookie = make_stage(WEBSOCKETS_MAX="1")
    server.answer = lambda connection, request: (connection.send(SWITCH % "tcp"), connection.read_exactly(1))
    with proxy.raw() as first, proxy.raw() as second:
        assert ask(first, host, cookie).status == 101
        assert ask(second, host, cookie).status == 429


# Requests that become no tunnel


@pytest.mark.parametrize(
    "how",
    [
        {"protocol": "h2c"},
        {"protocol": "tcp, h2c"},
        {"protocol": "h2c, tcp"},
        {"protocol": "tcp,tcp"},
        {"protocol": "tcp/1"},
        {"protocol": "SPDY/3"},
        {"protocol": "SPDY/3.1 "+"x"},
        {"protocol": "tcp", "headers": [("Upgrade", "tcp")]},
        {"protocol": "tcp", "connection": "close"},
        {"protocol": "tcp", "version": "HTTP/1.0"},
    ],
)
def test_what_does_not_fit_is_an_ordinary_request(make_stage, server, how):
    proxy, host, cookie = make_stage()
    head = [("Connection", how.get("connection", "Upgrade")), ("Upgrade", how["protocol"]), *how.get("headers", ())]
    with proxy.raw() as raw:
        raw.request("POST", "/x", [*head, *cookie, ("Content-Length", "0")], host=host.host, version=how.get("version", "HTTP/1.1"))
        assert raw.read_response("POST").status in (200, 400)
    for request in server.requests:
        assert request.get("Upgrade") is None and "upgrade" not in (request.get("Connection") or "").lower()


def test_nothing_is_listed_by_default(make_stage, server):
    proxy, host, cookie = make_stage(UPGRADE_PROTOCOLS=None)
    with proxy.raw() as raw:
        assert ask(raw, host, cookie).status == 200
    assert server.requests[0].get("Upgrade") is None


def test_the_ide_gets_none(make_stage, upstream, client):
    proxy, _, _ = make_stage()
    cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    upstream.forget()
    with proxy.raw() as raw:
        raw.request("GET", "/x", [("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Cookie", cookie)], host=proxy.host)
        assert raw.read_response().status == 200
    assert upstream.requests[0].get("Upgrade") is None


def test_who_may(make_stage, server, gitlab):
    proxy, host, cookie = make_stage(API_TOKENS="on")
    server.answer = echo_to_end()
    others = [proxy.origin, "null", "https://evil.example", host.origin + "0", "https://plum.ws.localhost"]
    for headers, status in [([], 401), *(([*cookie, ("Origin", o)], 403) for o in others)]:
        with proxy.raw() as raw:
            assert ask(raw, host, headers).status == status, headers
    assert not server.received, "not a byte without a verdict"
    bearer = ("Authorization", f"Bearer {gitlab.add_token(gitlab.sasha, 'read_api read_user').access}")
    for headers in ([bearer], [*cookie, ("Origin", host.origin)]):
        with proxy.raw() as raw:
            assert ask(raw, host, headers).status == 101, headers
    assert server.requests[0].get("Authorization") is None


# Servers that answer something else


@pytest.mark.parametrize(
    "answer",
    [
        SWITCH % "h2c",
        SWITCH % "websocket",
        SWITCH % "tcp, h2c",
        SWITCH % "SPDY/3.1",
        SWITCH.replace("Upgrade: %s\r\n", ""),
        SWITCH.replace("Connection: Upgrade\r\n", "") % "tcp",
        SWITCH.replace("Upgrade: %s", "Upgrade: tcp\r\nUpgrade: tcp"),
    ],
)
def test_a_switch_to_something_else_is_an_error(make_stage, server, answer):
    proxy, host, cookie = make_stage()
    server.respond_with(answer.encode() + b"HTTP/1.1 200 OK\r\n\r\n")
    with proxy.raw() as raw:
        assert ask(raw, host, cookie).status == 502


def test_a_switch_that_nobody_asked_for(make_stage, server):
    proxy, host, cookie = make_stage()
    server.respond_with((SWITCH % "tcp").encode())
    with proxy.raw() as raw:
        raw.request("POST", "/x", [*cookie, ("Content-Length", "0")], host=host.host)
        assert raw.read_response("POST").status == 502


def test_a_switch_before_the_end_of_the_body(make_stage, server):
    """What is left of the body would become the first bytes of the tunnel."""
    proxy, host, cookie = make_stage()
    server.read_bodies = False
    server.respond_with((SWITCH % "tcp").encode())
    with proxy.raw() as raw:
        head = [*cookie, ("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Length", "100000")]
        raw.request("POST", "/x", head, b"half of it", host=host.host)
        assert raw.read_response("POST").status == 502


def test_a_server_that_refuses(make_stage, server):
    """Its connection is not used again: it may have switched all the same."""
    proxy, host, cookie = make_stage()
    server.answer = lambda connection, request: connection.send_response(200, [], b"hello")
    with proxy.raw() as raw:
        for body in (b"", b"{}", b""):
            reply = ask(raw, host, cookie, body=body)
            assert (reply.status, reply.body, reply.get("Upgrade")) == (200, b"hello", None)
        raw.request("GET", "/next", cookie, host=host.host)
        assert raw.read_response().status == 200
    assert len(server.connections) == 4


def test_a_server_without_an_end_of_its_answer(make_stage, server):
    """As Docker's before version 1.24 of its API."""
    proxy, host, cookie = make_stage()
    server.respond_with(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nout")
    with proxy.raw() as raw:
        assert ask(raw, host, cookie).body == b"out"


# The setting


@pytest.mark.parametrize(
    "value, said",
    [
        ("tcp,h2c", "h2c would let requests bypass the sign-in"),
        ("HTTP/2.0", "would let requests bypass the sign-in"),
        ("websocket", "always passes"),
        ("tcp, SPDY/", "not the name of a protocol"),
        ("a,b,c,d,e,f,g,h,i", "more than 8"),
    ],
)
def test_check_refuses(make_stage, value, said):
    proxy, *_ = make_stage()
    settings = {k: v for k, v in proxy.settings.items() if v is not None}
    result = run(["check"], {**settings, "UPGRADE_PROTOCOLS": value})
    assert result.returncode == 1 and "WORKSPACE_PROXY_UPGRADE_PROTOCOLS" in result.stderr and said in result.stderr
