# SPDX-License-Identifier: Apache-2.0
"""How long people wait: cold loads in Chromium, over a line with a round trip time and a rate, until the page can
be used. Chromium is a new one each time, so nothing is cached and no connection is open.

All proxies have the same origin: that of tests/bench/distance.c, which stands in front of the one whose turn it is.
"""

import contextlib
import os
import subprocess
import tempfile

import dev_server
import peers as peers_module
import report

import chromium
import proxy as proxy_module
from ide import Ide
from web_client import WebClient

MBIT_PER_S = 20
PATIENCE_S = 60
# The page says by itself when it shows what people wait for: looking at it from outside would take time.
WATCH = """
(() => {
    const look = () => {
        if (!window.usableAt && document.querySelector(%r)) {
            window.usableAt = performance.now();
            observer.disconnect();
        }
    };
    const observer = new MutationObserver(look);
    observer.observe(document, {childList: true, subtree: true, attributes: true});
})();
"""
RESULT = """
return window.usableAt && {
    seconds: window.usableAt / 1000,
    protocol: performance.getEntriesByType('navigation')[0].nextHopProtocol,
    bytes: performance.getEntriesByType('resource').reduce((sum, e) => sum + e.transferSize, 0),
};
"""


class Jupyter:
    """The list of files; its server is Debian's."""

    port = None
    path = "/tree"
    ready = "#notebook_list .list_item .item_link[href]"
    name = "jupyter"

    def __init__(self, origin):
        self._directory = tempfile.TemporaryDirectory(prefix="bench-ide-")
        at = self._directory.name
        project = os.path.join(at, "project")
        os.makedirs(os.path.join(project, "notebooks"))
        self._ide = Ide(self.name, at, project, origin, os.path.join(at, "log")).start()
        self.upstream = f"unix:{self._ide.socket}"
        proxy_module.wait_until(lambda: os.path.exists(self._ide.socket), what=self.name)

    def stop(self):
        self._ide.stop()
        self._directory.cleanup()


class CodeServer(Jupyter):
    """The editor with its list of files. code-server has to be on the PATH: Debian has none."""

    path = "/"
    ready = ".monaco-workbench .explorer-folders-view .monaco-list-row"
    name = "code-server"


APPLICATIONS = {
    "jupyter": Jupyter,
    "modules": lambda origin: dev_server.DevServer(),
    "code-server": CodeServer,
}


class Ours(peers_module.Ours):
    """Behind the line: its origin is the line's."""

    settings = {}

    def __init__(self, stage):
        super().__init__(stage)
        self.upstream = self.port = None

    @property
    def host(self):
        return f"{peers_module.NAME}:{self.stage.public}"

    @property
    def origin(self):
        return f"https://{self.host}"

    def environment(self):
        more = {"PORTS": self.port} if self.port else {"UPSTREAM": self.upstream}
        settings = {**more, **self.settings}
        return {**super().environment(), **{proxy_module.PREFIX + k: str(v) for k, v in settings.items()}}

    def log_in(self):
        """With the line in front, because it is part of the origin: see page_loads.line_to."""


class Uncompressed(Ours):
    name = "uncompressed"
    settings = {"COMPRESS": "off"}


class Earlier(peers_module.Earlier, Ours):
    pass


class Nginx(peers_module.Nginx):
    """With all that it has for this: gzip for the types that we compress, and HTTP/2."""

    name = "nginx-http2"
    protocol = "http2"
    gzip = (
        "gzip on; gzip_comp_level 4; gzip_min_length 1024; gzip_proxied any; gzip_types text/javascript "
        "application/javascript application/x-javascript text/css application/wasm image/svg+xml font/ttf font/otf "
        "application/vnd.ms-fontobject application/json;"
    )

    def command(self):
        user = "" if os.getuid() else "user root; "  # who may enter the directory of the IDE's socket
        text = peers_module.NGINX.format(
            directory=self.directory,
            log=self.log,
            upstream=0,
            plain=self.plain,
            tls=self.tls,
            cert=self.stage.cert,
            key=self.stage.key,
        )
        text = text.replace("server 127.0.0.1:0;", f"server {self.upstream.removeprefix('http://')};").replace(" ssl http2 ", f" ssl {self.protocol} ")
        text = user + text.replace("map $http_upgrade", f"{self.gzip} map $http_upgrade")
        path = self.write("nginx.conf", text)
        return ["nginx", "-c", path, "-e", os.path.join(self.directory, "error.log")]

    def environment(self):
        return dict(os.environ)


class NginxHttp1(Nginx):
    name = "nginx-http1"
    protocol = ""


ALL = (Ours, Uncompressed, Earlier, NginxHttp1, Nginx)


@contextlib.contextmanager
def line_to(stage, peer, round_trip_ms):
    """The way to this proxy, from the port that browsers know."""
    command = [os.path.join(stage.tools, "distance"), *map(str, (stage.public, peer.tls, round_trip_ms, MBIT_PER_S))]
    with subprocess.Popen(command) as process:
        try:
            peer._wait_for(stage.public)
            yield
        finally:
            process.kill()


def cookies_for(stage, peer, host):
    """Those of a session, for the host of the IDE or of a port."""
    with line_to(stage, peer, 0):
        client = WebClient(stage.authority.client_context())
        page = client.login(f"https://{host}:{stage.public}/", "sasha", "sasha-password")
        if page.status != 200:
            raise RuntimeError(f"{peer.name}: login ended with {page.status} at {page.url}")
        return client.cookies_of(host)


def load(stage, peer, case, url, ready, cookies):
    with line_to(stage, peer, case.round_trip_ms), chromium.browser(stage.cert, size=(1280, 900)) as driver:
        driver.get("about:blank")
        for cookie in cookies:
            fields = {"name": cookie.name, "value": cookie.value, "url": url, "secure": True, "httpOnly": True}
            driver.execute_cdp_cmd("Network.setCookie", fields)
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH % ready})
        driver.get(url)
        return chromium.wait(driver, lambda d: d.execute_script(RESULT), PATIENCE_S, f"{case.name}, {peer.name}")


def run_case(stage, case, wanted, rounds, samples):
    application = APPLICATIONS[case.application](f"https://{peers_module.NAME}:{stage.public}")
    host = f"{application.port}-{peers_module.NAME}" if application.port else peers_module.NAME
    url = f"https://{host}:{stage.public}{application.path}"
    stage.cert, stage.key = stage.authority.issue(case.application, f"DNS:{host},DNS:{peers_module.NAME}")
    peers = [p for p in (make(stage) for make in ALL) if p.name in ("ours", *wanted) and p.is_there()]
    try:
        cookies = {}
        for peer in peers:
            peer.upstream, peer.port = application.upstream, application.port
            peer.start()
            # Chromium takes longer for requests with cookies, so all have some.
            cookies[peer.name] = cookies_for(stage, peer, host) if peer.has_login else cookies[peers[0].name]
        load(stage, peers[-1], case, url, application.ready, cookies[peers[-1].name])  # not counted
        for number in range(rounds):
            for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
                sample = load(stage, peer, case, url, application.ready, cookies[peer.name])
                samples.setdefault((case.name, peer.name), []).append(sample)
            report.say(f"round {number + 1} of {rounds}: {case.name}")
        return {p.name: p.version() for p in peers}
    finally:
        for peer in peers:
            peer.stop()
        application.stop()


def run(stage, cases, wanted, rounds, samples):
    """Returns the versions of the proxies, by name."""
    affinity = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    stage.public = proxy_module.free_port()
    versions = {}
    try:
        for case in cases:
            versions.update(run_case(stage, case, wanted, rounds, samples))
    finally:
        os.sched_setaffinity(0, affinity)
    return versions
