# SPDX-License-Identifier: Apache-2.0
"""Requests while something changes, each of which must succeed."""

import threading

from proxy import wait_until


class Load:
    """Requests without end from some threads: on one connection each, or on a new one each time."""

    def __init__(self, connect, head):
        self.done, self.failures, self.resets = 0, [], 0
        self._connect, self._head = connect, head
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i % 2 == 0,)) for i in range(4)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, keeps):
        raw = None
        while not self._stop.is_set():
            is_new = raw is None
            try:
                raw = raw or self._connect()
                response = raw.send(self._head).read_response()
                if response.status != 200:
                    raise ValueError(f"status {response.status}")
                self.done += 1
                if not keeps or raw.ends_with(response):
                    raw.close()
                    raw = None
            except (ConnectionResetError, EOFError) as e:
                if is_new and (isinstance(e, OSError) or "after b''" in str(e)):
                    self.resets += 1  # before any byte of an answer
                else:
                    self.failures.append(repr(e))
                raw = None
            except Exception as e:
                self.failures.append(repr(e))
                raw = None
        if raw:
            raw.close()

    def wait(self, more):
        wanted = self.done + more
        wait_until(lambda: self.done >= wanted, what=f"{more} more requests")
