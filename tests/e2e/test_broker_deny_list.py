# SPDX-License-Identifier: Apache-2.0
"""What ends renewals: the operator's list of hosts and users, and the time since the login."""

import concurrent.futures

import proxy as proxy_module
import pytest
from broker import REDEEM, REFRESH, REVOKE, Asker
from broker_fixtures import VERIFIER, asked, host_of, new_code, outcomes, redeem
from proxy import PATIENCE_S, is_sanitized, wait_until
from test_assertion import MovedClock
from test_metrics import scrape


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
def test_an_invalid_deny_list_keeps_the_old_one(listed, gitlab, deny, content):
    kiwi = Asker(listed, host_of(listed))
    mine = redeem(kiwi, gitlab)
    change(listed, deny, f"host {host_of(listed)}\n")
    write(deny, f"# one\n{content}\n")
    line = listed.wait_for_log(message="not reloaded; the old one remains in use", part="deny list")
    assert "line 2" in line["error"]
    deny.unlink()
    assert kiwi.ask(REFRESH, token=mine.refresh).outcome == "denied"


def test_a_wrong_list_at_the_start(make_relay, gitlab, deny):
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
