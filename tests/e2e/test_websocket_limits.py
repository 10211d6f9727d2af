# SPDX-License-Identifier: Apache-2.0
"""How many WebSockets there may be, and pings of idle ones."""

import pytest
import websocket


def upgrade(stage, raw):
    return raw.upgrade("/ws", stage.host, stage.proxy.origin, [("Cookie", stage.cookie)])


def test_websockets_beyond_the_limit_are_refused(make_stage):
    stage = make_stage(WEBSOCKETS_MAX=2)
    stage.upstream.forget()
    with stage.raw() as one, stage.raw() as two, stage.raw() as three:
        assert upgrade(stage, one).status == 101
        assert upgrade(stage, two).status == 101
        assert upgrade(stage, three).status == 429
        assert three.send(stage.head()).read_response().status == 200
        assert len(stage.upstream.requests) == 3
        two.close()
        stage.proxy.wait_for_log(message="request", path="/ws", status=101)
        assert upgrade(stage, three).status == 101
        one.send_frame(1, b"still here")
        assert one.read_frame()[1] == b"still here"


def test_refused_upgrades_leave_room(make_stage):
    """An IDE that says no, and one that breaks off, have opened nothing."""
    stage = make_stage(WEBSOCKETS_MAX=1)
    for answer in (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"", b"HTTP/1.1 101 x\r\n\r\n"):
        for _ in range(3):
            stage.upstream.respond_with(answer)
            with stage.raw() as raw:
                assert upgrade(stage, raw).status in (403, 502)
    stage.upstream.answer = stage.upstream.default_answer
    with stage.raw() as raw:
        assert upgrade(stage, raw).status == 101


@pytest.mark.parametrize("listener", ["https", "http"])
def test_idle_websockets_are_pinged(make_stage, listener):
    stage = make_stage(WEBSOCKET_PING_INTERVAL="100ms", HTTP_ADDRESS="127.0.0.1:0")
    with stage.raw(listener=listener) as raw:
        assert upgrade(stage, raw).status == 101
        for _ in range(3):
            assert raw.read_frame() == (websocket.PING, b"", True)
            raw.send_frame(websocket.PONG)
        raw.send_frame(1, b"hello")
        while (frame := raw.read_frame())[0] == websocket.PING:
            pass
        assert frame == (1, b"hello", True)
        connection = next(c for c in stage.upstream.connections if c.frames)
        assert (websocket.PONG, b"") in connection.frames


def test_a_ping_never_splits_a_frame(make_stage):
    """However long its parts are apart; between the fragments of a message it may come."""
    stage = make_stage(WEBSOCKET_PING_INTERVAL="100ms")
    frame = websocket.frame(1, b"x" * 300, final=False) + websocket.frame(0, b"y" * 70000)

    def answer(connection, request):
        key = request.get("Sec-WebSocket-Key").encode()
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {websocket.accept_value(key)}\r\n\r\n"
        )
        last = 0
        for at in (1, 2, 3, 4, 200, 304, 305, 310, 314, 70000, len(frame)):
            stage.upstream.event.acquire(timeout=0.15)  # never released: a pause
            connection.send(frame[last:at])
            last = at
        stage.upstream.event.acquire(timeout=60)

    stage.upstream.answer = answer
    with stage.raw() as raw:
        assert upgrade(stage, raw).status == 101
        frames = [raw.read_frame()]
        while frames[-1][:2] != (0, b"y" * 70000):
            frames.append(raw.read_frame())
            assert len(frames) < 1000
    assert [f for f in frames if f[0] != websocket.PING] == [(1, b"x" * 300, False), (0, b"y" * 70000, True)]
    assert {f[1] for f in frames if f[0] == websocket.PING} == {b""}


def test_pongs_keep_no_idle_workspace_alive(make_stage):
    stage = make_stage(WEBSOCKET_PING_INTERVAL="200ms", IDLE_SHUTDOWN="4s")
    pings = 0
    with stage.raw() as raw:
        assert upgrade(stage, raw).status == 101
        while (frame := raw.read_frame())[0] == websocket.PING:
            raw.send_frame(websocket.PONG)
            pings += 1
            assert pings < 100, "never ends"
        assert frame[0] == websocket.CLOSE and websocket.close_code(frame[1]) == 1001
    assert pings >= 3 and stage.proxy.process.wait(60) == 0


def test_without_the_setting_nothing_is_pinged(make_stage):
    stage = make_stage()
    with stage.raw() as raw:
        assert upgrade(stage, raw).status == 101
        raw.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            raw.socket.recv(1)
