# SPDX-License-Identifier: Apache-2.0
"""What a request looks like to the upstream, head for head and byte for byte, and which ones get there."""

import json
import re

import pytest
from raw_client import RawClient
from upstream import Upstream

OWN = {"X-Forwarded-User", "X-Forwarded-Preferred-Username", "X-Forwarded-Email", "X-Forwarded-For"}
OWN |= {"X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id"}


def fields(request):
    """Names and values that the upstream got, without ours."""
    return [(n, v) for n, v in request.headers if n not in OWN]


def assert_ours(stage, request, peer="127.0.0.1"):
    """Exactly one of each field that we set, and no other name that could be taken for one."""
    expected = {
        "x-forwarded-user": "sasha",
        "x-forwarded-preferred-username": "sasha",
        "x-forwarded-email": "sasha@example.com",
        "x-forwarded-for": peer,
        "x-forwarded-host": stage.host,
        "x-forwarded-proto": "https",
    }
    folded = [(n.lower().replace("_", "-"), v) for n, v in request.headers]
    ours = [(n, v) for n, v in folded if n.startswith(("x-forwarded", "forwarded", "x-real", "x-request"))]
    assert sorted(n for n, _ in ours) == sorted([*expected, "x-request-id"]), ours
    assert {n: v for n, v in ours if n != "x-request-id"} == expected
    assert re.fullmatch("[0-9a-f]{16}", dict(ours)["x-request-id"])


def ask(stage, *arguments, **more):
    with stage.raw() as raw:
        raw.send(stage.head(*arguments, **more))
        return raw.read_response(arguments[0] if arguments else "GET")


# Requests


@pytest.mark.http1("the spelling of names")
def test_a_request_as_the_upstream_sees_it(stage):
    headers = [
        ("User-Agent", "Test/1.0"),
        ("accept", "*/*"),
        ("X-Twice", "one"),
        ("X-Twice", "two"),
        ("X-Empty", ""),
        ("X-Obs", "\xe9\xff"),
        ("Authorization", "Token of-the-app"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("Accept-Encoding", "gzip, br"),
        ("X_Under_Score", "kept"),
    ]
    ask(stage, "GET", "/a%2Fb/../c;d?e=%00&f", headers)
    (request,) = stage.upstream.requests
    assert request.head.startswith(
        b"GET /a%2Fb/../c;d?e=%00&f HTTP/1.1\r\nHost: " + stage.host.encode() + b"\r\n"
    )
    assert fields(request) == [("Host", stage.host), *headers]
    assert_ours(stage, request)


def test_hop_by_hop_fields_end_here(stage):
    headers = [
        ("Connection", "keep-alive, X-Gone, x-also-gone"),
        ("connection", "X-From-Second-Line"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic x"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy_Authorization", "Basic x"),
        ("TE", "gzip"),
        ("Trailer", "X-Trailer"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "x"),
        ("X-Gone", "1"),
        ("X-Also-Gone", "1"),
        ("X-From-Second-Line", "1"),
        ("X-Stays", "1"),
    ]
    ask(stage, headers=headers)
    (request,) = stage.upstream.requests
    assert fields(request) == [("Host", stage.host), ("HTTP2-Settings", "x"), ("X-Stays", "1")]


@pytest.mark.parametrize(
    "name", [*sorted(OWN), "Cookie", "Host", "Content-Length", "Transfer-Encoding", "close"]
)
def test_connection_can_not_remove_what_we_set(stage, name):
    """L16"""
    with stage.raw() as raw:
        headers = [
            ("Connection", f"keep-alive, {name}, {name.lower()}"),
            ("Cookie", "a=b"),
            ("Content-Length", "2"),
        ]
        raw.send(stage.head("POST", headers=headers) + b"hi").read_response()
    (request,) = stage.upstream.requests
    assert_ours(stage, request)
    assert request.get("Host") == stage.host and request.get_all("Cookie") == ["a=b"]
    assert request.body == b"hi" and request.get("Content-Length") == "2"


SPOOFS = [
    *(
        "X-Forwarded-User",
        "x-forwarded-user",
        "X-FORWARDED-USER",
        "X_Forwarded_User",
        "X-Forwarded_User",
        "x_FORWARDED-user",
    ),
    *(
        "X-Forwarded-Email",
        "X-Forwarded-Preferred-Username",
        "X_Forwarded_Preferred_Username",
        "X-Forwarded-Groups",
    ),
    *(
        "X-Forwarded-Access-Token",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
    ),
    *(
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Uri",
        "X-Forwarded-Anything",
        "Forwarded",
        "forwarded",
    ),
    *(
        "X-Real-IP",
        "X_Real_IP",
        "X-Request-Id",
        "X_Request_Id",
        "x-request-id",
        "Remote-User",
        "Remote.User",
        "X.Forwarded.Email",
        "X!Forwarded~User",
        "X^Auth|Request'User",
        "X-Original-URL",
        "X-Client-IP",
        "X-WebAuth-Role",
        "X-Authentik-Username",
        "SSL-Client-Verify",
        "REMOTE_USER",
        "Remote-Email",
    ),
    *(
        "X-Remote-User",
        "X-WebAuth-User",
        "X-Auth-Request-User",
        "X_Auth_Request_Email",
        "x-auth-request-anything",
        "X-Workspace-Assertion",
    ),
]


@pytest.mark.parametrize("name", SPOOFS)
def test_no_spelling_of_our_fields_passes(stage, name):
    """L1, L2"""
    ask(stage, headers=[(name, "spoofed"), (name, "spoofed-too")])
    (request,) = stage.upstream.requests
    assert b"spoofed" not in request.head
    assert_ours(stage, request)


def test_forwarding_fields_decide_nothing(stage):
    """L1: neither the address that a login comes back to, nor whose workspace this is."""
    headers = [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "http"),
        ("Forwarded", "host=evil.example"),
    ]
    headers += [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Original-Host", "evil.example"),
        ("X-Forwarded-Port", "1"),
    ]
    response = ask(
        stage, headers=[*headers, ("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html")], signed_in=False
    )
    assert response.status == 302 and "evil" not in response.head.decode()
    with stage.raw() as raw:
        cookie = [("Cookie", stage.cookie), ("X-Forwarded-Host", "evil.example")]
        assert raw.upgrade("/ws", stage.host, "https://evil.example", cookie).status == 403
    with stage.raw() as raw:
        raw.request(
            "GET", "/", [("X-Forwarded-Host", stage.host), ("Cookie", stage.cookie)], host="evil.example"
        )
        assert raw.read_response().status == 421
    assert not stage.upstream.received


def test_cookies_of_others_pass_byte_for_byte(stage):
    """L13"""
    own = stage.cookie
    flow = "__Host-workspace-proxy-flow-0123456789abcdef=x"
    for sent, expected in (
        (["a=b; c=d"], ["a=b; c=d"]),
        (["a=b;c=d;  e"], ["a=b;c=d;  e"]),
        ([own], []),
        ([f"a=b; {own}; c=d"], ["a=b; c=d"]),
        ([f'{own}; c="d e"; =x; f', "g=h"], ['c="d e"; =x; f', "g=h"]),
        (["a=1", own, "b=2", own], ["a=1", "b=2"]),
        ([f"a=b;{own};c=d=e"], ["a=b; c=d=e"]),
        ([f"{own}; __Host-workspace-proxy=forged; __Host-workspace-proxy ; x=y"], ["x=y"]),
        ([f"{own}; {flow}; x=y"], ["x=y"]),
        ([f"{own}; x__Host-workspace-proxy=1; __host-workspace-proxY=2"], None),
        (
            [f'{own}; _xsrf=2|a|b|1; username-127-0-0-1-8888="2|1:0|"'],
            ['_xsrf=2|a|b|1; username-127-0-0-1-8888="2|1:0|"'],
        ),
    ):
        stage.upstream.forget()
        lines = [("Cookie", value) for value in sent]
        with stage.raw() as raw:
            more = [] if any(own in s for s in sent) else [("Cookie", own)]
            raw.request("GET", "/", [*lines, *more], host=stage.host)
            assert raw.read_response().status == 200
        (request,) = stage.upstream.requests
        if expected is not None:
            assert request.get_all("Cookie") == expected, sent
        for cookie in own.split("; "):
            assert cookie.partition("=")[2].encode() not in request.head


def test_our_cookies_hide_behind_no_odd_cookie_line(stage):
    value = stage.cookie.partition("=")[2]
    for cookie in (
        f'a="b; {stage.cookie}"; c=d',
        f"{stage.cookie};;;",
        f" ; {stage.cookie} ; a=b",
        f"a=b;\t{stage.cookie}\t;c=d",
        "; ".join([stage.cookie] * 20),
    ):
        with stage.raw() as raw:
            raw.request("GET", "/", [("cOOKIE", cookie)], host=stage.host)
            raw.read_response()
    assert stage.upstream.requests and value.encode() not in stage.upstream.received


@pytest.mark.parametrize(
    "method, headers, body, framing",
    [
        ("GET", [], b"", []),
        ("HEAD", [], b"", []),
        ("DELETE", [], b"", []),
        ("POST", [], b"", [("Content-Length", "0")]),
        ("PUT", [("Content-Length", "0")], b"", [("Content-Length", "0")]),
        ("POST", [("Content-Length", "5")], b"hello", [("Content-Length", "5")]),
        ("GET", [("Content-Length", "5")], b"hello", [("Content-Length", "5"), ("Connection", "close")]),
        (
            "POST",
            [("Transfer-Encoding", "chunked")],
            b"5\r\nhello\r\n0\r\n\r\n",
            [("Transfer-Encoding", "chunked"), ("Connection", "close")],
        ),
        (
            "POST",
            [("Transfer-Encoding", "chunked")],
            b"0\r\n\r\n",
            [("Transfer-Encoding", "chunked"), ("Connection", "close")],
        ),
    ],
)
def test_framing_is_written_anew(stage, method, headers, body, framing):
    with stage.raw() as raw:
        raw.send(stage.head(method, "/", headers) + body)
        assert raw.read_response(method).status == 200
        raw.send(stage.head("GET", "/after"))
        assert raw.read_response().status == 200
    first, second = sorted(stage.upstream.requests, key=lambda r: r.target == "/after")
    framed = [(n, v) for n, v in first.headers if n in ("Content-Length", "Transfer-Encoding", "Connection")]
    assert framed == framing and first.complete
    assert first.body == (b"hello" if b"hello" in body else b"")
    assert second.target == "/after"


def test_http10(stage):
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/chunked/100000", version="HTTP/1.0"))
        response = raw.read_response()
        assert (response.status, len(response.body)) == (200, 100000)
        assert response.get("Transfer-Encoding") is None and response.get("Connection") == "close"
    with stage.raw() as raw:
        for _ in range(2):
            raw.send(stage.head("GET", "/", [("Connection", "keep-alive")], version="HTTP/1.0"))
            response = raw.read_response()
            assert response.get("Connection") == "keep-alive" and b"the IDE" in response.body
    assert all(b" HTTP/1.1\r\n" in r.head for r in stage.upstream.requests)


def test_http10_with_a_length_is_closed_afterwards(stage):
    with stage.raw() as raw:
        raw.send(stage.head(version="HTTP/1.0"))
        assert raw.read_response().get("Connection") == "close"
        assert raw.is_closed()


def test_hosts_that_are_not_ours(stage):
    name, _, port = stage.host.rpartition(":")
    with stage.raw() as raw:
        for host in (
            "evil.example",
            f"{name}:1",
            name,
            f"x.{stage.host}",
            f"127.0.0.1:{port}",
        ):
            raw.request("GET", "/", [("Cookie", stage.cookie)], host=host)
            assert raw.read_response().status == 421, host
        raw.request("GET", f"https://evil.example/", [("Cookie", stage.cookie)], host=stage.host)
        assert raw.read_response().status == 421
        raw.request("GET", "/", [("Cookie", stage.cookie)], host=stage.host.upper())
        assert raw.read_response().status == 200
    assert len(stage.upstream.requests) == 1


@pytest.mark.parametrize("value", ["100-continued", "200-ok", "100-continue, x", "x", ""])
def test_what_nobody_knows_to_be_expected(stage, value):
    for target in ("/", "/oauth2/workspace"):
        with stage.raw() as raw:
            raw.send(stage.head("POST", target, [("Expect", value), ("Content-Length", "5")]))
            assert raw.read_response().status == 417
    assert not stage.upstream.received


@pytest.mark.parametrize("value", ["100-continue", "x"])
def test_http10_expects_nothing(stage, value):
    with stage.raw() as raw:
        headers = [("Expect", value), ("Content-Length", "5")]
        raw.send(stage.head("POST", "/x", headers, version="HTTP/1.0") + b"hello")
        response = raw.read_response()
        assert response.status == 200 and not response.interim
    assert stage.upstream.requests[0].get("Expect") is None


@pytest.mark.parametrize(
    "method, sent, status, passed",
    [
        ("OPTIONS", "0", 200, None),
        ("OPTIONS", "000", 200, None),
        ("OPTIONS", "1", 200, "0"),
        ("OPTIONS", "70", 200, "69"),
        ("OPTIONS", "x", 200, "x"),
        ("TRACE", "0", 501, None),
        ("TRACE", "2", 200, "1"),
        ("GET", "0", 200, "0"),
        ("PROPFIND", "0", 200, "0"),
    ],
)
def test_max_forwards(stage, method, sent, status, passed):
    """RFC 9110 section 7.6.2: for OPTIONS and TRACE, and nothing else."""
    response = ask(stage, method, "/", [("Max-Forwards", sent)])
    assert response.status == status
    assert [r.get("Max-Forwards") for r in stage.upstream.requests] == ([] if passed is None else [passed])
    assert b"Cookie" not in response.body


def test_max_forwards_is_no_way_in(stage):
    response = ask(stage, "OPTIONS", "*", [("Max-Forwards", "0")], signed_in=False)
    assert response.status == 401 and not stage.upstream.received


def test_ranges(stage):
    """Asked for and answered by the two ends alone."""

    def respond(connection, request):
        assert request.get("Range") == "bytes=2-5" and request.get("If-Range") == '"x"'
        connection.send(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\n"
            "Accept-Ranges: bytes\r\n\r\ncdef"
        )

    stage.upstream.answer = respond
    response = ask(stage, "GET", "/x", [("Range", "bytes=2-5"), ("If-Range", '"x"')])
    assert (response.status, response.body) == (206, b"cdef")
    assert response.get("Content-Range") == "bytes 2-5/10" and response.get("Accept-Ranges") == "bytes"


def test_no_via_is_added(stage):
    """Static file servers turn compression off when they see one: see proxy/http/forward.h."""
    response = ask(stage, "GET", "/echo", [("Via", "1.1 before")])
    assert response.get("Via") is None
    assert stage.upstream.requests[0].get_all("Via") == ["1.1 before"]


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 3000000])
@pytest.mark.parametrize("chunked", [True, False])
def test_request_bodies(stage, chunked, size):
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(size))
    pieces = [body[at : at + 9999] for at in range(0, size, 9999)]
    coded = b"".join(b"%x;x=y\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\nX-T: trailer\r\n\r\n"
    with stage.raw() as raw:
        for _ in range(2):
            raw.send(stage.head("PUT", "/echo", [framing]) + (coded if chunked else body))
            document = json.loads(raw.read_response().body)
            assert document["body_length"] == size
    import hashlib

    assert document["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert b"X-T" not in stage.upstream.received


# Ways to be reached, and to reach


def test_a_unix_socket_upstream_and_a_plain_listener(make_proxy, gitlab, certificates, tmp_path, client):
    upstream = Upstream(str(tmp_path / "ide"))
    proxy = make_proxy(gitlab, upstream, HTTP_ADDRESS="127.0.0.1:0")
    page = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert page.status == 200
    cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    proxy.secrets.append(cookie.partition("=")[2])
    with proxy.raw(listener="http") as raw:
        for path in ("/stream/100000", "/chunked/100000", "/echo"):
            raw.request("GET", path, [("Cookie", cookie)], host=proxy.host)
            response = raw.read_response()
            assert response.status == 200
        document = dict(response.json()["headers"])
        assert document["X-Forwarded-Proto"] == "https" and document["X-Forwarded-For"] == "127.0.0.1"
        raw.request("GET", "/oauth2/workspace", [("Cookie", cookie)], host=proxy.host)
        assert raw.read_response().json()["ide"]["ready"] is True
    upstream.stop()
    with proxy.raw(listener="http") as raw:
        raw.request("GET", "/", [("Cookie", cookie)], host=proxy.host)
        assert raw.read_response().status in (502, 503)
        raw.request("GET", "/", [("Cookie", cookie)], host=proxy.host)
        assert raw.read_response().status == 503


def test_the_upstream_address_comes_from_the_settings_only(stage):
    """L14"""
    other = Upstream()
    try:
        for target, host in (
            (f"http://127.0.0.1:{other.port}/", stage.host),
            ("/", f"127.0.0.1:{other.port}"),
            (f"//127.0.0.1:{other.port}/", stage.host),
            ("/", stage.host),
        ):
            with stage.raw() as raw:
                more = [
                    ("X-Forwarded-Host", f"127.0.0.1:{other.port}"),
                    ("X-Upstream", other.url),
                    ("Via", other.url),
                ]
                raw.request("GET", target, [("Cookie", stage.cookie), *more], host=host)
                raw.read_response()
        assert not other.connections
    finally:
        other.stop()


def test_own_endpoints_win_over_the_upstream(stage):
    for path in ("start", "callback", "sign_in", "sign_out", "auth", "userinfo", "workspace", "unknown", ""):
        ask(stage, "GET", f"/oauth2/{path}", signed_in=False)
        ask(stage, "HEAD", f"/oauth2/{path}?x", signed_in=False)
    assert not stage.upstream.received


def test_admin_addresses_are_not_public(stage):
    host, port = stage.proxy.address("admin")
    with RawClient((host, port)) as raw:
        raw.request("GET", "/ping", host=f"{host}:{port}")
        assert raw.read_response().status == 200
    for path in ("/ping", "/ready", "/metrics"):
        assert ask(stage, "GET", path, signed_in=False).status == 401
        assert "the IDE" in ask(stage, "GET", path).text
