# SPDX-License-Identifier: Apache-2.0
"""Sidecars without the client secret: the relay exchanges codes, renews tokens and revokes them for them."""

import os
import shutil

import certificates as certificates_module
import proxy as proxy_module
import pytest
import relay as relay_module
from broker import REVOKE, Asker
from proxy import wait_until
from test_metrics import ask, scrape

SESSION = "__Host-workspace-proxy"
SIGN_IN = ("sasha", "sasha-password")


@pytest.fixture
def broker(make_relay, gitlab):
    return make_relay(gitlab, broker=True)


@pytest.fixture
def make_sidecar(broker, make_proxy, gitlab, upstream):
    """Asks GitLab again after a second."""

    def make(relay=broker, **settings):
        return make_proxy(
            gitlab,
            upstream,
            relay=relay,
            **{"AUTHORIZATION_INTERVAL": "1s", "AUTHORIZATION_GRACE": "20s", **settings},
        )

    return make


def sign_in(proxy, client, path="/"):
    page = client.login(proxy.origin + path, *SIGN_IN)
    assert page.status == 200 and "This is the IDE" in page.text, (page.status, page.text[:800])


def sign_out(proxy, client):
    reply = client.request(
        "POST", f"{proxy.origin}/oauth2/sign_out", {"Origin": proxy.origin, "Sec-Fetch-Site": "same-origin"}
    )
    assert reply.status == 303 and not client.cookie(SESSION)


def requests_of(broker, operation, outcome="ok"):
    return scrape(broker).get("workspace_proxy_broker_requests_total", operation=operation, outcome=outcome)


def use_until_refreshed(proxy, client, gitlab, count=1):
    """Uses the session until its tokens were renewed that often; each use is served."""

    def refreshed():
        assert client.fetch(proxy.origin + "/").status == 200
        return gitlab.requests.refreshes >= count

    wait_until(refreshed, what="the refresh", interval_s=0.1)


# The way through


@pytest.mark.parametrize("trusted", [True, False])
def test_login_without_a_secret_in_the_sidecar(make_relay, make_proxy, gitlab, upstream, client, trusted):
    broker = make_relay(gitlab, broker=True, trusted=trusted)
    proxy = make_proxy(gitlab, upstream, relay=broker)
    assert "CLIENT_SECRET" not in proxy.settings and proxy.settings["BROKER"] == "on"
    sign_in(proxy, client, "/some/file?line=1")
    assert requests_of(broker, "redeem") == 1
    (entry,) = gitlab.requests.all(endpoint="token")
    assert "client_secret" in entry.form and entry.status == 200
    line = broker.wait_for_log(message="broker request", operation="redeem")
    assert line["workspace"] == proxy.host and line["outcome"] == "ok" and line["request_id"]


def test_refresh_and_sign_out(broker, make_sidecar, gitlab, client):
    gitlab.settings.token_lifetime_s = 2
    proxy = make_sidecar()
    sign_in(proxy, client)
    gitlab.settings.token_lifetime_s = 7200
    use_until_refreshed(proxy, client, gitlab)
    assert requests_of(broker, "refresh") == 1
    token = gitlab.state.tokens[-1]
    sign_out(proxy, client)
    wait_until(lambda: token.revoked, what="the token to be revoked")
    wait_until(lambda: requests_of(broker, "revoke") == 1, what="the broker's count")
    assert gitlab.requests.refreshes == 1


def test_below_a_path(make_relay, make_proxy, make_gitlab, upstream, client):
    gitlab = make_gitlab(root="/gitlab")
    broker = make_relay(gitlab, broker=True, path="/sign-in/relay")
    proxy = make_proxy(gitlab, upstream, relay=broker, PROXY_PREFIX="/-/login")
    sign_in(proxy, client)
    assert requests_of(broker, "redeem") == 1


def test_a_user_without_access(broker, make_sidecar, gitlab, client):
    proxy = make_sidecar()
    page = client.login(proxy.origin + "/", "robin", "robin-password")
    assert page.status == 403 and "robin" in page.text
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")
    wait_until(lambda: requests_of(broker, "revoke") == 1, what="the broker's count")


def test_a_missing_scope_is_found_by_the_sidecar(make_proxy, make_relay, gitlab, upstream, client):
    """The relay says what GitLab granted; the sidecar knows what it needs."""
    broker = make_relay(gitlab, broker=True)
    proxy = make_proxy(gitlab, upstream, relay=broker)
    grant = gitlab.state.new_grant
    gitlab.state.new_grant = lambda *args, **more: grant(*args, **{**more, "scopes": ["openid", "read_user"]})
    page = client.login(proxy.origin + "/", *SIGN_IN)
    assert page.status == 502 and "read_api" in page.text


def test_sessions_survive_a_restart_wrapped(broker, make_sidecar, gitlab, client, tmp_path):
    """What is on the disk renews through the relay."""
    state = tmp_path / "state"
    state.mkdir()
    gitlab.settings.token_lifetime_s = 3
    proxy = make_sidecar(STATE_DIR=str(state))
    sign_in(proxy, client)
    assert proxy.stop() == 0
    gitlab.settings.token_lifetime_s = 7200
    proxy.start_again()
    use_until_refreshed(proxy, client, gitlab)
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 1


# One refresh, and answers that are lost


def test_a_lost_answer_of_gitlab_leads_to_a_new_login(broker, make_sidecar, gitlab, client):
    gitlab.settings.token_lifetime_s = 2
    proxy = make_sidecar()
    sign_in(proxy, client)
    gitlab.settings.token_lifetime_s = 7200
    gitlab.faults.add("token", cut_after=0, times=1)
    wait_until(
        lambda: client.navigate(proxy.origin + "/").status and gitlab.requests.refreshes, what="the refresh"
    )
    wait_until(lambda: requests_of(broker, "refresh", "lost"), what="the lost answer")
    wait_until(lambda: client.open(proxy.origin + "/").status == 200, what="a new login")
    assert gitlab.requests.refreshes == 1, "a refresh whose answer was lost is never sent again"
    assert requests_of(broker, "refresh", "lost") == 1


def test_a_relay_killed_with_a_refresh_under_way(broker, make_sidecar, gitlab, client):
    """GitLab has answered, and the relay that was to pass it on is gone: as any lost answer."""
    gitlab.settings.token_lifetime_s = 2
    proxy = make_sidecar()
    sign_in(proxy, client)
    gitlab.settings.token_lifetime_s = 7200
    gitlab.faults.add("token", delay_answer_s=60, times=1)
    wait_until(
        lambda: client.navigate(proxy.origin + "/").status and gitlab.requests.refreshes, what="the refresh"
    )
    broker.kill()
    gitlab.faults.released.set()
    broker.start_again()
    wait_until(lambda: client.open(proxy.origin + "/").status == 200, what="a new login")
    assert gitlab.requests.refreshes == 1


# Replicas


@pytest.fixture
def replicas(make_relay, gitlab):
    with relay_module.replicas(make_relay, gitlab, broker=True) as three:
        yield three


def test_any_replica_renews_what_another_has_wrapped(replicas, make_sidecar, gitlab, make_client):
    _, first, second = replicas
    gitlab.settings.token_lifetime_s = 3
    proxy = make_sidecar(first)
    client = make_client()
    sign_in(proxy, client)
    use_until_refreshed(proxy, client, gitlab, count=4)
    assert all(requests_of(one, "refresh") for one in (first, second))
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 1


def test_one_replica_killed_is_not_noticed(replicas, make_sidecar, gitlab, make_client):
    _, first, second = replicas
    gitlab.settings.token_lifetime_s = 3
    proxy = make_sidecar(first)
    client = make_client()
    sign_in(proxy, client)
    second.kill()
    second.exit_code = 0
    use_until_refreshed(proxy, client, gitlab, count=3)
    sign_in(proxy, make_client())
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 2


def test_a_connection_that_breaks_off_is_made_again(make_relay, make_sidecar, gitlab, client):
    """As while a replica ends: nothing was sent, so it may be."""
    balancer = relay_module.Balancer()
    broker = make_relay(gitlab, broker=True, balancer=balancer)
    balancer.targets = [broker.address()]
    proxy = make_sidecar(broker)
    sign_in(proxy, client)
    connect, failures = balancer._connect, iter((True, True))
    balancer._connect = lambda: None if next(failures, False) else connect()
    sign_out(proxy, client)
    wait_until(lambda: gitlab.state.tokens[-1].revoked, what="the token to be revoked")
    assert len(proxy.log_entries(message="relay not reached; trying again")) == 2
    balancer.stop()


def test_without_relay_sessions_go_on(broker, make_sidecar, gitlab, client, make_client):
    """Logins fail with a page, and work again with the relay."""
    proxy = make_sidecar()
    sign_in(proxy, client)
    broker.stop()
    for _ in range(3):
        assert client.fetch(proxy.origin + "/").status == 200
    broker.start_again()
    sign_in(proxy, make_client())


def test_the_relay_is_ready_without_gitlab(broker, gitlab):
    """Its pages work, and a restart of all replicas would help nobody."""
    gitlab.faults.add("*", status=503)
    asker = Asker(broker, f"kiwi.localhost:{broker.ports[0]}")
    assert asker.ask(REVOKE, token="t").outcome == "unavailable"
    assert ask(broker, "/ready").status == 200 and not ask(broker, "/ready").json()["problems"]


# Keys and secrets change


def write(path, content):
    path.with_suffix(".new").write_text(content)
    path.with_suffix(".new").replace(path)


def rotate(process, path, content, part):
    count = len(process.log_entries(message="reloaded", part=part))
    write(path, content)
    wait_until(lambda: len(process.log_entries(message="reloaded", part=part)) > count)


def test_master_keys_rotate_under_load(make_relay, make_sidecar, gitlab, make_client, tmp_path):
    """Tokens wrapped under the old key are renewed, and wrapped under the new one, while users work."""
    master, own = tmp_path / "master-key", tmp_path / "relay-key"
    old, new = proxy_module.new_cookie_secret(), proxy_module.new_cookie_secret()
    write(master, old)
    broker = make_relay(
        gitlab,
        broker=True,
        RELAY_MASTER_KEY=None,
        RELAY_MASTER_KEY_FILE=str(master),
        RELOAD_INTERVAL="20ms",
    )
    broker.secrets += [new]
    write(own, "0" * 43)
    proxy = make_sidecar(broker, RELAY_KEY=None, RELAY_KEY_FILE=str(own), RELOAD_INTERVAL="20ms")
    proxy.secrets = [secret for secret in proxy.secrets if secret]

    def key_of(content):
        return relay_module.encode(relay_module.derive_key(bytes.fromhex(content), proxy.host))

    rotate(proxy, own, key_of(old), "relay key")
    gitlab.settings.token_lifetime_s = 3
    clients = [make_client() for _ in range(3)]
    for client in clients:
        sign_in(proxy, client)

    def renewed():
        before = gitlab.requests.count(endpoint="token", grant_type="refresh_token", status=200)

        def all_are():
            assert {c.fetch(proxy.origin + "/").status for c in clients} == {200}
            now = gitlab.requests.count(endpoint="token", grant_type="refresh_token", status=200)
            return now >= before + len(clients)

        wait_until(all_are, what="all to be renewed", interval_s=0.1)

    for content in (f"{old},{new}", f"{new},{old}"):
        rotate(broker, master, content, "keys")
        renewed()
    rotate(proxy, own, key_of(new), "relay key")
    renewed()
    rotate(broker, master, new, "keys")
    renewed()
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == len(clients)
    assert gitlab.requests.count(endpoint="token", status=400) == 0


def test_the_client_secret_rotates_in_the_relay_alone(make_relay, make_sidecar, gitlab, make_client, tmp_path):
    file = tmp_path / "client-secret"
    write(file, "not-yet-the-right-one")
    broker = make_relay(
        gitlab, broker=True, CLIENT_SECRET=None, CLIENT_SECRET_FILE=str(file), RELOAD_INTERVAL="20ms"
    )
    broker.secrets += [broker.application.secret, "not-yet-the-right-one"]
    proxy = make_sidecar(broker)
    assert make_client().login(proxy.origin + "/", *SIGN_IN).status == 502
    rotate(broker, file, broker.application.secret + "\n", "client secret")
    sign_in(proxy, make_client())


def test_the_relays_authorities_are_others(broker, make_sidecar, gitlab, make_client, certificates, tmp_path):
    """RELAY_CA_FILE, and that it is read again."""
    file, other = tmp_path / "relay-ca.pem", tmp_path / "other"
    other.mkdir()
    shutil.copyfile(certificates_module.Authority(other).file, file)
    proxy = make_sidecar(RELAY_CA_FILE=str(file), RELOAD_INTERVAL="20ms")
    assert make_client().login(proxy.origin + "/", *SIGN_IN).status == 503
    assert "relay.localhost: TLS" in proxy.wait_for_log(message="login failed")["error"]
    assert not gitlab.requests.count(endpoint="token")
    with open(certificates.ca) as good:
        rotate(proxy, file, good.read(), "relay's authorities")
    wait_until(
        lambda: make_client().login(proxy.origin + "/", *SIGN_IN).status == 200,
        what="the new authority to count",
        interval_s=0.2,
    )


# Settings


def test_a_sidecar_with_both_is_refused(broker, make_proxy, gitlab, upstream):
    proxy = make_proxy(gitlab, upstream, relay=broker, start=False, CLIENT_SECRET="gloas-1")
    ran = proxy_module.run(["check"], proxy.settings)
    assert ran.returncode == 1 and "it belongs to the relay alone" in ran.stderr + ran.stdout


def test_a_relay_without_secret_is_no_broker(relay, make_proxy, gitlab, upstream, client):
    """And says so in the sidecar's log."""
    proxy = make_proxy(gitlab, upstream, relay=relay, BROKER="on", CLIENT_SECRET=None)
    assert client.login(proxy.origin + "/", *SIGN_IN).status == 502
    line = proxy.wait_for_log(message="login failed")
    assert "not a token broker" in line["error"] and "CLIENT_SECRET" in line["error"]


def test_old_state_files_lead_to_a_new_login(broker, make_relay, make_proxy, gitlab, upstream, client, tmp_path):
    """A refresh token that was never wrapped is not sent on to GitLab."""
    state = tmp_path / "state"
    state.mkdir()
    gitlab.settings.token_lifetime_s = 2
    values = {"STATE_DIR": str(state), "AUTHORIZATION_INTERVAL": "1s"}
    before = make_proxy(
        gitlab, upstream, relay=broker, BROKER="off", CLIENT_SECRET=broker.application.secret, **values
    )
    sign_in(before, client)
    assert before.stop() == 0
    gitlab.settings.token_lifetime_s = 7200
    before.settings = {**before.settings, "BROKER": "on", "CLIENT_SECRET": None}
    before.start_again()
    wait_until(lambda: client.open(before.origin + "/").status == 200, what="a new login")
    wait_until(
        lambda: client.open(before.origin + "/")
        and gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 2,
        what="the code of a new login",
    )
    assert gitlab.requests.refreshes == 0
    assert os.listdir(state)
