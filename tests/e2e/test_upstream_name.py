# SPDX-License-Identifier: Apache-2.0
"""An IDE that is configured by name (UPSTREAM_HOSTS), with stand-in name servers, and the example for Compose."""

import os
import pathlib
import re
import subprocess

import fast_yaml
import pytest
import runners
from proxy import binary, wait_until

ROOT = pathlib.Path(__file__).parents[2]


class NameServer(runners.Plain):
    """Starts a program with names of our own: see tests/support/name_server.c."""

    def __init__(self, folder):
        self.library = folder / "name_server.so"
        self.file = folder / "names"
        source = ROOT / "tests/support/name_server.c"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)

    def say(self, **names):
        new = self.file.with_suffix(".new")
        new.write_text("".join(f"{name} {address}\n" for name, address in names.items()))
        os.replace(new, self.file)

    def command(self, program, arguments, settings):
        preload = [f"LD_PRELOAD={self.library}", f"NAME_SERVER_FILE={self.file}"]
        may_read = "WORKSPACE_PROXY_LANDLOCK=off"  # the file of names
        return ["/usr/bin/env", *preload, may_read, program, *arguments]


@pytest.fixture
def names(tmp_path):
    return NameServer(tmp_path)


@pytest.fixture
def start(make_proxy, gitlab, upstream, names):
    def start(hosts):
        port = upstream.url.rsplit(":", 1)[1]
        proxy = make_proxy(gitlab, upstream, UPSTREAM=f"http://ide:{port}", UPSTREAM_HOSTS=hosts, start=False)
        proxy.runner = names
        return proxy.start()

    return start


def test_a_name_leads_to_the_ide(start, names, upstream, client):
    names.say(ide="127.0.0.1")
    proxy = start("ide,127.0.0.1")
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status in (200, 503)
    wait_until(lambda: client.fetch(proxy.origin + "/x").status == 200, what="the IDE")
    assert upstream.requests[-1].get("Host") == proxy.host
    assert not proxy.log_entries(level="warn", message="upstream name not resolved")


def test_loopback_is_refused_unless_it_is_listed(start, names, upstream, client):
    names.say(ide="127.0.0.1")
    proxy = start("ide")
    (entry,) = [proxy.wait_for_log(message="upstream name not resolved")]
    assert entry["host"] == "ide" and "UPSTREAM_HOSTS" in entry["error"]
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert client.fetch(proxy.origin + "/").status in (502, 503)
    assert not upstream.received


def test_a_container_that_starts_later_and_moves(start, names, upstream, client):
    names.say(ide="-")
    proxy = start("ide,127.0.0.1,127.0.0.7")
    proxy.wait_for_log(message="upstream name not resolved")
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert client.fetch(proxy.origin + "/").status in (502, 503)
    names.say(ide="127.0.0.7")  # nobody listens there
    assert client.fetch(proxy.origin + "/").status in (502, 503)
    names.say(ide="127.0.0.1")
    wait_until(lambda: client.fetch(proxy.origin + "/x").status == 200, what="the IDE at its new address")
    assert {request.target for request in upstream.requests} == {"/x"}


# The example in docs/container.md


def compose_example():
    text = (ROOT / "docs/container.md").read_text()
    (example,) = re.findall(r"```yaml\n# compose.yaml\n(.*?)```", text, re.DOTALL)
    return fast_yaml.load(example), text


def test_the_compose_example(tmp_path, certificates):
    """`check` accepts its settings, with the secrets that the page has made for it."""
    compose, text = compose_example()
    service = compose["services"]["workspace-proxy"]
    (script,) = re.findall(r"```sh\n(mkdir -m 0700 secrets\n.*?)```", text, re.DOTALL)
    (tmp_path / "kiwi.crt").write_bytes(pathlib.Path(certificates.cert).read_bytes())
    (tmp_path / "kiwi.key").write_bytes(pathlib.Path(certificates.key).read_bytes())
    subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, check=True)
    settings = dict(service["environment"])
    for secret in service["secrets"]:
        source = tmp_path / compose["secrets"][secret]["file"]
        assert source.is_file(), secret
        for name, value in settings.items():
            settings[name] = str(value).replace(f"/run/secrets/{secret}", str(source))
    done = subprocess.run([binary(), "check"], env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert compose["services"].keys() == {"workspace-proxy", "ide"}
    assert "ports" not in compose["services"]["ide"], "the IDE is reached through the proxy only"
    assert settings["WORKSPACE_PROXY_UPSTREAM"].startswith("http://ide:")
