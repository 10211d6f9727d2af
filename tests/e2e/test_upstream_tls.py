# SPDX-License-Identifier: Apache-2.0
"""Servers in the workspace that speak TLS: the IDE and ports with https, and servers that only should."""

import hashlib
import os
import ssl

import pytest
import websocket
from bodies import HEAD, MIB
from certificates import Authority
from ports import PortHost
from proxy import wait_until
from test_broken_responses import assert_broken, read_all, send_and_end
from test_metrics import scrape
from upstream import Upstream


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A certificate that nobody trusts, for a name that nobody asks for."""
    return Authority(tmp_path_factory.mktemp("stranger")).issue("own", names="DNS:wrong.example")


@pytest.fixture
def make_tls(stranger):
    def make(version=None):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*stranger)
        context.set_alpn_protocols(["h2", "http/1.1"])
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    return make


@pytest.fixture
def upstream(make_tls):
    server = Upstream(tls=make_tls())
    yield server
    server.stop()
    assert not server.errors, server.errors


def test_pages_pass_and_connections_are_kept(make_stage):
    stage = make_stage()
    names = []
    stage.upstream.tls.sni_callback = lambda s, name, context: names.append((name, s))
    with stage.raw() as raw:
        for _ in range(5):
            assert b"This is the IDE" in raw.send(stage.head()).read_response().body
    assert len({id(c) for c in stage.upstream.connections if c.requests}) == 1
    assert not names or {name for name, _ in names} == {"localhost"}
    served = next(c for c in stage.upstream.connections if c.requests)
    assert served.socket.selected_alpn_protocol() == "http/1.1" and served.socket.version() == "TLSv1.3"
    assert scrape(stage.proxy).get("workspace_proxy_upstream_failures_total", reason="tls") == 0


@pytest.mark.parametrize("listener", ["https", "http"])
def test_large_bodies_pass_both_ways(make_stage, tmp_path, listener):
    stage = make_stage(HTTP_ADDRESS=f"unix:{tmp_path}/http")
    size = 8 * MIB + 1
    data = os.urandom(size)
    with stage.raw(listener=listener) as raw:
        raw.send(stage.head("GET", f"/stream/{size}"))
        body = raw.read_response().body
        assert body == (bytes(range(256)) * (size // 256 + 1))[:size]
        assert len(raw.send(stage.head("GET", f"/chunked/{size}")).read_response().body) == size
        raw.send(stage.head("POST", "/echo", [("Content-Length", str(size))]) + data)
        echo = raw.read_response().json()
        assert (echo["body_length"], echo["body_sha256"]) == (size, hashlib.sha256(data).hexdigest())


def test_websockets_and_events_pass(make_stage):
    stage = make_stage()
    with stage.raw() as raw:
        response = raw.upgrade("/ws", stage.host, stage.proxy.origin, [("Cookie", stage.cookie)])
        assert response.status == 101
        for payload in (b"hello", os.urandom(300000)):
            raw.send_frame(websocket.BINARY, payload)
            assert raw.read_frame() == (websocket.BINARY, payload, True)
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/events/2")).read_head()
        chunks = raw.read_chunks()
        for number in range(2):
            stage.upstream.release_event()
            assert next(chunks) == b"data: %d\n\n" % number


def test_ports_speak_what_the_setting_says(make_proxy, gitlab, make_tls, client):
    ide, secure, old, plain = (
        Upstream(),
        Upstream(tls=make_tls()),
        Upstream(tls=make_tls(ssl.TLSVersion.TLSv1_2)),
        Upstream(),
    )
    ports = f"{plain.port},https:{secure.port},https:{old.port}-{old.port}"
    proxy = make_proxy(gitlab, ide, name="kiwi.ws.localhost", PORTS=ports)
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    for server in (secure, old, plain):
        host = PortHost(proxy, server.port)
        assert "This is the IDE" in host.enter(client).text
        request = server.requests[-1]
        assert request.get("Host") == host.host and request.get("X-Forwarded-Proto") == "https"
    for server in (ide, secure, old, plain):
        server.stop()
        assert not server.errors, server.errors


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_an_end_without_close_notify_is_no_end_of_a_body(make_stage, version):
    stage = make_stage()
    for field in (b"Content-Length: 10\r\n", b""):
        stage.upstream.answer = send_and_end(HEAD + field + b"\r\nhello")
        with stage.raw() as raw:
            raw.send(stage.head(headers=[("Connection", "close")], version=version))
            data, is_orderly = read_all(raw)
            assert b"hello" in data
            assert_broken(data, is_orderly)


def test_close_notify_ends_a_body(make_stage):
    stage = make_stage()

    def answer(connection, request):
        connection.send(HEAD + b"\r\nhello")
        connection.socket.unwrap()
        raise EOFError

    stage.upstream.answer = answer
    with stage.raw() as raw:
        assert raw.send(stage.head()).read_response().body == b"hello"
        # A kept connection that ended this way, or without close_notify, is not used again.
        stage.upstream.answer = stage.upstream.default_answer
        assert raw.send(stage.head()).read_response().status == 200


def test_an_answer_before_the_end_of_the_request_arrives(make_stage):
    stage = make_stage()
    stage.upstream.read_bodies = False
    stage.upstream.respond_with(HEAD.replace(b"200 OK", b"413 No") + b"Content-Length: 3\r\n\r\nbig")
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/", [("Content-Length", "5")]) + b"hell")
        response = raw.read_response()
        assert (response.status, response.body) == (413, b"big")


def failing(make_stage, upstream, answer):
    """A signed-in stage whose upstream then answers every connection by a function."""
    stage = make_stage(UPSTREAM_CONNECT_TIMEOUT="1s")

    class Refusing:
        wrap_socket = staticmethod(lambda sock, server_side: answer(sock))

    upstream.tls = Refusing()
    for connection in upstream.connections:
        connection.close()
    return stage


def greet(sock):
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    raise EOFError


def leave(sock):
    sock.recv(65536)
    raise EOFError


def hang(sock):
    while sock.recv(65536):
        pass
    raise EOFError


@pytest.mark.parametrize(
    "answer, status, said",
    [
        (greet, 502, "TLS handshake: the server does not speak TLS"),
        (leave, 502, "closed during the TLS handshake"),
        (hang, 504, "TLS handshake: timed out"),
    ],
)
def test_servers_that_do_not_speak_tls_are_named(make_stage, upstream, answer, status, said):
    stage = failing(make_stage, upstream, answer)

    def ask():
        with stage.raw() as raw:
            return raw.send(stage.head("GET", "/", [("Accept", "application/json")])).read_response()

    wait_until(lambda: ask().status == status, what=f"status {status}")
    assert stage.proxy.wait_for_log(message="upstream failed", error=said)
    if status == 502:
        reply = ask()
        assert reply.json().get("detail") == said, reply.text
        assert scrape(stage.proxy).get("workspace_proxy_upstream_failures_total", reason="tls") > 0


def test_ready_means_a_handshake(make_stage, upstream):
    stage = failing(make_stage, upstream, leave)

    def is_ready():
        with stage.raw(listener="admin") as raw:
            return raw.request("GET", "/ready", host="x").read_response().json()["ide_ready"]

    wait_until(lambda: not is_ready(), what="/ready to tell", timeout_s=10)
