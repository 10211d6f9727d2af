# SPDX-License-Identifier: Apache-2.0
"""A person's browser without a screen: cookies, navigations, forms, and the way through a login.

Keeps cookies as browsers do where it matters here: per host (never per port), Secure, Path,
`__Host-` rules, deletion. Every hop is kept in `history`. Connections are used again, as browsers do: most of what a
login costs is TLS handshakes.
"""

import html.parser
import http.client
import itertools
import json
import re
import select
import ssl
import urllib.parse
from dataclasses import dataclass, field

import lean_http  # noqa: F401 - for http.client
import raw_http2
from response import Readable

NAVIGATION = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
    "Upgrade-Insecure-Requests": "1",
}
PROGRAM = {
    "Accept": "application/json",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Site": "same-origin",
}


@dataclass
class Reply(Readable):
    method: str
    url: str
    status: int
    headers: list
    body: bytes

    @property
    def location(self):
        location = self.get("Location")
        return location and urllib.parse.urljoin(self.url, location)

    def forms(self):
        parser = _Forms()
        parser.feed(self.text)
        return parser.forms

    def form(self, **values):
        """The first form whose hidden fields include these."""
        return next(f for f in self.forms() if all(f.fields.get(k) == v for k, v in values.items()))

    def script_location(self):
        """Where a page's script sends the browser, as GitLab does for trusted applications."""
        match = re.search(r'window\.location\s*=\s*("(?:[^"\\]|\\.)*")', self.text)
        return match and json.loads(match[1])


@dataclass
class Form:
    action: str
    method: str
    fields: dict = field(default_factory=dict)


class _Forms(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "form":
            self.forms.append(Form(values.get("action") or "", (values.get("method") or "get").lower()))
        elif tag == "input" and self.forms and values.get("name"):
            self.forms[-1].fields[values["name"]] = values.get("value") or ""


@dataclass
class Cookie:
    name: str
    value: str
    host: str
    path: str
    secure: bool
    attributes: dict  # in lower case, as sent


class WebClient:
    def __init__(self, context=None, timeout=60):
        self.context = context
        if context and raw_http2.IS_ON:
            context.set_alpn_protocols(["h2", "http/1.1"])
        self.timeout = timeout
        self.cookies = {}  # (host, path, name) -> Cookie
        self.history = []
        self._idle = {}  # (scheme, authority) -> connections

    # Cookies

    def _store_cookie(self, url, text):
        pair, *rest = [part.strip() for part in text.split(";")]
        name, _, value = pair.partition("=")
        attributes = {}
        for part in rest:
            key, _, content = part.partition("=")
            attributes[key.lower()] = content
        parts = urllib.parse.urlsplit(url)
        secure = "secure" in attributes
        path = attributes.get("path") or "/"
        if secure and parts.scheme != "https":
            return
        if name.startswith("__Host-") and (not secure or path != "/" or "domain" in attributes):
            return
        key = (parts.hostname, path, name)
        expired = (
            attributes.get("max-age", "1").lstrip("-").isdigit() and int(attributes.get("max-age", "1")) <= 0
        )
        if expired or "1970" in attributes.get("expires", ""):
            self.cookies.pop(key, None)
        else:
            self.cookies[key] = Cookie(name, value, parts.hostname, path, secure, attributes)

    def _cookie_header(self, url):
        parts = urllib.parse.urlsplit(url)
        path = parts.path or "/"
        found = [
            f"{c.name}={c.value}"
            for c in self.cookies.values()
            if c.host == parts.hostname
            and (not c.secure or parts.scheme == "https")
            and path.startswith(c.path)
        ]
        return "; ".join(found)

    def cookie(self, name, host=None):
        return next((c for c in self.cookies.values() if c.name == name and host in (None, c.host)), None)

    def cookies_of(self, host):
        return [c for c in self.cookies.values() if c.host == host]

    # Requests

    def _idle_connection(self, parts):
        """One that is idle and still open, or None."""
        while idle := self._idle.get(parts[:2]):
            connection = idle.pop()
            poll = select.poll()
            poll.register(connection.sock, select.POLLIN)
            if not poll.poll(0):
                return connection
            connection.close()  # by the server as well, or it has sent what nobody asked for
        return None

    def close_connections(self):
        """Those that are idle."""
        for connection in itertools.chain(*self._idle.values()):
            connection.close()
        self._idle.clear()

    def _new_connection(self, parts):
        host = "127.0.0.1" if parts.hostname.endswith("localhost") else parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
        connection.connect()
        if parts.scheme == "https":
            connection.sock = self.context.wrap_socket(connection.sock, server_hostname=parts.hostname)
        return connection

    def _on_a_connection(self, parts, *request):
        """(status, fields, body)"""
        connection = self._idle_connection(parts)
        if connection:
            try:
                return self._exchange(parts, connection, *request)
            except ConnectionError:  # closed at the same moment
                if request[0] not in ("GET", "HEAD"):
                    raise
        return self._exchange(parts, self._new_connection(parts), *request)

    def _exchange(self, parts, connection, *request):
        try:
            answer = _exchange(connection, *request)
            if connection.sock and not _is_http2(connection.sock):
                self._idle.setdefault(parts[:2], []).append(connection)
                connection = None
            return answer
        finally:
            if connection:
                connection.close()

    def request(self, method, url, headers=None, body=None, cookies=True):
        """One request, no redirects. Names under .localhost lead to 127.0.0.1."""
        parts = urllib.parse.urlsplit(url)
        sent = {"Host": parts.netloc, **(headers or {})}
        if cookies and (value := self._cookie_header(url)):
            sent["Cookie"] = value
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        reply = Reply(method, url, *self._on_a_connection(parts, method, target, sent, body))
        for text in reply.get_all("Set-Cookie"):
            self._store_cookie(url, text)
        self.history.append(reply)
        return reply

    def navigate(self, url, **headers):
        """As typing an address or following a link does; no redirects."""
        return self.request("GET", url, {**NAVIGATION, **headers})

    def fetch(self, url, method="GET", headers=None, body=None):
        """As a script on the page does."""
        return self.request(method, url, {**PROGRAM, **(headers or {})}, body)

    def submit(self, page, form, **values):
        """Submits a form of a page; no redirects."""
        parts = urllib.parse.urlsplit(page.url)
        headers = {
            **NAVIGATION,
            "Sec-Fetch-Site": "same-origin",
            "Origin": f"{parts.scheme}://{parts.netloc}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urllib.parse.urlencode({**form.fields, **values})
        return self.request("POST", urllib.parse.urljoin(page.url, form.action), headers, body)

    def follow(self, reply, limit=20, until=None):
        """Follows redirects and scripted ones; stops before an address that starts with until."""
        for _ in range(limit):
            target = reply.location if reply.status in (301, 302, 303, 307) else reply.script_location()
            if not target or (until and target.startswith(until)):
                return reply
            reply = self.navigate(target, **{"Sec-Fetch-Site": "cross-site"})
        raise AssertionError("too many redirects: " + " -> ".join(r.url for r in self.history[-limit:]))

    def open(self, url):
        return self.follow(self.navigate(url))

    # The way through GitLab

    def sign_in(self, page, username, password):
        """Fills in GitLab's sign-in page, if this is one, and follows on."""
        forms = [f for f in page.forms() if "user[login]" in f.fields]
        if not forms:
            return page
        return self.follow(
            self.submit(page, forms[0], **{"user[login]": username, "user[password]": password})
        )

    def consent(self, page, agree=True, until=None):
        """Answers GitLab's consent page, if this is one, and follows on."""
        forms = [f for f in page.forms() if "client_id" in f.fields]
        if not forms:
            return page
        form = next(f for f in forms if ("_method" in f.fields) != agree)
        return self.follow(self.submit(page, form), until=until)

    def login(self, url, username, password):
        """Opens url and goes all the way: sign-in, consent, callback, target. The last page."""
        return self.consent(self.sign_in(self.open(url), username, password))


def _exchange(connection, method, target, headers, body):
    """(status, fields, body)"""
    if _is_http2(connection.sock):
        return raw_http2.exchange(connection.sock, method, headers["Host"], target, headers, body)
    connection.request(method, target, body=body, headers=headers)
    response = connection.getresponse()
    return response.status, response.getheaders(), response.read()


def _is_http2(connected):
    return isinstance(connected, ssl.SSLSocket) and connected.selected_alpn_protocol() == "h2"
