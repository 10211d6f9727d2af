# SPDX-License-Identifier: Apache-2.0
"""What operators see: /metrics, /ready, /activity. Figures must move with what happens, keep their
form, and hold nothing of a user."""

import re
import shutil
import ssl
import subprocess
import threading
import time

import metrics
import pytest
import websocket
from proxy import ROOT, wait_until
from raw_client import RawClient
from test_lifecycle import context_for
from test_websocket import hold_open, opened, tunnel_of


def ask(proxy, path):
    with RawClient(proxy.address("admin")) as raw:
        raw.request("GET", path, host="admin")
        return raw.read_response()


def scrape(proxy):
    response = ask(proxy, "/metrics")
    assert response.status == 200
    assert response.get("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return metrics.parse(response.text)


def documented():
    """Of sidecar and relay; the webhook's are compared in test_webhook.py."""
    with open(f"{ROOT}/docs/metrics.md") as file:
        return set(re.findall(r"^\| `([a-z0-9_]+)` .* \| (?!webhook \|)[^|]+ \| [^|]+ \|$", file.read(), re.M))


def until(proxy, condition, what):
    return wait_until(lambda: (m := scrape(proxy)) and condition(m) and m, what=what)


# Form


def families(text):
    return set(re.findall(r"^# TYPE (\S+)", text, re.M))


def test_what_is_told_is_documented(stage, make_relay, gitlab):
    relay = make_relay(gitlab, broker=True)
    sidecar, central = (families(ask(p, "/metrics").text) for p in (stage.proxy, relay))
    assert sidecar | central == documented()
    assert not {name for name in central if re.search("clone|upstream|websocket|gitlab|session", name)}
    metrics.parse(ask(relay, "/metrics").text)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (package prometheus) is not installed")
def test_promtool_finds_nothing(stage, make_relay, gitlab):
    relay = make_relay(gitlab, broker=True)
    for proxy in (stage.proxy, relay):
        text = ask(proxy, "/metrics").text
        ran = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=20
        )
        assert ran.returncode == 0 and not ran.stderr.strip(), ran.stderr


def test_nothing_of_a_user_is_told(stage):
    secret_path = "/a-path-that-nobody-should-see"
    with stage.raw() as raw:
        raw.send(stage.head("GET", secret_path + "?q=token-like-value")).read_response()
    for path in ("/metrics", "/ready", "/activity", "/ping"):
        text = ask(stage.proxy, path).text
        for word in ("sasha", secret_path, "token-like-value", stage.cookie.partition("=")[2], "127.0.0.1"):
            assert word not in text, (path, word)


# Figures


def test_requests(stage):
    before = scrape(stage.proxy)
    stage.upstream.answer = lambda connection, request: connection.send(
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"
    )
    with stage.raw() as raw:
        raw.send(stage.head()).read_response()
        raw.send(stage.head("POST", "/x", [("Content-Length", "7")]) + b"1234567").read_response()
        raw.send(stage.head("GET", "/oauth2/userinfo")).read_response()
        raw.send(stage.head("GET", "/oauth2/none")).read_response()
        raw.send(b"GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n").read_response()
    after = scrape(stage.proxy)

    def grown(name, **pairs):
        return after.get(name, **pairs) - before.get(name, **pairs)

    total = "workspace_proxy_http_requests_total"
    assert grown(total, route="ide", code="4xx") == 2 and grown(total, route="ide", code="2xx") == 0
    assert grown(total, route="auth", code="2xx") == 1 and grown(total, route="none", code="4xx") == 2
    assert grown("workspace_proxy_http_request_duration_seconds_count", route="ide") == 2
    assert 0 < grown("workspace_proxy_http_request_duration_seconds_sum", route="ide") < 20
    assert grown("workspace_proxy_http_request_body_bytes_total") == 7
    assert grown("workspace_proxy_http_response_body_bytes_total") > 10
    assert grown("workspace_proxy_connections_accepted_total", listener="https") == 1
    assert after.get("workspace_proxy_http_requests_in_flight") == 0


def test_open_connections_are_in_the_metrics(make_stage):
    stage = make_stage()
    with opened(stage) as raw:
        raw.send_frame(websocket.TEXT, b"x" * 1000)
        raw.read_frame()
        m = scrape(stage.proxy)
        assert m.get("workspace_proxy_websockets_opened_total") == m.get("workspace_proxy_websockets") == 1
        assert m.get("workspace_proxy_http_requests_in_flight") == 1
        assert m.get("workspace_proxy_upstream_connections", state="in_use") == 1
        assert m.get("workspace_proxy_http_request_body_bytes_total") >= 1000
        assert sum(m["workspace_proxy_websockets_closed_total"].values()) == 0
    closed = "workspace_proxy_websockets_closed_total"
    m = until(stage.proxy, lambda m: m.get(closed, reason="browser") == 1, "the browser's end")
    assert m.get("workspace_proxy_http_requests_total", route="websocket", code="1xx") == 1
    released = hold_open(stage)
    with opened(stage) as raw:
        released.set()
        assert raw.is_closed()
    m = until(stage.proxy, lambda m: m.get(closed, reason="ide") == 1, "the IDE's end")
    hold_open(stage)
    with opened(stage):
        with stage.raw() as other:
            headers = [("Origin", stage.proxy.origin), ("Content-Length", "0")]
            other.send(stage.head("POST", "/oauth2/sign_out", headers)).read_response()
        m = until(stage.proxy, lambda m: m.get(closed, reason="session") == 1, "the session's end")
    assert m.get("workspace_proxy_sessions_ended_total", reason="signed_out") == 1
    assert m.get("workspace_proxy_sessions") == 0
    assert m.get("workspace_proxy_http_requests_in_flight") == 0
    assert m.get("workspace_proxy_upstream_connections", state="in_use") == 0


def test_logins_and_gitlab(make_proxy, gitlab, upstream, make_client):
    proxy = make_proxy(gitlab, upstream, AUTHORIZATION_INTERVAL="3s")
    assert make_client().login(proxy.origin + "/", "robin", "robin-password").status == 403
    client = make_client()
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    m = scrape(proxy)
    logins, checks = "workspace_proxy_logins_total", "workspace_proxy_authorization_checks_total"
    assert m.get("workspace_proxy_logins_started_total") == 2
    assert (m.get(logins, outcome="ok"), m.get(logins, outcome="no_access")) == (1, 1)
    assert (m.get(checks, outcome="allowed"), m.get(checks, outcome="refused")) == (1, 1)
    asked = "workspace_proxy_gitlab_requests_total"
    assert m.get(asked, endpoint="token", outcome="ok") == m.get(asked, endpoint="user", outcome="ok") == 2
    assert m.get("workspace_proxy_gitlab_request_duration_seconds_count", endpoint="token") == 2
    assert m.get("workspace_proxy_sessions") == 1

    def asked_again(m):
        client.fetch(proxy.origin + "/")
        return m.get(checks, outcome="allowed") > 1

    until(proxy, asked_again, "authorization to be asked again")
    gitlab.faults.add(endpoint="graphql", status=503)

    def is_silent(m):
        client.fetch(proxy.origin + "/")
        return m.get(checks, outcome="gitlab_unavailable") > 0

    until(proxy, is_silent, "GitLab's silence to be noticed")
    assert {"part": "gitlab", "why": "did not answer the last request"} in ask(proxy, "/ready").json()[
        "problems"
    ]
    assert ask(proxy, "/ready").status == 200


def test_tls(make_stage, certificates):
    stage = make_stage()
    total = "workspace_proxy_tls_handshakes_total"
    context = context_for(certificates, maximum_version=ssl.TLSVersion.TLSv1_2)
    with RawClient(stage.proxy.address(), context, stage.proxy.name) as raw:
        raw.send(stage.head()).read_response()
        session = raw.socket.session
    before = scrape(stage.proxy)
    assert before.get(total, version="TLSv1.2", resumed="no") == 1
    assert before.get(total, version="TLSv1.3", resumed="no") >= 1
    with RawClient(stage.proxy.address()) as raw:
        with context.wrap_socket(raw.socket, server_hostname=stage.proxy.name, session=session) as tls:
            assert tls.session_reused
    m = until(stage.proxy, lambda m: m.get(total, version="TLSv1.2", resumed="yes") == 1, "a resumption")
    assert m.get("workspace_proxy_certificate_expires_timestamp_seconds") > time.time()
    with RawClient(stage.proxy.address()) as raw:
        raw.send(b"GET / HTTP/1.1\r\n\r\n")
        raw.read_until_close()
    failed = "workspace_proxy_tls_handshakes_failed_total"
    assert scrape(stage.proxy).get(failed, reason="error") == 1


def test_an_ide_that_is_not_there(make_proxy, gitlab, client):
    proxy = make_proxy(gitlab, None)
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 503
    m = scrape(proxy)
    assert m.get("workspace_proxy_upstream_failures_total", reason="unreachable") >= 1
    assert m.get("workspace_proxy_upstream_ready") == 0
    ready = ask(proxy, "/ready")
    assert ready.status == 200 and ready.json()["ready"] is True, "browsers get the waiting page"
    assert ready.json()["problems"] == [{"part": "ide", "why": "does not accept connections"}]


def test_the_process(stage):
    m = scrape(stage.proxy)
    assert m.get("process_resident_memory_bytes") > 1 << 20
    assert m.get("process_open_fds") > 5 and m.get("process_threads") >= 1
    assert time.time() - 3600 < m.get("process_start_time_seconds") <= time.time()
    assert m.get("process_start_time_seconds") == scrape(stage.proxy).get("process_start_time_seconds")


# Readiness and activity


def test_ready_when_all_is_well(stage):
    with stage.raw() as raw:
        raw.send(stage.head()).read_response()
    ready = ask(stage.proxy, "/ready")
    assert ready.status == 200
    assert ready.json() == {"ready": True, "ide_ready": True, "clone": "off", "problems": []}


def test_only_what_a_user_does_is_activity(make_stage):
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0")
    stage.upstream.read_bodies = False

    def active_at():
        return scrape(stage.proxy).get("workspace_proxy_last_activity_timestamp_seconds")

    def is_activity(act):
        before = active_at()
        time.sleep(0.05)  # so that a later time can be told from an earlier one
        act()
        return active_at() > before + 0.02

    def is_upload_activity(listener):
        """A large body is spliced where there is no TLS."""
        begun, read = threading.Semaphore(0), threading.Semaphore(0)

        def answer(connection, request):
            begun.release()
            connection.read_exactly(1000)
            read.release()
            connection.read_exactly(999000)

        stage.upstream.answer = answer
        with stage.raw(listener=listener) as upload:
            upload.send(stage.head("POST", "/", [("Content-Length", "1000000")]))
            assert begun.acquire(timeout=60)

            def send_piece():
                upload.send(b"x" * 1000)
                assert read.acquire(timeout=60)

            return is_activity(send_piece)

    with opened(stage) as tunnel, stage.raw() as raw:

        def from_browser():
            tunnel.send_frame(websocket.TEXT, b"typing")
            tunnel.read_frame()

        def from_ide():
            tunnel_of(stage).send(b"\x81\x02hi")
            tunnel.read_frame()

        assert is_activity(lambda: raw.send(stage.head()).read_response())
        assert is_activity(from_browser)
        assert not is_activity(from_ide)
        assert not is_activity(lambda: raw.send(stage.head("GET", "/oauth2/workspace")).read_response())
        assert not is_activity(lambda: raw.send(stage.head("GET", "/oauth2/userinfo")).read_response())
        assert not is_activity(lambda: raw.send(stage.head(signed_in=False)).read_response())
        assert not is_activity(lambda: ask(stage.proxy, "/ready"))
        assert is_upload_activity("http") and is_upload_activity("https")
    answer = ask(stage.proxy, "/activity").json()
    assert set(answer) == {"last_activity", "idle_s", "connections", "websockets"} and 0 <= answer["idle_s"] < 60
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer["last_activity"])
