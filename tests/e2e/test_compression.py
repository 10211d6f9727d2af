# SPDX-License-Identifier: Apache-2.0
"""Compressed responses: the browser decodes what the IDE sent, at once, and only where it is safe."""

import gzip

import pytest
from content_codings import ALL, SCRIPT, answer_with, decode, fetch, new_decoder

@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("accept, coding", [(ALL, "zstd"), ("gzip, deflate", "gzip"), ("zstd", "zstd")])
def test_scripts_are_compressed(stage, accept, coding, chunked):
    response = fetch(stage, answer_with(chunked=chunked), accept)
    assert (response.get("Content-Encoding"), response.get("Content-Length")) == (coding, None)
    assert response.get_all("Vary") == ["Accept-Encoding"]
    assert len(response.body) < len(SCRIPT) / 4
    assert decode(response) == SCRIPT


@pytest.mark.parametrize("accept", [None, "", "br", "gzip;q=0", "identity"])
def test_a_browser_that_takes_none_gets_none(stage, accept):
    response = fetch(stage, answer_with(), accept)
    assert response.get("Content-Encoding") is None and response.body == SCRIPT
    assert response.get_all("Vary") == ["Accept-Encoding"]
    assert response.get("Content-Length") == str(len(SCRIPT))


@pytest.mark.parametrize(
    "content_type, headers",
    [
        ("text/html", []),
        ("application/json", [("Cache-Control", "private")]),
        ("image/png", []),
        ("text/event-stream", [("Cache-Control", "public")]),
        ("text/css", [("Cache-Control", "no-transform")]),
        ("text/css", [("Content-Encoding", "br")]),
        ("text/css", [("Content-Digest", "sha-256=:AAAA:")]),
    ],
)
def test_what_is_passed_as_it_is(stage, content_type, headers):
    """BREACH: a page that reflects a request beside a secret is not compressed."""
    response = fetch(stage, answer_with(headers, content_type=content_type))
    assert response.body == SCRIPT
    assert response.get_all("Content-Encoding") == [v for n, v in headers if n == "Content-Encoding"]
    assert response.get("Vary") is None


def test_small_and_partial_responses_are_left_alone(stage):
    assert fetch(stage, answer_with(body=b"x" * 1024)).get("Content-Encoding") is None
    ranged = fetch(stage, answer_with(), headers=[("Range", "bytes=0-")])
    assert ranged.get("Content-Encoding") is None and ranged.body == SCRIPT
    posted = fetch(stage, answer_with(), method="POST", headers=[("Content-Length", "0")])
    assert posted.get("Content-Encoding") is None and posted.body == SCRIPT


def test_public_html_and_source_maps(stage):
    public = answer_with([("Cache-Control", "public, max-age=60")], content_type="text/html; charset=utf-8")
    assert decode(fetch(stage, public)) == SCRIPT
    source_map = answer_with(content_type="application/json")
    response = fetch(stage, source_map, path="/main.js.map")
    assert response.get("Content-Encoding") == "zstd" and decode(response) == SCRIPT


def test_the_etag_is_weak_and_ranges_are_not_offered(stage):
    response = fetch(stage, answer_with([("ETag", '"abc"'), ("Accept-Ranges", "bytes"), ("Vary", "Origin")]))
    assert response.get("ETag") == 'W/"abc"' and response.get("Accept-Ranges") is None
    assert response.get_all("Vary") == ["Origin", "Accept-Encoding"]
    plain = fetch(stage, answer_with([("ETag", '"abc"'), ("Accept-Ranges", "bytes")]), accept="br")
    assert plain.get("ETag") == '"abc"' and plain.get("Accept-Ranges") == "bytes"


def test_head_says_what_get_says(stage):
    fields = [("ETag", '"abc"'), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")]
    get = fetch(stage, answer_with(fields))
    head = fetch(stage, answer_with(fields), method="HEAD")
    ours = {"Date", "Transfer-Encoding"}
    assert [h for h in head.headers if h[0] not in ours] == [h for h in get.headers if h[0] not in ours]
    assert head.body == b""


def test_the_upstream_sees_what_the_browser_accepts(stage):
    fetch(stage, answer_with(), "gzip;q=0.5, zstd")
    assert [r.get("Accept-Encoding") for r in stage.upstream.requests] == ["gzip;q=0.5, zstd"]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_no_byte_is_held_back(stage, coding):
    """Each piece can be read by the browser before the next one is sent."""
    pieces = [b"first();\n", b"second();\n" * 3000, b"x", b"last();\n"]

    def respond(connection, request):
        connection.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for piece in pieces:
            assert stage.upstream.event.acquire(timeout=30)
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")

    stage.upstream.answer = respond
    decoder = new_decoder(coding)
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/live.js", [("Accept-Encoding", coding)]))
        assert raw.read_head().get("Content-Encoding") == coding
        chunks = raw.read_chunks()
        for piece in pieces:
            stage.upstream.release_event()
            seen = b""
            while len(seen) < len(piece):
                seen += decoder.decompress(next(chunks))
            assert seen == piece
        assert b"".join(decoder.decompress(chunk) for chunk in chunks) == b""


def test_a_response_that_breaks_off_looks_broken(stage):
    """Even where all that came could be decoded."""

    def respond(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 100000\r\n\r\n")
        connection.send(b"a" * 50000)
        connection.close()
        raise EOFError

    stage.upstream.answer = respond
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/x.css", [("Accept-Encoding", "gzip")]))
        assert raw.read_head().get("Content-Encoding") == "gzip"
        with pytest.raises(EOFError):
            list(raw.read_chunks())


def test_more_at_a_time_than_there_are_compressors(stage):
    """The rest is sent as it is."""
    def respond(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.send(b"%x\r\n%b\r\n" % (len(SCRIPT), SCRIPT))
        assert stage.upstream.event.acquire(timeout=30)
        connection.send(b"0\r\n\r\n")

    stage.upstream.answer = respond
    clients = [stage.raw() for _ in range(12)]
    codings = []
    for raw in clients:
        raw.send(stage.head("GET", "/x.css", [("Accept-Encoding", "gzip")]))
        codings.append(raw.read_head().get("Content-Encoding"))
    assert codings == ["gzip"] * 8 + [None] * 4
    stage.upstream.release_event(len(clients))
    for raw in clients:
        body = b"".join(raw.read_chunks())
        assert body == SCRIPT or gzip.decompress(body) == SCRIPT
        raw.close()
    assert fetch(stage, answer_with(), "gzip").get("Content-Encoding") == "gzip"


def test_compression_can_be_turned_off_and_given_other_types(make_stage):
    stage = make_stage(COMPRESS="off")
    response = fetch(stage, answer_with())
    assert response.body == SCRIPT and response.get("Vary") is None
    stage = make_stage(COMPRESS_TYPES="text/x-special, text/plain")
    assert fetch(stage, answer_with()).get("Content-Encoding") is None
    assert decode(fetch(stage, answer_with(content_type="text/x-special"))) == SCRIPT
