# SPDX-License-Identifier: Apache-2.0
"""The stand-in GitLab keeps to GitLab's contract: what the proxy is tested against must be true."""

import base64
import concurrent.futures
import gzip
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse

import gitlab as gitlab_package
import pytest

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


# Git


def refs(client, gitlab, token=None, path="group/demo.git", service="git-upload-pack", method="GET"):
    headers = {}
    if token:
        headers["Authorization"] = "Basic " + base64.b64encode(f"oauth2:{token}".encode()).decode()
    return client.request(method, f"{gitlab.url}/{path}/info/refs?service={service}", headers, cookies=False)


def test_git_statuses(gitlab, client):
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    gitlab.add_project("group/open", gitlab.sasha, visibility="public")
    anonymous = refs(client, gitlab)
    assert anonymous.status == 401 and anonymous.get("WWW-Authenticate") == 'Basic realm="GitLab"'
    assert "HTTP Basic: Access denied" in anonymous.text
    assert refs(client, gitlab, path="group/none.git").status == 401
    assert refs(client, gitlab, "wrong").status == 401
    assert refs(client, gitlab, "wrong", path="group/open.git").status == 401, "no anonymous fallback"
    assert refs(client, gitlab, path="group/open.git").status == 200
    assert refs(client, gitlab, token).status == 200
    assert refs(client, gitlab, token, path="group/none.git").status == 404
    assert refs(client, gitlab, gitlab.add_token(gitlab.robin).access).status == 404
    assert refs(client, gitlab, gitlab.add_token(gitlab.sasha, "read_user").access).status == 403
    assert refs(client, gitlab, token, service="git-receive-pack").status == 403
    assert refs(client, gitlab, token, method="HEAD").status == 403
    moved = refs(client, gitlab, token, path="group/demo")
    assert (moved.status, moved.location) == (
        301,
        f"{gitlab.url}/group/demo.git/info/refs?service=git-upload-pack",
    )
    assert (
        bearer(client, f"{gitlab.url}/group/demo.git/info/refs?service=git-upload-pack", token).status == 401
    )


def git(*arguments, certificates, **options):
    environment = {
        "PATH": "/usr/bin:/bin",
        "GIT_SSL_CAINFO": certificates.ca,
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": "/nonexistent",
    }
    return subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, timeout=60, **options
    )


def test_clone_and_push(gitlab, certificates, tmp_path):
    token = gitlab.add_token(gitlab.sasha, "write_repository").access
    project = gitlab.add_project("group/many", gitlab.sasha, files=200, commits=50)
    url = gitlab.git_url(project).replace("https://", f"https://oauth2:{token}@")
    copy = tmp_path / "copy"
    assert git("clone", "-q", url, str(copy), certificates=certificates).returncode == 0
    count = git("-C", str(copy), "rev-list", "--count", "HEAD", certificates=certificates).stdout
    assert count.strip() == "50"
    big = copy / "big.bin"  # larger than git's http.postBuffer: a chunked request body
    big.write_bytes(bytes(hashlib.shake_256(b"x").digest(3 << 20)))
    who = ("-c", "user.name=Sasha", "-c", "user.email=sasha@example.com")
    git("-C", str(copy), "add", ".", certificates=certificates)
    git("-C", str(copy), *who, "commit", "-qm", "Add", certificates=certificates)
    pushed = git("-C", str(copy), "push", "-q", "origin", "main", certificates=certificates)
    assert pushed.returncode == 0, pushed.stderr
    assert (
        git(
            "clone", "-q", "--depth", "1", url, str(tmp_path / "shallow"), certificates=certificates
        ).returncode
        == 0
    )


def test_gzip_request_body(gitlab, client):
    token = gitlab.add_token(gitlab.sasha).access
    listing = refs(client, gitlab, token)
    commit = listing.text.split("\n")[1][8:48]
    line = f"want {commit}\n"
    body = f"{len(line) + 4:04x}{line}00000009done\n".encode()
    headers = {
        "Authorization": "Basic " + base64.b64encode(f"x:{token}".encode()).decode(),
        "Content-Type": "application/x-git-upload-pack-request",
        "Content-Encoding": "gzip",
    }
    url = f"{gitlab.url}/group/demo.git/git-upload-pack"
    answer = client.request("POST", url, headers, gzip.compress(body), cookies=False)
    assert answer.status == 200 and b"PACK" in answer.body


# Faults and the control endpoint


def test_status_and_rate_limit_faults(gitlab, client):
    url, token = f"{gitlab.url}/api/v4/user", gitlab.add_token(gitlab.sasha).access
    gitlab.faults.add("user", status=429, retry_after_s=7, times=1, skip=1)
    assert bearer(client, url, token).status == 200
    limited = bearer(client, url, token)
    assert (limited.status, limited.get("Retry-After"), limited.text.strip()) == (429, "7", "Retry later")
    assert limited.get("RateLimit-Remaining") == "0"
    assert bearer(client, url, token).status == 200
    gitlab.faults.add("*", status=503)
    assert bearer(client, url, token).status == 503
    assert graphql(client, gitlab, token, "x").status == 503
    gitlab.faults.clear()
    assert bearer(client, url, token).status == 200


def test_body_faults(gitlab, client):
    url, token = f"{gitlab.url}/api/v4/user", gitlab.add_token(gitlab.sasha).access
    gitlab.faults.add("user", invalid_json=True, times=1)
    gitlab.faults.add("user", huge_bytes=1 << 20, times=1)
    with pytest.raises(ValueError):
        bearer(client, url, token).json()
    assert len(bearer(client, url, token).body) > 1 << 20


def test_cut_answer_still_rotates(gitlab, client, application, tokens):
    gitlab.faults.add("token", cut_after=0, times=1)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        refresh(gitlab, client, application, tokens["refresh_token"])
    assert error_of(refresh(gitlab, client, application, tokens["refresh_token"])) == (400, "invalid_grant")
    gitlab.faults.add("user", cut_after=150, times=1)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        bearer(client, f"{gitlab.url}/api/v4/user", gitlab.add_token(gitlab.sasha).access)


def test_stall_and_delay(gitlab, make_client):
    client = make_client(timeout=0.4)
    url, token = f"{gitlab.url}/api/v4/user", gitlab.add_token(gitlab.sasha).access
    gitlab.faults.add("user", stall_after=40, times=1)
    gitlab.faults.add("user", delay_s=30, times=1)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            bearer(client, url, token)
    assert bearer(client, url, token).status == 200


def test_git_bandwidth(gitlab, client):
    project = gitlab.add_project("group/slow", gitlab.sasha, files={"f": "x y\n" * 10})
    token = gitlab.add_token(gitlab.sasha).access
    gitlab.settings.git_bytes_per_s = 1000
    started = time.monotonic()
    assert refs(client, gitlab, token, path=project.path + ".git").status == 200
    assert time.monotonic() - started > 0.2


def control(gitlab, client, method, name, document=None):
    headers = {"Content-Type": "application/json"} if document is not None else {}
    body = json.dumps(document) if document is not None else None
    return client.request(method, f"{gitlab.url}/-/stand-in/{name}", headers, body)


def test_control_endpoint(gitlab, client):
    assert control(gitlab, client, "POST", "faults", {"endpoint": "user", "status": 500}).json() == {"id": 1}
    assert bearer(client, f"{gitlab.url}/api/v4/user", "x").status == 500
    assert control(gitlab, client, "GET", "faults").json()[0]["status"] == 500
    control(gitlab, client, "DELETE", "faults")
    assert bearer(client, f"{gitlab.url}/api/v4/user", "x").status == 401
    control(gitlab, client, "POST", "settings", {"token_lifetime_s": 5})
    control(gitlab, client, "POST", "users", {"username": "robin", "blocked": True})
    control(gitlab, client, "POST", "workspaces", {"id": gitlab.workspace.id, "hidden": True})
    assert gitlab.settings.token_lifetime_s == 5 and gitlab.robin.blocked and gitlab.workspace.hidden
    assert control(gitlab, client, "POST", "faults", {"endpoint": "x", "no_such": 1}).status == 400
    assert control(gitlab, client, "POST", "settings", {"no_such": 1}).status == 400
    assert client.request("POST", f"{gitlab.url}/-/stand-in/faults", {}, "endpoint=user").status == 400
    gitlab.control_is_on = False
    assert control(gitlab, client, "GET", "state").status == 404


def test_request_log_has_names_and_no_values(gitlab, client, application, tokens):
    (entry,) = gitlab.requests.all(endpoint="token")
    expected = ["client_id", "client_secret", "code", "code_verifier", "grant_type", "redirect_uri"]
    assert entry.form == expected and entry.grant_type == "authorization_code" and entry.user == "sasha"
    text = json.dumps([e.as_dict() for e in gitlab.requests.all()])
    assert not [s for s in gitlab.secrets() if s in text]


def test_silent_connections_hold_nobody_up(gitlab, client):
    idle = [socket.create_connection(("127.0.0.1", gitlab.port)) for _ in range(20)]
    assert bearer(client, f"{gitlab.url}/api/v4/user", "x").status == 401
    for connection in idle:
        connection.close()


def test_as_a_program(certificates, client):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(gitlab_package.__file__))}
    arguments = ["--name", "localhost", "--tls-cert", certificates.cert, "--tls-key", certificates.key]
    arguments += [
        "--root",
        "/gitlab",
        "--user",
        "kim:pass:word",
        "--user",
        "lee:x",
        "--redirect-uri",
        REDIRECT,
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "gitlab", *arguments], env=environment, stdout=subprocess.PIPE
    ) as process:
        try:
            said = json.loads(process.stdout.readline())
            assert said["url"].endswith("/gitlab") and sorted(said["users"]) == ["kim", "lee"]
            assert bearer(client, f"{said['url']}/api/v4/user", said["token"]).json()["username"] == "kim"
            page = client.login(f"{said['url']}/users/sign_in", "kim", "pass:word")
            assert "Hello, Kim" in page.text
            state = client.request("GET", f"{said['url']}/-/stand-in/state").json()
            assert state["workspaces"][0]["id"] == said["workspace_id"]
        finally:
            process.terminate()
    assert process.returncode == 0
