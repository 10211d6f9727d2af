# SPDX-License-Identifier: Apache-2.0
"""Floods, and requests that are large or slow: what the token broker bears, and that others are served meanwhile."""

import concurrent.futures
import re
import socket
import ssl

import pytest
from broker import REDEEM, REFRESH, REVOKE, Asker
from broker_fixtures import VERIFIER, asked, grew_by_less_than, host_of, kiwi, new_code, outcomes, redeem, relay
from proxy import PATIENCE_S, wait_until
from test_metrics import scrape

ANSWER = re.compile(rb"HTTP/1\.1 (\d+) (?:.*\r\n)*?content-length: (\d+)\r\n(?:.+\r\n)*\r\n", re.I)


def head(relay, length):
    return f"POST /token HTTP/1.1\r\nHost: {relay.host}\r\nContent-Length: {length}\r\n\r\n".encode()


def test_only_posts(relay, client):
    reply = client.request("GET", relay.url + "/token")
    assert reply.status == 405 and reply.get("Allow") == "POST"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_megabyte_is_refused_before_it_is_read(relay, kiwi, gitlab, chunked):
    before = relay.own_memory_kib()
    body = iter([b"x" * 65536] * 16) if chunked else b"x" * (1 << 20)
    try:
        status = kiwi.post(body)[0]
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        status = 413  # it was cut off while it sent
    assert status == 413 and not asked(gitlab)
    assert grew_by_less_than(relay, before, 1024)


def test_a_body_that_stalls_ends(relay, kiwi):
    body = kiwi.channel.request(REVOKE, token="t")
    with socket.create_connection(relay.address()) as plain:
        with relay.context.wrap_socket(plain, server_hostname=relay.name) as s:
            s.sendall(head(relay, len(body)) + body[:20])
            s.settimeout(PATIENCE_S / 2)
            assert s.recv(65536).startswith(b"HTTP/1.1 408"), "long before BODY_TIMEOUT"


def many_posts(relay, body, count, at_once=50):
    """On one connection, several before the first is answered. Statuses."""
    statuses, received = [], b""
    with socket.create_connection(relay.address(), timeout=PATIENCE_S) as plain:
        with relay.context.wrap_socket(plain, server_hostname=relay.name) as s:
            for sent in range(0, count, at_once):
                bodies = [body() for _ in range(min(at_once, count - sent))]
                s.sendall(b"".join(head(relay, len(one)) + one for one in bodies))
                while len(statuses) < sent + len(bodies):
                    received += s.recv(1 << 16)
                    while answer := ANSWER.match(received):
                        end = answer.end() + int(answer[2])
                        if len(received) < end:
                            break
                        statuses.append(int(answer[1]))
                        received = received[end:]
    return statuses


def test_ten_thousand_requests_of_one_host(make_relay, gitlab):
    """Each is sealed with its key; GitLab hears of few of them, another workspace is served meanwhile."""
    relay = make_relay(gitlab, broker=True, LOG_LEVEL="info", ACCESS_LOG="off")
    askers = [Asker(relay, host_of(relay)) for _ in range(8)]
    redeem(Asker(relay, host_of(relay, "mango")), gitlab)
    before, started = relay.own_memory_kib(), asked(gitlab)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        flood = [
            pool.submit(many_posts, relay, lambda c=a.channel: c.request(REFRESH, token="wrong"), 1250)
            for a in askers
        ]
        redeem(Asker(relay, host_of(relay, "mango")), gitlab)
        answers = [one for f in flood for one in f.result()]
    assert len(answers) == 10000 and set(answers) == {200}
    limited = outcomes(relay, "refresh", "rate_limited")
    assert limited > 9800 and limited + outcomes(relay, "refresh", "grant_invalid") == 10000
    assert asked(gitlab) - started == 1, "wrong ones are never sent on"
    assert grew_by_less_than(relay, before, 2048)


def test_real_refreshes_of_one_host_are_limited(make_relay, gitlab):
    relay = make_relay(gitlab, broker=True, RELAY_REQUESTS_PER_WORKSPACE_MAX="5")
    kiwi = Asker(relay, host_of(relay))
    answers = [kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER) for _ in range(20)]
    done = [a for a in answers if a.outcome == "ok"]
    limited = [a for a in answers if a.outcome == "unavailable"]
    assert 5 <= len(done) <= 8 and len(done) + len(limited) == 20
    assert all(0 < a.retry_after_s <= 60 and not a.access for a in limited)
    assert asked(gitlab) == len(done)
    assert redeem(Asker(relay, host_of(relay, "mango")), gitlab)


def test_few_at_once_of_one_host(relay, gitlab):
    """GitLab is slow: one workspace keeps four of its places, and others are served."""
    gitlab.faults.add("token", delay_answer_s=PATIENCE_S, times=4)
    codes = [new_code(gitlab, relay) for _ in range(8)]
    kiwis = [Asker(relay, host_of(relay)) for _ in codes]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = [
            pool.submit(a.ask, REDEEM, code=c, verifier=VERIFIER) for a, c in zip(kiwis[:4], codes[:4])
        ]
        gitlab.requests.wait(4, endpoint="token")
        for asker, code in zip(kiwis[4:], codes[4:]):
            answer = asker.ask(REDEEM, code=code, verifier=VERIFIER)
            assert answer.outcome == "unavailable" and answer.reason == "too many requests at once"
        redeem(Asker(relay, host_of(relay, "mango")), gitlab)
        gitlab.faults.released.set()
        assert {f.result().outcome for f in waiting} <= {"ok", "lost"}


def test_the_limit_of_concurrent_requests(relay, gitlab):
    """Sixteen workspaces with four requests each while GitLab is slow: one more is told to wait, at once."""
    gitlab.faults.add("token", delay_s=PATIENCE_S)
    askers = [Asker(relay, host_of(relay, f"w{number // 4}")) for number in range(64)]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        waiting = [pool.submit(a.ask, REDEEM, code="c", verifier=VERIFIER) for a in askers]
        wait_until(
            lambda: scrape(relay).get("workspace_proxy_broker_requests_in_flight") == 64 or any(w.done() for w in waiting),
            what="all places to be taken",
        )
        if not any(w.done() for w in waiting):  # else the machine is too slow for this to be seen
            answer = Asker(relay, host_of(relay)).ask(REDEEM, code="c", verifier=VERIFIER)
            assert answer.outcome == "unavailable" and answer.reason == "too many requests at once"
        gitlab.faults.released.set()
        assert {w.result().outcome for w in waiting} <= {"lost", "unavailable", "grant_invalid"}
    wait_until(
        lambda: scrape(relay).get("workspace_proxy_broker_requests_in_flight") == 0, what="all of them to end"
    )
