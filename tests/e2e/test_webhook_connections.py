# SPDX-License-Identifier: Apache-2.0
"""Connections of the API server to the webhook: kept for many reviews, and ended without losing an answer."""

import contextlib
import http.client
import json
import signal
import socket
import time

import manifests
import pytest
from proxy import PATIENCE_S, wait_until
from test_webhook import Webhook, make_certificates

REVIEW = json.dumps(manifests.review(manifests.pod())).encode()
HEAD = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(REVIEW)
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def webhook(tmp_path):
    make_certificates(tmp_path / "certificates")
    one = Webhook(tmp_path / "certificates", tmp_path / "log", DRAIN_TIMEOUT="4s")
    yield one.start()
    one.check_end()


def client_of(webhook):
    connection = http.client.HTTPConnection("x")
    connection.sock = webhook.connect()
    return contextlib.closing(connection)


def ask(connection, path="/mutate", body=REVIEW, **headers):
    connection.request("POST" if body else "GET", path, body, headers)
    reply = connection.getresponse()
    return reply, reply.read()


def read_reply(connection):
    """(status, whether the connection is kept, text)"""
    reply = http.client.HTTPResponse(connection)
    reply.begin()
    return reply.status, not reply.will_close, reply.read().decode()


def send_ping(connection):
    connection.sendall(PING)
    assert read_reply(connection) == (200, True, "OK\n")


def is_closed(connection):
    connection.settimeout(PATIENCE_S)
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


def test_many_reviews_on_one_connection(webhook):
    with client_of(webhook) as connection:
        own = connection.sock
        for _ in range(200):
            reply, text = ask(connection)
            assert reply.status == 200 and json.loads(text)["response"]["patch"]
            assert reply.getheader("Connection") != "close"
        for path, status in (("/ping", 200), ("/metrics", 200), ("/none", 404), ("/mutate", 405)):
            assert ask(connection, path, None)[0].status == status
        assert ask(connection, body=b"{}")[0].status == 400
        assert ask(connection)[0].status == 200
        assert connection.sock is own, "it is the same connection"


def test_connection_close_is_honoured(webhook):
    with webhook.connect() as connection:
        connection.sendall(PING.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive, Close\r\n\r\n"))
        assert read_reply(connection) == (200, False, "OK\n")
        assert is_closed(connection)
    with webhook.connect() as old:
        old.sendall(PING.replace(b"1.1", b"1.0"))
        answer = b""
        while piece := old.recv(1000):
            answer += piece
        assert answer.startswith(b"HTTP/1.") and answer.endswith(b"OK\n")


def test_a_request_in_pieces_after_others(webhook):
    with webhook.connect() as connection:
        send_ping(connection)
        message = HEAD + REVIEW
        for at in range(0, len(message), 97):
            connection.sendall(message[at : at + 97])
        status, is_kept, text = read_reply(connection)
        assert status == 200 and is_kept and json.loads(text)["response"]["allowed"]


def test_what_is_no_request_ends_the_connection(webhook):
    for bad in (b"\r\n\r\n", b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", PING + PING, b"x" * 20000):
        with webhook.connect() as connection:
            send_ping(connection)
            connection.sendall(bad)
            assert read_reply(connection)[0] in (400, 431, 501)
            assert is_closed(connection)
    assert webhook.ask("/ping")[0] == 200


def test_bytes_that_come_before_the_answer(webhook):
    """A second request may be in the kernel before the first one is answered; nothing of it is lost or mixed up."""
    with webhook.connect() as connection:
        connection.sendall(HEAD + REVIEW)
        connection.sendall(PING)
        assert read_reply(connection)[0] in (200, 400)
    assert webhook.ask("/ping")[0] == 200


def test_waiting_connections_make_room(webhook):
    """More than may be open: those that wait longest go, and nobody is refused."""
    waiting = []
    for _ in range(140):
        connection = webhook.connect()
        send_ping(connection)
        waiting.append(connection)
    assert is_closed(waiting[0])
    send_ping(waiting[-1])
    for connection in waiting:
        connection.close()


def test_the_end_of_the_process(webhook):
    with webhook.connect() as used, webhook.connect() as idle:
        for connection in (used, idle):
            send_ping(connection)
        webhook.process.send_signal(signal.SIGTERM)
        webhook.wait_for_log(message="draining")
        used.sendall(HEAD + REVIEW)
        status, is_kept, text = read_reply(used)
        assert status == 200 and not is_kept and json.loads(text)["response"]["patch"]
        assert is_closed(used) and is_closed(idle)
    assert webhook.process.wait(PATIENCE_S) == 0


def test_an_answer_is_sent_before_the_end(webhook):
    """Whoever reads late still gets all of it, and then a proper end: the socket lives until the client has closed."""
    with client_of(webhook) as connection:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.request("POST", "/mutate", REVIEW, {"Connection": "close"})
        wait_until(lambda: 'patched"} 1' in webhook.ask("/metrics")[1], what="the review")
        reply = connection.getresponse()
        assert json.loads(reply.read())["response"]["patch"]
    with webhook.connect() as connection:
        connection.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + REVIEW)
        connection.recv(10)
        before = time.monotonic()
        while connection.recv(65536):
            pass
        assert time.monotonic() - before < 5, "the end comes with the answer, not with a timeout"
