# SPDX-License-Identifier: Apache-2.0
"""Requests from one host of a workspace to another, and from foreign origins."""

import pytest
from test_ports import NAME, PROGRAM, ask, entered, make_ports, stage_of_ports  # noqa: F401

pytestmark = pytest.mark.shared
STAGE_OF_PORTS = NAME


def test_answers_of_ours_are_open_to_our_own_origins(entered, client, servers):
    proxy, first, second = entered
    for origin in (proxy.origin, first.origin, second.origin):
        reply = ask(first, "POST", "/api", [*PROGRAM.items(), ("Origin", origin)])
        assert reply.status == 401 and reply.json()["login_url"] == first.origin + "/oauth2/start"
        assert reply.get_all("Access-Control-Allow-Origin") == [origin]
        assert reply.get("Access-Control-Allow-Credentials") == "true" and reply.get("Vary") == "Origin"
        ours = ask(first, "GET", "/x", [*PROGRAM.items(), ("Origin", origin)], authority=proxy.host)
        assert ours.status == 401 and ours.get("Access-Control-Allow-Origin") == origin


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_nobody_elses_origin_gets_anything(entered, method):
    proxy, first, _ = entered
    others = [
        "null",
        "https://evil.example",
        "https://plum.ws.localhost",
        proxy.origin.replace("kiwi", "plum"),
        proxy.origin.replace("https", "http"),
        first.origin.replace(str(first.port), "1", 1),
        first.origin.replace(str(first.port), "0" + str(first.port), 1),
        first.origin + "0",
        first.origin + ".evil.example",
        first.origin.upper(),
        "*",
    ]
    preflight = [("Access-Control-Request-Method", "PUT")] if method == "OPTIONS" else []
    for origin in others:
        reply = ask(first, method, "/api", [*PROGRAM.items(), ("Origin", origin), *preflight])
        assert reply.status == 401
        assert not [n for n, _ in reply.headers if n.lower().startswith("access-control")], origin
    twice = [("Origin", proxy.origin), ("Origin", proxy.origin)]
    assert ask(first, method, "/api", [*twice, *preflight]).get("Access-Control-Allow-Origin") is None


def test_preflights_among_our_own_hosts(entered, servers, upstream):
    proxy, first, second = entered
    servers[0].forget(), upstream.forget()
    asked = [
        ("Origin", second.origin),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "content-type,x-csrf-token"),
    ]
    reply = ask(first, "OPTIONS", "/api", asked)
    assert reply.status == 204 and reply.body == b""
    assert reply.get("Access-Control-Allow-Origin") == second.origin
    assert reply.get("Access-Control-Allow-Methods") == "PUT"
    assert reply.get("Access-Control-Allow-Headers") == "content-type,x-csrf-token"
    assert reply.get("Access-Control-Allow-Credentials") == "true"
    # The IDE may rely on the browser's asking first; and our endpoints are for our pages.
    assert ask(first, "OPTIONS", "/api", asked, authority=proxy.host).status == 401
    assert ask(first, "OPTIONS", "/oauth2/sign_out", asked).status == 405
    for bad in ("a\tb", "a;b", "x" * 2000):
        more = [asked[0], asked[1], ("Access-Control-Request-Headers", bad)]
        assert ask(first, "OPTIONS", "/api", more).status == 401
    assert not servers[0].received and not upstream.received


def test_with_a_session_cors_is_the_servers_business(stage_of_ports, servers):
    first, cookie = stage_of_ports
    servers[0].respond_with(b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: x\r\n\r\n")
    reply = ask(first, "OPTIONS", "/api", [("Origin", first.proxy.origin)], cookie)
    assert reply.get_all("Access-Control-Allow-Origin") == ["x"]
    assert servers[0].requests[0].method == "OPTIONS"


def test_only_its_own_origin_may_open_a_websocket(entered, client, servers):
    proxy, first, second = entered
    cookie = ("Cookie", first.cookie(client))
    for origin in (proxy.origin, second.origin, "null", None, first.origin.replace("https", "http")):
        with proxy.raw() as raw:
            reply = raw.upgrade("/ws", first.host, origin, [cookie])
            assert reply.status == 403, origin
            is_own = origin in (proxy.origin, second.origin)
            assert reply.get("Access-Control-Allow-Origin") == (origin if is_own else None)
    assert not [r for r in servers[0].requests if r.get("Upgrade")]
    with proxy.raw() as raw:
        assert raw.upgrade("/ws", first.host, first.origin, [cookie]).status == 101
        raw.send_frame(1, b"hello")
        assert raw.read_frame()[:2] == (1, b"hello")
