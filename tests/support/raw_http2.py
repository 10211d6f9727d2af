# SPDX-License-Identifier: Apache-2.0
"""What stands in for RawClient when the whole-process tests run over HTTP/2 (E2E_HTTP=2).

Whole, well-formed HTTP/1.1 requests become streams, and responses come back as RawResponse. A test that uses what
only HTTP/1.1 has (bytes that are no request, the socket, upgrades, the framing of a body, versions) skips itself there.
"""

import os
import re
import socket
import ssl

import h2.config
import h2.connection
import h2.events
import pytest
import raw_client
from h2_client import H2Client

IS_ON = os.environ.get("E2E_HTTP", "1") == "2"
REQUEST_LINE = re.compile(rb"([A-Z]+) ((?:/|\*$)[!-~]*) HTTP/1\.1")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*")
FRAMING = ("connection", "transfer-encoding", "keep-alive", "upgrade", "proxy-connection")
SPELLINGS = {"etag": "ETag", "www-authenticate": "WWW-Authenticate", "content-md5": "Content-MD5"}


def skip(what):
    pytest.skip(f"uses HTTP/1.1: {what}")


def spell(name):
    """As our HTTP/1.1 responses and the tests' servers write it."""
    return SPELLINGS.get(name) or "-".join(part.capitalize() for part in name.split("-"))


def crumble(fields):
    """Cookies one by one, as browsers send them (RFC 9113 section 8.2.3)."""
    for name, value in fields:
        parts = value.split("; ")
        is_usual = name == "cookie" and all(part and part == part.strip(" ;") for part in parts)
        for part in parts if is_usual else [value]:
            yield name, part


class Response(raw_client.RawResponse):
    def get(self, name, default=None):
        if name.lower() in FRAMING:
            skip(f"the field {name}")
        return super().get(name, default)

    def get_all(self, name):
        if name.lower() in FRAMING:
            skip(f"the field {name}")
        return super().get_all(name)


class RawHttp2:
    def __init__(self, proxy, timeout):
        self._missed = None
        self._client = H2Client(proxy)
        self._client.h2.config.header_encoding = "latin-1"
        self._client.socket.settimeout(timeout)
        self._sent = bytearray()  # of a request that is not whole
        self._upload = None  # (stream, octets that are missing) of a body
        self._waiting = []  # streams whose responses were not read
        self._interim = 0  # heads of the first of them that were read
        self._reading = None
        self._taken = 0

    def __getattr__(self, name):
        """Also in a thread, where a skip would be lost."""
        self._missed = name
        self._check()

    def _check(self):
        if self._missed:
            skip(f"RawClient.{self._missed}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
        if exception[0] in (None, AssertionError):
            self._check()

    def close(self):
        self._client.close()

    # Requests

    def request(self, method, target, headers=(), body=b"", host=None, version="HTTP/1.1"):
        lines = [f"{method} {target} {version}"] + ([f"Host: {host}"] if host is not None else [])
        lines += [f"{name}: {value}" for name, value in headers]
        return self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def send(self, data):
        self._sent += data if isinstance(data, bytes) else data.encode("latin-1")
        while self._send_body() and b"\r\n\r\n" in self._sent:
            end = self._sent.index(b"\r\n\r\n")
            head = bytes(self._sent[:end])
            del self._sent[: end + 4]
            self._send_head(head)
        return self

    def _send_head(self, head):
        line, *lines = head.split(b"\r\n")
        match = REQUEST_LINE.fullmatch(line)
        fields = [FIELD.fullmatch(one) for one in lines]
        if not match or not all(fields):
            skip("a request that is none")
        method, target = (part.decode() for part in match.groups())
        fields = [(f[1].decode().lower(), f[2].decode("latin-1")) for f in fields]
        hosts = [value for name, value in fields if name == "host"]
        if len(hosts) != 1 or any(name in FRAMING for name, _ in fields):
            skip("framing, connections or Host")
        if sum(name == "cookie" for name, _ in fields) > 1:
            skip("several Cookie fields, which are one over HTTP/2")
        if any(name == "te" and value != "trailers" for name, value in fields):
            skip("TE with codings")
        rest = [(name, value) for name, value in fields if name != "host"]
        lengths = [value for name, value in rest if name == "content-length"]
        if any(not length.isdigit() for length in lengths) or len(lengths) > 1:
            skip("framing")
        length = int(lengths[0]) if lengths else 0
        head = self._client.head(method, target, rest, authority=hosts[0])
        octets = [(name.encode("latin-1"), part.encode("latin-1")) for name, part in crumble(head)]
        stream = self._client.send_fields(octets, end=length == 0)
        self._waiting.append((stream, method))
        self._upload = (stream, length) if length else None

    def _send_body(self):
        """Whether the bodies of all heads that were sent are whole."""
        while self._upload and self._sent:
            stream, missing = self._upload
            piece = bytes(self._sent[: min(missing, 65536)])
            del self._sent[: len(piece)]
            response = self._client.responses[stream]
            if response.reset is None and not response.ended:
                self._client.send(stream, piece, end=len(piece) == missing)
            self._upload = (stream, missing - len(piece)) if len(piece) < missing else None
        return not self._upload

    # Responses

    def _wait(self, condition):
        try:
            if not self._client.wait(condition):
                raise EOFError("the connection ended")
        except (socket.timeout, ssl.SSLError) as e:
            raise TimeoutError(str(e)) from None

    def _interim_head(self, fields):
        return Response(int(dict(fields)[":status"]), "", [(spell(n), v) for n, v in fields if n[0] != ":"])

    def read_head(self):
        """The next one: interim ones come first."""
        self._check()
        if not self._waiting:
            skip("a request that is none")
        stream, _ = self._waiting[0]
        response = self._client.responses[stream]
        self._wait(
            lambda: len(response.interim) > self._interim or response.status or response.reset is not None
        )
        if len(response.interim) > self._interim:
            self._interim += 1
            return self._interim_head(response.interim[self._interim - 1])
        self._check()
        self._waiting.pop(0)
        self._reading, self._taken, self._interim = response, 0, 0
        if not response.status:
            raise EOFError(f"the stream was reset with {response.reset}")
        return Response(response.status, "", [(spell(n), v) for n, v in response.headers])

    def _take(self, size):
        data = bytes(self._reading.body[self._taken : self._taken + size])
        self._taken += len(data)
        return data

    def _has_more(self):
        reading = self._reading
        self._wait(lambda: len(reading.body) > self._taken or reading.ended or reading.reset is not None)
        if len(reading.body) > self._taken:
            return True
        if not reading.ended:
            raise EOFError(f"the stream was reset with {reading.reset}")
        return False

    def read_exactly(self, size):
        data = b""
        while len(data) < size:
            if not self._has_more():
                raise EOFError(f"{len(data)} of {size} bytes before the stream ended")
            data += self._take(size - len(data))
        return data

    def read_chunks(self, trailers=None):
        while self._has_more():
            yield self._take(1 << 30)
        if trailers is not None:
            trailers += [(spell(n), v) for n, v in self._reading.trailers]

    def ends_with(self, response):
        """Whether no more requests are taken behind it."""
        return self._client.goaway is not None

    def read_response(self, method="GET"):
        interim = []
        while (response := self.read_head()).status < 200:
            interim.append(response)
        response.interim = interim
        response.body = b"".join(self.read_chunks(response.trailers))
        return response


def send_some(connection, body):
    """What windows allow of a body on stream 1; returns the rest."""
    while body and (size := min(connection.local_flow_control_window(1), connection.max_outbound_frame_size)) > 0:
        connection.send_data(1, body[:size], end_stream=len(body) <= size)
        body = body[size:]
    return body


def take(connection, event, response):
    """Whether the response is whole."""
    if isinstance(event, h2.events.ResponseReceived):
        response.headers = [(spell(n), v) for n, v in event.headers if n != ":status"]
        response.status = int(dict(event.headers)[":status"])
    elif isinstance(event, h2.events.DataReceived):
        response.body += event.data
        connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
        raise ConnectionError(f"the stream ended with {event.error_code}")
    return isinstance(event, h2.events.StreamEnded)


def exchange(connected, method, host, target, headers, body):
    """One request on a TLS connection that speaks HTTP/2: (status, fields, body)."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    fields = [(":method", method), (":scheme", "https"), (":authority", host), (":path", target)]
    fields += [(name.lower(), str(value)) for name, value in headers.items() if name.lower() != "host"]
    body = body.encode() if isinstance(body, str) else body
    connection.send_headers(1, fields + ([("content-length", str(len(body)))] if body else []), end_stream=not body)
    response = Response(0, "")
    while True:
        body = send_some(connection, body)
        connected.sendall(connection.data_to_send())
        data = connected.recv(65536)
        if not data:
            raise ConnectionError("the connection ended before the response")
        for event in connection.receive_data(data):
            if take(connection, event, response):
                return response.status, response.headers, response.body
