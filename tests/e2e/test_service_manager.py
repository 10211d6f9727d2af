# SPDX-License-Identifier: Apache-2.0
"""The process as others start it: by a service manager that wants to be told, and as process 1."""

import contextlib
import re
import signal
import socket
import subprocess

import pytest
from clone import CODES, settings_for
from proxy import binary, environment_for, wait_until
from raw_client import RawClient
from runners import FirstProcess, PassingSockets, Plain, children_of, leave_orphan
from test_restart import listening


@contextlib.contextmanager
def manager_at(name):
    """What systemd would listen on; name as in NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if name.startswith("@") else name)
        manager.settimeout(60)
        yield manager


def hear(manager):
    """The next message as a dictionary."""
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines())


class Managed(Plain):
    """Starts the program with a service manager's variables."""

    def __init__(self, **variables):
        self.variables = variables

    def command(self, program, arguments, settings):
        return ["env", *(f"{k}={v}" for k, v in self.variables.items()), program, *arguments]

@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_service_manager_notifications(make_proxy, gitlab, upstream, tmp_path, kind):
    name = f"{'@' if kind == 'abstract' else ''}{tmp_path}/notify"
    with manager_at(name) as manager:
        proxy = make_proxy(gitlab, upstream, runner=Managed(NOTIFY_SOCKET=name, WATCHDOG_USEC="200000"))
        assert hear(manager) == {"READY": "1", "STATUS": f"Serving {proxy.origin}"}
        assert hear(manager) == hear(manager) == {"WATCHDOG": "1"}
        proxy.process.send_signal(signal.SIGHUP)
        heard = [hear(manager) for _ in range(6)]
        heard = [message for message in heard if "WATCHDOG" not in message]
        assert heard[0]["RELOADING"] == "1" and int(heard[0]["MONOTONIC_USEC"]) > 0
        assert heard[1]["READY"] == "1"
        proxy.process.send_signal(signal.SIGTERM)
        while "STOPPING" not in (message := hear(manager)):
            assert message == {"WATCHDOG": "1"}
        assert message["STOPPING"] == "1"
        assert int(message["EXTEND_TIMEOUT_USEC"]) > 30_000_000, "DRAIN_TIMEOUT and some"
        assert proxy.stop() == 0


def test_a_relay_tells_as_well(make_relay, gitlab, tmp_path):
    with manager_at(f"{tmp_path}/notify") as manager:
        relay = make_relay(gitlab, runner=Managed(NOTIFY_SOCKET=f"{tmp_path}/notify"))
        assert hear(manager) == {"READY": "1", "STATUS": f"Serving {relay.origin}"}


@pytest.mark.parametrize("name", ["/nonexistent/notify", "nonsense", "@" + "x" * 200])
def test_serves_without_a_reachable_service_manager(make_proxy, gitlab, upstream, client, name):
    proxy = make_proxy(gitlab, upstream, runner=Managed(NOTIFY_SOCKET=name))
    assert "NOTIFY_SOCKET: " in proxy.wait_for_log(message="service manager not notified")["error"]
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200


# As process 1

needs_namespaces = pytest.mark.skipif(
    FirstProcess.why_not() is not None, reason=f"no PID namespaces here: {FirstProcess.why_not()}"
)


@needs_namespaces
def test_process_1_ends_in_order(make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, runner=FirstProcess())
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    assert proxy.stop() == 0
    assert proxy.log_entries(message="draining") and proxy.log_entries(message="stopped")


@needs_namespaces
def test_process_1_reaps_orphans(make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, runner=FirstProcess())
    pid = proxy.runner.pid(proxy.process)
    ends = [leave_orphan(pid) for _ in range(3)]
    wait_until(lambda: len(children_of(pid)) == 3, what="orphans to come")
    for end in ends:
        end.close()
    wait_until(lambda: not children_of(pid), what="orphans to be collected")
    wait_until(lambda: len(proxy.log_entries(message="orphaned process reaped")) >= 3, what="the log to say so")


@needs_namespaces
def test_process_1_knows_how_its_clone_ended(make_proxy, gitlab, upstream, tmp_path):
    """Collecting orphans takes no child from whoever started it."""
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    proxy = make_proxy(
        gitlab,
        upstream,
        runner=FirstProcess(),
        CLONE_URL=gitlab.git_url(gitlab.project),
        CLONE_DIR=tmp_path / "work" / "demo",
        CLONE_TOKEN=token,
    )
    proxy.secrets.append(token)
    end = leave_orphan(proxy.runner.pid(proxy.process))
    proxy.wait_for_log(message="clone: phase", phase="done")
    end.close()
    wait_until(lambda: not children_of(proxy.runner.pid(proxy.process)), what="orphans to be collected")


@needs_namespaces
def test_a_clone_as_process_1_can_be_ended(gitlab, certificates, tmp_path):
    """The kernel keeps signals from process 1 that it has no handler for."""
    gitlab.faults.add("git-upload-pack", stall_after=1000, times=1)
    settings = settings_for(gitlab, gitlab.project, tmp_path / "work" / "demo", certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "read_repository").access
    runner = FirstProcess()
    command = runner.command(binary(), ["clone"], settings)
    with subprocess.Popen(command, env=environment_for(settings), stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: (tmp_path / "work").exists() and children_of(process.pid), what="the clone to begin")
        runner.signal(process, signal.SIGTERM)
        assert process.wait(60) in (CODES["internal"], 128 + signal.SIGTERM)


# The log


def test_a_log_socket_that_nobody_reads_delays_nobody(make_proxy, gitlab, upstream):
    """systemd gives a stream socket as standard error; a reader that has stopped costs lines, which are counted."""
    settings = make_proxy(gitlab, upstream, start=False, HTTP_ADDRESS="127.0.0.1:0").settings
    reader, writer = socket.socketpair()
    reader.settimeout(60)
    with reader, writer, listening() as passed:
        runner = PassingSockets(http=passed)
        process = subprocess.Popen(
            runner.command(binary(), ["serve"], settings),
            env=environment_for(settings),
            pass_fds=runner.pass_fds,
            stderr=writer,
        )
        try:
            log = b""
            while (found := re.search(rb'"listener":"admin","address":"127.0.0.1:(\d+)"', log)) is None:
                log += reader.recv(65536)
            head = b"GET /nowhere HTTP/1.1\r\nHost: nobody.example\r\n\r\n"
            with RawClient(passed.getsockname()) as raw:
                lost = 0
                while not lost:
                    for _ in range(100):
                        assert raw.send(head).read_response().status == 421
                    with RawClient(("127.0.0.1", int(found[1]))) as admin:
                        metrics = admin.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").read_response().body.decode()
                    lost = int(re.search(r"^workspace_proxy_log_lines_lost_total (\d+)$", metrics, re.M)[1])
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
