# SPDX-License-Identifier: Apache-2.0
"""Python's http package with less CPU time: fields without the parser for mail, servers without polling.

parse_headers() takes the place of http.client's, for clients and servers alike, once this module is imported.
"""

import email.parser
import http.client
import http.server
import re
import socket

FIELDS_MAX, LINE_MAX = 100, 65536


def _read_lines(file):
    """The lines of a head up to the empty one, and that one."""
    lines = []
    while True:
        line = file.readline(LINE_MAX + 1)
        if len(line) > LINE_MAX:
            raise http.client.LineTooLong("header line")
        lines.append(line)
        if len(lines) > FIELDS_MAX:
            raise http.client.HTTPException(f"got more than {FIELDS_MAX} headers")
        if line in (b"\r\n", b"\n", b""):
            return lines


PLAIN = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n]*)\r?\n")


def parse_headers(file, _class=http.client.HTTPMessage):
    *lines, last = _read_lines(file)
    fields = list(map(PLAIN.fullmatch, lines))
    if not last or not all(fields):  # cut off, folded or malformed
        text = b"".join([*lines, last]).decode("iso-8859-1")
        return email.parser.Parser(_class=_class).parsestr(text)
    message = _class()
    for field in fields:
        message.set_raw(field[1].decode("ascii"), field[2].decode("iso-8859-1"))
    return message


http.client.parse_headers = parse_headers


class Server(http.server.ThreadingHTTPServer):
    """Sleeps until somebody connects, and ends at once."""

    is_stopping = False

    def serve_forever(self, poll_interval=None):
        while not self.is_stopping:
            self._handle_request_noblock()

    def shutdown(self):
        self.is_stopping = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
