# SPDX-License-Identifier: Apache-2.0
"""SSH without a login: GitLab tokens for zones that the user trusts, and many connections at once."""

import os
import stat
import subprocess

import pytest
from proxy import PATIENCE_S, binary, wait_until
from ssh import KEY


@pytest.fixture
def proxy(make_proxy, gitlab, upstream, container):
    container.start()
    return make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on")


@pytest.fixture
def laptop(make_computer, proxy):
    return make_computer(proxy)


def trust(laptop, zone=None):
    result = laptop.client("trust", zone or laptop.proxy.host, "--ca-file", laptop.ca_file)
    assert result.returncode == 0, result.stderr


def ssh(laptop, *words, **variables):
    """`workspace-proxy ssh`, with more in the environment."""
    return subprocess.run(
        [binary(), "ssh", *words],
        env={**laptop.environment, **variables},
        capture_output=True,
        timeout=PATIENCE_S,
    )


def test_a_token_in_the_environment(laptop, proxy, container, token):
    trust(laptop)
    result = ssh(laptop, proxy.host, "--", "id -un; env", WORKSPACE_PROXY_TOKEN=token)
    name, *environment = result.stdout.decode().splitlines()
    assert (result.returncode, name) == (0, container.user), result.stderr
    assert not any(token in line for line in environment)
    for directory, _, names in os.walk(laptop.home):
        for name in names:
            assert token.encode() not in open(os.path.join(directory, name), "rb").read()
    assert stat.S_IMODE((laptop.configuration / "trusted").stat().st_mode) == 0o600


def test_a_token_of_a_command(laptop, proxy, token):
    """The command's output only: no argument of any process has the token."""
    trust(laptop)
    (laptop.home / "token").write_text(token + "\n")
    result = ssh(laptop, "--token-command", "cat ~/token", proxy.host, "--", "exit 4")
    assert result.returncode == 4, result.stderr
    result = ssh(laptop, "--token-command", "exit 1", proxy.host)
    assert result.returncode == 255 and b"the token command failed" in result.stderr
    result = ssh(laptop, "--token-command", "yes", proxy.host)
    assert result.returncode == 255 and b"more than 1024 bytes" in result.stderr
    result = ssh(laptop, "--token-command", "true", proxy.host)
    assert result.returncode == 255 and b"the token command: expected a token of 1 to 1023 characters" in result.stderr
    for output in ["'a b'", "'a\\r\\nHost: b'", "'\\303\\244'"]:
        result = ssh(laptop, "--token-command", f"printf {output}", proxy.host)
        assert result.returncode == 255 and b"the token command: not a token: it contains spaces" in result.stderr, output


def test_the_token_is_sent_to_trusted_zones_only(laptop, proxy, token):
    port = proxy.host.partition(":")[2]
    for zone in [f"other.localhost:{port}", f"space.localhost:{port}", proxy.name, f"a.{proxy.host}"]:
        trust(laptop, zone)
    for words in [(proxy.host,), ("--stdio", proxy.host), ("--token-command", "touch ~/ran", "--stdio", proxy.host)]:
        result = ssh(laptop, *words, WORKSPACE_PROXY_TOKEN=token)
        assert result.returncode == 255 and b"run `workspace-proxy trust ZONE`" in result.stderr
        assert token.encode() not in result.stderr
    assert not (laptop.home / "ran").exists(), "the command is not asked for others"
    assert "API token accepted" not in proxy.log
    trust(laptop)
    assert ssh(laptop, proxy.host, "--", "true", WORKSPACE_PROXY_TOKEN=token).returncode == 0


def test_a_token_that_is_refused(laptop, proxy, gitlab):
    trust(laptop)
    for words in [(proxy.host,), ("--stdio", proxy.host)]:
        result = ssh(laptop, *words, WORKSPACE_PROXY_TOKEN="glpat-nonsense")
        assert result.returncode == 255 and b"is API_TOKENS on there" in result.stderr, result.stderr
        assert b"glpat" not in result.stderr


def test_a_login_is_used_where_the_zone_is_not_trusted(laptop, proxy, client):
    laptop.log_in(client)
    assert ssh(laptop, proxy.host, "--", "true", WORKSPACE_PROXY_TOKEN="glpat-nonsense").returncode == 0
    assert "glpat" not in proxy.log


def test_the_list_of_zones(make_computer):
    laptop = make_computer(None)
    assert laptop.client("trust", "--list").stdout == b""
    for zone in ["b.example.com", "A.example.com:8443", "https://b.example.com/"]:
        assert laptop.client("trust", zone).returncode == 0
    assert laptop.client("trust", "--list").stdout == b"a.example.com:8443\nb.example.com\n"
    assert laptop.client("trust", "--remove", "b.example.com").returncode == 0
    again = laptop.client("trust", "--remove", "b.example.com")
    assert again.returncode == 1 and b"is not trusted" in again.stderr
    assert laptop.client("trust", "--list").stdout == b"a.example.com:8443\n"
    for bad in ["com", "*.example.com", "a b.example.com", "-x", "a..example.com", ""]:
        assert laptop.client("trust", bad).returncode == 2, bad
    for words in [("trust",), ("trust", "a.example.com", "--nonsense"), ("trust", "a.example.com", "--ca-file", "/none")]:
        assert laptop.client(*words).returncode == 2, words


def test_many_first_connections_at_once(make_computer, proxy, token):
    """One identity, and no line of known_hosts lost."""
    laptop = make_computer(proxy)
    trust(laptop)
    known = laptop.configuration / "known_hosts"
    others = "".join(f"host-{i}.example.com {KEY}\n" for i in range(300))
    known.write_text(others)
    command = [binary(), "ssh", proxy.host, "--", "true"]
    environment = {**laptop.environment, "WORKSPACE_PROXY_TOKEN": token}
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(8)]
    for process in processes:
        errors = process.communicate(timeout=PATIENCE_S)[1]
        assert process.returncode == 0, errors
    lines = known.read_text().splitlines()
    assert len(lines) == 301 and sum(line.startswith(proxy.host + " ") for line in lines) == 1
    wait_until(lambda: not [p for p in laptop.configuration.iterdir() if p.name.endswith(".new")])


def test_hosts_that_are_noted_at_once_are_all_kept(make_computer, make_proxy, gitlab, upstream, container, token):
    container.start()
    proxies = [make_proxy(gitlab, upstream, SSH_SOCKET=container.socket, API_TOKENS="on") for _ in range(3)]
    laptop = make_computer(proxies[0])
    for proxy in proxies:
        trust(laptop, proxy.host)
    environment = {**laptop.environment, "WORKSPACE_PROXY_TOKEN": token}
    for _ in range(3):
        (laptop.configuration / "known_hosts").unlink(missing_ok=True)
        processes = [
            subprocess.Popen([binary(), "ssh", "--stdio", p.host], env=environment, stdin=subprocess.DEVNULL)
            for p in proxies for _ in range(3)
        ]
        assert [p.wait(PATIENCE_S) for p in processes] == [0] * 9
        assert len((laptop.configuration / "known_hosts").read_text().splitlines()) == 3
