# SPDX-License-Identifier: Apache-2.0
"""Hosts of ports in front of a proxy: their addresses, and a way in as a browser goes."""

import urllib.parse

COOKIE = "__Host-workspace-proxy"


class PortHost:
    """The host of `port` of the workspace that `proxy` serves."""

    def __init__(self, proxy, port):
        parts = urllib.parse.urlsplit(proxy.settings["EXTERNAL_URL"])
        name = parts.netloc.partition("-")[2] if parts.netloc[0].isdigit() else parts.netloc
        self.proxy, self.port = proxy, port
        self.host = f"{port}-{name}"
        self.origin = f"https://{self.host}"
        self.name = self.host.partition(":")[0]

    def enter(self, client, path="/"):
        """Follows the hand-over of a client that is signed in at the workspace; the last page."""
        page = client.open(self.origin + path)
        self.keep_secrets(client)
        return page

    def keep_secrets(self, client):
        self.proxy.secrets += [c.value for c in client.cookies_of(self.name)]
        self.proxy.secrets += [t for t in map(ticket_of, client.history) if t]

    def stop_at_ticket(self, client, path="/"):
        """As enter, up to the redirect that carries the ticket: its address."""
        reply = client.follow(client.navigate(self.origin + path), until=f"{self.origin}/oauth2/callback")
        assert reply.status == 302 and ticket_of(reply), (reply.status, reply.location)
        self.keep_secrets(client)
        return reply.location

    def cookie(self, client):
        return "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(self.name))


def ticket_of(reply):
    query = urllib.parse.urlsplit(reply.location or "").query
    return urllib.parse.parse_qs(query).get("ticket", [None])[0]
