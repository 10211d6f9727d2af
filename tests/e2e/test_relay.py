# SPDX-License-Identifier: Apache-2.0
"""One callback address for all workspaces: the way through the relay, and every way to bend it.

What a sidecar would say is made here by support/relay.py, so keys and texts are checked by a second
implementation.
"""

import html
import http.client
import re
import urllib.parse

import proxy as proxy_module
import pytest
import relay as relay_module
from relay_fixtures import gitlab, relay, shared_relay

RELAY_COOKIE = relay_module.COOKIE_PREFIX


def query(url):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)


def start_url(relay, text):
    return f"{relay.url}/start?" + urllib.parse.urlencode({"request": text})


def at_gitlab(client, proxy, relay, path="/"):
    """From the workspace through the relay; the authorize URL."""
    reply = client.navigate(proxy.origin + path)
    assert reply.status == 302 and reply.location.startswith(relay.url + "/start?"), reply.location
    reply = client.navigate(reply.location)
    assert reply.status == 302, (reply.status, reply.text[:400])
    assert reply.location.startswith(relay.gitlab.url + "/oauth/authorize?"), reply.location
    return reply.location


def callback_of(client, authorize_url, gitlab, user="sasha"):
    """Signs in at GitLab and returns the callback URL that it sends the browser to."""
    page = client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), user, f"{user}-password")
    assert page.status == 200, page.text[:300]
    return client.navigate(authorize_url).script_location()


def relay_cookies(client):
    return [c for c in client.cookies_of("relay.localhost") if c.name.startswith(RELAY_COOKIE)]


def assert_refused(reply, status, *words):
    """A page that explains, and nothing of what the request carried."""
    assert reply.status == status, (reply.status, reply.location, reply.text[:800])
    assert reply.get("Location") is None and reply.get("Content-Type").startswith("text/html")
    assert reply.get("Referrer-Policy") == "same-origin" and "no-store" in reply.get("Cache-Control")
    text = html.unescape(reply.text)
    for word in words:
        assert word.lower() in text.lower(), (word, text[-1500:])
    for name, values in query(reply.url).items():
        assert not [v for v in values if len(v) > 8 and v in reply.text], name


# The way through


@pytest.mark.parametrize("trusted, confidential", [(True, True), (False, True), (True, False)])
def test_login_through_the_relay(make_relay, make_proxy, gitlab, upstream, client, trusted, confidential):
    relay = make_relay(gitlab, trusted=trusted, confidential=confidential)
    proxy = make_proxy(gitlab, upstream, relay=relay)
    page = client.login(proxy.origin + "/some/file?line=1", "sasha", "sasha-password")
    assert (page.status, page.url) == (200, proxy.origin + "/some/file?line=1"), page.text[:800]
    assert "This is the IDE" in page.text and not relay_cookies(client)
    assert upstream.requests[0].get("X-Forwarded-User") == "sasha"


def test_relay_and_gitlab_below_a_path(make_relay, make_proxy, make_gitlab, upstream, client):
    gitlab = make_gitlab(root="/gitlab")
    relay = make_relay(gitlab, path="/sign-in/relay")
    proxy = make_proxy(gitlab, upstream, relay=relay, PROXY_PREFIX="/-/login")
    assert "This is the IDE" in client.login(proxy.origin + "/", "sasha", "sasha-password").text
    (back,) = [r for r in client.history if r.url.startswith(relay.url + "/callback")]
    assert back.location.startswith(proxy.origin + "/-/login/callback?")


def test_what_each_is_told(relay, make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, relay=relay)
    sent = client.navigate(proxy.origin + "/").location
    version, payload, _ = query(sent)["request"][0].split(".")
    fields = relay_module.decode(payload).decode().split("\n")
    assert version == "1" and fields[:2] == [proxy.host, "/oauth2"] and fields[5] == relay_module.SCOPE
    asked = {k: v[0] for k, v in query(client.navigate(sent).location).items()}
    assert asked.pop("state").count(".") == 0, "the relay's own"
    assert asked == {
        "response_type": "code",
        "client_id": relay.application.uid,
        "redirect_uri": relay.redirect_uri,
        "scope": fields[5],
        "nonce": fields[4],
        "code_challenge_method": "S256",
        "code_challenge": fields[3],
    }


def test_cookies_of_the_relay(relay, make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, relay=relay)
    for _ in range(9):
        at_gitlab(client, proxy, relay)
    assert len(relay_cookies(client)) == 5
    texts = [c for r in client.history if r.url.startswith(relay.url) for c in r.get_all("Set-Cookie")]
    for text in texts:
        pair, *attributes = text.split("; ")
        assert re.fullmatch(RELAY_COOKIE + r"[0-9a-f]{16}=[\w-]*", pair), text
        assert attributes[:-1] == ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"], text
        assert attributes[-1] == ("Max-Age=0" if pair.endswith("=") else "Max-Age=600"), text


def test_two_workspaces_and_parallel_tabs(relay, make_proxy, gitlab, upstream, client):
    one = make_proxy(gitlab, upstream, relay=relay)
    two = make_proxy(gitlab, upstream, relay=relay, name="other.localhost")
    tabs = [(p, path) for p in (one, two) for path in ("/a", "/b")]
    callbacks = [callback_of(client, at_gitlab(client, p, relay, path), gitlab) for p, path in tabs]
    for (p, path), callback in reversed(list(zip(tabs, callbacks))):
        page = client.follow(client.navigate(callback))
        assert (page.status, page.url) == (200, p.origin + path)
    assert one.settings["RELAY_KEY"] != two.settings["RELAY_KEY"]


def test_a_user_without_access_is_told_by_the_workspace(relay, make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, relay=relay)
    page = client.login(proxy.origin + "/", "robin", "robin-password")
    assert page.status == 403 and "robin" in page.text and page.url.startswith(proxy.origin)


def test_denied_consent_reaches_the_workspace(make_relay, make_proxy, gitlab, upstream, client):
    relay = make_relay(gitlab, trusted=False)
    proxy = make_proxy(gitlab, upstream, relay=relay)
    page = client.sign_in(client.open(proxy.origin + "/"), "sasha", "sasha-password")
    page = client.consent(page, agree=False)
    assert page.status == 403 and "declined" in page.text and page.url.startswith(proxy.origin)
    assert query(page.url)["error"] == ["access_denied"] and not relay_cookies(client)


# No state on the server


@pytest.fixture
def replicas(make_relay, gitlab):
    with relay_module.replicas(make_relay, gitlab) as three:
        yield three


def test_replicas_killed_in_the_middle_lose_nothing(replicas, make_proxy, gitlab, upstream, make_client):
    balancer, first, second = replicas
    proxy = make_proxy(gitlab, upstream, relay=first)
    clients = [make_client() for _ in range(4)]
    callbacks = [callback_of(c, at_gitlab(c, proxy, first), gitlab) for c in clients]
    assert set(balancer.served) == set(balancer.targets), "both have started flows"
    for one in (first, second):
        one.kill()
        one.start_again()
    balancer.targets = [second.address(), first.address()]
    for client, callback in zip(clients, callbacks):
        assert "This is the IDE" in client.follow(client.navigate(callback)).text


def test_one_replica_is_gone(replicas, make_proxy, gitlab, upstream, client):
    _, first, second = replicas
    proxy = make_proxy(gitlab, upstream, relay=first)
    second.stop()
    assert "This is the IDE" in client.login(proxy.origin + "/", "sasha", "sasha-password").text


def test_master_keys_rotate(replicas, make_relay, make_proxy, gitlab, upstream, client):
    """The new key first, the old one behind: flows and workspace keys of the old one go on."""
    balancer, first, _ = replicas
    proxy = make_proxy(gitlab, upstream, relay=first)
    begun = callback_of(client, at_gitlab(client, proxy, first), gitlab)
    keys = proxy_module.new_cookie_secret() + "," + first.settings["RELAY_MASTER_KEY"]
    rotated = make_relay(
        gitlab,
        balancer=balancer,
        application=first.application,
        ports=first.ports,
        RELAY_MASTER_KEY=keys,
    )
    balancer.targets = [rotated.address()]
    client.close_connections()
    assert "This is the IDE" in client.follow(client.navigate(begun)).text
    client.cookies.clear()
    assert "This is the IDE" in client.login(proxy.origin + "/", "sasha", "sasha-password").text
    new_key = relay_module.encode(relay_module.derive_key(rotated.master, proxy.host))
    assert new_key != proxy.settings["RELAY_KEY"]
    text = relay_module.make_request(relay_module.decode(new_key), proxy.host)
    assert client.navigate(start_url(first, text)).status == 302


def write(path, text):
    """At once, as a mounted secret changes."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def test_keys_rotate_without_a_restart(make_relay, make_proxy, gitlab, upstream, make_client, tmp_path):
    """As docs/kubernetes.md says it: behind, in front, workspaces, alone."""
    master, own = tmp_path / "master-key", tmp_path / "relay-key"
    old, new = proxy_module.new_cookie_secret(), proxy_module.new_cookie_secret()
    write(master, old)
    write(own, relay_module.encode(bytes(range(32))))
    relay = make_relay(gitlab, RELAY_MASTER_KEY=None, RELAY_MASTER_KEY_FILE=str(master), RELOAD_INTERVAL="20ms")
    proxy = make_proxy(
        gitlab, upstream, relay=relay, RELAY_KEY=None, RELAY_KEY_FILE=str(own), RELOAD_INTERVAL="20ms"
    )
    proxy.secrets = [secret for secret in proxy.secrets if secret]
    relay.secrets += [old, new]

    def rotate(process, path, text, part):
        count = len(process.log_entries(message="reloaded", part=part))
        write(path, text)
        proxy_module.wait_until(lambda: len(process.log_entries(message="reloaded", part=part)) > count)

    def key_of(text):
        return relay_module.encode(relay_module.derive_key(bytes.fromhex(text), proxy.host))

    def signs_in():
        reply = make_client().login(proxy.origin + "/", "sasha", "sasha-password")
        return reply.status == 200 and "This is the IDE" in reply.text

    reply = make_client().follow(make_client().navigate(proxy.origin + "/"))
    assert reply.status == 403, "signed by another key"
    rotate(proxy, own, key_of(old), "relay key")
    assert signs_in()
    write(own, "damaged")
    proxy.wait_for_log(message="not reloaded; the old one remains in use", part="relay key")
    rotate(relay, master, f"{old},{new}", "keys")
    assert signs_in()
    rotate(relay, master, f"{new},{old}", "keys")
    assert signs_in()
    rotate(proxy, own, key_of(new), "relay key")
    rotate(relay, master, new, "keys")
    assert signs_in()
    rotate(proxy, own, key_of(old), "relay key")
    reply = make_client().follow(make_client().navigate(proxy.origin + "/"))
    assert reply.status == 403, "the old key is gone"


# Starts that are refused


def zone(relay):
    return f"localhost:{relay.ports[0]}"


def test_a_request_made_here_is_taken(relay, client):
    authority = f"kiwi.{zone(relay)}"
    for age_s in (0, 590, -290):
        text = relay_module.make_request(relay.key_for(authority), authority, age_s=age_s)
        assert client.navigate(start_url(relay, text)).status == 302


@pytest.mark.parametrize("age_s", [601, -310, 86400])
def test_requests_of_another_time(relay, client, age_s):
    authority = f"kiwi.{zone(relay)}"
    text = relay_module.make_request(relay.key_for(authority), authority, age_s=age_s)
    assert_refused(client.navigate(start_url(relay, text)), 403, "too long", f"https://{authority}/")
    assert not relay_cookies(client)


@pytest.mark.parametrize(
    "host",
    [
        "user@kiwi.{zone}",
        "user:password@kiwi.{zone}",
        "kiwi.{zone}.",
        "kiwi.localhost.:{port}",
        "Kiwi.{zone}",
        "kiwi.LOCALHOST:{port}",
        "kiwi.localhost",
        "kiwi.localhost:443",
        "kiwi.localhost:0{port}",
        "kiwi.{zone}:443",
        "kiwï.{zone}",
        "xn--kiw-cpa.{zone}",
        "kiwi。{zone}",
        "ki%77i.{zone}",
        "evil.example%2f.{zone}",
        "evil.example/.{zone}",
        "evil.example?.{zone}",
        "evil.example#.{zone}",
        "evil.example\\.{zone}",
        "a.b.{zone}",
        "{zone}",
        ".{zone}",
        "kiwi..{zone}",
        "kiwi.{zone}.evil.example",
        "kiwilocalhost:{port}",
        "kiwi.evil.example",
        "127.0.0.1:{port}",
        " kiwi.{zone}",
        "https://kiwi.{zone}",
        "",
    ],
)
def test_requests_for_other_hosts(relay, client, host):
    """Even with the key of that very spelling."""
    authority = host.format(zone=zone(relay), port=relay.ports[0])
    text = relay_module.make_request(relay.key_for(authority), authority)
    assert_refused(client.navigate(start_url(relay, text)), 403, "Unknown workspace")
    assert not relay_cookies(client)


def test_requests_with_other_keys(relay, client):
    authority, other = f"kiwi.{zone(relay)}", f"mango.{zone(relay)}"
    for key in (relay.key_for(other), bytes(32), relay.master, relay_module.derive_key(bytes(32), authority)):
        text = relay_module.make_request(key, authority)
        assert_refused(client.navigate(start_url(relay, text)), 403, "Unknown workspace")
    assert not relay_cookies(client)


def test_requests_that_were_altered(relay, client):
    authority = f"kiwi.{zone(relay)}"
    text = relay_module.make_request(relay.key_for(authority), authority)
    version, payload, mac = text.split(".")
    raw = relay_module.decode(payload)
    for changed in (
        raw.replace(b"kiwi", b"mang"),
        raw.replace(b"/oauth2", b"/oauth3"),
        raw.replace(b"openid", b"openit"),
        raw + b"0",
    ):
        other = f"{version}.{relay_module.encode(changed)}.{mac}"
        assert_refused(client.navigate(start_url(relay, other)), 403, "Unknown workspace")
    shapes = [payload, f"2.{payload}.{mac}", f"{text}.", f"1.{payload}=.{mac}", text[:-1], "x" * 8000]
    for other in shapes:
        assert_refused(client.navigate(start_url(relay, other)), 400, "address is not valid")
    assert not relay_cookies(client)


@pytest.mark.parametrize(
    "field, value",
    [
        ("prefix", "//evil.example"),
        ("prefix", "/a/../b"),
        ("prefix", "/a?code=x"),
        ("prefix", "@evil.example/"),
        ("prefix", ""),
        ("state", "a&code=b"),
        ("state", "a\r\nX-Header: b"),
        ("challenge", "plain"),
        ("nonce", "x"),
        ("scope", "openid\nread_user"),
        ("issued_ms", "soon"),
    ],
)
def test_requests_of_a_workspace_that_was_taken_over(relay, client, field, value):
    authority = f"kiwi.{zone(relay)}"
    text = relay_module.make_request(relay.key_for(authority), authority, **{field: value})
    assert_refused(client.navigate(start_url(relay, text)), 400, "address is not valid")


def test_no_more_than_the_relay_s_scope(relay, client):
    authority = f"kiwi.{zone(relay)}"
    text = relay_module.make_request(relay.key_for(authority), authority, scope="openid api")
    assert_refused(client.navigate(start_url(relay, text)), 403, "more than")


def test_repeated_and_missing_requests(relay, client):
    authority = f"kiwi.{zone(relay)}"
    text = relay_module.make_request(relay.key_for(authority), authority)
    assert_refused(client.navigate(f"{relay.url}/start?request={text}&request={text}"), 400, "repeated")
    assert_refused(client.navigate(f"{relay.url}/start?request={text}&r%65quest={text}"), 400, "repeated")
    assert_refused(client.navigate(f"{relay.url}/start"), 400, "missing")


def test_only_navigations_start(relay, client):
    authority = f"kiwi.{zone(relay)}"
    url = start_url(relay, relay_module.make_request(relay.key_for(authority), authority))
    for dest, mode in (("image", "no-cors"), ("iframe", "navigate"), ("empty", "cors")):
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        reply = client.request("GET", url, headers)
        assert reply.status == 403 and not reply.get_all("Set-Cookie"), (dest, reply.status)
    assert client.request("POST", url, body="x=1").status == 405


# By hand, and in the cluster


def test_landing_page_and_what_is_not_there(make_relay, gitlab, client):
    relay = make_relay(gitlab, path="/base")
    for path in ("/base", "/base/"):
        reply = client.navigate(relay.origin + path)
        assert reply.status == 200 and "forwards them to their workspace" in reply.text
        assert "default-src 'none'" in reply.get("Content-Security-Policy")
    for path in ("/", "/start", "/base/other", "/basement", "/base/start/", "/base/%73tart", "/oauth2/start"):
        assert client.navigate(relay.origin + path).status == 404, path
    document = client.fetch(relay.url + "/callback")
    assert document.status == 400 and document.json()["error"] == "bad_request"
    with relay.raw() as raw:
        raw.request("GET", "/base/", host="workspace.localhost")
        assert raw.read_response("GET").status == 421


def test_admin_and_logs(make_relay, gitlab, client):
    relay = make_relay(gitlab)
    for path, word in (("/ping", b"OK"), ("/ready", b'"ready":true')):
        connection = http.client.HTTPConnection(*relay.address("admin"), timeout=60)
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200 and word in response.read()
        connection.close()
    client.navigate(relay.url + "/callback?code=canary-code&state=canary-state")
    entry = relay.wait_for_log(message="request", path="/callback")
    assert entry["status"] == 400 and "canary" not in relay.log


# Provisioning and settings


def relay_key(*arguments, **settings):
    return proxy_module.run(["relay-key", *arguments], settings)


def test_keys_for_provisioning():
    master, older = proxy_module.new_cookie_secret(), proxy_module.new_cookie_secret()
    expected = relay_module.encode(relay_module.derive_key(bytes.fromhex(master), "kiwi.ws.example.com"))
    for text in ("kiwi.ws.example.com", "KIWI.ws.example.com:443"):
        done = relay_key(text, RELAY_MASTER_KEY=f"{master},{older}", RELAY_ZONES="ws.example.com")
        assert (done.returncode, done.stdout, done.stderr) == (0, expected + "\n", "")
    assert relay_key("kiwi.ws.example.com", RELAY_MASTER_KEY=master).stdout == expected + "\n"


def test_keys_that_are_not_given():
    master = proxy_module.new_cookie_secret()
    for host in ("", "kiwi", "kiwi.ws.example.com.", "https://kiwi.ws.example.com", "a b.example.com"):
        done = relay_key(host, RELAY_MASTER_KEY=master)
        assert done.returncode == 1 and not done.stdout and "relay-key" in done.stderr
    done = relay_key("kiwi.evil.example", RELAY_MASTER_KEY=master, RELAY_ZONES="ws.example.com")
    assert done.returncode == 1 and not done.stdout and "RELAY_ZONES" in done.stderr
    assert relay_key("kiwi.ws.example.com").returncode == 1
    assert relay_key(RELAY_MASTER_KEY=master).returncode == 2


def test_check_of_a_relay(relay):
    done = proxy_module.run(["check", "relay"], relay.settings)
    assert done.returncode == 0, done.stderr
    assert "WORKSPACE_PROXY_RELAY_MASTER_KEY=set (1 key)" in done.stdout
    assert relay.settings["RELAY_MASTER_KEY"] not in done.stdout and "EXTERNAL_URL" not in done.stdout
    done = proxy_module.run(["relay"], {**relay.settings, "RELAY_ZONES": None})
    assert done.returncode == 1 and "WORKSPACE_PROXY_RELAY_ZONES: needed by the relay" in done.stderr
