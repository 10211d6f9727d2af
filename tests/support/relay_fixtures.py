# SPDX-License-Identifier: Apache-2.0
"""A relay that the tests of a module share; modules import these fixtures. One that needs other settings has a
shared_relay of its own."""

import pytest


@pytest.fixture(scope="module")
def shared_relay(make_shared_relay):
    return make_shared_relay()


@pytest.fixture
def relay(shared_relay, lend_relay):
    return lend_relay(shared_relay)


@pytest.fixture
def gitlab(relay):
    """That of relays that tests start, too."""
    return relay.gitlab
