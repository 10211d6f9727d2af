# SPDX-License-Identifier: Apache-2.0
"""Fixtures for whole-process tests: a GitLab, an IDE's place, certificates, and the proxy itself.

	def test_something(proxy, gitlab, upstream, client):
	    page = client.login(proxy.origin + "/", "sasha", "sasha-password")
	    assert upstream.requests[0].get("X-Forwarded-User") == "sasha"

Everything listens on loopback, on ports of the kernel's choice, so tests may run side by side
(pytest -n). At its end each proxy must exit with 0 on SIGTERM, without a sanitizer's report and
without a secret in its log.
"""

import contextlib
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

import browser_marks  # noqa: E402
import certificates as certificates_module  # noqa: E402
import directories  # noqa: E402
import proxy as proxy_module  # noqa: E402
import raw_http2  # noqa: E402
import ssh as ssh_module  # noqa: E402
from directories import tmp_path  # noqa: E402, F401
from gitlab import GitLab  # noqa: E402
from sharing import Guest, Sharing  # noqa: E402
from upstream import Upstream  # noqa: E402
from web_client import WebClient  # noqa: E402

WORKSPACE_NAME = "workspace.localhost"


def pytest_configure(config):
    # Clone workers would otherwise wait until no other process of the machine wants a core.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    config.addinivalue_line("markers", "fast: no browser, no waiting; what to run while editing")
    config.addinivalue_line("markers", "browser: drives Chromium")
    config.addinivalue_line("markers", "http1(what): uses what only HTTP/1.1 has; skipped with E2E_HTTP=2")


# What takes longest begins first, so that no worker is left with one of these at the end.
LONG_FILES = """
    test_clone_like_git test_clone_submodules test_framing test_ssh_clients test_browser_cross_port test_upstream_reuse test_clone_lfs
    test_return_targets test_browser_logins test_broker test_clone_history test_login test_clone_attributes test_browser_log test_credential
    test_browser test_memory_search test_broker_lies test_clone_killed test_clone_ended test_sessions test_restart test_revocation
""".split()


def pytest_collection_modifyitems(items):
    order = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))
    browser_marks.apply(items)
    for item in items:
        if raw_http2.IS_ON and (http1 := item.get_closest_marker("http1")):
            item.add_marker(pytest.mark.skip(reason=f"uses HTTP/1.1: {http1.args[0]}"))


def pytest_sessionfinish():
    if "chromium" in sys.modules:
        sys.modules["chromium"].quit_kept_browser()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the proxies' logs to a failure, and deletes the files of a test that has passed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for started in getattr(item, "started_proxies", []):
            report.sections.append((f"log of the proxy at {started.external_url}", started.log_so_far[-20000:]))
    directories.note(item, report)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return certificates_module.Certificates(tmp_path_factory.mktemp("certificates"))


@contextlib.contextmanager
def making_gitlabs(certificates):
    running = []

    def make(tls=True, **options):
        if tls:
            options = {"tls_cert": certificates.cert, "tls_key": certificates.key, "name": "localhost", **options}
        gitlab = GitLab(**options).start()
        running.append(gitlab)
        populate(gitlab)
        return gitlab

    yield make
    crashes = [crash for gitlab in running for crash in gitlab.crashes]
    for gitlab in running:
        gitlab.stop()
    assert not crashes, "the stand-in GitLab failed:\n" + "\n".join(crashes)


@pytest.fixture
def make_gitlab(certificates):
    """make_gitlab(root="/gitlab", tls=True …): further or different stand-ins."""
    with making_gitlabs(certificates) as make:
        yield make


def populate(gitlab):
    """sasha owns the workspace and its project; robin may do nothing; alex owns another one."""
    gitlab.sasha = gitlab.add_user("sasha", "sasha-password")
    gitlab.robin = gitlab.add_user("robin", "robin-password")
    gitlab.alex = gitlab.add_user("alex", "alex-password")
    gitlab.project = gitlab.add_project("group/demo", gitlab.sasha)
    gitlab.workspace = gitlab.add_workspace(gitlab.sasha, gitlab.project)
    gitlab.other_workspace = gitlab.add_workspace(gitlab.alex, name="plum-heron-red")


@pytest.fixture
def gitlab(make_gitlab):
    """A stand-in GitLab over HTTPS: gitlab.sasha, .robin, .alex, .project, .workspace."""
    return make_gitlab()


@contextlib.contextmanager
def serving(count):
    servers = [Upstream() for _ in range(count)]
    yield servers
    for one in servers:
        one.stop()
        assert not one.errors, one.errors


@pytest.fixture
def upstream():
    """Where the IDE would be; see support/upstream.py."""
    with serving(1) as (one,):
        yield one


@pytest.fixture
def server():
    """A server for development in the workspace."""
    with serving(1) as (one,):
        yield one


@pytest.fixture
def servers():
    """Two of them."""
    with serving(2) as both:
        yield both


@pytest.fixture
def browser(certificates):
    """Chromium."""
    import chromium

    with chromium.browser(certificates.cert) as driver:
        driver.set_script_timeout(60)
        yield driver


@pytest.fixture
def container():
    """The IDE's container, for SSH; the test starts it. See support/ssh.py."""
    one = ssh_module.Container()
    yield one
    one.stop()


@pytest.fixture
def make_computer(tmp_path, certificates):
    """make_computer(proxy, name="laptop") -> ssh.Computer. program: of the client, workspace-proxy if none is given."""
    return lambda proxy, name="laptop", program=None: ssh_module.Computer(
        tmp_path / name, proxy, certificates.ca, program
    )


@pytest.fixture
def laptop(make_computer, proxy, container, client):
    """A computer that was let in."""
    container.start()
    one = make_computer(proxy)
    one.log_in(client)
    return one


@pytest.fixture
def token(gitlab):
    """Sasha's personal access token."""
    return gitlab.add_token(gitlab.sasha, "read_api read_user").access


@pytest.fixture
def client(certificates):
    """A browser without a screen."""
    return WebClient(certificates.context())


@pytest.fixture
def make_client(certificates):
    return lambda **options: WebClient(certificates.context(), **options)


class ProxyMaker:
    """Starts proxies, and at the end holds each to what must be true of every process."""

    def __init__(self, directory, certificates):
        self.started = []
        self._directory = directory
        self._certificates = certificates

    def __call__(
        self,
        gitlab=None,
        upstream=None,
        trusted=True,
        confidential=True,
        scopes=None,
        start=True,
        relay=None,
        name=WORKSPACE_NAME,
        runner=None,
        **settings,
    ):
        def with_port(port):
            values = derive_settings(self._certificates, gitlab, upstream, port)
            values["EXTERNAL_URL"] = f"https://{name}:{port}"
            canaries = [values["COOKIE_SECRET"]]
            if relay:
                values.update(relay.settings_for(f"{name}:{port}"))
                canaries.append(values["RELAY_KEY"])
            elif gitlab:
                more = {"scopes": scopes} if scopes else {}
                application = gitlab.add_application(
                    f"{values['EXTERNAL_URL']}/oauth2/callback",
                    trusted=trusted,
                    confidential=confidential,
                    **more,
                )
                values["CLIENT_ID"], values["CLIENT_SECRET"] = application.uid, application.secret
            values.update(settings)
            log = self._directory / f"proxy-{len(self.started)}.log"
            one = proxy_module.Proxy({k: v for k, v in values.items() if v is not None}, log, canaries)
            one.context = self._certificates.context()
            one.gitlab = gitlab
            one.runner = runner or one.runner
            self.started.append(one)
            return one

        if not start:
            return with_port(proxy_module.reserve_port())
        next_port = relay.next_port if relay else None
        if runner and not runner.shares_ports:
            next_port = proxy_module.free_port
        return proxy_module.start_with_port(with_port, next_port)

    def relay(
        self,
        gitlab,
        trusted=True,
        confidential=True,
        balancer=None,
        ports=(),
        path="",
        runner=None,
        broker=False,
        **settings,
    ):
        """A relay for workspaces under localhost, on ports that it keeps for them."""

        def with_port(port):
            url = f"https://relay.localhost:{balancer.port if balancer else port}{path}"
            application = settings.get("application") or gitlab.add_application(
                f"{url}/callback", trusted=trusted, confidential=confidential
            )
            ours = list(ports) or [proxy_module.reserve_port() for _ in range(6)]
            values = {
                "RELAY_URL": url,
                "RELAY_MASTER_KEY": proxy_module.new_cookie_secret(),
                "RELAY_ZONES": ",".join(f"localhost:{p}" for p in ours),
                "HTTPS_ADDRESS": f"127.0.0.1:{port}",
                "TLS_CERT_FILE": self._certificates.cert,
                "TLS_KEY_FILE": self._certificates.key,
                "ADMIN_ADDRESS": "127.0.0.1:0",
                "GITLAB_URL": gitlab.url,
                "CLIENT_ID": application.uid,
                "ADMIN_LOGS": "on",
                "DRAIN_DELAY": "0s",
                "LOG_LEVEL": "debug",
            }
            if broker:
                values["CLIENT_SECRET"] = application.secret
                values["GITLAB_CA_FILE"] = self._certificates.ca
            values.update({k: v for k, v in settings.items() if k != "application"})
            masters = proxy_module.master_keys(values)
            log = self._directory / f"relay-{len(self.started)}.log"
            one = proxy_module.Relay({k: v for k, v in values.items() if v is not None}, log, masters)
            one.context = self._certificates.context()
            one.gitlab, one.application, one.ports = gitlab, application, ours
            one.runner = runner or one.runner
            self.started.append(one)
            return one

        return proxy_module.start_with_port(with_port)

    def check_ends(self):
        problems = []
        for one in self.started:
            if one.process is None:
                continue
            if one.gitlab:
                one.secrets += one.gitlab.secrets()
            try:
                one.check_kept_log()
                one.check_end()
            except AssertionError as e:
                problems.append(str(e))
        assert not problems, "\n\n".join(problems)


@pytest.fixture
def make_proxy(request, tmp_path, certificates):
    """make_proxy(gitlab, upstream, trusted=True, confidential=True, NAME=value …) -> Proxy.

    gitlab and upstream may be None or left out. Settings given by name win over what is derived;
    None takes one away. start=False leaves the start to the test.
    """
    maker = ProxyMaker(tmp_path, certificates)
    request.node.started_proxies = maker.started
    yield maker
    maker.check_ends()


@pytest.fixture
def make_relay(make_proxy):
    """make_relay(gitlab, path="", balancer=None, broker=False, NAME=value …) -> proxy.Relay; goes into
    make_proxy as relay=."""
    return make_proxy.relay


@pytest.fixture
def relay(make_relay, gitlab):
    """A relay with a trusted application at `gitlab`."""
    return make_relay(gitlab)


@pytest.fixture
def logs(tmp_path):
    """The directory of the IDE's log files."""
    directory = tmp_path / "workspace-logs"
    directory.mkdir()
    return directory


@pytest.fixture
def make_logging_proxy(make_proxy, logs):
    """make_proxy for proxies that show the files in logs."""

    def make(*arguments, **settings):
        return make_proxy(*arguments, **{"LOG_FILES": f"{logs}/*.log", "LOG_LEVEL": "info", **settings})

    return make


def derive_settings(certificates, gitlab, upstream, port):
    values = {
        "EXTERNAL_URL": f"https://{WORKSPACE_NAME}:{port}",
        "HTTPS_ADDRESS": f"127.0.0.1:{port}",
        "TLS_CERT_FILE": certificates.cert,
        "TLS_KEY_FILE": certificates.key,
        "ADMIN_ADDRESS": "127.0.0.1:0",
        "UPSTREAM": upstream.url if upstream else "http://127.0.0.1:9",
        "COOKIE_SECRET": proxy_module.new_cookie_secret(),
        "GITLAB_URL": "https://localhost:9",
        "CLIENT_ID": "none",
        "WORKSPACE_ID": 7,
        "ADMIN_LOGS": "on",
        "DRAIN_DELAY": "0s",
        "LOG_LEVEL": "debug",
        "HTTP2": "on" if raw_http2.IS_ON else None,
    }
    if gitlab:
        values["GITLAB_URL"] = gitlab.url
        values["GITLAB_CA_FILE"] = certificates.ca if gitlab.url.startswith("https:") else None
        values["WORKSPACE_ID"] = gitlab.workspace.id
    return values


@pytest.fixture
def proxy(make_proxy, gitlab, upstream):
    """The proxy before `upstream`, with a trusted application at `gitlab`."""
    return make_proxy(gitlab, upstream)


@pytest.fixture
def make_sharing(make_proxy, gitlab, upstream, servers, client, make_client):
    """make_sharing(NAME=value …) -> sharing.Sharing of the servers' ports; PORTS has the IDE's as well."""

    def make(**settings):
        ports = [server.port for server in servers]
        listed = ",".join(map(str, [*ports, upstream.port]))
        chosen = {"PORTS": listed, "PORT_SHARING_MAX": "public", **settings}
        proxy = make_proxy(gitlab, upstream, name="kiwi.ws.localhost", **chosen)
        return Sharing(proxy, client, ports, make_client)

    return make


@pytest.fixture(params=["gitlab", "public"])
def guest(request, make_sharing, servers):
    """Somebody whom one port is open to, by either audience, and nothing else; see sharing.Guest."""
    return Guest(make_sharing(), request.param, servers[1])


@pytest.fixture
def signed_in(proxy, client):
    """A client with sasha's session."""
    page = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert page.status == 200, (page.url, page.status, page.text[:500])
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    return client


@pytest.fixture
def session_cookie(signed_in, proxy):
    """The Cookie header of sasha's session, for raw clients."""
    return "; ".join(f"{c.name}={c.value}" for c in signed_in.cookies_of(proxy.name))


class Stage:
    """A signed-in session at one proxy, for tests that look at bytes and share the process.

    cookie: the Cookie header of the session. raw(): a connection to the TLS listener;
    raw(listener="http"): to the plain one.
    """

    def __init__(self, proxy, gitlab, upstream, client):
        self.proxy, self.gitlab, self.upstream, self.client = proxy, gitlab, upstream, client
        self.cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies_of(proxy.name))
        proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]

    @property
    def host(self):
        return self.proxy.host

    def raw(self, **more):
        return self.proxy.raw(**more)

    def head(self, method="GET", target="/", headers=(), version="HTTP/1.1", signed_in=True):
        """The bytes of a request head."""
        lines = [f"{method} {target} {version}", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [f"Cookie: {self.cookie}"] if signed_in else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def sign_in(proxy, gitlab, upstream, certificates):
    client = WebClient(certificates.context())
    page = client.login(proxy.origin + "/", "sasha", "sasha-password")
    assert page.status == 200, (page.url, page.status, page.text[:500])
    client.close_connections()
    upstream.forget()
    return Stage(proxy, gitlab, upstream, client)


@pytest.fixture(scope="module")
def shared_stage(request, tmp_path_factory, certificates):
    """One for the tests of a module, with what its STAGE_SETTINGS say."""
    settings = getattr(request.module, "STAGE_SETTINGS", {})
    upstream = Upstream()
    directory = tmp_path_factory.mktemp("stage")
    maker = ProxyMaker(directory, certificates)
    with making_gitlabs(certificates) as make:
        gitlab = make()
        proxy = maker(gitlab, upstream, HTTP_ADDRESS=f"unix:{directory}/http", DRAIN_TIMEOUT="1s", **settings)
        yield sign_in(proxy, gitlab, upstream, certificates)
        maker.check_ends()
    upstream.stop()


@pytest.fixture
def stage(request, shared_stage):
    """The module's shared Stage; its upstream has seen nothing yet."""
    request.node.started_proxies = [shared_stage.proxy]
    shared_stage.upstream.forget()
    yield shared_stage
    errors, shared_stage.upstream.errors = shared_stage.upstream.errors, []
    assert not errors, errors
    assert shared_stage.proxy.process.poll() is None, "the proxy is gone"


@pytest.fixture
def make_stage(make_proxy, gitlab, upstream, certificates):
    """make_stage(NAME=value …): a Stage of a proxy with other settings."""
    return lambda **settings: sign_in(
        make_proxy(gitlab, upstream, **settings), gitlab, upstream, certificates
    )
