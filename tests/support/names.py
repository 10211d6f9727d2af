# SPDX-License-Identifier: Apache-2.0
"""A name server."""

import contextlib
import socket
import struct
import threading


class NameServer:
    """Answers with one address for the names that it knows (RFC 1035); asked: all names."""

    def __init__(self, *known, address="127.0.0.1", listen=("127.0.0.1", 0)):
        self.known, self.asked = known, set()
        self._address = socket.inet_aton(address)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(listen)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, client = self._socket.recvfrom(512)
                self._socket.sendto(self._answer(query), client)

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        name = ".".join(labels)
        self.asked.add(name)
        question = query[12 : at + 5]
        if name not in self.known:
            return query[:2] + struct.pack("!HHHHH", 0x8183, 1, 0, 0, 0) + question
        record = struct.pack("!HHHIH", 0xC00C, 1, 1, 5, 4) + self._address
        return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + record
