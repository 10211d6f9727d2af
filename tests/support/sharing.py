# SPDX-License-Identifier: Apache-2.0
"""A workspace whose ports are shared: its owner's browser, guests' browsers, and what they ask."""

import json

from ports import COOKIE, PortHost
from proxy import wait_until
from web_client import PROGRAM

SHARE = "/oauth2/workspace/share"


class Sharing:
    """sasha, signed in at `proxy`, and the hosts of its ports."""

    def __init__(self, proxy, owner, ports, make_client):
        self.proxy, self.owner = proxy, owner
        self.hosts = [PortHost(proxy, port) for port in ports]
        self._make_client = make_client
        page = owner.login(proxy.origin + "/", "sasha", "sasha-password")
        assert page.status == 200, (page.url, page.status, page.text[:500])
        self.keep_secrets(owner)

    def keep_secrets(self, client):
        self.proxy.secrets += [c.value for c in client.cookies.values() if c.name.startswith(COOKIE)]
        for host in self.hosts:
            host.keep_secrets(client)

    def post(self, fields, client=None, **headers):
        """The reply to a request to share a port, as JSON."""
        sent = {"Content-Type": "application/json", "Origin": self.proxy.origin, **headers}
        return (client or self.owner).fetch(self.proxy.origin + SHARE, "POST", sent, json.dumps(fields))

    def share(self, audience, host=None, **more):
        reply = self.post({"port": (host or self.hosts[0]).port, "audience": audience, **more})
        assert reply.status == 200 and reply.json()["audience"] == audience, reply.text
        return reply.json()

    def take_back(self, host=None):
        return self.share("owner", host)

    def state(self):
        """The ports as JSON, once it is known which listen."""

        def known():
            ports = self.owner.fetch(self.proxy.origin + "/oauth2/workspace").json()["ports"]
            return ports if "listening" in ports else None

        return wait_until(known, what="the list of ports")

    def visit(self, name, host=None, path="/", client=None):
        """(browser, page) of somebody who opens the host of a port and signs in to GitLab."""
        client = client or self._make_client()
        page = client.login((host or self.hosts[0]).origin + path, name, f"{name}-password")
        self.keep_secrets(client)
        return client, page


class Guest:
    """robin in front of the first of two ports, which is shared with `audience`. The second, at `server`, is not."""

    def __init__(self, sharing, audience, server):
        self.sharing, self.audience, self._server = sharing, audience, server
        self.shared, self.private = sharing.hosts
        sharing.share(audience)
        self.browser, page = sharing.visit("robin")
        assert page.status == 200, (page.url, page.status, page.text[:500])
        server.forget()

    def got_no_further(self):
        return holds_no_session(self.browser, self.private) and not self._server.received


def holds_no_session(client, host):
    return client.cookie(COOKIE, host=host.name) is None


def program(client, host, path="/api", **headers):
    """What a script of the port's page gets."""
    return client.fetch(host.origin + path, headers={**PROGRAM, **headers})


def cookies_at(client, name):
    return [c for c in client.cookies_of(name) if c.name == COOKIE]
