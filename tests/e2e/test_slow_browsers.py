# SPDX-License-Identifier: Apache-2.0
"""What browsers that read slowly cost: little more than what one read brought, and nothing afterwards."""

import pytest
from proxy import is_sanitized, wait_until

MIB = 1 << 20
BROWSERS = 40
BODY_BYTES = 64 * MIB
SAMPLES_ALIKE = 15


class Memory:
    def __init__(self, proxy):
        self.path = f"/proc/{proxy.process.pid}/status"
        self.first = self.kib()

    def kib(self):
        with open(self.path) as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))

    def of_each(self):
        return (self.kib() - self.first) / BROWSERS

    def when_settled(self):
        """Of each browser, in KiB, once it does not change any more."""
        samples = []

        def is_settled():
            samples.append(self.kib())
            return len(set(samples[-SAMPLES_ALIKE:])) == 1 and len(samples) >= SAMPLES_ALIKE

        wait_until(is_settled, what="no more changes of memory")
        return self.of_each()

    def wait_below(self, kib):
        """Freed memory goes back after a while, so that what settles first may be more."""
        wait_until(lambda: self.when_settled() < kib, what=f"less than {kib} KiB for each browser")


@pytest.mark.skipif(is_sanitized(), reason="sanitizers take memory of their own")
@pytest.mark.parametrize("listener", ["https", "http"])
@pytest.mark.parametrize("kind", ["stream", "chunked"])
def test_slow_browsers_hold_little_memory(make_stage, listener, kind):
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0", DRAIN_TIMEOUT="1s")
    memory = Memory(stage.proxy)
    raws = [stage.raw(listener=listener) for _ in range(BROWSERS)]
    for raw in raws:
        raw.send(stage.head("GET", f"/{kind}/{BODY_BYTES}"))
    memory.wait_below(250)
    # Those who go on now and then are read for in smaller pieces.
    for _ in range(60):
        for raw in raws:
            left = 100_000
            while left > 0:
                left -= len(raw.socket.recv(left))
    memory.wait_below(150)
    for raw in raws:
        raw.close()
    wait_until(lambda: memory.of_each() < 30, what="memory that is given back")
