# SPDX-License-Identifier: Apache-2.0
"""Whose word counts about where a request came from: X-Forwarded-For and the PROXY protocol.

Clients on 127.0.0.2 are the trusted proxy, those on 127.0.0.1 are anybody.
"""

import socket
import struct

import pytest

TRUSTED = "127.0.0.2"
ANYBODY = "127.0.0.1"


class Balancer:
    """A plain connection from a chosen address."""

    def __init__(self, proxy, source):
        host, port = proxy.address("http")
        self.socket = socket.create_connection((host, port), timeout=60, source_address=(source, 0))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def read_head(self):
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(4096)
            if not more:
                return data
            data += more
        return data

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def make(make_proxy, gitlab, upstream, client):
    """A proxy, and a function that makes the head of a signed-in request."""

    def make(**settings):
        proxy = make_proxy(gitlab, upstream, HTTP_ADDRESS="127.0.0.1:0", TRUSTED_PROXY_IPS=TRUSTED, **settings)
        assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
        cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))

        def head(target, *headers):
            lines = [f"GET {target} HTTP/1.1", f"Host: {proxy.host}", f"Cookie: {cookie}", *headers]
            return ("\r\n".join(lines) + "\r\n\r\n").encode()

        return proxy, head

    return make


def forwarded_for(upstream, target):
    return [r.get_all("X-Forwarded-For") for r in upstream.requests if r.target == target]


def test_the_list_of_a_trusted_proxy_is_believed_from_its_end(make, upstream):
    proxy, head = make()
    with Balancer(proxy, TRUSTED) as one:
        one.socket.sendall(head("/a", f"X-Forwarded-For: 198.51.100.1, 203.0.113.5, {TRUSTED}"))
        assert one.read_head().startswith(b"HTTP/1.1 200 ")
    assert forwarded_for(upstream, "/a") == [[f"198.51.100.1, 203.0.113.5, {TRUSTED}, {TRUSTED}"]]
    assert proxy.wait_for_log(message="request", path="/a")["client"] == "203.0.113.5"


def test_the_list_of_anybody_else_is_dropped(make, upstream):
    proxy, head = make()
    with Balancer(proxy, ANYBODY) as one:
        one.socket.sendall(head("/a", "X-Forwarded-For: 198.51.100.1", "X_Forwarded_For: 198.51.100.2"))
        assert one.read_head().startswith(b"HTTP/1.1 200 ")
    assert forwarded_for(upstream, "/a") == [[ANYBODY]]
    line = proxy.wait_for_log(message="request", path="/a")
    assert line["peer"] == ANYBODY and "client" not in line


def version_2(source, port):
    addresses = socket.inet_aton(source) + socket.inet_aton("192.0.2.2") + struct.pack("!HH", port, 443)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11]) + struct.pack("!H", len(addresses)) + addresses


HEADERS = {"v1": b"PROXY TCP4 192.0.2.7 192.0.2.2 1234 443\r\n", "v2": version_2("192.0.2.7", 1234)}


@pytest.mark.parametrize("version", HEADERS)
def test_proxy_headers_in_any_pieces(make, upstream, version):
    proxy, head = make(PROXY_PROTOCOL="on")
    data = HEADERS[version] + head("/a")
    for cut in (len(HEADERS[version]), 1, 7, len(HEADERS[version]) - 1, len(HEADERS[version]) + 5):
        with Balancer(proxy, TRUSTED) as one:
            one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.socket.sendall(data[:cut])
            one.socket.sendall(data[cut:])
            assert one.read_head().startswith(b"HTTP/1.1 200 "), cut
    assert forwarded_for(upstream, "/a") == [["192.0.2.7"]] * 5
    assert proxy.wait_for_log(message="request", path="/a")["peer"] == "192.0.2.7"


def test_a_proxy_header_byte_by_byte(make, upstream):
    proxy, head = make(PROXY_PROTOCOL="on")
    with Balancer(proxy, TRUSTED) as one:
        one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HEADERS["v2"]:
            one.socket.sendall(bytes([byte]))
        one.socket.sendall(head("/a"))
        assert one.read_head().startswith(b"HTTP/1.1 200 ")
    assert forwarded_for(upstream, "/a") == [["192.0.2.7"]]


def test_a_trusted_proxy_without_a_header_is_closed(make, upstream):
    proxy, head = make(PROXY_PROTOCOL="on")
    with Balancer(proxy, TRUSTED) as one:
        one.socket.sendall(head("/a"))
        assert one.is_closed()
    assert forwarded_for(upstream, "/a") == []


def test_a_silent_proxy_is_closed(make):
    proxy, head = make(PROXY_PROTOCOL="on", HANDSHAKE_TIMEOUT="100ms")
    with Balancer(proxy, TRUSTED) as one:
        one.socket.sendall(b"PROXY ")
        assert one.is_closed()


def test_a_proxy_that_ends_within_its_header_is_closed_at_once(make):
    proxy, head = make(PROXY_PROTOCOL="on")
    with Balancer(proxy, TRUSTED) as one:
        one.socket.sendall(HEADERS["v1"][:-1])
        one.socket.shutdown(socket.SHUT_WR)
        one.socket.settimeout(10)  # sooner than HANDSHAKE_TIMEOUT
        assert one.is_closed()


def test_the_proxy_header_of_anybody_is_no_request(make, upstream):
    proxy, head = make(PROXY_PROTOCOL="on")
    with Balancer(proxy, ANYBODY) as one:
        one.socket.sendall(HEADERS["v1"] + head("/a"))
        assert one.read_head().startswith(b"HTTP/1.1 400 ")
    assert forwarded_for(upstream, "/a") == []


# Request ids, and lists in several lines


@pytest.mark.parametrize("source, value, is_kept", [
    (TRUSTED, "3f2a-77.B_9", True),
    (TRUSTED, "a" * 64, True),
    (TRUSTED, "a" * 65, False),
    (TRUSTED, "a b", False),
    (TRUSTED, "a\"b", False),
    (ANYBODY, "3f2a-77.B_9", False),
])
def test_the_request_id_of_a_trusted_proxy_is_kept(make, upstream, source, value, is_kept):
    proxy, head = make()
    with Balancer(proxy, source) as balancer:
        balancer.socket.sendall(head("/id", f"X-Request-Id: {value}"))
        balancer.read_head()
    request = next(r for r in upstream.requests if r.target == "/id")
    assert len(request.get_all("X-Request-Id")) == 1
    assert (request.get("X-Request-Id") == value) == is_kept
    assert proxy.wait_for_log(message="request", path="/id")["request_id"] == request.get("X-Request-Id")


def test_two_request_ids_are_none(make, upstream):
    proxy, head = make()
    with Balancer(proxy, TRUSTED) as balancer:
        balancer.socket.sendall(head("/id", "X-Request-Id: one", "X-Request-Id: two"))
        balancer.read_head()
    (value,) = next(r for r in upstream.requests if r.target == "/id").get_all("X-Request-Id")
    assert value not in ("one", "two")


def test_all_lines_of_forwarded_for_count(make, upstream):
    proxy, head = make()
    with Balancer(proxy, TRUSTED) as balancer:
        balancer.socket.sendall(head("/list", "X-Forwarded-For: 192.0.2.1", f"X-Forwarded-For: 192.0.2.7, {TRUSTED}"))
        balancer.read_head()
    request = next(r for r in upstream.requests if r.target == "/list")
    assert request.get("X-Forwarded-For") == f"192.0.2.1, 192.0.2.7, {TRUSTED}, {TRUSTED}"
    assert proxy.wait_for_log(message="request", path="/list")["client"] == "192.0.2.7"
