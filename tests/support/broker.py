# SPDX-License-Identifier: Apache-2.0
"""Requests to the relay's token broker and its answers, made and read independently of the program.

A request is version, host (two bytes of length before it), milliseconds (8 bytes), and a record sealed with
AES-256-GCM: operation, code, verifier, token. Key: HKDF-SHA-256 of the workspace's relay key. An answer is
version and a sealed record. All numbers are big-endian.
"""

import dataclasses
import http.client
import os
import struct

import relay
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

REDEEM, REFRESH, REVOKE = range(3)
OUTCOMES = ("ok", "grant_invalid", "refuses_us", "unavailable", "lost", "denied", "stale")


def text(value, length_bytes=2):
    value = value.encode() if isinstance(value, str) else value
    return len(value).to_bytes(length_bytes, "big") + value


class Reader:
    def __init__(self, data):
        self.data = data

    def bytes(self, count):
        taken, self.data = self.data[:count], self.data[count:]
        assert len(taken) == count, "the record is cut off"
        return taken

    def number(self, count):
        return int.from_bytes(self.bytes(count), "big")

    def text(self, length_bytes=2):
        return self.bytes(self.number(length_bytes)).decode()


@dataclasses.dataclass
class Answer:
    status: int
    outcome: str = ""
    retry_after_s: int = 0
    answered_ms: int = 0
    lifetime_ms: int = 0
    access: str = ""
    refresh: str = ""
    id_token: str = ""
    scope: str = ""
    reason: str = ""


class Channel:
    """What a workspace with this relay key says and hears. changes: head, plain, sealed by functions."""

    def __init__(self, workspace_key, authority):
        self._key = AESGCM(relay.hkdf(workspace_key, b"", b"workspace-proxy broker 1\n", 32))
        self.authority = authority
        self.nonce = None

    def request(self, operation, code="", verifier="", token="", age_s=0, version=1, plain=None, authority=None):
        head = bytes([version]) + text(self.authority if authority is None else authority)
        head += struct.pack(">Q", relay.now_ms() - int(age_s * 1000))
        self.nonce = os.urandom(12)
        if plain is None:
            plain = bytes([operation]) + text(code) + text(verifier) + text(token)
        return head + self.nonce + self._key.encrypt(
            self.nonce, plain, b"workspace-proxy broker request 1\n" + head
        )

    def seal_answer(self, nonce, outcome="ok", access="", refresh="", id_token="", scope="", reason=""):
        plain = bytes([OUTCOMES.index(outcome)]) + struct.pack(">IQQ", 0, relay.now_ms(), 7200000)
        plain += text(access) + text(refresh) + text(id_token, 4) + text(scope) + text(reason)
        own = os.urandom(12)
        return b"\x01" + own + self._key.encrypt(own, plain, b"workspace-proxy broker answer 1\n" + nonce)

    def open_answer(self, body, nonce=None):
        associated = b"workspace-proxy broker answer 1\n" + (nonce or self.nonce)
        assert body[0] == 1
        r = Reader(self._key.decrypt(body[1:13], body[13:], associated))
        answer = Answer(
            200, OUTCOMES[r.number(1)], r.number(4), r.number(8), r.number(8), r.text(), r.text(), r.text(4), r.text(), r.text()
        )
        assert not r.data
        return answer

    def open_request(self, body):
        """(operation, code, verifier, token) of a sidecar's request, for who stands in for the relay."""
        r = Reader(body)
        assert r.number(1) == 1 and r.text() == self.authority
        r.number(8)
        head, nonce = body[: len(body) - len(r.data)], r.bytes(12)
        r = Reader(self._key.decrypt(nonce, r.data, b"workspace-proxy broker request 1\n" + head))
        return nonce, (r.number(1), r.text(), r.text(), r.text())


class Asker:
    """A program that holds a workspace's relay key, without a sidecar."""

    def __init__(self, relay_process, authority, key=None):
        self.relay = relay_process
        self.channel = Channel(key or relay_process.key_for(authority), authority)

    def post(self, body, headers=None):
        """(status, headers, body) of a POST, whatever it holds."""
        host, port = self.relay.address()
        connection = http.client.HTTPSConnection(host, port, context=self.relay.context, timeout=60)
        connection.set_tunnel = None
        try:
            connection._create_connection = lambda _, *more: _connect(host, port)
            connection.host = self.relay.name
            path = self.relay.url.partition("://")[2].partition("/")[2]
            connection.request(
                "POST",
                f"/{path}/token".replace("//", "/"),
                body,
                {"Host": self.relay.host, "Content-Type": "application/octet-stream", **(headers or {})},
            )
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def ask(self, operation, **more):
        status, _, body = self.post(self.channel.request(operation, **more))
        return self.channel.open_answer(body) if status == 200 else Answer(status)


def _connect(host, port):
    import socket

    return socket.create_connection((host, port), timeout=60)


__all__ = ["Answer", "Asker", "Channel", "InvalidTag", "REDEEM", "REFRESH", "REVOKE", "OUTCOMES"]
