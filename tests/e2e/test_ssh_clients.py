# SPDX-License-Identifier: Apache-2.0
"""Real clients of SSH, directly and with nginx and HAProxy in front: VS Code's way, Gateway's, paramiko, asyncssh, ansible,
forwarded ports both ways, the agent."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading

import pytest
import ssh
from balancers import balanced
from proxy import PATIENCE_S, binary, free_port, wait_until


@pytest.fixture(params=["direct", "nginx", "haproxy"])
def laptop(request, make_proxy, make_computer, gitlab, upstream, container, certificates, client, tmp_path):
    """A computer that was let in, with ssh's configuration written."""
    with contextlib.ExitStack() as stack:
        if request.param == "direct":
            proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket)
        else:
            front = balanced(
                request.param, make_proxy, gitlab, upstream, certificates, tmp_path, SSH_SOCKET=container.socket
            )
            proxy = stack.enter_context(front)
        container.start()
        one = make_computer(proxy)
        one.log_in(client)
        one.write_config()
        yield one


@pytest.fixture
def echo():
    """Sends back what it gets; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection = server.accept()[0]
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def answer(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


@contextlib.contextmanager
def connected(laptop, *options, command="echo ready; cat"):
    """ssh with these options, until the command is ready."""
    process = subprocess.Popen(
        ["ssh", "-F", laptop.home / ".ssh" / "config", "-o", "ExitOnForwardFailure=yes", *options, laptop.proxy.name, command],
        env=laptop.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        ssh.read_until(process.stdout, rb"ready\n")
        yield process
    finally:
        process.stdin.close()
        process.wait(PATIENCE_S)


def check_echo(port):
    data = os.urandom(200_000)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as one:
        threading.Thread(target=one.sendall, args=(data,), daemon=True).start()
        got = b""
        while len(got) < len(data):
            part = one.recv(65536)
            assert part, len(got)
            got += part
    assert got == data


@pytest.mark.parametrize("option", ["-L", "-R"])
def test_forwarded_ports(laptop, echo, option):
    """Both computers are one here, so either end's port can be reached."""
    port = free_port()
    with connected(laptop, option, f"127.0.0.1:{port}:127.0.0.1:{echo}"):
        check_echo(port)
    wait_until(lambda: not ssh.reaches(port))


def test_a_forwarded_agent(laptop, tmp_path):
    """The agent's keys can be used in the workspace; the keys stay where they are."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "from-the-laptop", "-f", key], check=True)
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    agent = re.search(r"SSH_AUTH_SOCK=([^;]+);.*SSH_AGENT_PID=(\d+);", started, re.S)
    variables = {**laptop.environment, "SSH_AUTH_SOCK": agent[1]}
    try:
        subprocess.run(["ssh-add", "-q", key], env=variables, check=True)
        command = ["ssh", "-F", laptop.home / ".ssh" / "config", "-A", laptop.proxy.name, "ssh-add -l"]
        result = subprocess.run(command, env=variables, capture_output=True, timeout=PATIENCE_S)
        assert b"from-the-laptop" in result.stdout, result.stderr
    finally:
        os.kill(int(agent[2]), 15)


def test_a_download(laptop):
    size = 30 << 20
    command = f"{binary()} ssh {laptop.proxy.host} -- 'head -c {size} /dev/zero' | wc -c"
    assert int(laptop.run("bash", "-c", command).stdout) == size


def test_forwarding_as_vs_code_uses_it(laptop):
    """`ssh -T -D PORT HOST bash`, the server over a forwarded port."""
    script = (
        "import http.server, sys, threading\n"
        "s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
        "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
        "print('port', s.server_port, flush=True)\n"
        "sys.stdin.read()\n"  # until the connection ends
    )
    port = free_port()
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


WORKER = """#!/usr/bin/python3
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print("join link", server.getsockname()[1], flush=True)
while True:
    with server.accept()[0] as connection:
        while data := connection.recv(65536):
            connection.sendall(data)
"""


def test_what_jetbrains_gateway_does(laptop, tmp_path):
    """A probe of the system, the backend's launcher by SFTP, its run in a login shell, and a port forwarded to it."""
    assert laptop.tool("ssh", "-T", laptop.proxy.name, "uname -sm && echo $HOME").stdout.startswith(b"Linux ")
    (tmp_path / "worker").write_text(WORKER)
    commands = f"-mkdir .cache\n-mkdir .cache/JetBrains\nput {tmp_path}/worker .cache/JetBrains/worker\nchmod 755 .cache/JetBrains/worker\n"
    uploaded = laptop.tool("sftp", "-b", "-", laptop.proxy.name, input=commands.encode())
    assert uploaded.returncode == 0, uploaded.stderr
    command = ["ssh", "-F", laptop.home / ".ssh" / "config", "-T", laptop.proxy.name, "bash -lc ~/.cache/JetBrains/worker"]
    backend = subprocess.Popen(command, env=laptop.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        remote = re.search(rb"link (\d+)", ssh.read_until(backend.stdout, rb"link \d+\n"))[1].decode()
        port = free_port()
        with connected(laptop, "-L", f"127.0.0.1:{port}:127.0.0.1:{remote}"):
            check_echo(port)
    finally:
        backend.kill()
        backend.wait()


ASYNCSSH = """
import asyncio, sys
import asyncssh

async def main():
    host, user, key, known, command = sys.argv[1:]
    async with asyncssh.connect(host, username=user, client_keys=[key], known_hosts=known, config=None,
                                agent_path=None, host_key_alias=host, proxy_command=command) as connection:
        print((await connection.run("echo hello", check=True)).stdout, end="")
        async with connection.start_sftp_client() as sftp:
            async with sftp.open("from-asyncssh", "wb") as file:
                await file.write(b"x" * 100000)
        print((await connection.run("wc -c < from-asyncssh", check=True)).stdout, end="")

asyncio.run(main())
"""


def test_asyncssh(laptop):
    pytest.importorskip("asyncssh")
    result = laptop.run(
        "/usr/bin/python3", "-W", "ignore", "-c", ASYNCSSH, laptop.proxy.host, laptop.user,
        laptop.configuration / "id_ed25519", laptop.configuration / "known_hosts",
        f"{binary()} ssh --stdio {laptop.proxy.host}",
    )
    assert result.stdout.split() == [b"hello", b"100000"], result.stderr


@pytest.mark.skipif(not shutil.which("ansible"), reason="ansible is not installed")
def test_ansible(laptop, container, tmp_path):
    environment = {
        **laptop.environment,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_SSH_ARGS": f"-F {laptop.home}/.ssh/config",
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible"),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
    }
    command = ["ansible", "all", "-i", f"{laptop.proxy.name},", "-m", "command", "-a", "id -un"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert result.returncode == 0 and container.user in result.stdout.splitlines(), result.stdout + result.stderr
    wait_until(lambda: not container.children())
