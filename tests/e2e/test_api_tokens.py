# SPDX-License-Identifier: Apache-2.0
"""Programs with a GitLab token instead of a session (API_TOKENS), and signing out everywhere."""

import concurrent.futures
import contextlib
import time

import pytest
import websocket
from gitlab.requests import digest
from proxy import wait_until
from raw_client import RawClient

STAGE_SETTINGS = {"API_TOKENS": "on", "AUTHORIZATION_INTERVAL": "1s", "AUTHORIZATION_GRACE": "3s"}
SESSION = "__Host-workspace-proxy"


@pytest.fixture
def proxy(shared_proxy, make_proxy, gitlab, upstream):
    return shared_proxy or make_proxy(gitlab, upstream, **STAGE_SETTINGS)


@pytest.fixture
def token(gitlab):
    return gitlab.add_token(gitlab.sasha, "read_api read_user").access


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def private(token):
    return {"PRIVATE-TOKEN": token}


def ask(client, proxy, headers, path="/", method="GET"):
    return client.request(method, proxy.origin + path, headers, cookies=False)


def users_asked(gitlab):
    return gitlab.requests.count(endpoint="user")


@pytest.mark.shared
@pytest.mark.parametrize("form", [bearer, private])
def test_a_token_lets_its_user_in(proxy, gitlab, upstream, client, token, form):
    reply = ask(client, proxy, {**form(token), "X-Other": "stays"}, "/api/contents?x=1")
    assert reply.status == 200 and not reply.get_all("Set-Cookie")
    (request,) = upstream.requests
    assert request.get("X-Forwarded-User") == "sasha" and request.get("X-Other") == "stays"
    assert token.encode() not in upstream.received
    assert request.get("Authorization") is None and request.get("Private-Token") is None
    assert ask(client, proxy, form(token), "/oauth2/auth").status == 202
    assert ask(client, proxy, form(token), "/oauth2/userinfo").json()["user"] == "sasha"
    assert users_asked(gitlab) == 1, "asked once, remembered for a while"


@pytest.mark.shared
def test_an_oauth_token_counts_too(proxy, gitlab, client):
    application = next(iter(gitlab.state.applications.values()))
    token = gitlab.add_token(gitlab.sasha, "read_api read_user", 7200, application).access
    assert ask(client, proxy, bearer(token)).status == 200


@pytest.mark.shared
def test_only_the_header_that_let_it_in_is_taken(proxy, upstream, client, token):
    app = {"Authorization": "Bearer the-apps-own"}
    assert ask(client, proxy, {**private(token), **app}).status == 200
    assert upstream.requests[0].get("Authorization") == "Bearer the-apps-own"
    assert upstream.requests[0].get("Private-Token") is None


@pytest.mark.shared
def test_a_session_comes_first(proxy, gitlab, upstream, client):
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    upstream.forget()
    asked = users_asked(gitlab)
    for headers in ({"Authorization": "Bearer the-apps-own"}, {"PRIVATE-TOKEN": "the-apps-own"}):
        assert client.fetch(proxy.origin + "/", headers=headers).status == 200
        (name, value) = next(iter(headers.items()))
        assert upstream.requests[-1].get(name) == value
    assert users_asked(gitlab) == asked, "what goes to the IDE is not looked at"


@pytest.mark.parametrize("setting", ["off", None])
def test_off_means_untouched(make_proxy, gitlab, upstream, client, token, setting):
    proxy = make_proxy(gitlab, upstream, API_TOKENS=setting)
    for headers in (bearer(token), private(token)):
        assert ask(client, proxy, headers).status == 401
    assert users_asked(gitlab) == 0 and not upstream.received
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    client.fetch(proxy.origin + "/", headers={"Authorization": "Bearer app", "PRIVATE-TOKEN": "app"})
    assert upstream.requests[-1].get("Authorization") == "Bearer app"
    assert upstream.requests[-1].get("Private-Token") == "app"


@pytest.mark.shared
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic c2FzaGE6c2FzaGE="},
        {"Authorization": "token abc"},
        {"Authorization": "Bearer a b"},
        {"Authorization": "Bearer " + "a" * 5000},
        {"PRIVATE-TOKEN": ""},
        {"PRIVATE-TOKEN": "a b"},
    ],
)
def test_what_is_no_token_is_not_asked_about(proxy, gitlab, upstream, client, headers):
    assert ask(client, proxy, headers).status == 401
    assert users_asked(gitlab) == 0 and not upstream.received


@pytest.mark.shared
def test_two_tokens_are_none(proxy, gitlab, token):
    for name, value, status in (("Authorization", f"Bearer {token}", 400), ("Private-Token", token, 401)):
        with proxy.raw() as raw:
            raw.request("GET", "/", [(name, value), (name, value)], host=proxy.host)
            assert raw.read_response().status == status
    assert users_asked(gitlab) == 0


@pytest.mark.shared
def test_bad_tokens_are_remembered_for_a_while(proxy, gitlab, upstream, client):
    replies = [ask(client, proxy, bearer("glpat-wrong")) for _ in range(20)]
    assert {r.status for r in replies} == {401} and users_asked(gitlab) == 1
    assert replies[0].json()["error"] == "login_required" and not replies[0].get_all("Set-Cookie")
    for reply in replies:
        assert reply.get_all("WWW-Authenticate") == ['Bearer realm="workspace", error="invalid_token"']
    assert not upstream.received


@pytest.mark.shared
def test_a_token_without_access(proxy, gitlab, upstream, client):
    token = gitlab.add_token(gitlab.robin, "api").access
    assert [ask(client, proxy, bearer(token)).status for _ in range(3)] == [403] * 3
    gitlab.alex.blocked = True
    assert ask(client, proxy, bearer(gitlab.add_token(gitlab.alex, "api").access)).status == 403
    assert not upstream.received and users_asked(gitlab) == 2


@pytest.mark.parametrize("form", [bearer, private])
@pytest.mark.parametrize(
    "authorization, granted, missing",
    [
        ({}, "openid", "read_user"),
        ({}, "read_user", "read_api"),  # GraphQL answers 401
        ({"AUTHORIZATION": "project"}, "read_user", "read_api"),  # the members' API answers 403
        ({"AUTHORIZATION": "owner"}, "read_repository", "read_user"),
    ],
)
def test_a_token_without_the_scope(make_proxy, gitlab, upstream, client, form, authorization, granted, missing):
    """RFC 6750 section 3.1."""
    rules = {"PROJECT": gitlab.project.path, "OWNER_ID": gitlab.sasha.id}
    proxy = make_proxy(gitlab, upstream, API_TOKENS="on", **rules, **authorization)
    token = gitlab.add_token(gitlab.sasha, granted).access
    for _ in range(2):  # asked, and remembered
        reply = ask(client, proxy, form(token))
        assert reply.status == 403
        assert reply.json()["error"] == "insufficient_scope" and missing in reply.json()["detail"]
        challenge = f'Bearer realm="workspace", error="insufficient_scope", scope="{missing}"'
        assert reply.get_all("WWW-Authenticate") == [challenge]
    assert users_asked(gitlab) == 1 and not upstream.received


@pytest.mark.shared
def test_many_at_once_ask_once(proxy, gitlab, upstream, make_client, token):
    gitlab.faults.add("user", delay_s=0.3, times=1)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(lambda _: ask(make_client(), proxy, bearer(token)).status, range(32)))
    assert statuses == {200} and users_asked(gitlab) == 1


def test_many_bad_tokens_of_one_client_keep_nobody_out(make_proxy, gitlab, upstream, make_client, token):
    """While GitLab is slow to say what they are worth."""
    ours = "127.0.0.2"
    proxy = make_proxy(gitlab, upstream, API_TOKENS="on", TRUSTED_PROXY_IPS=ours, HTTP_ADDRESS="127.0.0.1:0")

    def start(client, value):
        raw = RawClient(proxy.address("http"), source=ours)
        headers = [("X-Forwarded-For", client), ("PRIVATE-TOKEN", value)]
        raw.request("GET", "/x", headers, host=proxy.host)
        return raw

    gitlab.faults.add("user", delay_s=1)
    with contextlib.ExitStack() as stack:
        bad = [stack.enter_context(start("192.0.2.7", f"glpat-{n:020}")) for n in range(4)]
        with start("192.0.2.7", "glpat-one-too-many-00") as refused:
            response = refused.read_response()
            assert response.status == 503 and response.get("Retry-After")
        good = stack.enter_context(start("192.0.2.8", token))
        assert good.read_response().status == 200
        assert [raw.read_response().status for raw in bad] == [401] * 4


def test_a_clone_waits_for_a_person(make_proxy, gitlab, upstream, client, token, tmp_path):
    """The token of a program may not reach as far as git."""
    proxy = make_proxy(
        gitlab, upstream, API_TOKENS="on", CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=tmp_path / "demo"
    )
    for path, status in (("/", 503), ("/oauth2/workspace", 200)):
        assert ask(client, proxy, bearer(token), path).status == status
    reply = ask(client, proxy, bearer(token), "/oauth2/workspace")
    assert reply.json()["clone"]["phase"] == "waiting"
    assert not proxy.log_entries(message="clone: phase")


RETRY = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def failed(make_proxy, gitlab, upstream, client, tmp_path):
    """A sidecar whose clone failed with the session of `client`, which GitLab would serve now."""
    gitlab.faults.add("git-info-refs", status=404)
    proxy = make_proxy(
        gitlab, upstream, API_TOKENS="on", CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=tmp_path / "demo"
    )
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.wait_for_log(message="clone: failed")
    gitlab.faults.clear()
    gitlab.requests.clear()
    return proxy


def retry(client, proxy, token):
    headers = {**bearer(token), **RETRY, "Origin": proxy.origin}
    return client.request("POST", proxy.origin + "/oauth2/workspace", headers, b"action=retry", cookies=False)


def test_a_retry_does_not_lend_the_programs_token(failed, gitlab, client, token):
    """The clone goes on with the token of the person who is signed in."""
    assert retry(client, failed, token).status == 200
    failed.wait_for_log(message="clone: phase", phase="done")
    assert {entry.credential for entry in gitlab.requests.all(endpoint="git-upload-pack")} - {None}
    assert digest(token) not in {entry.credential for entry in gitlab.requests.all() if "git-" in entry.endpoint}


def test_a_retry_without_a_session_lends_nothing(failed, gitlab, client, token):
    page = client.open(failed.origin + "/oauth2/sign_out")
    client.submit(page, page.form())
    assert retry(client, failed, token).status == 200
    wait_until(lambda: len(failed.log_entries(message="clone: failed")) == 2, what="the second failure")
    git = [entry for entry in gitlab.requests.all() if "git-" in entry.endpoint]
    assert git and not [entry for entry in git if entry.credential]


def test_a_revoked_token_stops_working(proxy, gitlab, client, token):
    assert ask(client, proxy, bearer(token)).status == 200
    gitlab.revoke_tokens("sasha")
    time.sleep(1.2)  # AUTHORIZATION_INTERVAL, and its jitter
    assert ask(client, proxy, bearer(token)).status == 401


def test_an_unreachable_gitlab(proxy, gitlab, upstream, client, token):
    gitlab.faults.add("user", status=503)
    reply = ask(client, proxy, bearer(token))
    assert reply.status == 503 and int(reply.get("Retry-After")) > 0 and not upstream.received
    gitlab.faults.clear()
    assert ask(client, proxy, bearer(token)).status == 200, "no answer is not a no"


def test_tokens_are_not_revoked_by_us(proxy, gitlab, client, token, make_client):
    assert ask(client, proxy, bearer(token)).status == 200
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    page = client.open(proxy.origin + "/oauth2/sign_out")
    client.submit(page, page.form(), all="1")
    gitlab.requests.wait(endpoint="revoke", status=200)
    assert gitlab.requests.count(endpoint="revoke") == 1, "the session's, not the program's"
    assert ask(make_client(), proxy, bearer(token)).status == 200


def upgrade(proxy, headers, origin=None):
    raw = proxy.raw(timeout=15)
    return raw, raw.upgrade("/ws", proxy.host, origin, headers)


def test_websockets_of_programs(proxy, gitlab, upstream, client, token):
    header = [("Authorization", f"Bearer {token}")]
    raw, response = upgrade(proxy, header)
    assert response.status == 101
    raw.send_frame(websocket.TEXT, b"ssh")
    assert raw.read_frame()[1] == b"ssh"
    assert token.encode() not in upstream.received
    for headers, origin in (
        (header, "https://evil.example"),
        (header, "null"),
        ([*header, ("Cookie", "a=b")], None),
    ):
        other, response = upgrade(proxy, headers, origin)
        assert response.status == 403, (headers, origin)
        other.close()
    other, response = upgrade(proxy, header, proxy.origin)
    assert response.status == 101
    other.close()
    gitlab.revoke_tokens("sasha")
    opcode, payload, _ = raw.read_frame()
    assert opcode == websocket.CLOSE and websocket.close_code(payload) == 1008
    raw.close()


@pytest.mark.shared
def test_a_session_needs_its_origin_still(proxy, client):
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    cookie = [("Cookie", f"{SESSION}={client.cookie(SESSION).value}")]
    raw, response = upgrade(proxy, cookie)
    assert response.status == 403
    raw.close()


# Signing out everywhere


@pytest.mark.parametrize("everywhere", [True, False])
def test_sign_out_on_all_devices(make_proxy, gitlab, upstream, make_client, everywhere):
    proxy = make_proxy(gitlab, upstream)
    clients = [make_client() for _ in range(4)]
    for client in clients:
        assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
        assert client.fetch(proxy.origin + "/").status == 200
        proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    cookie = [("Cookie", f"{SESSION}={clients[1].cookie(SESSION).value}")]
    raw, response = upgrade(proxy, cookie, proxy.origin)
    assert response.status == 101
    page = clients[0].open(proxy.origin + "/oauth2/sign_out")
    assert "all devices" in page.text
    reply = clients[0].submit(page, page.form(), **({"all": "1"} if everywhere else {"all": "0"}))
    assert reply.status in (200, 303)
    statuses = [client.fetch(proxy.origin + "/").status for client in clients]
    assert statuses == ([401] * 4 if everywhere else [401, 200, 200, 200])
    if everywhere:
        opcode, payload, _ = raw.read_frame()
        assert opcode == websocket.CLOSE and websocket.close_code(payload) == 1008
        wait_until(lambda: gitlab.requests.count(endpoint="revoke", status=200) == 4, what="revocations")
    raw.close()
