# SPDX-License-Identifier: Apache-2.0
"""Compressed responses in Chromium: every kind of resource is decoded, kept and revalidated."""

import re

import chromium
import pytest
from proxy import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.is_available(), reason="chromium and chromedriver are not installed"),
]

PAGE = b"""<!DOCTYPE html><title>IDE</title><link rel=stylesheet href=style.css><script type=module src=main.js></script>
<img id=image src=image.svg>"""
SCRIPT = b"""
const source = await fetch('main.js.map').then(r => r.json());
const { instance } = await WebAssembly.instantiateStreaming(fetch('module.wasm'));
const worker = await navigator.serviceWorker.register('worker.js', {scope: 'scope/'});
await document.getElementById('image').decode();
const padded = getComputedStyle(document.body).getPropertyValue('--known').trim();
window.state = {sources: source.sources.length, exports: Object.keys(instance.exports).length, padded,
    worker: Boolean(worker), width: document.getElementById('image').naturalWidth};
"""
FILLER = b"/* %b */" % b"".join(b"line %d of what has to be decoded\n" % n for n in range(300))
CUSTOM_SECTION = b"\0asm\1\0\0\0" + b"\0\x81\x20" + b"\1x" + b"y" * 4095
FILES = {
    "/": ("text/html", PAGE),
    "/style.css": ("text/css", FILLER + b":root { --known: yes }"),
    "/main.js": ("text/javascript", FILLER + SCRIPT),
    "/main.js.map": ("application/json", b'{"version":3,"sources":[%b"a"]}' % (b'"a",' * 999)),
    "/module.wasm": ("application/wasm", CUSTOM_SECTION),
    "/worker.js": ("text/javascript", FILLER),
    "/image.svg": (
        "image/svg+xml",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><!-- %b --></svg>' % (b"x" * 4000),
    ),
}
SIZES = """
return performance.getEntriesByType('resource').map(e => [
    new URL(e.name).pathname, e.encodedBodySize, e.decodedBodySize, e.transferSize]);
"""


@pytest.fixture
def ide(upstream):
    """Serves the files with strong validators, which it compares as weak ones."""

    def respond(connection, request):
        content_type, body = FILES.get(request.path, ("text/plain", b""))
        fields = [("Content-Type", content_type), ("Cache-Control", "no-cache"), ("ETag", f'"{len(body)}"')]
        if re.fullmatch(rf'(W/)?"{len(body)}"', request.get("If-None-Match") or ""):
            connection.send_response(304, fields)
        else:
            connection.send_response(200, fields, body)

    upstream.answer = respond
    return upstream


def load(driver, url):
    driver.get(url)
    state = chromium.wait(driver, lambda d: d.execute_script("return window.state"), what="the script's end")
    assert state == {"sources": 1000, "exports": 0, "padded": "yes", "worker": True, "width": 30}
    return {path: sizes for path, *sizes in driver.execute_script(SIZES) if path in FILES}


def test_every_kind_of_resource(proxy, ide, certificates):
    with chromium.browser(certificates.cert) as driver:
        driver.get(proxy.origin + "/empty")
        chromium.sign_in(driver, "sasha", "sasha-password")
        chromium.wait(driver, lambda d: d.current_url == proxy.origin + "/empty", what="the end of the login")
        first = load(driver, proxy.origin + "/")
        compressed = {path for path, (encoded, decoded, _) in first.items() if encoded < decoded}
        assert compressed == set(FILES) - {"/", "/worker.js"}  # that one's fetch is not among the page's

        def are_revalidated():
            """Not always by the first reload: writing to the cache takes Chromium some time."""
            load(driver, proxy.origin + "/")
            asked = {(r.path, r.get("If-None-Match")) for r in ide.requests}
            return all((path, f'W/"{len(FILES[path][1])}"') in asked for path in compressed)

        wait_until(are_revalidated, what="every file to be asked for by its weak ETag")
