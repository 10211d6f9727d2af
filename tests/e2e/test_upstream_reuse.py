# SPDX-License-Identifier: Apache-2.0
"""Which connections to the upstream are used again: none that a request's body, an early answer or a server
that hangs up may have left in an unknown state."""

import contextlib
import functools
import http.client
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time

import pytest
from proxy import PATIENCE_S, reserve_ipv6_port, wait_until
from upstream import Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"

PYTHON = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps([self.path, self.headers.get("X-Forwarded-User")]).encode()
        print(body.decode(), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_PUT = do_PATCH = do_GET
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
NODE = """
const server = require("http").createServer((request, response) => {
  const body = JSON.stringify([request.url, request.headers["x-forwarded-user"] || null]);
  console.log(body);
  response.end(body);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""
TORNADO = """
import asyncio, json, tornado.httpserver, tornado.netutil, tornado.web
class Handler(tornado.web.RequestHandler):
    def get(self):
        body = json.dumps([self.request.uri, self.request.headers.get("X-Forwarded-User")])
        print(body, flush=True)
        self.write(body)
    post = put = patch = get
async def main():
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server = tornado.httpserver.HTTPServer(tornado.web.Application([(".*", Handler)]))
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
GO = """
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := json.Marshal([]string{r.URL.Path, r.Header.Get("X-Forwarded-User")})
		fmt.Println(string(body))
		w.Write(body)
	}))
}
"""

GUNICORN = """
import json
def app(environ, start_response):
    body = json.dumps([environ["PATH_INFO"], environ.get("HTTP_X_FORWARDED_USER")]).encode()
    print(body.decode(), flush=True)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
def when_ready(server):
    print(server.LISTENERS[0].sock.getsockname()[1], flush=True)
"""


def build_go(folder):
    """GO names the compiler, which compiles Go's HTTP server first: half a minute of CPU time."""
    go = os.environ.get("GO")
    if not go:
        pytest.skip("NOT TESTED: a server in Go, which GO=go tests")
    (folder / "server.go").write_text(GO)
    subprocess.run(
        [go, "build", "-o", "server", "server.go"],
        cwd=folder,
        check=True,
        env={**os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0"},
    )
    return [folder / "server"]


def command_for(kind, folder):
    if kind == "python":
        return [sys.executable, "-c", PYTHON]
    if kind == "node":
        if shutil.which("node") is None:
            pytest.skip("NOT TESTED: no Node on this machine")
        return ["node", "-e", NODE]
    if kind == "tornado":
        if importlib.util.find_spec("tornado") is None:
            pytest.skip("NOT TESTED: no Tornado on this machine")
        return [sys.executable, "-c", TORNADO]
    if kind == "gunicorn":
        if importlib.util.find_spec("gunicorn") is None:
            pytest.skip("NOT TESTED: no gunicorn on this machine")
        (folder / "server.py").write_text(GUNICORN)
        options = ["-k", "gthread", "--threads", "4", "--log-level", "critical", "-b", "127.0.0.1:0"]
        where = ["-c", str(folder / "server.py"), "--chdir", str(folder)]
        return [sys.executable, "-m", "gunicorn", *options, *where, "server:app"]
    return build_go(folder)


class RealServer:
    """A program that prints its port, then a JSON list of path and user for every request that it sees."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.seen = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.seen.append(json.loads(line))

    def wait_until_all_is_seen(self):
        """Until a request of our own is, which comes behind all others."""
        with contextlib.closing(http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=PATIENCE_S)) as connection:
            connection.request("GET", "/last", headers={"X-Forwarded-User": "sasha"})
            connection.getresponse().read()
        wait_until(lambda: ["/last", "sasha"] in self.seen, what="the last request")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self._reader.join()


@pytest.fixture(scope="module")
def real_server(tmp_path_factory):
    """real_server(kind): one server of each kind for all tests of this file, to which nothing has come yet."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(kind):
            server = RealServer(command_for(kind, tmp_path_factory.mktemp(kind)))
            stack.callback(server.stop)
            return server

        def of(kind):
            server = start(kind)
            server.seen.clear()
            return server

        yield of


@pytest.fixture(scope="module")
def shared_stage_before(make_shared_stage, real_server):
    """shared_stage_before(kind): a Stage whose upstream is the real server of this kind."""
    return functools.cache(lambda kind: make_shared_stage(UPSTREAM=real_server(kind).url))


@pytest.fixture
def stage_before(shared_stage_before, real_server, lend_stage):
    """stage_before(kind) -> Stage, RealServer, which has seen nothing yet."""

    return lambda kind: (lend_stage(shared_stage_before(kind)), real_server(kind))


FORGED = b"GET /forged HTTP/1.1\r\nHost: ide\r\nX-Forwarded-User: root\r\n\r\n"


@pytest.mark.parametrize("kind", ["python", "node", "tornado", "gunicorn", "go"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"])
def test_a_body_that_a_real_server_ignores_is_no_request(stage_before, kind, method):
    stage, server = stage_before(kind)
    client, origin = stage.client, stage.proxy.origin
    for number in range(5):
        client.fetch(origin + f"/{number}", method, {"Content-Type": "text/plain"}, FORGED)
        assert client.fetch(origin + f"/after-{number}").json() == [f"/after-{number}", "sasha"]
    server.wait_until_all_is_seen()
    assert {user for _, user in server.seen} == {"sasha"}
    assert "/forged" not in [path for path, _ in server.seen]


@pytest.mark.parametrize("coding", ["length", "chunked", "bare-lf", "with-a-prefix"])
@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_no_split_and_no_coding_makes_a_request_of_a_body(stage_before, coding, pieces):
    """By the one server of those here that takes unread bodies for requests."""
    stage, server = stage_before("python")
    body = {"bare-lf": FORGED.replace(b"\r", b""), "with-a-prefix": b"{}" + FORGED}.get(coding, FORGED)
    framing = ("Transfer-Encoding", "chunked") if coding == "chunked" else ("Content-Length", str(len(body)))
    for number in range(3):
        head = stage.head("POST", f"/{number}", [framing, ("Expect", "100-continue")][: 1 + number % 2])
        data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if coding == "chunked" else body
        cuts = [len(data) * n // pieces for n in range(pieces + 1)]
        with stage.raw() as raw:
            raw.send(head + data) if pieces == 1 else raw.send(head)
            for start, end in zip(cuts, cuts[1:]) if pieces > 1 else ():
                raw.send(data[start:end])
            assert raw.read_response().json() == [f"/{number}", "sasha"]
        with stage.raw() as raw:
            assert raw.send(stage.head(target="/after")).read_response().json() == ["/after", "sasha"]
    server.wait_until_all_is_seen()
    assert {user for _, user in server.seen} == {"sasha"}


def connections_for(stage, body, method="POST", headers=(), split=False, apart=False, count=4):
    with stage.raw() as raw:
        for _ in range(count):
            head = stage.head(method, "/x", [("Content-Length", str(len(body))), *headers])
            if split:
                raw.send(head + body[:1])
                stage.upstream.wait(lambda: any(not r.complete for r in stage.upstream.requests))
                raw.send(body[1:])
            else:
                raw.send(head).send(body) if apart else raw.send(head + body)
            assert raw.read_response().status == 200
    return [c for c in stage.upstream.connections if c.requests]


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_that_can_be_no_request_keeps_the_connection(stage, method, apart):
    """In one piece, with its head or behind it, and without a line break: as browsers send JSON and forms."""
    used = connections_for(stage, b'{"method": "GET /forged HTTP/1.1"}', method, apart=apart)
    assert [len(c.requests) for c in used] == [4]
    assert all(r.get("Connection") is None for r in used[0].requests)


@pytest.mark.parametrize(
    "body, split",
    [(b"a\nb", False), (b"a\rb", False), (b"ab", True), (b"a" * 16385, False)],
    ids=["line-feed", "carriage-return", "in-two-pieces", "long"],
)
def test_other_bodies_are_the_last_on_their_connection(stage, body, split):
    used = connections_for(stage, body, split=split)
    assert [len(c.requests) for c in used] == [1, 1, 1, 1]
    assert all(c.requests[0].get("Connection") == "close" for c in used)


def test_close_and_te_share_a_field(stage):
    used = connections_for(stage, b"a\nb", headers=[("TE", "trailers")], count=1)
    assert used[0].requests[0].get_all("Connection") == ["close, TE"]


def test_an_answer_before_the_body_was_read_ends_the_connection(stage):
    stage.upstream.read_bodies = False
    stage.upstream.answer = lambda connection, request: connection.send_response(404, [], b"x")
    with stage.raw() as raw:
        for _ in range(3):
            raw.send(stage.head("POST", "/x", [("Content-Length", "5")]) + b"hello")
            assert raw.read_response().status == 404
    assert all(len(c.requests) <= 1 for c in stage.upstream.connections)


@pytest.mark.parametrize("at_once", [True, False])
def test_unsolicited_bytes_close_the_connection(stage, at_once):
    """Behind a response, or later while the connection is idle."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    received, sent = threading.Semaphore(0), threading.Semaphore(0)

    def answer(connection, request):
        if at_once:
            connection.send(OK + b"\r\nhi" + forged)
        else:
            connection.send(OK + b"\r\nhi")
            assert received.acquire(timeout=30)
            with contextlib.suppress(OSError):
                connection.send(forged)
        sent.release()

    stage.upstream.answer = answer
    with stage.raw() as raw:
        for _ in range(4):
            assert raw.send(stage.head()).read_response().body == b"hi"
            received.release()
            assert sent.acquire(timeout=30)


def closing_after(stage, seconds, announced):
    """An upstream that closes a connection that was idle for so long."""
    field = f"Keep-Alive: timeout={announced}\r\n".encode() if announced else b""

    def answer(connection, request):
        connection.send(OK + field + b"\r\nhi")
        connection.socket.settimeout(seconds)

    stage.upstream.answer = answer


@pytest.mark.parametrize("seconds, announced", [(0.15, None), (0.3, None), (1.0, 1)])
def test_no_post_is_lost_to_a_server_that_closes_idle_connections(make_stage, seconds, announced):
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0")
    closing_after(stage, seconds, announced)
    statuses = []

    def post_at_the_limit(seed):
        rng = random.Random(seed)
        with stage.raw(listener="http") as raw:
            for _ in range(int(4 / seconds)):
                raw.send(stage.head("POST", "/x", [("Content-Length", "5")]) + b"hello")
                statuses.append(raw.read_response().status)
                time.sleep(seconds + rng.uniform(-0.003, 0.003))

    threads = [threading.Thread(target=post_at_the_limit, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}, statuses.count(502)


def test_an_announced_timeout_is_kept(stage):
    closing_after(stage, 90, 1)
    with stage.raw() as raw:
        raw.send(stage.head()).read_response()
        connection = next(c for c in stage.upstream.connections if c.requests)
        stage.upstream.wait(lambda: connection.closed_by_peer, timeout_s=30, what="the end before UPSTREAM_IDLE_TIMEOUT")


def test_upstream_localhost_is_either_family(make_proxy, gitlab, client):
    upstream = Upstream(address=("::1", reserve_ipv6_port()))
    try:
        proxy = make_proxy(gitlab, upstream, UPSTREAM=f"http://localhost:{upstream.port}")
        client.login(proxy.origin + "/", "sasha", "sasha-password")
        assert client.fetch(proxy.origin + "/echo").status == 200
    finally:
        upstream.stop()
