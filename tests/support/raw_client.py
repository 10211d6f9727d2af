# SPDX-License-Identifier: Apache-2.0
"""A client that sends the bytes it is given and shows the bytes that come back.

For what an HTTP library would not send, or would hide: framing errors, early closes, upgrades.
"""

import fcntl
import select
import socket
import ssl
import struct
import termios
import time
from dataclasses import dataclass, field

import websocket
from response import Readable


@dataclass
class RawResponse(Readable):
    status: int
    reason: str
    headers: list = field(default_factory=list)  # (name as sent, value)
    body: bytes = b""
    interim: list = field(default_factory=list)  # 1xx answers before it
    head: bytes = b""
    trailers: list = field(default_factory=list)  # (name as sent, value)


class RawClient:
    def __init__(self, address, context=None, server_name=None, timeout=60, alpn=None, source=None):
        """address: (host, port) or the path of a unix socket; context: for TLS; source: our own IP."""
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout, (source, 0) if source else None)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            if alpn:
                context.set_alpn_protocols(alpn)
            self.socket = context.wrap_socket(
                self.socket, server_hostname=server_name, suppress_ragged_eofs=False
            )
        self._buffer = bytearray()
        self._taken = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.socket.close()
        if self._taken:
            self._taken.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))
        return self

    def send_and_wait(self, data):
        """Sends, and returns when the peer has taken all of it. Unix sockets only."""
        return self.send(data).wait_until_taken()

    def wait_until_taken(self):
        """All that was sent. Unix sockets only."""
        if self._taken is None:
            self._taken = select.epoll()
            self._taken.register(self.socket, select.EPOLLOUT | select.EPOLLET)  # an event whenever the peer has read
        deadline = time.monotonic() + 60
        while struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4))[0]:
            if time.monotonic() > deadline:
                raise TimeoutError("the peer does not read")
            self._taken.poll(1)
        return self

    def request(self, method, target, headers=(), body=b"", host=None, version="HTTP/1.1"):
        """Sends a request with exactly these headers, and Host when given."""
        lines = [f"{method} {target} {version}"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in headers]
        return self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    # Reading

    def _fill(self):
        """More bytes into the buffer; False at the end of the connection."""
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return False
        self._buffer += data
        return bool(data)

    def read_until(self, mark):
        while mark not in self._buffer:
            if not self._fill():
                raise EOFError(f"the connection ended after {bytes(self._buffer[:200])!r}")
        end = self._buffer.index(mark) + len(mark)
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        return data

    def read_exactly(self, size):
        while len(self._buffer) < size:
            if not self._fill():
                raise EOFError(f"{len(self._buffer)} of {size} bytes before the connection ended")
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def read_until_close(self):
        while self._fill():
            pass
        data, self._buffer = bytes(self._buffer), bytearray()
        return data

    def read_head(self):
        head = self.read_until(b"\r\n\r\n")
        lines = head[:-4].decode("latin-1").split("\r\n")
        version, status, *reason = lines[0].split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name and name == name.strip(), f"malformed header line {line!r}"
            headers.append((name, value.strip()))
        return RawResponse(int(status), reason[0] if reason else "", headers, head=head)

    def read_chunks(self, trailers=None):
        """Chunks as they come, until the last one. Trailers are added to the list."""
        while size := int(self.read_until(b"\r\n").split(b";")[0], 16):
            data = self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n", "a chunk does not end where it says"
            yield data
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            if trailers is not None:
                trailers.append((name, value.strip()))

    def ends_with(self, response):
        """Whether no more requests are taken behind it."""
        return response.get("Connection") == "close"

    def read_response(self, method="GET"):
        """The next final response, whole."""
        interim = []
        while (response := self.read_head()).status < 200 and response.status != 101:
            interim.append(response)
        response.interim = interim
        if method == "HEAD" or response.status in (101, 204, 304):
            return response
        lengths = response.get_all("Content-Length")
        if (response.get("Transfer-Encoding") or "").lower() == "chunked":
            assert not lengths, "Content-Length together with Transfer-Encoding"
            response.body = b"".join(self.read_chunks(response.trailers))
        elif lengths:
            assert len(lengths) == 1, lengths
            response.body = self.read_exactly(int(lengths[0]))
        else:
            response.body = self.read_until_close()
        return response

    def is_closed(self):
        """Whether the peer closes without another byte; waits for it."""
        return not self._buffer and not self._fill()

    # WebSocket

    def upgrade(self, target, host, origin, headers=()):
        """Sends an upgrade; returns the response: 101, or a whole refusal."""
        self.key = websocket.new_key()
        more = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        more.append(("Sec-WebSocket-Key", self.key))
        if origin is not None:
            more.append(("Origin", origin))
        self.request("GET", target, [*more, *headers], host=host)
        response = self.read_response()
        if response.status == 101:
            assert response.get("Sec-WebSocket-Accept") == websocket.accept_value(self.key.encode())
        return response

    def send_frame(self, opcode, data=b"", final=True):
        return self.send(websocket.frame(opcode, data, mask=True, final=final))

    def read_frame(self):
        return websocket.read_frame(self.read_exactly)
