#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An editor on 127.0.0.1:60001: a page, and a WebSocket that greets and echoes one frame."""

import http.server
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))

import websocket  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self._greet()
            return
        page = b"This is the editor"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def _greet(self):
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", websocket.accept_value(self.headers["Sec-WebSocket-Key"].encode()))
        self.end_headers()
        self.wfile.write(websocket.frame(websocket.TEXT, b"hello"))
        _, data, _ = websocket.read_frame(self.rfile.read)
        self.wfile.write(websocket.frame(websocket.TEXT, data))
        self.close_connection = True


http.server.ThreadingHTTPServer(("127.0.0.1", 60001), Handler).serve_forever()
