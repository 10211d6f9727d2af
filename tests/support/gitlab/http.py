# SPDX-License-Identifier: Apache-2.0
"""Requests, answers and the threaded server that carries them; faults act here, on the wire.

A handler takes a Request and returns an Answer; raising HttpError is another way to answer. Bodies
stream in both directions.
"""

import base64
import http.cookies
import http.server
import json
import socket
import ssl
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

import lean_http

from .requests import Entry, digest

FORM_MAX = 1 << 20
PIECE = 16384


@dataclass
class Answer:
    status: int = 200
    headers: list = field(default_factory=list)  # (name, value)
    body: object = b""  # bytes, or something iterable with close(), for a chunked body

    @classmethod
    def json(cls, document, status=200, headers=()):
        body = json.dumps(document, separators=(",", ":")).encode()
        return cls(status, [("Content-Type", "application/json"), *headers], body)

    @classmethod
    def html(cls, text, status=200, headers=()):
        return cls(status, [("Content-Type", "text/html; charset=utf-8"), *headers], text.encode())

    @classmethod
    def text(cls, text, status=200, headers=()):
        return cls(status, [("Content-Type", "text/plain; charset=utf-8"), *headers], text.encode())

    @classmethod
    def redirect(cls, location, status=302, headers=()):
        return cls(status, [("Location", location), ("Content-Type", "text/html"), *headers], b"")


class HttpError(Exception):
    def __init__(self, answer):
        super().__init__(answer.status)
        self.answer = answer


class Cut(Exception):
    """The connection shall end here, by a fault."""


class BodyReader:
    """A request's body as a file: by length, or chunked."""

    def __init__(self, stream, headers):
        self._stream = stream
        self._chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        self._left = 0 if self._chunked else int(headers.get("Content-Length") or 0)
        self._ended = not self._chunked and self._left == 0

    def _next_chunk(self):
        line = self._stream.readline(64)
        self._left = int(line.split(b";")[0], 16)
        if self._left == 0:
            while self._stream.readline(8192) not in (b"\r\n", b"\n", b""):
                pass
            self._ended = True

    def read(self, size):
        """At most size bytes, as soon as there are some; empty at the end."""
        if self._ended:
            return b""
        if self._chunked and self._left == 0:
            self._next_chunk()
            if self._ended:
                return b""
        data = self._stream.read1(min(size, self._left))
        if not data:
            raise ConnectionError("the body ended early")
        self._left -= len(data)
        if self._left == 0:
            if self._chunked:
                self._stream.readline(8)
            else:
                self._ended = True
        return data

    def read_all(self, limit=FORM_MAX):
        out = bytearray()
        while data := self.read(PIECE):
            out += data
            if len(out) > limit:
                raise HttpError(Answer.text("Request entity too large", 413))
        return bytes(out)

    def drain(self):
        while self.read(PIECE):
            pass


class Request:
    """One request, with the relative URL root taken off the path."""

    def __init__(self, handler, path, query):
        self.handler = handler
        self.method = handler.command
        self.path = path
        self.query_text = query
        self.query = urllib.parse.parse_qs(query, keep_blank_values=True)
        self.headers = handler.headers
        self.body = BodyReader(handler.rfile, handler.headers)
        self.form = {}
        self.document = None
        self.peer = handler.client_address[0]
        self.entry = Entry(
            endpoint="other",
            method=self.method,
            path=path,
            query=sorted(self.query),
            user_agent=self.headers.get("User-Agent", ""),
        )
        self._note_authorization()

    def _note_authorization(self):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind:
            self.entry.authorization = kind.lower()
            secret = self.basic[1] if kind.lower() == "basic" and self.basic else value
        elif secret := self.headers.get("Private-Token", ""):
            self.entry.authorization = "private-token"
        elif secret := self.cookies.get("_gitlab_session", ""):
            self.entry.authorization = "cookie"
        if secret:
            self.entry.credential = digest(secret)

    @property
    def cookies(self):
        jar = http.cookies.SimpleCookie()
        try:
            jar.load(self.headers.get("Cookie", ""))
        except http.cookies.CookieError:
            return {}
        return {name: morsel.value for name, morsel in jar.items()}

    @property
    def bearer(self):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        return value.strip() if kind.lower() == "bearer" else None

    @property
    def basic(self):
        """(user, password), or None."""
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except ValueError:
            return None
        return (user, password) if colon else None

    def read_parameters(self):
        """Form fields or a JSON document, whichever the body is."""
        kind = self.headers.get("Content-Type", "").split(";")[0].strip().lower()
        text = self.body.read_all()
        if kind == "application/json" and text:
            try:
                self.document = json.loads(text)
            except ValueError:
                raise HttpError(Answer.json({"error": "invalid JSON"}, 400)) from None
            if isinstance(self.document, dict):
                self.form = {k: [v] for k, v in self.document.items() if isinstance(v, str)}
        else:
            self.form = urllib.parse.parse_qs(text.decode("utf-8", "replace"), keep_blank_values=True)
        self.entry.form = sorted(self.form)
        self.entry.grant_type = self.field("grant_type")

    def field(self, name):
        """A form field or, failing that, a query parameter; the last one wins, as in Rails."""
        return (self.form.get(name) or self.query.get(name) or [None])[-1]


class Wire:
    """Writes an answer's bytes under a fault: stalls, cuts, slows."""

    def __init__(self, handler, fault, released, rate):
        """rate() returns the maximum of bytes per second, or None; it may change while an answer is written."""
        self._handler = handler
        self._fault = fault
        self._released = released
        self._rate = rate
        self._sent = 0
        self._started = time.monotonic()

    def write(self, data):
        limit = None
        if self._fault:
            limit = self._fault.cut_after if self._fault.cut_after is not None else self._fault.stall_after
        if limit is not None and self._sent + len(data) > limit:
            self._send(data[: limit - self._sent])
            self._end()
        self._send(data)

    def end(self):
        """The answer is complete; a limit beyond its length still ends the connection."""
        if self._fault and (self._fault.cut_after is not None or self._fault.stall_after is not None):
            self._end()

    def _end(self):
        if self._fault.cut_after is None:
            self._wait_for_peer()
        raise Cut

    def _wait_for_peer(self):
        """Silence until the peer gives up or the stand-in stops."""
        connection = self._handler.connection
        connection.settimeout(0.05)
        while not self._released.is_set():
            try:
                if not connection.recv(4096):
                    return
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            except OSError:
                return

    def _send(self, data):
        while data:
            rate = self._rate()
            step = max(1, min(PIECE, rate // 20)) if rate else len(data)
            self._handler.wfile.write(data[:step])
            self._sent += len(data[:step])
            data = data[step:]
            ahead = self._sent / rate - (time.monotonic() - self._started) if rate else 0
            if ahead > 0 and self._released.wait(ahead):
                raise Cut


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    rbufsize = 65536

    def handle(self):
        try:
            super().handle()
        except (Cut, ConnectionError, ssl.SSLError, TimeoutError, ValueError):
            self.close_connection = True

    def log_message(self, format, *args):
        pass

    def do_GET(self):
        gitlab = self.server.gitlab
        path, _, query = self.path.partition("?")
        inside = gitlab.strip_root(path)
        request = Request(self, inside if inside is not None else path, query)
        request.entry.endpoint = gitlab.endpoint_of(request) if inside is not None else "other"
        gitlab.requests.add(request.entry)
        fault = gitlab.faults.take(request.entry.endpoint)
        if fault:
            request.entry.fault = str(fault)
        try:
            if fault and fault.delay_s:
                gitlab.faults.released.wait(fault.delay_s)
            answer = self._answer(gitlab, request, fault, inside is not None)
            if fault and fault.delay_answer_s:
                gitlab.faults.released.wait(fault.delay_answer_s)
            self._write(gitlab, request, answer, fault)
        finally:
            gitlab.requests.end(request.entry, request.entry.status)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def _answer(self, gitlab, request, fault, is_inside):
        if fault and fault.replaces_answer:
            return _faulty_answer(fault)
        if not is_inside:
            return Answer.text("Not Found", 404)
        try:
            return gitlab.handle(request)
        except HttpError as e:
            return e.answer

    def _write(self, gitlab, request, answer, fault):
        is_git = request.entry.endpoint.startswith("git-")

        def rate():
            return (fault and fault.bytes_per_s) or (gitlab.settings.git_bytes_per_s if is_git else None)

        wire = Wire(self, fault, gitlab.faults.released, rate)
        request.entry.status = answer.status
        is_stream = not isinstance(answer.body, bytes)
        head = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('Status',))[0]}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        head.append(f"Date: {self.date_time_string()}")
        head.append(f"Keep-Alive: timeout={self.timeout}")
        if is_stream:
            head.append("Transfer-Encoding: chunked")
        elif answer.status not in (204, 304):
            head.append(f"Content-Length: {len(answer.body)}")
        head = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
        try:
            if self.command == "HEAD":
                wire.write(head)
            elif is_stream:
                wire.write(head)
                for piece in answer.body:
                    wire.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                wire.write(b"0\r\n\r\n")
            else:
                wire.write(head + answer.body)
            wire.end()
        finally:
            if is_stream:
                answer.body.close()
        request.body.drain()


def _faulty_answer(fault):
    status = fault.status or 200
    headers = list(fault.headers.items())
    kind = fault.content_type or "application/json"
    if fault.huge_bytes is not None:
        body = b'{"padding":"' + b"x" * fault.huge_bytes + b'"}'
    elif fault.invalid_json:
        body = b'{"id":42,"username":"sasha"'
    elif fault.body is not None:
        body = fault.body if isinstance(fault.body, bytes) else fault.body.encode()
    elif status == 429:  # as Rack::Attack answers
        kind, body = "text/plain", b"Retry later\n"
        headers += [(f"RateLimit-{k}", v) for k, v in (("Limit", 10), ("Observed", 11), ("Remaining", 0))]
        headers.append(("RateLimit-Reset", int(time.time()) + (fault.retry_after_s or 60)))
    elif status >= 500:
        kind, body = "text/html; charset=utf-8", b"<!DOCTYPE html><title>%d</title><h1>Whoops</h1>" % status
    else:
        body = json.dumps({"message": f"{status} by a fault"}).encode()
    if fault.retry_after_s is not None or status == 429:
        headers.append(("Retry-After", fault.retry_after_s or 60))
    return Answer(status, [("Content-Type", kind), *headers], body)


class Server(lean_http.Server):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, gitlab, tls):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.gitlab = gitlab
        self._tls = tls
        self._lock = threading.Lock()
        self._connections = set()
        super().__init__(address, Handler)

    def server_bind(self):
        # Not HTTPServer's: that asks a name server for our name.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        """In the connection's own thread: a slow handshake holds nobody else up."""
        with self._lock:
            self._connections.add(request)
        connection = request
        try:
            if self._tls:
                request.settimeout(20)
                connection = self._tls.wrap_socket(request, server_side=True)
            self.RequestHandlerClass(connection, client_address, self)
        except (OSError, ssl.SSLError):
            pass
        finally:
            with self._lock:
                self._connections.discard(request)
            if connection is not request:
                connection.close()

    def handle_error(self, request, client_address):
        self.gitlab.note_crash()

    def close_connections(self):
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
