# SPDX-License-Identifier: Apache-2.0
"""Loads over HTTP/2: h2load for requests, and connections of our own that do nothing."""

import os
import re
import socket
import ssl
import subprocess
import time

import peers as peers_module

import websocket

CLIENTS, STREAMS = 8, 16
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM, END_HEADERS, ACK = 1, 4, 1
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
STATUS_200 = 0x88  # HPACK's static table
WEBSOCKETS_EACH = 50  # on a connection


def cpu_seconds(pids):
    """Of all threads of these processes."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
    return total / 1e9


def requests(case, peer, cookie, core, http1):
    """The same number for everyone; the CPU time is the proxy's."""
    command = ["taskset", "-c", core, "h2load", "-n", str(case.size), "-c", str(CLIENTS), "-m", str(STREAMS)]
    command += ["--connect-to", f"127.0.0.1:{peer.tls}", "-H", f"cookie: {cookie}"]
    command += (["--h1"] if http1 else []) + [f"https://{peer.host}{case.path}"]
    before = cpu_seconds(peer.pids())
    text = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    cpu = cpu_seconds(peer.pids()) - before
    done = re.search(r"(\d+) succeeded", text)
    seconds = re.search(r"finished in ([0-9.]+)(ms|s)", text)
    if not done or int(done[1]) != case.size or not seconds:
        raise RuntimeError(f"{case.name}, {peer.name}: {text[-1500:]}")
    took = float(seconds[1]) / (1000 if seconds[2] == "ms" else 1)
    return {"count": case.size, "seconds": took, "cpu_seconds": cpu, "bytes": case.size}


def _frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _string(octets):
    """HPACK (RFC 7541 section 5.2): not Huffman-coded, shorter than 16 KiB."""
    rest = len(octets) - 127
    if rest < 0:
        return bytes([len(octets)]) + octets
    return (bytes([127, rest]) if rest < 128 else bytes([127, rest % 128 + 128, rest // 128])) + octets


def _literal(name, value):
    """A field that is not indexed."""
    return b"\0" + _string(name.encode()) + _string(value.encode())


class Connection:
    """One that has had one answer, and has WebSockets if it is told to open some."""

    def __init__(self, peer, cookie):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self._socket = context.wrap_socket(
            socket.create_connection(("127.0.0.1", peer.tls), 20), server_hostname=peers_module.NAME
        )
        fields = {":method": "GET", ":scheme": "https", ":authority": peer.host, ":path": "/bytes/200"}
        self._fields = {"cookie": cookie}
        self._stream = -1
        self._socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, b""))
        self._send_head(fields, END_STREAM)
        self._read_until(lambda kind, flags, _: kind in (DATA, HEADERS) and flags & END_STREAM)

    def _read_exactly(self, size):
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise RuntimeError("the connection ended")
            data += part
        return data

    def _send_head(self, fields, flags=0):
        self._stream += 2
        head = b"".join(_literal(n, v) for n, v in {**fields, **self._fields}.items())
        self._socket.sendall(_frame(HEADERS, flags | END_HEADERS, self._stream, head))

    def _read_until(self, is_it):
        """Returns the first frame's payload for which is_it(kind, flags, payload)."""
        while True:
            head = self._read_exactly(9)
            payload = self._read_exactly(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind == SETTINGS and not flags & ACK:
                self._socket.sendall(_frame(SETTINGS, ACK, 0, b""))
            if kind in (RST_STREAM, GOAWAY):
                raise RuntimeError(f"frame of type {kind}: {payload!r}")
            if is_it(kind, flags, payload):
                return payload

    def open_websocket(self, origin, host):
        """By Extended CONNECT (RFC 8441); one message has been there and back."""
        fields = {":method": "CONNECT", ":protocol": "websocket", ":scheme": "https", ":authority": host, ":path": "/ws"}
        self._send_head({**fields, "origin": origin, "sec-websocket-version": "13"})
        answer = self._read_until(lambda kind, *_: kind == HEADERS)
        if answer[0] != STATUS_200:
            raise RuntimeError(f"no WebSocket: {answer!r}")
        message = websocket.frame(websocket.TEXT, b"a message", mask=True)
        self._socket.sendall(_frame(DATA, 0, self._stream, message))
        self._read_until(lambda kind, _, payload: kind == DATA and payload.endswith(b"a message"))

    def close(self):
        self._socket.close()


def idle(case, peer, cookie):
    """Anonymous memory for each connection that was used once."""
    first = Connection(peer, cookie)
    _, before = peer.memory_kib()
    connections = [Connection(peer, cookie) for _ in range(case.connections)]
    time.sleep(0.3)
    _, after = peer.memory_kib()
    for connection in [first, *connections]:
        connection.close()
    return {"kib": (after - before) / case.connections}


def websockets(case, peer, cookie):
    """Anonymous memory for each WebSocket on connections that were there before."""
    connections = [Connection(peer, cookie) for _ in range(case.connections // WEBSOCKETS_EACH)]
    connections[0].open_websocket(peer.origin, peer.host)
    time.sleep(1)
    _, before = peer.memory_kib()
    for connection in connections:
        for _ in range(WEBSOCKETS_EACH):
            connection.open_websocket(peer.origin, peer.host)
    time.sleep(1)
    _, after = peer.memory_kib()
    for connection in connections:
        connection.close()
    return {"kib": (after - before) / case.connections}
