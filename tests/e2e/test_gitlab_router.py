# SPDX-License-Identifier: Apache-2.0
"""The router of container/kubernetes/gitlab: nginx with that configuration, in front of a sidecar."""

import contextlib
import http.client
import os
import re
import shutil
import socket
import ssl

import pytest
import websocket
from conftest import sign_in
from http2 import Front
from names import NameServer
from proxy import PATIENCE_S, ROOT

NAME = "plum-otter-teal"
SERVICE = f"{NAME}.gl-rd-ns-{NAME}.svc.cluster.local"
OLD_SERVICE = "workspace-991-990-fedcba.gl-rd-ns-991-990-fedcba.svc.cluster.local"


def shipped_configuration(names, sidecar_port):
    """As it is shipped, with the addresses, files and the zone of this test."""
    with open(os.path.join(ROOT, "container", "kubernetes", "gitlab", "nginx.conf")) as file:
        text = file.read()
    text = text.replace("{", "{{").replace("}", "}}")
    for pattern, value in (
        (r"/dev/stderr", "{directory}/error.log"),
        (r"/tmp/", "{directory}/"),
        (r"kube-dns\.kube-system\.svc\.cluster\.local", f"127.0.0.1:{names.port}"),
        (r"ws\\\.example\\\.com", "localhost"),
        (r":60001;", f":{sidecar_port};"),
        (r"listen 8443", "listen 127.0.0.1:{port}"),
        (r"listen 8081", "listen unix:{directory}/health"),
        (r"/etc/nginx/tls/tls\.crt", "{cert}"),
        (r"/etc/nginx/tls/tls\.key", "{key}"),
        (r"worker_processes auto;", "daemon off; worker_processes 1;"),
    ):
        text, count = re.subn(pattern, lambda _, value=value: value, text)
        assert count, pattern
    return text


class Router:
    def __init__(self, front, names, certificates):
        self.names, self._front, self._certificates = names, front, certificates

    def connect(self, host):
        context = self._certificates.context()
        plain = socket.create_connection(("127.0.0.1", int(self._front.url.rpartition(":")[2])), PATIENCE_S)
        try:
            return context.wrap_socket(plain, server_hostname=host.partition(":")[0])
        except ssl.SSLError:
            plain.close()
            raise

    def get(self, host, path="/", **headers):
        """(status, body)"""
        connection = http.client.HTTPConnection(host)
        connection.sock = self.connect("localhost")
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": host, **headers})
            reply = connection.getresponse()
            return reply.status, reply.read()


@pytest.fixture
def stage(make_proxy, gitlab, upstream, certificates):
    hosts = (f"{port}-{NAME}.localhost" for port in (60001, 3000))
    cert, key = certificates.issue("sidecar", names=",".join(f"DNS:{host}" for host in hosts))
    settings = {"PORTS": "3000", "TRUSTED_PROXY_IPS": "127.0.0.1", "TLS_CERT_FILE": cert, "TLS_KEY_FILE": key}
    proxy = make_proxy(gitlab, upstream, name=f"60001-{NAME}.localhost", **settings)
    return sign_in(proxy, gitlab, upstream, certificates)


@pytest.fixture
def router(stage, certificates, tmp_path):
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    directory = tmp_path / "nginx"
    directory.mkdir()
    names = NameServer(SERVICE, OLD_SERVICE)
    port = int(stage.proxy.host.rpartition(":")[2])
    front = Front(directory, None, certificates, configuration=shipped_configuration(names, port))
    yield Router(front, names, certificates)
    front.stop()
    names.close()


def test_the_editor_and_ports(router, stage, upstream):
    status, _ = router.get(stage.host, "/page?a=%2F", Cookie=stage.cookie)
    assert status == 200
    (request,) = upstream.requests
    assert request.target == "/page?a=%2F"
    # The sidecar knows this host as well, and asks for a session.
    port = stage.host.rpartition(":")[2]
    assert router.get(f"3000-{NAME}.localhost:{port}", "/oauth2/auth")[0] == 401
    assert router.names.asked == {SERVICE}


def test_a_websocket(router, stage, upstream):
    key = websocket.new_key()
    head = stage.head(
        target="/ws",
        headers=[
            ("Origin", stage.proxy.origin),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        ],
    )
    with contextlib.closing(router.connect("localhost")) as connection:
        connection.sendall(head)
        said = b""
        while b"\r\n\r\n" not in said:
            said += connection.recv(4096)
    (request,) = upstream.requests
    assert request.get("Upgrade") == "websocket" and request.get("Sec-WebSocket-Key") == key, said


def test_names_of_earlier_versions(router, stage):
    """The sidecar behind it is another workspace's, and says so."""
    port = stage.host.rpartition(":")[2]
    assert router.get(f"60001-workspace-991-990-fedcba.localhost:{port}")[0] == 421
    assert router.names.asked == {OLD_SERVICE}


def test_a_workspace_that_is_gone(router):
    assert router.get("60001-fig.localhost")[0] == 502
    assert router.names.asked == {"fig.gl-rd-ns-fig.svc.cluster.local"}


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "plum-otter-teal.localhost",
        "0-plum.localhost",
        "60001-.localhost",
        "60001-a.b.localhost",
        "60001-a.localhost.example.com",
        "60001-kubernetes.default.svc.cluster.local#.localhost",
        "60001-a_b.localhost",
    ],
)
def test_other_hosts(router, host):
    assert router.get(host)[0] in (400, 421)
    assert not router.names.asked
