# SPDX-License-Identifier: Apache-2.0
"""TLS=self: a certificate that the sidecar makes, and renews without a connection noticing."""

import hashlib
import os
import signal
import ssl

import pytest
from proxy import is_sanitized
from test_assertion import MovedClock
from test_lifecycle import connect
from test_metrics import ask, scrape

OWN = {"TLS": "self", "TLS_CERT_FILE": None, "TLS_KEY_FILE": None}


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def fingerprint(raw):
    digest = hashlib.sha256(raw.socket.getpeercert(binary_form=True)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def served(proxy):
    with proxy.raw() as raw:
        return fingerprint(raw)


@pytest.fixture
def make_own(make_proxy, upstream):
    def make(**settings):
        proxy = make_proxy(None, upstream, start=False, **{**OWN, **settings})
        proxy.context = unverified()
        return proxy.start()

    return make


def status(raw, proxy):
    return raw.request("GET", "/oauth2/auth", host=proxy.host).read_response().status


def test_log_and_admin_listener_name_it(make_own):
    proxy = make_own()
    entry = proxy.wait_for_log(message="certificate made")
    about = ask(proxy, "/certificate").json()
    assert served(proxy) == entry["fingerprint"] == about["sha256"]
    der = ssl.PEM_cert_to_DER_cert(about["pem"])
    assert hashlib.sha256(der).hexdigest().upper() == about["sha256"].replace(":", "")
    assert scrape(proxy).get("workspace_proxy_certificate_expires_timestamp_seconds") == entry["expires_at"]


def test_a_client_that_trusts_it_verifies_the_name(make_own):
    proxy = make_own(PORTS="3000")
    context = ssl.create_default_context(cadata=ask(proxy, "/certificate").json()["pem"])
    for name in (proxy.name, f"3000-{proxy.name}"):
        with connect(type("S", (), {"proxy": proxy}), context, name) as raw:
            assert raw.socket.version() == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        connect(type("S", (), {"proxy": proxy}), context, "other.localhost")


def test_processes_have_different_keys(make_own):
    assert len({served(make_own()) for _ in range(2)}) == 2


def test_sighup_renews(make_own):
    proxy = make_own()
    first = served(proxy)
    with proxy.raw() as before:
        assert status(before, proxy) == 401
        proxy.process.send_signal(signal.SIGHUP)
        entry = proxy.wait_for_log(message="certificate renewed")
        assert served(proxy) == entry["fingerprint"] != first
        assert status(before, proxy) == 401


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer wants to be the first library")
@pytest.mark.parametrize("ahead_h", [13, 24 * 30, -2])
def test_it_is_renewed_in_time(make_proxy, upstream, tmp_path, ahead_h):
    clock = MovedClock(tmp_path)
    proxy = make_proxy(None, upstream, start=False, RELOAD_INTERVAL="50ms", **OWN)
    proxy.runner, proxy.context = clock, unverified()
    proxy.start()
    first = served(proxy)
    with proxy.raw() as before:
        assert status(before, proxy) == 401
        clock.set(ahead_h * 3600)
        entry = proxy.wait_for_log(message="certificate renewed")
        assert served(proxy) == entry["fingerprint"] != first
        assert status(before, proxy) == 401
    assert entry["expires_at"] > proxy.wait_for_log(message="certificate made")["expires_at"] + (ahead_h - 1) * 3600


def test_the_key_is_in_no_file(make_own, tmp_path):
    """Neither where the process may write nor in an open file."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    proxy = make_own(STATE_DIR=state)
    served(proxy)
    for folder, _, names in os.walk(state):
        for path in (os.path.join(folder, name) for name in names):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    assert b"PRIVATE" not in file.read()
