# SPDX-License-Identifier: Apache-2.0
"""Compression where requests, responses or peers are unusual: what a cache keeps, and what may break off."""

import gzip
import os

import pytest
from content_codings import ALL, SCRIPT, answer_with, decode, fetch, new_decoder
from proxy import is_sanitized, wait_until

CODINGS = pytest.mark.parametrize("coding", ["gzip", "zstd"])
CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nTransfer-Encoding: chunked\r\n"


def send_chunk(connection, data):
    connection.send(b"%x\r\n%b\r\n" % (len(data), data))


# What caches keep


def test_a_reload_is_answered_with_304(stage):
    """The browser sends the weak ETag back, and is told the one that it holds."""
    whole = answer_with([("ETag", '"abc"')])

    def respond(connection, request):
        if (request.get("If-None-Match") or "").removeprefix("W/") == '"abc"':
            connection.send_response(304, [("ETag", '"abc"')])
        else:
            whole(connection, request)

    first = fetch(stage, respond)
    assert first.get("ETag") == 'W/"abc"'
    again = fetch(stage, respond, headers=[("If-None-Match", first.get("ETag"))])
    assert (again.status, again.get_all("ETag"), again.get("Vary")) == (304, ['W/"abc"'], "Accept-Encoding")
    assert stage.upstream.requests[-1].get("If-None-Match") == 'W/"abc"'
    strong = fetch(stage, respond, headers=[("If-None-Match", '"abc"')])
    assert (strong.status, strong.get("ETag"), strong.get("Vary")) == (304, '"abc"', None)


def test_304_is_left_alone_without_compression(make_stage):
    stage = make_stage(COMPRESS="off")
    again = fetch(
        stage,
        lambda connection, request: connection.send_response(304, [("ETag", '"abc"')]),
        headers=[("If-None-Match", 'W/"abc"')],
    )
    assert (again.status, again.get("ETag"), again.get("Vary")) == (304, '"abc"', None)


@pytest.mark.parametrize("name", ["If-Match", "If-Range", "If-None-Match"])
def test_validators_reach_the_upstream_as_they_are(stage, name):
    """It alone knows which comparison counts: a weak one never matches where it has to be strong."""
    value = 'W/"abc"' if name == "If-Range" else 'W/"abc", "x,y"'
    fetch(stage, answer_with([("ETag", '"abc"')]), headers=[(name, value), ("Range", "bytes=0-9")])
    assert stage.upstream.requests[-1].get_all(name) == [value]


@pytest.mark.parametrize(
    "sent, expected",
    [
        (["*"], ["*"]),
        (["accept-encoding"], ["accept-encoding"]),
        (["Origin", "Cookie,Accept-Encoding"], ["Origin", "Cookie,Accept-Encoding"]),
        (["Accept-Encodings"], ["Accept-Encodings", "Accept-Encoding"]),
        ([""], ["", "Accept-Encoding"]),
    ],
)
def test_vary_is_completed(stage, sent, expected):
    response = fetch(stage, answer_with([("Vary", value) for value in sent]))
    assert response.get_all("Vary") == expected and decode(response) == SCRIPT


# What is left alone


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Range", "bytes 0-9/10")],
        [("Content-Type", "text/plain")],  # a second one
        [("Content-Encoding", "identity")],
        [("Content-Encoding", "")],
        [("content-md5", "x")],
        [("Digest", "sha-256=x")],
        [("REPR-DIGEST", "sha-256=:AAAA:")],
        [("Cache-Control", "max-age=0"), ("cache-control", "No-Transform , max-age=1")],
        [("ETag", "abc")],
        [("ETag", '"a"'), ("ETag", '"b"')],
    ],
)
def test_responses_that_name_their_bytes(stage, headers):
    response = fetch(stage, answer_with(headers))
    assert response.body == SCRIPT and response.get("Vary") is None
    for name, _ in headers:
        theirs = [v for n, v in headers if n.lower() == name.lower()]
        assert response.get_all(name)[-len(theirs) :] == theirs


@pytest.mark.parametrize(
    "content_type, headers",
    [
        ("text/html", [("Cache-Control", 'private="x, public"')]),
        ("text/html", [("Cache-Control", "public, no-store")]),
        ("Text/Event-Stream; charset=utf-8", [("Cache-Control", "public")]),
        ("text/javascript, text/event-stream", []),
        ("application/wasm+gzip", []),
        ("font/woff2", []),
        (None, []),
    ],
)
def test_types_that_are_passed_as_they_are(stage, content_type, headers):
    response = fetch(stage, answer_with(headers, content_type=content_type))
    assert response.body == SCRIPT and response.get("Content-Encoding") is None


def test_the_client_may_forbid_it(stage):
    response = fetch(stage, answer_with(), headers=[("Cache-Control", "no-cache, no-transform")])
    assert response.body == SCRIPT and response.get("Content-Encoding") is None
    response = fetch(stage, answer_with(), accept="identity, gzip;q=0.5")
    assert response.body == SCRIPT and response.get("Content-Encoding") is None


@pytest.mark.parametrize("status", [203, 206, 404, 500])
def test_only_200_is_compressed(stage, status):
    def respond(connection, request):
        connection.send_response(status, [("Content-Type", "text/css")], SCRIPT)

    response = fetch(stage, respond)
    assert (response.status, response.body) == (status, SCRIPT) and response.get("Vary") is None


def test_an_announced_digest_stays_true(stage):
    """In the head it forbids compression; a trailer that comes without notice is dropped."""

    def answer_and_announce(*headers):
        def respond(connection, request):
            connection.send(CHUNKED + "".join(f"{h}\r\n" for h in headers) + "\r\n")
            send_chunk(connection, SCRIPT)
            connection.send('0\r\nContent-Digest: sha-256=:AAAA:\r\nETag: "x"\r\nServer-Timing: a\r\n\r\n')

        return respond

    wanted = [("TE", "trailers"), ("Connection", "TE")]
    announced = fetch(stage, answer_and_announce("Trailer: Content-Digest"), headers=wanted)
    assert announced.body == SCRIPT
    assert ("Content-Digest", "sha-256=:AAAA:") in announced.trailers and ("ETag", '"x"') in announced.trailers
    silent = fetch(stage, answer_and_announce(), headers=wanted)
    assert decode(silent) == SCRIPT and silent.get("Content-Encoding") == "zstd"
    assert silent.trailers == [("Server-Timing", "a")]


# How bodies come and go


@CODINGS
def test_an_empty_stream(stage, coding):
    response = fetch(stage, answer_with(body=b"", chunked=True), coding)
    assert response.get("Content-Encoding") == coding and decode(response) == b""


@CODINGS
def test_one_connection_stays_in_step(stage, coding):
    """Also where the requests are pipelined."""
    stage.upstream.answer = answer_with()
    plan = [("GET", coding), ("HEAD", coding), ("GET", "br"), ("GET", coding), ("HEAD", "br"), ("GET", coding)]
    with stage.raw() as raw:
        for method, accept in plan:
            raw.send(stage.head(method, "/main.js", [("Accept-Encoding", accept)]))
        for method, accept in plan:
            response = raw.read_response(method)
            assert response.get("Content-Encoding") == (coding if accept == coding else None)
            assert method == "HEAD" or decode(response) == SCRIPT


@CODINGS
@pytest.mark.parametrize("listener", ["https", "http"])
def test_a_body_of_known_length_that_could_be_spliced(stage, coding, listener):
    body = SCRIPT * 6
    stage.upstream.answer = answer_with(body=body)
    with stage.raw(listener=listener) as raw:
        raw.send(stage.head("GET", "/main.js", [("Accept-Encoding", coding)]))
        response = raw.read_response()
    assert response.get("Content-Encoding") == coding and decode(response) == body


def test_http10(stage):
    """The end of the connection is the end of the body; a reset says that it broke off."""
    head = stage.head("GET", "/main.js", [("Accept-Encoding", "gzip")], version="HTTP/1.0")
    stage.upstream.answer = answer_with()
    with stage.raw(listener="http") as raw:
        response = raw.send(head).read_response()
        assert response.get("Content-Encoding") == "gzip" and gzip.decompress(response.body) == SCRIPT

    def break_off(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 100000\r\n\r\n")
        connection.send(b"a" * 50000)
        raise EOFError

    stage.upstream.answer = break_off
    with stage.raw(listener="http") as raw:
        body = raw.send(head).read_response().body
        with pytest.raises(EOFError):
            gzip.decompress(body)


@CODINGS
@pytest.mark.parametrize("end", [b"", b"zz\r\n", b"5\r\nhel"])
def test_a_chunked_body_that_breaks_off(stage, coding, end):
    def respond(connection, request):
        connection.send(CHUNKED + "\r\n")
        send_chunk(connection, SCRIPT)
        connection.send(end)
        raise EOFError

    stage.upstream.answer = respond
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/main.js", [("Accept-Encoding", coding)]))
        assert raw.read_head().get("Content-Encoding") == coding
        decoder, seen = new_decoder(coding), b""
        with pytest.raises(EOFError):
            for chunk in raw.read_chunks():
                seen += decoder.decompress(chunk)
        assert SCRIPT.startswith(seen[: len(SCRIPT)])


@CODINGS
def test_a_browser_that_does_not_read_holds_the_upstream_back(stage, coding):
    """Of bytes that can't be compressed, so that what is not read has to stay somewhere."""
    total, block, state = 64 << 20, os.urandom(1 << 20), {"sent": 0, "done": False}

    def respond(connection, request):
        connection.send(CHUNKED + "\r\n")
        for _ in range(total // len(block)):
            send_chunk(connection, block)
            state["sent"] += len(block)
        connection.send(b"0\r\n\r\n")
        state["done"] = True

    stage.upstream.answer = respond
    before = stage.proxy.own_memory_kib()
    with stage.raw() as raw:
        raw.send(stage.head("GET", "/main.js", [("Accept-Encoding", coding)]))
        wait_until(lambda: state["sent"] > 0, what="the upstream to begin")
        sizes = [-1]

        def has_stopped():
            sizes.append(state["sent"])
            return len(sizes) > 20 and sizes[-1] == sizes[-20]

        wait_until(has_stopped, what="the upstream to be held back", interval_s=0.05)
        assert state["sent"] < total / 2
        if not is_sanitized():
            assert stage.proxy.own_memory_kib() - before < 4096
        decoder, length = new_decoder(coding), 0
        assert raw.read_head().get("Content-Encoding") == coding
        for chunk in raw.read_chunks():
            length += len(decoder.decompress(chunk))
        assert length == total and state["done"]


@CODINGS
def test_browsers_that_leave_give_compressors_back(stage, coding):
    def endless(connection, request):
        connection.send(CHUNKED + "\r\n")
        while True:
            send_chunk(connection, SCRIPT)

    stage.upstream.answer = endless
    head = stage.head("GET", "/main.js", [("Accept-Encoding", coding)])
    for _ in range(3):
        clients = [stage.raw() for _ in range(8)]
        for raw in clients:
            raw.send(head)
        codings = [raw.read_head().get("Content-Encoding") for raw in clients]
        for raw in clients:
            raw.close()
        assert coding in codings

    def all_are_free():
        stage.upstream.answer = endless
        clients = [stage.raw() for _ in range(8)]
        try:
            return all(raw.send(head).read_head().get("Content-Encoding") == coding for raw in clients)
        finally:
            for raw in clients:
                raw.close()

    wait_until(all_are_free, what="all compressors")


@pytest.mark.parametrize("accept", [ALL, "gzip"])
def test_a_service_worker_and_a_map(stage, accept):
    worker = fetch(stage, answer_with(), accept, path="/sw.js", headers=[("Service-Worker", "script")])
    assert decode(worker) == SCRIPT and worker.get("Content-Encoding")
    code = fetch(stage, answer_with(content_type="Application/JSON; charset=utf-8"), accept, path="/x.css.map?v=1")
    assert decode(code) == SCRIPT and code.get("Content-Encoding")
    data = fetch(stage, answer_with(content_type="application/json"), accept, path="/data?x=.map")
    assert data.body == SCRIPT and data.get("Content-Encoding") is None
