# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a machine with a real systemd: from its installation to a restart without a lost request.

tools/run-image-tests builds the package, and says why where it can't.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from load import Load
from machine import Machine, Refused
from proxy import binary, free_port, wait_until
from raw_client import RawClient
from test_container_document import commands

PACKAGES = Path(os.environ.get("WORKSPACE_PROXY_DEB", "build/deb"))
UNIT, SOCKET = "workspace-proxy.service", "workspace-proxy.socket"
FILES = {"tls.crt": "TLS_CERT_FILE", "tls.key": "TLS_KEY_FILE"}
SECRETS = {"client-secret": "CLIENT_SECRET", "cookie-secret": "COOKIE_SECRET"}


def package():
    found = sorted(PACKAGES.glob("workspace-proxy_*.deb"))
    return found[-1] if found else None


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    if not package():
        pytest.skip(f"NOT CHECKED: there is no package in {PACKAGES}: run `make deb`")
    one = Machine(tmp_path_factory.mktemp("machine"), f"workspace-proxy-machine-{os.getpid()}")
    try:
        try:
            one.start()
        except Refused as e:
            pytest.skip(f"NOT CHECKED, because systemd can't be process 1 of a container here: {e}")
        (one.root / "package.deb").write_bytes(package().read_bytes())
        one.run("dpkg", "--install", "/package.deb")
        yield one
    finally:
        one.stop()


@pytest.fixture
def installed(machine, make_proxy, gitlab, upstream):
    """What docs/container.md writes, and a socket of systemd; the proxy has no process of its own here."""
    proxy = make_proxy(gitlab, upstream, start=False, LOG_LEVEL="info", DRAIN_DELAY="600ms", ADMIN_ADDRESS="off")
    port = free_port()
    proxy.listeners["https"] = f"127.0.0.1:{proxy.external_url.rpartition(':')[2]}"
    proxy.listeners["http"] = f"127.0.0.1:{port}"
    settings = dict(proxy.settings)
    for name, setting in FILES.items():
        with open(settings.pop(setting)) as file:
            machine.write(f"/etc/workspace-proxy/{name}", file.read())
    for name, setting in SECRETS.items():
        machine.write(f"/etc/workspace-proxy/{name}", settings.pop(setting))
    with open(settings["GITLAB_CA_FILE"]) as file:
        machine.write("/etc/ssl/gitlab-ca.crt", file.read(), 0o644)
    settings["GITLAB_CA_FILE"] = "/etc/ssl/gitlab-ca.crt"
    settings["HTTP_ADDRESS"] = f"127.0.0.1:{port}"
    machine.write(
        "/etc/workspace-proxy/settings.env",
        "".join(f"WORKSPACE_PROXY_{name}={value}\n" for name, value in settings.items()),
    )
    machine.write(
        f"/etc/systemd/system/{SOCKET}.d/test.conf", f"[Socket]\nListenStream=\nListenStream={proxy.listeners['https']}\n"
    )
    machine.run("systemctl", "daemon-reload")
    yield proxy
    for unit in (UNIT, SOCKET):
        machine.run("systemctl", "stop", unit)
    machine.ask("systemctl", "reset-failed")


def start(machine):
    ran = machine.ask("systemctl", "start", SOCKET, UNIT)
    assert ran.returncode == 0, "\n".join(map(str, machine.journal(UNIT)[-20:]))


def test_it_starts_nothing_by_itself(machine):
    assert machine.show(UNIT, "ActiveState") == "inactive"
    assert machine.show(UNIT, "UnitFileState") == "disabled"
    assert machine.run("workspace-proxy", "version").strip()
    assert (machine.root / "usr/share/man/man1/workspace-proxy.1.gz").exists()


def test_sign_in_and_log(machine, installed, client, upstream):
    start(machine)
    assert machine.show(UNIT, "ActiveState") == "active"
    assert machine.show(UNIT, "StatusText") == f"Serving {installed.origin}"
    page = client.login(installed.origin + "/", "sasha", "sasha-password")
    assert page.status == 200
    assert upstream.requests[-1].get("X-Forwarded-User") == "sasha"
    log = [entry for entry in machine.journal(UNIT) if isinstance(entry, dict)]
    assert any(entry["message"] == "listening" for entry in log)
    cookies = [c.value for c in client.cookies_of(installed.name)]
    text = str(log)
    assert not any(secret in text for secret in [*cookies, *installed.secrets, *installed.gitlab.secrets()])


def test_nobody_in_particular(machine, installed):
    start(machine)
    status = machine.run("cat", f"/proc/{machine.show(UNIT, 'MainPID')}/status")
    status = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(status["Uid"].split()[0]) > 1000
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def test_reload(machine, installed):
    start(machine)
    pid = machine.show(UNIT, "MainPID")
    machine.run("systemctl", "reload", UNIT)
    assert machine.show(UNIT, "MainPID") == pid
    wait_until(lambda: any("reload" in str(entry) for entry in machine.journal(UNIT)), what="the reload in the log")


def test_no_request_is_lost_by_a_restart(machine, installed, client):
    start(machine)
    client.login(installed.origin + "/", "sasha", "sasha-password")
    cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(installed.name))
    head = f"GET /oauth2/userinfo HTTP/1.1\r\nHost: {installed.host}\r\nCookie: {cookie}\r\n\r\n".encode()

    def connect():
        return RawClient(installed.address("https"), installed.context, installed.name, timeout=60)

    with Load(connect, head) as load:
        for _ in range(2):
            load.wait(20)
            before = machine.show(UNIT, "MainPID")
            machine.run("systemctl", "restart", UNIT)
            assert machine.show(UNIT, "MainPID") != before
            load.wait(20)
    assert not load.failures and not load.resets, (load.failures[:5], load.resets, load.done)


def test_the_watchdog(machine, installed):
    """A process that says nothing any more is replaced."""
    machine.write(f"/etc/systemd/system/{UNIT}.d/watchdog.conf", "[Service]\nWatchdogSec=2s\nRestartSec=0\n", 0o644)
    machine.run("systemctl", "daemon-reload")
    start(machine)
    pid = machine.show(UNIT, "MainPID")
    machine.run("kill", f"-{int(signal.SIGSTOP)}", pid)
    wait_until(lambda: machine.show(UNIT, "MainPID") not in ("0", pid), 60, "another process")
    wait_until(lambda: machine.show(UNIT, "ActiveState") == "active", 60, "a start")
    assert "watchdog" in str(machine.run("journalctl", "--no-pager", f"--unit={UNIT}")).lower()


def test_removal_and_the_steps_without_a_package(machine, installed):
    """Leaves the settings to whoever wrote them."""
    machine.run("dpkg", "--remove", "workspace-proxy")
    assert machine.ask("systemctl", "cat", UNIT).returncode != 0
    assert subprocess.run(["test", "-e", machine.root / "usr/bin/workspace-proxy"]).returncode != 0
    assert (machine.root / "etc/workspace-proxy/settings.env").exists()
    # The steps of docs/container.md, as they are printed; what `make install` installs is there already.
    for name in ("workspace-proxy", "git-credential-workspace", "workspace-run", "workspace-ssh"):
        target = machine.root / "usr/local/bin" / name
        target.write_bytes(Path(binary()).with_name(name).read_bytes())
        target.chmod(0o755)
    for unit in (UNIT, SOCKET):
        machine.write(f"/src/container/systemd/{unit}", (Path("container/systemd") / unit).read_text(), 0o644)
    script = "set -eu; cd /src; make() { test \"$1\" = install; }\n" + commands()["make install"]
    ran = machine.ask("bash", "-c", script)
    assert ran.returncode == 0, ran.stderr + "\n".join(map(str, machine.journal(UNIT)[-20:]))
    assert machine.show(UNIT, "ActiveState") == "active" and machine.show(UNIT, "UnitFileState") == "enabled"
    assert machine.show(UNIT, "FragmentPath") == f"/etc/systemd/system/{UNIT}"
