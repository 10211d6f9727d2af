# SPDX-License-Identifier: Apache-2.0
"""Loads over HTTP/2: h2load for requests, and connections of our own that do nothing."""

import os
import re
import socket
import ssl
import subprocess
import time

import peers as peers_module

CLIENTS, STREAMS = 8, 16
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM, END_HEADERS, ACK = 1, 4, 1
DATA, HEADERS, SETTINGS = 0, 1, 4


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
    """One that has had one answer."""

    def __init__(self, peer, cookie):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self._socket = context.wrap_socket(
            socket.create_connection(("127.0.0.1", peer.tls), 20), server_hostname=peers_module.NAME
        )
        fields = {":method": "GET", ":scheme": "https", ":authority": peer.host, ":path": "/bytes/200"}
        head = b"".join(_literal(n, v) for n, v in {**fields, "cookie": cookie}.items())
        self._socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, b"") + _frame(HEADERS, END_STREAM | END_HEADERS, 1, head))
        self._read_answer()

    def _read_exactly(self, size):
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise RuntimeError("the connection ended")
            data += part
        return data

    def _read_answer(self):
        ended = False
        while not ended:
            head = self._read_exactly(9)
            self._read_exactly(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind == SETTINGS and not flags & ACK:
                self._socket.sendall(_frame(SETTINGS, ACK, 0, b""))
            ended = kind in (DATA, HEADERS) and bool(flags & END_STREAM)

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
