# SPDX-License-Identifier: Apache-2.0
"""What tests of the token broker share: a relay, a workspace kiwi that was taken over, and what they count.

Imported by name, as fixtures are: from broker_fixtures import kiwi, relay.
"""

import hashlib
import time

import broker as broker_module
import pytest
from broker import REDEEM, Asker
from proxy import is_sanitized
from test_metrics import scrape

VERIFIER = "v" * 43


@pytest.fixture
def relay(make_relay, gitlab):
    return make_relay(gitlab, broker=True, RELAY_REQUESTS_PER_WORKSPACE_MAX="60000")


@pytest.fixture
def kiwi(relay):
    return Asker(relay, host_of(relay))


def host_of(relay, name="kiwi"):
    return f"{name}.localhost:{relay.ports[0]}"


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
