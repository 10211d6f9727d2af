# SPDX-License-Identifier: Apache-2.0
"""Content codings, for tests of compression: upstreams whose answers are worth it, and a client that decodes."""

import gzip
import zlib

import zstandard

SCRIPT = b"".join(b"export function f%d(value) { return value + %d; }\n" % (n, n * 7919) for n in range(9000))
ALL = "gzip, deflate, br, zstd"


def answer_with(headers=(), body=SCRIPT, chunked=False, content_type="text/javascript"):
    """An answering function for the upstream."""

    def respond(connection, request):
        fields = [("Content-Type", content_type), *headers] if content_type else list(headers)
        if not chunked:
            # HEAD as well: what the length of a GET would be, without the body
            if request.method == "HEAD":
                lines = ["HTTP/1.1 200 OK", *(f"{n}: {v}" for n, v in fields), f"Content-Length: {len(body)}"]
                connection.send("\r\n".join(lines) + "\r\n\r\n")
            else:
                connection.send_response(200, fields, body)
            return
        lines = ["HTTP/1.1 200 OK", *(f"{n}: {v}" for n, v in fields), "Transfer-Encoding: chunked"]
        connection.send("\r\n".join(lines) + "\r\n\r\n")
        for at in range(0, len(body), 10007):
            piece = body[at : at + 10007]
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")

    return respond


def new_decoder(coding):
    return zlib.decompressobj(31) if coding == "gzip" else zstandard.ZstdDecompressor().decompressobj()


def decode(response):
    coding = response.get("Content-Encoding")
    if coding == "gzip":
        return gzip.decompress(response.body)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(response.body)
    assert coding is None
    return response.body


def fetch(stage, answer, accept=ALL, method="GET", path="/main.js", headers=()):
    stage.upstream.answer = answer
    accepted = [("Accept-Encoding", accept)] if accept is not None else []
    with stage.raw() as raw:
        return raw.send(stage.head(method, path, [*accepted, *headers])).read_response(method)
