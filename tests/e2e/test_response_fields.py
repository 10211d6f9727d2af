# SPDX-License-Identifier: Apache-2.0
"""Fields that every response needs, whoever made it: Date, Strict-Transport-Security, and those that keep
browsers from guessing and storing."""

import email.utils
import socket
import time

import pytest
from test_trusted_proxies import ANYBODY, TRUSTED, Balancer

HSTS = "Strict-Transport-Security"


def assert_date(response):
    date = response.get("Date")
    assert date and date.endswith(" GMT"), date
    assert abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 60


def test_the_event_stream(stage):
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/oauth2/workspace", [("Accept", "text/event-stream")]))
        head = raw.read_head()
    assert head.get("Content-Type") == "text/event-stream"
    assert head.get("X-Content-Type-Options") == "nosniff" and head.get("Cache-Control") == "no-store"
    assert head.get(HSTS) == "max-age=31536000"
    assert_date(head)


@pytest.mark.parametrize("target", ["/ping", "/nothing", "/ready"])
def test_the_admin_listener(stage, target):
    with stage.raw(listener="admin") as raw:
        assert_date(raw.request("GET", target).read_response())
    with stage.raw(listener="admin") as raw:
        raw.send(b"GET / HTTP/9.9\r\n\r\n")
        assert_date(raw.read_response())


REFUSED = {
    400: b"GET / HTTP/1.1\r\n%s: x\r\nHost : a\r\n\r\n",
    # Without an end, so that the answer can't depend on whether Accept has arrived.
    414: b"GET /" + b"a" * 70000,
    431: b"GET / HTTP/1.1\r\n%s: x\r\nX: " + b"a" * 300000 + b"\r\n\r\n",
    501: b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n%s: x\r\n\r\n",
    505: b"GET / HTTP/2.0\r\nHost: a\r\n%s: x\r\n\r\n",
}


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize("accept", [b"Accept: text/html", b"Accept: */*"])
def test_requests_that_are_no_requests(stage, status, accept):
    with stage.raw() as raw:
        raw.send(REFUSED[status].replace(b"%s: x", accept))
        response = raw.read_response()
        assert raw.is_closed()
    assert response.status == status and response.get("Cache-Control") == "no-store"
    assert response.get("X-Content-Type-Options") == "nosniff" and response.get("Connection") == "close"
    assert_date(response)
    if b"html" in accept and status != 414:
        assert response.get("Content-Type").startswith("text/html") and b"<h1" in response.body
        assert "default-src 'none'" in response.get("Content-Security-Policy")
    else:
        assert response.get("Content-Type") == "application/json" and response.json()["status"] == status


def test_a_refused_head_request_gets_no_body(stage):
    with stage.raw() as raw:
        raw.send(b"HEAD / HTTP/2.0\r\nHost: a\r\n\r\n")
        head = raw.read_head()
        assert head.status == 505 and int(head.get("Content-Length")) > 0
        assert raw.read_until_close() == b""


def test_tls_on_the_plain_listener_is_refused_at_its_first_byte(stage):
    with stage.raw(listener="http") as raw:
        raw.send(b"\x16")
        response = raw.read_response()
        assert response.status == 400 and raw.is_closed()
    assert stage.proxy.wait_for_log(message="request refused", error="TLS on a listener without TLS")


def test_http_on_the_tls_listener_is_told_so(stage):
    with socket.create_connection(stage.proxy.address("https"), timeout=60) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and b"\r\nConnection: close" in head and b"HTTPS" in body
    assert b"Content-Length: %d" % len(body) in head


def test_hsts_on_all_responses_over_tls(stage):
    stage.upstream.answer = lambda c, r: c.send_response(200, [(HSTS, "max-age=0"), (HSTS, "max-age=1")], b"ok")
    with stage.raw() as raw:
        assert raw.send(stage.head()).read_response().get_all(HSTS) == ["max-age=31536000"]
        reply = raw.request("GET", "/oauth2/nothing", host=stage.host).read_response()
        assert reply.get_all(HSTS) == ["max-age=31536000"]
        reply = raw.send(stage.head(headers=[("Sec-Fetch-Mode", "navigate")], signed_in=False)).read_response()
        assert reply.get_all(HSTS) == ["max-age=31536000"]
        assert raw.request("GET", "/", host="elsewhere.example").read_response().get_all(HSTS) == []


def test_hsts_needs_a_secure_connection(stage):
    with stage.raw(listener="http") as raw:
        assert raw.send(stage.head(headers=[("X-Forwarded-Proto", "https")])).read_response().get(HSTS) is None


@pytest.mark.parametrize(
    "source, lines, expected",
    [
        (TRUSTED, ["X-Forwarded-Proto: https"], True),
        (TRUSTED, ["X-Forwarded-Proto: HTTPS"], True),
        (TRUSTED, ["X-Forwarded-Proto: http"], False),
        (TRUSTED, [], False),
        (TRUSTED, ["X-Forwarded-Proto: https", "X-Forwarded-Proto: http"], False),
        (ANYBODY, ["X-Forwarded-Proto: https"], False),
    ],
)
def test_hsts_behind_a_proxy(make_proxy, gitlab, upstream, source, lines, expected):
    proxy = make_proxy(gitlab, upstream, HTTP_ADDRESS="127.0.0.1:0", TRUSTED_PROXY_IPS=TRUSTED)
    with Balancer(proxy, source) as one:
        one.socket.sendall(("\r\n".join(["GET / HTTP/1.1", f"Host: {proxy.host}", *lines]) + "\r\n\r\n").encode())
        assert (HSTS.encode() in one.read_head()) == expected


@pytest.mark.parametrize("value", ["off", "max-age=60; includeSubDomains; preload"])
def test_hsts_as_configured(make_proxy, gitlab, upstream, value):
    proxy = make_proxy(gitlab, upstream, STRICT_TRANSPORT_SECURITY=value)
    with proxy.raw() as raw:
        reply = raw.request("GET", "/", host=proxy.host).read_response()
        assert reply.get(HSTS) == (None if value == "off" else value)
