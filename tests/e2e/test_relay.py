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

SESSION = "__Host-workspace-proxy"
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


@pytest.fixture
def box(relay):
    return relay_module.StateBox(relay.master, relay.redirect_uri)


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
    proxy.wait_for_log(message="not reloaded; the old one stays", part="relay key")
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


# Callbacks that are refused


def test_a_victim_does_not_finish_an_attackers_flow(relay, make_proxy, gitlab, upstream, make_client):
    proxy = make_proxy(gitlab, upstream, relay=relay)
    attacker, victim = make_client(), make_client()
    lure = at_gitlab(attacker, proxy, relay)
    callback = callback_of(victim, lure, gitlab)
    assert query(callback)["code"], "GitLab itself can't tell"
    for _ in range(2):
        reply = victim.navigate(callback)
        assert_refused(reply, 403, "was not started in this browser", proxy.origin + "/")
    # An own flow under way does not help, nor does it suffer.
    mine = callback_of(victim, at_gitlab(victim, proxy, relay), gitlab)
    assert_refused(victim.navigate(callback), 403, "was not started in this browser")
    assert "This is the IDE" in victim.follow(victim.navigate(mine)).text
    code = query(callback)["code"][0]
    assert not [r for r in attacker.history + victim.history if code in (r.get("Location") or "")]


def test_a_lure_to_the_start_ends_at_the_workspace(relay, make_proxy, gitlab, upstream, make_client):
    """Then the relay's cookie is the victim's own; the sidecar still knows no flow of this browser."""
    proxy = make_proxy(gitlab, upstream, relay=relay)
    attacker, victim = make_client(), make_client()
    lure = attacker.navigate(proxy.origin + "/").location
    callback = callback_of(victim, victim.navigate(lure).location, gitlab)
    there = victim.navigate(callback)
    assert there.status == 302 and there.location.startswith(proxy.origin + "/oauth2/callback?")
    reply = victim.navigate(there.location)
    assert reply.status == 302 and reply.location.startswith(relay.url + "/start?"), "a login of its own"
    assert victim.cookie(SESSION) is None and gitlab.requests.count(endpoint="token") == 0


def test_replayed_callback(relay, make_proxy, gitlab, upstream, client):
    proxy = make_proxy(gitlab, upstream, relay=relay)
    callback = callback_of(client, at_gitlab(client, proxy, relay), gitlab)
    first = client.navigate(callback)
    assert first.status == 302
    assert_refused(client.navigate(callback), 403, "was not started in this browser")
    assert "This is the IDE" in client.follow(first).text


def test_a_code_injected_into_another_flow(relay, make_proxy, gitlab, upstream, make_client):
    """The attacker's code under the victim's state, and the other way round: PKCE does not fit."""
    proxy = make_proxy(gitlab, upstream, relay=relay)
    attacker, victim = make_client(), make_client()
    theirs = query(callback_of(attacker, at_gitlab(attacker, proxy, relay), gitlab, "alex"))
    mine = query(callback_of(victim, at_gitlab(victim, proxy, relay), gitlab))
    for client, codes, states in ((victim, theirs, mine), (attacker, mine, theirs)):
        mixed = {"code": codes["code"][0], "state": states["state"][0]}
        url = f"{relay.redirect_uri}?" + urllib.parse.urlencode(mixed)
        reply = client.navigate(client.navigate(url).location)
        assert client.cookie(SESSION) is None and reply.status in (302, 403), reply.status
    assert gitlab.requests.count(endpoint="token", status=200) == 0 and not upstream.received


def test_state_of_another_workspace(relay, make_proxy, gitlab, upstream, client):
    """The relay sends it to where it belongs; handed to another sidecar it is of no use."""
    one = make_proxy(gitlab, upstream, relay=relay)
    two = make_proxy(gitlab, upstream, relay=relay, name="other.localhost")
    callback = callback_of(client, at_gitlab(client, one, relay), gitlab)
    there = client.navigate(callback).location
    assert there.startswith(one.origin)
    reply = client.navigate(there.replace(one.origin, two.origin))
    assert reply.status == 302 and reply.location.startswith(relay.url + "/start?")
    assert client.cookie(SESSION) is None and gitlab.requests.count(endpoint="token") == 0


def send_back(client, relay, flow, rest="code=0123456789abcdef", cookie=True):
    state, name, value = flow
    headers = {"Cookie": f"{name}={value}"} if cookie else {}
    url = f"{relay.redirect_uri}?{rest}&" + urllib.parse.urlencode({"state": state})
    return client.navigate(url, **headers)


def test_a_state_made_here_is_taken(relay, box, client):
    authority = f"kiwi.{zone(relay)}"
    reply = send_back(client, relay, box.state(authority))
    expected = f"https://{authority}/oauth2/callback?code=0123456789abcdef&state=a.state"
    assert (reply.status, reply.location) == (302, expected)


def test_states_of_other_times(relay, box, client):
    authority = f"kiwi.{zone(relay)}"
    for age_s in (601, 7200, -310):
        for cookie in (True, False):
            reply = send_back(client, relay, box.state(authority, age_s=age_s), cookie=cookie)
            assert_refused(reply, 403, "too long", f"https://{authority}/")


def test_foreign_and_altered_states(relay, box, client):
    authority = f"kiwi.{zone(relay)}"
    stranger = relay_module.StateBox(bytes(range(32)), relay.redirect_uri)
    elsewhere = relay_module.StateBox(relay.master, "https://other.localhost/callback")
    assert_refused(send_back(client, relay, stranger.state(authority)), 400, "not ours")
    assert_refused(send_back(client, relay, elsewhere.state(authority)), 400, "not ours")
    state, name, value = box.state(authority)
    for other in (state[:-2], state + "A", state.swapcase(), "x", value):
        assert_refused(send_back(client, relay, (other, name, value)), 400, "not ours")
    _, other_name, other_value = box.state(authority)
    for cookie in ((name, other_value), (other_name, value), (other_name, other_value), (name, state)):
        reply = send_back(client, relay, (state, *cookie))
        assert_refused(reply, 403, "was not started in this browser")
    assert_refused(send_back(client, relay, (state, name, value), cookie=False), 403, "was not started")


def test_states_of_hosts_that_left_the_zones(relay, box, client):
    for authority in ("kiwi.evil.example", f"user@kiwi.{zone(relay)}", f"KIWI.{zone(relay)}"):
        assert_refused(send_back(client, relay, box.state(authority)), 403, "Unknown workspace")


@pytest.mark.parametrize(
    "rest",
    [
        "code=a&code=b",
        "code=a&state=b",
        "code=a&st%61te=b",
        "code=a&error=b",
        "error=a&error=b",
        "code=",
        "code=%zz",
        "x=1",
    ],
)
def test_callbacks_with_odd_parameters(relay, box, client, rest):
    flow = box.state(f"kiwi.{zone(relay)}")
    assert_refused(send_back(client, relay, flow, rest), 400, "address is not valid")


def test_errors_are_passed_on_as_errors(relay, box, client):
    authority = f"kiwi.{zone(relay)}"
    known = {"access_denied": "access_denied", "server_error": "server_error"}
    for sent, passed in {**known, "%3Cb%3E": "invalid_request"}.items():
        reply = send_back(client, relay, box.state(authority), f"error={sent}&error_description=Said+so")
        assert reply.location == f"https://{authority}/oauth2/callback?error={passed}&state=a.state"
        assert_refused(send_back(client, relay, box.state(authority), f"error={sent}", cookie=False), 403)


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


def test_admin_and_logs(relay, client):
    for path, word in (("/ping", b"OK"), ("/ready", b'"ready":true')):
        connection = http.client.HTTPConnection(*relay.address("admin"), timeout=10)
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
