# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 to browsers: requests, responses, bodies, and many of them at once on one connection."""

import hashlib
import json
import os
import ssl
import subprocess
import threading

import pytest
from h2_client import CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM, NO_ERROR, H2Client
from proxy import PATIENCE_S

STAGE_SETTINGS = {"HTTP2": "on", "BODY_MAX_SIZE": "16MiB"}
BIG = 5 * 1024 * 1024


def fetch(stage, *arguments, **more):
    with H2Client(stage.proxy) as browser:
        return browser.fetch(*arguments, cookie=stage.cookie, **more)


# Messages


def test_a_request_becomes_http11(stage):
    response = fetch(stage, "GET", "/some/page?a=b", headers=[("x-test", "1"), ("user-agent", "test")])
    request = stage.upstream.requests[-1]
    assert response.status == 200
    assert (request.method, request.target, request.get("Host")) == ("GET", "/some/page?a=b", stage.host)
    assert (request.get("X-Test"), request.get("X-Forwarded-User")) == ("1", "sasha")
    assert request.get("Cookie") is None, "our session's cookie went to the IDE"
    assert request.head.startswith(b"GET /some/page?a=b HTTP/1.1\r\n")


@pytest.mark.http1("both versions")
def test_the_access_log_and_metrics_know_the_version(stage):
    fetch(stage, "GET", "/logged")
    assert stage.proxy.wait_for_log(message="request", path="/logged")["protocol"] == "HTTP/2"
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/logged11")).read_response()
    assert stage.proxy.wait_for_log(message="request", path="/logged11")["protocol"] == "HTTP/1.1"


def test_cookie_crumbs_are_joined(stage):
    crumbs = [("cookie", "a=1"), ("cookie", stage.cookie), ("cookie", "b=2"), ("cookie", "c=3")]
    with H2Client(stage.proxy) as browser:
        assert browser.fetch("GET", "/", headers=crumbs).status == 200
    assert stage.upstream.requests[-1].get_all("Cookie") == ["a=1; b=2; c=3"]


@pytest.mark.parametrize("status", [201, 204, 304, 404, 500])
def test_statuses_pass(stage, status):
    response = fetch(stage, "GET", f"/status/{status}")
    assert (response.status, response.get("X-Upstream"), response.ended) == (status, "yes", True)
    assert response.body == (b"" if status in (204, 304) else b"x")


def test_head_has_a_length_and_no_body(stage):
    def answer(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")

    stage.upstream.answer = answer
    response = fetch(stage, "HEAD", "/")
    assert (response.status, response.get("Content-Length"), response.body) == (200, "1234", b"")


def test_fields_of_connections_do_not_pass(stage):
    def answer(connection, request):
        connection.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\n"
            "Keep-Alive: timeout=5\r\nX-Kept: yes\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        )

    stage.upstream.answer = answer
    response = fetch(stage, "GET", "/")
    names = {name for name, _ in response.headers}
    assert not names & {"connection", "keep-alive", "transfer-encoding", "x-mine", "upgrade"}
    assert (response.get("x-kept"), response.get_all("set-cookie")) == ("yes", ["a=b", "c=d"])
    assert response.body == b"hi"


def test_interim_responses_and_trailers(stage):
    def answer(connection, request):
        connection.send(
            "HTTP/1.1 103 Early Hints\r\nLink: </a.js>; rel=preload\r\n\r\n"
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nServer-Timing: db\r\n\r\n"
        )

    stage.upstream.answer = answer
    response = fetch(stage, "GET", "/", headers=[("te", "trailers")])
    assert [dict(h)[":status"] for h in response.interim] == ["103"]
    assert (response.body, response.trailers) == (b"hello", [("server-timing", "db")])
    assert fetch(stage, "GET", "/").trailers == []


def test_expectations(stage):
    stage.upstream.read_bodies = False

    def answer(connection, request):
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(request)
        connection.send_response(200, body=request.body)

    stage.upstream.answer = answer
    with H2Client(stage.proxy) as browser:
        fields = [("expect", "100-continue"), ("content-length", "5")]
        stream = browser.request("POST", "/", fields, stage.cookie, end=False)
        browser.wait(lambda: browser.responses[stream].interim)
        browser.send(stream, b"hello", end=True)
        assert browser.response(stream).body == b"hello"


def test_own_pages_and_misdirected_requests(stage):
    with H2Client(stage.proxy) as browser:
        page = browser.fetch("GET", "/", headers=[("accept", "text/html"), ("sec-fetch-mode", "navigate")])
        assert page.status == 302 and "oauth/authorize" in page.get("Location")
        status = browser.fetch("GET", "/oauth2/userinfo", cookie=stage.cookie)
        assert status.status == 200 and json.loads(status.body)["user"] == "sasha"
        # Browsers reuse a connection for other hosts that the certificate names.
        assert browser.fetch("GET", "/", authority="other.example.com", cookie=stage.cookie).status == 421
        assert browser.fetch("GET", "/", cookie=stage.cookie).status == 200


# Bodies


@pytest.mark.parametrize("framing", ["length", "stream"])
@pytest.mark.parametrize("size", [0, 1, 65535, BIG])
def test_request_bodies(stage, framing, size):
    body = os.urandom(size)
    fields = [("content-length", str(size))] if framing == "length" else []
    echo = json.loads(fetch(stage, "POST", "/echo", fields, body=body).body)
    assert (echo["body_length"], echo["body_sha256"]) == (size, hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize("kind", ["stream", "chunked"])
def test_large_responses(stage, kind):
    response = fetch(stage, "GET", f"/{kind}/{BIG}")
    assert response.body == (bytes(range(256)) * (BIG // 256)) and response.ended


def test_a_body_over_the_limit(stage):
    with H2Client(stage.proxy) as browser:
        too_big = browser.fetch("POST", "/", [("content-length", str(17 << 20))], stage.cookie, body=b"x", end=False)
        assert (too_big.status, too_big.reset) in ((413, None), (413, NO_ERROR))
        assert browser.fetch("GET", "/", cookie=stage.cookie).status == 200


def test_a_response_without_the_rest_of_the_request(stage):
    """RFC 9113 section 8.1: the answer is whole, and a reset without an error stops the body."""
    stage.upstream.read_bodies = False
    with H2Client(stage.proxy) as browser:
        stream = browser.request("POST", "/", [("content-length", "100000")], stage.cookie, body=b"x", end=False)
        response = browser.responses[stream]
        browser.wait(lambda: response.reset is not None)
        assert (response.status, response.ended, response.reset) == (200, True, NO_ERROR)


def test_an_upstream_that_breaks_off(stage):
    stage.upstream.respond_with(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
    with H2Client(stage.proxy) as browser:
        broken = browser.fetch("GET", "/", cookie=stage.cookie)
        assert (broken.status, broken.ended) == (200, False) and broken.reset
        stage.upstream.forget()
        assert browser.fetch("GET", "/", cookie=stage.cookie).status == 200


# Many at once


def test_streams_do_not_wait_for_each_other(stage):
    with H2Client(stage.proxy) as browser:
        slow = browser.request("GET", "/events/2", cookie=stage.cookie)
        stage.upstream.wait_for_requests(1)
        for _ in range(20):
            assert browser.fetch("GET", "/", cookie=stage.cookie).status == 200
        stage.upstream.release_event()
        browser.wait(lambda: browser.responses[slow].body)
        assert browser.responses[slow].body == b"data: 0\n\n" and not browser.responses[slow].ended
        stage.upstream.release_event()
        assert browser.response(slow).body.endswith(b"data: 1\n\n")


def test_a_hundred_at_once(stage):
    with H2Client(stage.proxy) as browser:
        streams = [browser.request("GET", f"/stream/{1000 + n}", cookie=stage.cookie) for n in range(100)]
        assert [len(browser.response(s).body) for s in streams] == [1000 + n for n in range(100)]


@pytest.mark.parametrize("count", [1, 100])
def test_a_stream_that_is_not_read_stops_only_its_upstream(stage, count):
    """Flow control is backpressure: what the browser does not take stays with the IDE."""
    window = 65535
    with H2Client(stage.proxy, consumes=False) as browser:
        browser.h2.increment_flow_control_window(1 << 30)
        stalled = [browser.request("GET", "/stream/30000000", cookie=stage.cookie) for _ in range(count)]
        browser.wait(lambda: all(len(browser.responses[one].body) >= window for one in stalled))
        browser.consumes = True
        assert len(browser.fetch("GET", "/stream/1000000", cookie=stage.cookie).body) == 1000000
        assert all(len(browser.responses[one].body) == window for one in stalled)
        browser.h2.increment_flow_control_window(1 << 25, stalled[0])
        browser.flush()
        assert len(browser.response(stalled[0]).body) == 30000000


def test_a_body_that_the_ide_does_not_read_stops_only_its_stream(stage):
    tested = threading.Event()
    stage.upstream.read_bodies = False
    stage.upstream.answer = lambda *_: tested.wait(PATIENCE_S)
    with H2Client(stage.proxy) as browser:
        stream = browser.request("POST", "/", cookie=stage.cookie, end=False)
        stage.upstream.wait_for_requests()
        stage.upstream.answer = stage.upstream.default_answer
        sent = 0
        while sent < 64 << 20:
            window = min(browser.h2.local_flow_control_window(stream), 16384)
            if window == 0:
                browser.ping()
                if browser.h2.local_flow_control_window(stream) == 0:
                    break
                continue
            browser.h2.send_data(stream, bytes(window))
            browser.flush()
            sent += window
        assert 65535 <= sent < 15 << 20
        stage.upstream.read_bodies = True
        assert browser.fetch("POST", "/echo", cookie=stage.cookie, body=bytes(100000)).status == 200
        tested.set()


def test_a_reset_ends_the_request_to_the_ide(stage):
    with H2Client(stage.proxy) as browser:
        stream = browser.request("GET", "/events/7", cookie=stage.cookie)
        stage.upstream.wait_for_requests(1)
        connection = next(c for c in stage.upstream.connections if c.requests)
        browser.h2.reset_stream(stream, CANCEL)
        browser.flush()
        stage.proxy.wait_for_log(message="request", path="/events/7")
        stage.upstream.release_event()
        stage.upstream.release_event()
        stage.upstream.wait(lambda: connection.closed_by_peer)
        assert browser.fetch("GET", "/", cookie=stage.cookie).status == 200


# Negotiation


@pytest.mark.parametrize("offer, chosen", [(None, None), (["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1")])
def test_alpn(stage, certificates, offer, chosen):
    stage.proxy.context = certificates.context()
    with stage.raw(alpn=offer) as raw:
        assert raw.socket.selected_alpn_protocol() == chosen
        if chosen != "h2":
            assert raw.send(stage.head()).read_response().status == 200


def test_http2_is_off_where_it_is_not_wanted(make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, HTTP2="off")
    with pytest.raises(ssl.SSLError):
        proxy.raw(alpn=["h2"])
    with proxy.raw(alpn=["h2", "http/1.1"]) as raw:
        assert raw.socket.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("trusted, taken", [("127.0.0.0/8", True), ("10.0.0.0/8", False), (None, False)])
def test_prior_knowledge(make_proxy, gitlab, upstream, trusted, taken):
    """On the plain listener, for proxies in front of us only."""
    proxy = make_proxy(gitlab, upstream, HTTP2="on", HTTP_ADDRESS="127.0.0.1:0", TRUSTED_PROXY_IPS=trusted)
    if taken:
        with H2Client(proxy, listener="http") as browser:
            assert browser.fetch("GET", "/").status == 401
            assert browser.fetch("GET", "/", scheme="http").status == 401
        return
    with proxy.raw(listener="http") as raw:
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert raw.read_response().status == 505
    refused = proxy.wait_for_log(message="request refused")
    assert refused["error"] == "HTTP/2 without TLS needs the peer in TRUSTED_PROXY_IPS"


def test_the_log_says_that_http2_is_off(make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, HTTP2="off")
    with proxy.raw() as raw:
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert raw.read_response().status == 505
    assert proxy.wait_for_log(message="request refused", error="HTTP/2 needs HTTP2=on")


def test_the_preface_may_come_in_pieces(make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, HTTP2="on", HTTP_ADDRESS="127.0.0.1:0", TRUSTED_PROXY_IPS="127.0.0.1")
    with proxy.raw(listener="http") as raw:
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":
            raw.send(bytes([byte]))
        raw.send(b"\0\0\0\4\0\0\0\0\0")
        assert raw.socket.recv(9)[3] == 4, "no SETTINGS"


# Other clients


def curl(stage, *arguments):
    command = ["curl", "-sS", "--http2", "--cacert", stage.proxy.ca, "-H", f"Cookie: {stage.cookie}", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout


@pytest.fixture
def curl_stage(stage, certificates):
    stage.proxy.ca = certificates.ca
    return stage


def test_curl(curl_stage, tmp_path):
    stage = curl_stage
    body = tmp_path / "body"
    body.write_bytes(os.urandom(BIG))
    assert curl(stage, "-w", "%{http_version} %{http_code}", "-o", "/dev/null", stage.proxy.origin) == b"2 200"
    echo = json.loads(curl(stage, "--data-binary", f"@{body}", f"{stage.proxy.origin}/echo"))
    assert echo["body_sha256"] == hashlib.sha256(body.read_bytes()).hexdigest()
    assert len(curl(stage, f"{stage.proxy.origin}/stream/{BIG}")) == BIG


@pytest.mark.parametrize(
    "path, fields, status, error",
    [
        ("/", [(f"x-{n}", "y") for n in range(120)], 431, "the request head exceeds HEAD_MAX_SIZE or HEADERS_MAX"),
        ("/" + "a" * 17000, [], 414, "the request line exceeds URI_MAX_SIZE"),
    ],
)
def test_the_log_names_the_limit_of_a_head(stage, path, fields, status, error):
    with H2Client(stage.proxy) as browser:
        assert browser.fetch("GET", path, fields, stage.cookie).status == status
    stage.proxy.wait_for_log(message="request refused", status=status, error=error)


@pytest.mark.parametrize("cookies", [["a" * 60000, "b" * 30000], ["Z" * 6000 + str(n) for n in range(30)]])
def test_cookies_that_are_too_large_are_answered(stage, cookies):
    """More than HEAD_MAX_SIZE, so that CONTINUATION frames follow: the page may be shown, the IDE is not asked."""
    crumbs = [("cookie", cookie) for cookie in cookies]
    with H2Client(stage.proxy) as browser:
        assert browser.fetch("GET", "/", crumbs, stage.cookie).status == 431
        assert browser.fetch("GET", "/", cookie=stage.cookie).status == 200
    assert len(stage.upstream.requests) == 1


@pytest.mark.parametrize(
    "field, error, reason",
    [
        (("cookie", "Z" * 70000), COMPRESSION_ERROR, "COMPRESSION_ERROR"),
        (("cookie", "a" * 60000), ENHANCE_YOUR_CALM, "a header block is too large"),
    ],
)
def test_heads_that_no_page_takes_end_the_connection(stage, field, error, reason):
    """A field that HPACK does not decode, or more than there may be for pages of our own."""
    with H2Client(stage.proxy) as browser:
        browser.send_fields(browser.head("GET", "/", [field] * 6, stage.cookie))
        browser.read_to_end()
    assert browser.goaway[1] == error
    assert stage.proxy.wait_for_log(message="HTTP/2 connection ended", error=f"HTTP/2: {reason}")
    assert not stage.upstream.requests
