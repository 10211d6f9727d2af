# SPDX-License-Identifier: Apache-2.0
"""Misbehaviour that a test switches on while the stand-in runs.

A fault names an endpoint ("token", "user", "graphql", "git" for all of git, "*" for everything)
and says what to do to its answers. Faults act on the wire: unless `status`, `body`, `huge_bytes`
or `invalid_json` replaces the answer, the request is carried out first, so that cutting a refresh's
answer loses the new tokens, as a broken connection would.
"""

import itertools
import threading
from dataclasses import asdict, dataclass, field


@dataclass
class Fault:
    endpoint: str
    times: int | None = None  # how many requests it hits; None: all
    skip: int = 0  # leaves this many requests alone first
    status: int | None = None
    retry_after_s: int | None = None
    headers: dict = field(default_factory=dict)
    body: str | bytes | None = None
    content_type: str | None = None
    invalid_json: bool = False
    huge_bytes: int | None = None  # a JSON document of about this size
    delay_s: float = 0  # before the request is looked at
    delay_answer_s: float = 0  # after it was carried out, before the answer
    stall_after: int | None = None  # bytes of the answer, head included; then silence
    cut_after: int | None = None  # bytes of the answer, head included; then the connection closes
    bytes_per_s: int | None = None
    id: int = 0

    @property
    def replaces_answer(self):
        return (
            self.status is not None
            or self.body is not None
            or self.invalid_json
            or self.huge_bytes is not None
        )

    def matches(self, endpoint):
        return self.endpoint in ("*", endpoint) or endpoint.startswith(self.endpoint + "-")

    def __str__(self):
        plain = Fault(endpoint="")
        return ", ".join(f"{k}={v}" for k, v in asdict(self).items() if v != getattr(plain, k) and k != "id")


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._faults = []
        self.released = threading.Event()  # set when stalled connections shall end

    def add(self, endpoint, **what):
        """Switches a fault on; returns it, for remove()."""
        fault = Fault(endpoint=endpoint, **what)
        with self._lock:
            fault.id = next(self._ids)
            self._faults.append(fault)
        return fault

    def remove(self, fault):
        with self._lock:
            self._faults = [f for f in self._faults if f.id != getattr(fault, "id", fault)]

    def clear(self):
        with self._lock:
            self._faults.clear()

    def all(self):
        with self._lock:
            return list(self._faults)

    def take(self, endpoint):
        """The first fault for a request to this endpoint, counted as used; or None."""
        if endpoint == "control":
            return None
        with self._lock:
            for fault in self._faults:
                if not fault.matches(endpoint) or fault.times == 0:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
