# SPDX-License-Identifier: Apache-2.0
"""The token broker against workspaces that were taken over, strangers, and GitLab's bad days.

What a workspace would say is made here by support/broker.py, a second implementation.
"""

import concurrent.futures
import hashlib
import http.client
import socket
import ssl
import time
import urllib.parse

import broker as broker_module
import pytest
from broker import REDEEM, REFRESH, REVOKE, Asker
from proxy import PATIENCE_S, is_sanitized, wait_until
from test_assertion import MovedClock
from test_metrics import scrape

VERIFIER = "v" * 43


@pytest.fixture
def relay(make_relay, gitlab):
    return make_relay(gitlab, broker=True, RELAY_REQUESTS_PER_WORKSPACE_MAX="60000")


def host_of(relay, name="kiwi"):
    return f"{name}.localhost:{relay.ports[0]}"


@pytest.fixture
def kiwi(relay):
    return Asker(relay, host_of(relay))


def new_code(gitlab, relay, user=None):
    """What GitLab would send the relay back with."""
    challenge = broker_module.relay.encode(hashlib.sha256(VERIFIER.encode()).digest())
    return gitlab.state.new_grant(
        600,
        application=relay.application,
        user=user or gitlab.sasha,
        redirect_uri=relay.redirect_uri,
        scopes=broker_module.relay.SCOPE.split(),
        nonce="n",
        challenge=challenge,
        challenge_method="S256",
        auth_time=int(time.time()),
    ).code


def redeem(asker, gitlab, user=None):
    answer = asker.ask(REDEEM, code=new_code(gitlab, asker.relay, user), verifier=VERIFIER)
    assert answer.outcome == "ok" and answer.access and answer.refresh and answer.id_token, answer
    return answer


def rejected(relay, reason):
    return scrape(relay).get("workspace_proxy_broker_requests_rejected_total", reason=reason)


def outcomes(relay, operation, outcome):
    return scrape(relay).get("workspace_proxy_broker_requests_total", operation=operation, outcome=outcome)


def grew_by_less_than(relay, before_kib, most_kib):
    return is_sanitized() or relay.own_memory_kib() - before_kib < most_kib


def asked(gitlab):
    return gitlab.requests.count(endpoint="token") + gitlab.requests.count(endpoint="revoke")


# What a workspace gets


def test_a_workspace_never_sees_gitlabs_refresh_token(relay, kiwi, gitlab):
    answer = redeem(kiwi, gitlab)
    token = gitlab.state.tokens[-1]
    assert answer.access == token.access and answer.refresh != token.refresh
    raw = broker_module.relay.decode(answer.refresh)
    assert token.refresh.encode() not in raw and answer.lifetime_ms == 7200000
    assert "read_api" in answer.scope
    renewed = kiwi.ask(REFRESH, token=answer.refresh)
    assert renewed.outcome == "ok" and renewed.refresh != answer.refresh
    assert kiwi.ask(REFRESH, token=answer.refresh).outcome == "grant_invalid", "GitLab has ended the old pair"
    assert kiwi.ask(REVOKE, token=renewed.access).outcome == "ok"
    assert gitlab.state.tokens[-1].revoked


def test_a_stolen_refresh_token_is_of_no_use_elsewhere(relay, kiwi, gitlab, make_client):
    """Neither to another workspace, nor at GitLab itself."""
    answer = redeem(kiwi, gitlab)
    mango = Asker(relay, host_of(relay, "mango"))
    before = asked(gitlab)
    assert mango.ask(REFRESH, token=answer.refresh).outcome == "grant_invalid"
    assert asked(gitlab) == before, "GitLab was not asked"
    form = {
        "grant_type": "refresh_token",
        "refresh_token": answer.refresh,
        "client_id": relay.application.uid,
        "client_secret": relay.application.secret,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = make_client().request("POST", f"{gitlab.url}/oauth/token", headers, urllib.parse.urlencode(form))
    assert reply.status == 400, "not even with the secret"
    assert kiwi.ask(REFRESH, token=answer.refresh).outcome == "ok"


def test_codes_count_once(relay, kiwi, gitlab):
    """The same sealed request, sent twice."""
    body = kiwi.channel.request(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    first, second = (kiwi.channel.open_answer(kiwi.post(body)[2]) for _ in range(2))
    assert (first.outcome, second.outcome) == ("ok", "grant_invalid")
    assert not second.access and not second.refresh


def test_a_code_without_its_verifier(relay, kiwi, gitlab):
    assert kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier="w" * 43).outcome == "grant_invalid"


# Other hosts, other keys


@pytest.mark.parametrize(
    "host",
    "Kiwi.{zone} kiwi.{zone}. a.b.{zone} {zone} .{zone} kiwi.evil.example xn--kiw-cpa.{zone} "
    "kiwi.localhost kiwi.localhost:443 user@kiwi.{zone} kiwi.{zone}/ kiwi.{zone}\0 kiwï.{zone}".split(" ") + [""],
)
def test_hosts_that_are_none_of_ours(relay, gitlab, host):
    """Even with the key of that very spelling."""
    authority = host.format(zone=f"localhost:{relay.ports[0]}")
    status, _, _ = Asker(relay, authority).post(
        Asker(relay, authority).channel.request(REDEEM, code="c", verifier=VERIFIER)
    )
    assert status == 403 and rejected(relay, "zone") == 1 and not asked(gitlab)


def test_another_workspaces_host(relay, kiwi, gitlab):
    mango = Asker(relay, host_of(relay, "mango"), key=relay.key_for(host_of(relay)))
    assert mango.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER).status == 403
    assert mango.ask(REFRESH, token="x").status == 403
    assert rejected(relay, "key") == 2 and not asked(gitlab)


def test_requests_that_were_altered(relay, kiwi, gitlab):
    body = kiwi.channel.request(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    for place in range(len(body)):
        flipped = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert kiwi.post(flipped)[0] in (400, 403), place
    for length in range(0, len(body), 7):
        assert kiwi.post(body[:length])[0] in (400, 403), length
    assert kiwi.post(body + b"\0")[0] == 403
    assert not asked(gitlab)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\x00",
        bytes([3]) + broker_module.text("c") + broker_module.text(VERIFIER) + broker_module.text(""),
        bytes([REDEEM]) + broker_module.text("c") + broker_module.text("short") + broker_module.text(""),
        bytes([REDEEM]) + broker_module.text("c") + broker_module.text(VERIFIER) + broker_module.text("more"),
        bytes([REDEEM]) + broker_module.text("") + broker_module.text(VERIFIER) + broker_module.text(""),
        bytes([REDEEM]) + broker_module.text("a b") + broker_module.text(VERIFIER) + broker_module.text(""),
        bytes([REDEEM]) + broker_module.text("c") + broker_module.text("&" * 43) + broker_module.text(""),
        bytes([REFRESH]) + broker_module.text("c") + broker_module.text("") + broker_module.text("t"),
        bytes([REFRESH]) + broker_module.text("") + broker_module.text("") + broker_module.text(""),
        bytes([REFRESH]) + broker_module.text("") + broker_module.text("") + broker_module.text("t\r\nx"),
        bytes([REVOKE]) + broker_module.text("") + broker_module.text("") + broker_module.text("t" * 4097),
        bytes([REVOKE]) + broker_module.text("") + broker_module.text("") + broker_module.text("t") + b"\0",
        bytes([REVOKE]) + b"\xff\xff",
    ],
)
def test_records_of_a_workspace_that_was_taken_over(relay, kiwi, gitlab, plain):
    assert kiwi.post(kiwi.channel.request(REDEEM, plain=plain))[0] == 400
    assert rejected(relay, "malformed") == 1 and not asked(gitlab)


def test_form_fields_cannot_be_added(relay, kiwi, gitlab):
    """Codes and tokens end up in a form: "&" in them is data."""
    answer = kiwi.ask(REDEEM, code="c&client_id=other&grant_type=password", verifier=VERIFIER)
    assert answer.outcome == "grant_invalid"
    (entry,) = gitlab.requests.all(endpoint="token")
    assert sorted(entry.form) == sorted(set(entry.form)) and entry.grant_type == "authorization_code"


@pytest.mark.parametrize("age_s", [3600, -3600, 65, -65])
def test_clocks_that_differ(relay, kiwi, gitlab, age_s):
    answer = kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER, age_s=age_s)
    assert answer.outcome == "stale" and abs(answer.answered_ms - broker_module.relay.now_ms()) < 60000
    assert not asked(gitlab)


def test_clocks_that_differ_a_little(relay, kiwi, gitlab):
    for age_s in (50, -50):
        answer = kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER, age_s=age_s)
        assert answer.outcome == "ok"


# HTTP


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
            s.sendall(
                f"POST /token HTTP/1.1\r\nHost: {relay.host}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body[:20]
            )
            s.settimeout(PATIENCE_S / 2)
            assert s.recv(65536).startswith(b"HTTP/1.1 408"), "long before BODY_TIMEOUT"


def many_posts(relay, body, count):
    """On one connection. Statuses, and bodies of the answers."""
    host, port = relay.address()
    connection = http.client.HTTPSConnection(relay.name, port, context=relay.context, timeout=PATIENCE_S)
    connection.sock = relay.context.wrap_socket(
        socket.create_connection((host, port)), server_hostname=relay.name
    )
    answers = []
    for _ in range(count):
        connection.request("POST", "/token", body(), {"Host": relay.host})
        reply = connection.getresponse()
        answers.append((reply.status, reply.read()))
    connection.close()
    return answers


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
    assert len(answers) == 10000 and {status for status, _ in answers} == {200}
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


def test_all_places_taken(relay, gitlab):
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


# GitLab's bad days


def test_too_many_requests_for_gitlab(relay, kiwi, gitlab):
    """429 is passed on, and nothing is asked until its Retry-After is over, for nobody."""
    answer = redeem(kiwi, gitlab)
    gitlab.faults.add("token", status=429, retry_after_s=2)
    limited = kiwi.ask(REFRESH, token=answer.refresh)
    assert limited.outcome == "unavailable" and limited.retry_after_s == 2
    gitlab.faults.clear()
    before = asked(gitlab)
    mango = Asker(relay, host_of(relay, "mango"))
    held = mango.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    assert held.outcome == "unavailable" and 1 <= held.retry_after_s <= 2 and asked(gitlab) == before
    wait_until(
        lambda: kiwi.ask(REFRESH, token=answer.refresh).outcome == "ok", what="the end of it", interval_s=0.2
    )


@pytest.mark.parametrize(
    "fault, outcome",
    [
        ({"status": 500}, "unavailable"),
        ({"status": 502}, "unavailable"),
        ({"status": 503, "retry_after_s": 7}, "unavailable"),
        ({"status": 404}, "refuses_us"),
        ({"status": 302, "headers": {"Location": "https://evil.example/"}}, "refuses_us"),
        ({"invalid_json": True}, "unavailable"),
        ({"huge_bytes": 1 << 20}, "lost"),
        ({"cut_after": 0}, "lost"),
        ({"cut_after": 300}, "lost"),
        ({"status": 400, "body": '{"error":"invalid_client"}'}, "refuses_us"),
    ],
)
def test_failures_are_passed_on_by_kind(relay, kiwi, gitlab, fault, outcome):
    answer = redeem(kiwi, gitlab)
    before = relay.own_memory_kib()
    gitlab.faults.add("token", times=1, **fault)
    failed = kiwi.ask(REFRESH, token=answer.refresh)
    assert failed.outcome == outcome, failed
    assert failed.retry_after_s == fault.get("retry_after_s", 0)
    assert not failed.access and not failed.refresh and not failed.id_token
    assert grew_by_less_than(relay, before, 2048)
    assert outcomes(relay, "refresh", outcome) == 1


def test_tokens_of_nobody_are_revoked(relay, kiwi, gitlab):
    """An answer that does not say whose they are can't be held against the operator's list."""
    gitlab.settings.token_fields_left_out = ["id_token"]
    answer = kiwi.ask(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    assert answer.outcome == "lost" and not answer.access
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")


def test_a_refresh_that_changes_the_user(relay, kiwi, gitlab):
    answer = redeem(kiwi, gitlab)
    gitlab.settings.id_token_claims = {"sub": str(gitlab.robin.id)}
    assert kiwi.ask(REFRESH, token=answer.refresh).outcome == "lost"
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")


def test_answers_without_a_new_refresh_token(relay, kiwi, gitlab):
    """The old one is wrapped again, as the one that there is (RFC 6749 section 6)."""
    answer = redeem(kiwi, gitlab)
    gitlab.settings.token_fields_left_out = ["refresh_token", "id_token"]
    again = kiwi.ask(REFRESH, token=answer.refresh)
    assert again.outcome == "ok" and again.refresh and again.refresh != answer.refresh


def test_a_sidecar_that_goes_away_leaves_no_tokens(relay, kiwi, gitlab):
    gitlab.faults.add("token", delay_answer_s=PATIENCE_S, times=1)
    body = kiwi.channel.request(REDEEM, code=new_code(gitlab, relay), verifier=VERIFIER)
    with socket.create_connection(relay.address()) as plain:
        with relay.context.wrap_socket(plain, server_hostname=relay.name) as s:
            head = f"POST /token HTTP/1.1\r\nHost: {relay.host}\r\nContent-Length: {len(body)}\r\n\r\n"
            s.sendall(head.encode() + body)
            gitlab.requests.wait(1, endpoint="token")
    wait_until(
        lambda: scrape(relay).get("workspace_proxy_broker_requests_in_flight") == 0, what="the relay to notice"
    )
    gitlab.faults.released.set()
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")


# The operator's list


def write(path, content):
    path.with_suffix(".new").write_text(content)
    path.with_suffix(".new").replace(path)


@pytest.fixture
def deny(tmp_path):
    path = tmp_path / "deny"
    path.write_text("")
    return path


@pytest.fixture
def listed(make_relay, gitlab, deny):
    return make_relay(gitlab, broker=True, RELAY_DENY_FILE=str(deny), RELOAD_INTERVAL="20ms")


def change(relay, deny, content):
    count = len(relay.log_entries(message="reloaded", part="deny list"))
    write(deny, content)
    wait_until(lambda: len(relay.log_entries(message="reloaded", part="deny list")) > count)


def test_a_denied_workspace(listed, gitlab, deny):
    kiwi, mango = (Asker(listed, host_of(listed, name)) for name in ("kiwi", "mango"))
    mine, other = redeem(kiwi, gitlab), redeem(mango, gitlab)
    change(listed, deny, f"# taken over on Friday\nhost {host_of(listed).upper()}  # kiwi\n\n")
    before = asked(gitlab)
    assert kiwi.ask(REFRESH, token=mine.refresh).outcome == "denied"
    assert kiwi.ask(REDEEM, code=new_code(gitlab, listed), verifier=VERIFIER).outcome == "denied"
    assert asked(gitlab) == before
    assert kiwi.ask(REVOKE, token=mine.access).outcome == "ok", "signing out goes on"
    assert mango.ask(REFRESH, token=other.refresh).outcome == "ok"
    assert outcomes(listed, "refresh", "denied_workspace") == 1
    assert scrape(listed).get("workspace_proxy_broker_deny_entries") == 1
    change(listed, deny, "")
    assert kiwi.ask(REDEEM, code=new_code(gitlab, listed), verifier=VERIFIER).outcome == "ok"


def test_a_denied_user(listed, gitlab, deny):
    """In every workspace; tokens of a new login are revoked."""
    kiwi = Asker(listed, host_of(listed))
    mine, other = redeem(kiwi, gitlab), redeem(kiwi, gitlab, gitlab.robin)
    change(listed, deny, f"user {gitlab.sasha.id}\n")
    assert kiwi.ask(REFRESH, token=mine.refresh).outcome == "denied"
    answer = kiwi.ask(REDEEM, code=new_code(gitlab, listed), verifier=VERIFIER)
    assert answer.outcome == "denied" and not answer.access
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")
    assert kiwi.ask(REFRESH, token=other.refresh).outcome == "ok"
    assert outcomes(listed, "redeem", "denied_user") == 1


def test_denied_while_gitlab_answers(listed, gitlab, deny):
    kiwi = Asker(listed, host_of(listed))
    mine = redeem(kiwi, gitlab)
    gitlab.faults.add("token", delay_answer_s=PATIENCE_S, times=1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(kiwi.ask, REFRESH, token=mine.refresh)
        gitlab.requests.wait(2, endpoint="token")
        change(listed, deny, f"host {host_of(listed)}")
        gitlab.faults.released.set()
        assert answer.result().outcome == "denied"
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")


@pytest.mark.parametrize("content", ["host", "user sasha", "kiwi.ws.example.com", "user 0", "host a b", "host *.x"])
def test_a_list_that_is_wrong_changes_nothing(listed, gitlab, deny, content):
    kiwi = Asker(listed, host_of(listed))
    mine = redeem(kiwi, gitlab)
    change(listed, deny, f"host {host_of(listed)}\n")
    write(deny, f"# one\n{content}\n")
    line = listed.wait_for_log(message="not reloaded; the old one stays", part="deny list")
    assert "line 2" in line["error"]
    deny.unlink()
    assert kiwi.ask(REFRESH, token=mine.refresh).outcome == "denied"


def test_a_wrong_list_at_the_start(make_relay, gitlab, deny):
    import proxy as proxy_module

    deny.write_text("nobody\n")
    with pytest.raises(proxy_module.StartFailed, match="line 1: expected"):
        make_relay(gitlab, broker=True, RELAY_DENY_FILE=str(deny))


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer wants to be the first library")
def test_renewals_end_some_time_after_the_login(make_relay, gitlab, tmp_path):
    """However often there were some since."""
    clock = MovedClock(tmp_path)
    relay = make_relay(gitlab, broker=True, RELAY_RENEW_MAX="1h", runner=clock)
    kiwi = Asker(relay, host_of(relay))
    answer = redeem(kiwi, gitlab)
    for ahead_s in (1800, 3590):
        clock.set(ahead_s)
        answer = kiwi.ask(REFRESH, token=answer.refresh, age_s=-ahead_s)
        assert answer.outcome == "ok"
    clock.set(3610)
    before = asked(gitlab)
    ended = kiwi.ask(REFRESH, token=answer.refresh, age_s=-3610)
    assert ended.outcome == "grant_invalid" and "RELAY_RENEW_MAX" in ended.reason
    assert asked(gitlab) == before
