# SPDX-License-Identifier: Apache-2.0
"""The log that a workspace's users see: our own lines, the clone worker's, and files of the workspace."""

import contextlib
import json
import os
import re
import subprocess
import threading
import time

import pytest
from proxy import ROOT, is_sanitized, wait_until
from workspace_log import LOG, Follower, messages, records


def sign_in(client, proxy, user="sasha"):
    page = client.login(proxy.origin + "/", user, f"{user}-password")
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    return page


@pytest.fixture
def logged(make_logging_proxy, gitlab, upstream, client):
    """A proxy with LOG_FILES, and sasha signed in."""
    proxy = make_logging_proxy(gitlab, upstream)
    sign_in(client, proxy)
    return proxy


def test_our_own_lines(signed_in, proxy):
    reply = signed_in.fetch(proxy.origin + LOG + "?lines=1000")
    lines = records(reply)
    assert proxy.secrets and not [s for s in proxy.secrets if s in reply.text]
    listening = next(r for r in lines if r["message"] == "listening")
    assert listening["source"] == "proxy" and listening["level"] == "info"
    assert listening["fields"]["listener"] in ("https", "admin") and listening["time"].endswith("Z")
    assert not [r for r in lines if r["message"] == "request"], "the access log is not kept"
    logged = [(e["time"], e["message"]) for e in proxy.log_entries() if e["message"] != "request"]
    assert [(r["time"], r["message"]) for r in lines] == logged[: len(lines)]


def test_lines_are_written_before_the_process_waits_again(proxy):
    for i in range(100):
        with proxy.raw() as raw:
            raw.request("GET", f"/{i}", host=proxy.host).read_response()
        assert len(proxy.log_entries(message="request", path=f"/{i}")) == 1


def test_text_log_format_is_the_same_here(make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, LOG_FORMAT="text", start=False)
    proxy._wants = lambda listener: False  # its lines are no JSON that tells of listeners
    proxy.start()
    wait_until(lambda: "listener=https" in proxy.log, what="the listener")
    proxy.listeners["https"] = proxy.settings["HTTPS_ADDRESS"]
    sign_in(client, proxy)
    lines = records(client.fetch(proxy.origin + LOG))
    assert [r for r in lines if r["message"] == "listening" and r["fields"]["listener"] == "https"]


def test_filters(logged, client, logs):
    (logs / "ide.log").write_text(
        "2026-01-31T12:00:00Z starting\n2026-01-31T12:00:01Z ERROR broken\n2026-01-31T12:00:02Z WARN slow\n"
    )
    ask = lambda query: messages(client.fetch(logged.origin + LOG + query))  # noqa: E731
    assert ask("?source=ide") == ["starting", "ERROR broken", "WARN slow"]
    assert ask("?source=ide&level=warn") == ["ERROR broken", "WARN slow"]
    assert ask("?source=ide&level=error") == ["ERROR broken"]
    assert ask("?source=ide&lines=1") == ["WARN slow"]
    assert ask("?source=ide&since=2026-01-31T12%3A00%3A01.500Z") == ["WARN slow"]
    assert ask("?source=ide,proxy&lines=1000")[:3] == ["starting", "ERROR broken", "WARN slow"]
    assert "listening" in ask("") and ask("?lines=0") == []
    (record,) = records(client.fetch(logged.origin + LOG + "?source=ide&level=error"))
    assert record == {
        "time": "2026-01-31T12:00:01.000Z",
        "level": "error",
        "source": "ide",
        "message": "ERROR broken",
        "fields": {"file": "ide.log"},
    }


@pytest.mark.parametrize(
    "query, part",
    [
        ("?source=git", "source"),
        ("?level=fatal", "level"),
        ("?lines=5000", "lines"),
        ("?since=today", "since"),
        ("?lines=1&lines=2", "lines"),
        ("?tail=1", "unknown"),
    ],
)
def test_bad_queries_are_explained(signed_in, proxy, query, part):
    reply = signed_in.fetch(proxy.origin + LOG + query)
    assert reply.status == 400 and part in reply.json()["detail"]


def test_methods(signed_in, proxy):
    head = signed_in.request("HEAD", proxy.origin + LOG)
    assert head.status == 200 and head.get("Content-Type") == "application/x-ndjson" and not head.body
    reply = signed_in.request("POST", proxy.origin + LOG)
    assert reply.status == 405 and reply.get("Allow") == "GET, HEAD"
    assert signed_in.fetch(proxy.origin + LOG + "/").status == 404


def test_people_get_text(logged, client, logs):
    (logs / "ide.log").write_text('2026-01-31T12:00:00Z <script>alert("x")</script>\n')
    page = client.navigate(logged.origin + LOG + "?source=ide")
    assert page.get("Content-Type") == "text/plain; charset=utf-8" and page.get("X-Content-Type-Options") == "nosniff"
    line = r'2026-01-31T12:00:00.000Z INFO  ide    <script>alert(\"x\")</script> {"file":"ide.log"}'
    assert page.text == line + "\n"


def test_strangers_see_nothing(proxy, gitlab, make_client, client):
    assert client.fetch(proxy.origin + LOG).status == 401
    robin = make_client()
    sign_in(robin, proxy, "robin")
    assert robin.fetch(proxy.origin + LOG).status in (401, 403)
    token = gitlab.add_token(gitlab.sasha, "read_api read_user").access
    reply = client.request("GET", proxy.origin + LOG, {"Authorization": f"Bearer {token}"}, cookies=False)
    assert reply.status == 401, "API_TOKENS is off"


def test_gitlab_tokens(make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, API_TOKENS="on")
    ask = lambda token: client.request(  # noqa: E731
        "GET", proxy.origin + LOG + "?level=info", {"PRIVATE-TOKEN": token}, cookies=False
    )
    assert "listening" in messages(ask(gitlab.add_token(gitlab.sasha, "read_api read_user").access))
    assert ask(gitlab.add_token(gitlab.robin, "api").access).status == 403
    assert not upstream.received


def test_the_ruby_example(make_proxy, gitlab, upstream, certificates, tmp_path):
    """That of docs/logs.md, as it stands there."""
    proxy = make_proxy(gitlab, upstream, API_TOKENS="on", name="localhost")
    with open(os.path.join(ROOT, "docs", "logs.md")) as file:
        (example,) = re.findall(r"```ruby\n(.*?)```", file.read(), re.S)
    (tmp_path / "example.rb").write_text(example)

    def run(token):
        return subprocess.run(
            ["ruby", tmp_path / "example.rb", proxy.origin, token],
            env={"PATH": os.environ["PATH"], "SSL_CERT_FILE": certificates.ca},
            capture_output=True,
            text=True,
            timeout=60,
        )

    done = run(gitlab.add_token(gitlab.sasha, "read_api read_user").access)
    assert done.returncode == 0 and re.search(r"(?m)^20\S+Z info listening$", done.stdout), done
    refused = run(gitlab.add_token(gitlab.robin, "api").access)
    assert refused.returncode != 0 and "workspace log: 403" in refused.stderr


def ask_admin(proxy, target):
    with proxy.raw("admin") as raw:
        return raw.request("GET", target, host="admin").read_response()


def test_operators_may_see_it(logged, logs):
    (logs / "ide.log").write_text("2026-01-31T12:00:00Z starting\n")
    reply = ask_admin(logged, "/logs?source=ide")
    assert reply.get("Content-Type") == "application/x-ndjson"
    assert json.loads(reply.text)["message"] == "starting"
    assert "listening" in ask_admin(logged, "/logs").text
    reply = ask_admin(logged, "/logs?lines=x")
    assert reply.status == 400 and "lines" in reply.json()["detail"]


def test_operators_see_as_much_as_users(logged, client, logs):
    """Long logs come whole, chunked, and over a limit of readers the answer is clear."""
    with open(logs / "ide.log", "w") as file:
        for i in range(4000):
            file.write(f"2026-01-31T12:00:00Z {i:04} {'x' * 200}\n")
    reply = ask_admin(logged, "/logs?source=ide&lines=1000")
    assert reply.get("Transfer-Encoding") == "chunked"
    lines = [json.loads(line)["message"][:4] for line in reply.text.splitlines()]
    assert lines == [f"{i:04}" for i in range(3000, 4000)]
    rare = f"2026-01-31T11:00:00Z ERROR rare\n{'2026-01-31T12:00:00Z usual' + chr(10)}".encode()
    (logs / "ide.log").write_bytes(rare + b"x\n" * 500000)
    assert json.loads(ask_admin(logged, "/logs?level=error").text)["message"] == "ERROR rare", "the last 1 MiB"


def test_operators_who_do_not_read(logged, logs):
    for i in range(8):  # more than the kernel takes
        (logs / f"{i}.log").write_bytes((b"\xff" * 8000 + b"\n") * 131)
    with contextlib.ExitStack() as stack:
        raws = [stack.enter_context(logged.raw("admin")) for _ in range(2)]
        for raw in raws:
            raw.request("GET", "/logs?lines=1000", host="admin")
            assert b" 200 " in raw.read_until(b"\r\n")
        reply = ask_admin(logged, "/logs")
        assert reply.status == 503 and reply.json()["error"] == "too_many_readers"
        assert ask_admin(logged, "/ping").status == 200
        raws[0].close()
        wait_until(lambda: ask_admin(logged, "/logs?lines=1").status == 200, what="a free place")


def test_operators_have_to_switch_it_on(make_proxy, gitlab, upstream, relay):
    assert ask_admin(make_proxy(gitlab, upstream, ADMIN_LOGS=None), "/logs").status == 404
    assert "listening" in ask_admin(relay, "/logs").text


def test_lines_of_the_clone_worker(make_proxy, gitlab, upstream, client, tmp_path):
    proxy = make_proxy(
        gitlab, upstream, CLONE_URL=f"{gitlab.url}/group/none.git", CLONE_DIR=str(tmp_path / "none")
    )
    sign_in(client, proxy)
    proxy.wait_for_log(message="clone: failed")
    lines = records(client.fetch(proxy.origin + LOG + "?source=clone"))
    failed = next(r for r in lines if r["message"] == "clone failed")
    assert failed["source"] == "clone" and failed["level"] == "warn" and failed["fields"]["problem"] == "not_found"
    assert proxy.log_entries(message="clone failed"), "it is on standard error, too"


def test_following(logged, client, logs):
    (logs / "ide.log").write_text("before\n")
    with Follower(logged, client, "?source=ide") as follower:
        assert follower.head.get("Content-Type") == "text/event-stream"
        assert next(follower.events()) == "event: begin\ndata: {}"
        follower.wait_for("before")
        with open(logs / "ide.log", "a") as file:
            for i in range(20):
                file.write(f"line {i}\n")
                file.flush()
                assert follower.wait_for(f"line {i}")["fields"] == {"file": "ide.log"}
        os.rename(logs / "ide.log", logs / "ide.log.1")
        (logs / "ide.log").write_text("rotated\n")
        follower.wait_for("rotated")
        (logs / "more.log").write_text("another file\n")
        follower.wait_for("another file")
        os.truncate(logs / "ide.log", 0)
        with open(logs / "ide.log", "a") as file:
            file.write("anew\n")
        follower.wait_for("anew")


def test_own_lines_are_followed(logged, client, make_client):
    with Follower(logged, client, "?source=proxy&lines=0") as follower:
        sign_in(make_client(), logged, "robin")
        refused = next(r for r in follower.records() if "login" in r["message"])
        assert refused["source"] == "proxy"


def test_the_end_of_the_session_ends_it(logged, client):
    with Follower(logged, client) as follower:
        assert next(follower.events()).startswith("event: begin")
        page = client.navigate(logged.origin + "/oauth2/sign_out")
        client.submit(page, page.form())
        list(follower.events())
        assert client.fetch(logged.origin + LOG).status == 401


def test_draining_ends_it(logged, client):
    with Follower(logged, client) as follower:
        assert next(follower.events()).startswith("event: begin")
        ending = threading.Thread(target=logged.stop)
        ending.start()
        list(follower.events())
        ending.join()


def test_four_viewers(logged, client):
    with contextlib.ExitStack() as stack:
        followers = [stack.enter_context(Follower(logged, client)) for _ in range(4)]
        assert [f.head.status for f in followers] == [200] * 4
        refused = client.fetch(logged.origin + LOG)
        assert refused.status == 429 and "four viewers" in refused.json()["detail"]
        assert "four viewers" in client.navigate(logged.origin + LOG).text
        followers[0].raw.close()
        wait_until(lambda: client.fetch(logged.origin + LOG).status == 200, what="a free place")


def test_nothing_is_read_while_nobody_watches(logged, client, logs):
    (logs / "ide.log").write_text("before\n")
    before = open_files(logged)
    with Follower(logged, client) as follower:
        follower.wait_for("before")
        wait_until(lambda: open_files(logged).count("anon_inode:inotify") > before.count("anon_inode:inotify"))
        assert str(logs / "ide.log") in open_files(logged)
    wait_until(lambda: open_files(logged) == before, what="closed files")


def test_what_a_user_puts_in_the_place_of_a_file(logged, client, logs, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret\n")
    os.symlink(secret, logs / "link.log")
    os.symlink("/dev/zero", logs / "zero.log")
    os.mkfifo(logs / "fifo.log")
    os.mkdir(logs / "directory.log")
    (logs / "half.log").write_bytes(b"caf\xc3\n\xff\xfe\x00\x01binary\n\x1b[31mred\x1b[0m\n")
    found = messages(client.fetch(logged.origin + LOG + "?source=ide"))
    assert found == ["caf\ufffd", "\ufffd\ufffdbinary", "red"]


def test_an_unreadable_directory(make_proxy, gitlab, upstream, client, logs):
    os.chmod(logs, 0)
    try:
        proxy = make_proxy(gitlab, upstream, LOG_FILES=f"{logs}/*.log,/nowhere/at/all/*.log,/proc/self/mem")
        sign_in(client, proxy)
        assert records(client.fetch(proxy.origin + LOG + "?source=ide")) == [] or os.geteuid() == 0
    finally:
        os.chmod(logs, 0o700)


def open_files(proxy):
    """Without sockets, which come and go."""
    directory = f"/proc/{proxy.process.pid}/fd"
    targets = []
    for fd in os.listdir(directory):
        with contextlib.suppress(FileNotFoundError):  # closed in the meantime
            targets.append(os.readlink(os.path.join(directory, fd)))
    return sorted(t for t in targets if not t.startswith("socket:"))


class Writer(threading.Thread):
    """Appends as fast as it can, in a ring of two files so that the disk stays small."""

    def __init__(self, path, block):
        super().__init__(daemon=True)
        self.path, self.block, self.ending, self.bytes = path, block, threading.Event(), 0
        self.start()

    def run(self):
        while not self.ending.is_set():
            with open(self.path, "wb", buffering=0) as file:
                for _ in range(64):
                    self.bytes += file.write(self.block)
                    if self.ending.wait(0.005):
                        return

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.ending.set()
        self.join()


def test_a_flood_with_viewers_who_stop_reading(logged, client, make_client, logs):
    """About 100 MB/s in two files, one with a line of 10 MB; four viewers, of whom three read nothing."""
    client.fetch(logged.origin + "/")
    before = logged.own_memory_kib()
    lines = b"2026-01-31T12:00:00Z some line of a log that is far too talkative\n" * 8000
    with Writer(logs / "flood.log", lines), Writer(logs / "long.log", b"x" * 524288):
        with contextlib.ExitStack() as stack:
            followers = [stack.enter_context(Follower(logged, client)) for _ in range(4)]
            reading = followers[0]
            deadline = time.monotonic() + 5
            latencies = []
            most = before
            received = 0
            for event in reading.events():
                received += len(event)
                if time.monotonic() > deadline:
                    break
                if len(latencies) < received // 20000:
                    began = time.monotonic()
                    assert client.fetch(logged.origin + "/").status == 200
                    latencies.append(time.monotonic() - began)
                    most = max(most, logged.own_memory_kib())
    assert received < 8 * 65536 + 65536, "64 KiB a second"
    assert received > 100000, received
    assert sorted(latencies)[len(latencies) // 2] < 0.5, latencies
    if not is_sanitized():
        assert most - before < 1024, f"{most - before} KiB more"


def test_the_reason_among_many_files(make_logging_proxy, gitlab, client, logs):
    """The search takes many steps: the first answers do not wait for it, a later one tells its result."""
    for i in range(3000):
        (logs / f"{i:05}.log").touch()
    (logs / "ide.log").write_text("starting\nworkspace-proxy run: code-server exited with code 3\n")
    proxy = make_logging_proxy(gitlab, EXPLAIN_AFTER="0s")
    sign_in(client, proxy)

    def reason():
        reply = client.request("GET", proxy.origin + "/oauth2/workspace", {"Accept": "application/json"})
        return reply.json()["ide"].get("reason", {}).get("code")

    client.fetch(proxy.origin + "/")
    assert reason() is not None
    wait_until(lambda: reason() == "exited", what="the reason")


def test_ten_thousand_files(logged, client, logs):
    for i in range(10000):
        with open(logs / f"{i:05}.log", "w") as file:
            file.write(f"{i}\n")
    found = messages(client.fetch(logged.origin + LOG + "?source=ide&lines=1000"))
    assert len(found) == 16 and all(f.isdigit() for f in found)
