# SPDX-License-Identifier: Apache-2.0
"""GitLab behind an outgoing proxy (https_proxy): when that fails, page, JSON and log say so."""

import contextlib
import re
import socket
import threading

import pytest
import runners

NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class StandIn:
    """An HTTP proxy that connects, refuses with a status, or says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.status = 200  # None: no answer
        self.asked = []
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            host, port = re.match(rb"CONNECT ([^:]+):(\d+) ", head).groups()
            self.asked.append(host.decode())
            if self.status is None:
                client.recv(1)
                return
            client.sendall(b"HTTP/1.1 %d Stand-in\r\n\r\n" % self.status)
            if self.status == 200:
                server = socket.create_connection((host, int(port)))
                self._open.append(server)
                threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
                self._pump(client, server)

    @staticmethod
    def _pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        for one in (self.listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Behind(runners.Plain):
    def __init__(self, url):
        self.url = url

    def command(self, program, arguments, settings):
        return ["/usr/bin/env", f"https_proxy={self.url}", program, *arguments]


@pytest.fixture
def stand_in():
    stand_in = StandIn()
    yield stand_in
    stand_in.close()


@pytest.fixture
def start(make_proxy, gitlab, upstream):
    def start(url, **settings):
        proxy = make_proxy(
            gitlab,
            upstream,
            API_TOKENS="on",
            AUTHORIZATION_INTERVAL="1s",
            AUTHORIZATION_GRACE="0s",
            start=False,
            **settings,
        )
        proxy.runner = Behind(url)
        return proxy.start()

    return start


def assert_names_the_proxy(proxy, client, reply, reason):
    assert reply.status == 503 and "outgoing proxy" in reply.text and int(reply.get("Retry-After")) > 0
    assert "GitLab is not responding" not in reply.text
    token = client.request("GET", proxy.origin + "/", {"PRIVATE-TOKEN": "glpat-any"}, cookies=False)
    assert token.status == 503 and token.json()["error"] == "outgoing_proxy_failed"
    errors = [entry["error"] for entry in proxy.log_entries(message="login failed")]
    errors += [entry["error"] for entry in proxy.log_entries(message="API token not verified")]
    assert errors and all("outgoing proxy: " in error and reason in error for error in errors)


@pytest.mark.parametrize(
    "status, reason",
    [(407, "it requires a user and password"), (403, "status 403"), (502, "status 502"), (None, "no connection to localhost in time")],
)
def test_a_proxy_that_refuses(start, stand_in, gitlab, client, status, reason):
    proxy = start(stand_in.url)
    stand_in.status = status
    reply = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert_names_the_proxy(proxy, client, reply, reason)
    assert set(stand_in.asked) == {"localhost"} and not gitlab.requests.all(endpoint="token")


def test_a_proxy_that_is_not_there(start, stand_in, client):
    stand_in.close()
    proxy = start(stand_in.url)
    assert_names_the_proxy(proxy, client, client.login(proxy.origin + "/", "sasha", "sasha-password"), "refused")


def test_a_proxy_whose_name_does_not_exist(start, client):
    proxy = start("http://proxy.invalid:3128")
    reply = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert_names_the_proxy(proxy, client, reply, "can't be resolved")


def test_sessions_outlast_a_failing_proxy(start, stand_in, gitlab, client):
    gitlab.settings.token_lifetime_s = 4
    proxy = start(stand_in.url)
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    stand_in.status = 407
    proxy.wait_for_log(message="request")
    replies = []
    while not replies or replies[-1].status == 200:
        replies.append(client.fetch(proxy.origin + "/"))
    assert replies[-1].status == 503 and replies[-1].json()["error"] == "outgoing_proxy_failed"
    page = client.request("GET", proxy.origin + "/", NAVIGATION)
    assert page.status == 503 and "outgoing proxy" in page.text
    stand_in.status = 200
    while replies[-1].status != 200:
        replies.append(client.fetch(proxy.origin + "/"))
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 1, "no second login"
