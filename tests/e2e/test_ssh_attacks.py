# SPDX-License-Identifier: Apache-2.0
"""Attacks on SSH: hostile workspaces and those who share the user's computer, and races about who may connect."""

import contextlib
import json
import os
import signal
import socket
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from proxy import PATIENCE_S, wait_until
from readable import readable
from ssh import KEY, ask

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def proxy(make_proxy, gitlab, upstream, container):
    return make_proxy(gitlab, upstream, SSH_SOCKET=container.socket)


class HostileWorkspace:
    """A host that answers logins as it likes; `requests` has what computers sent it, by path."""

    def __init__(self, certificates):
        self.answers = {
            "/oauth2/device/start": {"device_code": "d" * 43, "user_code": "BCDFGHJK"},
            "/oauth2/device/token": {"token": "wsd1.evil", "username": "sasha"},
            "/oauth2/ssh": {"available": True, "user": "coder", "host_key": KEY},
        }
        self.requests = {}
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                hostile.requests[self.path] = self.rfile.read(length).decode()
                body = json.dumps(hostile.answers[self.path]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *arguments):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.cert, certificates.key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = f"other.localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hostile(certificates):
    workspace = HostileWorkspace(certificates)
    yield workspace
    workspace.server.shutdown()
    workspace.server.server_close()


@pytest.fixture
def computer(make_computer, hostile):
    return make_computer(hostile)


def test_a_workspace_sets_the_key_of_its_own_host_only(computer, hostile):
    other = KEY.replace("AAAAIGHb", "AAAAIGHc")
    hostile.answers["/oauth2/ssh"]["host_key"] = f"{KEY} x\n* {other}\n@cert-authority * {other}"
    process = computer.start_login("--no-browser")
    process.communicate(timeout=PATIENCE_S)
    assert (computer.configuration / "known_hosts").read_text() == f"{hostile.host} {KEY}\n"


@pytest.mark.parametrize("code", ["\x1b[2J\x1b[H\x07", "\x1b]0;x\x07\r\n", "bcd fghj"])
def test_a_workspace_sends_no_control_characters_to_the_terminal(computer, hostile, code):
    hostile.answers["/oauth2/device/start"]["user_code"] = code
    process = computer.start_login("--no-browser")
    printed = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 1 and "malformed answer" in printed
    assert printed.strip().isprintable()


def test_a_workspace_gets_no_code_of_another(computer, hostile, proxy, client):
    """It sends the browser to the other's page, with a challenge of its own (mix-up, RFC 9207)."""
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    process = computer.start_login()
    assert process.stderr.readline() == "Continue in your browser:\n"
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(process.stderr.readline().strip()).query))
    query["challenge"] = "A" * 43
    page = client.navigate(f"{proxy.origin}/oauth2/device?{urllib.parse.urlencode(query)}")
    assert f"<code>{proxy.host}</code>" in page.text, "the page names its workspace"
    back = client.follow(client.submit(page, next(f for f in page.forms() if "challenge" in f.fields)))
    assert back.status == 400
    printed = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 1 and "another workspace" in printed
    assert not hostile.requests, "neither code nor verifier"


def test_connections_that_say_nothing_do_not_hold_a_login_up(proxy, container, client, make_computer):
    """Of other users of the computer, or of browsers that connect ahead of need."""
    container.start()
    laptop = make_computer(proxy, "other")
    process = laptop.start_login()
    assert process.stderr.readline() == "Continue in your browser:\n"
    url = process.stderr.readline().strip()
    port = int(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["port"])
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)]
        for one in idle:
            one.sendall(b"G")
        page = client.login(url, "sasha", "sasha-password")
        reply = client.submit(page, next(f for f in page.forms() if "challenge" in f.fields))
        assert client.follow(reply).status == 200
        assert process.wait(PATIENCE_S) == 0
        for one in idle:
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(100) == b"", "they were not waited for"


def post(client, proxy, path, **fields):
    body = urllib.parse.urlencode(fields)
    return client.request("POST", proxy.origin + path, FORM, body, cookies=False)


@pytest.mark.parametrize("mode, dest", [("cors", "empty"), ("same-origin", "empty"), ("navigate", "iframe")])
def test_scripts_of_the_ide_let_no_computer_in(proxy, client, mode, dest):
    """They share the page's origin and its cookies, such as those of an app that code-server serves."""
    challenge = "A" * 43
    code = post(client, proxy, "/oauth2/device/start", challenge=challenge, name="a").json()["user_code"]
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    fetch = {"Origin": proxy.origin, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    for form in (f"code={code}&name=a", f"port=1&challenge={challenge}&state=s&name=a"):
        assert client.request("POST", proxy.origin + "/oauth2/device", {**FORM, **fetch}, form).status == 403


def test_wrong_codes_count_also_between_right_ones(proxy, container, client):
    codes = []
    for _ in range(2):
        started = post(client, proxy, "/oauth2/device/start", challenge="A" * 43, name="a").json()
        codes.append(started["user_code"])
    page = client.login(proxy.origin + "/oauth2/device", "sasha", "sasha-password")
    for _ in range(5):
        assert "connect by SSH?" in client.submit(page, page.forms()[0], code=codes[0]).text
        client.submit(page, page.forms()[0], code="BBBBBBBB")
    for code in codes:
        assert "not known" in client.submit(page, page.forms()[0], code=code).text


def test_a_device_that_ends_while_gitlab_is_asked(make_proxy, gitlab, upstream, container, tmp_path, make_computer, client):
    state = tmp_path / "state"
    state.mkdir()
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, STATE_DIR=str(state))
    container.start()
    laptop = make_computer(proxy, "other")
    laptop.log_in(client)
    token = laptop.stored["token"]
    assert proxy.stop() == 0
    proxy.start_again()
    fault = gitlab.faults.add("*", delay_s=1)
    asked = len(gitlab.requests.all())
    raw = proxy.raw()
    raw.send(f"GET /oauth2/ssh HTTP/1.1\r\nHost: {proxy.host}\r\nAuthorization: Bearer {token}\r\n\r\n")
    wait_until(lambda: len(gitlab.requests.all()) > asked)
    assert post(client, proxy, "/oauth2/device/end", token=token).status == 200
    gitlab.faults.remove(fault)
    assert raw.read_response().status == 401


# In the IDE's container


def test_sessions_have_the_usual_umask(laptop):
    """The helper's own protects its keys; what users write is for others as well, such as the clone."""
    old = os.umask(0o022)
    os.umask(old)
    assert int(laptop.ssh("umask").stdout, 8) == old


def availability(make_proxy, gitlab, upstream, container):
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on")
    token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
    return ask(proxy, token, upgrade=False).response.json()


@pytest.mark.parametrize("what", ["open to others", "of another user", "a link", "a file"])
def test_a_directory_that_others_made(make_proxy, gitlab, upstream, container, what):
    """A hook that fails ends the container: the IDE must run without SSH."""
    elsewhere = os.path.join(container.directory, "elsewhere")
    if what == "a link":
        os.mkdir(elsewhere, 0o700)
        os.chown(elsewhere, container.uid, container.uid)
        os.symlink(elsewhere, container.private)
    elif what == "a file":
        open(container.private, "w").close()
    else:
        os.mkdir(container.private, 0o700)
        if container.is_root and what == "open to others":
            os.chown(container.private, container.uid, container.uid)
        if not container.is_root or what == "open to others":
            os.chmod(container.private, 0o755)
    container.start()
    answer = availability(make_proxy, gitlab, upstream, container)
    assert answer["available"] is False and "a directory of this user alone" in answer["problem"]
    assert not os.path.exists(elsewhere) or not os.listdir(elsewhere)


def test_a_directory_in_place_of_the_socket(make_proxy, gitlab, upstream, container):
    os.makedirs(os.path.join(container.socket, "full"))
    container.start()
    wait_until(lambda: not os.path.isdir(container.socket) and os.path.exists(container.socket))
    assert availability(make_proxy, gitlab, upstream, container)["available"] is True


def test_more_connections_than_the_helper_takes(container):
    """The one that is too many is told so. The processes of the others are stopped, since they would end after two
    seconds, and a busy machine needs longer than that for all of them."""
    container.start()
    stopped = set()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [os.kill(pid, signal.SIGKILL) for pid in stopped])

        def connect():
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            one.connect(container.socket)
            return one

        while len(stopped) < 512:
            held = [connect() for _ in range(min(20, 512 - len(stopped)))]
            wait_until(lambda: any(readable([one], 0) for one in held) or len(container.children()) >= len(stopped) + len(held))
            for pid in set(container.children()) - stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    stopped.add(pid)
        one = connect()
        one.settimeout(PATIENCE_S)
        assert one.recv(100) == b"problem too many SSH connections in the workspace\n"


def test_a_request_that_comes_slowly(container):
    """The time limit is for the request, not for each of its bytes."""
    container.start()
    deadline = time.monotonic() + PATIENCE_S
    with socket.socket(socket.AF_UNIX) as one, contextlib.suppress(ConnectionError):
        one.connect(container.socket)
        while not readable([one], 0.5):
            assert time.monotonic() < deadline
            one.send(b"w")
        assert one.recv(1) == b""


def test_bytes_of_a_tunnel_are_counted_once(laptop):
    size = 300_000
    laptop.ssh("cat > /dev/null", input=bytes(size))
    line = laptop.proxy.wait_for_log(message="request", path="/oauth2/ssh", status=101)
    assert size < line["request_bytes"] < 1.2 * size, line
