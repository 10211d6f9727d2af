# SPDX-License-Identifier: Apache-2.0
"""What requests carry is gone from memory once they are answered: cookies, credentials, codes. And the private key of
TLS is nowhere but in memory that is locked and left out of dumps."""

import base64
import re
import secrets
import subprocess

import memory
import pytest
import ssh
from h2_client import H2Client
from proxy import is_sanitized, wait_until
from test_metrics import ask

pytestmark = pytest.mark.skipif(is_sanitized(), reason="a sanitizer keeps what was freed")
REQUESTS = 40


class Canaries:
    """Values that appear in one request each, so that every copy is one that stayed."""

    def __init__(self, kind):
        self.kind, self.values = kind, []

    def new(self):
        self.values.append(f"{self.kind}canary{secrets.token_hex(12)}")
        return self.values[-1]

    def needles(self):
        return {f"{self.kind} {i}": value.encode() for i, value in enumerate(self.values)}


@pytest.fixture
def stage(make_stage):
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0")
    if not memory.can_read(stage.proxy.process.pid):
        pytest.skip("memory of other processes can't be read here")
    return stage


def assert_gone(process, *kinds):
    needles = {name: value for kind in kinds for name, value in kind.needles().items()}
    found = memory.search(process.process.pid, needles)
    assert not found, "\n".join(f"{name}: {places[:3]}" for name, places in list(found.items())[:5])


def read_all(raw, stage, headers, body=b""):
    raw.send(stage.head("POST" if body else "GET", "/", headers) + body)
    assert raw.read_response().status == 200


@pytest.mark.parametrize("listener", ["https", "http"])
@pytest.mark.parametrize("ends", [True, False])
def test_heads(stage, listener, ends):
    """In one piece and in two; on connections that end, and on one that stays."""
    cookies, credentials = Canaries("cookie"), Canaries("credentials")
    raw = stage.raw(listener=listener)
    for i in range(REQUESTS):
        head = stage.head("GET", "/", [("Cookie", f"app={cookies.new()}"), ("Authorization", f"Bearer {credentials.new()}")])
        if i % 2:
            raw.send(head[: len(head) // 2])
            stage.proxy.raw(listener=listener).close()  # others use the shared memory meanwhile
            raw.send(head[len(head) // 2 :])
        else:
            raw.send(head)
        assert raw.read_response().status == 200
        if ends:
            raw.close()
            raw = stage.raw(listener=listener)
    # The last of a connection that stays may be in the kernel's way out, not in ours.
    assert_gone(stage.proxy, cookies, credentials)
    raw.close()


@pytest.mark.parametrize("listener", ["https", "http"])
@pytest.mark.parametrize("method, headers, body", [("GET", [], b""), ("POST", [("Content-Length", "5")], b"hello")])
def test_heads_of_pipelined_requests(stage, listener, method, headers, body):
    """They wait while the request before them is served."""
    cookies = Canaries("cookie")
    event = stage.upstream.event

    def respond(connection, request):
        event.acquire(timeout=60)
        connection.send_response(200, [], b"late")

    stage.upstream.answer = respond
    with stage.raw(listener=listener) as raw:
        for number in range(20):
            heads = [stage.head("GET", "/", [("Cookie", f"app={cookies.new()}")]) for _ in range(3)]
            raw.send(stage.head(method, "/", headers) + body + heads[0])
            stage.upstream.wait_for_requests(4 * number + 1)
            raw.send(heads[1] + heads[2])
            stage.proxy.log_entries()  # waits until the proxy has read them
            event.release(4)
            for _ in range(4):
                assert raw.read_response().body == b"late"
    wait_until(lambda: ask(stage.proxy, "/activity").json()["connections"] == 0, what="connections to end")
    assert_gone(stage.proxy, cookies)


def test_heads_that_are_refused(stage):
    cookies = Canaries("cookie")
    for refusal in ("Host: other\r\n", "Transfer-Encoding: gzip\r\n", "Bad Name: x\r\n", ""):
        for _ in range(10):
            with stage.raw() as raw:
                cookie = f"Cookie: app={cookies.new()}\r\n"
                raw.send(f"GET / HTTP/1.1\r\n{cookie}{refusal}\r\n".encode())
                assert raw.read_response().status in (400, 401, 421, 501, 302)
    with stage.raw() as raw:  # never whole
        raw.send(f"GET / HTTP/1.1\r\nHost: {stage.host}\r\nCookie: app={cookies.new()}\r\n".encode())
    wait_until(lambda: ask(stage.proxy, "/activity").json()["connections"] == 0, what="connections to end")
    assert_gone(stage.proxy, cookies)


def test_heads_of_http2(make_stage):
    stage = make_stage(HTTP2="on")
    if not memory.can_read(stage.proxy.process.pid):
        pytest.skip("memory of other processes can't be read here")
    cookies = Canaries("cookie")
    with H2Client(stage.proxy) as browser:
        for _ in range(REQUESTS):
            assert browser.fetch("GET", "/", cookie=f"{stage.cookie}; app={cookies.new()}").status == 200
    wait_until(lambda: ask(stage.proxy, "/activity").json()["connections"] == 0, what="connections to end")
    assert_gone(stage.proxy, cookies)


def test_heads_of_a_connection_that_stays(make_stage):
    """HTTP/2 lets browsers refer to what they sent: the last 4 KiB of that are kept, and no more."""
    stage = make_stage(HTTP2="on")
    if not memory.can_read(stage.proxy.process.pid):
        pytest.skip("memory of other processes can't be read here")
    cookies, credentials = Canaries("cookie"), Canaries("credentials")
    with H2Client(stage.proxy) as browser:
        for _ in range(REQUESTS):
            fields = [("authorization", f"Bearer {credentials.new()}")]
            cookie = f"{stage.cookie}; app={cookies.new()}{'x' * 200}"
            assert browser.fetch("GET", "/", fields, cookie=cookie).status == 200
        kept = 4096 // 200
        for kind in (cookies, credentials):
            del kind.values[-kept:]
        assert_gone(stage.proxy, cookies, credentials)


def test_credentials_of_a_tunnel(make_proxy, gitlab, upstream, container):
    """While it is open the token is kept, to ask GitLab again, where the other secrets are; then nowhere."""
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on")
    pid = proxy.process.pid
    if not memory.can_read(pid):
        pytest.skip("memory of other processes can't be read here")
    ssh.LyingHelper(container.socket, ssh.OK + b"SSH-2.0-x\r\n")
    needles = {}
    for number in range(4):
        token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
        needles[f"token {number}"] = token.encode()
        raw = ssh.ask(proxy, token)
        assert raw.response.status == 101 and raw.read_frame()[1] == b"SSH-2.0-x\r\n"
        found = memory.search(pid, needles)
        outside = {
            what: [place for place in places if not is_protected(pid, int(place[1], 16))] for what, places in found.items()
        }
        assert not any(outside.values()), outside
        raw.close()


def private_numbers(key_file):
    """The key's private number as bytes, as OpenSSL's limbs, and as its file has it."""
    text = subprocess.run(["openssl", "ec", "-in", key_file, "-text", "-noout"], capture_output=True, text=True, check=True).stdout
    number = bytes.fromhex(re.search(r"priv:\s*((?:[0-9a-f]{2}[:\s]*)+)pub:", text)[1].replace(":", "").replace("\n", "").replace(" ", ""))
    number = number[-32:]
    with open(key_file) as file:
        body = "".join(line.strip() for line in file if "-----" not in line)
    return {"bytes": number, "limbs": number[::-1], "file": body[60:100].encode(), "DER": base64.b64decode(body)[40:66]}


def is_protected(pid, address):
    """Locked and left out of dumps, as the kernel says of a mapping."""
    with open(f"/proc/{pid}/smaps") as file:
        inside = False
        for line in file:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
                inside = int(match[1], 16) <= address < int(match[2], 16)
            elif inside and line.startswith("VmFlags:"):
                return {"lo", "dd"} <= set(line.split())
    return False


def test_the_key_of_tls(stage, certificates):
    pid = stage.proxy.process.pid
    for _ in range(3):
        stage.raw().close()
    found = memory.search(pid, private_numbers(certificates.key))
    outside = {
        what: [place for place in places if not is_protected(pid, int(place[1], 16))] for what, places in found.items()
    }
    assert not any(outside.values()), outside
