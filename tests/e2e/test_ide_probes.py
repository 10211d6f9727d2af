# SPDX-License-Identifier: Apache-2.0
"""/probe/… of the admin listener: the kubelet's probes of an IDE that listens on loopback."""

import contextlib
import socket
import threading

import pytest
from proxy import reserve_ipv6_port, reserve_port
from raw_client import RawClient


class Port:
    """A server on loopback that answers every connection with the same bytes, and records what came."""

    def __init__(self, answer, host="127.0.0.1", hangs=False):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        port = reserve_ipv6_port() if host == "::1" else 0
        self._socket = socket.create_server((host, port), family=family)
        self.number = self._socket.getsockname()[1]
        self.answer, self.hangs = answer, hangs
        self.heads = []
        self.came, self.went = threading.Event(), threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            head = b""
            while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
                head += piece
            self.heads.append(head)
            self.came.set()
            connection.sendall(self.answer)
            while self.hangs and connection.recv(65536):
                pass
        self.went.set()

    def close(self):
        self._socket.close()


@pytest.fixture
def make_port():
    made = []

    def make(*args, **options):
        made.append(Port(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ask(proxy, path="/probe/liveness", method="GET"):
    with RawClient(proxy.address("admin")) as raw:
        raw.request(method, path, host="admin")
        return raw.read_response(method)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@pytest.mark.parametrize(
    "answer, status, said",
    [
        (OK, 200, "answered 200"),
        (b"HTTP/1.0 204 No Content\r\n\r\n", 200, "answered 204"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", 200, "answered 302"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, 200, "answered 200"),
        (b"HTTP/1.1 500 Oh\r\n\r\n", 503, "answered 500"),
        (b"HTTP/1.1 401 No\r\n\r\n", 503, "answered 401"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 No\r\n\r\n", 503, "answered 404"),
        (b"", 503, "closed the connection"),
        (b"SSH-2.0-other\r\n", 503, "not HTTP"),
        (b"HTTP/1.1 oh\r\n\r\n", 503, "not HTTP"),
        (b"a" * 100_000, 503, "not HTTP"),
    ],
)
def test_what_the_ide_answers(make_proxy, make_port, answer, status, said):
    port = make_port(answer)
    proxy = make_proxy(IDE_PROBES=f"liveness=30s,http:{port.number}/healthz?full=1,2")
    response = ask(proxy)
    assert (response.status, said in response.text) == (status, True), response.text
    (head,) = port.heads
    lines = head.split(b"\r\n")
    assert lines[0] == b"GET /healthz?full=1,2 HTTP/1.1"
    assert b"Host: 127.0.0.1:%d" % port.number in lines and b"Connection: close" in lines


def test_only_what_is_set(make_proxy, make_port):
    """No open proxy: neither path nor query nor fields of the question reach the IDE."""
    port = make_port(OK)
    proxy = make_proxy(IDE_PROBES=f"readiness=30s,http:{port.number}/healthz")
    for path in ("/probe/liveness", "/probe/startup", "/probe/", "/probe/readiness/", "/probe/readiness/x"):
        assert ask(proxy, path).status == 404
    assert ask(proxy, "/probe/readiness", "POST").status == 405
    assert port.heads == []
    assert ask(proxy, "/probe/readiness", "HEAD").status == 200
    port.heads.clear()
    with RawClient(proxy.address("admin")) as raw:
        raw.request("GET", "/probe/readiness?path=/admin", host="elsewhere:1", headers=[("X-Secret", "a")])
        assert raw.read_response().status == 200
    (head,) = port.heads
    assert head.startswith(b"GET /healthz HTTP/1.1\r\n")
    assert b"Secret" not in head and b"elsewhere" not in head


def test_nobody_listens(make_proxy):
    proxy = make_proxy(IDE_PROBES=f"liveness=30s,http:{reserve_port()}/ startup=30s,tcp:{reserve_port()}")
    for path in ("/probe/liveness", "/probe/startup"):
        response = ask(proxy, path)
        assert response.status == 503 and "does not accept connections" in response.text, response.text
        assert "refused" in response.text


def test_tcp(make_proxy, make_port):
    port = make_port(b"", hangs=True)
    proxy = make_proxy(IDE_PROBES=f"startup=30s,tcp:{port.number}")
    response = ask(proxy, "/probe/startup")
    assert response.status == 200 and "accepts connections" in response.text


def test_an_ide_on_ipv6_alone(make_proxy, make_port):
    try:
        port = make_port(OK, host="::1")
    except OSError:
        pytest.skip("there is no ::1")
    proxy = make_proxy(IDE_PROBES=f"liveness=30s,http:{port.number}/")
    assert ask(proxy).status == 200
    assert b"Host: [::1]:%d\r\n" % port.number in port.heads[0]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_ide_that_hangs(make_proxy, make_port, answer):
    port = make_port(answer, hangs=True)
    proxy = make_proxy(IDE_PROBES=f"liveness=1s,http:{port.number}/ readiness=300s,http:{port.number}/")
    with RawClient(proxy.address("admin")) as patient:
        patient.request("GET", "/probe/readiness", host="admin")
        response = ask(proxy)
        assert response.status == 504 and "within 1 s" in response.text
        assert port.went.wait(30)
        # Nothing else waits for it.
        assert ask(proxy, "/ready").status == 200


def test_a_kubelet_that_gives_up(make_proxy, make_port):
    port = make_port(b"", hangs=True)
    proxy = make_proxy(IDE_PROBES=f"liveness=300s,http:{port.number}/")
    with RawClient(proxy.address("admin")) as raw:
        raw.request("GET", "/probe/liveness", host="admin")
        assert port.came.wait(30)
    assert port.went.wait(30)


def test_the_end_while_the_ide_hangs(make_proxy, make_port):
    port = make_port(b"", hangs=True)
    proxy = make_proxy(IDE_PROBES=f"liveness=300s,http:{port.number}/", DRAIN_TIMEOUT="500ms")
    with RawClient(proxy.address("admin")) as raw:
        raw.request("GET", "/probe/liveness", host="admin")
        assert port.came.wait(30)
        assert proxy.stop() == 0
