# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 client on python3-h2 that reads when it is told to, and sends raw frames where h2 would refuse.

    with H2Client(stage.proxy) as browser:
        response = browser.fetch("GET", "/", cookie=stage.cookie)
"""

import functools
import socket
import ssl
import struct
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM = 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings_frame(**values):
    """settings_frame(initial_window_size=0)"""
    payload = b"".join(
        struct.pack(">HI", h2.settings.SettingCodes[name.upper()], value) for name, value in values.items()
    )
    return frame(SETTINGS, payload=payload)


@dataclass
class Response:
    status: int = 0
    headers: list = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)
    ended: bool = False
    reset: int = None

    def get(self, name, default=None):
        return next((v for n, v in self.headers if n == name.lower()), default)

    def get_all(self, name):
        return [v for n, v in self.headers if n == name.lower()]


@functools.cache
def _context():
    """Trusts anybody. Without the system's certificates, which take longer to read than all else of a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def connect_tcp(proxy, listener="https", source=None):
    address = proxy.address(listener)
    if isinstance(address, str):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(address)
    else:
        s = socket.create_connection(address, 20, (source, 0) if source else None)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def handshake(proxy, s):
    s = _context().wrap_socket(s, server_hostname=proxy.name)
    assert s.selected_alpn_protocol() == "h2"
    return s


def connect(proxy, listener="https", source=None):
    s = connect_tcp(proxy, listener, source)
    return handshake(proxy, s) if listener == "https" else s


class H2Client:
    """consumes: gives credit for what it reads; turn it off to be a browser that does not read."""

    def __init__(self, proxy, listener="https", consumes=True, source=None, **settings):
        self.proxy = proxy
        self.consumes = consumes
        self.socket = connect(proxy, listener, source)
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self.h2.local_settings.update({h2.settings.SettingCodes[n.upper()]: v for n, v in settings.items()})
        self.h2.local_settings.acknowledge()
        huffman = self.h2.encoder.huffman_coder
        huffman.encode = functools.cache(huffman.encode)  # takes long for long values
        self.h2.initiate_connection()
        self.responses = {}
        self._buffer = b""
        self.goaway = None  # (last stream, error)
        self.closed = False
        self.remote_settings = {}
        self.pings = 0
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def raw(self, data):
        self.flush()
        self.socket.sendall(data)

    def encode(self, headers):
        return self.h2.encoder.encode(headers)

    def head(self, method="GET", path="/", headers=(), cookie=None, authority=None, scheme="https"):
        fields = [(":method", method), (":scheme", scheme), (":authority", authority or self.proxy.host), (":path", path)]
        return fields + list(headers) + ([("cookie", cookie)] if cookie else [])

    def request(self, method="GET", path="/", headers=(), cookie=None, body=None, end=True, **more):
        """Sends a request and returns its stream's number."""
        return self.send_fields(self.head(method, path, headers, cookie, **more), body, end)

    def send_fields(self, fields, body=None, end=True):
        stream = self.h2.get_next_available_stream_id()
        self.responses[stream] = Response()
        self.h2.send_headers(stream, fields, end_stream=end and body is None)
        self.flush()
        if body is not None:
            self.send(stream, body, end)
        return stream

    def send(self, stream, data, end=False):
        """Waits for credit where it is needed."""
        while True:
            size = min(len(data), self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if size < len(data) and size <= 0:
                self.read_once()
                continue
            self.h2.send_data(stream, data[:size], end_stream=end and size == len(data))
            self.flush()
            data = data[size:]
            if not data:
                return

    def read_once(self):
        """False: the connection is closed."""
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self.closed = True
            return False
        self._buffer += data
        while len(self._buffer) >= 9 and (size := self._frame_size()) <= len(self._buffer):
            whole, self._buffer = self._buffer[:size], self._buffer[size:]
            self._take(whole)
        try:
            self.flush()
        except (ConnectionError, ssl.SSLError):
            pass
        return True

    def _frame_size(self):
        return 9 + int.from_bytes(self._buffer[:3], "big")

    def _take(self, whole):
        """h2 4.1 takes nothing after GOAWAY, which is only a notice where the connection drains."""
        if whole[3] == GOAWAY:
            self.goaway = struct.unpack(">II", whole[9:17])
            return
        for event in self.h2.receive_data(whole):
            self.note(event)

    def note(self, event):
        response = self.responses.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            response.headers = [(n, v) for n, v in event.headers if not n.startswith(":")]
            response.status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.InformationalResponseReceived):
            response.interim.append(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            response.body += event.data
            if self.consumes:
                self.consume(event.stream_id, event.flow_controlled_length)
        elif isinstance(event, h2.events.TrailersReceived):
            response.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            response.ended = True
        elif isinstance(event, h2.events.StreamReset) and response is not None:
            response.reset = int(event.error_code)
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.remote_settings.update({int(k): v.new_value for k, v in event.changed_settings.items()})
        elif isinstance(event, h2.events.PingAckReceived):
            self.pings += 1

    def consume(self, stream, size):
        if size > 0:
            self.h2.acknowledge_received_data(size, stream)

    def wait(self, condition):
        """Reads until condition() holds; False if the connection is closed before."""
        while not condition():
            if not self.read_once():
                return condition()
        return True

    def response(self, stream):
        response = self.responses[stream]
        self.wait(lambda: response.ended or response.reset is not None)
        return response

    def fetch(self, *arguments, **more):
        return self.response(self.request(*arguments, **more))

    def ping(self):
        """Waits until all that was sent before has been handled."""
        before = self.pings
        self.h2.ping(b"12345678")
        self.flush()
        return self.wait(lambda: self.pings > before)

    def read_to_end(self):
        while self.read_once():
            pass
        return self.goaway
