# SPDX-License-Identifier: Apache-2.0
"""What denial-of-service attempts cost while they last, and that nothing of it stays.

Each case opens hundreds of connections that want nothing but to be there. Meanwhile a user is served;
afterwards descriptors and memory are what they were. DOS_FIGURES=FILE appends a row of figures to FILE for
each case: the table in docs/security.md is made of them.
"""

import contextlib
import os
import socket
import time

import pytest
from proxy import is_sanitized, wait_until
from raw_client import RawClient

COUNT = 400
SHORT = dict.fromkeys(("HANDSHAKE_TIMEOUT", "HEAD_TIMEOUT", "BODY_TIMEOUT", "SEND_TIMEOUT", "KEEPALIVE_TIMEOUT"), "3s")
AFTERWARDS_KIB = 8 << 10  # what stays of the allocator's memory, a second later: see give_memory_back
DOWNLOAD = 10**8


def silence(stage, raw):
    """Connects, and that is all."""


def half_a_head(stage, raw):
    raw.send(stage.head()[:-2])


def idle(stage, raw):
    assert raw.send(stage.head(target="/oauth2/nothing")).read_response().status == 404


def large_head(stage, raw):
    """As long as the largest head that an own page takes; most are refused."""
    with contextlib.suppress(OSError):
        raw.send(stage.head()[:-2] + b"Cookie: " + b"a" * 200000)


def slow_body(stage, raw):
    raw.send(stage.head("POST", "/x", [("Content-Length", "1000000")]) + b"a" * 1000)


def form_without_a_session(stage, raw):
    raw.send(stage.head("POST", "/oauth2/sign_out", [("Content-Length", "1000")], signed_in=False) + b"a")


def stalled_download(stage, raw):
    raw.send(stage.head(target=f"/stream/{DOWNLOAD}"))


def pipelined_requests(stage, raw):
    """Responses that are not read."""
    with contextlib.suppress(OSError):
        raw.socket.setblocking(False)
        raw.send(stage.head(target="/oauth2/nothing", signed_in=False) * 500)


def failed_login(stage, raw):
    raw.send(stage.head(target="/oauth2/callback?code=a&state=b", signed_in=False)).read_response()


# name in the table, what each connection does, how many, bound for the memory of all while it lasts
CASES = {
    "silent connections": (silence, COUNT, "http", 8 << 10),
    "TLS connections without a handshake": (silence, COUNT, "https", 48 << 10),
    "incomplete request heads": (half_a_head, COUNT, "http", 16 << 10),
    "idle connections": (idle, COUNT, "http", 16 << 10),
    "incomplete heads of 200 KB": (large_head, COUNT, "http", 48 << 10),
    "uploads that stall": (slow_body, COUNT, "http", 16 << 10),
    "stalled forms without a session": (form_without_a_session, COUNT, "http", 16 << 10),
    "downloads that are not read": (stalled_download, COUNT, "http", 64 << 10),
    "connections with 500 requests and unread responses": (pipelined_requests, COUNT, "http", 48 << 10),
    "failed logins": (failed_login, COUNT, "http", 16 << 10),
}


def count_descriptors(stage):
    return len(os.listdir(f"/proc/{stage.proxy.process.pid}/fd"))


def figures(stage):
    return count_descriptors(stage), stage.proxy.memory_kib()


def connect(stage, listener):
    raw = RawClient(stage.proxy.address(listener))
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return raw


def serve_a_user(stage):
    with stage.raw(listener="http") as raw:
        assert raw.send(stage.head()).read_response().status == 200


def settle(stage):
    """The figures once they have stopped growing."""
    seen = [figures(stage)]
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        time.sleep(0.2)
        seen.append(figures(stage))
        if seen[-1] == seen[-2]:
            break
    return max(s[0] for s in seen), max(s[1] for s in seen)


def note(name, count, before, during, after):
    if path := os.environ.get("DOS_FIGURES"):
        columns = zip(before, during, after)
        with open(path, "a") as file:
            cells = [" → ".join(f"{value:,}" for value in column) for column in columns]
            file.write(f"| {name} | {count} | {cells[0]} | {cells[1]} |\n")


@pytest.mark.parametrize("name", CASES)
def test_resources_are_released_after_an_attack(make_stage, name):
    act, count, listener, most_kib = CASES[name]
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0", **SHORT)
    for _ in range(3):
        serve_a_user(stage)
    before = figures(stage)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            act(stage, stack.enter_context(connect(stage, listener)))
        serve_a_user(stage)
        during = settle(stage)
    wait_until(lambda: count_descriptors(stage) <= before[0] + 2, what="descriptors to be given back")
    serve_a_user(stage)
    if not is_sanitized():
        assert during[1] - before[1] < most_kib, (before, during)
        wait_until(
            lambda: stage.proxy.memory_kib() < before[1] + AFTERWARDS_KIB, what="memory to be given back"
        )
    note(name, count, before, during, figures(stage))


def test_timeouts_alone_end_them(make_stage):
    """Also where the clients never leave."""
    stage = make_stage(HTTP_ADDRESS="127.0.0.1:0", **SHORT)
    before = count_descriptors(stage)
    acts = (silence, half_a_head, idle, slow_body, form_without_a_session, pipelined_requests)
    with contextlib.ExitStack() as stack:
        for act in acts * 20:
            act(stage, stack.enter_context(connect(stage, "http")))
        for _ in range(20):
            stack.enter_context(connect(stage, "https"))
        wait_until(lambda: count_descriptors(stage) <= before + 2, what="the timeouts")
