# SPDX-License-Identifier: Apache-2.0
"""Signing in through GitLab, over real sockets and TLS: the way in, and every way it can go wrong."""

import re
import urllib.parse

import pytest
from proxy import new_cookie_secret

pytestmark = pytest.mark.shared
STAGE_SETTINGS = {"SIGN_IN_FAILURES_MAX": 60000, "SIGN_IN_FAILURES_PER_ADDRESS_MAX": 60000}
SESSION = "__Host-workspace-proxy"


def start(client, proxy, path="/"):
    """A navigation that must lead to GitLab; the authorize URL."""
    reply = client.navigate(proxy.origin + path)
    assert reply.status in (302, 303), (reply.status, reply.text[:300])
    return reply.location


def parameters(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def callback_of(client, gitlab, authorize_url, user="sasha"):
    """Signs in at GitLab and returns the callback URL that it would send the browser to."""
    page = client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), user, f"{user}-password")
    assert page.status == 200, page.text[:300]
    return client.navigate(authorize_url).script_location()


def set_cookies(reply):
    return [c for c in reply.get_all("Set-Cookie")]


def session_is_set(reply):
    return any(c.startswith(SESSION + "=") and not c.startswith(SESSION + "=;") for c in set_cookies(reply))


def assert_page(reply, status, *words):
    assert reply.status == status, (reply.status, reply.text[:600])
    assert reply.get("Content-Type").startswith("text/html"), reply.headers
    text = reply.text.lower()
    for word in words:
        assert word.lower() in text, (word, reply.text[:1500])


# The way in


@pytest.mark.parametrize("trusted, confidential", [(True, True), (False, True), (True, False)])
def test_login_leads_to_where_it_began(make_proxy, gitlab, upstream, client, trusted, confidential):
    proxy = make_proxy(gitlab, upstream, trusted=trusted, confidential=confidential)
    page = client.login(proxy.origin + "/some/file?line=1&name=a%2Fb", "sasha", "sasha-password")
    assert (page.status, page.url) == (200, proxy.origin + "/some/file?line=1&name=a%2Fb")
    assert "This is the IDE" in page.text
    (request,) = upstream.requests
    assert request.target == "/some/file?line=1&name=a%2Fb"
    assert request.get("X-Forwarded-User") == request.get("X-Forwarded-Preferred-Username") == "sasha"
    assert request.get("X-Forwarded-Email") == "sasha@example.com"
    assert request.get("X-Forwarded-Proto") == "https" and request.get("X-Forwarded-Host") == proxy.host
    assert SESSION.encode() not in request.head and request.get("Authorization") is None
    assert not [s for s in gitlab.secrets() if s.encode() in upstream.received]


def test_login_with_a_relative_root(make_proxy, make_gitlab, upstream, client):
    gitlab = make_gitlab(root="/gitlab")
    proxy = make_proxy(gitlab, upstream)
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").text.count("This is the IDE") == 1


def test_gitlab_reached_under_another_name(make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, GITLAB_API_URL=gitlab.url.replace("localhost", "127.0.0.1"))
    assert start(client, proxy).startswith(gitlab.url + "/oauth/authorize?")
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200


def test_authorize_request(proxy, client):
    first, second = (parameters(start(client, proxy)) for _ in range(2))
    assert first["response_type"] == "code" and first["redirect_uri"] == proxy.origin + "/oauth2/callback"
    assert first["client_id"] == proxy.settings["CLIENT_ID"]
    assert first["scope"] == "openid read_user read_api write_repository"
    assert first["code_challenge_method"] == "S256" and len(first["code_challenge"]) == 43
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] and first[name] != second[name]


def test_documented_token_type_and_missing_fields(proxy, gitlab, client):
    gitlab.settings.token_type = "bearer"
    gitlab.settings.token_fields_left_out = ["scope", "created_at"]
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200


def test_cookies_are_bound_to_the_host_and_out_of_reach(proxy, signed_in):
    replies = [r for r in signed_in.history if r.url.startswith(proxy.origin)]
    texts = [c for r in replies for c in set_cookies(r)]
    assert any(c.startswith(SESSION + "=") for c in texts)
    for text in texts:
        name, *attributes = [part.strip() for part in text.split(";")]
        lower = [a.lower() for a in attributes]
        assert name.startswith("__Host-") and {"secure", "httponly", "path=/", "samesite=lax"} <= set(lower)
        assert not [a for a in lower if a.startswith("domain")]
    cookies = signed_in.cookies_of(proxy.name)
    names = {SESSION, f"{SESSION}-recent"}
    assert {c.name for c in cookies} == names, "the flow's cookie must be gone after the login"
    assert all(len(c.value) < 1024 for c in cookies)


def test_parallel_tabs_both_arrive(proxy, gitlab, client):
    callbacks = [callback_of(client, gitlab, start(client, proxy, path)) for path in ("/one", "/two")]
    for path, callback in zip(("/one", "/two"), callbacks):
        assert client.follow(client.navigate(callback)).url == proxy.origin + path


def test_twelve_tabs_arrive_where_they_began(proxy, gitlab, client):
    """All begin before any returns: more than cookies are kept for. The browser is signed in to GitLab."""
    paths = [f"/tab/{number}?x=1" for number in range(12)]
    callbacks = [callback_of(client, gitlab, start(client, proxy, path)) for path in paths]
    for path, callback in zip(paths, callbacks):
        page = client.follow(client.navigate(callback))
        assert (page.status, page.url) == (200, proxy.origin + path)


@pytest.mark.parametrize("length", [257, 1100, 8192])
def test_long_addresses_arrive(proxy, upstream, client, length):
    path = ("/lab?state=" + "%7B%22a%22%3A1%7D&" * 500)[:length].rstrip("%").ljust(length, "x")
    page = client.login(proxy.origin + path, "sasha", "sasha-password")
    assert (page.status, page.url) == (200, proxy.origin + path)
    assert upstream.requests[-1].target == path


@pytest.mark.parametrize("path", ["/a%5Cb", "//evil.example/x", "/a?b=%0A%2520"])
def test_odd_addresses_arrive_at_this_host(proxy, upstream, client, path):
    page = client.login(proxy.origin + path, "sasha", "sasha-password")
    assert (page.status, page.url) == (200, proxy.origin + path)
    assert upstream.requests[-1].target == path


def test_a_long_address_survives_a_failed_login(proxy, gitlab, client):
    path = "/lab?" + "&" * 4000
    gitlab.faults.add("token", status=503)
    page = client.login(proxy.origin + path, "sasha", "sasha-password")
    assert page.status == 503
    gitlab.faults.clear()
    link = re.search(r'class="button" href="([^"]+)"', page.text)[1].replace("&amp;", "&")
    page = client.follow(client.navigate(urllib.parse.urljoin(proxy.origin, link)))
    assert (page.status, page.url) == (200, proxy.origin + path)


@pytest.mark.own
def test_a_page_that_could_not_be_kept_is_named_as_lost(proxy, gitlab, client):
    """The address was too long for the cookie, and the process that remembered it is gone."""
    callback = callback_of(client, gitlab, start(client, proxy, "/lab?" + "x" * 4000))
    assert proxy.stop() == 0
    proxy.start_again()
    page = client.follow(client.navigate(callback))
    assert_page(page, 200, "page you requested was lost", "open the workspace")
    assert client.navigate(proxy.origin + "/").status == 200


def test_a_second_login_gets_a_new_session(proxy, gitlab, signed_in, upstream):
    before = signed_in.cookie(SESSION).value
    target = proxy.origin + "/oauth2/start"
    signed_in.open(target)
    after = signed_in.cookie(SESSION).value
    assert after != before and "This is the IDE" in signed_in.open(proxy.origin + "/").text


# Who gets nothing


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_reaches_the_upstream_without_a_session(proxy, upstream, method):
    with proxy.raw() as raw:
        raw.request(
            method,
            "/",
            [("Accept", "*/*"), ("Expect", "100-continue"), ("Content-Length", "0")],
            host=proxy.host,
        )
        response = raw.read_response(method)
    assert response.status == 401, response.head
    assert not upstream.received


def test_programs_get_401_with_the_login_address(proxy, client, upstream):
    for headers in (
        {},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Mode": "", "Sec-Fetch-Dest": "", "X-Requested-With": "XMLHttpRequest"},
        {"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "serviceworker"},
        {"Accept": "text/event-stream"},
    ):
        reply = client.fetch(proxy.origin + "/api", headers=headers)
        assert reply.status == 401 and reply.get("Content-Type") == "application/json", (
            headers,
            reply.status,
        )
        document = reply.json()
        assert document["error"] == "login_required"
        assert urllib.parse.urljoin(reply.url, document["login_url"]) == proxy.origin + "/oauth2/start"
        assert not set_cookies(reply) and "no-store" in reply.get("Cache-Control")
    assert not upstream.received


def test_websocket_without_a_session(proxy, upstream):
    with proxy.raw() as raw:
        assert raw.upgrade("/ws", proxy.host, proxy.origin).status == 401
    assert not upstream.received


@pytest.mark.own  # nobody else's revocation can be taken for this one's
def test_a_user_without_access_is_told_so(proxy, gitlab, upstream, client):
    page = client.login(proxy.origin + "/", "robin", "robin-password")
    assert_page(page, 403, "no access", "robin")
    assert "/oauth2/" in page.text, "it must offer to sign in as somebody else"
    assert client.cookie(SESSION) is None and not upstream.received
    gitlab.requests.wait(endpoint="revoke", status=200)  # tokens that are of no use must not live on


def test_reading_a_workspace_is_not_owning_it(proxy, gitlab, upstream, client):
    gitlab.workspace.readers.add(gitlab.robin.id)
    assert_page(client.login(proxy.origin + "/", "robin", "robin-password"), 403, "no access", "robin")
    gitlab.alex.admin = True
    client.cookies.clear()
    assert_page(client.login(proxy.origin + "/", "alex", "alex-password"), 403, "alex")
    assert not upstream.received


def test_a_workspace_that_is_gone(proxy, gitlab, upstream, client):
    gitlab.workspace.hidden = True
    assert_page(client.login(proxy.origin + "/", "sasha", "sasha-password"), 403)
    assert not upstream.received


def test_a_gitlab_without_workspaces(proxy, gitlab, upstream, client):
    gitlab.settings.has_workspaces = False
    page = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert page.status in (403, 502), page.status
    assert not upstream.received


def test_a_blocked_user(proxy, gitlab, upstream, client):
    callback = callback_of(client, gitlab, start(client, proxy))
    gitlab.sasha.blocked = True
    reply = client.navigate(callback)
    assert reply.status == 403 and not session_is_set(reply) and not upstream.received


def test_denied_consent_is_said_plainly(make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, trusted=False)
    page = client.sign_in(client.open(proxy.origin + "/"), "sasha", "sasha-password")
    page = client.consent(page, agree=False)
    assert_page(page, 403, "declined")
    assert "/oauth2/" in page.text and not upstream.received


# Callbacks that do not fit


def test_a_code_is_good_for_one_callback(proxy, gitlab, client):
    callback = callback_of(client, gitlab, start(client, proxy))
    assert session_is_set(client.navigate(callback))
    again = client.navigate(callback)
    assert again.status in (302, 303) and again.location.startswith(proxy.origin), "a session exists: go on"
    assert gitlab.requests.count(endpoint="token", status=200) == 1


def test_a_victim_cannot_finish_somebody_elses_flow(proxy, gitlab, make_client):
    attacker, victim = make_client(), make_client()
    callback = callback_of(attacker, gitlab, start(attacker, proxy))
    reply = victim.navigate(callback)
    assert not session_is_set(reply)
    assert reply.status in (302, 303) and reply.location.startswith(gitlab.url), "the login starts anew"
    assert gitlab.requests.count(endpoint="token") == 0


def test_a_forged_state_restarts_the_login(proxy, gitlab, client):
    callback = callback_of(client, gitlab, start(client, proxy))
    state = parameters(callback)["state"]
    for forged in (state[:-1] + ("A" if state[-1] != "A" else "B"), "x", "", "%00", "a" * 5000):
        reply = client.navigate(proxy.origin + "/oauth2/callback?code=abc&state=" + forged)
        assert not session_is_set(reply) and reply.status in (302, 303, 400, 403), reply.status
    assert gitlab.requests.count(endpoint="token") == 0


@pytest.mark.parametrize(
    "query",
    ["code=a&code=b&state=S", "code=a&state=S&state=S", "error=a&error=b&state=S", "code=a&error=b&state=S"],
)
def test_repeated_parameters_are_refused(proxy, gitlab, client, query):
    state = parameters(start(client, proxy))["state"]
    reply = client.navigate(proxy.origin + "/oauth2/callback?" + query.replace("S", state))
    assert_page(reply, 400)
    assert gitlab.requests.count(endpoint="token") == 0


def test_errors_from_gitlab_are_shown_without_their_text(proxy, client):
    state = parameters(start(client, proxy))["state"]
    marker = "cuckoo%3Cscript%3E"
    reply = client.navigate(
        f"{proxy.origin}/oauth2/callback?error={marker}&error_description={marker}&state={state}"
    )
    assert_page(reply, 403)
    assert "cuckoo" not in reply.text


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "other"},
        {"nonce": None},
        {"aud": "other"},
        {"iss": "https://evil.example"},
        {"sub": "1"},
        {"exp": 1},
    ],
)
def test_an_id_token_that_does_not_fit(proxy, gitlab, upstream, client, claims):
    gitlab.settings.id_token_claims = claims
    reply = client.navigate(callback_of(client, gitlab, start(client, proxy)))
    assert_page(reply, 403, "sign-in failed")
    assert not session_is_set(reply) and not upstream.received


def test_a_user_of_hundreds_of_groups(proxy, gitlab, client):
    groups = [f"company/department-{number}/team-of-that-department" for number in range(700)]
    gitlab.settings.id_token_claims = {"groups_direct": groups}
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200


def test_wrong_client_secret_is_an_operators_matter(make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, CLIENT_SECRET="gloas-wrong")
    assert_page(client.navigate(callback_of(client, gitlab, start(client, proxy))), 502, "not set up correctly")


def test_a_browser_without_cookies_is_told(proxy, gitlab, client):
    client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    reply = client.navigate(proxy.origin + "/")
    for _ in range(12):
        for cookie in client.cookies_of(proxy.name):
            del client.cookies[(cookie.host, cookie.path, cookie.name)]
        target = reply.location or reply.script_location()
        if not target:
            break
        reply = client.navigate(target)
    assert_page(reply, 403, "cookies")


# Return targets


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/%09/evil.example",
        "/%2f/evil.example/../..",
        "javascript:alert(1)",
        "/ok%0d%0aSet-Cookie:x=1",
        "/oauth2/sign_out",
        "x" * 9000,
    ],
)
def test_return_targets_stay_here(proxy, gitlab, client, target):
    client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    for raw in (urllib.parse.quote(target, safe=""), urllib.parse.quote(target, safe="/:\\%")):
        for name in ("rd", "return_to"):
            first = client.navigate(f"{proxy.origin}/oauth2/start?{name}={raw}")
            if first.status not in (302, 303):
                assert first.status in (400, 414), first.status
                continue
            reply = client.navigate(client.navigate(first.location).script_location())
            assert reply.status in (302, 303)
            parts = urllib.parse.urlsplit(reply.location)
            assert f"{parts.scheme}://{parts.netloc}" == proxy.origin, reply.location
            assert not parts.path.startswith(("//", "/\\", "/oauth2")), reply.location


# Cookies that we did not make


def test_changed_and_planted_cookies(proxy, signed_in, upstream):
    value = signed_in.cookie(SESSION).value
    count = len(upstream.requests)
    changed = [
        value[:i] + ("A" if value[i] != "A" else "B") + value[i + 1 :] for i in range(0, len(value) - 1, 7)
    ]
    for text in [*changed, "", "x", value + "A", value[:-4], value[4:], "A" * 4000]:
        reply = signed_in.request("GET", proxy.origin + "/", {"Cookie": f"{SESSION}={text}"}, cookies=False)
        assert reply.status == 401, text
    assert len(upstream.requests) == count
    both = f"{SESSION}=planted; other=1; {SESSION}={value}"
    assert signed_in.request("GET", proxy.origin + "/", {"Cookie": both}, cookies=False).status == 200
    assert upstream.requests[-1].get("Cookie") == "other=1"


def test_a_cookie_of_another_workspace(make_proxy, gitlab, upstream, make_client):
    secret = new_cookie_secret()
    first, second = (make_proxy(gitlab, upstream, COOKIE_SECRET=secret) for _ in range(2))
    client = make_client()
    client.login(first.origin + "/", "sasha", "sasha-password")
    cookie = f"{SESSION}={client.cookie(SESSION).value}"
    reply = client.request("GET", second.origin + "/", {"Cookie": cookie}, cookies=False)
    assert reply.status == 401


def test_a_restart_leads_to_a_silent_login(make_proxy, gitlab, upstream, client):
    secret = new_cookie_secret()
    first = make_proxy(gitlab, upstream, COOKIE_SECRET=secret)
    client.login(first.origin + "/", "sasha", "sasha-password")
    first.check_end()
    second = make_proxy(gitlab, upstream, COOKIE_SECRET=secret)
    page = client.open(second.origin + "/again")  # another port is the same host to cookies
    assert (page.status, page.url) == (200, second.origin + "/again")
