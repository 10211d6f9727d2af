# SPDX-License-Identifier: Apache-2.0
"""Sessions that outlive the process: SIGKILL, restarts, renewed tokens, full and foreign files."""

import glob
import os
import shutil
import signal
import subprocess
import time

import pytest
from proxy import StartFailed, new_cookie_secret, wait_until

SESSION = "__Host-workspace-proxy"


@pytest.fixture
def state_dir(tmp_path):
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def lasting(make_proxy, gitlab, upstream, state_dir):
    """A proxy with a state directory that asks GitLab again after a second."""
    return make_proxy(
        gitlab, upstream, STATE_DIR=state_dir, AUTHORIZATION_INTERVAL="1s", AUTHORIZATION_GRACE="3s"
    )


def sessions_of(state_dir):
    try:
        return (state_dir / "sessions").read_bytes()
    except FileNotFoundError:
        return b""


def login(proxy, client, state_dir=None):
    before = state_dir and sessions_of(state_dir)
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status == 200
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    if state_dir:
        wait_until(lambda: sessions_of(state_dir) != before, what="the session to be stored")


def logins(gitlab):
    return gitlab.requests.count(endpoint="token", grant_type="authorization_code")


def test_a_kill_signs_nobody_out(lasting, gitlab, client, state_dir):
    login(lasting, client, state_dir)
    assert oct((state_dir / "sessions").stat().st_mode & 0o777) == "0o600"
    for secret in [*gitlab.secrets(), "sasha"]:
        assert secret.encode() not in sessions_of(state_dir)
    for _ in range(3):
        lasting.kill()
        lasting.start_again()
        asked = gitlab.requests.count(endpoint="graphql")
        assert client.fetch(lasting.origin + "/").status == 200, "no navigation, no login: signed in"
        assert gitlab.requests.count(endpoint="graphql") > asked, "a file's word alone lets nobody in"
    assert logins(gitlab) == 1


def test_an_orderly_restart_signs_nobody_out(lasting, gitlab, client):
    login(lasting, client)
    assert lasting.stop() == 0
    lasting.start_again()
    assert client.fetch(lasting.origin + "/").status == 200 and logins(gitlab) == 1


def test_killed_right_after_the_login(lasting, gitlab, client):
    """Whatever was stored by then: signed in, or a silent new login. Never a dead end."""
    for _ in range(5):
        client.login(lasting.origin + "/", "sasha", "sasha-password")
        lasting.kill()
        lasting.start_again()
        assert client.open(lasting.origin + "/").status == 200
        client.cookies.clear()
    assert not glob.glob(lasting.settings["STATE_DIR"].__str__() + "/sessions.corrupt*")


def test_killed_after_a_refresh(make_proxy, gitlab, upstream, client, state_dir):
    """The new pair is on the disk before it is used, so the old one's death does no harm."""
    proxy = make_proxy(gitlab, upstream, STATE_DIR=state_dir, AUTHORIZATION_INTERVAL="200ms")
    gitlab.settings.token_lifetime_s = 2
    login(proxy, client, state_dir)
    gitlab.settings.token_lifetime_s = 7200
    asked = None
    while not gitlab.requests.refreshes:
        assert client.fetch(proxy.origin + "/").status == 200
        asked = gitlab.requests.count(endpoint="graphql")
    wait_until(lambda: gitlab.requests.count(endpoint="graphql") > asked, what="the first use")
    proxy.kill()
    proxy.start_again()
    assert client.fetch(proxy.origin + "/").status == 200
    assert gitlab.requests.refreshes == 1 and logins(gitlab) == 1


def test_killed_with_a_refresh_under_way(make_proxy, gitlab, upstream, client, state_dir):
    """GitLab has replaced the pair, its answer found nobody: a new login, without a word of error."""
    proxy = make_proxy(gitlab, upstream, STATE_DIR=state_dir, AUTHORIZATION_INTERVAL="200ms")
    gitlab.settings.token_lifetime_s = 2
    login(proxy, client, state_dir)
    gitlab.settings.token_lifetime_s = 7200
    gitlab.faults.add("token", cut_after=0, times=1)
    while not gitlab.requests.refreshes:
        client.fetch(proxy.origin + "/")
    proxy.kill()
    proxy.start_again()
    page = client.open(proxy.origin + "/")
    while logins(gitlab) < 2:
        assert page.status in (200, 503), page.text[:300]
        page = client.open(proxy.origin + "/")
    assert page.status == 200 and logins(gitlab) == 2


def test_lost_access_counts_after_a_restart(lasting, gitlab, client, upstream, state_dir):
    login(lasting, client, state_dir)
    lasting.kill()
    gitlab.workspace.owner = gitlab.alex
    upstream.forget()
    lasting.start_again()
    assert client.fetch(lasting.origin + "/").status == 403 and not upstream.received


def test_grace_goes_on_after_a_restart(lasting, gitlab, client, state_dir):
    login(lasting, client, state_dir)
    gitlab.faults.add("graphql", status=503)
    lasting.kill()
    lasting.start_again()
    assert client.fetch(lasting.origin + "/").status == 200
    deadline = time.monotonic() + 60
    while client.fetch(lasting.origin + "/").status == 200:
        assert time.monotonic() < deadline, "the grace does not end"
        time.sleep(0.05)
    assert client.fetch(lasting.origin + "/").status == 503
    gitlab.faults.clear()
    wait_until(lambda: client.fetch(lasting.origin + "/").status == 200)


def test_sign_out_lasts(lasting, gitlab, client, state_dir):
    login(lasting, client, state_dir)
    cookie = f"{SESSION}={client.cookie(SESSION).value}"
    before = sessions_of(state_dir)
    page = client.open(lasting.origin + "/oauth2/sign_out")
    client.submit(page, page.form())
    wait_until(lambda: sessions_of(state_dir) != before, what="the sign-out to be stored")
    lasting.kill()
    lasting.start_again()
    assert client.request("GET", lasting.origin + "/", {"Cookie": cookie}, cookies=False).status == 401


def test_cookie_keys_rotate_over_a_restart(lasting, client, gitlab, state_dir):
    login(lasting, client, state_dir)
    lasting.kill()
    old = lasting.settings["COOKIE_SECRET"]
    lasting.settings["COOKIE_SECRET"] = new_cookie_secret() + "," + old
    lasting.start_again()
    assert client.fetch(lasting.origin + "/").status == 200 and logins(gitlab) == 1


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "newer", "foreign", "huge"])
def test_files_that_do_not_fit_are_set_aside(lasting, gitlab, client, state_dir, damage):
    login(lasting, client, state_dir)
    lasting.kill()
    data = bytearray(sessions_of(state_dir))
    if damage == "flip":
        data[len(data) // 2] ^= 1
    elif damage == "newer":
        data[7] += 1
    elif damage == "foreign":
        lasting.settings["COOKIE_SECRET"] = new_cookie_secret()
    elif damage == "huge":
        data += bytes(8 << 20)
    else:
        del data[0 if damage == "empty" else 40 :]
    (state_dir / "sessions").write_bytes(data)
    lasting.start_again()
    lasting.wait_for_log(level="warn", message="session file set aside; users have to sign in again")
    (aside,) = glob.glob(f"{state_dir}/sessions.corrupt-*")
    with open(aside, "rb") as file:
        assert file.read() == data
    assert client.open(lasting.origin + "/").status == 200 and logins(gitlab) == 2


def test_two_processes_do_not_share_a_directory(lasting, make_proxy, gitlab, upstream, state_dir):
    with pytest.raises(StartFailed, match="another process uses"):
        make_proxy(gitlab, upstream, STATE_DIR=state_dir)


def test_a_full_disk_signs_nobody_out(make_proxy, gitlab, upstream, client, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip(
            "mounting a small file system is not possible here; the unit test has an obstacle instead"
        )
    try:
        proxy = make_proxy(gitlab, upstream, STATE_DIR=small, AUTHORIZATION_INTERVAL="200ms")
        login(proxy, client, small)
        before = sessions_of(small)
        with open(small / "ballast", "wb", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(1024))
                except OSError:
                    break
        for _ in range(10):
            client.open(proxy.origin + "/oauth2/start")
        proxy.wait_for_log(level="warn", message="sessions can't be stored; they stay in memory only")
        assert client.fetch(proxy.origin + "/").status == 200
        assert sessions_of(small) == before
        assert len(proxy.log_entries(message="sessions can't be stored; they stay in memory only")) == 1
        os.unlink(small / "ballast")
        assert proxy.stop(signal.SIGTERM) == 0
        proxy.start_again()
        assert client.fetch(proxy.origin + "/").status == 200
        assert proxy.stop() == 0
    finally:
        subprocess.run(["umount", small], check=True)
        shutil.rmtree(small, ignore_errors=True)
