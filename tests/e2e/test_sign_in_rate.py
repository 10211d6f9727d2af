# SPDX-License-Identifier: Apache-2.0
"""What clients without a session can make us ask GitLab, and that it costs signed-in users nothing."""

import concurrent.futures
import time
import urllib.parse

import pytest
from raw_client import RawClient
from test_metrics import ask

OURS = "127.0.0.2"  # whose X-Forwarded-For counts
CONNECTIONS = 6  # to GitLab, that strangers may use
BURST = 20  # failures of one client a minute


@pytest.fixture
def proxy(make_proxy, gitlab, upstream):
    return make_proxy(
        gitlab,
        upstream,
        API_TOKENS="on",
        TRUSTED_PROXY_IPS=OURS,
        HTTP_ADDRESS="127.0.0.1:0",
        AUTHORIZATION_INTERVAL="1s",
        AUTHORIZATION_GRACE="2s",
    )


def get(proxy, client, target, headers=()):
    with RawClient(proxy.address("http"), source=OURS) as raw:
        raw.request("GET", target, [("X-Forwarded-For", client), *headers], host=proxy.host)
        return raw.read_response()


def prepare_callback(proxy, client):
    """The address and the cookie of a login with a code that GitLab never gave."""
    start = get(proxy, client, "/oauth2/start")
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(start.get("Location")).query)
    cookie = "; ".join(value.split(";")[0] for value in start.get_all("Set-Cookie"))
    return f"/oauth2/callback?state={query['state'][0]}&code={'c' * 64}", [("Cookie", cookie)]


def bad_callback(proxy, client):
    return get(proxy, client, *prepare_callback(proxy, client))


def bad_token(proxy, client, number):
    return get(proxy, client, "/", [("PRIVATE-TOKEN", f"glpat-{number:020}")])


def exchanges(gitlab):
    return gitlab.requests.count(endpoint="token", grant_type="authorization_code")


def allowed(started_at):
    return BURST + (time.monotonic() - started_at) // 3 + 1


def test_bad_callbacks_of_one_client(proxy, gitlab):
    started_at = time.monotonic()
    replies = [bad_callback(proxy, "192.0.2.7") for _ in range(3 * BURST)]
    assert BURST <= exchanges(gitlab) <= allowed(started_at)
    assert replies[-1].status == 503 and 1 <= int(replies[-1].get("Retry-After")) <= 3
    before = exchanges(gitlab)
    bad_callback(proxy, "192.0.2.8")
    assert exchanges(gitlab) == before + 1, "another client is asked about"
    figures = ask(proxy, "/metrics").text
    assert "\nworkspace_proxy_sign_ins_rate_limited_total 0\n" not in figures
    assert len(proxy.log_entries(message="sign-in rate limit exceeded; no request to GitLab")) == 1


def test_bad_api_tokens_of_one_client(proxy, gitlab, client):
    started_at = time.monotonic()
    replies = [bad_token(proxy, "192.0.2.7", n) for n in range(3 * BURST)]
    assert BURST <= gitlab.requests.count(endpoint="user") <= allowed(started_at)
    assert replies[0].status == 401 and replies[-1].status == 503
    token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
    assert get(proxy, "192.0.2.8", "/", [("PRIVATE-TOKEN", token)]).status == 200
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200


def test_clients_whose_address_does_not_parse_are_one(proxy, gitlab):
    started_at = time.monotonic()
    for number in range(3 * BURST):
        bad_token(proxy, f"not-an-address-{number}", number)
    assert gitlab.requests.count(endpoint="user") <= allowed(started_at)


def test_many_clients_leave_room_for_refreshes(proxy, gitlab, client):
    """Sessions go on, refreshes included, whatever strangers do."""
    gitlab.settings.token_lifetime_s = 4
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    started_at = time.monotonic()
    for number in range(200):
        bad_token(proxy, f"198.51.100.{number}", number)
    assert gitlab.requests.count(endpoint="user") <= 90 + 2 * (time.monotonic() - started_at) + 2
    deadline = time.monotonic() + 30
    while not gitlab.requests.count(endpoint="token", grant_type="refresh_token"):
        assert client.fetch(proxy.origin + "/").status == 200
        assert time.monotonic() < deadline, "no refresh"
        time.sleep(0.1)
    assert client.fetch(proxy.origin + "/").status == 200


def test_sessions_do_not_wait_for_strangers(make_proxy, gitlab, upstream, client):
    """While a slow GitLab is asked for 100 strangers, a session's refresh and recheck come first."""
    proxy = make_proxy(
        gitlab,
        upstream,
        API_TOKENS="on",
        TRUSTED_PROXY_IPS=OURS,
        HTTP_ADDRESS="127.0.0.1:0",
        AUTHORIZATION_INTERVAL="1s",
        AUTHORIZATION_GRACE="0s",
        SIGN_IN_FAILURES_PER_ADDRESS_MAX=1000,
        SIGN_IN_FAILURES_MAX=1000,
    )
    gitlab.settings.token_lifetime_s = 6
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    callbacks = [(f"198.51.100.{n}", *prepare_callback(proxy, f"198.51.100.{n}")) for n in range(60)]
    gitlab.faults.add("*", delay_s=0.7)
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        strangers = [pool.submit(get, proxy, *callback) for callback in callbacks]
        strangers += [pool.submit(bad_token, proxy, f"203.0.113.{n}", n) for n in range(40)]
        while not all(stranger.done() for stranger in strangers):
            before = len(gitlab.requests.all())
            # 401: it was running when the last answer expired, and the next one was under way.
            assert client.fetch(proxy.origin + "/").status in (200, 401)
            meanwhile = len(gitlab.requests.all()) - before
            assert meanwhile <= 4 * CONNECTIONS, "other requests first"
            time.sleep(0.05)
    assert client.fetch(proxy.origin + "/").status == 200
    assert gitlab.requests.count(endpoint="token", grant_type="refresh_token")
    assert exchanges(gitlab) >= 30 and not proxy.log_entries(message="authorization check failed")


def test_limits_are_settings(make_proxy, gitlab, upstream):
    proxy = make_proxy(
        gitlab, upstream, TRUSTED_PROXY_IPS=OURS, HTTP_ADDRESS="127.0.0.1:0", SIGN_IN_FAILURES_PER_ADDRESS_MAX=2
    )
    for _ in range(4):
        bad_callback(proxy, "192.0.2.7")
    assert exchanges(gitlab) == 2


def test_gitlab_limits_us(proxy, gitlab):
    """429 stops what strangers ask for until its Retry-After has passed."""
    gitlab.faults.add("token", status=429, retry_after_s=30, times=1)
    reply = bad_callback(proxy, "192.0.2.7")
    assert reply.status == 503
    before = len(gitlab.requests.all())
    for number in range(5):
        reply = bad_callback(proxy, f"192.0.2.{10 + number}")
        assert reply.status == 503 and 1 <= int(reply.get("Retry-After")) <= 30
        assert bad_token(proxy, f"192.0.2.{10 + number}", number).status == 503
    assert len(gitlab.requests.all()) == before
