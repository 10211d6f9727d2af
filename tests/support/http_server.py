# SPDX-License-Identifier: Apache-2.0
"""HTTP servers of tests, in threads of the test itself, on ports that the kernel chooses."""

import http.server
import ssl
import threading

import lean_http


class Handler(http.server.BaseHTTPRequestHandler):
    """Says nothing of its own."""

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server:
    """Serves with a class of handlers; with certificates over TLS."""

    def __init__(self, handler, certificates=None):
        self._server = lean_http.Server(("127.0.0.1", 0), handler)
        self.address = self._server.server_address
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.cert, certificates.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.address[1]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
