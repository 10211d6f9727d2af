# SPDX-License-Identifier: Apache-2.0
"""Connections to the servers of ports are kept for the next requests, as many as there are descriptors for."""

import contextlib
import socket

import pytest
from ports import PortHost
from proxy import wait_until
from readable import readable

FILES = 100  # that a page requests at once
IDLE_MAX = 256  # connections of all ports together
TIMEOUT_S = 60


@pytest.fixture
def servers():
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=FILES)) for _ in range(3)]
        for server in servers:
            server.settimeout(TIMEOUT_S)
        yield servers


@pytest.fixture
def proxy(make_proxy, gitlab, upstream, servers):
    ports = ",".join(str(server.getsockname()[1]) for server in servers)
    return make_proxy(gitlab, upstream, name="kiwi.ws.localhost", API_TOKENS="on", PORTS=ports)


class Page:
    """Its files come from one port, each over its own connection."""

    def __init__(self, stack, proxy, gitlab, server):
        self._stack, self._server = stack, server
        self._clients = [stack.enter_context(proxy.raw()) for _ in range(FILES)]
        self._host = PortHost(proxy, server.getsockname()[1]).host
        self._token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
        self.connections = []

    def connect(self):
        for client in self._clients:
            self._send(client)
            self.connections.append(self._stack.enter_context(self._server.accept()[0]))
            self.connections[-1].settimeout(TIMEOUT_S)
        self._answer()

    def load_again(self):
        for client in self._clients:
            self._send(client)
        self._answer()

    def _send(self, client):
        client.request("GET", "/", [("Authorization", f"Bearer {self._token}")], host=self._host)

    def _answer(self):
        """All at once, so that none can take the connection of another."""
        for connection in self.connections:
            assert connection.recv(65536).startswith(b"GET / "), "the connection was closed"
        for connection in self.connections:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert {client.read_response("GET").status for client in self._clients} == {200}


def test_connections_of_a_page_with_many_files_are_kept(proxy, gitlab, servers):
    """A development server's page requests a hundred modules at once, and as many again with its next level."""
    with contextlib.ExitStack() as stack:
        page = Page(stack, proxy, gitlab, servers[0])
        page.connect()
        page.load_again()


def test_idle_connections_of_all_ports_are_bounded(proxy, gitlab, servers):
    """Each needs a descriptor, and browsers and health checks need theirs."""
    with contextlib.ExitStack() as stack:
        pages = [Page(stack, proxy, gitlab, server) for server in servers]
        for page in pages:
            page.connect()
        pages[0].load_again()
        more = len(servers) * FILES - IDLE_MAX
        closed = wait_until(
            lambda: len(ended := readable(pages[-1].connections, 0)) >= more and ended, what="the ends of connections"
        )
        assert len(closed) == more
        assert {connection.recv(1) for connection in closed} == {b""}


def test_idle_connections_to_ports_leave_room_for_the_ides(proxy, gitlab, upstream, servers):
    """Visitors of a port that is shared must not take the IDE's connections."""
    with contextlib.ExitStack() as stack:
        for server in servers:
            Page(stack, proxy, gitlab, server).connect()
        token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
        with proxy.raw() as raw:
            for _ in range(3):
                raw.request("GET", "/", [("Authorization", f"Bearer {token}")], host=proxy.host)
                assert raw.read_response("GET").status == 200
        assert len({id(c) for c in upstream.connections if c.requests}) == 1
