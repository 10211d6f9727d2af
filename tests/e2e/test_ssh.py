# SPDX-License-Identifier: Apache-2.0
"""SSH for desktops: real clients through the proxy to a real sshd, and who may not."""

import base64
import json
import os
import re
import signal
import stat

import pytest
import ssh
import websocket
from proxy import PATIENCE_S, binary, is_sanitized, wait_until
from ssh import KEY, SUBPROTOCOL, Container, admin, ask

POLICY_VIOLATION = 1008


@pytest.fixture
def proxy(make_proxy, gitlab, upstream, container):
    return make_proxy(
        gitlab,
        upstream,
        SSH_SOCKET=container.socket,
        API_TOKENS="on",
        AUTHORIZATION_INTERVAL="1s",
        AUTHORIZATION_GRACE="5s",
    )


@pytest.fixture
def computer(make_computer, proxy):
    return make_computer(proxy)


@pytest.fixture
def laptop(container, computer, client):
    """A computer that was let in, and its browser as computer.browser."""
    container.start(PATH=os.environ["PATH"], SECRET_TOKEN="canary", VSCODE_PROXY_URI="https://{{port}}-kiwi/")
    computer.browser = client
    computer.log_in(client)
    return computer


# Real clients


def test_a_command_a_shell_and_its_exit_code(laptop, container):
    result = laptop.ssh("echo $((6 * 7)); id -un; exit 3")
    assert result.returncode == 3, result.stderr
    assert result.stdout.decode().split() == ["42", container.user]
    result = laptop.client("ssh", laptop.proxy.host, "echo", "in")  # as with ssh itself
    assert result.stdout == b"in\n", result.stderr
    shell = laptop.client("ssh", laptop.proxy.host, "--", "-tt", "tty; stty size; exit", input=b"")
    if container.is_root:
        assert re.search(rb"/dev/pts/\d+", shell.stdout), (shell.stdout, shell.stderr)


def test_no_secret_of_the_container_and_no_key_is_left(laptop, container):
    environment = laptop.ssh("env").stdout.decode()
    assert "canary" not in environment and "VSCODE_PROXY_URI=https://{{port}}-kiwi/" in environment
    wait_until(lambda: not container.children() and not container.keys())


def test_what_is_stored_is_private_and_no_gitlab_token(laptop, gitlab):
    directory = laptop.configuration
    (stored,) = (directory / "hosts").iterdir()
    document = json.loads(stored.read_text())
    assert document["token"].startswith("wsd1.") and document["user"]
    for path in [stored, directory / "id_ed25519"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for issued in gitlab.state.tokens:
        assert issued.access not in stored.read_text()


def test_sftp_scp_rsync_and_git_by_ssh_config(laptop, container, tmp_path):
    config = laptop.write_config()
    assert laptop.write_config().read_text() == config.read_text(), "twice is once"
    name = laptop.proxy.name
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(300_000))
    assert laptop.tool("scp", source, f"{name}:one").returncode == 0
    assert laptop.tool("scp", f"{name}:one", back).returncode == 0
    assert back.read_bytes() == source.read_bytes()
    result = laptop.tool("sftp", "-b", "-", name, input=f"put {source} two\nls\n".encode())
    assert result.returncode == 0 and b"two" in result.stdout, result.stderr
    rsync = laptop.run("rsync", "-a", "-e", f"ssh -F {config}", f"{source}", f"{name}:three")
    assert rsync.returncode == 0, rsync.stderr
    assert laptop.tool("ssh", name, "cmp one two && cmp two three && git init -q --bare repo").returncode == 0
    clone = laptop.run(
        "git", "-c", f"core.sshCommand=ssh -F {config}", "clone", "-q", f"{name}:repo", tmp_path / "clone"
    )
    assert clone.returncode == 0, clone.stderr


def test_the_host_key_is_never_trusted_on_first_use(laptop, container):
    """known_hosts comes from the authenticated answer; another key on the wire is refused."""
    known = laptop.configuration / "known_hosts"
    assert laptop.ssh("true").returncode == 0
    public = open(os.path.join(container.private, "host_key.pub")).read().split()
    assert known.read_text().split() == [laptop.proxy.host, *public[:2]]
    other = KEY.replace("AAAAIGHb", "AAAAIGHc")
    with open(os.path.join(container.private, "host_key.pub"), "w") as file:
        file.write(other)
    container.process.send_signal(signal.SIGTERM)
    container.process.wait()
    os.unlink(container.socket) if os.path.exists(container.socket) else None
    container.start()
    result = laptop.ssh("true")
    assert result.returncode == 255 and b"HOST IDENTIFICATION HAS CHANGED" in result.stderr.upper()


def test_ssh_config_for_a_zone(computer):
    """Workspaces that were not logged in to yet; the file keeps what the user wrote."""
    own = computer.home / ".ssh" / "config"
    own.parent.mkdir()
    own.write_text("Host other\n    User me\n")
    printed = computer.client("ssh-config", "ws.example.com").stdout.decode()
    assert "Host *.ws.example.com\n    User gitlab-workspaces\n" in printed and not (own.parent / "x").exists()
    for _ in range(2):
        assert computer.client("ssh-config", "ws.example.com", "--write").returncode == 0
    include, empty, *rest = own.read_text().splitlines()
    assert include.startswith("Include ") and not empty and rest == ["Host other", "    User me"]
    effective = computer.run("ssh", "-F", own, "-G", "kiwi.ws.example.com").stdout.decode()
    for line in ["user gitlab-workspaces", "stricthostkeychecking true", "identitiesonly yes"]:
        assert line in effective, effective
    assert f"proxycommand {binary()} ssh --stdio %h\n" in effective
    refused = computer.client("ssh-config", "ws.example.com:8443")
    assert refused.returncode == 1 and b"without a port" in refused.stderr


def test_wrong_command_lines(computer):
    for words in [
        ("login",), ("login", "-x"), ("login", "a b"), ("login", "x.example", "--nonsense"), ("logout",),
        ("ssh",), ("ssh", "-x"), ("ssh-config",), ("ssh-config", "x", "y"),
    ]:
        assert computer.client(*words).returncode == 2, words
    for words in [("ssh", "kiwi.example.com"), ("ssh", "--stdio", "kiwi.example.com")]:
        result = computer.client(*words)
        assert result.returncode == 255 and b"run `workspace-proxy login kiwi.example.com`" in result.stderr


# Ends


@pytest.mark.parametrize("how", ["sign out", "access withdrawn", "disconnect", "logout", "drain"])
def test_everything_that_ends_the_session_ends_the_shell(laptop, container, gitlab, how):
    process = ssh.open_shell(laptop)
    browser, proxy = laptop.browser, laptop.proxy
    if how == "sign out":
        page = browser.navigate(proxy.origin + "/oauth2/sign_out")
        browser.submit(page, page.forms()[0])
    elif how == "access withdrawn":
        gitlab.state.workspaces[gitlab.workspace.id].owner = gitlab.alex
    elif how == "disconnect":
        page = browser.navigate(proxy.origin + "/oauth2/workspace")
        assert "Connect from your desktop" in page.text
        browser.submit(page, next(f for f in page.forms() if "end" in f.fields))
    elif how == "logout":
        assert laptop.client("logout", proxy.host).returncode == 0
    else:
        assert proxy.stop() == 0
    process.wait(PATIENCE_S)
    stderr = process.stderr.read().decode()
    assert process.returncode == 255
    assert ("stopping" if how == "drain" else "sign in again") in stderr, stderr
    wait_until(lambda: not container.children())
    if how not in ("access withdrawn", "drain"):
        again = laptop.ssh("true")
        assert again.returncode == 255 and b"workspace-proxy login" in again.stderr


def test_an_outage_of_gitlab_ends_the_shell_but_not_the_session(laptop, gitlab):
    process = ssh.open_shell(laptop)
    gitlab.faults.add("graphql", status=503)
    process.wait(PATIENCE_S)
    stderr = process.stderr.read().decode()
    assert process.returncode == 255 and "GitLab can't be reached to confirm access: try again later" in stderr, stderr
    gitlab.faults.clear()
    wait_until(lambda: laptop.ssh("true").returncode == 0, what="GitLab's answer")


def test_a_token_outlives_a_restart_with_its_session(make_proxy, gitlab, upstream, container, tmp_path, make_computer, client):
    state = tmp_path / "state"
    state.mkdir()
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, STATE_DIR=str(state))
    container.start()
    computer = make_computer(proxy)
    computer.log_in(client)
    assert proxy.stop() == 0
    proxy.start_again()
    assert computer.ssh("true").returncode == 0


def test_signing_in_again_keeps_devices(laptop):
    laptop.browser.open(laptop.proxy.origin + "/oauth2/start")
    assert laptop.ssh("true").returncode == 0


def test_without_a_browser_a_code_is_typed(container, computer, client):
    container.start()
    process = computer.start_login("--no-browser")
    line = process.stderr.readline()
    url, code = re.match(r"Open (\S+) in a browser and type (\w{4}-\w{4})$", line).groups()
    page = client.login(url, "sasha", "sasha-password")
    wrong = client.submit(page, page.forms()[0], code="BBBB-BBBB")
    assert "not known" in wrong.text
    question = client.submit(page, page.forms()[0], code=code.lower())
    assert "connect by SSH?" in question.text and "127.0.0.1" in question.text
    done = client.submit(question, question.forms()[0])
    assert "may connect" in done.text
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert computer.ssh("true").returncode == 0


def test_five_wrong_codes_end_all(container, computer, client, proxy):
    container.start()
    process = computer.start_login("--no-browser")
    url, code = re.match(r"Open (\S+) in a browser and type (\S+)", process.stderr.readline()).groups()
    page = client.login(url, "sasha", "sasha-password")
    for _ in range(5):
        client.submit(page, page.forms()[0], code="BBBBBBBB")
    assert "not known" in client.submit(page, page.forms()[0], code=code).text
    assert "expired" in process.communicate(timeout=PATIENCE_S)[1] and process.returncode == 1


# Who may not


def test_browsers_and_strangers_are_refused(proxy, container, token, client):
    container.start()
    for header in [("Origin", proxy.origin), ("Origin", "null"), ("Cookie", "a=b")]:
        assert ask(proxy, token, [header]).response.status == 403
    for bad in [None, "nonsense", "wsd1.", "wsd1." + "A" * 80, "wsd1." + "A" * 2000]:
        assert ask(proxy, bad).response.status == 401
    assert ask(proxy, token, method="POST", upgrade=False).response.status == 405
    for path in ["/oauth2/ssh/", "/oauth2//ssh", "/oauth2/%73sh", "/oauth2/ssh%2f"]:
        assert ask(proxy, token, path=path).response.status == 404
    assert ask(proxy, token, path="/oauth2/device/end", method="GET", upgrade=False).response.status == 405


def test_a_token_is_good_for_ssh_only(laptop):
    own = laptop.stored["token"]
    for path in ["/", "/oauth2/userinfo", "/oauth2/workspace"]:
        assert ask(laptop.proxy, own, path=path, upgrade=False).response.status == 401
    assert ask(laptop.proxy, own, upgrade=False).response.json()["available"] is True
    altered = own[:-2] + ("A" if own[-2] != "A" else "B") + own[-1]
    assert ask(laptop.proxy, altered, upgrade=False).response.status == 401


def test_ten_thousand_wrong_tokens(proxy, container, gitlab):
    """Nobody is asked about them, nothing is left of them."""
    container.start()
    descriptors = lambda: len(os.listdir(f"/proc/{proxy.process.pid}/fd"))  # noqa: E731
    before, memory = descriptors(), 0
    asked = gitlab.requests.count()
    with proxy.raw() as raw:
        for i in range(100):
            if i == 20:  # its code and buffers are in memory
                memory = proxy.memory_kib()
            requests = [
                f"GET /oauth2/ssh HTTP/1.1\r\nHost: {proxy.host}\r\nAuthorization: Bearer wsd1.{i}A{k}{'B' * 70}\r\n\r\n"
                for k in range(100)
            ]
            raw.send("".join(requests))
            assert {raw.read_response().status for _ in requests} == {401}
    wait_until(lambda: descriptors() <= before)
    assert gitlab.requests.count() == asked and (is_sanitized() or proxy.memory_kib() - memory < 512), (memory, proxy.memory_kib())


def test_gitlab_tokens_of_others_are_refused(proxy, container, gitlab):
    container.start()
    other = gitlab.add_token(gitlab.robin, "read_api read_user").access
    assert ask(proxy, other).response.status == 403


def test_what_a_handshake_must_have(proxy, container, token):
    container.start()
    version = ask(proxy, token, [("X", "y")], upgrade=False)
    assert version.response.status == 200 and version.response.json()["available"] is True

    def handshake(**changes):
        fields = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": websocket.new_key(),
            "Sec-WebSocket-Protocol": SUBPROTOCOL,
            "Workspace-Ssh-Key": KEY,
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        return ask(proxy, token, [f for f in fields.items() if f[1] is not None], upgrade=False).response

    assert handshake(Sec_WebSocket_Protocol=None).status == 426
    assert handshake(Sec_WebSocket_Protocol="chat").status == 426
    assert handshake(Sec_WebSocket_Version="8").status == 426
    refused = handshake(Sec_WebSocket_Key=None)
    assert refused.status in (400, 426)
    for bad in ["abc", base64.b64encode(b"x" * 15).decode(), base64.b64encode(b"x" * 17).decode(), "x" * 22, "x" * 5000]:
        reply = handshake(Sec_WebSocket_Key=bad)
        assert reply.status == 400 and "Sec-WebSocket-Key" in reply.json()["message"]
    for bad in [None, "", "ssh-rsa AAAA", KEY + "A", KEY[:-4], "ssh-ed25519", KEY.replace("I", "\x7f") and "x"]:
        reply = handshake(Workspace_Ssh_Key=bad)
        assert reply.status == 400 and "Workspace-Ssh-Key" in reply.json()["message"]
    good = handshake(Sec_WebSocket_Protocol=f"chat, {SUBPROTOCOL}")
    assert good.status == 101 and good.get("Sec-WebSocket-Protocol") == SUBPROTOCOL
    assert good.get("Workspace-Ssh-Host-Key").startswith("ssh-ed25519 AAAA")


def test_a_failed_device_login_gives_nothing(container, proxy, client):
    container.start()
    post = lambda path, body, **more: client.request(  # noqa: E731
        "POST", proxy.origin + path, {"Content-Type": "application/x-www-form-urlencoded", **more}, body, cookies=False
    )
    challenge = "A" * 43
    assert post("/oauth2/device/token", f"code={'x' * 43}&verifier={'y' * 43}").json()["error"] == "invalid_grant"
    assert post("/oauth2/device/token", "code=x").status == 400
    assert post("/oauth2/device/start", f"challenge={challenge}&name=a", Origin=proxy.origin).status == 403
    assert post("/oauth2/device", f"code=AAAA&name=a").status == 403
    for bad in ["challenge=x&name=a", f"challenge={challenge}&name=%00", f"challenge={challenge}&name={'a' * 65}"]:
        assert post("/oauth2/device/start", bad).status == 400
    for _ in range(4):
        assert post("/oauth2/device/start", f"challenge={challenge}&name=a").status == 200
    assert post("/oauth2/device/start", f"challenge={challenge}&name=a").status == 503
    pages = "port=1&challenge=x&state=y&name=z"
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert client.navigate(f"{proxy.origin}/oauth2/device?{pages}").status == 400
    assert client.fetch(f"{proxy.origin}/oauth2/device").status == 403
    query = f"port=80&challenge={challenge}&state=s&name=%3Cscript%3E"
    page = client.navigate(f"{proxy.origin}/oauth2/device?{query}")
    assert "<script>" not in page.text.split("</head>")[1] and "&lt;script&gt;" in page.text
    assert "form-action 'self' http://127.0.0.1:*" in page.get("Content-Security-Policy")


def test_it_is_off_by_default(make_proxy, gitlab, upstream, token):
    proxy = make_proxy(gitlab, upstream, API_TOKENS="on")
    for path in ["/oauth2/ssh", "/oauth2/device", "/oauth2/device/start", "/oauth2/device/token"]:
        assert ask(proxy, token, path=path, upgrade=False).response.status == 404


# Problems


def test_problems_have_a_sentence(proxy, container, token):
    reply = ask(proxy, token).response
    assert reply.status == 503 and reply.json()["message"] == "the SSH helper is not running in the workspace"
    assert reply.json()["error"] == "ssh_unavailable"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user without an account")
def test_a_user_without_an_account(make_proxy, gitlab, upstream, token):
    container = Container(account=False)
    try:
        proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on")
        container.start()
        reply = ask(proxy, token, upgrade=False).response
        assert reply.status == 200 and reply.json()["available"] is False
        assert "/etc/passwd" in reply.json()["problem"]
        assert ask(proxy, token).response.status == 503
    finally:
        container.stop()


def test_ready_and_the_status_page_name_the_problem(proxy, container, client):
    sentence = "the SSH helper is not running in the workspace"

    def problems():
        return {p["part"]: p["why"] for p in admin(proxy, "/ready")["problems"]}

    wait_until(lambda: problems().get("ssh") == sentence)
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert sentence in client.navigate(proxy.origin + "/oauth2/workspace").text
    container.start()
    wait_until(lambda: "ssh" not in problems())
    page = client.navigate(proxy.origin + "/oauth2/workspace").text
    assert sentence not in page
    link = re.search(r'href="(jetbrains-gateway:[^"]*)"', page).group(1)
    assert f"&amp;host={proxy.name}&amp;user={container.user}" in link
