# SPDX-License-Identifier: Apache-2.0
"""Forms for our own endpoints, which anybody may begin to post."""

import time

import pytest


def drip(raw, piece=b"", pause_s=0.2, limit_s=10):
    """Sends piece again and again until something comes back; (seconds, what came)."""
    began = time.monotonic()
    raw.socket.settimeout(pause_s)
    while time.monotonic() - began < limit_s:
        try:
            answer = raw.socket.recv(65536)
            return time.monotonic() - began, answer
        except TimeoutError:
            raw.send(piece)
    raise AssertionError(f"nothing happened in {limit_s} s")


@pytest.mark.parametrize("framing", [("Content-Length", "4000"), ("Transfer-Encoding", "chunked")])
def test_a_form_that_drips_in(make_stage, framing):
    """Anybody may post one, so each byte must not buy another BODY_TIMEOUT."""
    stage = make_stage(BODY_TIMEOUT="1s")
    with stage.raw() as raw:
        raw.send(stage.head("POST", "/oauth2/sign_out", [framing], signed_in=False) + b"5;")
        passed, answer = drip(raw, b"x")
    assert answer.startswith(b"HTTP/1.1 408 ") and passed >= 0.9


@pytest.mark.parametrize("target", ["/oauth2/sign_out", "/oauth2/workspace"])
def test_our_own_endpoints_ask_for_an_expected_body(stage, target):
    with stage.raw() as raw:
        raw.send(stage.head("POST", target, [("Expect", "100-continue"), ("Content-Length", "3")]))
        assert raw.read_head().status == 100
        raw.send(b"a=b")
        assert raw.read_response().status == 403


def test_no_100_for_http_1_0(stage):
    with stage.raw() as raw:
        headers = [("Expect", "100-continue"), ("Content-Length", "3")]
        raw.send(stage.head("POST", "/oauth2/sign_out", headers, version="HTTP/1.0") + b"a=b")
        response = raw.read_response()
    assert response.status == 403 and not response.interim
