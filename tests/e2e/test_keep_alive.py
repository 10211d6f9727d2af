# SPDX-License-Identifier: Apache-2.0
"""Many requests on one connection: kept on both sides, pipelined, and closed."""

import threading


def test_a_hundred_pipelined_requests_are_answered_in_order(stage):
    """Answers of our own and of the upstream, with and without bodies, in one go and byte by byte."""
    kinds = []
    for number in range(100):
        kinds.append(
            [
                (stage.head("GET", f"/echo?{number}"), 200, f"/echo?{number}"),
                (stage.head("GET", "/oauth2/nothing"), 404, None),
                (
                    stage.head("POST", f"/echo?{number}", [("Content-Length", "5")]) + b"hello",
                    200,
                    f"/echo?{number}",
                ),
                (stage.head("GET", "/", signed_in=False), 401, None),
                (
                    stage.head("PUT", f"/echo?{number}", [("Transfer-Encoding", "chunked")])
                    + b"2\r\nhi\r\n0\r\n\r\n",
                    200,
                    f"/echo?{number}",
                ),
                (stage.head("GET", "/oauth2/userinfo"), 200, None),
                (stage.head("GET", "/status/204"), 204, None),
            ][number % 7]
        )
    data = b"".join(k[0] for k in kinds)
    for size in (len(data), 1000, 37):
        with stage.raw(listener="http") as raw:
            sender = threading.Thread(
                target=lambda: [raw.send(data[i : i + size]) for i in range(0, len(data), size)]
            )
            sender.start()
            for _, status, target in kinds:
                response = raw.read_response()
                assert response.status == status
                if target:
                    assert response.json()["target"] == target
            sender.join()
    # A body that is chunked or comes in pieces is the last on its connection.
    used = [c.requests for c in stage.upstream.connections if c.requests]
    assert all(r.method in ("GET", "POST") for requests in used for r in requests[:-1])
    assert len(used) <= 2 + sum(r.method in ("POST", "PUT") for requests in used for r in requests[-1:])


def test_many_pipelined_requests_before_any_answer_is_read(stage):
    """What can't be sent holds up what is read: nothing is lost and nothing piles up."""
    count = 2000
    with stage.raw(listener="http", timeout=30) as raw:
        data = (
            stage.head("GET", "/oauth2/nothing", [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")])
            * count
        )
        sender = threading.Thread(target=lambda: raw.send(data))
        sender.start()
        # Until the proxy takes no more, or has taken all
        sender.join(0.5)
        assert stage.proxy.process.poll() is None
        for _ in range(count):
            assert raw.read_response().status == 404
        sender.join()


def test_a_request_behind_close_is_not_looked_at(stage):
    with stage.raw() as raw:
        raw.send(stage.head(headers=[("Connection", "close")]) + stage.head("GET", "/second"))
        assert raw.read_response().get("Connection") == "close"
        assert raw.is_closed()
    assert len(stage.upstream.requests) == 1


def test_connections_are_kept_on_both_sides(stage):
    with stage.raw() as raw:
        for _ in range(5):
            response = raw.send(stage.head()).read_response()
            assert response.get("Connection") is None and response.status == 200
    assert len([c for c in stage.upstream.connections if c.requests]) == 1
