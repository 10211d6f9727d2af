# SPDX-License-Identifier: Apache-2.0
"""The stand-in GitLab keeps to GitLab's contract: what the proxy is tested against must be true."""

import base64
import concurrent.futures
import hashlib
import json
import urllib.parse

import pytest
from proxy import is_sanitized

pytestmark = pytest.mark.skipif(is_sanitized(), reason="our program has no part in it")

REDIRECT = "https://ws.localhost:8443/oauth2/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCOPES = "openid read_user read_api write_repository"


def authorize_url(gitlab, application, **changes):
    values = {
        "client_id": application.uid,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "state": "st&te",
        "scope": SCOPES,
        "nonce": "the-nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return f"{gitlab.url}/oauth/authorize?" + urllib.parse.urlencode(
        {k: v for k, v in values.items() if v is not None}
    )


def get_code(gitlab, client, application, user="sasha", **changes):
    page = client.open(f"{gitlab.url}/users/sign_in")
    client.sign_in(page, user, f"{user}-password")
    page = client.navigate(authorize_url(gitlab, application, **changes))
    target = page.script_location()
    return urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)["code"][0]


def post(client, url, fields, headers=None):
    body = urllib.parse.urlencode(fields)
    return client.request(
        "POST",
        url,
        {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})},
        body,
        cookies=False,
    )


def exchange(gitlab, client, application, the_code, **changes):
    fields = {
        "grant_type": "authorization_code",
        "client_id": application.uid,
        "client_secret": application.secret,
        "code": the_code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **changes,
    }
    return post(client, f"{gitlab.url}/oauth/token", {k: v for k, v in fields.items() if v is not None})


def refresh(gitlab, client, application, token, **changes):
    fields = {
        "grant_type": "refresh_token",
        "client_id": application.uid,
        "client_secret": application.secret,
        "refresh_token": token,
        **changes,
    }
    return post(client, f"{gitlab.url}/oauth/token", {k: v for k, v in fields.items() if v is not None})


def bearer(client, url, token, method="GET", body=None, **headers):
    return client.request(method, url, {"Authorization": f"Bearer {token}", **headers}, body, cookies=False)


def error_of(reply):
    return reply.status, reply.json()["error"]


def claims_of(jwt):
    return json.loads(base64.urlsafe_b64decode(jwt.split(".")[1] + "=="))


@pytest.fixture
def application(gitlab):
    return gitlab.add_application(REDIRECT)


@pytest.fixture
def tokens(gitlab, client, application):
    return exchange(gitlab, client, application, get_code(gitlab, client, application)).json()


# Authorize


def test_authorize_leads_through_sign_in_and_back(gitlab, client, application):
    first = client.navigate(authorize_url(gitlab, application))
    assert (first.status, first.location) == (302, f"{gitlab.url}/users/sign_in")
    page = client.follow(first)
    assert "Sign in" in page.text
    wrong = client.submit(page, page.forms()[0], **{"user[login]": "sasha", "user[password]": "no"})
    assert wrong.status == 422 and "Invalid login or password" in wrong.text
    answer = client.submit(
        wrong, wrong.forms()[0], **{"user[login]": "sasha", "user[password]": "sasha-password"}
    )
    assert answer.location == authorize_url(gitlab, application)


def test_trusted_application_gets_200_and_a_script(gitlab, client, application):
    client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    page = client.navigate(authorize_url(gitlab, application))
    assert page.status == 200 and page.location is None
    target = urllib.parse.urlsplit(page.script_location())
    assert f"{target.scheme}://{target.netloc}{target.path}" == REDIRECT
    answer = urllib.parse.parse_qs(target.query)
    assert answer["state"] == ["st&te"] and len(answer["code"][0]) == 64


def test_untrusted_application_asks_every_time(gitlab, client):
    application = gitlab.add_application(REDIRECT, trusted=False)
    client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    for _ in range(2):
        page = client.navigate(authorize_url(gitlab, application))
        assert page.status == 200 and page.script_location() is None
        form = next(f for f in page.forms() if "_method" not in f.fields)
        answer = client.submit(page, form)
        assert answer.status == 302 and answer.location.startswith(REDIRECT + "?code=")


def test_denied_consent_comes_back_as_an_error(gitlab, client):
    application = gitlab.add_application(REDIRECT, trusted=False)
    client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    page = client.navigate(authorize_url(gitlab, application))
    answer = client.submit(page, page.form(_method="delete"))
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.location).query)
    assert answer.status == 302 and query["error"] == ["access_denied"] and query["state"] == ["st&te"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "unknown"},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": REDIRECT + "?x=1"},
        {"scope": SCOPES + " sudo"},
        {"response_type": "token"},
        {"code_challenge_method": None},
        {"code_challenge_method": "S512"},
    ],
)
def test_bad_authorize_requests_stay_on_gitlabs_page(gitlab, client, application, changes):
    client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    page = client.navigate(authorize_url(gitlab, application, **changes))
    assert page.status == 200 and page.location is None and page.script_location() is None
    assert "An error has occurred" in page.text


# Token


def test_code_buys_tokens_once(gitlab, client, application):
    code = get_code(gitlab, client, application)
    answer = exchange(gitlab, client, application, code)
    assert answer.status == 200 and "no-store" in answer.get("Cache-Control")
    document = answer.json()
    assert (
        document["token_type"] == "Bearer" and document["expires_in"] == 7200 and document["scope"] == SCOPES
    )
    claims = claims_of(document["id_token"])
    assert (
        claims["iss"] == gitlab.url
        and claims["sub"] == str(gitlab.sasha.id)
        and claims["aud"] == application.uid
    )
    assert claims["exp"] - claims["iat"] == 120 and claims["nonce"] == "the-nonce"
    assert error_of(exchange(gitlab, client, application, code)) == (400, "invalid_grant")
    assert bearer(client, f"{gitlab.url}/api/v4/user", document["access_token"]).status == 200


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"redirect_uri": REDIRECT + "/"}, (400, "invalid_grant")),
        ({"code_verifier": "w" * 64}, (400, "invalid_grant")),
        ({"code": "0" * 64}, (400, "invalid_grant")),
        ({"code": None}, (400, "invalid_request")),
        ({"redirect_uri": None}, (400, "invalid_request")),
        ({"code_verifier": None}, (400, "invalid_request")),
        ({"grant_type": None}, (400, "invalid_request")),
        ({"grant_type": "password2"}, (400, "unsupported_grant_type")),
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"client_secret": None}, (401, "invalid_client")),
        ({"client_id": "unknown"}, (401, "invalid_client")),
    ],
)
def test_token_errors(gitlab, client, application, changes, expected):
    code = get_code(gitlab, client, application)
    reply = exchange(gitlab, client, application, code, **changes)
    assert error_of(reply) == expected
    assert reply.json()["error_description"] and "Doorkeeper" in reply.get("WWW-Authenticate")
    assert exchange(gitlab, client, application, code).status == 200, "a failed try must not use the code up"


def test_code_of_another_client_and_expired_code(gitlab, client, application):
    other = gitlab.add_application(REDIRECT)
    code = get_code(gitlab, client, application)
    assert error_of(exchange(gitlab, client, other, code)) == (400, "invalid_grant")
    gitlab.settings.code_lifetime_s = 0
    assert error_of(exchange(gitlab, client, application, get_code(gitlab, client, application))) == (
        400,
        "invalid_grant",
    )


def test_basic_credentials_and_public_clients(gitlab, client, application):
    value = base64.b64encode(f"{application.uid}:{application.secret}".encode()).decode()
    fields = {
        "grant_type": "authorization_code",
        "code": get_code(gitlab, client, application),
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    assert (
        post(client, f"{gitlab.url}/oauth/token", fields, {"Authorization": f"Basic {value}"}).status == 200
    )
    public = gitlab.add_application(REDIRECT, confidential=False)
    assert exchange(gitlab, client, public, get_code(gitlab, client, public)).status == 200


def test_refresh_rotates_and_revokes_at_once(gitlab, client, application, tokens):
    answer = refresh(gitlab, client, application, tokens["refresh_token"])
    assert answer.status == 200
    new = answer.json()
    assert claims_of(new["id_token"])["sub"] == str(gitlab.sasha.id)
    dead = bearer(client, f"{gitlab.url}/api/v4/user", tokens["access_token"])
    assert dead.status == 401 and "revoked" in dead.json()["error_description"]
    assert error_of(refresh(gitlab, client, application, tokens["refresh_token"])) == (400, "invalid_grant")
    assert bearer(client, f"{gitlab.url}/api/v4/user", new["access_token"]).status == 200
    wider = refresh(gitlab, client, application, new["refresh_token"], scope="api")
    assert error_of(wider) == (400, "invalid_scope")
    assert refresh(gitlab, client, application, new["refresh_token"]).status == 200
    assert gitlab.requests.refreshes == 4


def test_of_concurrent_refreshes_one_wins(gitlab, make_client, application, tokens):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda _: refresh(gitlab, make_client(), application, tokens["refresh_token"]), range(8))
        )
    assert sorted(r.status for r in replies) == [200] + [400] * 7


def test_revoke_introspect_and_info(gitlab, client, application, tokens):
    credentials = {"client_id": application.uid, "client_secret": application.secret}
    info = bearer(client, f"{gitlab.url}/oauth/token/info", tokens["access_token"])
    assert info.json()["resource_owner_id"] == gitlab.sasha.id and info.json()["scopes"] == SCOPES.split()
    active = post(client, f"{gitlab.url}/oauth/introspect", {"token": tokens["access_token"], **credentials})
    assert active.json()["active"] is True and active.json()["client_id"] == application.uid
    assert post(client, f"{gitlab.url}/oauth/introspect", {"token": "x"}).status == 401
    bad = post(
        client, f"{gitlab.url}/oauth/revoke", {"token": tokens["access_token"], "client_id": "unknown"}
    )
    assert error_of(bad) == (403, "unauthorized_client")
    for token in (tokens["refresh_token"], "unknown"):
        reply = post(client, f"{gitlab.url}/oauth/revoke", {"token": token, **credentials})
        assert (reply.status, reply.json()) == (200, {})
    gone = bearer(client, f"{gitlab.url}/oauth/token/info", tokens["access_token"])
    assert error_of(gone) == (400, "invalid_request")
    inactive = post(
        client, f"{gitlab.url}/oauth/introspect", {"token": tokens["access_token"], **credentials}
    )
    assert inactive.json() == {"active": False}


def test_id_token_is_signed_by_the_published_key(gitlab, client, tokens, tmp_path):
    document = client.request("GET", f"{gitlab.url}/.well-known/openid-configuration").json()
    assert document["issuer"] == gitlab.url and document["token_endpoint"] == f"{gitlab.url}/oauth/token"
    (key,) = client.request("GET", document["jwks_uri"]).json()["keys"]
    numbers = {n: int.from_bytes(base64.urlsafe_b64decode(key[n] + "=="), "big") for n in "en"}
    signed, _, signature = tokens["id_token"].rpartition(".")
    value = pow(int.from_bytes(base64.urlsafe_b64decode(signature + "=="), "big"), numbers["e"], numbers["n"])
    assert value.to_bytes(256, "big").endswith(hashlib.sha256(signed.encode()).digest())


# APIs


def test_user_api_errors(gitlab, client, application, tokens):
    url = f"{gitlab.url}/api/v4/user"
    assert client.request("GET", url, cookies=False).status == 401
    assert bearer(client, url, "unknown").json() == {"message": "401 Unauthorized"}
    narrow = gitlab.add_token(gitlab.sasha, "openid")
    assert error_of(bearer(client, url, narrow.access)) == (403, "insufficient_scope")
    user = bearer(client, url, tokens["access_token"]).json()
    assert (user["id"], user["username"]) == (gitlab.sasha.id, "sasha")
    gitlab.expire_tokens("sasha")
    expired = bearer(client, url, tokens["access_token"])
    assert expired.status == 401 and expired.json()["error"] == "invalid_token"
    assert refresh(gitlab, client, application, tokens["refresh_token"]).status == 200
    gitlab.robin.blocked = True
    blocked = bearer(client, url, gitlab.add_token(gitlab.robin).access)
    assert blocked.status == 403 and blocked.json()["message"].startswith("403 Forbidden")


def graphql(client, gitlab, token, gid, query=None):
    query = query or (
        "query workspace($workspaceID: RemoteDevelopmentWorkspaceID!) {\n  currentUser { id username }\n"
        "  workspace(id: $workspaceID) { id name owner: user { id } }\n}"
    )
    body = json.dumps({"query": query, "variables": {"workspaceID": gid}})
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return client.request("POST", f"{gitlab.url}/api/graphql", headers, body, cookies=False)


def test_graphql_says_null_for_what_may_not_be_read(gitlab, client):
    workspace = gitlab.workspace
    sasha, robin = (
        gitlab.add_token(gitlab.sasha, "read_api").access,
        gitlab.add_token(gitlab.robin, "read_api").access,
    )
    data = graphql(client, gitlab, sasha, workspace.gid).json()["data"]
    assert data["currentUser"]["id"] == data["workspace"]["owner"]["id"] == gitlab.sasha.gid
    reply = graphql(client, gitlab, robin, workspace.gid)
    assert reply.status == 200 and reply.json()["data"]["workspace"] is None
    workspace.readers.add(gitlab.robin.id)
    data = graphql(client, gitlab, robin, workspace.gid).json()["data"]
    assert data["workspace"]["owner"]["id"] != data["currentUser"]["id"], "readable is not owned"
    workspace.hidden = True
    assert graphql(client, gitlab, sasha, workspace.gid).json()["data"]["workspace"] is None


def test_graphql_errors(gitlab, client):
    gid = gitlab.workspace.gid
    for token in ("unknown", gitlab.add_token(gitlab.sasha, "read_user").access):
        reply = graphql(client, gitlab, token, gid)
        assert reply.status == 401 and reply.json() == {"errors": [{"message": "Invalid token"}]}
    assert graphql(client, gitlab, None, gid).json()["data"] == {"currentUser": None, "workspace": None}
    token = gitlab.add_token(gitlab.sasha)
    assert graphql(client, gitlab, token.access, gid, "{ currentUser {").status == 422
    gitlab.settings.has_workspaces = False
    reply = graphql(client, gitlab, token.access, gid)
    assert reply.status == 200 and "doesn't exist" in reply.json()["errors"][0]["message"]
    gitlab.sasha.blocked = True
    assert graphql(client, gitlab, token.access, gid).status == 403


def test_project_and_members(gitlab, client):
    token, stranger = gitlab.add_token(gitlab.sasha).access, gitlab.add_token(gitlab.robin).access
    for key in (gitlab.project.id, "group%2Fdemo"):
        project = bearer(client, f"{gitlab.url}/api/v4/projects/{key}", token).json()
        assert project["permissions"]["project_access"]["access_level"] == 50
        assert bearer(client, f"{gitlab.url}/api/v4/projects/{key}", stranger).status == 404
    members = f"{gitlab.url}/api/v4/projects/{gitlab.project.id}/members/all"
    assert bearer(client, f"{members}/{gitlab.sasha.id}", token).json()["access_level"] == 50
    assert bearer(client, f"{members}/{gitlab.robin.id}", token).status == 404


def test_relative_root(make_gitlab, client):
    gitlab = make_gitlab(root="/gitlab")
    assert gitlab.url.endswith("/gitlab")
    page = client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    assert page.url == f"{gitlab.url}/" and "Hello, Sasha" in page.text
    assert client.request("GET", f"{gitlab.origin}/api/v4/user").status == 404
    token = gitlab.add_token(gitlab.sasha).access
    assert bearer(client, f"{gitlab.url}/api/v4/user", token).status == 200
    document = client.request("GET", f"{gitlab.url}/.well-known/openid-configuration").json()
    assert document["issuer"] == gitlab.url
