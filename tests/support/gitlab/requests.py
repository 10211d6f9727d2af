# SPDX-License-Identifier: Apache-2.0
"""The log of requests: what the stand-in was asked, for tests to read.

An entry holds names of fields and kinds of credentials, never their values; two uses of one
credential can be told by its digest.
"""

import hashlib
import threading
import time
from dataclasses import asdict, dataclass, field


@dataclass
class Entry:
    endpoint: str  # as faults name it: "token", "graphql", "git-info-refs" …
    method: str
    path: str
    query: list = field(default_factory=list)  # names
    form: list = field(default_factory=list)  # names
    grant_type: str | None = None
    authorization: str = "none"  # "bearer", "basic", "private-token", "cookie"
    credential: str | None = None  # digest of the credential
    user: str | None = None  # whom the credential belongs to, where it was accepted
    user_agent: str = ""
    status: int | None = None  # None: not answered (yet)
    fault: str | None = None
    started_at: float = field(default_factory=time.time)
    ended_at: float | None = None

    def as_dict(self):
        return asdict(self)


def digest(value):
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:16]


class RequestLog:
    """Entries in the order in which requests arrived."""

    def __init__(self):
        self._changed = threading.Condition()
        self._entries = []

    def add(self, entry):
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    def end(self, entry, status):
        with self._changed:
            entry.status = status
            entry.ended_at = time.time()
            self._changed.notify_all()

    def clear(self):
        with self._changed:
            self._entries.clear()

    def all(self, **criteria):
        with self._changed:
            return [e for e in self._entries if all(getattr(e, k) == v for k, v in criteria.items())]

    def count(self, **criteria):
        return len(self.all(**criteria))

    @property
    def refreshes(self):
        return self.count(endpoint="token", grant_type="refresh_token")

    def wait(self, count=1, timeout_s=60, ended=False, **criteria):
        """Blocks until that many matching requests have arrived (ended: were answered whole); returns them."""

        def matching():
            return [e for e in self.all(**criteria) if e.ended_at or not ended]

        with self._changed:
            if not self._changed.wait_for(lambda: len(matching()) >= count, timeout_s):
                raise TimeoutError(
                    f"{len(matching())} of {count} requests with {criteria} in {timeout_s} s"
                )
            return matching()
