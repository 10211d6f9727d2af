# SPDX-License-Identifier: Apache-2.0
"""Bodies on their way: what large ones are made of, how they are received, and where they stand still."""

import time

MIB = 1 << 20
PATTERN = bytes(range(256)) * 256
HEAD = b"HTTP/1.1 200 OK\r\n"


def receive(raw, size, buffer=bytearray(256 * 1024)):
    """size bytes, not kept."""
    left = size - len(raw._buffer)
    del raw._buffer[:size]
    while left > 0:
        got = raw.socket.recv_into(buffer, min(left, len(buffer)))
        assert got, f"{left} bytes before the end"
        left -= got


class Counter:
    def __init__(self):
        self.value = 0

    def settled(self, quiet_s=0.3, timeout_s=60):
        """The value once it has stood still."""
        deadline = time.monotonic() + timeout_s
        last, since = self.value, time.monotonic()
        while time.monotonic() - since < quiet_s:
            assert time.monotonic() < deadline, "never stands still: no backpressure"
            time.sleep(0.01)
            if self.value != last:
                last, since = self.value, time.monotonic()
        return last
