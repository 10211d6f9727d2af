# SPDX-License-Identifier: Apache-2.0
"""The stand-in for GitLab: git over HTTP, faults that a test switches on, and its control endpoint."""

import base64
import gzip
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time

import gitlab as gitlab_package
import pytest
from proxy import is_sanitized
from test_gitlab_standin import REDIRECT, application, bearer, error_of, graphql, refresh, tokens  # noqa: F401

pytestmark = pytest.mark.skipif(is_sanitized(), reason="our program has no part in it")


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
