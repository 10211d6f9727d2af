# SPDX-License-Identifier: Apache-2.0
"""The moments that matter: a token's expiry under load, and access that is withdrawn while it is used."""

import contextlib
import json
import os
import shutil
import threading
import time
import urllib.parse

import pytest
import websocket
from ide import Ide
from proxy import wait_until

SESSION = "__Host-workspace-proxy"
TABS = 20
REQUESTS = 200
SOON_S = 5
POLICY_VIOLATION = 1008
PAYLOAD = 100 << 20


def session_of(client):
    return f"{SESSION}={client.cookie(SESSION).value}"


def login(proxy, client, path="/"):
    assert client.login(proxy.origin + path, "sasha", "sasha-password").status == 200
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    return [("Cookie", session_of(client))]


def open_tab(proxy, cookie, path="/ws"):
    raw = proxy.raw()
    assert raw.upgrade(path, proxy.host, proxy.origin, cookie).status == 101
    return raw


def echo(raw, text):
    raw.send_frame(websocket.TEXT, text)
    opcode, payload, _ = raw.read_frame()
    assert (opcode, payload) == (websocket.TEXT, text)


# The storm

# A busy machine needs long to open all connections.
LONG_IDLE = {"HEAD_TIMEOUT": "300s", "KEEPALIVE_TIMEOUT": "300s"}


@pytest.mark.parametrize("gitlab_is_slow", [False, True])
def test_concurrent_requests_at_expiry_refresh_once(make_proxy, gitlab, upstream, client, gitlab_is_slow):
    """The last answer is too old, so every request of the storm has to wait."""
    proxy = make_proxy(gitlab, upstream, AUTHORIZATION_INTERVAL="3s", AUTHORIZATION_GRACE="0s", **LONG_IDLE)
    cookie = login(proxy, client)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(proxy.raw()) for _ in range(REQUESTS)]
        for connection in connections:
            connection.request("GET", "/oauth2/sign_in", host=proxy.host)
            assert connection.read_response().status == 200, "open, and known to the proxy"
        gitlab.requests.clear()
        gitlab.expire_tokens("sasha")
        if gitlab_is_slow:
            gitlab.faults.add("token", delay_answer_s=0.5)
        time.sleep(3.1)  # the last answer is too old now, whatever came before
        for number, connection in enumerate(connections):
            connection.request("GET", f"/storm/{number}", cookie, host=proxy.host)
        statuses = [connection.read_response().status for connection in connections]
    assert statuses == [200] * REQUESTS
    assert gitlab.requests.refreshes == 1
    assert gitlab.requests.count(endpoint="token") == 1, "nobody signed in anew"
    assert client.fetch(proxy.origin + "/").status == 200
    print(f"{REQUESTS} requests served, {gitlab.requests.refreshes} refresh sent")


def test_tabs_live_through_expiry(make_proxy, gitlab, upstream, client):
    """Twenty tabs with WebSockets, and requests all the while; the token expires under them."""
    proxy = make_proxy(gitlab, upstream, AUTHORIZATION_INTERVAL="300ms", AUTHORIZATION_GRACE="5s")
    cookie = login(proxy, client)
    stop = threading.Event()
    problems = []
    served = []

    def knock():
        with proxy.raw() as raw:
            while not stop.is_set():
                raw.request("GET", "/", cookie, host=proxy.host)
                served.append(raw.read_response().status)

    def tab(number):
        try:
            knock()
        except Exception as e:  # noqa: BLE001 - shown below
            problems.append((number, repr(e)))

    with contextlib.ExitStack() as stack:
        tabs = [stack.enter_context(open_tab(proxy, cookie)) for _ in range(TABS)]
        threads = [threading.Thread(target=tab, args=(n,)) for n in range(TABS)]
        for thread in threads:
            thread.start()
        gitlab.expire_tokens("sasha")
        wait_until(lambda: gitlab.requests.refreshes, what="the refresh")
        asked = gitlab.requests.count(endpoint="graphql", status=200)
        wait_until(
            lambda: gitlab.requests.count(endpoint="graphql", status=200) > asked + 2,
            what="further questions",
        )
        stop.set()
        for thread in threads:
            thread.join(60)
        for raw in tabs:
            echo(raw, b"still here")
    assert not problems and set(served) == {200}, (problems[:3], set(served))
    assert gitlab.requests.refreshes == 1 and gitlab.requests.count(endpoint="token", status=400) == 0
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 1
    print(f"{len(served)} requests served on {TABS} connections, {gitlab.requests.refreshes} refresh sent")


# Access that is withdrawn


class Pouring:
    """An upstream that sends a message of 100 MB, in frames of a size, once it is told to."""

    def __init__(self, upstream, frame_size, pause_after=None):
        self.begin = threading.Event()
        self.resume = threading.Event()
        self._frame_size = frame_size
        self._pause_after = pause_after
        upstream.answer = self.answer

    def answer(self, connection, request):
        if (request.get("Upgrade") or "").lower() != "websocket":
            connection.send_response(200, [("Content-Type", "text/html")], b"<h1>IDE</h1>")
            return
        key = request.get("Sec-WebSocket-Key").encode()
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {websocket.accept_value(key)}\r\n\r\n"
        )
        self.begin.wait(20)
        sent = 0
        while sent < PAYLOAD:
            final = sent + self._frame_size >= PAYLOAD
            opcode = websocket.BINARY if sent == 0 else 0
            piece = websocket.frame(opcode, bytes(self._frame_size), final=final)
            if self._pause_after:
                connection.send(piece[: self._pause_after])
                self.resume.wait(20)
                raise EOFError
            connection.send(piece)
            sent += self._frame_size
        raise EOFError


def withdraw(gitlab):
    """Somebody else's workspace from now on; a function that waits for GitLab to say so: when it did."""
    seen = gitlab.requests.count(endpoint="graphql", status=200)
    gitlab.workspace.owner = gitlab.alex

    def said_at():
        return gitlab.requests.wait(count=seen + 1, ended=True, endpoint="graphql", status=200)[seen].ended_at

    return said_at


@pytest.fixture
def watchful(make_proxy, gitlab, upstream):
    return make_proxy(gitlab, upstream, AUTHORIZATION_INTERVAL="1s", AUTHORIZATION_GRACE="10s")


def test_revocation_closes_in_the_middle_of_a_download(watchful, gitlab, upstream, client):
    """The message is in many frames, as browsers' and IDEs' big ones are: the close comes between two."""
    cookie = login(watchful, client)
    pouring = Pouring(upstream, 64 << 10)
    with open_tab(watchful, cookie) as raw:
        said_at = withdraw(gitlab)
        pouring.begin.set()
        received = 0
        while True:
            opcode, payload, final = raw.read_frame()
            if opcode == websocket.CLOSE:
                break
            assert opcode in (websocket.BINARY, 0) and not final and len(payload) == 64 << 10
            received += len(payload)
            if received == 32 << 20:
                said_at()  # a reader that pauses: the rest waits in buffers, and at the IDE
        closed_at = time.time()
        assert websocket.close_code(payload) == POLICY_VIOLATION
        assert raw.is_closed()
    assert 0 < received < PAYLOAD
    took = closed_at - said_at()
    assert took < SOON_S, f"{took:.3f} s from GitLab's refusal to the close frame"
    print(f"closed {took * 1000:.0f} ms after GitLab's refusal, {received >> 20} MiB into the message")


def test_revocation_closes_in_the_middle_of_an_upload(watchful, gitlab, upstream, client):
    """One frame of 100 MB on its way to the IDE: nothing keeps the close frame from the browser."""
    cookie = login(watchful, client)
    with open_tab(watchful, cookie) as raw:
        frame = websocket.frame(websocket.BINARY, bytes(1), mask=True)
        header = bytes([frame[0], 0x80 | 127]) + PAYLOAD.to_bytes(8, "big") + bytes(4)
        raw.send(header)
        for _ in range(8):
            raw.send(bytes(1 << 20))
        said_at = withdraw(gitlab)
        opcode, payload, _ = raw.read_frame()
        took = time.time() - said_at()
        assert opcode == websocket.CLOSE and websocket.close_code(payload) == POLICY_VIOLATION
    assert took < SOON_S, f"{took:.3f} s from GitLab's refusal to the close frame"
    print(f"closed {took * 1000:.0f} ms after GitLab's refusal")


def test_a_frame_that_does_not_end_is_cut(watchful, gitlab, upstream, client):
    """No boundary comes where a close frame could stand, so the connection ends without one."""
    cookie = login(watchful, client)
    pouring = Pouring(upstream, PAYLOAD, pause_after=1 << 20)
    with open_tab(watchful, cookie) as raw:
        pouring.begin.set()
        raw.read_exactly(1 << 20)
        said_at = withdraw(gitlab)
        with pytest.raises(EOFError):
            raw.read_exactly(1)
        took = time.time() - said_at()
    pouring.resume.set()
    assert took < SOON_S, f"{took:.3f} s from GitLab's refusal to the end"


@pytest.mark.parametrize("how", ["owner", "blocked", "revoked"])
def test_every_tab_and_request_ends_at_once(watchful, gitlab, upstream, client, how):
    cookie = login(watchful, client)
    with contextlib.ExitStack() as stack:
        tabs = [stack.enter_context(open_tab(watchful, cookie)) for _ in range(TABS)]
        for raw in tabs:
            echo(raw, b"hello")
        before = len(upstream.requests)
        if how == "owner":
            gitlab.workspace.owner = gitlab.alex
        elif how == "blocked":
            gitlab.sasha.blocked = True
        else:
            gitlab.revoke_tokens("sasha")
        first = None
        for raw in tabs:
            opcode, payload, _ = raw.read_frame()
            first = first or time.monotonic()
            assert opcode == websocket.CLOSE and websocket.close_code(payload) == POLICY_VIOLATION
        assert time.monotonic() - first < SOON_S
    assert client.fetch(watchful.origin + "/").status in (401, 403)
    assert len(upstream.requests) == before


# A live kernel

jupyter = pytest.mark.skipif(
    not shutil.which("jupyter-notebook"), reason="jupyter-notebook is not installed: run `make deps-demo`"
)


@pytest.fixture
def kernel_proxy(make_proxy, gitlab, tmp_path):
    """A proxy before a real Jupyter."""
    run = tmp_path / "ide"
    run.mkdir(mode=0o700)
    project = tmp_path / "project"
    project.mkdir()

    proxy = make_proxy(
        gitlab,
        None,
        UPSTREAM=f"unix:{run}/ide.sock",
        AUTHORIZATION_INTERVAL="1s",
        AUTHORIZATION_GRACE="10s",
    )
    ide = Ide("jupyter", str(run), str(project), proxy.origin, str(tmp_path / "ide.log")).start()
    try:
        wait_until(lambda: os.path.exists(ide.socket), 60, "Jupyter")
        yield proxy
    finally:
        ide.stop()


def execute_request(code):
    header = {"msg_id": "1", "username": "", "session": "s", "msg_type": "execute_request", "version": "5.3"}
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
    }
    message = {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
        "channel": "shell",
    }
    return json.dumps(message).encode()


@jupyter
def test_revocation_closes_a_live_kernel(kernel_proxy, gitlab, client):
    proxy = kernel_proxy
    wait_until(
        lambda: client.login(proxy.origin + "/tree", "sasha", "sasha-password").status == 200,
        60,
        "Jupyter's page",
        0.5,
    )
    xsrf = client.cookie("_xsrf").value
    reply = client.fetch(
        proxy.origin + "/api/kernels",
        "POST",
        {"X-XSRFToken": xsrf, "Content-Type": "application/json", "Origin": proxy.origin},
        b"{}",
    )
    assert reply.status == 201, (reply.status, reply.text[:300])
    path = f"/api/kernels/{urllib.parse.quote(reply.json()['id'])}/channels?session_id=s"
    cookies = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    proxy.secrets.append(client.cookie(SESSION).value)
    with open_tab(proxy, [("Cookie", cookies)], path) as raw:
        raw.send_frame(
            websocket.TEXT,
            execute_request("import time\nwhile True: print('tick', flush=True); time.sleep(0.01)"),
        )
        seen = b""
        while b"tick" not in seen:
            opcode, seen, _ = raw.read_frame()
            assert opcode != websocket.CLOSE, seen
        said_at = withdraw(gitlab)
        while opcode != websocket.CLOSE:
            opcode, payload, _ = raw.read_frame()
        took = time.time() - said_at()
        assert websocket.close_code(payload) == POLICY_VIOLATION and raw.is_closed()
    assert took < SOON_S, f"{took:.3f} s from GitLab's refusal to the close frame"
    print(f"closed {took * 1000:.0f} ms after GitLab's refusal")
