# SPDX-License-Identifier: Apache-2.0
"""What happens while a session lives: sign out, repeated checks, refreshes, its end."""

import concurrent.futures
import time
import urllib.parse

import pytest
from proxy import PATIENCE_S
from test_login import SESSION, assert_page


@pytest.mark.shared
def test_userinfo_and_auth(proxy, signed_in, make_client):
    document = signed_in.fetch(proxy.origin + "/oauth2/userinfo").json()
    assert "sasha" in document.values() and "sasha@example.com" in document.values()
    assert signed_in.fetch(proxy.origin + "/oauth2/auth").status == 202
    stranger = make_client()
    assert stranger.fetch(proxy.origin + "/oauth2/userinfo").status == 401
    assert stranger.fetch(proxy.origin + "/oauth2/auth").status == 401


@pytest.mark.shared
def test_no_endpoint_returns_a_secret(proxy, gitlab, signed_in):
    for path in ("start", "callback", "sign_in", "sign_out", "auth", "userinfo", "workspace"):
        for reply in (
            signed_in.fetch(f"{proxy.origin}/oauth2/{path}"),
            signed_in.navigate(f"{proxy.origin}/oauth2/{path}"),
        ):
            shown = reply.text + str(
                [h for h in reply.headers if h[0].lower() not in ("set-cookie", "location")]
            )
            assert not [s for s in gitlab.secrets() if s in shown], path


def sign_out(client, proxy, **headers):
    page = client.navigate(proxy.origin + "/oauth2/sign_out")
    assert page.status == 200 and client.cookie(SESSION), "only a POST signs out"
    parts = {"Origin": proxy.origin, "Sec-Fetch-Site": "same-origin", **headers}
    form = page.forms()[0]
    body = urllib.parse.urlencode(form.fields)
    url = urllib.parse.urljoin(page.url, form.action)
    return client.request(
        "POST",
        url,
        {**parts, "Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"},
        body,
    )


def test_sign_out_revokes_and_forgets(proxy, gitlab, signed_in):
    cookie = f"{SESSION}={signed_in.cookie(SESSION).value}"
    reply = signed_in.follow(sign_out(signed_in, proxy))
    assert_page(reply, 200, "signed out")
    assert signed_in.cookie(SESSION) is None
    gitlab.requests.wait(endpoint="revoke", status=200)
    assert signed_in.request("GET", proxy.origin + "/", {"Cookie": cookie}, cookies=False).status == 401


def test_a_request_that_waits_when_the_user_signs_out(proxy, upstream, signed_in):
    cookie = [("Cookie", f"{SESSION}={signed_in.cookie(SESSION).value}")]
    upstream.answer = lambda connection, request: connection.read_exactly(1)  # which never comes
    with proxy.raw() as raw:
        raw.request("GET", "/slow", cookie, host=proxy.host)
        upstream.wait(lambda: any(request.path == "/slow" for request in upstream.requests))
        sign_out(signed_in, proxy)
        response = raw.read_response()
    assert response.status == 401
    assert urllib.parse.urljoin(proxy.origin, response.json()["login_url"]) == proxy.origin + "/oauth2/start"


@pytest.mark.shared
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.localhost:1", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://sibling.localhost:1", "Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_sign_out_from_elsewhere_is_refused(proxy, gitlab, signed_in, headers):
    reply = sign_out(signed_in, proxy, **headers)
    assert reply.status == 403
    assert (
        signed_in.navigate(proxy.origin + "/").status == 200 and gitlab.requests.count(endpoint="revoke") == 0
    )


def test_sign_out_closes_websockets(proxy, signed_in, session_cookie):
    import websocket

    with proxy.raw() as raw:
        assert raw.upgrade("/ws", proxy.host, proxy.origin, [("Cookie", session_cookie)]).status == 101
        raw.send_frame(websocket.TEXT, b"hello")
        assert raw.read_frame()[:2] == (websocket.TEXT, b"hello")
        sign_out(signed_in, proxy)
        opcode, payload, _ = raw.read_frame()
        assert opcode == websocket.CLOSE and websocket.close_code(payload) in (1008, 4001, 3000), payload


@pytest.mark.shared
@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://{host}", "https://x.{host}", "https://{name}"]
)
def test_websockets_need_our_own_origin(proxy, signed_in, session_cookie, upstream, origin):
    count = len(upstream.requests)
    value = origin and origin.format(host=proxy.host, name=proxy.name)
    with proxy.raw() as raw:
        assert raw.upgrade("/ws", proxy.host, value, [("Cookie", session_cookie)]).status == 403
    assert len(upstream.requests) == count


# Asking again


@pytest.fixture
def impatient(make_proxy, gitlab, upstream):
    """Asks GitLab again after a second."""
    return make_proxy(gitlab, upstream, AUTHORIZATION_INTERVAL="1s", AUTHORIZATION_GRACE="3s")


def eventually(condition, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def test_lost_access_ends_the_session(impatient, gitlab, client):
    client.login(impatient.origin + "/", "sasha", "sasha-password")
    gitlab.workspace.owner = gitlab.alex
    eventually(lambda: client.fetch(impatient.origin + "/").status in (401, 403))


def test_lost_access_closes_websockets(impatient, gitlab, client):
    import websocket

    client.login(impatient.origin + "/", "sasha", "sasha-password")
    cookie = f"{SESSION}={client.cookie(SESSION).value}"
    with impatient.raw() as raw:
        assert raw.upgrade("/ws", impatient.host, impatient.origin, [("Cookie", cookie)]).status == 101
        gitlab.sasha.blocked = True
        opcode, payload, _ = raw.read_frame()
        assert opcode == websocket.CLOSE and websocket.close_code(payload)


def test_sessions_continue_during_the_grace_period(impatient, gitlab, client):
    client.login(impatient.origin + "/", "sasha", "sasha-password")
    gitlab.faults.add("graphql", status=503)
    while not gitlab.requests.count(endpoint="graphql", status=503):
        assert client.navigate(impatient.origin + "/").status == 200
    eventually(lambda: client.navigate(impatient.origin + "/").status == 503)
    gitlab.faults.clear()
    eventually(lambda: client.navigate(impatient.origin + "/").status == 200)


def test_an_outage_ends_requests_with_its_reason_but_not_the_session(impatient, gitlab, upstream, client):
    """A WebSocket and a request that waits for the IDE, neither of which makes the proxy ask GitLab."""
    import websocket

    client.login(impatient.origin + "/", "sasha", "sasha-password")
    cookie = [("Cookie", f"{SESSION}={client.cookie(SESSION).value}")]
    with impatient.raw() as tab, impatient.raw() as raw:
        assert tab.upgrade("/ws", impatient.host, impatient.origin, cookie).status == 101
        upstream.answer = lambda connection, request: connection.read_exactly(1)  # which never comes
        raw.request("GET", "/slow", cookie, host=impatient.host)
        upstream.wait(lambda: any(request.path == "/slow" for request in upstream.requests))
        gitlab.faults.add("graphql", status=503)
        opcode, payload, _ = tab.read_frame()
        assert opcode == websocket.CLOSE and websocket.close_code(payload) == 1013
        response = raw.read_response()
    assert response.status == 503 and response.json()["error"] == "gitlab_unavailable"
    assert 1 <= int(response.get("Retry-After")) <= 60
    assert len(impatient.log_entries(message="access could not be confirmed")) == 2
    assert not impatient.log_entries(message="session ended while in use")
    gitlab.faults.clear()
    eventually(lambda: client.fetch(impatient.origin + "/oauth2/userinfo").status == 200)


# Refreshing


def test_expiring_tokens_are_refreshed_once(impatient, gitlab, client, make_client):
    gitlab.settings.token_lifetime_s = 2
    client.login(impatient.origin + "/", "sasha", "sasha-password")
    gitlab.settings.token_lifetime_s = 7200
    value = f"{SESSION}={client.cookie(SESSION).value}"

    def knock(_):
        return make_client().request("GET", impatient.origin + "/", {"Cookie": value}, cookies=False).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        deadline = time.monotonic() + PATIENCE_S
        while not gitlab.requests.refreshes:
            assert time.monotonic() < deadline
            assert set(pool.map(knock, range(16))) == {200}
        for _ in range(10):
            assert set(pool.map(knock, range(16))) == {200}
    assert gitlab.requests.refreshes == 1
    assert gitlab.requests.count(endpoint="token", status=400) == 0


def test_a_lost_refresh_leads_to_a_new_login(impatient, gitlab, client):
    gitlab.settings.token_lifetime_s = 2
    client.login(impatient.origin + "/", "sasha", "sasha-password")
    gitlab.settings.token_lifetime_s = 7200
    gitlab.faults.add("token", cut_after=0, times=1)
    eventually(lambda: client.navigate(impatient.origin + "/").status and gitlab.requests.refreshes)
    eventually(lambda: client.open(impatient.origin + "/").status == 200)
    assert gitlab.requests.refreshes == 1, "a refresh whose answer was lost is never sent again"
    eventually(
        lambda: gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 2
        or not client.open(impatient.origin + "/")
    )


def test_revoked_tokens_lead_to_a_new_login(impatient, gitlab, client):
    client.login(impatient.origin + "/", "sasha", "sasha-password")
    gitlab.revoke_tokens("sasha")
    eventually(lambda: client.fetch(impatient.origin + "/").status == 401)
    assert client.open(impatient.origin + "/").status == 200


def test_sessions_end_by_age(make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, COOKIE_EXPIRE="60s", SESSION_IDLE="60s")
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert client.cookie(SESSION).attributes["max-age"] == "60"
