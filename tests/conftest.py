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
import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

import browser_marks  # noqa: E402
import certificates as certificates_module  # noqa: E402
import directories  # noqa: E402
import raw_http2  # noqa: E402
import ssh as ssh_module  # noqa: E402
from directories import tmp_path  # noqa: E402, F401
from gitlab import GitLab, Kept  # noqa: E402
from proxy_maker import ProxyMaker  # noqa: E402
from sharing import Guest, Sharing  # noqa: E402
from upstream import Upstream  # noqa: E402
from web_client import WebClient  # noqa: E402


def pytest_configure(config):
    # Clone workers would otherwise wait until no other process of the machine wants a core.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    config.addinivalue_line("markers", "fast: no browser, no waiting; what to run while editing")
    config.addinivalue_line("markers", "browser: drives Chromium")
    config.addinivalue_line("markers", "shared: proxy, gitlab, upstream, servers are the module's, as if new")
    config.addinivalue_line("markers", "own: in a module that shares them, these are the test's own even so")
    config.addinivalue_line("markers", "http1(what): uses what only HTTP/1.1 has; skipped with E2E_HTTP=2")


# What takes longest begins first, so that no worker is left with one of these at the end; before them those that only
# wait for timeouts, beside which others can compute.
LONG_FILES = """
    test_memory_search test_ssh_tunnel
    test_clone_like_git test_framing test_browser_logins test_ssh_clients test_clone_submodules test_browser_cross_port test_browser
    test_clone_lfs test_clone_attributes test_browser_log test_revocation test_credential test_broker test_webhook_certificate
    test_http2_memory test_clone_interrupted test_clone_history test_clone_sidecar test_timeouts test_broker_limits test_return_targets
    test_clone_hostile test_restart test_limits test_bad_input test_upstream_reuse test_webhook_connections test_login
    test_broker_false_answers test_clone_killed test_sessions
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


def note_proxies(request, proxies):
    """Their logs are part of the report if the test fails. More may be added to the list later."""
    if not hasattr(request.node, "started_proxies"):
        request.node.started_proxies = []
    request.node.started_proxies.append(proxies)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the proxies' logs to a failure, and deletes the files of a test that has passed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for started in itertools.chain(*getattr(item, "started_proxies", [])):
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


def is_shared(request):
    marks = {mark.name for mark in request.node.iter_markers()}
    return "shared" in marks and "own" not in marks


@pytest.fixture
def gitlab(request, make_gitlab):
    """A stand-in GitLab over HTTPS: gitlab.sasha, .robin, .alex, .project, .workspace."""
    return request.getfixturevalue("fresh_stage").gitlab if is_shared(request) else make_gitlab()


@contextlib.contextmanager
def serving(count):
    servers = [Upstream() for _ in range(count)]
    yield servers
    for one in servers:
        one.stop()
        assert not one.errors, one.errors


@pytest.fixture
def upstream(request):
    """Where the IDE would be; see support/upstream.py."""
    if is_shared(request):
        yield request.getfixturevalue("fresh_stage").upstream
        return
    with serving(1) as (one,):
        yield one


@pytest.fixture
def server():
    """A server for development in the workspace."""
    with serving(1) as (one,):
        yield one


@pytest.fixture
def servers(request):
    """Two of them."""
    if is_shared(request):
        yield request.getfixturevalue("fresh_stage").servers
        return
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


@pytest.fixture
def make_proxy(request, tmp_path, certificates):
    """make_proxy(gitlab, upstream, trusted=True, confidential=True, NAME=value …) -> Proxy.

    gitlab and upstream may be None or left out. Settings given by name win over what is derived;
    None takes one away. start=False leaves the start to the test.
    """
    maker = ProxyMaker(tmp_path, certificates)
    note_proxies(request, maker.started)
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


@pytest.fixture
def shared_proxy(request):
    """The module's, in a test that is marked as shared; otherwise None."""
    return request.getfixturevalue("fresh_stage").proxy if is_shared(request) else None


@pytest.fixture
def proxy(shared_proxy, make_proxy, gitlab, upstream):
    """The proxy before `upstream`, with a trusted application at `gitlab`."""
    return shared_proxy or make_proxy(gitlab, upstream)


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
    raw(listener="http"): to the plain one. servers: two, of whose ports the proxy knows if the module asks for ports.
    """

    def __init__(self, proxy, gitlab, upstream, client):
        self.proxy, self.gitlab, self.upstream, self.client = proxy, gitlab, upstream, client
        self.servers = ()
        self.kept = Kept(gitlab)
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
def make_shared_stage(tmp_path_factory, certificates):
    """make_shared_stage(NAME=value …): a Stage for several tests of a module. name: as make_proxy's."""
    directory = tmp_path_factory.mktemp("stage")
    maker = ProxyMaker(directory, certificates)
    with making_gitlabs(certificates) as make, serving(1) as (upstream,):
        gitlab = make()

        def make_stage(servers=(), **settings):
            http = f"unix:{directory}/http{len(maker.started)}"
            proxy = maker(gitlab, upstream, HTTP_ADDRESS=http, DRAIN_TIMEOUT="1s", **settings)
            stage = sign_in(proxy, gitlab, upstream, certificates)
            stage.servers = servers
            return stage

        yield make_stage
        maker.check_ends()


@pytest.fixture(scope="module")
def make_shared_relay(tmp_path_factory, certificates):
    """make_shared_relay(NAME=value …): a relay with a GitLab, relay.gitlab, for several tests of a module."""
    maker = ProxyMaker(tmp_path_factory.mktemp("relay"), certificates)
    with making_gitlabs(certificates) as make:

        def make_relay(**settings):
            one = maker.relay(make(), **settings)
            one.kept = Kept(one.gitlab)
            return one

        yield make_relay
        maker.check_ends()


@pytest.fixture
def lend_relay(request):
    """lend_relay(shared relay) -> the same for this test; its GitLab has not been asked yet, and its ports are free."""
    lent = []

    def lend(one):
        lent.append(one)
        note_proxies(request, [one])
        one.kept.restore()
        one.reuse_ports()
        return one

    yield lend
    for one in lent:
        assert one.process.poll() is None, "the relay is gone"


@pytest.fixture(scope="module")
def shared_stage(request, make_shared_stage):
    """One for a module, with what its STAGE_SETTINGS say. STAGE_OF_PORTS: its name, if two servers' ports are needed."""
    settings = getattr(request.module, "STAGE_SETTINGS", {})
    name = getattr(request.module, "STAGE_OF_PORTS", None)
    if name is None:
        yield make_shared_stage(**settings)
        return
    with serving(2) as servers:
        ports = ",".join(str(server.port) for server in servers)
        yield make_shared_stage(servers, **{"name": name, "PORTS": ports, **settings})


@pytest.fixture
def lend_stage(request):
    """lend_stage(shared stage) -> the same for this test; its upstream has seen nothing yet."""
    lent = []

    def lend(one):
        lent.append(one)
        note_proxies(request, [one.proxy])
        for server in (one.upstream, *one.servers):
            server.forget()
        return one

    yield lend
    for one in lent:
        for server in (one.upstream, *one.servers):
            errors, server.errors = server.errors, []
            assert not errors, errors
        assert one.proxy.process.poll() is None, "the proxy is gone"


@pytest.fixture
def stage(shared_stage, lend_stage):
    """The module's shared Stage."""
    return lend_stage(shared_stage)


@pytest.fixture
def fresh_stage(shared_stage, lend_stage):
    """What `proxy`, `gitlab` and `upstream` are in tests that are marked as shared: nothing has happened yet."""
    shared_stage.kept.restore()
    return lend_stage(shared_stage)


@pytest.fixture
def make_stage(make_proxy, gitlab, upstream, certificates):
    """make_stage(NAME=value …): a Stage of a proxy with other settings."""
    return lambda **settings: sign_in(
        make_proxy(gitlab, upstream, **settings), gitlab, upstream, certificates
    )
