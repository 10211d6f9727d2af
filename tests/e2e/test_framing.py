# SPDX-License-Identifier: Apache-2.0
"""Request framing (RFC 9112): what is ambiguous or malformed ends the connection, however it comes.

Exact bytes in; what reached the upstream, and what came back, out. Pieces travel over the plain
listener's unix socket, where the sender can see that each was taken before it sends the next.
"""

import contextlib
import re

import pytest
import raw_client

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: @HOST@\r\n@COOKIE@\r\n"
PAD = b"X-Pad: y\r\n"


def get(*lines, target=b"/", version=b"HTTP/1.1", host=b"Host: @HOST@\r\n", end=b"\r\n"):
    return b"GET " + target + b" " + version + b"\r\n" + host + b"".join(lines) + b"@COOKIE@" + end


def post(*lines, body=b"", version=b"HTTP/1.1"):
    return b"POST /p " + version + b"\r\nHost: @HOST@\r\n" + b"".join(lines) + b"@COOKIE@\r\n" + body


CL = b"Content-Length: 5\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"

LENGTHS = [
    *(b"5, 5", b"5,5", b"5,6", b"+5", b"-5", b"-0", b"0x5", b"5a", b"a5", b"5.0", b"5 5", b"5;", b'"5"', b"", b"0o5", b"5_0"),
    *(b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"18446744073709551621"),
    *(b"99999999999999999999999999999999", b"00000000000000000000005", "٥".encode(), b"5\x0b", b"\xa05"),
]
CODINGS = [
    *(b"identity", b"gzip", b"gzip, chunked", b"chunked, chunked", b"chunked, gzip", b"chunked, identity"),
    *(b"chunked;q=1", b"xchunked", b"chunkedx", b"chunked,", b",chunked", b'"chunked"', b"", b"chunke"),
    *(b"\x0bchunked", b"chunked\x0b", b"\xa0chunked", b"\x85chunked", b"cow", b"chunked chunked"),
    *(b"chunked\0", b"\x0cchunked", b"chunked\x0c", b"identity, chunked", b", ,", b"chunked;", b"chunked\xc2\xa0"),
]
FRAMINGS = {
    "length-and-chunked": post(CL, TE, body=HELLO),
    "chunked-and-length": post(TE, CL, body=HELLO),
    "length-zero-and-chunked": post(b"Content-Length: 0\r\n", TE, body=HELLO),
    "length-twice": post(CL, CL, body=b"hello"),
    "length-twice-differing": post(CL, b"Content-Length: 6\r\n", body=b"hello!"),
    "length-in-other-case-twice": post(CL, b"content-LENGTH: 5\r\n", body=b"hello"),
    "chunked-twice": post(TE, TE, body=HELLO),
    "chunked-twice-and-length": post(TE, TE, CL, body=HELLO),
    "length-with-tab-in-name": post(b"Content\tLength: 5\r\n", body=b"hello"),
    "chunked-and-identity": post(TE, b"Transfer-Encoding: identity\r\n", body=HELLO),
    "chunked-in-http10": post(TE, version=b"HTTP/1.0", body=HELLO),
    "length-with-underscore": post(b"Content_Length: 5\r\n", body=b"hello"),
    "coding-with-underscore": post(b"Transfer_Encoding: chunked\r\n", body=HELLO),
    "both-with-underscore": post(CL, b"Transfer_Encoding: chunked\r\n", body=b"hello"),
    "coding-behind-space": post(b"Transfer-Encoding : chunked\r\n", body=HELLO),
    "coding-before-cr": post(b"Transfer-Encoding:\rchunked\r\n", body=HELLO),
    "coding-behind-vt": post(b"\x0bTransfer-Encoding: chunked\r\n", body=HELLO),
    "coding-on-a-fold": post(b"Transfer-Encoding:\r\n chunked\r\n", body=HELLO),
    "coding-behind-bare-lf": post(b"X: y\nTransfer-Encoding: chunked\r\n", body=HELLO),
    "coding-behind-bare-cr": post(b"X: y\rTransfer-Encoding: chunked\r\n", body=HELLO),
    **{
        f"length-and-coding={v!r}": post(CL, b"Transfer-Encoding: " + v + b"\r\n", body=HELLO)
        for v in (b"Chunked", b"chunked ", b"\tchunked", b", chunked", b"chunked,", b"chunked, chunked", b"chunked;ext=val")
    },
    **{
        f"coding-and-length={v!r}": post(TE, b"Content-Length: " + v + b"\r\n", body=HELLO)
        for v in (b"+5", b"abc", b"-1", b"", b"0", b"5, 5")
    },
    "length-and-folded-coding": post(CL, b"Transfer-Encoding:\r\n chunked\r\n", body=HELLO),
    "coding-twice-on-other-lines": post(TE, b"X-Pad: y\r\n", b"Transfer-Encoding: identity\r\n", CL, body=HELLO),
    "length-behind-nul": post(b"X: y\0Content-Length: 5\r\n", body=b"hello"),
    **{f"length={v!r}": post(b"Content-Length: " + v + b"\r\n", body=b"hello") for v in LENGTHS},
    **{f"coding={v!r}": post(b"Transfer-Encoding: " + v + b"\r\n", body=HELLO) for v in CODINGS},
}

SINGLE = {
    f"{name.decode()}-twice": get(name + b": " + first + b"\r\n", PAD, name.swapcase() + b": " + second + b"\r\n")
    for name, first, second in (
        (b"Authorization", b"Bearer a", b"Bearer b"),
        (b"Content-Type", b"text/plain", b"text/html"),
        (b"Expect", b"100-continue", b"100-continue"),
        (b"Max-Forwards", b"1", b"0"),
        (b"Origin", b"https://@HOST@", b"https://evil.example"),
        (b"Sec-WebSocket-Key", b"x", b"x"),
        (b"Sec-WebSocket-Version", b"13", b"13"),
    )
}
CONTROLS = [*range(0x00, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F]
FIELDS = {
    "space-before-colon": get(b"X-Name : y\r\n"),
    "tab-before-colon": get(b"X-Name\t: y\r\n"),
    "space-before-name": get(b" X-Name: y\r\n"),
    "space-before-first-name": get(host=b" Host: @HOST@\r\n"),
    "tab-before-name": get(b"\tX-Name: y\r\n"),
    "space-in-name": get(b"X Name: y\r\n"),
    "empty-name": get(b": y\r\n"),
    "no-colon": get(b"X-Name\r\n"),
    "only-spaces": get(b"  \r\n"),
    "fold": get(b"X-Name: a\r\n b\r\n"),
    "fold-with-tab": get(b"X-Name: a\r\n\tb\r\n"),
    "fold-of-host": get(host=b"Host:\r\n @HOST@\r\n"),
    "bare-lf-in-value": get(b"X-Name: a\nX-Other: b\r\n"),
    "bare-lf-at-end": get(b"X-Name: a\n"),
    "bare-lf-as-end": get(PAD, end=b"\n"),
    "bare-lf-everywhere": get(PAD).replace(b"\r\n", b"\n"),
    "bare-cr-in-value": get(b"X-Name: a\rb\r\n"),
    "bare-cr-as-end": get(PAD, end=b"\r\r\n"),
    "cr-cr-lf": get(b"X-Name: a\r\r\n"),
    "bare-cr-in-name": get(b"X\rName: a\r\n"),
    "non-ascii-name": get("Näme: y\r\n".encode()),
    "0x85-in-name": get(b"X\x85Name: y\r\n"),
    "brackets-in-name": get(b"X[Name]: y\r\n"),
    **{f"{c:#x}-in-value": get(b"X-Name: a%cb\r\n" % c) for c in CONTROLS},
    **{f"{c:#x}-in-name": get(b"X%cName: b\r\n" % c) for c in (0x00, 0x01, 0x0B, 0x1F, 0x7F)},
}

HOSTS = {
    "none": b"",
    "empty": b"Host:\r\n",
    "blank": b"Host:  \r\n",
    "twice": b"Host: @HOST@\r\nHost: @HOST@\r\n",
    "two-different": b"Host: @HOST@\r\nHost: evil.example\r\n",
    "also-with-other-case": b"Host: @HOST@\r\nhOST: @HOST@\r\n",
    **{
        f"{value!r}": b"Host: " + value + b"\r\n"
        for value in (
            *(b"@HOST@, @HOST@", b"@HOST@ evil", b"user@@HOST@", b"@HOST@/x", b"@HOST@?x", b"@HOST@#x"),
            *(
                b"a b",
                b"a:b:c",
                b"a:99999",
                b"a:-1",
                b"a:x",
                b":443",
                b"[::1",
                b"::1",
                b"[zz]",
                b"a\\b",
                b"a\tb",
            ),
            *(b"http://@HOST@", b"a%00b", "ä".encode(), b"<script>"),
        )
    },
}
TARGETS = [
    *(
        b"",
        b"a",
        b"index.html",
        b"*",
        b"@HOST@",
        b"http:/x",
        b"http:x",
        b"ftp://@HOST@/",
        b"//",
        b"ws://@HOST@/",
    ),
    *(
        b"https://",
        b"https:///x",
        b"https://?x",
        b"https://user@@HOST@/",
        b"https://a b/",
        b"https://[::1/",
        b"javascript:0",
    ),
    *(
        b"/a b",
        b"/a\tb",
        b"/#x",
        b"/a#b",
        b"/\x00",
        b"/\x7f",
        b"/\x0b",
        "/é".encode(),
        b"/\xc0\xaf",
        b"/\xff",
        b"/\x85",
        b"/a\rb",
        b" /",
        b"/ ",
    ),
]
REQUEST_LINES = {
    **{f"target={t!r}": get(PAD, target=t) for t in TARGETS if t != b"//"},
    "asterisk-with-post": b"POST * HTTP/1.1\r\nHost: @HOST@\r\n@COOKIE@\r\n",
    **{
        f"line={line!r}": line + b"\r\nHost: @HOST@\r\n@COOKIE@\r\n"
        for line in (
            *(
                b"GET /",
                b"GET / ",
                b"GET  / HTTP/1.1",
                b"GET /  HTTP/1.1",
                b"GET / HTTP/1.1 ",
                b" GET / HTTP/1.1",
            ),
            *(
                b"GET\t/ HTTP/1.1",
                b"GET /\tHTTP/1.1",
                b"GET / HTTP/1.1\t",
                b"GET / HTTP /1.1",
                b"G@T / HTTP/1.1",
                b" ",
            ),
            *(
                b"GET / http/1.1",
                b"GET / HTTP/1",
                b"GET / HTTP/1.",
                b"GET / HTTP/11.1",
                b"GET / HTTP/1.10",
                b"/ HTTP/1.1",
            ),
            *(
                b"GET / HTTP/a.1",
                b"GET / HTTP/1,1",
                b"GET / HTTX/1.1",
                b"GET / \0HTTP/1.1",
                b"GET",
                b"G\0T / HTTP/1.1",
                b"\0",
            ),
            *(
                b"GET(x) / HTTP/1.1",
                b"M" * 33 + b" / HTTP/1.1",
                b"GET / HTTP/1.1\r",
                b"GET / HTTP/01.01",
                b"GET / HTTP/ 1.1",
                b"GET / HTTP/1.1x",
                b"\x16\x03\x01 / HTTP/1.1",
            ),
        )
    },
    "two-empty-lines-first": b"\r\n\r\n" + get(PAD),
    "bare-lf-first": b"\n" + get(PAD),
    "bare-cr-first": b"\r" + get(PAD),
}
BAD = {
    **{f"framing-{k}": (400, v) for k, v in FRAMINGS.items()},
    **{f"field-{k}": (400, v) for k, v in FIELDS.items()},
    **{f"single-{k}": (400, v) for k, v in SINGLE.items()},
    **{f"host-{k}": (400, get(PAD, host=v)) for k, v in HOSTS.items()},
    **{f"request-{k}": (400, v) for k, v in REQUEST_LINES.items()},
    **{
        f"version-{v}": (505, get(PAD, version=v.encode()))
        for v in ("HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9")
    },
    "http2-preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "connect": (501, b"CONNECT @HOST@ HTTP/1.1\r\nHost: @HOST@\r\n@COOKIE@\r\n"),
    "connect-elsewhere": (501, b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n"),
    "request-line-too-long": (414, b"GET /" + b"a" * 40000),
    "method-without-end": (414, b"G" * 40000),
    "method-of-100000-bytes": (414, b"A" * 100000 + b" / HTTP/1.1\r\nHost: @HOST@\r\n\r\n"),
    "garbage": (400, bytes(range(255, 127, -1)) * 2),
    "name-too-long": (431, get(b"A" * 300000 + b": y\r\n")),
    "ten-thousand-fields": (431, get(*(b"X-H-%d: value\r\n" % i for i in range(10000)))),
    "field-too-long": (431, get(b"X-Name: " + b"a" * 300000)),
    "fields-too-long": (431, get(*(b"X-Name-%d: %s\r\n" % (i, b"a" * 1000) for i in range(40)))),
    "too-many-fields": (431, get(*[b"a:b\r\n"] * 110)),
    "fields-without-end": (431, get(*[b"a:b\r\n"] * 110, end=b"")),
}


def fill_in(stage, data, signed_in=True):
    cookie = f"Cookie: {stage.cookie}\r\n".encode() if signed_in else b""
    return data.replace(b"@HOST@", stage.host.encode()).replace(b"@COOKIE@", cookie)


def send_in_pieces(stage, pieces):
    """All that comes back until the proxy closes."""
    with stage.raw(listener="http") as raw:
        for piece in pieces:
            try:
                raw.send_and_wait(piece)
            except (BrokenPipeError, ConnectionResetError):
                break
        return raw.read_until_close()


def assert_refused(answer, status):
    head, end, rest = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert end and lines[0].split(b" ")[:2] == [b"HTTP/1.1", b"%d" % status], answer
    assert b"Connection: close" in lines and b"Cache-Control: no-store" in lines, answer
    assert rest and b"Content-Length: %d" % len(rest) in lines, answer


def assert_untouched(upstream):
    assert upstream.received == b"", upstream.received


def bytewise(data):
    return [data[i : i + 1] for i in range(len(data))]


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed-in", "anonymous"])
@pytest.mark.parametrize("name", BAD)
def test_malformed_requests_are_refused(stage, name, signed_in):
    status, data = BAD[name]
    data = fill_in(stage, data, signed_in)
    assert_refused(send_in_pieces(stage, [data + fill_in(stage, SMUGGLED)]), status)
    if len(data) < 2000:
        assert_refused(send_in_pieces(stage, bytewise(data + fill_in(stage, SMUGGLED))), status)
    assert_untouched(stage.upstream)


REPRESENTATIVE = [
    *(
        "framing-length-and-chunked",
        "framing-length-twice",
        "framing-coding-behind-space",
        "framing-coding-on-a-fold",
    ),
    *(
        "framing-coding=b'chunked, chunked'",
        "framing-length=b'18446744073709551621'",
        "field-bare-cr-in-value",
    ),
    *(
        "field-bare-lf-in-value",
        "field-fold",
        "field-cr-cr-lf",
        "host-twice",
        "host-none",
        "request-target=b'/a b'",
    ),
    *("request-line=b'GET / HTTP/1.1\\r'", "request-two-empty-lines-first", "version-HTTP/2.0", "connect"),
]


def send_in_every_two_pieces(stage, data, cuts):
    """The answers, one for each cut. Many connections at a time: what takes long is to wait."""
    cuts = list(cuts)
    for some in (cuts[at : at + 64] for at in range(0, len(cuts), 64)):
        with contextlib.ExitStack() as stack:
            open_ones = [stack.enter_context(stage.raw(listener="http")) for _ in some]
            for raw, cut in zip(open_ones, some):
                raw.send(data[:cut])
            for raw, cut in zip(open_ones, some):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    raw.wait_until_taken().send(data[cut:])
            yield from (raw.read_until_close() for raw in open_ones)


@pytest.mark.parametrize("part", range(8))
def test_malformed_requests_in_every_two_pieces(stage, part):
    for status, data in [b for b in BAD.values() if len(b[1]) < 2000][part::8]:
        data = fill_in(stage, data)
        cuts = range(1, len(data) + 1)
        for answer in send_in_every_two_pieces(stage, data + fill_in(stage, SMUGGLED), cuts):
            assert_refused(answer, status)
    assert_untouched(stage.upstream)


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_malformed_requests_over_tls(stage, name):
    status, data = BAD[name]
    with stage.raw() as raw:
        raw.send(fill_in(stage, data + SMUGGLED))
        assert_refused(raw.read_until_close(), status)
    assert_untouched(stage.upstream)


def test_a_malformed_request_behind_good_ones(stage):
    good, bad = fill_in(stage, get(PAD)), fill_in(stage, BAD["framing-length-twice"][1])
    answer = send_in_pieces(stage, [good + good + bad + good])
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400"]
    assert len(stage.upstream.requests) == 2


# What is odd but clear

ODD = {
    "empty-line-first": (b"\r\n" + get(PAD), "/", b""),
    "spaces-around-value": (get(b"X-Pad: \t y \t \r\n"), "/", b""),
    "no-space-before-value": (get(b"X-Pad:y\r\n"), "/", b""),
    "empty-value": (get(b"X-Pad:\r\n"), "/", b""),
    "obs-text": (get(b"X-Pad: \xff\xe9\r\n"), "/", b""),
    "http-1.2": (get(PAD, version=b"HTTP/1.2"), "/", b""),
    "length-with-zeros": (post(b"Content-Length: 0005\r\n", body=b"hello"), "/p", b"hello"),
    "length-between-spaces": (post(b"Content-Length: \t5 \r\n", body=b"hello"), "/p", b"hello"),
    "length-zero": (post(b"Content-Length: 0\r\n"), "/p", b""),
    "coding-in-capitals": (post(b"TRANSFER-ENCODING: CHUNKED\r\n", body=HELLO), "/p", b"hello"),
    "chunks": (post(TE, body=b"3\r\nhel\r\n002\r\nlo\r\n000\r\n\r\n"), "/p", b"hello"),
    "chunk-in-capitals": (post(TE, body=b"A\r\n0123456789\r\n0\r\n\r\n"), "/p", b"0123456789"),
    "chunk-extensions": (post(TE, body=b'5;a=b;c="d;e"\r\nhello\r\n0;x\r\n\r\n'), "/p", b"hello"),
    "trailers": (post(TE, body=b"5\r\nhello\r\n0\r\nX-One: 1\r\nHost: evil\r\n\r\n"), "/p", b"hello"),
    "trailers-of-framing": (
        post(TE, body=b"5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\n\r\n"),
        "/p",
        b"hello",
    ),
    "trailers-of-identity": (
        post(TE, body=b"5\r\nhello\r\n0\r\nAuthorization: evil\r\nX-Forwarded-User: evil\r\nCookie: evil\r\n\r\n"),
        "/p",
        b"hello",
    ),
    "tab-before-coding": (post(b"Transfer-Encoding:\tchunked \r\n", body=HELLO), "/p", b"hello"),
    "length-double-zero": (post(b"Content-Length: 00\r\n"), "/p", b""),
    "backslash-in-path": (get(PAD, target=b"/a\\b"), "/a\\b", b""),
    "overlapping-ranges": (get(b"Range: bytes=" + b"0-," * 300 + b"0-\r\n"), "/", b""),
    "cookies-that-are-none": (get(b"Cookie: ===;;;\r\n"), "/", b""),
    "empty-cookie": (get(b"Cookie:\r\n"), "/", b""),
    "head-with-body": (b"HEAD /p HTTP/1.1\r\nHost: @HOST@\r\n@COOKIE@Content-Length: 5\r\n\r\nhello", "/p", b"hello"),
    "options-with-body": (b"OPTIONS /p HTTP/1.1\r\nHost: @HOST@\r\n@COOKIE@Content-Length: 5\r\n\r\nhello", "/p", b"hello"),
    "upgrade-in-http-1.0": (
        get(b"Upgrade: websocket\r\nConnection: Upgrade, keep-alive\r\n", version=b"HTTP/1.0"),
        "/",
        b"",
    ),
    "upgrade-that-connection-does-not-name": (get(b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n"), "/", b""),
    "upgrade-of-a-post": (
        post(b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n", body=b"hello"),
        "/p",
        b"hello",
    ),
    "get-with-body": (get(CL) + b"hello", "/", b"hello"),
    "expectation-with-body": (post(CL, b"Expect: 100-continue\r\n", body=b"hello"), "/p", b"hello"),
    "body-that-reads-like-a-request": (
        post(b"Content-Length: 36\r\n", body=b"GET /smuggled HTTP/1.1\r\nHost: evil\r\n"),
        "/p",
        b"GET /smuggled HTTP/1.1\r\nHost: evil\r\n",
    ),
    "length-that-reads-like-octal": (
        post(b"Content-Length: 0010\r\n", body=b"helloworld"),
        "/p",
        b"helloworld",
    ),
    "absolute": (get(PAD, target=b"https://@HOST@/x?y"), "/x?y", b""),
    "absolute-without-path": (get(PAD, target=b"https://@HOST@"), "/", b""),
    "absolute-with-query-only": (get(PAD, target=b"https://@HOST@?q"), "/?q", b""),
    "absolute-in-capitals": (get(PAD, target=b"HTTPS://@HOST@/X"), "/X", b""),
    "absolute-over-other-host": (
        get(PAD, target=b"https://@HOST@/", host=b"Host: evil.example\r\n"),
        "/",
        b"",
    ),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: @HOST@\r\n@COOKIE@\r\n", "*", b""),
    "double-slash": (get(PAD, target=b"//evil.example/x"), "//evil.example/x", b""),
    "unknown-method": (b"BREW /pot HTTP/1.1\r\nHost: @HOST@\r\n@COOKIE@\r\n", "/pot", b""),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_requests_mean_the_same_however_they_come(stage, name):
    data, target, body = ODD[name]
    data = fill_in(stage, data)
    after, keeping = (fill_in(stage, get(field, target=b"/after")) for field in (b"Connection: close\r\n", PAD))
    seen = set()

    def check():
        first, second = sorted(stage.upstream.requests, key=lambda r: r.target == "/after")
        assert (first.target, first.body, first.complete) == (target, body, True)
        assert second.target == "/after"
        assert first.get("Host") == stage.host and b"evil" not in first.head.replace(target.encode(), b"")
        # The one field that may depend on it: see upstream_begin.
        seen.add(re.sub(rb"X-Request-Id: [^\r]*|Connection: close\r\n", b"", first.head))
        stage.upstream.forget()

    for pieces in [data + after], [*bytewise(data), after], [data[:1], data[1:] + after]:
        answer = send_in_pieces(stage, pieces)
        assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"200"], answer
        check()
    with stage.raw(listener="http") as raw:  # on one connection: to open one takes longer than all else
        for at in range(2, len(data)):
            raw.send_and_wait(data[:at])
            raw.send(data[at:] + (after if at + 1 == len(data) else keeping))
            for method in data.split()[0].decode(), "GET":
                response = raw.read_response(method)
                assert response.status == 200 and not response.interim
            check()
        assert raw.read_until_close() == b""
    assert len(seen) == 1, seen


def test_plain_http_on_the_tls_port(stage):
    with stage.proxy.raw(listener="http") as raw:
        assert raw.send(stage.head()).read_response().status == 200
    with raw_client.RawClient(stage.proxy.address("https")) as raw:
        raw.send(stage.head())
        assert b"HTTP/1.1 200" not in raw.read_until_close()
    assert len(stage.upstream.requests) == 1
