# SPDX-License-Identifier: Apache-2.0
"""Nothing worth stealing: all memory of a live pod is searched for what the token broker keeps out of it.

Sign in, clone, renew, git, sign out, and a session that goes on: then the client secret, every refresh token
that GitLab ever issued, and every code that was used, in whatever encoding they travel.
"""

import base64
import urllib.parse

import credential
import memory
import pytest
import relay
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from proxy import is_sanitized, wait_until
from test_metrics import scrape

SIGN_IN = ("sasha", "sasha-password")
pytestmark = pytest.mark.skipif(is_sanitized(), reason="a sanitizer keeps what was freed")


REGISTRY = "registry.example.com"
SCOPES = "openid read_user read_api write_repository read_registry write_registry"


@pytest.fixture
def broker(make_relay, gitlab):
    relay = make_relay(gitlab, broker=True, SCOPE=SCOPES)
    relay.application.scopes += ["read_registry", "write_registry"]
    return relay


@pytest.fixture(params=["as it is", "with all that signs and multiplexes"])
def pod(broker, make_proxy, gitlab, upstream, tmp_path, request):
    state = tmp_path / "state"
    state.mkdir()
    proxy = make_proxy(
        gitlab,
        upstream,
        relay=broker,
        STATE_DIR=str(state),
        CLONE_URL=gitlab.git_url(gitlab.project),
        CLONE_DIR=str(tmp_path / "project"),
        AUTHORIZATION_INTERVAL="1s",
        AUTHORIZATION_GRACE="20s",
        REGISTRY_ORIGINS=f"https://{REGISTRY}",
        LOG_LEVEL="debug",
        **({"ASSERTION": "on", "HTTP2": "on"} if request.param.startswith("with") else {}),
    )
    if not memory.can_read(proxy.process.pid):
        pytest.skip("memory of other processes can't be read here")
    proxy.state = state
    return proxy


def spellings(name, value):
    raw = value.encode()
    forms = {name: raw, f"{name}, quoted": urllib.parse.quote(value, safe="").encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + raw)
        forms[f"{name}, base64 {shift}"] = encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4]
    return forms


def refresh_tokens(gitlab):
    with gitlab.state.lock:
        tokens = [t.refresh for t in gitlab.state.tokens if t.refresh]
    return {k: v for i, t in enumerate(tokens) for k, v in spellings(f"refresh token {i}", t).items()}


def codes(gitlab):
    with gitlab.state.lock:
        used = list(gitlab.state.grants)
    return {k: v for i, code in enumerate(used) for k, v in spellings(f"code {i}", code).items()}


def live(proxy, gitlab, client, make_client):
    """A day of a workspace, in a few seconds."""
    other = make_client()
    assert make_client().login(proxy.origin + "/", *SIGN_IN).status in (200, 503)
    proxy.wait_for_log(message="clone: phase", phase="done")
    gitlab.settings.token_lifetime_s = 5
    for one in (client, other):
        assert one.login(proxy.origin + "/", *SIGN_IN).status == 200

    def renewed():
        for one in (client, other):
            assert one.fetch(proxy.origin + "/").status == 200
        return gitlab.requests.refreshes >= 4

    wait_until(renewed, what="renewals", interval_s=0.4)
    asked = credential.helper(
        "get", f"protocol=https\nhost={gitlab.url.partition('://')[2]}\n\n", proxy.state / "credential.sock"
    )
    assert asked.returncode == 0 and credential.parsed(asked.stdout)["password"]
    reply = other.request(
        "POST", f"{proxy.origin}/oauth2/sign_out", {"Origin": proxy.origin, "Sec-Fetch-Site": "same-origin"}
    )
    assert reply.status == 303
    assert client.fetch(proxy.origin + "/").status == 200


def found_in(process, needles):
    found = {}
    for pid in memory.children(process.process.pid):
        for what, places in memory.search(pid, needles).items():
            found.setdefault(what, []).extend(places)
    return found


def test_a_live_pod(pod, broker, gitlab, client, make_client):
    live(pod, gitlab, client, make_client)
    assert memory.search(pod.process.pid, {"host": pod.host.encode()}), "the search finds what is there"
    secret = spellings("client secret", broker.application.secret)
    assert not found_in(pod, secret | refresh_tokens(gitlab))


def test_the_worker_while_it_clones(pod, broker, gitlab, client):
    """It has the access token that it clones with, and nothing else."""
    gitlab.faults.add("git-upload-pack", stall_after=600)
    assert client.login(pod.origin + "/", *SIGN_IN).status in (200, 503)
    gitlab.requests.wait(endpoint="git-upload-pack")
    _, worker = memory.children(pod.process.pid)
    assert memory.search(worker, {"project": b"group/demo"}), "the search finds what is there"
    secrets = spellings("client secret", broker.application.secret)
    secrets |= spellings("cookie secret", pod.settings["COOKIE_SECRET"])
    secrets |= {"cookie": client.cookie("__Host-workspace-proxy").value.encode()}
    assert not memory.search(worker, secrets | refresh_tokens(gitlab) | codes(gitlab))


@pytest.mark.parametrize("name", credential.HELPERS)
def test_the_helpers_of_git_and_docker(pod, broker, gitlab, client, make_client, name):
    """As they pass on the access token: what they hold is that, and nothing else."""
    live(pod, gitlab, client, make_client)
    gitlab.settings.token_lifetime_s = 7200
    assert client.login(pod.origin + "/", *SIGN_IN).status == 200
    host = gitlab.url.partition("://")[2]
    asked = f"https://{REGISTRY}" if name.startswith("docker") else f"protocol=https\nhost={host}\n\n"
    with credential.held(name, asked, pod.state / "credential.sock") as helper:
        found = set()

        def has_token():
            """Which may be renewed before it is given."""
            assert helper.poll() is None
            with gitlab.state.lock:
                tokens = {f"access token {i}": t.access.encode() for i, t in enumerate(gitlab.state.tokens)}
            found.update(memory.search(helper.pid, tokens))
            return found

        wait_until(has_token, what="the access token", interval_s=0.1)
        secrets = spellings("client secret", broker.application.secret)
        secrets |= spellings("cookie secret", pod.settings["COOKIE_SECRET"])
        secrets |= {"relay key": pod.settings["RELAY_KEY"].encode()}
        secrets |= {"cookie": client.cookie("__Host-workspace-proxy").value.encode()}
        assert len(found) == 1 and not memory.search(helper.pid, secrets | refresh_tokens(gitlab) | codes(gitlab))


def test_old_codes_in_a_live_pod(pod, gitlab, client, make_client):
    live(pod, gitlab, client, make_client)
    assert not found_in(pod, codes(gitlab))


def test_the_relay_keeps_nothing_of_users(pod, broker, gitlab, client, make_client):
    """It has the secret, but neither tokens nor codes once they were passed on."""
    live(pod, gitlab, client, make_client)
    wait_until(
        lambda: scrape(broker).get("workspace_proxy_broker_requests_total", operation="revoke", outcome="ok") == 1
        and not scrape(broker).get("workspace_proxy_broker_requests_in_flight"),
        what="the end of the revocation",
    )
    tokens = {f"access token {i}": t.access.encode() for i, t in enumerate(gitlab.state.tokens)}
    assert not found_in(broker, refresh_tokens(gitlab) | tokens | codes(gitlab))


def open_state(proxy, image):
    """The plain session file, as whoever has the whole pod can make it: see auth/cookie/sealed_image.c."""
    settings = proxy.settings
    origin = settings["EXTERNAL_URL"]
    gitlab = urllib.parse.urlsplit(settings["GITLAB_URL"])
    key = relay.hkdf(bytes.fromhex(settings["COOKIE_SECRET"]), origin.encode(), b"workspace-proxy session file 1", 32)
    of = f"{origin}\n{settings['WORKSPACE_ID']}\n{gitlab.hostname}:{gitlab.port}{gitlab.path}\n{settings['CLIENT_ID']}"
    return AESGCM(key).decrypt(image[8:20], image[20:], image[:8] + of.encode())


def test_the_state_file(pod, broker, gitlab, client, make_client):
    """Opened with the pod's own keys: an access token, and what the relay alone can use."""
    live(pod, gitlab, client, make_client)
    assert pod.stop() == 0
    plain = open_state(pod, (pod.state / "sessions").read_bytes())
    live_tokens = [t for t in gitlab.state.tokens if not t.revoked]
    assert any(t.access.encode() in plain for t in live_tokens), "the file is what we take it for"
    assert not [name for name, needle in refresh_tokens(gitlab).items() if needle in plain]
