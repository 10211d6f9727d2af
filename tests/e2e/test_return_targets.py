# SPDX-License-Identifier: Apache-2.0
"""Where logins lead to afterwards: never away from the workspace, whatever was asked for."""

import re
import urllib.parse

import chromium
import pytest

PREFIXES = """
https:// http:// HTTPS:// hTTps:// https: https:/ https:/// https:\\ https:\\\\ http:\\/\\/ //
/// //// ///// \\\\ \\/ /\\ /\\/ \\/\\/ /\\\\ //\\ //\\/ /;// /.// /./\\ /..// /a/..// /a/../..// /%2e%2e//
/%2e// /%2f /%2F%2f /%5c /%5C/ /%252f /%252f%252f /%255c %2f%2f %5c%5c /%09/ /%0a/ /%0d/ /%0d%0a/ /%00/ /%20/
/%09// //%09 ///%09/ https:%2f%2f https%3a// https%3a%2f%2f @ /@ //@ //x@ //x:y@ https://WORKSPACE@
https://WORKSPACE%40 https://WORKSPACE:443@ https://WORKSPACE\\@ //WORKSPACE@ //WORKSPACE%2540 https://WORKSPACE.
//WORKSPACE. ?// #// /?// /# ; ;// .// ./ ../ ..// ..\\ .\\ \\ javascript://  javascript:alert(1)// data:text/html,
data:// vbscript: file:// file:/// ftp:// blob:https:// about:// ws:// wss:// mailto: view-source:https:// x: x://
""".split()
ODD = [
    "",
    " ",
    "\t//evil.example",
    "\n//evil.example",
    " //evil.example",
    "/ /evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\r\n/evil.example",
    "/\x00/evil.example",
    "/\x0b//evil.example",
    "//\tevil.example",
    "\x01https://evil.example",
    "\x1fhttps://evil.example",
    "ht\ntps://evil.example",
    "java\nscript:alert(1)",
    " javascript:alert(1)",
    "javascript%3aalert(1)",
    "\u3000//evil.example",
    "\u2028//evil.example",
    "\ufeff//evil.example",
    "/\u200b/evil.example",
    "\uff0f\uff0fevil.example",
    "/\uff0fevil.example",
    "\u2215\u2215evil.example",
    "/\u2044evil.example",
    "//evil\u3002example",
    "//\u24d4vil.example",
    "//[::1]/",
    "//127.1/",
    "//2130706433/",
    "//0x7f000001/",
    "//evil.example%00.workspace.localhost",
    "/ok\r\nLocation: https://evil.example",
    "/ok%0d%0aLocation:%20https://evil.example",
    "/ok%250d%250aSet-Cookie:a=b",
    "/\\\tevil.example",
    "/x/../../..//evil.example",
    "/x/%2e%2e/%2e%2e//evil.example",
    "/oauth2/start?rd=//evil.example",
    "/oauth2/callback?code=a&state=b",
    "/oauth2/sign_out",
    "/OAUTH2/../oauth2/sign_out",
    "//" + "evil.example/" * 200,
    "/" * 3000 + "evil.example",
    "\\" * 1000 + "evil.example",
    "/%" + "25" * 30 + "2fevil.example",
    "/?rd=https://evil.example",
    "/#https://evil.example",
    "/fine/path?x=1",
    "/fine/%7Euser#part",
]


def corpus(name):
    made = [prefix.replace("WORKSPACE", name) + host for prefix in PREFIXES for host in HOSTS]
    return list(dict.fromkeys([*made, *ODD]))


HOSTS = ("evil.example", "evil.example:443/%2e%2e\\x?a=b#c")
LOCATION = re.compile(r"/(?![/\\])[\x21-\x7e]*")


def landing(client, proxy, first):
    """Where a login leads that starts with this answer; the raw Location of its last step."""
    reply = client.navigate(client.navigate(first.location).script_location())
    assert reply.status in (302, 303), reply.status
    (location,) = reply.get_all("Location")
    return location


def assert_stays(location, origin, target):
    local = location.removeprefix(origin)
    assert LOCATION.fullmatch(local), (target, location)
    decoded = urllib.parse.unquote(urllib.parse.unquote(local.partition("?")[0].partition("#")[0]))
    assert "\\" not in decoded and not decoded.startswith("//"), (target, location)
    assert not re.search(r"[\x00-\x20\x7f]", decoded), (target, location)
    assert not decoded.startswith("/oauth2"), (target, location)


def test_no_return_target_leads_away(proxy, gitlab, client, certificates):
    targets = corpus(proxy.host)
    assert len(targets) >= 200
    client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    locations = []
    refused = 0
    for number, target in enumerate(targets):
        raw = urllib.parse.quote(target, safe="")
        page = client.navigate(f"{proxy.origin}/oauth2/sign_in?rd={raw}") if number % 4 == 0 else page
        for link in re.findall(r'href="([^"]*)"', page.text):
            where = urllib.parse.urljoin(page.url, link)
            assert where.startswith((proxy.origin + "/", gitlab.url + "/")) or where == gitlab.url, link
        first = client.navigate(f"{proxy.origin}/oauth2/start?rd={raw}")
        if first.status not in (302, 303):
            assert first.status in (400, 414, 431), (target, first.status)
            refused += 1
            continue
        assert first.location.startswith(gitlab.url + "/oauth/authorize?")
        location = landing(client, proxy, first)
        assert_stays(location, proxy.origin, target)
        locations.append(location)
    assert proxy.origin + "/fine/path?x=1" in [urllib.parse.urljoin(proxy.origin, x) for x in locations]
    print(f"{len(targets)} targets: {refused} refused, {len(locations)} landed here")
    if chromium.is_available():  # what a browser makes of them is what counts
        with chromium.browser(certificates.cert) as driver:
            origins = driver.execute_script(
                "return arguments[0].map(x => new URL(x, arguments[1]).origin)",
                locations,
                proxy.origin + "/oauth2/callback",
            )
        assert set(origins) == {proxy.origin}


@pytest.mark.parametrize(
    "target",
    ["//evil.example/", "///evil.example", "/\\evil.example", "/%2f/evil.example", "/a/..//evil.example/%5c"],
)
def test_addresses_that_were_asked_for_are_no_way_out(proxy, gitlab, client, target):
    """The same for a login that starts by itself, where the target is the request's own."""
    client.sign_in(client.open(f"{gitlab.url}/users/sign_in"), "sasha", "sasha-password")
    with proxy.raw() as raw:
        raw.request("GET", target, [("Accept", "text/html")], host=proxy.host)
        response = raw.read_response()
    if response.status == 400:
        return
    assert response.status == 302
    for text in response.get_all("Set-Cookie"):
        client._store_cookie(proxy.origin + "/", text)
    reply = client.navigate(client.navigate(response.get("Location")).script_location())
    (location,) = reply.get_all("Location")
    # Exactly what was asked for, behind our origin where a browser could read it as another host.
    assert location.removeprefix(proxy.origin) == target
    assert location.startswith(proxy.origin + "/") or LOCATION.fullmatch(location)
    resolved = urllib.parse.urljoin(proxy.origin + "/oauth2/callback", location.replace("\\", "/"))
    assert resolved.startswith(proxy.origin + "/")
