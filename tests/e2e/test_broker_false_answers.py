# SPDX-License-Identifier: Apache-2.0
"""A sidecar whose relay lies, breaks, or lives in another time: no session begins, and the log says why."""

import concurrent.futures
import re
import threading

import broker as broker_module
import http_server
import pytest
import relay as relay_module
from broker_fixtures import grew_by_less_than
from proxy import PATIENCE_S, is_sanitized, wait_until
from test_assertion import MovedClock

SIGN_IN = ("sasha", "sasha-password")


class FalseRelay:
    """Answers what `lie` says to a sidecar's POST: lie(channel, body) -> (status, headers, body)."""

    def __init__(self, certificates):
        self.lie = None
        self.channel = None
        self.bodies = []
        outer = self

        class Handler(http_server.Handler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.bodies.append(body)
                self.answer(*outer.lie(outer.channel, body))

        self.server = http_server.Server(Handler, certificates)


@pytest.fixture
def false_relay(certificates):
    one = FalseRelay(certificates)
    yield one
    one.server.stop()


@pytest.fixture
def balancer():
    one = relay_module.Balancer()
    yield one
    one.stop()


@pytest.fixture
def stage(make_relay, make_proxy, gitlab, upstream, false_relay, balancer):
    """(proxy, relay): a true relay, until its address leads to the false one."""
    relay = make_relay(gitlab, broker=True, balancer=balancer)
    balancer.targets = [relay.address()]
    proxy = make_proxy(gitlab, upstream, relay=relay, AUTHORIZATION_INTERVAL="1s", AUTHORIZATION_GRACE="20s")
    mango = "mango." + proxy.host.partition(".")[2]
    false_relay.channel = broker_module.Channel(relay.key_for(proxy.host), proxy.host)
    false_relay.channel.neighbour = broker_module.Channel(relay.key_for(mango), mango)
    return proxy, relay


def callback_at(client, proxy, gitlab):
    """Signs in as far as the address that leads the browser back to the sidecar."""
    page = client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), *SIGN_IN)
    assert page.status == 200
    at_gitlab = client.navigate(client.navigate(proxy.origin + "/").location).location
    return client.navigate(client.navigate(at_gitlab).script_location()).location


def garbage(channel, body):
    return 200, {}, b"\x01" + bytes(200)


def nothing(channel, body):
    return 200, {}, b""


def huge(channel, body):
    return 200, {}, bytes(1 << 20)


def other_key(channel, body):
    other = broker_module.Channel(bytes(32), channel.authority)
    return 200, {}, other.seal_answer(channel.open_request(body)[0], access="a" * 64)


def another_request(channel, body):
    return 200, {}, channel.seal_answer(bytes(12), access="a" * 64)


def another_host(channel, body):
    return 200, {}, channel.neighbour.seal_answer(channel.open_request(body)[0], access="a" * 64)


def earlier_version(channel, body):
    return 200, {}, b"\0" + channel.seal_answer(channel.open_request(body)[0], access="a" * 64)[1:]


def later_version(channel, body):
    return 200, {}, b"\2" + channel.seal_answer(channel.open_request(body)[0], access="a" * 64)[1:]


def own_request(channel, body):
    return 200, {}, body


def no_tokens(channel, body):
    return 200, {}, channel.seal_answer(channel.open_request(body)[0])


def bad_token(channel, body):
    return 200, {}, channel.seal_answer(channel.open_request(body)[0], access="a\r\nX: y")


def redirect(channel, body):
    return 307, {"Location": "https://evil.example/token"}, b""


def refused(channel, body):
    return 403, {}, b""


def unavailable(channel, body):
    return 503, {"Retry-After": "9"}, b""


@pytest.mark.parametrize(
    "lie, status, words",
    [
        (garbage, 503, "does not belong to our request"),
        (nothing, 503, "does not belong to our request"),
        (huge, 503, "too large"),
        (other_key, 503, "does not belong to our request"),
        (another_request, 503, "does not belong to our request"),
        (another_host, 503, "does not belong to our request"),
        (earlier_version, 503, "does not belong to our request"),
        (later_version, 503, "does not belong to our request"),
        (own_request, 503, "does not belong to our request"),
        (no_tokens, 503, "no tokens"),
        (bad_token, 503, "no tokens"),
        (redirect, 502, "redirect"),
        (refused, 502, "RELAY_KEY"),
        (unavailable, 503, "status 503"),
    ],
)
def test_false_broker_answers_at_sign_in(stage, gitlab, client, false_relay, balancer, lie, status, words):
    proxy, _ = stage
    callback = callback_at(client, proxy, gitlab)
    false_relay.lie = lie
    balancer.targets = [false_relay.server.address]
    before = proxy.own_memory_kib()
    reply = client.navigate(callback)
    assert reply.status == status and not client.cookie("__Host-workspace-proxy"), reply.text[:500]
    assert words in proxy.wait_for_log(message="login failed")["error"]
    assert len(false_relay.bodies) == 1, "asked once"
    assert grew_by_less_than(proxy, before, 2048)


def test_answers_that_were_swapped(stage, gitlab, client, make_client, false_relay, balancer):
    """Two logins of one workspace at once: each gets the other's answer, sealed by the relay itself."""
    proxy, _ = stage
    callbacks = [(one, callback_at(one, proxy, gitlab)) for one in (client, make_client())]
    both = threading.Barrier(2)
    nonces = {}

    def swapped(channel, body):
        nonce = channel.open_request(body)[0]
        nonces[nonce] = body
        both.wait(PATIENCE_S)
        (other,) = set(nonces) - {nonce}
        return 200, {}, channel.seal_answer(other, access="a" * 64)

    false_relay.lie = swapped
    balancer.targets = [false_relay.server.address]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda pair: pair[0].navigate(pair[1]), callbacks))
    assert [reply.status for reply in replies] == [503, 503]
    assert not any(one.cookie("__Host-workspace-proxy") for one, _ in callbacks)
    assert len(proxy.log_entries(message="login failed")) == 2


def test_an_answer_that_was_recorded(stage, gitlab, client, make_client, false_relay, balancer):
    """A true relay's answer, given to the next request of the same workspace."""
    proxy, relay = stage
    true = broker_module.Asker(relay, proxy.host)
    recorded = []

    def passed_on(channel, body):
        recorded.append(recorded[0] if recorded else true.post(body)[2])
        return 200, {}, recorded[-1]

    false_relay.lie = passed_on
    other = make_client()
    first, second = (callback_at(one, proxy, gitlab) for one in (client, other))
    balancer.targets = [false_relay.server.address]
    assert client.navigate(first).status == 302 and client.cookie("__Host-workspace-proxy")
    assert other.navigate(second).status == 503 and not other.cookie("__Host-workspace-proxy")
    assert "does not belong to our request" in proxy.wait_for_log(message="login failed")["error"]


def test_tokens_of_somebody_else(stage, gitlab, client, false_relay, balancer):
    """A relay that has the key, and gives out robin's tokens: GitLab is asked who that is, and refuses."""
    proxy, _ = stage
    callback = callback_at(client, proxy, gitlab)
    token = gitlab.add_token(gitlab.robin, "read_api read_user").access
    false_relay.lie = lambda c, body: (200, {}, c.seal_answer(c.open_request(body)[0], access=token))
    balancer.targets = [false_relay.server.address]
    reply = client.navigate(callback)
    assert reply.status == 403 and not client.cookie("__Host-workspace-proxy")


def test_an_id_token_of_another_login(stage, gitlab, client, false_relay, balancer):
    proxy, relay = stage
    callback = callback_at(client, proxy, gitlab)
    access = gitlab.add_token(gitlab.sasha, "read_api read_user").access
    claims = {
        "iss": gitlab.url,
        "aud": relay.application.uid,
        "sub": str(gitlab.sasha.id),
        "exp": relay_module.now_ms() // 1000 + 120,
        "nonce": "another",
    }
    from gitlab.keys import signing_key

    jwt = signing_key().jwt(claims)
    false_relay.lie = lambda c, b: (200, {}, c.seal_answer(c.open_request(b)[0], access=access, id_token=jwt))
    balancer.targets = [false_relay.server.address]
    reply = client.navigate(callback)
    assert reply.status == 403 and not client.cookie("__Host-workspace-proxy")
    assert "it belongs to another login" in proxy.wait_for_log(message="login failed")["error"]


def test_lies_at_a_refresh(stage, gitlab, client, false_relay, balancer):
    """What can't be opened counts as lost: the session goes on to its token's end, then a new login."""
    proxy, relay = stage
    gitlab.settings.token_lifetime_s = 3
    assert client.login(proxy.origin + "/", *SIGN_IN).status == 200
    gitlab.settings.token_lifetime_s = 7200
    false_relay.lie = garbage
    balancer.targets = [false_relay.server.address]
    wait_until(lambda: client.navigate(proxy.origin + "/").status and false_relay.bodies, what="the refresh")
    balancer.targets = [relay.address()]
    wait_until(
        lambda: client.open(proxy.origin + "/").status == 200
        and gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 2,
        what="a new login",
    )
    operations = [false_relay.channel.open_request(body)[1][0] for body in false_relay.bodies]
    assert operations.count(broker_module.REFRESH) == 1 and gitlab.requests.refreshes == 0


@pytest.fixture
def clock(tmp_path):
    return MovedClock(tmp_path)


@pytest.fixture
def moved(make_relay, make_proxy, gitlab, upstream, clock):
    """A sidecar whose clock the test moves."""
    relay = make_relay(gitlab, broker=True)
    return make_proxy(
        gitlab, upstream, relay=relay, runner=clock, AUTHORIZATION_INTERVAL="1s", AUTHORIZATION_GRACE="20s"
    )


needs_moved_clock = pytest.mark.skipif(is_sanitized(), reason="a sanitizer wants to be the first library")


@needs_moved_clock
@pytest.mark.parametrize("ahead_s", [3600, -3600])
def test_a_sidecars_clock_is_an_hour_off(moved, gitlab, client, clock, ahead_s):
    """Then a login does not even begin; nor is anything asked."""
    clock.set(ahead_s)
    reply = client.login(moved.origin + "/", *SIGN_IN)
    assert reply.status == 403 and not gitlab.requests.count(endpoint="token")
    clock.set(0)
    client.cookies.clear()
    assert client.login(moved.origin + "/", *SIGN_IN).status == 200


@needs_moved_clock
@pytest.mark.parametrize("ahead_s", [120, -120])
def test_a_sidecars_clock_is_minutes_off(moved, gitlab, client, clock, ahead_s):
    """The relay's pages bear that, its broker does not, and the log names both clocks."""
    clock.set(ahead_s)
    assert client.login(moved.origin + "/", *SIGN_IN).status == 502
    error = moved.wait_for_log(message="login failed")["error"]
    differ_by = int(re.search(r"our clock and its clock differ by (-?\d+) s", error)[1])
    assert abs(differ_by - ahead_s) < 30, error
    assert not gitlab.requests.count(endpoint="token")


@needs_moved_clock
def test_a_clock_that_jumps_while_a_session_runs(moved, gitlab, client, clock):
    """No renewal meanwhile, and no end either; afterwards it is made up for."""
    gitlab.settings.token_lifetime_s = 12
    assert client.login(moved.origin + "/", *SIGN_IN).status == 200
    clock.set(3600)

    def refused():
        assert client.fetch(moved.origin + "/").status == 200
        return [
            line
            for line in moved.log_entries(message="authorization check failed")
            if "our clock" in line["error"]
        ]

    wait_until(refused, what="a refresh that the relay refuses", interval_s=0.2)
    clock.set(0)
    wait_until(
        lambda: client.fetch(moved.origin + "/").status == 200 and gitlab.requests.refreshes,
        what="the refresh",
        interval_s=0.2,
    )
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 1
