# SPDX-License-Identifier: Apache-2.0
"""What a response looks like to the browser, interim ones too: head for head, byte for byte."""

import re

import pytest
from proxy import wait_until


def from_upstream(stage, answer, method="GET", request_headers=()):
    stage.upstream.respond_with(answer)
    with stage.raw() as raw:
        raw.send(stage.head(method, "/", request_headers))
        return raw.read_response(method)


ADDED = ("Date", "Content-Length", "Strict-Transport-Security")


@pytest.mark.http1("the spelling of names")
def test_a_response_as_the_browser_sees_it(stage):
    response = from_upstream(
        stage,
        b"HTTP/1.1 201 Whatever\r\nServer: ide\r\nx-twice: 1\r\nX-Twice: 2\r\nX-Empty:\r\nX-Obs: \xe9\r\n"
        b'Content-Length: 5\r\nETag: "x"\r\nX_Under: _\r\nVia: 1.1 x\r\n\r\nhello',
    )
    assert response.body == b"hello"
    expected = [("Server", "ide"), ("x-twice", "1"), ("X-Twice", "2"), ("X-Empty", ""), ("X-Obs", "\xe9")]
    expected += [("ETag", '"x"'), ("X_Under", "_"), ("Via", "1.1 x")]
    assert [h for h in response.headers if h[0] not in ADDED] == expected
    assert (response.status, response.reason, response.get("Content-Length")) == (201, "Created", "5")


def test_hop_by_hop_fields_of_responses_end_here(stage):
    response = from_upstream(
        stage,
        b"HTTP/1.1 200 OK\r\nConnection: close, X-Gone\r\nX-Gone: 1\r\nKeep-Alive: x\r\nProxy-Authenticate: x\r\n"
        b"Trailer: X\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nTE: x\r\nX-Stays: 1\r\nContent-Length: 0\r\n\r\n",
    )
    assert [n for n, _ in response.headers if n not in ADDED] == ["X-Stays"]


def test_date_is_added_where_it_is_missing(stage):
    pattern = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
    response = from_upstream(stage, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert re.fullmatch(pattern, response.get("Date"))
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    response = from_upstream(
        stage, b"HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: 0\r\n\r\n" % date.encode()
    )
    assert response.get_all("Date") == [date]


OUR_COOKIES = [
    *("__Host-workspace-proxy=evil; Path=/; Secure", "__Host-workspace-proxy=; Max-Age=0; Path=/; Secure"),
    *(
        "__Host-workspace-proxy =evil",
        "__Host-workspace-proxy",
        "__Host-workspace-proxy;x=y",
        "=__Host-workspace-proxy=evil",
    ),
    *(" =  __Host-workspace-proxy=evil", "==__Host-workspace-proxy=evil"),
]


@pytest.mark.parametrize("value", OUR_COOKIES)
def test_the_upstream_sets_none_of_our_cookies(stage, value):
    """L13"""
    head = f"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nset-cookie: {value}\r\nSet-Cookie: c=d; Path=/\r\nContent-Length: 0\r\n\r\n"
    response = from_upstream(stage, head.encode())
    assert response.get_all("Set-Cookie") == ["a=b", "c=d; Path=/"]


def test_no_response_names_another_of_our_flows_cookies(stage):
    with stage.raw() as raw:
        raw.send(
            stage.head(headers=[("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html")], signed_in=False)
        )
        (flow,) = [c.partition("=")[0] for c in raw.read_response().get_all("Set-Cookie")]
    head = f"HTTP/1.1 200 OK\r\nSet-Cookie: {flow}=evil; Path=/; Secure\r\nContent-Length: 0\r\n\r\n"
    assert from_upstream(stage, head.encode()).get_all("Set-Cookie") == []


@pytest.mark.parametrize(
    "method, answer, length",
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "1234"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", None),
        ("HEAD", b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n", "5"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: x\r\n\r\n", "1234"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("DELETE", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"),
    ],
)
def test_responses_without_a_body(stage, method, answer, length):
    def respond(connection, request):
        connection.send(answer)

    stage.upstream.answer = respond
    with stage.raw() as raw:
        for _ in range(2):  # the connections on both sides stay usable
            raw.send(stage.head(method, "/"))
            response = raw.read_response(method)
            assert (response.get("Content-Length"), response.get("Transfer-Encoding")) == (length, None)
            assert response.get("Connection") is None and response.body == b""
    assert len([c for c in stage.upstream.connections if c.requests]) == 1


@pytest.mark.parametrize("framing", ["chunked", "length", "close", "http10"])
@pytest.mark.parametrize("size", [0, 1, 5, 65535, 65536, 65537, 1000000])
def test_response_bodies(stage, framing, size):
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]

    def respond(connection, request):
        if framing == "chunked":
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n")
            for at in range(0, size, 7777):
                piece = body[at : at + 7777]
                connection.send(b"%X;ext=1\r\n%b\r\n" % (len(piece), piece))
            connection.send(b"000;x\r\nX-T: trailer\r\n\r\n")
        elif framing == "length":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, body))
        else:
            connection.send(b"HTTP/1.%d 200 OK\r\n\r\n%b" % (framing == "close", body))
            raise EOFError

    stage.upstream.answer = respond
    with stage.raw() as raw:
        for _ in range(2):
            response = raw.send(stage.head()).read_response()
            assert response.body == body
            assert (response.get("Transfer-Encoding") == "chunked") == (framing != "length")
            assert b"X-T" not in response.head and "trailer" not in response.text


# 1xx


def test_expect_100_continue_goes_to_the_upstream_and_back(stage):
    stage.upstream.read_bodies = False

    def respond(connection, request):
        assert request.get("Expect") == "100-continue"
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(request)
        connection.send_response(200, [], request.body)

    stage.upstream.answer = respond
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/", [("Expect", "100-continue"), ("Content-Length", "5")]))
        assert raw.read_head().status == 100
        assert raw.send(b"hello").read_response().body == b"hello"
        assert (
            raw.send(stage.head("POST", "/", [("Expect", "100-continue"), ("Content-Length", "2")]))
            .read_head()
            .status
            == 100
        )
        assert raw.send(b"hi").read_response().body == b"hi"


def test_a_final_answer_instead_of_100(stage):
    stage.upstream.read_bodies = False
    stage.upstream.answer = lambda connection, request: connection.send_response(417, [], b"no")
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/", [("Expect", "100-continue"), ("Content-Length", "5")]))
        response = raw.read_response()
        assert (response.status, response.body, response.get("Connection")) == (417, b"no", "close")
        assert raw.is_closed()
    wait_until(
        lambda: all(c.closed_by_peer for c in stage.upstream.connections if c.requests),
        what="a closed connection",
    )


def test_no_100_without_a_session(stage):
    """L9"""
    with stage.raw() as raw:
        raw.send(
            stage.head("POST", "/", [("Expect", "100-continue"), ("Content-Length", "5")], signed_in=False)
        )
        response = raw.read_response()
        assert response.status == 401 and not response.interim
    assert not stage.upstream.received


def test_interim_answers_pass(stage):
    hints = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Gone\r\nX-Gone: 1\r\n\r\n"
    )
    answer = (
        hints + b"HTTP/1.1 102 Processing\r\n\r\n" + hints + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    response = from_upstream(stage, answer)
    assert [i.status for i in response.interim] == [103, 102, 103] and response.body == b"ok"
    assert response.interim[0].headers == [("Link", "</a.css>; rel=preload")]


def test_interim_answers_pass_at_once(stage):
    def respond(connection, request):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        stage.upstream.event.acquire(timeout=10)
        connection.send_response(200, [], b"ok")

    stage.upstream.answer = respond
    with stage.raw() as raw:
        assert raw.send(stage.head()).read_head().status == 103
        stage.upstream.release_event()
        assert raw.read_response().body == b"ok"


def test_http10_clients_see_no_interim_answer(stage):
    stage.upstream.respond_with(
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    with stage.raw() as raw:
        raw.send(stage.head(version="HTTP/1.0"))
        assert raw.read_until_close().startswith(b"HTTP/1.1 200 ")


def answered(stage, *heads):
    """The response to a request that the upstream answers with these heads, and "hi"."""
    data = b"".join(h if isinstance(h, bytes) else h.encode() for h in heads)

    def answer(connection, request):
        connection.send(data)
        raise EOFError

    stage.upstream.answer = answer
    with stage.raw() as raw:
        raw.send(stage.head())
        while (response := raw.read_response()).status < 200:
            pass
        return response


FINAL = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
EARLY_HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"


@pytest.mark.parametrize("count, status", [(32, 200), (33, 502), (10000, 502)])
def test_interim_responses_are_capped(stage, count, status):
    assert answered(stage, EARLY_HINTS * count, FINAL, "\r\nhi").status == status


def test_large_heads_pass(stage):
    fields = "".join(f"X-{n}: {'y' * 300}\r\n" for n in range(190))
    response = answered(stage, FINAL, fields, "\r\nhi")
    assert response.status == 200 and len([n for n, _ in response.headers if n.startswith("X-")]) >= 190


@pytest.mark.parametrize("fields", ["".join(f"X-{n}: y\r\n" for n in range(200)), "X: " + "y" * 65536 + "\r\n"])
def test_larger_heads_do_not(stage, fields):
    assert answered(stage, FINAL, fields, "\r\nhi").status == 502


def test_cookies_stay_with_their_host(stage):
    fields = [
        "Set-Cookie: a=1; Path=/; domain = .LOCALHOST; Secure",
        "Set-Cookie: b=2; Domain=workspace.localhost",
        "Set-Cookie: c=3; Domain=elsewhere.example",
        "Set-Cookie: domain=localhost",
        "Clear-Site-Data: \"cookies\"",
    ]
    response = answered(stage, FINAL, "".join(f + "\r\n" for f in fields), "\r\nhi")
    assert response.get_all("Set-Cookie") == [
        "a=1; Path=/; Secure",
        "b=2; Domain=workspace.localhost",
        "c=3; Domain=elsewhere.example",
        "domain=localhost",
    ]
    assert response.get("Clear-Site-Data") is None
