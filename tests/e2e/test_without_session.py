# SPDX-License-Identifier: Apache-2.0
"""Requests without a session: nothing but a refusal, whatever the spelling, and nothing of them in pages or the log."""

import re

import pytest
from test_framing import assert_untouched, send_in_pieces

SPELLINGS = [
    *(
        "/%6fauth2/start",
        "/oauth2%2fstart",
        "/oauth2%2Fstart",
        "//oauth2/start",
        "/./oauth2/start",
        "/x/../oauth2/start",
    ),
    *(
        "/oauth2;x/start",
        "/oauth2\\start",
        "/\\oauth2/start",
        "/OAUTH2/start",
        "/oauth2%00/start",
        "/oauth2%252fstart",
    ),
    *(
        "/%2e%2e/oauth2/start",
        "/oauth2%5cstart",
        "/a%23",
        "/;/oauth2/start",
        "/oauth2x/start",
        "/ping",
        "/ready",
        "/metrics",
    ),
    *("/robots.txt", "/favicon.ico", "/manifest.json", "/static/x.js", "/?/oauth2/start", "/oauth2?/start"),
]
BELOW_PREFIX = [
    *(
        "/oauth2",
        "/oauth2/",
        "/oauth2/start/",
        "/oauth2/start%00",
        "/oauth2/start;x",
        "/oauth2/Start",
        "/oauth2/%73tart",
    ),
    *(
        "/oauth2//start",
        "/oauth2/./start",
        "/oauth2/../",
        "/oauth2/..%2f",
        "/oauth2/start/..",
        "/oauth2/unknown",
    ),
]


@pytest.mark.parametrize("target", [*SPELLINGS, *BELOW_PREFIX])
def test_no_spelling_of_a_path_opens_anything(stage, target):
    if target == "/oauth2?/start":
        expected = {404}
    else:
        expected = {404} if target in BELOW_PREFIX else {401}
    data = stage.head(target=target, signed_in=False)
    answer = re.findall(
        rb"^HTTP/1.1 (\d+) ",
        send_in_pieces(stage, [data, stage.head(headers=[("Connection", "close")], signed_in=False)]),
    )
    assert {int(answer[0])} == expected
    assert_untouched(stage.upstream)


@pytest.mark.parametrize("target", [t for t in SPELLINGS if not t.startswith("/oauth2?")])
def test_a_path_reaches_the_upstream_as_it_was_written(stage, target):
    send_in_pieces(stage, [stage.head(target=target, headers=[("Connection", "close")])])
    assert [r.target for r in stage.upstream.requests] == [target]


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/", "/oauth2/workspace", "/oauth2/userinfo"])
def test_no_method_passes_without_a_session(stage, method, path):
    """L3, L9: nothing to the upstream, not even with what others take for a health check or a login."""
    headers = [
        ("User-Agent", "GoogleHC/1.0"),
        ("X-Original-URI", "/ping"),
        ("X-Forwarded-Uri", "/oauth2/sign_in"),
        ("X-Forwarded-User", "sasha"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Auth-Request-User", "sasha"),
        ("Authorization", "Bearer x"),
        ("Expect", "100-continue"),
        ("Content-Length", "5"),
        ("Connection", "close"),
    ]
    answer = send_in_pieces(stage, [stage.head(method, path, headers, signed_in=False), b"hello"])
    if method == "POST" and path != "/":  # our own endpoints read forms before they judge them
        answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert re.match(rb"HTTP/1.1 (401|405) ", answer), answer
    assert not answer.partition(b"\r\n\r\n")[2] or method != "HEAD"
    assert_untouched(stage.upstream)


def test_an_upgrade_without_a_session_goes_nowhere(stage):
    with stage.raw() as raw:
        response = raw.upgrade("/ws", stage.host, stage.proxy.origin)
        assert response.status == 401
        raw.send(b"\x81\x05hello")
    assert_untouched(stage.upstream)


def test_error_pages_hold_nothing_of_the_request(stage):
    """L17"""
    for data in (
        stage.head(
            target="/<canary>?canary",
            headers=[("X-Canary", "canary"), ("Accept", "text/html")],
            signed_in=False,
        ),
        stage.head(
            target="/oauth2/canary", headers=[("Accept", "text/html"), ("Referer", "canary")], signed_in=False
        ),
        b"GET /canary HTTP/1.1\r\nHost: canary.example\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\r\n",
        b"GET /canary canary HTTP/1.1\r\nHost: canary\r\n\r\n",
    ):
        with stage.raw() as raw:
            raw.send(data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            answer = raw.read_until_close()
        assert re.match(rb"HTTP/1.1 (302|400|401|404|421) ", answer), answer
        assert b"canary" not in answer.lower()


def test_what_attackers_send_is_bounded_and_escaped_in_the_log(stage):
    """L19"""
    target = "/" + "A" * 15000
    with stage.raw() as raw:
        raw.send(stage.head(target=target, signed_in=False)).read_response()
        raw.send(stage.head(target='/%0a\\\x5c"{}', signed_in=False)).read_response()
    entry = stage.proxy.wait_for_log(message="request", path='/%0a\\\\"{}')
    assert entry["status"] == 401
    assert max(map(len, stage.proxy.lines)) < 20000 and not any(
        "A" * 2000 in line for line in stage.proxy.lines
    )
