# SPDX-License-Identifier: Apache-2.0
"""One callback address for all workspaces: the way through the relay, and every way to bend it."""

import pytest


@pytest.mark.parametrize("trusted, confidential", [(True, True), (False, True), (True, False)])
def test_login_through_the_relay(make_relay, make_proxy, gitlab, upstream, client, trusted, confidential):
    relay = make_relay(gitlab, trusted=trusted, confidential=confidential)
    proxy = make_proxy(gitlab, upstream, relay=relay)
    page = client.login(proxy.origin + "/some/file?line=1", "sasha", "sasha-password")
    assert (page.status, page.url) == (200, proxy.origin + "/some/file?line=1"), page.text[:800]
    assert "This is the IDE" in page.text
