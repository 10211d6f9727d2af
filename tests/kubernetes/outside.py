# SPDX-License-Identifier: Apache-2.0
"""What a workspace needs besides the cluster: GitLab, proxies in front, name servers, and what makes Services work.

Each has an address of its own; containers know their names by /etc/hosts, and trust their authority.
"""

import contextlib
import socket
import threading

import network

GITLAB, RELAY, ROUTER, SERVICES = (f"10.250.0.{number}" for number in (2, 3, 4, 5))
NAMES = {
    "gitlab.example.com": GITLAB,
    "relay.example.com": RELAY,
    "kube-dns.kube-system.svc.cluster.local": network.CONTROL_PLANE,
}
BLOCK_BYTES = 65536


def write_etc(directory, authority_file):
    """Files for /etc of containers."""
    certificates = directory / "ssl" / "certs"
    certificates.mkdir(parents=True)
    (certificates / "ca-certificates.crt").write_bytes(open(authority_file, "rb").read())
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in NAMES.items())]
    (directory / "hosts").write_text("\n".join(lines) + "\n")


def address_of(host):
    """As browsers' name servers say; None: another's."""
    return ROUTER if host.endswith(".ws.example.com") else NAMES.get(host)


def _copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(BLOCK_BYTES):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Forward:
    """Connections to one address lead to another, as kube-proxy and proxies in front that don't end TLS do."""

    def __init__(self, address, port, target):
        self._target = target
        self._listener = socket.create_server((address, port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        # shutdown wakes the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client):
        try:
            server = socket.create_connection(self._target, 20)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for pair in ((client, server), (server, client)):
            threading.Thread(target=_copy, args=pair, daemon=True).start()
