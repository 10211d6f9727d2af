# SPDX-License-Identifier: Apache-2.0
"""SSH for desktops: real clients through the proxy to a real sshd, and who may not."""

import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time

import proxy as proxy_module
import pytest
import ssh
import websocket
from proxy import PATIENCE_S, binary, is_sanitized, wait_until
from ssh import KEY, OK, SUBPROTOCOL, Container, LyingHelper, admin, ask

POLICY_VIOLATION = 1008
MUCH_MIB = int(os.environ.get("SSH_DATA_MIB", "100"))


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


def test_forwarding_as_vs_code_uses_it(laptop):
    """`ssh -T -D PORT HOST bash`, the server over a forwarded port; -L and -R as well."""
    laptop.write_config()
    script = (
        "import http.server, sys, threading\n"
        "s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
        "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
        "print('port', s.server_port, flush=True)\n"
        "sys.stdin.read()\n"  # until the connection ends
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["ssh", "-F", laptop.home / ".ssh" / "config", "-T", "-D", str(port), laptop.proxy.name, "bash"],
        env=laptop.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        process.stdin.write(f"exec /usr/bin/python3 -c \"{script}\" 2>/dev/null\n".encode())
        process.stdin.flush()
        served = re.search(rb"port (\d+)", ssh.read_until(process.stdout, rb"port \d+\n"))[1].decode()
        result = laptop.run("curl", "-s", "--socks5-hostname", f"127.0.0.1:{port}", f"http://127.0.0.1:{served}/")
        assert b"Directory listing" in result.stdout
    finally:
        process.kill()
        process.wait()


def test_paramiko(laptop):
    laptop.write_config()
    script = f"""
import paramiko
proxy = paramiko.ProxyCommand({f"{binary()} ssh --stdio {laptop.proxy.host}"!r})
client = paramiko.SSHClient()
client.load_host_keys({str(laptop.configuration / "known_hosts")!r})
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect({laptop.proxy.name!r}, username={laptop.user!r}, sock=proxy,
               key_filename={str(laptop.configuration / "id_ed25519")!r})
print(client.exec_command("echo hello")[1].read().decode())
"""
    result = laptop.run("/usr/bin/python3", "-c", script)
    assert "hello" in result.stdout.decode(), result.stderr


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
        ("ssh",), ("ssh", "-x"), ("ssh", "host", "command"), ("ssh-config",), ("ssh-config", "x", "y"),
    ]:
        assert computer.client(*words).returncode == 2, words
    for words in [("ssh", "kiwi.example.com"), ("ssh", "--stdio", "kiwi.example.com")]:
        result = computer.client(*words)
        assert result.returncode == 255 and b"run `workspace-proxy login kiwi.example.com`" in result.stderr


# Ends


def open_shell(laptop):
    """A remote `cat`, connected: (process, its bytes so far)."""
    process = subprocess.Popen(
        [binary(), "ssh", laptop.proxy.host, "--", "echo ready; cat"],
        env=laptop.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    ssh.read_until(process.stdout, rb"ready\n")
    return process


@pytest.mark.parametrize("how", ["sign out", "access withdrawn", "disconnect", "logout", "drain"])
def test_everything_that_ends_the_session_ends_the_shell(laptop, container, gitlab, how):
    process = open_shell(laptop)
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
    assert reply.status == 503 and reply.json()["message"] == "the SSH helper does not run in the workspace"
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
    sentence = "the SSH helper does not run in the workspace"

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


@pytest.mark.parametrize(
    "answer",
    [None, b"\n", b"ok\n", b"ok a b c\n", b"x" * 5000, b"ok co:der " + KEY.encode() + b"\n", b"problem \n",
     OK[:-1] + b" \x1b[31m\n", OK[:-1] + b"\r\nSet-Cookie: a=b\n"],
)
def test_a_helper_that_lies(proxy, container, token, answer):
    LyingHelper(container.socket, answer)
    reply = ask(proxy, token).response
    assert reply.status == 503 and reply.json()["message"] == "the SSH helper gave no valid answer"


def test_frames_and_their_ends(proxy, container, token):
    helper = LyingHelper(container.socket, OK + b"SSH-2.0-x\r\n")

    def opened():
        raw = ask(proxy, token)
        assert raw.response.status == 101 and raw.read_frame()[1] == b"SSH-2.0-x\r\n"
        return raw

    def close_code(raw):
        while (frame := raw.read_frame())[0] != websocket.CLOSE:
            pass
        assert raw.is_closed()
        return websocket.close_code(frame[1])

    raw = opened()
    peer = helper.connections[-1]
    data = os.urandom(70_000)
    whole = websocket.frame(websocket.BINARY, data[:10], mask=True, final=False)
    whole += websocket.frame(websocket.PING, b"hi", mask=True)
    whole += websocket.frame(websocket.CONTINUATION, data[10:], mask=True)
    for at in range(0, len(whole), 7919):
        raw.send(whole[at : at + 7919])
    received = b""
    while len(received) < len(data):
        received += peer.recv(65536)
    assert received == data and raw.read_frame() == (websocket.PONG, b"hi", True)
    peer.close()
    assert close_code(raw) == 1000
    for code, bad in [
        (1003, websocket.frame(websocket.TEXT, b"x", mask=True)),
        (1002, websocket.frame(websocket.BINARY, b"x")),
        (1002, websocket.frame(websocket.CONTINUATION, b"x", mask=True)),
        (1002, b"\xc2\x80\0\0\0\0"),
        (1002, b"\x83\x80\0\0\0\0"),
        (1002, b"\x09\x80\0\0\0\0"),
        (1002, websocket.frame(websocket.PING, b"x" * 126, mask=True)),
        (1002, b"\x82\xff" + b"\xff" * 12),
        (1002, b"\x82\xfe\0\x01" + b"\0" * 5),
        (1000, websocket.close(1000, mask=True)),
    ]:
        raw = opened()
        raw.send(bad)
        assert close_code(raw) == code, bad
        assert helper.connections[-1].recv(10) == b"", "the connection to the helper is closed"


def test_the_limit(make_proxy, gitlab, upstream, container, token):
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on", SSH_TUNNELS_MAX="2")
    LyingHelper(container.socket, OK)
    first, second = ask(proxy, token), ask(proxy, token)
    assert first.response.status == second.response.status == 101
    assert ask(proxy, token).response.status == 429
    first.close()
    wait_until(lambda: ask(proxy, token).response.status == 101)


def test_two_hundred_tunnels(make_proxy, gitlab, upstream, container, token):
    proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on", SSH_TUNNELS_MAX="200")
    helper = LyingHelper(container.socket, OK)
    tunnels = [ask(proxy, token) for _ in range(20)]  # what the first ones need, all have
    before = proxy.memory_kib()
    tunnels += [ask(proxy, token) for _ in range(180)]
    assert {raw.response.status for raw in tunnels} == {101}
    grown = (proxy.memory_kib() - before) / 180
    assert is_sanitized() or grown <= 20, f"{grown:.1f} KiB for each tunnel"
    for raw, peer in zip(tunnels, helper.connections):
        peer.sendall(b"SSH-2.0-x\r\n")
    assert all(raw.read_frame()[1] == b"SSH-2.0-x\r\n" for raw in tunnels)
    assert ask(proxy, token).response.status == 429
    for raw in tunnels:
        raw.close()


# Proxies in front


NGINX = """
daemon off; pid {directory}/pid; error_log {directory}/log; events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/a; proxy_temp_path {directory}/b;
    fastcgi_temp_path {directory}/c; uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {cert}; ssl_certificate_key {key};
        location / {{
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
frontend f
    bind 127.0.0.1:{port} ssl crt {directory}/both.pem
    default_backend b
backend b
    server s {upstream}
"""


@pytest.mark.parametrize("kind", ["nginx", "haproxy"])
def test_a_balancer_in_front(make_proxy, make_computer, gitlab, upstream, container, certificates, client, tmp_path, kind):
    """TLS ends there; the sidecar gets plain HTTP."""
    port = proxy_module.free_port()
    proxy = make_proxy(
        gitlab,
        upstream,
        EXTERNAL_URL=f"https://workspace.localhost:{port}",
        REDIRECT_URL=None,
        HTTP_ADDRESS="127.0.0.1:0",
        SSH_SOCKET=container.socket,
    )
    application = gitlab.add_application(f"https://workspace.localhost:{port}/oauth2/callback", trusted=True)
    assert proxy.stop() == 0
    proxy.settings["CLIENT_ID"], proxy.settings["CLIENT_SECRET"] = application.uid, application.secret
    proxy.start_again()
    host, plain = proxy.address("http")
    with open(certificates.cert) as cert, open(certificates.key) as key:
        (tmp_path / "both.pem").write_text(cert.read() + key.read())
    text = (NGINX if kind == "nginx" else HAPROXY).format(
        directory=tmp_path, port=port, cert=certificates.cert, key=certificates.key, upstream=f"{host}:{plain}"
    )
    (tmp_path / "conf").write_text(text)
    command = {"nginx": ["nginx", "-p", tmp_path, "-c"], "haproxy": ["haproxy", "-db", "-f"]}[kind]
    balancer = subprocess.Popen([*command, tmp_path / "conf"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: ssh.reaches(port))
        container.start()
        computer = make_computer(proxy)
        computer.log_in(client)
        size = 30 << 20
        command = f"{binary()} ssh {proxy.host} -- 'head -c {size} /dev/zero' | wc -c"
        assert int(computer.run("bash", "-c", command).stdout) == size
    finally:
        balancer.terminate()
        balancer.wait()


def test_through_a_forward_proxy(laptop):
    """HTTPS_PROXY, by CONNECT; a proxy that refuses is named."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked = []

    def serve():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            asked.append(head.split()[1].decode())
            other = socket.create_connection(laptop.proxy.address())
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for a, b in [(connection, other), (other, connection)]:
                threading.Thread(target=pump, args=(a, b), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    environment = {**laptop.environment, "HTTPS_PROXY": f"http://127.0.0.1:{listener.getsockname()[1]}"}
    command = [binary(), "ssh", laptop.proxy.host, "--", "echo through"]
    result = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S)
    assert result.stdout == b"through\n", result.stderr
    assert asked and set(asked) == {laptop.proxy.host}
    listener.close()


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    sink.close()


# Backpressure


def test_a_peer_that_stops_reading_costs_little(proxy, container, token):
    """Both ways: what one side does not take, the other is not asked for."""
    helper = LyingHelper(container.socket, OK)
    raw = ask(proxy, token)
    peer = helper.connections[-1]
    before = proxy.memory_kib()
    peer.settimeout(2)
    frame = websocket.frame(websocket.BINARY, bytes(1 << 16), mask=True)
    sent = 0
    raw.socket.settimeout(2)
    with pytest.raises(OSError):
        for _ in range(1000):
            raw.socket.sendall(frame)
            sent += len(frame)
    assert sent < 30 << 20 and (is_sanitized() or proxy.memory_kib() - before < 4096)
    other = ask(proxy, token)
    peer = helper.connections[-1]
    peer.settimeout(2)
    sent = 0
    with pytest.raises(OSError):
        for _ in range(1000):
            peer.sendall(bytes(1 << 16))
            sent += 1 << 16
    assert sent < 30 << 20 and (is_sanitized() or proxy.memory_kib() - before < 8192)
    other.close()
    raw.close()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_much_data_in_bounded_memory(laptop, direction):
    before = laptop.proxy.memory_kib()
    size = MUCH_MIB << 20
    line = "".join(chr(65 + i * 7 % 26) for i in range(9973))  # of no length that buffers have
    digest = hashlib.sha256()
    text = line.encode() + b"\n"
    for _ in range(size // len(text)):
        digest.update(text)
    digest.update(text[: size % len(text)])
    if direction == "down":
        command = f"{binary()} ssh {laptop.proxy.host} -- 'yes {line} | head -c {size}' | sha256sum"
    else:
        command = f"yes {line} | head -c {size} | {binary()} ssh {laptop.proxy.host} -- sha256sum"
    result = laptop.run("bash", "-c", command, timeout=PATIENCE_S * max(1, MUCH_MIB // 200))
    assert result.stdout.decode().split()[0] == digest.hexdigest(), result.stderr
    if not is_sanitized():  # which keeps what was freed
        assert laptop.proxy.memory_kib() - before < 6144


def test_a_stopped_client_goes_on(laptop, container):
    process = open_shell(laptop)
    (sshd, *_) = container.children()
    for pid in (process.pid, sshd):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(pid, signal.SIGCONT)
    process.stdin.write(b"still here\n")
    process.stdin.flush()
    ssh.read_until(process.stdout, rb"still here\n")
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0


def test_keep_alives_are_no_activity(proxy, container, token):
    LyingHelper(container.socket, OK)
    raw = ask(proxy, token)
    idle = lambda: admin(proxy, "/activity")["idle_s"]  # noqa: E731
    wait_until(lambda: idle() >= 1)
    for _ in range(5):
        raw.send(websocket.frame(websocket.BINARY, bytes(100), mask=True))
    raw.send(websocket.frame(websocket.PING, b"1", mask=True))
    assert raw.read_frame()[0] == websocket.PONG
    assert idle() >= 1
    raw.send(websocket.frame(websocket.BINARY, bytes(3000), mask=True))
    wait_until(lambda: idle() == 0)
    raw.close()

