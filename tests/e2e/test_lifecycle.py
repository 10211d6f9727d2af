# SPDX-License-Identifier: Apache-2.0
"""Start, TLS, reload, drain, end."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from proxy import SANITIZER, wait_until
from raw_client import RawClient

HEAD = b"HTTP/1.1 200 OK\r\n"


def context_for(certificates, **limits):
    context = certificates.context()
    for name, value in limits.items():
        setattr(context, name, value)
    return context


def connect(stage, context, server_name="workspace.localhost"):
    return RawClient(stage.proxy.address(), context, server_name)


# TLS


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(stage, certificates, version):
    context = context_for(certificates, minimum_version=version, maximum_version=version)
    with connect(stage, context) as raw:
        assert raw.socket.version() == version.name.replace("_", ".")
        assert raw.send(stage.head("GET", "/stream/300000")).read_response().status == 200


def test_old_tls_is_refused(stage, certificates):
    script = ["openssl", "s_client", "-connect", "%s:%d" % stage.proxy.address(), "-CAfile", certificates.ca]
    for version in ("-tls1", "-tls1_1"):
        ran = subprocess.run(
            [*script, version, "-cipher", "DEFAULT@SECLEVEL=0"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        assert ran.returncode != 0 and b"protocol version" in ran.stderr, ran.stderr
    ran = subprocess.run([*script, "-tls1_2"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert ran.returncode == 0


def test_weak_ciphers_are_refused(stage, certificates):
    for ciphers in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"):
        context = context_for(certificates, maximum_version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(ciphers)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(stage, context)


@pytest.mark.http1("ALPN where HTTP2 is off")
@pytest.mark.parametrize(
    "offered, chosen", [(None, None), (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1")]
)
def test_alpn(stage, certificates, offered, chosen):
    with RawClient(stage.proxy.address(), certificates.context(), "workspace.localhost", alpn=offered) as raw:
        assert raw.socket.selected_alpn_protocol() == chosen
        assert raw.send(stage.head()).read_response().status == 200


@pytest.mark.http1("ALPN where HTTP2 is off")
def test_alpn_without_anything_that_we_speak(stage, certificates):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        RawClient(stage.proxy.address(), certificates.context(), "workspace.localhost", alpn=["h2", "spdy/3"])


def test_a_client_without_sni(stage, certificates):
    context = context_for(certificates, check_hostname=False)
    with connect(stage, context, None) as raw:
        assert raw.send(stage.head()).read_response().status == 200


def test_a_client_that_half_closes_tls(stage, certificates):
    """close_notify while keep-alive idles: the connection ends in order, both ways."""
    with connect(stage, certificates.context()) as raw:
        raw.send(stage.head()).read_response()
        raw.socket.settimeout(60)
        with contextlib.suppress(OSError):
            raw.socket.unwrap()
    with connect(stage, certificates.context()) as raw:
        raw.send(stage.head(headers=[("Connection", "close")])).read_response()
        assert raw.socket.recv(1) == b"", "our end comes with close_notify"


def test_sessions_resume_over_a_reload(make_stage, certificates):
    stage = make_stage()
    context = context_for(certificates, maximum_version=ssl.TLSVersion.TLSv1_2)
    with connect(stage, context) as raw:
        raw.send(stage.head()).read_response()
        session = raw.socket.session
    stage.proxy.process.send_signal(signal.SIGHUP)
    stage.proxy.wait_for_log(message="certificate reloaded")
    with socket.create_connection(stage.proxy.address()) as plain:
        with context.wrap_socket(plain, server_hostname="workspace.localhost", session=session) as tls:
            assert tls.session_reused


# Reload


@pytest.fixture
def own_pair(certificates, tmp_path):
    """A certificate and key that a test may replace."""
    paths = str(tmp_path / "tls.pem"), str(tmp_path / "tls.key")

    def put(stem):
        for source, target in zip(certificates.issue(stem), paths):
            shutil.copyfile(source, target + ".new")
            os.replace(target + ".new", target)

    put("first")
    return paths, put


def subject(stage, certificates):
    with connect(stage, certificates.context()) as raw:
        return dict(part[0] for part in raw.socket.getpeercert()["subject"])["commonName"]


def test_sighup_reloads_the_certificate(make_stage, certificates, own_pair):
    (cert, key), put = own_pair
    stage = make_stage(TLS_CERT_FILE=cert, TLS_KEY_FILE=key)
    assert subject(stage, certificates) == "first"
    with stage.raw() as before:
        before.send(stage.head()).read_response()
        put("second")
        assert subject(stage, certificates) == "first"
        stage.proxy.process.send_signal(signal.SIGHUP)
        stage.proxy.wait_for_log(message="certificate reloaded")
        assert subject(stage, certificates) == "second"
        assert before.send(stage.head()).read_response().status == 200


@pytest.mark.parametrize("damage", ["missing", "garbage", "mismatch", "no-key"])
def test_a_bad_pair_keeps_the_old_one(make_stage, certificates, own_pair, damage):
    (cert, key), put = own_pair
    stage = make_stage(TLS_CERT_FILE=cert, TLS_KEY_FILE=key)
    if damage == "missing":
        os.unlink(cert)
    elif damage == "garbage":
        with open(cert, "w") as file:
            file.write("no certificate")
    elif damage == "mismatch":
        shutil.copyfile(certificates.issue("third")[1], key)
    else:
        os.unlink(key)
    stage.proxy.process.send_signal(signal.SIGHUP)
    stage.proxy.wait_for_log(message="certificate not reloaded; the old one remains in use")
    assert subject(stage, certificates) == "first"
    put("fourth")
    stage.proxy.process.send_signal(signal.SIGHUP)
    stage.proxy.wait_for_log(message="certificate reloaded")
    assert subject(stage, certificates) == "fourth"


# Drain


def held(stage):
    """A request whose answer the test lets go."""
    go = threading.Semaphore(0)

    def answer(connection, request):
        connection.send(HEAD + b"Content-Length: 10\r\n\r\nhello")
        go.acquire(timeout=60)
        connection.send(b"world")

    stage.upstream.answer = answer
    return go


def terminate(stage, number=signal.SIGTERM):
    stage.proxy.process.send_signal(number)
    stage.proxy.wait_for_log(message="draining")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_finishes_what_runs_and_closes_what_idles(make_stage, number):
    stage = make_stage()
    go = held(stage)
    with stage.raw() as busy, stage.raw() as idle, stage.raw() as begun, stage.raw() as waiting:
        idle.send(stage.head("GET", "/oauth2/userinfo")).read_response()
        busy.send(stage.head()).read_head()
        head = stage.head("GET", "/oauth2/userinfo")
        begun.send(head[:-1])
        waiting.send(stage.head("GET", "/late"))
        stage.upstream.wait_for_requests(2)
        terminate(stage, number)
        assert idle.is_closed()
        with pytest.raises(OSError):
            stage.raw()
        response = begun.send(head[-1:]).read_response()
        assert (response.status, response.get("Connection")) == (200, "close")
        assert stage.proxy.process.poll() is None
        go.release(2)
        assert busy.read_exactly(10) == b"helloworld" and busy.is_closed()
        response = waiting.read_response()
        assert response.body == b"helloworld"
    started = time.monotonic()
    assert stage.proxy.stop() == 0 and time.monotonic() - started < 15


def test_readiness_ends_with_the_drain(make_stage):
    stage = make_stage()
    held(stage)
    with stage.raw() as busy:
        busy.send(stage.head()).read_head()

        def status(path):
            with RawClient(stage.proxy.address("admin")) as admin:
                admin.request("GET", path, host="admin")
                return admin.read_response().status

        assert (status("/ping"), status("/ready")) == (200, 200)
        terminate(stage)
        assert (status("/ping"), status("/ready")) == (200, 503)
        stage.proxy.process.send_signal(signal.SIGTERM)


def test_an_idle_proxy_ends_at_once(make_stage):
    stage = make_stage()
    started = time.monotonic()
    assert stage.proxy.stop() == 0
    assert time.monotonic() - started < 15


def test_drain_ends_at_its_deadline(make_stage):
    stage = make_stage(DRAIN_TIMEOUT="400ms")
    held(stage)
    with stage.raw() as busy:
        busy.send(stage.head()).read_head()
        started = time.monotonic()
        assert stage.proxy.stop() == 0
        assert 0.3 < time.monotonic() - started < 15
        busy.read_exactly(5)
        with pytest.raises(EOFError):
            busy.read_exactly(5)


def test_a_second_signal_ends_at_once(make_stage):
    stage = make_stage()
    held(stage)
    with stage.raw() as busy:
        busy.send(stage.head()).read_head()
        terminate(stage)
        started = time.monotonic()
        assert stage.proxy.stop() == 0
        assert time.monotonic() - started < 15


def test_drain_ends_our_event_streams(make_stage):
    stage = make_stage()
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/oauth2/workspace", [("Accept", "text/event-stream")]))
        raw.read_head()
        raw.read_until(b"\n\n")
        terminate(stage)
        raw.read_until(b"0\r\n\r\n")
        assert raw.is_closed()


def test_drain_with_pipelined_requests(make_stage):
    """What was begun is finished; what follows it on the connection is not."""
    stage = make_stage()
    go = held(stage)
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/one") + stage.head("GET", "/two"))
        raw.read_head()
        terminate(stage)
        go.release(2)
        assert raw.read_exactly(10) == b"helloworld" and raw.is_closed()
    assert [r.target for r in stage.upstream.requests] == ["/one"]


def test_nothing_is_left_behind(make_stage):
    """Descriptors go back to where they were, whatever the clients did."""
    stage = make_stage()

    def descriptors():
        return len(os.listdir(f"/proc/{stage.proxy.process.pid}/fd"))

    with stage.raw() as raw:
        raw.send(stage.head()).read_response()
    for connection in stage.upstream.connections:
        connection.close()
    wait_until(lambda: len([e for e in stage.proxy.log_entries(message="connection lost")]) > 0)
    before = descriptors()
    for number in range(60):
        raw = stage.raw(listener="https")
        data = stage.head("POST", "/x", [("Content-Length", "10")]) + b"hello"
        raw.send(data[: len(data) * number // 60])
        raw.close()
    wait_until(lambda: descriptors() <= before + 1, what="descriptors to be given back")
    assert SANITIZER.search(stage.proxy.log) is None
