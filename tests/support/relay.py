# SPDX-License-Identifier: Apache-2.0
"""The relay's texts, made and read independently of the program, and a balancer before two relays.

A request is "1.<payload>.<mac>": lines of authority, prefix, state, challenge, nonce, scope and
milliseconds, under HMAC-SHA-256 with HKDF-SHA-256(master key, the workspace's authority).
"""

import base64
import contextlib
import hashlib
import hmac
import itertools
import os
import secrets
import socket
import threading
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

COOKIE_PREFIX = "__Host-workspace-relay-"
SCOPE = "openid read_user read_api write_repository"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hkdf(key, salt, info, length):
    """RFC 5869 with SHA-256."""
    seed = hmac.new(salt or bytes(32), key, hashlib.sha256).digest()
    out, block = b"", b""
    for i in itertools.count(1):
        if len(out) >= length:
            return out[:length]
        block = hmac.new(seed, block + info + bytes([i]), hashlib.sha256).digest()
        out += block
    raise AssertionError("unreachable")


def derive_key(master, authority):
    return hkdf(master, b"", b"workspace-proxy relay workspace 1\n" + authority.encode(), 32)


def now_ms():
    return int(time.time() * 1000)


def sign(payload, key):
    mac = hmac.new(key, b"workspace-proxy relay request 1\n" + payload, hashlib.sha256).digest()
    return f"1.{encode(payload)}.{encode(mac)}"


def make_request(key, authority, **changes):
    """A request of a workspace. changes: fields by name; age_s; key_for."""
    age_s = changes.pop("age_s", 0)
    fields = {
        "authority": authority,
        "prefix": "/oauth2",
        "state": f"{secrets.token_hex(4)}.{secrets.token_urlsafe(32)}.0.1",
        "challenge": encode(hashlib.sha256(b"a verifier").digest()),
        "nonce": secrets.token_urlsafe(32),
        "scope": SCOPE,
        "issued_ms": str(now_ms() - int(age_s * 1000)),
    }
    fields.update(changes)
    return sign("\n".join(fields.values()).encode("utf-8"), key)


class StateBox:
    """Seals and opens the state that GitLab is given: base64url(1, key id, nonce, AES-256-GCM)."""

    def __init__(self, master, redirect_uri):
        derived = hkdf(master, redirect_uri.encode(), b"workspace-proxy cookie 1", 36)
        self._key, self._id = AESGCM(derived[:32]), derived[32:]
        self._uri = redirect_uri

    def _associated(self, purpose, name):
        return b"\x01" + self._id + f"{purpose}\n{name}\n{self._uri}".encode()

    def seal(self, purpose, name, plain):
        nonce = os.urandom(12)
        sealed = self._key.encrypt(nonce, plain, self._associated(purpose, name))
        return encode(b"\x01" + self._id + nonce + sealed)

    def open(self, purpose, name, text):
        data = decode(text)
        assert data[:5] == b"\x01" + self._id, "sealed by another key"
        return self._key.decrypt(data[5:17], data[17:], self._associated(purpose, name))

    def state(self, authority, sidecar_state="a.state", prefix="/oauth2", age_s=0, flow=None):
        """(state, cookie name, cookie value) as a start would have given them."""
        flow = flow or f"{int(time.time()):08x}{secrets.token_hex(4)}"
        lines = [flow, authority, prefix, sidecar_state, str(now_ms() - int(age_s * 1000))]
        state = self.seal("relay state", "state", "\n".join(lines).encode())
        name = COOKIE_PREFIX + flow
        return state, name, self.seal("relay cookie", name, hashlib.sha256(state.encode()).digest())


@contextlib.contextmanager
def replicas(make_relay, gitlab, **settings):
    """(balancer, first, second): two processes of one relay behind a balancer that takes them in turn."""
    balancer = Balancer()
    first = make_relay(gitlab, balancer=balancer, **settings)
    same = {k: first.settings[k] for k in ("RELAY_MASTER_KEY", "RELAY_ZONES")}
    second = make_relay(
        gitlab, balancer=balancer, application=first.application, ports=first.ports, **same, **settings
    )
    balancer.targets = [first.address(), second.address()]
    yield balancer, first, second
    balancer.stop()


class Balancer:
    """Passes each connection on to the next of its targets that listens, byte for byte."""

    def __init__(self, targets=()):
        self.targets = list(targets)  # (host, port)
        self.served = []
        self._next = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _connect(self):
        for _ in range(len(self.targets)):
            target = self.targets[self._next % len(self.targets)]
            self._next += 1
            with contextlib.suppress(OSError):
                connection = socket.create_connection(target, timeout=60)
                self.served.append(target)
                return connection
        return None

    def _serve(self, client):
        server = self._connect()
        if server is None:
            client.close()
            return
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        client.close()
        server.close()

    def stop(self):
        self._listener.close()


def _pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
