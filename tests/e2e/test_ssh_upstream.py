# SPDX-License-Identifier: Apache-2.0
"""SSH_UPSTREAM: an sshd that the image runs on loopback. And who may listen at SSH_SOCKET."""

import os
import socket
import subprocess
import sys
import threading

import pytest
import websocket
from proxy import wait_until
from ssh import KEY, OK, Container, Sshd, admin, ask

NO_SSHD = "sshd is not running in the workspace"


class Listener:
    """Takes connections, sends each the same bytes, and closes it if told so."""

    def __init__(self, greeting, closes=False):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.connections = []
        self.greeting, self.closes = greeting, closes
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            connection.sendall(self.greeting)
            if self.closes:
                connection.close()


@pytest.fixture
def start(make_proxy, gitlab, upstream):
    """start(address, NAME=value …) -> Proxy."""
    return lambda address, **more: make_proxy(
        gitlab,
        upstream,
        **{"SSH_UPSTREAM": address, "SSH_UPSTREAM_HOST_KEY": KEY, "API_TOKENS": "on", **more},
    )


def test_real_ssh_to_an_sshd_of_the_image(start, container, make_computer, client):
    laptop = make_computer(None)
    sshd = Sshd(container, laptop)
    try:
        proxy = start(
            f"127.0.0.1:{sshd.port}",
            SSH_UPSTREAM_HOST_KEY=None,
            SSH_UPSTREAM_HOST_KEY_FILE=sshd.host_key + ".pub",
            SSH_UPSTREAM_USER=sshd.user,
        )
        wait_until(lambda: "ssh" not in [p["part"] for p in admin(proxy, "/ready")["problems"]])
        laptop.proxy = proxy
        laptop.log_in(client)
        refused = laptop.ssh("-o", "BatchMode=yes", "true")
        assert refused.returncode == 255 and b"Permission denied" in refused.stderr
        sshd.accept(laptop)
        result = laptop.ssh("id -un; exit 7")
        assert (result.returncode, result.stdout.decode().strip()) == (7, sshd.user), result.stderr
        page = client.navigate(proxy.origin + "/oauth2/workspace").text
        assert "Connect from your desktop" in page and NO_SSHD not in page
    finally:
        sshd.stop()
    again = laptop.ssh("true")
    assert again.returncode == 255 and NO_SSHD.encode() in again.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user without a password")
def test_an_sshd_that_accepts_a_user_without_a_password(start, make_computer, client):
    """As in images made for GitLab's workspaces: nobody is asked for anything."""
    container = Container(password="")
    laptop = make_computer(None)
    sshd = Sshd(container, laptop, "PermitEmptyPasswords=yes")
    try:
        laptop.proxy = start(
            f"127.0.0.1:{sshd.port}",
            SSH_UPSTREAM_HOST_KEY=open(sshd.host_key + ".pub").read().strip(),
            SSH_UPSTREAM_USER=sshd.user,
        )
        wait_until(lambda: not admin(laptop.proxy, "/ready")["problems"])
        laptop.log_in(client)
        result = laptop.ssh("-o", "BatchMode=yes", "id -un")
        assert result.stdout.decode().strip() == sshd.user, result.stderr
    finally:
        sshd.stop()
        container.stop()


def test_another_host_key_than_the_configured_one_is_refused(start, container, make_computer, client):
    laptop = make_computer(None)
    sshd = Sshd(container, laptop)
    try:
        laptop.proxy = start(f"127.0.0.1:{sshd.port}", SSH_UPSTREAM_USER=sshd.user)
        wait_until(lambda: not admin(laptop.proxy, "/ready")["problems"])
        laptop.log_in(client)
        sshd.accept(laptop)
        result = laptop.ssh("true")
        assert result.returncode == 255 and b"HOST IDENTIFICATION HAS CHANGED" in result.stderr.upper()
    finally:
        sshd.stop()


def test_nothing_listens(start, token, client):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
    proxy = start(address)
    for upgrade in (True, False):
        reply = ask(proxy, token, upgrade=upgrade).response
        assert (reply.status, reply.json()["message"]) == (503, NO_SSHD)
    assert {"part": "ssh", "why": NO_SSHD} in admin(proxy, "/ready")["problems"]
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert NO_SSHD in client.navigate(proxy.origin + "/oauth2/workspace").text


@pytest.mark.parametrize("greeting, closes", [(b"HTTP/1.1 400 x\r\n", False), (b"", True), (b"SSL", False)])
def test_what_listens_is_no_sshd(start, token, greeting, closes):
    proxy = start(Listener(greeting, closes).address)
    reply = ask(proxy, token).response
    assert reply.status == 503
    assert reply.json()["message"] == "the server at SSH_UPSTREAM is not an sshd, or is too busy"


def test_bytes_and_ends(start, token):
    listener = Listener(b"SSH-2.0-x\r\n")
    proxy = start(listener.address)
    reply = ask(proxy, token, upgrade=False).response.json()
    assert reply == {"available": True, "user": "gitlab-workspaces", "host_key": KEY}
    raw = ask(proxy, token)
    assert raw.response.status == 101 and raw.response.get("Workspace-Ssh-Host-Key") == KEY
    assert raw.read_frame()[1] == b"SSH-2.0-x\r\n"
    peer = listener.connections[-1]
    raw.send(websocket.frame(websocket.BINARY, b"hello", mask=True))
    assert peer.recv(100) == b"hello", "nothing comes before the client's bytes"
    peer.close()
    kind, payload = raw.read_frame()[:2]
    assert kind == websocket.CLOSE and websocket.close_code(payload) == 1000


# At SSH_SOCKET


STRANGER = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
os.setuid(int(sys.argv[2]))
s.listen()
print("ready", flush=True)
while True:
    c = s.accept()[0]
    try:
        c.recv(1000)
        c.sendall(sys.argv[3].encode() + b"\\n")
    except OSError:
        pass
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
@pytest.mark.parametrize("mode, credential_uid, is_trusted", [(0o755, None, False), (0o777, None, True), (0o755, "34567", True)])
def test_who_may_listen_at_the_socket(make_proxy, gitlab, upstream, container, token, mode, credential_uid, is_trusted):
    os.chmod(container.directory, mode)
    command = [sys.executable, "-c", STRANGER, container.socket, "34567", OK.decode().strip()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        proxy = make_proxy(
            gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on", CREDENTIAL_UID=credential_uid
        )
        reply = ask(proxy, token, upgrade=False).response
        if is_trusted:
            assert reply.status == 200 and reply.json()["available"]
        else:
            assert reply.json()["message"] == "a process of the wrong user listens at SSH_SOCKET"
    finally:
        process.kill()
        process.communicate()
