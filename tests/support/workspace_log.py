# SPDX-License-Identifier: Apache-2.0
"""Readers of a workspace's log."""

import json

LOG = "/oauth2/workspace/log"


def records(reply):
    assert reply.status == 200 and reply.get("Content-Type") == "application/x-ndjson", reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def messages(reply):
    return [r["message"] for r in records(reply)]


def cookie_of(client, proxy):
    return "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))


class Follower:
    """An event stream of the log, read as it comes."""

    def __init__(self, proxy, client, query=""):
        self.raw = proxy.raw()
        headers = [("Accept", "text/event-stream"), ("Cookie", cookie_of(client, proxy))]
        self.raw.request("GET", LOG + query, headers, host=proxy.host)
        self.head = self.raw.read_head()
        self._chunks = self.raw.read_chunks()
        self._text = ""
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.raw.close()

    def events(self):
        for chunk in self._chunks:
            self._text += chunk.decode()
            while "\n\n" in self._text:
                event, _, self._text = self._text.partition("\n\n")
                yield event

    def records(self):
        for event in self.events():
            if event.startswith("data: "):
                yield json.loads(event.removeprefix("data: "))

    def wait_for(self, message):
        for record in self.records():
            self.seen.append(record["message"])
            if record["message"] == message:
                return record
        raise EOFError(f"no {message!r} in {self.seen}")
