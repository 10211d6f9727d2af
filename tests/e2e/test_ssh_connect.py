# SPDX-License-Identifier: Apache-2.0
"""workspace-connect, the client as a small program of its own; and its HTTPS, which the other program shares."""

import base64
import contextlib
import os
import pty
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from proxy import PATIENCE_S, is_sanitized
from ssh import KEY, OK, LyingHelper, connect_binary

LIBRARIES = {"linux-vdso.so", "libssl.so", "libcrypto.so", "libc.so", "ld-linux-x86-64.so", "ld-linux-aarch64.so"}


@pytest.fixture
def proxy(make_proxy, gitlab, upstream, container):
    return make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on")


@pytest.fixture
def computer(make_computer, proxy):
    return make_computer(proxy, program=connect_binary())


@pytest.mark.skipif(is_sanitized(), reason="sanitizers have libraries of their own")
def test_it_needs_openssl_alone():
    listed = subprocess.run(["ldd", connect_binary()], capture_output=True, text=True, check=True).stdout
    names = {re.sub(r"\.\d+$", "", os.path.basename(line.split()[0])) for line in listed.splitlines()}
    assert names <= LIBRARIES, names


def test_all_of_it(container, computer, proxy, client, tmp_path):
    container.start()
    assert f"Try: workspace-connect ssh {proxy.host}" in computer.log_in(client)
    result = computer.ssh("echo $0; exit 3")
    assert result.returncode == 3 and result.stdout.strip(), result.stderr
    config = computer.write_config().read_text()
    assert config.startswith("Include ")
    assert f"ProxyCommand {connect_binary()} ssh --stdio" in (computer.configuration / "ssh_config").read_text()
    (tmp_path / "notes").write_text("from the laptop")
    assert computer.tool("scp", tmp_path / "notes", f"{proxy.name}:notes").returncode == 0
    assert computer.tool("ssh", proxy.name, "cat notes").stdout == b"from the laptop"
    assert computer.client("logout", proxy.host).returncode == 0
    result = computer.ssh("true")
    assert result.returncode == 255 and b"run `workspace-connect login " in result.stderr


def test_the_cipher_is_the_cheapest_and_may_be_another(container, computer, proxy, client):
    """TLS is around it already. What the user sets before our lines, or on the command line, counts."""
    container.start()
    computer.log_in(client)
    config = computer.write_config()
    for words, cipher in [((), b"aes128-gcm@openssh.com"), (("-c", "aes256-ctr"), b"aes256-ctr")]:
        for result in (computer.ssh("-v", *words, "true"), computer.tool("ssh", "-v", *words, proxy.name, "true")):
            assert result.returncode == 0 and b"server->client cipher: " + cipher in result.stderr, result.stderr
    config.write_text(f"Host {proxy.name}\n    Ciphers aes256-ctr\nHost *\n{config.read_text()}")
    assert b"server->client cipher: aes256-ctr" in computer.tool("ssh", "-v", proxy.name, "true").stderr


def test_paths_with_spaces(container, make_computer, proxy, client, tmp_path):
    """Of the program, which a shell starts for ssh, and of the home, whose files are in ssh's options."""
    container.start()
    folder = tmp_path / "100% $HOME (my apps)"
    folder.mkdir()
    computer = make_computer(proxy, "my laptop", shutil.copy(connect_binary(), folder))
    computer.log_in(client)
    computer.write_config()
    for result in (computer.ssh("echo in"), computer.tool("ssh", proxy.name, "echo in")):
        assert result.returncode == 0 and result.stdout == b"in\n", result.stderr


def test_a_path_that_ssh_can_not_be_given(computer, certificates, tmp_path):
    """Nothing is written, whether or not there are logins."""
    folder = tmp_path / "it's"
    folder.mkdir()
    computer.program = shutil.copy(connect_binary(), folder)
    write_login(computer, "kiwi.example.com", certificates)
    for words in [("ssh-config", "kiwi.example.com", "--write"), ("ssh", "kiwi.example.com")]:
        result = computer.client(*words)
        assert result.returncode in (1, 255) and b"single quotes" in result.stderr, result.stderr
    assert not (computer.configuration / "ssh_config").exists()


def test_both_programs_use_the_same_login(container, computer, make_computer, proxy, client):
    container.start()
    make_computer(proxy).log_in(client)
    assert computer.ssh("echo in").stdout == b"in\n"


def test_a_code_is_typed(container, computer, proxy, client):
    container.start()
    process = computer.start_login("--no-browser")
    url, code = re.match(r"Open (\S+) in a browser and type (\S+)", process.stderr.readline()).groups()
    page = client.login(url, "sasha", "sasha-password")
    question = client.submit(page, page.forms()[0], code=code)
    client.submit(question, question.forms()[0])
    rest = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, rest


def test_a_token_of_automation(container, computer, proxy, token):
    container.start()
    host, _, port = proxy.host.partition(":")
    assert computer.client("trust", proxy.host, "--ca-file", computer.ca_file).returncode == 0
    result = computer.client("ssh", "--token-command", f"echo {token}", proxy.host, "--", "echo in")
    assert result.stdout == b"in\n", result.stderr


def test_its_name_is_in_what_it_says(computer):
    for words in [("--help",), ("help",), ("login", "--help"), ("ssh", "--help"), ("trust", "--help")]:
        result = computer.client(*words)
        assert result.returncode == 0 and b"usage: workspace-connect" in result.stdout
    assert computer.client("--version").stdout.startswith(b"workspace-connect ")
    for words in [(), ("serve",), ("login",), ("ssh", "-x")]:
        result = computer.client(*words)
        assert result.returncode == 2 and b"workspace-connect" in result.stderr, words
    result = computer.client("ssh", "--stdio", "kiwi.example.com")
    assert result.returncode == 255 and b"run `workspace-connect login kiwi.example.com`" in result.stderr


def test_one_request_for_each_connection(container, computer, proxy, client):
    """Who the user is there was stored by the login."""
    container.start()
    computer.log_in(client)
    requests = lambda: len(proxy.log_entries(message="request", path="/oauth2/ssh"))  # noqa: E731
    before = requests()
    assert computer.ssh("true").returncode == 0
    proxy.wait_for_log(message="request", path="/oauth2/ssh", status=101)
    assert requests() == before + 1


def test_the_user_there_has_changed(container, computer, proxy, client):
    """Said once, and known from then on, also to ssh's configuration."""
    container.start()
    computer.log_in(client)
    computer.write_config()
    (stored,) = (computer.configuration / "hosts").iterdir()
    stored.write_text(stored.read_text().replace(f'"user":"{container.user}"', '"user":"before"'))
    result = computer.ssh("true")
    assert result.returncode == 255 and f"the user name in the workspace is now {container.user}: ".encode() in result.stderr
    assert computer.user == container.user and stored.stat().st_mode & 0o777 == 0o600
    result = computer.tool("ssh", proxy.name, "id -un")
    assert result.stdout.decode().strip() == container.user and b"is now" not in result.stderr, result.stderr


def test_a_notice_is_for_terminals(proxy, container, computer, client):
    """What sshd can't do there is said once, and not into the output of programs that run ssh."""
    LyingHelper(container.socket, OK[:-1] + b" no terminals: a test\n")
    assert b"no terminals: a test" in computer.log_in(client).encode()
    for is_terminal in (True, False):
        ours, theirs = pty.openpty() if is_terminal else os.pipe()
        process = subprocess.Popen(
            [computer.program, "ssh", "--stdio", proxy.host],
            env=computer.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs,
        )
        process.wait(PATIENCE_S)
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 4096):
                said += data
        except OSError:
            pass
        os.close(ours)
        assert (b"no terminals: a test" in said) == is_terminal, said


# HTTPS


class Canned:
    """A TLS server that gives every connection the same bytes, in pieces, and closes it."""

    def __init__(self, certificates, pieces):
        self.asked = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.cert, certificates.key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.host = f"other.localhost:{self.port}"

        def serve():
            while True:
                try:
                    connection = context.wrap_socket(self.listener.accept()[0], server_side=True)
                    self.asked.append(connection.recv(65536))
                    for piece in pieces:
                        connection.sendall(piece)
                    connection.unwrap().close()
                except (ssl.SSLError, ConnectionError):
                    continue
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()


def write_login(computer, host, certificates):
    """As if the computer had been let in there."""
    hosts = computer.configuration / "hosts"
    hosts.mkdir(parents=True)
    text = '{"token":"wsd1.x","user":"coder","prefix":"/oauth2","ca_file":"%s"}' % certificates.ca
    (hosts / f"{host}.json").write_text(text)


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        ([b"HTTP/1.1 503 x\r\nContent-Length: 22\r\n\r\n", b'{"message":"tea ', b'time"}'], b"tea time (status 503)"),
        ([b"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"mes\r\n", b"c\r\nsage\":\"tea\"}\r\n0\r\n\r\n"],
         b"tea (status 503)"),
        ([b"HTTP/1.1 103 hints\r\nLink: x\r\n\r\nHTTP/1.1 503 x\r\n\r\n", b'{"message":"tea"}'], b"tea (status 503)"),
        ([b"HTTP/1.0 502 x\r\n\r\n<html>"], b"the request was refused (status 502)"),
        ([b"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n"], b"workspace-connect login"),
        ([b"HTTP/1.1 404 x\r\n\r\n"], b"SSH is not turned on"),
        ([b"HTTP/1.1 421 x\r\n\r\n"], b"another workspace answers"),
        ([b"HTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\n{"], b"the request was refused"),
        ([b"HTTP/1.1 101 x\r\n\r\n"], b"malformed answer"),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], b"malformed answer"),
        ([b"HTTP/1.1 200 OK\r\n"], b"closed before the response was complete"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000], b"the response is too long"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 3000], b"the response is too long"),
        ([], b"closed before the response was complete"),
    ],
    ids=["length", "chunked", "interim", "no length", "401", "404", "421", "cut", "101", "no HTTP", "cut head", "long",
         "endless", "nothing"],
)
def test_answers(computer, certificates, pieces, sentence):
    server = Canned(certificates, pieces)
    write_login(computer, server.host, certificates)
    result = computer.client("ssh", "--stdio", server.host, stdin=subprocess.DEVNULL)
    assert result.returncode == 255 and sentence in result.stderr, result.stderr
    assert result.stderr.count(b"\n") == 1
    server.listener.close()


def test_whose_certificate_it_is(computer, certificates):
    server = Canned(certificates, [])
    write_login(computer, server.host, certificates)
    stranger = f"far.other.localhost:{server.port}"
    login = computer.configuration / "hosts" / f"{server.host}.json"
    login.with_name(f"{stranger}.json").write_text(login.read_text())
    login.write_text(login.read_text().replace(str(certificates.ca), ""))
    for host, sentence in [(server.host, b"certificate: "), (stranger, b"certificate: hostname mismatch")]:
        result = computer.client("ssh", "--stdio", host, stdin=subprocess.DEVNULL)
        assert result.returncode == 255 and sentence in result.stderr, result.stderr
    login.write_text(login.read_text().replace('"ca_file":""', '"ca_file":"/nonexistent"'))
    result = computer.client("ssh", "--stdio", server.host, stdin=subprocess.DEVNULL)
    assert result.returncode == 255 and b"/nonexistent: no certificate authorities" in result.stderr, result.stderr
    assert not server.asked  # no token went anywhere


def test_nobody_answers(computer, certificates):
    """In the time that the user may set; another one is set here so that it passes soon."""
    listener = socket.create_server(("127.0.0.1", 0))
    host = f"other.localhost:{listener.getsockname()[1]}"
    write_login(computer, host, certificates)
    command = [computer.program, "ssh", "--stdio", host]
    for value, sentence in [
        ("1", b"no answer in time"),
        ("0", b"WORKSPACE_PROXY_CONNECT_TIMEOUT: expected 1 to 300 seconds"),
        ("1s", b"WORKSPACE_PROXY_CONNECT_TIMEOUT: expected 1 to 300 seconds"),
    ]:
        environment = {**computer.environment, "WORKSPACE_PROXY_CONNECT_TIMEOUT": value}
        started = time.monotonic()
        result = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
        assert result.returncode == 255 and sentence in result.stderr, result.stderr
        assert value != "1" or time.monotonic() - started >= 1
    assert b"Connecting may take 15 seconds" in computer.client("ssh", "--help").stdout
    listener.close()
    result = computer.client("ssh", "--stdio", host, stdin=subprocess.DEVNULL)
    assert result.returncode == 255 and b"refused" in result.stderr, result.stderr


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 407 no\r\n\r\n", b"it rejects the user or password (status 407)"),
        (b"HTTP/1.1 403 no\r\n\r\n", b"it refused the connection (status 403)"),
        (b"SSH-2.0-x\r\n\r\n", b"its response is not HTTP"),
        (b"HTTP/1.1 200", b"it closed the connection"),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * 9000, b"its answer is too long"),
    ],
    ids=["407", "403", "no HTTP", "short", "long"],
)
def test_an_outgoing_proxy_that_refuses(computer, certificates, answer, sentence):
    listener = socket.create_server(("127.0.0.1", 0))
    asked = []

    def serve():
        connection = listener.accept()[0]
        asked.append(connection.recv(4096))
        with contextlib.suppress(OSError):  # who has read enough leaves
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    threading.Thread(target=serve, daemon=True).start()
    write_login(computer, "kiwi.example.com", certificates)
    proxy = f"http://me:s%40cret@127.0.0.1:{listener.getsockname()[1]}"
    command = [computer.program, "ssh", "--stdio", "kiwi.example.com"]
    environment = {**computer.environment, "HTTPS_PROXY": proxy}
    result = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
    assert result.returncode == 255 and b"outgoing proxy: " + sentence in result.stderr, result.stderr
    assert b"s@cret" not in result.stderr
    head = asked[0].decode()
    assert head.startswith("CONNECT kiwi.example.com:443 HTTP/1.1\r\nHost: kiwi.example.com:443\r\n")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:s@cret').decode()}\r\n" in head
    assert "Bearer" not in head
    listener.close()


def test_a_proxy_that_is_none(computer, certificates):
    write_login(computer, "kiwi.example.com", certificates)
    for value, sentence in [("socks5://127.0.0.1:1", b"HTTPS_PROXY: expected"), ("http://127.0.0.1:1", b"refused")]:
        command = [computer.program, "ssh", "--stdio", "kiwi.example.com"]
        environment = {**computer.environment, "HTTPS_PROXY": value}
        result = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S)
        assert result.returncode == 255 and sentence in result.stderr, result.stderr


def test_a_login_file_that_is_broken(computer, certificates):
    write_login(computer, "kiwi.example.com", certificates)
    path = computer.configuration / "hosts" / "kiwi.example.com.json"
    good = path.read_text()
    for text, sentence in [
        (good[:-3], b"log in again"),
        (good.replace("coder", "c" * 33), b"user: value too long"),
        (good + " " * 16384, b"kiwi.example.com.json: file too large"),
    ]:
        path.write_text(text)
        result = computer.client("ssh", "--stdio", "kiwi.example.com")
        assert result.returncode == 255 and sentence in result.stderr and KEY.encode() not in result.stderr, result.stderr


def test_options_with_wrong_values(computer, tmp_path):
    file = tmp_path / "a\nb"
    file.touch()
    for words, sentence in [
        (("login", "x.example", "--prefix", "oauth2"), b"--prefix: expected a path such as /oauth2"),
        (("login", "x.example", "--prefix", "/" + "x" * 64), b"--prefix: expected a path"),
        (("login", "x.example", "--prefix"), b"--prefix: a value is missing"),
        (("trust", "ws.example.com", "--ca-file"), b"--ca-file: a value is missing"),
        (("trust", "ws.example.com", "--ca-file", file), b"--ca-file: the path contains a line break"),
        (("login", "x.example", "--nonsense"), b"unexpected argument"),
    ]:
        result = computer.client(*words)
        assert result.returncode == 2 and sentence in result.stderr, result.stderr
    variables = {**computer.environment, "WORKSPACE_PROXY_TOKEN": "a b"}
    assert computer.client("trust", "ws.example.com").returncode == 0
    command = [computer.program, "ssh", "ws.example.com"]
    result = subprocess.run(command, env=variables, capture_output=True, timeout=PATIENCE_S)
    assert result.returncode == 255 and b"WORKSPACE_PROXY_TOKEN: not a token: " in result.stderr, result.stderr
