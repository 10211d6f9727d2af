# SPDX-License-Identifier: Apache-2.0
"""Other proxies that ask /oauth2/auth: nginx's auth_request, and what Traefik's forwardAuth sends."""

import shutil
import subprocess

import pytest
from http2 import Front

CONFIGURATION = """daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location = /oauth2/auth {{
            internal;
            proxy_pass {auth};
            proxy_set_header Host {auth_host};
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
        location / {{
            auth_request /oauth2/auth;
            auth_request_set $user $upstream_http_x_auth_request_user;
            auth_request_set $email $upstream_http_x_auth_request_email;
            auth_request_set $name $upstream_http_x_auth_request_preferred_username;
            proxy_set_header X-User $user;
            proxy_set_header X-Email $email;
            proxy_set_header X-Name $name;
            proxy_pass {upstream};
        }}
    }}
}}
"""


def has_auth_request():
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        return False
    return "http_auth_request_module" in subprocess.run(
        ["/usr/sbin/nginx", "-V"], capture_output=True, text=True, check=False
    ).stderr


@pytest.fixture
def nginx(proxy, upstream, certificates, tmp_path):
    if not has_auth_request():
        pytest.skip("nginx with auth_request is not installed (Debian: nginx-light)")
    directory = tmp_path / "nginx"
    directory.mkdir()
    configuration = CONFIGURATION.replace(
        "{auth}", proxy.origin.replace(proxy.name, "127.0.0.1") + "/oauth2/auth"
    ).replace(
        "{auth_host}", proxy.host
    )
    configuration = configuration.replace("{upstream}", upstream.url)
    front = Front(directory, None, certificates, configuration=configuration)
    yield front
    front.stop()


def nginx_origin(nginx, proxy):
    """By the name of the workspace, whose cookies count for every port."""
    return nginx.url.replace("localhost", proxy.name)


def test_nginx_learns_who_is_signed_in(nginx, proxy, upstream, signed_in):
    upstream.forget()
    reply = signed_in.request("GET", nginx_origin(nginx, proxy) + "/page")
    assert reply.status == 200, reply.text
    (request,) = upstream.requests
    assert request.target == "/page"
    assert (request.get("X-User"), request.get("X-Name")) == ("sasha", "sasha")
    assert request.get("X-Email") == "sasha@example.com"


def test_nginx_refuses_strangers(nginx, proxy, upstream, client):
    reply = client.request("GET", nginx_origin(nginx, proxy) + "/page")
    assert reply.status == 401 and reply.get("WWW-Authenticate") == 'Bearer realm="workspace"'
    assert not upstream.received


def test_who_is_named_to_whom(stage, make_client):
    """As Traefik asks: a GET with the address of the original request in X-Forwarded-*."""
    proxy, signed_in = stage.proxy, stage.client
    headers = {"X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/page", "X-Forwarded-Host": proxy.host}
    reply = signed_in.request("GET", proxy.origin + "/oauth2/auth", headers)
    assert reply.status == 202 and reply.body == b""
    assert reply.get("X-Auth-Request-User") == reply.get("X-Auth-Request-Preferred-Username") == "sasha"
    assert reply.get("X-Auth-Request-Email") == "sasha@example.com"
    assert reply.get("Cache-Control") == "no-store"
    reply = make_client().request("GET", proxy.origin + "/oauth2/auth", headers)
    assert reply.status == 401 and not [n for n, _ in reply.headers if n.lower().startswith("x-auth-")]
    reply = signed_in.request("GET", proxy.origin + "/oauth2/userinfo")
    assert not [n for n, _ in reply.headers if n.lower().startswith("x-auth-")]


@pytest.mark.parametrize("path", ["/", "/oauth2/auth", "/oauth2/userinfo", "/oauth2/workspace"])
@pytest.mark.parametrize("kind", ["program", "websocket", "person"])
def test_every_401_has_a_challenge(stage, client, path, kind):
    """RFC 9110 section 11.6.1. Nothing of it makes a browser show a prompt of its own."""
    proxy = stage.proxy
    headers = {"program": {}, "websocket": {}, "person": {"Accept": "text/html"}}[kind]
    if kind == "websocket":
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Origin": proxy.origin,
        }
    reply = client.request("POST" if kind == "person" else "GET", proxy.origin + path, headers)
    if reply.status == 401:
        assert reply.get("WWW-Authenticate") == 'Bearer realm="workspace"'
    else:
        assert kind == "person" and reply.status == 405 and reply.get("WWW-Authenticate") is None


def test_unknown_pages_below_the_prefix_lead_home(stage, client):
    proxy = stage.proxy
    page = client.navigate(proxy.origin + "/oauth2/nothing-here")
    assert page.status == 404 and f'href="{proxy.origin}/"' in page.text
    assert "login_url" not in client.fetch(proxy.origin + "/oauth2/nothing-here").text

