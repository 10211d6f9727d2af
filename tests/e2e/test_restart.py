# SPDX-License-Identifier: Apache-2.0
"""Changing things under load: processes that replace each other, certificates and secrets that rotate, the end
after idleness. No request may fail."""

import contextlib
import datetime
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import certificates as certificates_module
import pytest
from load import Load
from proxy import binary, environment_for, is_sanitized, new_cookie_secret, wait_until
from raw_client import RawClient
from runners import PassingSockets
from test_lifecycle import held, own_pair, subject  # noqa: F401  (own_pair is a fixture)
from test_metrics import ask, scrape


# Restart


@contextlib.contextmanager
def listening():
    """A socket that listens for as long as the test, whichever process accepts from it."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        s.listen(1024)
        yield s


def test_no_request_fails_when_one_process_replaces_another(make_stage, tmp_path):
    """Five restarts with a socket that outlives them, for a signed-in user. The delay is long enough for each
    client to send a request meanwhile, whose answer tells it to connect anew: closing a connection that idles
    may always cross with a request."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    with listening() as passed:
        stage = make_stage(
            runner=PassingSockets(http=passed), HTTP_ADDRESS="127.0.0.1:0", STATE_DIR=str(state), DRAIN_DELAY="600ms"
        )
        proxy = stage.proxy
        with Load(lambda: RawClient(passed.getsockname()), stage.head("GET", "/oauth2/userinfo")) as load:
            for _ in range(5):
                load.wait(50)
                assert proxy.stop() == 0
                proxy.start_again()
                assert proxy.address("http") == passed.getsockname()
                load.wait(50)
    assert not load.failures and not load.resets, (len(load.failures), load.resets, load.done, load.failures[:5])


@pytest.mark.parametrize(
    "sockets, expected",
    [
        ({"web": "listening"}, 'no enabled listener is named "web"'),
        ({"http": "listening"}, 'no enabled listener is named "http"'),
        ({"https": "bound"}, 'LISTEN_FDS: "https": descriptor 3 does not listen'),
        ({"https": "datagram"}, "is not a stream socket"),
        ({"https": "listening", "": "listening"}, "descriptor 4 has no name"),
    ],
)
def test_sockets_that_can_not_be_used(make_proxy, gitlab, upstream, sockets, expected):
    with contextlib.ExitStack() as stack:
        made = {}
        for name, kind in sockets.items():
            s = socket.socket(type=socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
            made[name] = stack.enter_context(s)
            s.bind(("127.0.0.1", 0))
            if kind == "listening":
                s.listen()
        settings = make_proxy(gitlab, upstream, start=False).settings
        runner = PassingSockets(**made)
        done = subprocess.run(
            runner.command(binary(), ["serve"], settings),
            env=environment_for(settings),
            pass_fds=runner.pass_fds,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert expected in json.loads(done.stderr.splitlines()[-1])["error"]


def test_nobody_else_binds_our_ports(make_proxy, gitlab, upstream):
    """Code in the IDE's container usually has our user id and network: neither the same address nor a more
    specific one can be had while we listen, whatever options are set."""
    proxy = make_proxy(gitlab, upstream, HTTP_ADDRESS=":0", ADMIN_ADDRESS=":0")
    for listener in ("https", "http", "admin"):
        port = proxy.address(listener)[1]
        hosts = ("127.0.0.1", "0.0.0.0", "::") + (() if listener == "https" else ("::1", "127.0.0.2"))
        for host in hosts:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as thief:
                thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                with pytest.raises(OSError, match="Address already in use"):
                    thief.bind((host, port))
                    thief.listen()


def logged_at_s(entry):
    return datetime.datetime.fromisoformat(entry["time"]).timestamp()


def test_while_leaving_it_serves_and_is_not_ready(make_stage):
    stage = make_stage(DRAIN_DELAY="10m", DRAIN_TIMEOUT="6s")
    go = held(stage)
    with stage.raw() as busy, stage.raw() as kept:
        kept.send(stage.head("GET", "/oauth2/userinfo")).read_response()
        busy.send(stage.head()).read_head()
        stage.proxy.process.send_signal(signal.SIGTERM)
        began = logged_at_s(stage.proxy.wait_for_log(message="shutting down"))
        ready = ask(stage.proxy, "/ready")
        assert ready.status == 503 and ready.json()["problems"][0] == {"part": "process", "why": "draining"}
        assert ask(stage.proxy, "/ping").status == 200
        assert scrape(stage.proxy).get("workspace_proxy_ready") == 0
        answer = kept.send(stage.head("GET", "/oauth2/userinfo")).read_response()
        assert (answer.status, answer.get("Connection")) == (200, "close")
        with stage.raw() as late:
            answer = late.send(stage.head("GET", "/oauth2/userinfo")).read_response()
            assert (answer.status, answer.get("Connection")) == (200, "close")
        delay_s = logged_at_s(stage.proxy.wait_for_log(message="draining")) - began
        go.release(1)
        assert busy.read_exactly(10) == b"helloworld"
    assert stage.proxy.process.wait(60) == 0
    assert 2.8 < delay_s < 6, "at most half of DRAIN_TIMEOUT"


def test_a_connection_without_a_request_may_still_send_one(make_stage):
    stage = make_stage()
    with stage.raw() as fresh, stage.raw() as silent:
        stage.proxy.process.send_signal(signal.SIGTERM)
        stage.proxy.wait_for_log(message="draining")
        answer = fresh.send(stage.head("GET", "/oauth2/userinfo")).read_response()
        assert (answer.status, answer.get("Connection")) == (200, "close")
        assert silent.is_closed()
    assert stage.proxy.process.wait(60) == 0


def test_a_connection_without_its_proxy_header_may_still_send_one(make_stage):
    ours = "127.0.0.2"
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0", TRUSTED_PROXY_IPS=ours, PROXY_PROTOCOL="on")
    address = stage.proxy.address("http")
    with RawClient(address, source=ours) as fresh, RawClient(address, source=ours) as silent:
        stage.proxy.process.send_signal(signal.SIGTERM)
        stage.proxy.wait_for_log(message="draining")
        fresh.send("PROXY TCP4 192.0.2.7 192.0.2.2 1234 443\r\n")
        answer = fresh.send(stage.head("GET", "/oauth2/userinfo")).read_response()
        assert (answer.status, answer.get("Connection")) == (200, "close")
        assert silent.is_closed()
    assert stage.proxy.process.wait(60) == 0


# Reload


def test_two_hundred_certificates_under_load(make_stage, certificates, own_pair):
    (cert, key), put = own_pair
    stage = make_stage(TLS_CERT_FILE=cert, TLS_KEY_FILE=key, RELOAD_INTERVAL="0s")
    pairs = [certificates.issue(stem) for stem in ("first", "second")]
    rotations = 50 if is_sanitized() else 200

    def rotate(number):
        for source, target in zip(pairs[number % 2], (cert, key)):
            shutil.copyfile(source, target + ".new")
            os.replace(target + ".new", target)
        stage.proxy.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloads(stage) > number, what="a reload", interval_s=0.002)

    with Load(stage.raw, stage.head("GET", "/oauth2/userinfo")) as load:
        for number in range(rotations):
            rotate(number)
        load.wait(20)
    assert not load.failures and not load.resets, (len(load.failures), load.resets, load.failures[:5])
    m = scrape(stage.proxy)
    assert m.get("workspace_proxy_reloads_total", outcome="failed") == 0
    assert m.get("workspace_proxy_tls_handshakes_failed_total", reason="error") == 0
    assert load.done > rotations


def reloads(stage):
    return len(stage.proxy.log_entries(message="certificate reloaded"))


def test_files_that_change_are_noticed(make_stage, certificates, tmp_path):
    """As Kubernetes mounts secrets: names that lead through a link to a directory, which is swapped."""
    mount = tmp_path / "mount"
    mount.mkdir()

    def swap(stem, damaged=False):
        version = mount / f"..{stem}"
        version.mkdir()
        cert, key = certificates.issue(stem)
        shutil.copyfile(cert, version / "tls.crt")
        (version / "tls.key").write_text("damaged" if damaged else open(key).read())
        (mount / "..new").symlink_to(version.name)
        os.replace(mount / "..new", mount / "..data")

    swap("first")
    for name in ("tls.crt", "tls.key"):
        (mount / name).symlink_to(f"..data/{name}")
    stage = make_stage(
        TLS_CERT_FILE=str(mount / "tls.crt"), TLS_KEY_FILE=str(mount / "tls.key"), RELOAD_INTERVAL="20ms"
    )
    assert subject(stage, certificates) == "first"
    swap("second")
    stage.proxy.wait_for_log(message="certificate reloaded")
    assert subject(stage, certificates) == "second"
    swap("third", damaged=True)
    entry = stage.proxy.wait_for_log(message="certificate not reloaded; the old one remains in use")
    assert "tls.key" in entry["error"]
    assert subject(stage, certificates) == "second"
    swap("fourth")
    wait_until(lambda: subject(stage, certificates) == "fourth", what="the good pair")
    assert scrape(stage.proxy).get("workspace_proxy_reloads_total", outcome="failed") == 1


def write(path, text):
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


def test_cookie_keys_rotate_and_sessions_survive(make_proxy, gitlab, upstream, make_client, tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    file = tmp_path / "cookie-secret"
    keys = [new_cookie_secret() for _ in range(3)]
    write(file, keys[0])
    proxy = make_proxy(
        gitlab,
        upstream,
        COOKIE_SECRET=None,
        COOKIE_SECRET_FILE=str(file),
        STATE_DIR=str(state),
        RELOAD_INTERVAL="20ms",
    )
    proxy.secrets += keys
    before, after = make_client(), make_client()
    assert before.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    write(file, "too short")
    proxy.wait_for_log(message="not reloaded; the old one remains in use", part="keys")
    assert before.fetch(proxy.origin + "/").status == 200
    write(file, f"{keys[1]},{keys[0]}")
    proxy.wait_for_log(message="reloaded", part="keys")
    assert before.fetch(proxy.origin + "/").status == 200
    assert after.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    # The old key is not needed for what was sealed since, and neither is it for the file of sessions.
    write(file, f"{keys[2]},{keys[1]}")
    wait_until(lambda: len(proxy.log_entries(message="reloaded", part="keys")) == 2)
    assert after.fetch(proxy.origin + "/").status == 200
    assert proxy.stop() == 0
    proxy.start_again()
    assert after.fetch(proxy.origin + "/").status == 200
    proxy.secrets += [c.value for client in (before, after) for c in client.cookies_of(proxy.name)]


def test_the_client_secret_rotates(make_proxy, gitlab, upstream, make_client, tmp_path):
    file = tmp_path / "client-secret"
    write(file, "not-yet-the-right-one")
    proxy = make_proxy(
        gitlab, upstream, CLIENT_SECRET=None, CLIENT_SECRET_FILE=str(file), RELOAD_INTERVAL="0s"
    )
    secret = next(a.secret for a in gitlab.state.applications.values() if a.uid == proxy.settings["CLIENT_ID"])
    proxy.secrets += [secret, "not-yet-the-right-one"]
    assert make_client().login(proxy.origin + "/", "sasha", "sasha-password").status == 502
    write(file, secret + "\n")
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for_log(message="reloaded", part="client secret")
    assert make_client().login(proxy.origin + "/", "sasha", "sasha-password").status == 200


def test_gitlabs_authorities_change(make_proxy, gitlab, upstream, make_client, certificates, tmp_path):
    file, other = tmp_path / "ca.pem", tmp_path / "other"
    other.mkdir()
    shutil.copyfile(certificates_module.Authority(other).file, file)
    proxy = make_proxy(gitlab, upstream, GITLAB_CA_FILE=str(file), RELOAD_INTERVAL="0s")
    assert make_client().login(proxy.origin + "/", "sasha", "sasha-password").status == 503
    write(file, open(certificates.ca).read())
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for_log(message="reloaded", part="GitLab's authorities")

    def works():
        return make_client().login(proxy.origin + "/", "sasha", "sasha-password").status == 200

    wait_until(works, what="the new authority to count", interval_s=0.2)


# Idleness


def test_the_end_after_idleness(make_stage):
    stage = make_stage(IDLE_SHUTDOWN="3s")
    started = time.monotonic()
    while time.monotonic() - started < 4:
        with stage.raw() as raw:
            assert raw.send(stage.head()).read_response().status == 200
        time.sleep(0.1)
    last = time.monotonic()
    while stage.proxy.process.poll() is None:
        assert time.monotonic() - last < 60, "it does not end"
        try:
            ask(stage.proxy, "/ready")
        except (OSError, EOFError):
            break
        time.sleep(0.05)
    assert stage.proxy.process.wait(60) == 0 and time.monotonic() - last > 2.5
    assert stage.proxy.log_entries(message="no activity for IDLE_SHUTDOWN, shutting down")


def test_a_signal_does_not_shorten_the_end_after_idleness(make_stage):
    """As when the pod is deleted meanwhile. Another signal does."""
    stage = make_stage(IDLE_SHUTDOWN="1s")
    event = stage.upstream.event

    def answer(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        event.acquire(timeout=60)
        connection.send(b"world")

    stage.upstream.answer = answer
    with stage.raw() as raw:
        raw.send(stage.head()).read_head()
        stage.proxy.wait_for_log(message="draining")
        stage.proxy.process.terminate()
        stage.proxy.log_entries()  # waits until the signal was handled
        event.release()
        assert raw.read_exactly(10) == b"helloworld" and raw.is_closed()
    assert stage.proxy.process.wait(60) == 0
    assert not stage.proxy.log_entries(message="closing connections that remain")


# The log


def test_warnings_that_repeat_are_left_out_and_counted(make_stage):
    stage = make_stage()

    def hang_up(connection, request):
        raise EOFError

    stage.upstream.answer = hang_up
    with stage.raw() as raw:
        for _ in range(130):
            assert raw.send(stage.head("POST", "/", [("Content-Length", "0")])).read_response().status == 502
    assert stage.proxy.stop() == 0
    assert len(stage.proxy.log_entries(message="upstream failed")) == 100
    told = stage.proxy.log_entries(message="repeated lines left out", of="upstream failed")
    assert [entry["lines"] for entry in told] == [30]


def test_debug_lines_are_switched_by_a_signal(make_stage):
    stage = make_stage(LOG_LEVEL="info")

    def ask_once():
        with stage.raw() as raw:
            raw.send(stage.head("GET", "/oauth2/userinfo")).read_response()
        with stage.raw() as raw:
            raw.send(b"GET / HTTP/9\r\n\r\n").read_until_close()

    def switch(count):
        stage.proxy.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: len(stage.proxy.log_entries(message="debug logging switched")) == count)

    ask_once()
    assert not stage.proxy.log_entries(level="debug")
    switch(1)
    ask_once()
    wait_until(lambda: stage.proxy.log_entries(level="debug"), what="debug logging")
    switch(2)
    count = len(stage.proxy.log_entries(level="debug"))
    ask_once()
    ask(stage.proxy, "/ping")
    assert len(stage.proxy.log_entries(level="debug")) == count
