#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the token broker costs, for docs/performance.md: CPU of the relay for a login and a renewal with and without
it, what it adds to a login, and memory and CPU per request of a sidecar with and without it. The last two also for
what a process gives up after its start (SECCOMP, LANDLOCK).

	tests/bench/broker_figures.py [COUNT]

The stand-in for GitLab takes most of the time of a login, so latencies are compared, not stated as such.
"""

import contextlib
import hashlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests")]

import broker as broker_module  # noqa: E402
import relay as relay_module  # noqa: E402
from certificates import Certificates  # noqa: E402
from conftest import ProxyMaker, making_gitlabs  # noqa: E402
from raw_client import RawClient  # noqa: E402
from upstream import Upstream  # noqa: E402
from web_client import WebClient  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
VERIFIER = "v" * 43
CHALLENGE = relay_module.encode(hashlib.sha256(VERIFIER.encode()).digest())


def cpu_s(process):
    """User and system time, in nanoseconds' resolution where the kernel has it."""
    with contextlib.suppress(OSError, IndexError):
        with open(f"/proc/{process.process.pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9
    with open(f"/proc/{process.process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Figures:
    def __init__(self, directory, gitlab, upstream, certificates, count):
        self.gitlab, self.upstream, self.count = gitlab, upstream, count
        self.certificates = certificates
        self.maker = ProxyMaker(Path(directory), certificates)
        self.quiet = {"LOG_LEVEL": "info", "ACCESS_LOG": "off", "ADMIN_LOGS": "off"}

    def relay(self, broker):
        more = {"RELAY_REQUESTS_PER_WORKSPACE_MAX": "60000"} if broker else {}
        return self.maker.relay(self.gitlab, broker=broker, **self.quiet, **more)

    def code(self, relay):
        return self.gitlab.state.new_grant(
            600,
            application=relay.application,
            user=self.gitlab.sasha,
            redirect_uri=relay.redirect_uri,
            scopes=relay_module.SCOPE.split(),
            nonce="n",
            challenge=CHALLENGE,
            challenge_method="S256",
            auth_time=int(time.time()),
        ).code

    # The relay

    def pages_ms(self, relay):
        """CPU of the two redirects of a login, each on a connection of its own."""
        authority = f"kiwi.localhost:{relay.ports[0]}"
        box = relay_module.StateBox(relay.master, relay.redirect_uri)
        before = cpu_s(relay)
        for _ in range(self.count):
            text = relay_module.make_request(relay.key_for(authority), authority)
            state, name, value = box.state(authority)
            for path, headers in (
                (f"/start?request={text}", []),
                (f"/callback?code=c&state={state}", [("Cookie", f"{name}={value}")]),
            ):
                with relay.raw() as raw:
                    raw.request("GET", path, host=relay.host, headers=headers)
                    assert raw.read_response().status == 302
        return (cpu_s(relay) - before) * 1000 / self.count

    def broker_ms(self, relay):
        """(redeem, refresh): CPU of each, on connections of their own, GitLab's included."""
        asker = broker_module.Asker(relay, f"kiwi.localhost:{relay.ports[0]}")
        answers = []
        before = cpu_s(relay)
        for _ in range(self.count):
            answer = asker.ask(broker_module.REDEEM, code=self.code(relay), verifier=VERIFIER)
            assert answer.outcome == "ok", answer
            answers.append(answer)
        between = cpu_s(relay)
        for answer in answers:
            assert asker.ask(broker_module.REFRESH, token=answer.refresh).outcome == "ok"
        after = cpu_s(relay)
        return (between - before) * 1000 / self.count, (after - between) * 1000 / self.count

    # The sidecar

    def sidecar(self, relay, **more):
        return self.maker(self.gitlab, self.upstream, relay=relay, **self.quiet, **more)

    def callback_ms(self, proxy):
        """From the callback to the session, as the browser sees it."""
        client = WebClient(self.certificates.context())
        client.sign_in(client.open(f"{self.gitlab.url}/users/sign_in"), "sasha", "sasha-password")
        at_gitlab = client.navigate(client.navigate(proxy.origin + "/").location).location
        callback = client.navigate(client.navigate(at_gitlab).script_location()).location
        started = time.perf_counter()
        reply = client.navigate(callback)
        took_ms = (time.perf_counter() - started) * 1000
        assert reply.status == 302 and client.cookie("__Host-workspace-proxy"), reply.text
        return took_ms, client

    def request_us(self, proxy, client, count=20000):
        """CPU of a small request on a kept connection."""
        cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
        with RawClient(proxy.address(), proxy.context, proxy.name, timeout=60) as raw:
            for step in range(2):  # the first pages code in
                before = cpu_s(proxy)
                for _ in range(count if step else 500):
                    raw.request("GET", "/", host=proxy.host, headers=[("Cookie", cookie)])
                    assert raw.read_response().status == 200
        return (cpu_s(proxy) - before) * 1e6 / count

    def run(self):
        plain, broker = self.relay(False), self.relay(True)
        print("relay, CPU of one login (milliseconds):")
        pages, pages_too = self.pages_ms(plain), self.pages_ms(broker)
        redeem, refresh = self.broker_ms(broker)
        print(f"  without broker: two redirects {pages:.2f}  -> {1000 / pages:.0f} logins per CPU second")
        print(
            f"  with broker: two redirects {pages_too:.2f}, code {redeem:.2f}"
            f"  -> {1000 / (pages_too + redeem):.0f} logins per CPU second"
        )
        print(f"  renewal {refresh:.2f}  -> {1000 / refresh:.0f} renewals per CPU second (without broker: none)")
        print(f"  memory of its own (KiB): without {plain.own_memory_kib()}, with {broker.own_memory_kib()}")
        sidecars = {"without": self.sidecar(plain), "with": self.sidecar(broker)}
        logins, clients = {name: [] for name in sidecars}, {}
        for _ in range(max(10, self.count // 5)):
            for name, proxy in sidecars.items():
                took_ms, clients[name] = self.callback_ms(proxy)
                logins[name].append(took_ms)
        medians = {name: statistics.median(took) for name, took in logins.items()}
        print(f"login, callback to session: with / without = {medians['with'] / medians['without']:.2f}  {medians}")
        self.compare("broker", sidecars, clients)
        sidecars = {
            "without": self.sidecar(plain, SECCOMP="off", LANDLOCK="off"),
            "with": self.sidecar(plain),
        }
        self.compare("restrictions", sidecars, {name: self.callback_ms(proxy)[1] for name, proxy in sidecars.items()})

    def compare(self, what, sidecars, clients):
        """What the sidecar pays for something, in requests and in memory."""
        costs = {name: [] for name in sidecars}
        for _ in range(5):
            for name, proxy in sidecars.items():
                costs[name].append(self.request_us(proxy, clients[name], 4000))
        least = {name: min(cost) for name, cost in costs.items()}
        ratio = least["with"] / least["without"]
        print(f"sidecar and {what}, CPU of a request (microseconds, least of 5): {least}  ratio {ratio:.3f}")
        memory = {name: proxy.own_memory_kib() for name, proxy in sidecars.items()}
        ratio = memory["with"] / memory["without"]
        print(f"sidecar and {what}, memory of its own (KiB): {memory}  ratio {ratio:.3f}")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as directory:
        certificates = Certificates(directory)
        with making_gitlabs(certificates) as make:
            upstream = Upstream()
            figures = Figures(directory, make(tls=True), upstream, certificates, count)
            try:
                figures.run()
            finally:
                figures.maker.check_ends()
                upstream.stop()


if __name__ == "__main__":
    main()
