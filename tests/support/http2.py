# SPDX-License-Identifier: Apache-2.0
"""nginx in front of a stand-in GitLab, which speaks HTTP/2 to clients as GitLab's own does."""

import os
import re
import socket
import subprocess
import time

from proxy import free_port

ATTEMPTS = 5
READY_S = 60
CONFIGURATION = """daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
    log_format protocol '$server_protocol $status $request_method $uri';
    access_log {directory}/access.log protocol;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl{http2};
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_redirect off;
        }}
    }}
}}
"""


class Front:
    """`url` is the stand-in's, by nginx."""

    def __init__(self, directory, gitlab, certificates, http2=True, configuration=CONFIGURATION):
        self.directory = str(directory)
        for _ in range(ATTEMPTS):
            self._port = free_port()
            text = configuration.format(
                directory=self.directory,
                port=self._port,
                http2=" http2" if http2 else "",
                cert=certificates.cert,
                key=certificates.key,
                upstream=gitlab.url if gitlab else "",
            )
            if self._start(text):
                return
        raise AssertionError(self._read("error.log") + self._read("stderr"))

    @property
    def url(self):
        return f"https://localhost:{self._port}"

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _read(self, name):
        with open(self._path(name), errors="replace") as file:
            return file.read()

    def _start(self, configuration):
        with open(self._path("nginx.conf"), "w") as file:
            file.write(configuration)
        with open(self._path("stderr"), "w") as stderr:
            self._process = subprocess.Popen(
                ["/usr/sbin/nginx", "-c", self._path("nginx.conf"), "-e", self._path("error.log")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        end = time.monotonic() + READY_S
        while self._process.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return True
            except OSError:
                time.sleep(0.02)
        self.stop()
        return False

    def stop(self):
        """Ends it; its log is complete then."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(READY_S)

    def requests(self):
        """[(protocol, status, method, path)] of all that was asked; stops it first."""
        self.stop()
        lines = re.findall(r"^(\S+) (\d+) (\S+) (\S+)$", self._read("access.log"), re.MULTILINE)
        return [(protocol, int(status), method, path) for protocol, status, method, path in lines]
