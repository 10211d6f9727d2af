# SPDX-License-Identifier: Apache-2.0
"""WebSockets of an H2Client (RFC 8441)."""

import websocket


class Tunnel:
    """A WebSocket on a stream of browser."""

    def __init__(self, browser, stream):
        self.browser, self.stream = browser, stream
        self.response = browser.responses[stream]
        self.taken = 0

    def send(self, opcode, data, end=False):
        self.browser.send(self.stream, websocket.frame(opcode, data, mask=True), end)

    def _read_exactly(self, size):
        self.browser.wait(lambda: len(self.response.body) >= self.taken + size or self.response.ended)
        if len(self.response.body) < self.taken + size:
            raise EOFError
        self.taken += size
        return bytes(self.response.body[self.taken - size : self.taken])

    def read(self):
        return websocket.read_frame(self._read_exactly)[:2]

    def echo(self, data, opcode=websocket.TEXT):
        self.send(opcode, data)
        assert self.read() == (opcode, data)


def connect_fields(stage, path="/ws", origin=None, protocol="websocket", cookie=True, **more):
    fields = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"), (":path", path)]
    fields += [(":authority", stage.host), ("sec-websocket-version", "13")]
    fields += [("origin", origin or stage.proxy.origin)] if origin != "" else []
    fields += [(name.replace("_", "-"), value) for name, value in more.items()]
    return fields + ([("cookie", stage.cookie)] if cookie else [])


def open_tunnel(browser, stage, **more):
    tunnel = Tunnel(browser, browser.send_fields(connect_fields(stage, **more), end=False))
    browser.wait(lambda: tunnel.response.status)
    return tunnel
