# SPDX-License-Identifier: Apache-2.0
"""The tunnel of SSH: its frames and limits, proxies in front of it, and peers that stop or lie."""

import hashlib
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
import ssh
import websocket
from proxy import PATIENCE_S, binary, is_sanitized, wait_until
from readable import readable
from ssh import KEY, OK, LyingHelper, admin, ask

MUCH_MIB = int(os.environ.get("SSH_DATA_MIB", "100"))


@pytest.fixture
def proxy(make_proxy, gitlab, upstream, container):
    return make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on")


@pytest.mark.parametrize(
    "answer",
    [None, b"\n", b"ok\n", b"ok a b c\n", b"x" * 5000, b"ok co:der " + KEY.encode() + b"\n", b"problem \n",
     OK[:-1] + b" \x1b[31m\n", OK[:-1] + b"\r\nSet-Cookie: a=b\n"],
)
def test_a_helper_that_lies(proxy, container, token, answer):
    LyingHelper(container.socket, answer)
    reply = ask(proxy, token).response
    assert reply.status == 503 and reply.json()["message"] == "the SSH helper sent an invalid answer"


def test_a_helper_that_hangs(proxy, container, token):
    """Its place is free again when the time for its answer is over."""
    helper = LyingHelper(container.socket, b"")
    raw = ask(proxy, token)
    assert raw.response.status == 503 and raw.response.json()["message"] == "the SSH helper did not answer in time"
    assert helper.connections[-1].recv(10) == b"", "the connection to the helper is closed"


def test_an_sshd_that_never_greets(proxy, container, token):
    """Stopped, say: pings are answered without it, so that ssh would wait for ever."""
    helper = LyingHelper(container.socket, OK)
    raw = ask(proxy, token)
    opcode, payload, _ = raw.read_frame()
    assert opcode == websocket.CLOSE and websocket.close_code(payload) == 1011
    assert payload[2:] == b"sshd did not answer in time" and raw.is_closed()
    assert proxy.wait_for_log(message="SSH tunnel ended", reason="sshd did not answer in time")
    assert helper.connections[-1].recv(10) == b"", "the connection to the helper is closed"


def test_an_sshd_that_dies(proxy, container, token):
    """Its socket is reset, with bytes on the way."""
    helper = LyingHelper(container.socket, OK)
    raw = ask(proxy, token)
    assert raw.response.status == 101
    raw.send(websocket.frame(websocket.BINARY, bytes(1000), mask=True))
    peer = helper.connections[-1]
    assert readable([peer], PATIENCE_S)
    peer.close()  # with unread bytes: a reset
    opcode, payload, _ = raw.read_frame()
    assert opcode == websocket.CLOSE and websocket.close_code(payload) == 1011
    assert raw.is_closed()


def test_frames_and_their_ends(proxy, container, token):
    helper = LyingHelper(container.socket, OK + b"SSH-2.0-x\r\n")

    def opened():
        raw = ask(proxy, token)
        assert raw.response.status == 101 and raw.read_frame()[1] == b"SSH-2.0-x\r\n"
        return raw

    def close_code(raw):
        while (frame := raw.read_frame())[0] != websocket.CLOSE:
            pass
        assert raw.is_closed()
        return websocket.close_code(frame[1])

    raw = opened()
    peer = helper.connections[-1]
    data = os.urandom(70_000)
    whole = websocket.frame(websocket.BINARY, data[:10], mask=True, final=False)
    whole += websocket.frame(websocket.PING, b"hi", mask=True)
    whole += websocket.frame(websocket.CONTINUATION, data[10:], mask=True)
    for at in range(0, len(whole), 7919):
        raw.send(whole[at : at + 7919])
    received = b""
    while len(received) < len(data):
        received += peer.recv(65536)
    assert received == data and raw.read_frame() == (websocket.PONG, b"hi", True)
    peer.close()
    assert close_code(raw) == 1000
    for code, bad in [
        (1003, websocket.frame(websocket.TEXT, b"x", mask=True)),
        (1002, websocket.frame(websocket.BINARY, b"x")),
        (1002, websocket.frame(websocket.CONTINUATION, b"x", mask=True)),
        (1002, b"\xc2\x80\0\0\0\0"),
        (1002, b"\x83\x80\0\0\0\0"),
        (1002, b"\x09\x80\0\0\0\0"),
        (1002, websocket.frame(websocket.PING, b"x" * 126, mask=True)),
        (1002, b"\x82\xff" + b"\xff" * 12),
        (1002, b"\x82\xfe\0\x01" + b"\0" * 5),
        (1000, websocket.close(1000, mask=True)),
    ]:
        raw = opened()
        raw.send(bad)
        assert close_code(raw) == code, bad
        assert helper.connections[-1].recv(10) == b"", "the connection to the helper is closed"


def test_the_limit(make_proxy, gitlab, upstream, container, token):
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on", SSH_TUNNELS_MAX="2")
    LyingHelper(container.socket, OK)
    first, second = ask(proxy, token), ask(proxy, token)
    assert first.response.status == second.response.status == 101
    assert ask(proxy, token).response.status == 429
    first.close()
    wait_until(lambda: ask(proxy, token).response.status == 101)


def test_two_hundred_tunnels(make_proxy, gitlab, upstream, container, token):
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on", SSH_TUNNELS_MAX="200")
    LyingHelper(container.socket, OK + b"SSH-2.0-x\r\n")
    tunnels = [ask(proxy, token) for _ in range(20)]  # what the first ones need, all have
    before = proxy.memory_kib()
    tunnels += [ask(proxy, token) for _ in range(180)]
    assert {raw.response.status for raw in tunnels} == {101}
    grown = (proxy.memory_kib() - before) / 180
    assert is_sanitized() or grown <= 20, f"{grown:.1f} KiB for each tunnel"
    assert all(raw.read_frame()[1] == b"SSH-2.0-x\r\n" for raw in tunnels)
    assert ask(proxy, token).response.status == 429
    for raw in tunnels:
        raw.close()


# Proxies in front


def test_through_a_forward_proxy(laptop):
    """HTTPS_PROXY, by CONNECT; a proxy that refuses is named."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked = []

    def serve():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            asked.append(head.split()[1].decode())
            other = socket.create_connection(laptop.proxy.address())
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for a, b in [(connection, other), (other, connection)]:
                threading.Thread(target=pump, args=(a, b), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    environment = {**laptop.environment, "HTTPS_PROXY": f"http://127.0.0.1:{listener.getsockname()[1]}"}
    command = [binary(), "ssh", laptop.proxy.host, "--", "echo through"]
    result = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S)
    assert result.stdout == b"through\n", result.stderr
    assert asked and set(asked) == {laptop.proxy.host}
    listener.close()


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    sink.close()


# Backpressure


def test_a_peer_that_stops_reading_costs_little(proxy, container, token):
    """Both ways: what one side does not take, the other is not asked for."""
    helper = LyingHelper(container.socket, OK + b"SSH-2.0-x\r\n")
    raw = ask(proxy, token)
    peer = helper.connections[-1]
    before = proxy.memory_kib()
    peer.settimeout(2)
    frame = websocket.frame(websocket.BINARY, bytes(1 << 16), mask=True)
    sent = 0
    raw.socket.settimeout(2)
    with pytest.raises(OSError):
        for _ in range(1000):
            raw.socket.sendall(frame)
            sent += len(frame)
    assert sent < 30 << 20 and (is_sanitized() or proxy.memory_kib() - before < 4096)
    other = ask(proxy, token)
    peer = helper.connections[-1]
    peer.settimeout(2)
    sent = 0
    with pytest.raises(OSError):
        for _ in range(1000):
            peer.sendall(bytes(1 << 16))
            sent += 1 << 16
    assert sent < 30 << 20 and (is_sanitized() or proxy.memory_kib() - before < 8192)
    other.close()
    raw.close()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_much_data_in_bounded_memory(laptop, direction):
    before = laptop.proxy.memory_kib()
    size = MUCH_MIB << 20
    line = "".join(chr(65 + i * 7 % 26) for i in range(9973))  # of no length that buffers have
    digest = hashlib.sha256()
    text = line.encode() + b"\n"
    for _ in range(size // len(text)):
        digest.update(text)
    digest.update(text[: size % len(text)])
    if direction == "down":
        command = f"{binary()} ssh {laptop.proxy.host} -- 'yes {line} | head -c {size}' | sha256sum"
    else:
        command = f"yes {line} | head -c {size} | {binary()} ssh {laptop.proxy.host} -- sha256sum"
    result = laptop.run("bash", "-c", command, timeout=PATIENCE_S * max(1, MUCH_MIB // 200))
    assert result.stdout.decode().split()[0] == digest.hexdigest(), result.stderr
    if not is_sanitized():  # which keeps what was freed
        assert laptop.proxy.memory_kib() - before < 6144


def test_a_stopped_client_goes_on(laptop, container):
    process = ssh.open_shell(laptop)
    (sshd, *_) = container.children()
    for pid in (process.pid, sshd):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(pid, signal.SIGCONT)
    process.stdin.write(b"still here\n")
    process.stdin.flush()
    ssh.read_until(process.stdout, rb"still here\n")
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0


def test_keep_alives_are_no_activity(proxy, container, token):
    LyingHelper(container.socket, OK)
    raw = ask(proxy, token)
    idle = lambda: admin(proxy, "/activity")["idle_s"]  # noqa: E731
    wait_until(lambda: idle() >= 1)
    for _ in range(5):
        raw.send(websocket.frame(websocket.BINARY, bytes(100), mask=True))
    raw.send(websocket.frame(websocket.PING, b"1", mask=True))
    assert raw.read_frame()[0] == websocket.PONG
    assert idle() >= 1
    raw.send(websocket.frame(websocket.BINARY, bytes(3000), mask=True))
    wait_until(lambda: idle() == 0)
    raw.close()

