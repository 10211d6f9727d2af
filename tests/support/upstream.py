# SPDX-License-Identifier: Apache-2.0
"""A recording upstream: stands where the IDE would be and keeps every byte that reaches it.

Raw sockets, a thread per connection. By default it answers a few paths (see Upstream.answer);
a test can hand in a function of its own, or exact bytes.
"""

import hashlib
import json
import os
import socket
import threading
import urllib.parse
from dataclasses import dataclass, field

import websocket

KEEP_BODY = 1 << 20  # of longer bodies only length and digest are kept


@dataclass
class UpstreamRequest:
    head: bytes  # exactly as received, with the empty line
    method: str = ""
    target: str = ""
    headers: list = field(default_factory=list)  # (name as received, value)
    body: bytes = b""
    body_length: int = 0
    body_sha256: str = ""
    complete: bool = False

    def get(self, name, default=None):
        return next((v for n, v in self.headers if n.lower() == name.lower()), default)

    def get_all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return {k: v[-1] for k, v in urllib.parse.parse_qs(self.target.partition("?")[2]).items()}


class UpstreamConnection:
    """One accepted connection; what an answering function gets to write to."""

    def __init__(self, upstream, sock, peer):
        self.upstream = upstream
        self.peer = peer
        self.socket = sock
        self.received = bytearray()  # heads, and bodies up to KEEP_BODY
        self.requests = []
        self.frames = []  # (opcode, payload) of a WebSocket
        self.closed_by_peer = False
        self._buffer = bytearray()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def send_response(self, status=200, headers=(), body=b"", reason="OK"):
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{n}: {v}" for n, v in headers)]
        if status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def reset(self):
        """Closes so that the peer sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self._buffer += data

    def _take(self, size):
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def read_exactly(self, size):
        while len(self._buffer) < size:
            self._fill()
        return self._take(size)

    def _read_line(self):
        while b"\r\n" not in self._buffer:
            self._fill()
        return self._take(self._buffer.index(b"\r\n") + 2)

    def read_request_head(self):
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head = self._take(self._buffer.index(b"\r\n\r\n") + 4)
        self.received += head
        lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines[1:])]
        request = UpstreamRequest(head, method, target, headers)
        with self.upstream.changed:
            self.requests.append(request)
            self.upstream.changed.notify_all()
        return request

    def _pieces(self, request):
        if (request.get("Transfer-Encoding") or "").lower() == "chunked":
            while size := int(self._read_line().split(b";")[0], 16):
                yield self.read_exactly(size)
                self.read_exactly(2)
            while self._read_line() != b"\r\n":
                pass
            return
        left = int(request.get("Content-Length") or 0)
        while left:
            if not self._buffer:
                self._fill()
            piece = self._take(min(left, len(self._buffer)))
            left -= len(piece)
            yield piece

    def read_body(self, request):
        digest = hashlib.sha256()
        for piece in self._pieces(request):
            digest.update(piece)
            request.body_length += len(piece)
            if len(request.body) < KEEP_BODY:
                request.body += piece
                self.received += piece
        with self.upstream.changed:
            request.body_sha256 = digest.hexdigest()
            request.complete = True
            self.upstream.changed.notify_all()

    # Ready answers

    def answer_websocket(self, request):
        """Accepts and echoes frames until either side closes."""
        key = (request.get("Sec-WebSocket-Key") or "").encode()
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines.append(f"Sec-WebSocket-Accept: {websocket.accept_value(key)}")
        if protocol := request.get("Sec-WebSocket-Protocol"):
            lines.append(f"Sec-WebSocket-Protocol: {protocol.split(',')[0].strip()}")
        self.send("\r\n".join(lines) + "\r\n\r\n")
        while True:
            opcode, payload, final = websocket.read_frame(self.read_exactly)
            with self.upstream.changed:
                self.frames.append((opcode, payload))
                self.upstream.changed.notify_all()
            if opcode == websocket.CLOSE:
                self.send(websocket.frame(websocket.CLOSE, payload))
                return
            if opcode != websocket.PONG:
                echo = websocket.PONG if opcode == websocket.PING else opcode
                self.send(websocket.frame(echo, payload, final=final))

    def answer_events(self, count):
        """Server-sent events, each written when upstream.release_event() is called."""
        event = self.upstream.event  # forget() makes another one, for the next test
        self.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(count):
            if not event.acquire(timeout=60):
                return
            data = f"data: {number}\n\n".encode()
            self.send(b"%x\r\n%b\r\n" % (len(data), data))
        self.send(b"0\r\n\r\n")

    def answer_stream(self, size, chunked):
        """size bytes of a repeating pattern, in pieces."""
        pattern = bytes(range(256)) * 256
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        self.send(f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n{framing}\r\n\r\n")
        while size:
            piece = pattern[: min(size, len(pattern))]
            size -= len(piece)
            self.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.send(b"0\r\n\r\n")


class Upstream:
    """path: None for a TCP port of the kernel's choice, or that of a unix socket. tls: a context of
    module ssl, for a server that speaks TLS."""

    def __init__(self, path=None, address=("127.0.0.1", 0), tls=None):
        self.tls = tls
        self.changed = threading.Condition()
        self.event = threading.Semaphore(0)
        self.connections = []
        self.answer = self.default_answer
        self.read_bodies = True  # before answering
        self.errors = []
        self._path = path
        if path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
        else:
            self._listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(address)
        self._listener.listen(1024)
        self._stopped = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self):
        return self._listener.getsockname()[1]

    @property
    def url(self):
        return f"unix:{self._path}" if self._path else f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def requests(self):
        with self.changed:
            return [r for c in self.connections for r in c.requests]

    @property
    def received(self):
        """All bytes of heads and (short) bodies, of all connections."""
        with self.changed:
            return b"".join(bytes(c.received) for c in self.connections)

    def forget(self):
        """As if nothing had come yet. Connections that are open stay in use."""
        with self.changed:
            self.answer = self.default_answer
            self.read_bodies = True
            self.event = threading.Semaphore(0)
            self.connections = [c for c in self.connections if not c.closed_by_peer]
            for connection in self.connections:
                connection.received.clear()
                connection.requests.clear()
                connection.frames.clear()

    def wait(self, condition, timeout_s=60, what="the upstream"):
        """Blocks until condition() holds; it is looked at after every change."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout_s):
                raise TimeoutError(
                    f"waited {timeout_s} s for {what}; requests: {[r.target for r in self.requests]}"
                )

    def wait_for_requests(self, count=1, timeout_s=60):
        self.wait(lambda: len(self.requests) >= count, timeout_s, f"{count} requests")
        return self.requests

    def release_event(self, count=1):
        self.event.release(count)

    def respond_with(self, *answers):
        """Exact bytes for the next requests, one after another; after the last, it closes."""
        left = list(answers)

        def answer(connection, request):
            data = left.pop(0) if left else None
            if data is None:
                raise EOFError
            connection.send(data)
            if not left:
                raise EOFError

        self.answer = answer

    def default_answer(self, connection, request):
        """/echo /ws /events/<n> /stream/<bytes> /chunked/<bytes> /status/<n> /nothing; else 200."""
        name, _, argument = request.path.strip("/").partition("/")
        if (request.get("Upgrade") or "").lower() == "websocket":
            connection.answer_websocket(request)
            raise EOFError
        if name == "events":
            connection.answer_events(int(argument or 3))
        elif name in ("stream", "chunked"):
            connection.answer_stream(int(argument), name == "chunked")
        elif name == "status":
            connection.send_response(
                int(argument), [("X-Upstream", "yes")], b"" if argument in ("204", "304") else b"x"
            )
        elif name == "nothing":
            connection.read_exactly(1)
        elif name == "echo":
            document = {
                "method": request.method,
                "target": request.target,
                "headers": request.headers,
                "body_length": request.body_length,
                "body_sha256": request.body_sha256,
            }
            connection.send_response(
                200, [("Content-Type", "application/json")], json.dumps(document).encode()
            )
        else:
            page = b"<!DOCTYPE html><title>IDE</title><h1>This is the IDE</h1>"
            body = b"" if request.method == "HEAD" else page
            connection.send_response(200, [("Content-Type", "text/html")], body)

    def _accept(self):
        while not self._stopped:
            try:
                sock, peer = self._listener.accept()
            except OSError:
                return
            if not self._path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = UpstreamConnection(self, sock, peer)
            with self.changed:
                self.connections.append(connection)
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.tls:
                connection.socket = self.tls.wrap_socket(connection.socket, server_side=True)
            while True:
                request = connection.read_request_head()
                if self.read_bodies:
                    connection.read_body(request)
                self.answer(connection, request)
        except (EOFError, OSError):
            pass
        except Exception as e:  # noqa: BLE001 - whatever it is, the test shall see it
            self.errors.append(repr(e))
        finally:
            connection.close()
            with self.changed:
                connection.closed_by_peer = True
                self.changed.notify_all()

    def stop(self):
        """Stops listening (connections are refused from now on) and closes what is open."""
        self._stopped = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self._thread.join(5)
        with self.changed:
            connections = list(self.connections)
        for connection in connections:
            connection.close()
        if self._path and os.path.exists(self._path):
            os.unlink(self._path)
