# SPDX-License-Identifier: Apache-2.0
"""Signed assertions of who sent a request (ASSERTION), verified by libraries that are not ours."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request

import jwt
import pytest
import runners
from h2_client import H2Client
from ports import PortHost
from proxy import ROOT, is_sanitized, new_cookie_secret, wait_until
from test_metrics import scrape
from web_client import WebClient

NAME = "kiwi.ws.localhost"
FIELD = "X-Workspace-Assertion"
SPELLINGS = [
    FIELD,
    FIELD.lower(),
    FIELD.upper(),
    *("X_Workspace_Assertion", "X.Workspace.Assertion", "x-workspace_assertion", "X!Workspace~Assertion"),
]
NODE_JOSE = "/usr/share/nodejs/jose"
VERIFY_WITH_NODE = """
const jose = require("%s");
const [jwks, token, issuer, audience] = JSON.parse(require("fs").readFileSync(0));
const options = {issuer, audience, algorithms: ["ES256"]};
jose.jwtVerify(token, jose.createLocalJWKSet(jwks), options).then(
  ({payload}) => console.log(JSON.stringify({payload})), (e) => console.log(JSON.stringify({error: e.code})));
"""


@pytest.fixture
def make_workspace(make_proxy, gitlab, upstream, server, client):
    """make_workspace(NAME=value …) -> (proxy, the host of the server's port), with sasha signed in."""

    def make(**settings):
        proxy = make_proxy(
            gitlab, upstream, name=NAME, **{"PORTS": str(server.port), "ASSERTION": "on", **settings}
        )
        page = client.login(proxy.origin + "/", "sasha", "sasha-password")
        assert page.status == 200, (page.url, page.status, page.text[:500])
        proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
        return proxy, PortHost(proxy, server.port)

    return make


def claims_of(token, jwks, issuer, audience):
    """What python3-jwt reads in it, after verification."""
    key = jwt.PyJWKSet.from_dict(jwks)[jwt.get_unverified_header(token)["kid"]].key
    required = ["iss", "aud", "sub", "iat", "nbf", "exp"]
    return jwt.decode(
        token, key, algorithms=["ES256"], issuer=issuer, audience=audience, options={"require": required}
    )


def fetch_jwks(proxy):
    """The keys, as anybody gets them."""
    reply = WebClient(proxy.context).request("GET", proxy.origin + "/oauth2/jwks")
    assert reply.status == 200
    return reply.json()


def sent_to(server):
    return server.requests[-1].get(FIELD)


def test_claims_of_the_ide_and_of_a_port(make_workspace, upstream, server, client):
    proxy, port = make_workspace()
    assert port.enter(client).status == 200
    assert client.fetch(proxy.origin + "/").status == 200
    jwks = fetch_jwks(proxy)
    ide = claims_of(sent_to(upstream), jwks, proxy.origin, proxy.origin)
    other = claims_of(sent_to(server), jwks, proxy.origin, port.origin)
    assert ide["sub"].isdigit() and ide["preferred_username"] == "sasha"
    assert ide["email"] == "sasha@example.com"
    assert (ide["workspace"], ide["level"]) == ("kiwi", "owner")
    assert ide["exp"] - ide["iat"] == 300 and ide["nbf"] == ide["iat"]
    assert other["sid"] == ide["sid"] and other["sub"] == ide["sub"]
    assert all(ide["sid"] not in c.value for c in client.cookies_of(proxy.name))
    with pytest.raises(jwt.InvalidAudienceError):
        claims_of(sent_to(upstream), jwks, proxy.origin, port.origin)
    with pytest.raises(jwt.InvalidIssuerError):
        claims_of(sent_to(upstream), jwks, "https://fig.ws.localhost", proxy.origin)


def test_one_signature_for_many_requests(make_workspace, upstream, client):
    proxy, _ = make_workspace()
    upstream.forget()
    for _ in range(20):
        assert client.fetch(proxy.origin + "/").status == 200
    assert 1 <= len({r.get(FIELD) for r in upstream.requests}) <= 2, "two where a minute has passed"


class MovedClock(runners.Plain):
    """Starts the program with a wall clock that the test moves: see tests/support/clock_ahead.c. That reads a file
    that the program may not."""

    def __init__(self, folder):
        self.library, self.file = folder / "clock_ahead.so", folder / "ahead"
        self.set(0)
        source = os.path.join(ROOT, "tests", "support", "clock_ahead.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.library, source], check=True)

    def set(self, seconds):
        (self.file.parent / "new").write_text(str(seconds))
        os.replace(self.file.parent / "new", self.file)

    def command(self, program, arguments, settings):
        return [
            *("/usr/bin/env", f"LD_PRELOAD={self.library}", f"CLOCK_AHEAD_FILE={self.file}"),
            "WORKSPACE_PROXY_LANDLOCK=off",
            *(program, *arguments),
        ]


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer wants to be the first library")
def test_a_long_connection_gets_fresh_ones(make_workspace, upstream, client, tmp_path):
    clock = MovedClock(tmp_path)
    proxy, _ = make_workspace(runner=clock)
    cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    jwks = fetch_jwks(proxy)
    tokens = []
    with proxy.raw() as raw:
        for ahead_s in (0, 61, 400):
            clock.set(ahead_s)
            raw.request("GET", "/", [("Cookie", cookie)], host=proxy.host)
            assert raw.read_response().status == 200
            tokens.append(sent_to(upstream))
    first, second, third = (
        jwt.decode(t, options={"verify_signature": False, "verify_exp": False}) for t in tokens
    )
    assert second["iat"] - first["iat"] >= 61 and third["nbf"] > first["exp"]
    assert first["sid"] == second["sid"] == third["sid"]
    keys = jwt.PyJWKSet.from_dict(jwks)
    for token in tokens:
        key = keys[jwt.get_unverified_header(token)["kid"]].key
        options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        jwt.decode(token, key, ["ES256"], options, issuer=proxy.origin, audience=proxy.origin)


def test_websockets_have_one(make_workspace, upstream, client):
    proxy, _ = make_workspace()
    cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    with proxy.raw() as raw:
        assert raw.upgrade("/ws", proxy.host, proxy.origin, [("Cookie", cookie)]).status == 101
    request = next(r for r in upstream.requests if r.get("Upgrade"))
    claims_of(request.get(FIELD), fetch_jwks(proxy), proxy.origin, proxy.origin)


@pytest.mark.skipif(
    not os.path.isdir(NODE_JOSE) or shutil.which("node") is None, reason="needs node-jose, a Debian package"
)
def test_node_verifies_it_too(make_workspace, upstream, client):
    proxy, port = make_workspace()
    assert client.fetch(proxy.origin + "/").status == 200
    token, jwks = sent_to(upstream), fetch_jwks(proxy)

    def verify(token, audience):
        script = VERIFY_WITH_NODE % NODE_JOSE
        question = json.dumps([jwks, token, proxy.origin, audience])
        done = subprocess.run(
            ["node", "-e", script], input=question, capture_output=True, text=True, check=True, timeout=60
        )
        return json.loads(done.stdout)

    assert verify(token, proxy.origin)["payload"]["preferred_username"] == "sasha"
    assert verify(token, port.origin)["error"] == "ERR_JWT_CLAIM_VALIDATION_FAILED"
    head, body, signature = token.split(".")
    assert verify(f"{head}.{body}.{signature[:-8]}AAAAAAAA", proxy.origin)["error"]
    assert verify(f"{without_algorithm(head)}.{body}.", proxy.origin)["error"]


def without_algorithm(head):
    """The header of a forged token that asks for no verification."""
    fields = json.loads(base64.urlsafe_b64decode(head + "=="))
    return base64.urlsafe_b64encode(json.dumps({**fields, "alg": "none"}).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("assertion", ["on", "off"])
def test_no_spelling_passes_from_outside(make_workspace, upstream, client, assertion):
    proxy, _ = make_workspace(ASSERTION=assertion)
    for spelling in SPELLINGS:
        upstream.forget()
        assert client.fetch(proxy.origin + "/", headers={spelling: "spoofed"}).status == 200
        (request,) = upstream.requests
        assert b"spoofed" not in request.head, spelling
        fields = [n for n, _ in request.headers if re.sub("[^a-z]", "-", n.lower()) == FIELD.lower()]
        assert fields == ([FIELD] if assertion == "on" else [])


def test_no_spelling_passes_in_trailers(make_workspace, server, client):
    """Applications that are given trailers as fields can't tell who wrote them."""
    proxy, port = make_workspace(HTTP2="on")
    port.enter(client)
    cookie = port.cookie(client)
    spoofed = [(name, "spoofed") for name in [*SPELLINGS, "X-Forwarded-User", "X_Forwarded_User"]]
    server.forget()
    with socket.create_connection(proxy.address("https"), 20) as plain:
        with proxy.context.wrap_socket(plain, server_hostname=port.name) as s:
            head = f"POST /1 HTTP/1.1\r\nHost: {port.host}\r\nCookie: {cookie}\r\nConnection: close\r\n"
            trailers = "".join(f"{name}: {value}\r\n" for name, value in spoofed)
            s.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{trailers}\r\n".encode())
            assert s.recv(12) == b"HTTP/1.1 200"
    with H2Client(proxy) as browser:
        stream = browser.request("POST", "/2", authority=port.host, cookie=cookie, body=b"hello", end=False)
        browser.h2.send_headers(stream, [(n.lower(), v) for n, v in spoofed], end_stream=True)
        browser.flush()
        assert browser.response(stream).status == 200
    assert [r.target for r in server.requests] == ["/1", "/2"] and b"spoofed" not in server.received


def test_connection_cannot_remove_it(make_workspace, upstream, client):
    proxy, _ = make_workspace()
    cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
    upstream.forget()
    with proxy.raw() as raw:
        raw.request("GET", "/", [("Cookie", cookie), ("Connection", f"close, {FIELD}")], host=proxy.host)
        assert raw.read_response().status == 200
    assert len(upstream.requests[0].get_all(FIELD)) == 1


def test_the_keys_are_public(make_workspace, client):
    proxy, port = make_workspace()
    stranger = WebClient(proxy.context)
    replies = [stranger.request("GET", origin + "/oauth2/jwks") for origin in (proxy.origin, port.origin)]
    for reply in replies:
        assert (reply.status, reply.get("Content-Type")) == (200, "application/jwk-set+json")
        assert reply.get("Cache-Control") == "public, max-age=300" and not reply.get_all("Set-Cookie")
        assert [set(k) for k in reply.json()["keys"]] == [{"kty", "crv", "x", "y", "use", "alg", "kid"}]
    with urllib.request.urlopen(f"http://{proxy.listeners['admin']}/jwks") as admin:
        assert json.load(admin) == replies[0].json() == replies[1].json()
    assert stranger.request("HEAD", proxy.origin + "/oauth2/jwks").status == 200
    refused = stranger.request("POST", proxy.origin + "/oauth2/jwks")
    assert (refused.status, refused.get("Allow")) == (405, "GET, HEAD")
    counted = scrape(proxy)
    assert counted.get("workspace_proxy_http_requests_total", route="auth", code="4xx") == 1


def test_without_the_setting_there_is_nothing(make_workspace, upstream, client):
    proxy, port = make_workspace(ASSERTION=None)
    assert client.fetch(proxy.origin + "/").status == 200
    assert sent_to(upstream) is None
    for origin in (proxy.origin, port.origin):
        assert WebClient(proxy.context).request("GET", origin + "/oauth2/jwks").status == 404
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://{proxy.listeners['admin']}/jwks")


def test_tokens_of_programs_have_no_session(make_workspace, gitlab, upstream):
    proxy, _ = make_workspace(API_TOKENS="on")
    token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
    stranger = WebClient(proxy.context)
    reply = stranger.request("GET", proxy.origin + "/api", {"Authorization": f"Bearer {token}"})
    assert reply.status == 200
    claims = claims_of(sent_to(upstream), fetch_jwks(proxy), proxy.origin, proxy.origin)
    assert claims["preferred_username"] == "sasha" and "sid" not in claims


def test_keys_rotate_with_the_cookie_secret(make_workspace, upstream, client, tmp_path):
    file, secrets = tmp_path / "cookie-secret", [new_cookie_secret(), new_cookie_secret()]
    file.write_text(secrets[0])
    proxy, _ = make_workspace(COOKIE_SECRET=None, COOKIE_SECRET_FILE=str(file), RELOAD_INTERVAL="20ms")
    proxy.secrets += secrets

    def ask():
        assert client.fetch(proxy.origin + "/").status == 200
        return sent_to(upstream)

    def replace(text):
        count = len(proxy.log_entries(message="reloaded", part="keys"))
        (tmp_path / "new").write_text(text)
        os.replace(tmp_path / "new", file)
        wait_until(lambda: len(proxy.log_entries(message="reloaded", part="keys")) > count)

    before = ask()
    (old,) = fetch_jwks(proxy)["keys"]
    replace(f"{secrets[0]},{secrets[1]}")
    keys = fetch_jwks(proxy)["keys"]
    assert keys[0] == old and len(keys) == 2
    assert jwt.get_unverified_header(ask())["kid"] == old["kid"]
    replace(f"{secrets[1]},{secrets[0]}")
    jwks, after = fetch_jwks(proxy), ask()
    assert jwt.get_unverified_header(after)["kid"] == keys[1]["kid"] == jwks["keys"][0]["kid"]
    sids = {claims_of(t, jwks, proxy.origin, proxy.origin)["sid"] for t in (before, after)}
    assert len(sids) == 1, "the session is the same one"
    replace(secrets[1])
    jwks = fetch_jwks(proxy)
    assert jwks["keys"] == [keys[1]]
    claims_of(after, jwks, proxy.origin, proxy.origin)
    with pytest.raises(KeyError):
        claims_of(before, jwks, proxy.origin, proxy.origin)


def test_the_example_in_the_documentation(make_workspace, server, client):
    proxy, port = make_workspace()
    assert port.enter(client).status == 200
    token = sent_to(server)
    with open(os.path.join(ROOT, "docs", "operations.md")) as page:
        section = page.read().partition("\n## Signed assertions\n")[2].partition("\n## ")[0]
    (example,) = re.findall("```python\n(.*?)```", section, re.DOTALL)
    head, body, signature = token.split(".")
    forged = [
        "",
        f"{without_algorithm(head)}.{body}.",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        jwt.encode({"sub": "1", "aud": port.origin, "iss": proxy.origin}, "guessed", algorithm="HS256"),
    ]
    tail = f"""
print(user_of({{"X-Workspace-Assertion": {token!r}}})["preferred_username"])
for forged in {forged!r}:
    try:
        print("accepted", user_of({{"X-Workspace-Assertion": forged}}))
    except jwt.PyJWTError:
        print("refused")
"""

    def run(audience):
        environment = {
            **os.environ,
            "JWKS_URL": f"http://{proxy.listeners['admin']}/jwks",
            "ISSUER": proxy.origin,
            "AUDIENCE": audience,
        }
        return subprocess.run(
            [sys.executable, "-c", example + tail], env=environment, capture_output=True, text=True, timeout=60
        )

    done = run(port.origin)
    assert done.stdout.split() == ["sasha"] + ["refused"] * len(forged), done.stdout + done.stderr
    assert "InvalidAudienceError" in run(proxy.origin).stderr
