# SPDX-License-Identifier: Apache-2.0
"""Trailers of responses (RFC 9110 section 6.5): for clients that say "TE: trailers", and only what is safe."""

import gzip

import pytest

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
WANTED = [("TE", "trailers"), ("Connection", "TE")]
TRAILERS = (
    b"Server-Timing: db;dur=53\r\nX-Checksum: 1\r\nSet-Cookie: a=b\r\nset_cookie: __Host-workspace-proxy=evil\r\n"
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nLocation: /evil\r\nAuthorization: x\r\n"
    b"WWW-Authenticate: Basic\r\nCache-Control: public\r\nX-Forwarded-User: root\r\nX-Checksum: 2\r\n"
)
PASSED = [("Server-Timing", "db;dur=53"), ("X-Checksum", "1"), ("X-Checksum", "2")]


def answer_with(stage, data, piece=0):
    def answer(connection, request):
        for at in range(0, len(data), piece or len(data)):
            connection.send(data[at : at + (piece or len(data))])

    stage.upstream.answer = answer


def exchange(stage, headers=WANTED, method="GET", path="/", count=2):
    """The same request several times on one connection: it stays in step."""
    with stage.raw() as raw:
        responses = [raw.send(stage.head(method, path, headers)).read_response(method) for _ in range(count)]
    assert len([c for c in stage.upstream.connections if c.requests]) == 1
    return responses[-1]


@pytest.mark.parametrize("piece", [0, 1, 7])
def test_trailers_pass(stage, piece):
    answer_with(stage, CHUNKED + b"\r\n5\r\nhello\r\n0\r\n" + TRAILERS + b"\r\n", piece)
    response = exchange(stage)
    assert (response.body, response.trailers) == (b"hello", PASSED)


@pytest.mark.parametrize("headers", [[], [("TE", "gzip")], [("TE", "trailers;q=0.5")], [("TE", "Trailer")]])
def test_clients_that_do_not_ask_get_none(stage, headers):
    answer_with(stage, CHUNKED + b"Trailer: X-Checksum\r\n\r\n5\r\nhello\r\n0\r\n" + TRAILERS + b"\r\n")
    response = exchange(stage, headers)
    assert (response.body, response.trailers, response.get("Trailer")) == (b"hello", [], None)
    assert all(r.get("TE") is None for r in stage.upstream.requests)


def test_http10_clients_get_none(stage):
    answer_with(stage, CHUNKED + b"\r\n5\r\nhello\r\n0\r\n" + TRAILERS + b"\r\n")
    with stage.raw() as raw:
        raw.send(stage.head(headers=WANTED).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert raw.read_until_close().partition(b"\r\n\r\n")[2] == b"hello"
    assert stage.upstream.requests[-1].get("TE") is None


@pytest.mark.parametrize("headers", [WANTED, [("TE", "gzip;q=0.5, Trailers")], [("TE", "x"), ("TE", "trailers")]])
def test_the_upstream_is_told_hop_by_hop(stage, headers):
    """RFC 9110 section 10.1.4: only what we can take ourselves, and named by Connection."""
    answer_with(stage, CHUNKED + b"\r\n0\r\n\r\n")
    exchange(stage, headers)
    request = stage.upstream.requests[-1]
    assert (request.get_all("TE"), request.get_all("Connection")) == (["trailers"], ["TE"])


@pytest.mark.parametrize("value, passed", [("X-Checksum, Server-Timing", True), ("X-Checksum, Set-Cookie", False)])
def test_an_announcement_passes_with_what_it_announces(stage, value, passed):
    answer_with(stage, CHUNKED + f"Trailer: {value}\r\n\r\n0\r\n".encode() + TRAILERS + b"\r\n")
    response = exchange(stage)
    assert response.get("Trailer") == (value if passed else None)
    assert response.trailers == PASSED


def test_connection_may_name_trailers(stage):
    answer_with(
        stage,
        CHUNKED + b"Connection: X-Checksum\r\nTrailer: X-Checksum\r\n\r\n0\r\n" + TRAILERS + b"\r\n",
    )
    response = exchange(stage)
    assert (response.get("Trailer"), response.trailers) == (None, [])


@pytest.mark.parametrize("announced", [False, True])
def test_trailers_of_compressed_responses(stage, announced):
    """A digest of other bytes does not pass; one that is announced keeps the response as it is."""
    script = b"let a = 1;\n" * 1000
    head = CHUNKED + b"Content-Type: text/javascript\r\n"
    head += b"Trailer: Content-Digest\r\n" if announced else b""
    end = b"\r\n0\r\nX-Checksum: 1\r\nContent-Digest: sha-256=:x:\r\nETag: x\r\n\r\n"
    answer_with(stage, head + b"\r\n%x\r\n" % len(script) + script + end, piece=999)
    response = exchange(stage, [*WANTED, ("Accept-Encoding", "gzip")])
    assert (response.get("Content-Encoding") == "gzip") == (not announced)
    assert (response.body if announced else gzip.decompress(response.body)) == script
    assert [name for name, _ in response.trailers] == ["X-Checksum", "Content-Digest", "ETag"][: 3 if announced else 1]


@pytest.mark.parametrize("headers", [[], WANTED])
@pytest.mark.parametrize(
    "trailers",
    {
        "no-colon": b"X-Checksum\r\n",
        "space-before-colon": b"X-Checksum : 1\r\n",
        "fold": b"X-Checksum: 1\r\n 2\r\n",
        "bare-lf": b"X-Checksum: 1\n",
        "nul": b"X-Checksum: \0\r\n",
        "empty-name": b": 1\r\n",
        "bare-cr": b"X-Checksum: 1\r2\r\n",
        "too-many": b"X: 1\r\n" * 65,
        "too-long": b"X: " + b"1" * 8192 + b"\r\n",
        "too-long-together": (b"X: " + b"1" * 200 + b"\r\n") * 41,
    }.items(),
    ids=lambda item: item[0],
)
def test_malformed_trailers_fail_the_response(stage, trailers, headers):
    data = CHUNKED + b"\r\n5\r\nhello\r\n0\r\n" + trailers[1] + b"\r\n"
    answer_with(stage, data)
    with stage.raw() as raw:
        assert raw.send(stage.head(headers=headers)).read_response().status == 502
    # The head has left before the rest came.
    split = data.index(b"5\r\n") + 5

    def in_two(connection, request):
        connection.send(data[:split])
        assert stage.upstream.event.acquire(timeout=30)
        connection.send(data[split:])

    stage.upstream.answer = in_two
    with stage.raw() as raw:
        raw.send(stage.head(headers=headers)).read_until(b"\r\n\r\n")
        stage.upstream.release_event()
        assert b"\r\n0\r\n" not in raw.read_until_close()


@pytest.mark.parametrize("trailers", [b"X: 1\r\n" * 64, b"X: " + b"1" * 8190 + b"\r\n"])
def test_trailers_up_to_the_limits_pass(stage, trailers):
    answer_with(stage, CHUNKED + b"\r\n0\r\n" + trailers + b"\r\n", piece=1000)
    assert len(exchange(stage).trailers) == trailers.count(b"\n")


def test_responses_with_a_length_or_none_have_no_trailers(stage):
    answer_with(stage, b"HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 5\r\n\r\nhello")
    response = exchange(stage)
    assert (response.body, response.get("Trailer"), response.trailers) == (b"hello", None, [])
    answer_with(stage, CHUNKED + b"Trailer: X\r\n\r\n")
    assert exchange(stage, method="HEAD").get("Trailer") is None
