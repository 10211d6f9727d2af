# SPDX-License-Identifier: Apache-2.0
"""nginx and HAProxy in front of the proxy: TLS ends there, and the sidecar gets plain HTTP."""

import contextlib
import subprocess

import ssh
from proxy import free_port, wait_until

NGINX = """
daemon off; pid {directory}/pid; error_log {directory}/log; events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/a; proxy_temp_path {directory}/b;
    fastcgi_temp_path {directory}/c; uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {cert}; ssl_certificate_key {key};
        location / {{
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
frontend f
    bind 127.0.0.1:{port} ssl crt {directory}/both.pem
    default_backend b
backend b
    server s {upstream}
"""
COMMANDS = {"nginx": ["nginx", "-p", "{directory}", "-c"], "haproxy": ["haproxy", "-db", "-f"]}


@contextlib.contextmanager
def balanced(kind, make_proxy, gitlab, upstream, certificates, directory, **settings):
    """A proxy that is reached through one; its host is the balancer's."""
    port = free_port()
    url = f"https://workspace.localhost:{port}"
    application = gitlab.add_application(f"{url}/oauth2/callback", trusted=True)
    proxy = make_proxy(
        gitlab, upstream, EXTERNAL_URL=url, REDIRECT_URL=None, HTTP_ADDRESS="127.0.0.1:0",
        CLIENT_ID=application.uid, CLIENT_SECRET=application.secret, **settings,
    )
    host, plain = proxy.address("http")
    with open(certificates.cert) as cert, open(certificates.key) as key:
        (directory / "both.pem").write_text(cert.read() + key.read())
    text = {"nginx": NGINX, "haproxy": HAPROXY}[kind].format(
        directory=directory, port=port, cert=certificates.cert, key=certificates.key, upstream=f"{host}:{plain}"
    )
    (directory / "conf").write_text(text)
    command = [word.format(directory=directory) for word in COMMANDS[kind]]
    balancer = subprocess.Popen([*command, directory / "conf"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: ssh.reaches(port))
        yield proxy
    finally:
        balancer.terminate()
        balancer.wait()
