# SPDX-License-Identifier: Apache-2.0
"""Runs the workspace-proxy binary for a test: settings, readiness by its own log, a strict end.

The binary is $WORKSPACE_PROXY_BINARY or $PROXY_BINARY, or build/workspace-proxy.
"""

import collections
import contextlib
import errno
import functools
import itertools
import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import threading
import time

import raw_client
import raw_http2
import relay
import runners

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: \w+Sanitizer|SUMMARY: \w+Sanitizer")
PATIENCE_S = 60  # deadline of a wait that only a fault makes long, however busy the machine is
PREFIX = "WORKSPACE_PROXY_"


def binary():
    named = os.environ.get("WORKSPACE_PROXY_BINARY") or os.environ.get("PROXY_BINARY")
    return os.path.abspath(named or os.path.join(ROOT, "build", "workspace-proxy"))


@functools.cache
def is_sanitized():
    """Whether the binary carries a sanitizer, which takes time, and memory of its own."""
    with open(binary(), "rb") as file:
        return b"__asan_init" in file.read()


def free_port():
    """A port that was free a moment ago: whoever uses it must be ready to try another."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


_reserved = collections.deque(maxlen=64)


def reserve_port():
    """A port for a proxy of ours, which nobody else is given meanwhile.

    The socket that is bound here does not listen: with SO_REUSEADDR on both sides the proxy can bind the same
    port and listen, and the kernel hands it out to nobody else.
    """
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    if len(_reserved) == _reserved.maxlen:
        _reserved[0].close()
    _reserved.append(s)
    return s.getsockname()[1]


def reserve_ipv6_port():
    """For a server at ::1 alone: whoever asks 127.0.0.1 first is refused there, as nobody else is given the number."""
    while True:
        port = reserve_port()
        with socket.socket(socket.AF_INET6) as s:
            try:
                s.bind(("::1", port))
            except OSError as e:
                if e.errno != errno.EADDRINUSE:
                    raise
            else:
                return port


def environment_for(settings):
    """A child's environment: nothing of ours but what is needed, and the settings."""
    kept = "PATH HOME LANG TMPDIR ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS ASAN_SYMBOLIZER_PATH".split()
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99:abort_on_error=0")
    environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1:exitcode=99")
    environment.setdefault("LSAN_OPTIONS", "print_suppressions=0")
    for name, value in settings.items():
        if value is not None:
            is_whole = name.startswith(("OAUTH2_PROXY_", PREFIX))
            environment[name if is_whole else PREFIX + name] = str(value)
    return environment


def sanitizer_report(log):
    """Where a sanitizer's report starts, or None."""
    report = SANITIZER.search(log)
    return report and report.start()


class StartFailed(Exception):
    pass


class Proxy:
    """One process of `workspace-proxy serve`.

    settings: names without the prefix; None leaves one out. secrets: what must never be logged.
    """

    def __init__(self, settings, log_file, secrets=(), arguments=("serve",)):
        self.settings = settings
        self.external_url = settings.get("EXTERNAL_URL")
        self.arguments = list(arguments)
        self.secrets = list(secrets)
        self.listeners = {}  # "https", "http", "admin" -> address text
        self.runner = runners.Plain()
        self.log_file = str(log_file)
        self._lines = []
        self._entries = []  # the lines that are JSON, read
        self._entries_of = collections.defaultdict(list)  # by message
        self.process = None
        self.exit_code = None
        self.context = None  # of clients: trusts the certificate
        self._changed = threading.Condition()
        self._reader = None
        self._ended = False
        self._rest = b""  # of the log: a line whose end was not read yet

    # Life

    def start(self):
        if not os.access(binary(), os.X_OK):
            raise StartFailed(f"{binary()} is not there: run make, or set WORKSPACE_PROXY_BINARY")
        self.process = subprocess.Popen(
            self.runner.command(binary(), self.arguments, self.settings),
            env=environment_for(self.settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=self.runner.pass_fds,
            start_new_session=True,  # a terminal's Ctrl-C is for us, who then end it in order
        )
        os.set_blocking(self.process.stderr.fileno(), False)
        self._reader = threading.Thread(target=self._read_log, args=(self.process,), daemon=True)
        self._reader.start()
        wanted = {name for name in ("https", "http", "admin") if self._wants(name)}
        with self._changed:
            self._changed.wait_for(lambda: self._ended or wanted <= set(self.listeners), PATIENCE_S)
        if not wanted <= set(self.listeners):
            self.kill()
            raise StartFailed(f"not listening on {wanted - set(self.listeners)}:\n{self.log_so_far}")
        return self

    def _wants(self, listener):
        address = self.settings.get(f"{listener.upper()}_ADDRESS")
        return bool(address) and address != "off"

    def _read_log(self, process):
        readable = select.poll()
        readable.register(process.stderr, select.POLLIN)
        with contextlib.suppress(FileNotFoundError):  # the test has passed, and its files are gone
            while self._take_log(process):
                readable.poll()
        with self._changed:
            self._ended |= process is self.process
            self._changed.notify_all()

    def _take_log(self, process):
        """Takes all that the pipe holds. False: nothing more comes."""
        with self._changed, open(self.log_file, "ab") as copy:
            while process is self.process and not self._ended:
                try:
                    block = os.read(process.stderr.fileno(), 65536)
                except BlockingIOError:
                    return True
                copy.write(block)
                *lines, self._rest = (self._rest + (block or b"\n" * bool(self._rest))).split(b"\n")
                for line in lines:
                    self._note(line.decode("utf-8", "replace"))
                if not block:
                    return False
        return False

    def _note(self, line):
        with self._changed:
            self._lines.append(line)
            if entry := _as_json(line):
                self._entries.append(entry)
                self._entries_of[entry.get("message")].append(entry)
            if entry.get("message") == "listening":
                self.listeners[entry.get("listener")] = entry.get("address")
            self._changed.notify_all()

    def stop(self, signal_number=signal.SIGTERM):
        """Asks it to end and waits; the exit code."""
        if self.process is None or self.exit_code is not None:
            return self.exit_code
        if self.process.poll() is None:
            self.runner.signal(self.process, signal_number)
        try:
            self.exit_code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            text = f"still running {PATIENCE_S} s after signal {signal_number}:\n{self.log_so_far}"
            raise AssertionError(text) from None
        self._reader.join(5)
        return self.exit_code

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.exit_code = self.process.wait()
        self._reader.join(5)

    def start_again(self):
        """After an end of whatever kind: a new process with the same settings; the log goes on."""
        assert self.exit_code is not None, "it still runs"
        self.exit_code, self.listeners, self._ended = None, {}, False
        return self.start()

    def check_end(self):
        """What must hold for every process at its end; stops it where the test has not."""
        code = self.stop() if self.exit_code is None else 0
        log = self.log
        report = sanitizer_report(log)
        assert report is None, f"sanitizer report:\n{log[max(0, report - 2000):][:8000]}"
        assert code == 0, f"exit code {code} on SIGTERM\n{log[-8000:]}"
        for secret in self.secrets:
            assert (
                secret not in log
            ), f"a secret is in the log: {[line for line in self.lines if secret in line][:3]}"

    def check_kept_log(self):
        """The lines that users and operators may read hold no secret either. Only while it runs."""
        if self.exit_code is not None or self.process.poll() is not None or "admin" not in self.listeners:
            return
        with contextlib.suppress(OSError, EOFError), self.raw("admin", timeout=10) as raw:
            kept = raw.request("GET", "/logs?lines=1000", host="admin").read_response().text
            for secret in self.secrets:
                assert secret not in kept, "a secret is in the log that is kept"

    # The log. The program writes lines below "warn" once for all that it did since it was woken, so after the
    # responses that they are about: whoever looks at what is there waits until it sleeps again.

    def _settle(self):
        """Waits until all is read that belongs to what the program has sent so far."""
        if self.process and self.exit_code is None:
            wait_until(lambda: not self._is_at_work(), what="the program to wait for something", interval_s=0.001)
        if self.process:
            self._take_log(self.process)

    def _is_at_work(self):
        """Whether it runs, wants to, or waits for a disk: not when it has ended, or was stopped."""
        try:
            with open(f"/proc/{self.runner.pid(self.process)}/stat") as stat:
                return stat.read().rpartition(")")[2].split()[0] in "RD"
        except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            return False

    @property
    def lines(self):
        self._settle()
        with self._changed:
            return list(self._lines)

    @property
    def log(self):
        return "\n".join(self.lines)

    @property
    def log_so_far(self):
        """For messages: waits for nothing."""
        with self._changed:
            return "\n".join(self._lines)

    def log_entries(self, **criteria):
        """The lines that have these fields. Cheap enough to be polled where a message is among them."""
        self._settle()
        with self._changed:
            return list(self._find(criteria))

    def _find(self, criteria, start=0):
        of_message = self._entries_of[criteria["message"]] if "message" in criteria else self._entries
        for entry in itertools.islice(of_message, start, None):
            if all(entry.get(name) == value for name, value in criteria.items()):
                yield entry

    def wait_for_log(self, timeout_s=PATIENCE_S, **criteria):
        """Blocks until a line with these fields was logged; returns it."""
        seen = 0

        def first():
            nonlocal seen
            found = next(self._find(criteria, seen), None)
            seen = len(self._entries_of[criteria["message"]] if "message" in criteria else self._entries)
            return found

        with self._changed:
            if found := self._changed.wait_for(first, timeout_s):
                return found
            raise TimeoutError(f"no log line with {criteria} in {timeout_s} s:\n{self.log_so_far[-4000:]}")

    # Reaching it

    def address(self, listener="https"):
        """(host, port), or the path of a unix socket."""
        text = self.listeners[listener]
        if text.startswith("unix:"):
            return text.removeprefix("unix:")
        host, _, port = text.rpartition(":")
        host = host.strip("[]")
        return ({"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port))

    @property
    def origin(self):
        return self.external_url

    @property
    def host(self):
        """What belongs into Host: name and port."""
        return self.external_url.partition("://")[2]

    @property
    def name(self):
        return self.host.partition(":")[0]

    def raw(self, listener="https", timeout=PATIENCE_S, **more):
        """A RawClient connected to a listener; TLS on "https". With E2E_HTTP=2 that one speaks HTTP/2."""
        if raw_http2.IS_ON and self.settings.get("HTTP2") == "on" and listener == "https" and not more:
            return raw_http2.RawHttp2(self, timeout)
        context = self.context if listener == "https" else None
        return raw_client.RawClient(
            self.address(listener), context, self.name if context else None, timeout=timeout, **more
        )

    def memory_kib(self):
        """Resident set size."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def own_memory_kib(self):
        """Heap and stacks: without pages of the program's file, which are read when they are used first."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))


def _as_json(line):
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def new_cookie_secret():
    return secrets.token_hex(32)


def master_keys(settings):
    """A relay's, by value or from their file as it is now."""
    text = settings.get("RELAY_MASTER_KEY")
    if text is None:
        with open(settings["RELAY_MASTER_KEY_FILE"]) as file:
            text = file.read()
    return text.strip().split(",")


class Relay(Proxy):
    """One process of `workspace-proxy relay`. ports: kept for workspaces below its zones."""

    def __init__(self, settings, log_file, secrets=()):
        super().__init__(settings, log_file, secrets, arguments=("relay",))
        self.external_url = settings["RELAY_URL"]
        self.application = None
        self.ports = []
        self._used_ports = 0

    @property
    def url(self):
        return self.external_url

    @property
    def origin(self):
        return "https://" + self.host

    @property
    def host(self):
        return self.external_url.partition("://")[2].partition("/")[0]

    @property
    def redirect_uri(self):
        return self.url + "/callback"

    @property
    def master(self):
        """The key that seals."""
        return bytes.fromhex(master_keys(self.settings)[0])

    def reuse_ports(self):
        """The workspaces that had them have ended."""
        self._used_ports = 0

    def next_port(self):
        self._used_ports += 1
        return self.ports[self._used_ports - 1]

    def key_for(self, authority):
        return relay.derive_key(self.master, authority)

    @property
    def is_broker(self):
        return bool(self.settings.get("CLIENT_SECRET") or self.settings.get("CLIENT_SECRET_FILE"))

    def settings_for(self, authority):
        """What a sidecar needs to use this relay."""
        return {
            "RELAY_URL": self.url,
            "RELAY_KEY": relay.encode(self.key_for(authority)),
            "CLIENT_ID": self.application.uid,
            **({"BROKER": "on"} if self.is_broker else {"CLIENT_SECRET": self.application.secret}),
        }


def start_with_port(make, next_port=None, attempts=5):
    """make(port) -> Proxy, not started. Another port when this one was taken meanwhile."""
    for attempt in range(attempts):
        proxy = make((next_port or reserve_port)())
        try:
            return proxy.start()
        except StartFailed as e:
            if attempt + 1 == attempts or "ddress already in use" not in str(e):
                raise
    raise AssertionError("unreachable")


def run(arguments, settings=None, timeout_s=PATIENCE_S, input=None):
    """Runs the binary to its end, for `check` and the like; a CompletedProcess with text."""
    return subprocess.run(
        [binary(), *arguments],
        env=environment_for(settings or {}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        input=input,
    )


def wait_until(condition, timeout_s=PATIENCE_S, what="a condition", interval_s=0.02):
    """For what can only be seen by looking: polls, and says what it waited for."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {what}")
        time.sleep(interval_s)
    return value
