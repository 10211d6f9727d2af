# SPDX-License-Identifier: Apache-2.0
"""The proxies that are compared: each a set of processes with a plain and a TLS port.

Every one keeps its connections to the upstream, writes an access log to a file and runs on one
core with one worker. Where a default would only make a peer slower for this load (spooling bodies
to disk, a thousand requests per connection), it is set as somebody who cares would set it.
"""

import os
import shutil

from peer import NAME, Peer, output_of, proxy_module

APACHE_MODULES = "mpm_event authn_core authz_core authz_user ssl socache_shmcb auth_openidc proxy proxy_http"


class Ours(Peer):
    name = "ours"
    has_login = True
    http2 = "on"

    def command(self):
        return [proxy_module.binary()]

    def environment(self):
        stage = self.stage
        if not hasattr(self, "application"):
            self.application = stage.gitlab.add_application(
                f"{self.origin}/oauth2/callback", trusted=True, confidential=True
            )
            self.secret = proxy_module.new_cookie_secret()
        return proxy_module.environment_for(
            {
                "EXTERNAL_URL": self.origin,
                "HTTPS_ADDRESS": f"127.0.0.1:{self.tls}",
                "HTTP_ADDRESS": f"127.0.0.1:{self.plain}",
                "ADMIN_ADDRESS": "off",
                "TLS_CERT_FILE": stage.cert,
                "TLS_KEY_FILE": stage.key,
                "UPSTREAM": f"http://127.0.0.1:{stage.upstream_port}",
                "GITLAB_URL": stage.gitlab.url,
                "GITLAB_CA_FILE": stage.authority.file,
                "CLIENT_ID": self.application.uid,
                "CLIENT_SECRET": self.application.secret,
                "COOKIE_SECRET": self.secret,
                "WORKSPACE_ID": stage.workspace.id,
                "CONNECTIONS_MAX": 10000,
                "HTTP2": self.http2,
            }
        )

    def version(self):
        return output_of(proxy_module.binary(), "--version").strip()


class Earlier(Ours):
    """Another build of ours, the file that BENCH_EARLIER names."""

    name = "earlier"
    http2 = None  # it may not know the setting

    @staticmethod
    def binary():
        return os.environ.get("BENCH_EARLIER", "")

    def is_there(self):
        return bool(self.binary())

    def command(self):
        return [self.binary()]

    def version(self):
        return output_of(self.binary(), "--version").strip()


class OursHttp1(Ours):
    """The same program; the load comes over HTTP/1.1."""

    name = "ours-http1"


class Unchecked(Ours):
    """Ours with a stand-in for auth/ that lets everybody in: what checking a session costs."""

    name = "unchecked"
    has_login = False

    def command(self):
        return [os.path.join(self.stage.tools, "unchecked")]


class Asserting(Ours):
    """Ours with ASSERTION: what signed assertions cost."""

    name = "asserting"

    def environment(self):
        return {**super().environment(), f"{proxy_module.PREFIX}ASSERTION": "on"}


class Relay(Peer):
    """No proxy: the kernel's share of one."""

    name = "relay"
    has_tls = False

    def command(self):
        return [os.path.join(self.stage.tools, "relay"), str(self.plain), str(self.stage.upstream_port)]

    def version(self):
        return "passes on bytes, nothing else"


NGINX = """daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log {log}; keepalive_requests 1000000000; keepalive_timeout 600s;
    client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2;
    fastcgi_temp_path {directory}/t3; uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
    client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    upstream ide {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:10m;
    server {{
        listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl http2 backlog=4096;
        ssl_certificate {cert}; ssl_certificate_key {key};
        location / {{
            proxy_pass http://ide; proxy_http_version 1.1; proxy_read_timeout 600s;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""


class Nginx(Peer):
    name = "nginx"

    def command(self):
        s = self.stage
        path = self.write(
            "nginx.conf",
            NGINX.format(
                directory=self.directory,
                log=self.log,
                upstream=s.upstream_port,
                plain=self.plain,
                tls=self.tls,
                cert=s.cert,
                key=s.key,
            ),
        )
        return ["nginx", "-c", path, "-e", os.path.join(self.directory, "error.log")]

    def version(self):
        return output_of("nginx", "-v").strip()


HAPROXY = """global
    maxconn 4000
    nbthread 1
    log stdout format raw local0
{tuning}
defaults
    mode http
    log global
    option httplog
    option forwardfor
    http-reuse always
    timeout connect 10s
    timeout client 600s
    timeout server 600s
    timeout tunnel 600s
frontend public
    bind 127.0.0.1:{plain} backlog 4096
    bind 127.0.0.1:{tls} backlog 4096 ssl crt {pem} alpn h2,http/1.1
    default_backend ide
backend ide
    server ide 127.0.0.1:{upstream} pool-max-conn -1
"""


class Haproxy(Peer):
    name = "haproxy"
    tuning = ""

    def command(self):
        s = self.stage
        with open(s.cert) as cert, open(s.key) as key:
            pem = self.write("cert.pem", cert.read() + key.read())
        path = self.write(
            "haproxy.cfg",
            HAPROXY.format(
                tuning=self.tuning, plain=self.plain, tls=self.tls, pem=pem, upstream=s.upstream_port
            ),
        )
        return ["haproxy", "-f", path]

    def version(self):
        return output_of("haproxy", "-v").splitlines()[0]


class HaproxyLarge(Haproxy):
    name = "haproxy-64k"
    tuning = "    tune.bufsize 65536"


APACHE = """ServerName {name}
ServerRoot /usr/lib/apache2
PidFile {directory}/pid
Mutex file:{directory}
DefaultRuntimeDir {directory}
ErrorLog {directory}/error.log
{modules}
User {user}
Group {group}
StartServers 1
ServerLimit 1
ThreadLimit 256
ThreadsPerChild 256
MaxRequestWorkers 256
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 600
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{tls} https
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog {log} combined
SSLCertificateFile {cert}
SSLCertificateKeyFile {key}
SSLSessionCache shmcb:{directory}/tls(512000)
OIDCProviderMetadataURL {gitlab}/.well-known/openid-configuration
OIDCSSLValidateServer Off
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI {origin}/oidc/callback
OIDCCryptoPassphrase {passphrase}
OIDCScope "openid"
OIDCSessionInactivityTimeout 7200
OIDCPKCEMethod S256
OIDCRemoteUserClaim sub
<Location />
    AuthType openid-connect
    Require valid-user
    ProxyPass http://127.0.0.1:{upstream}/ keepalive=On
</Location>
<Location /oidc/>
    AuthType openid-connect
    Require valid-user
    ProxyPass !
</Location>
<VirtualHost *:{plain}>
</VirtualHost>
<VirtualHost *:{tls}>
    SSLEngine on
</VirtualHost>
"""


class Apache(Peer):
    name = "mod_auth_openidc"
    has_login = True

    def command(self):
        s = self.stage
        if not hasattr(self, "application"):
            self.application = s.gitlab.add_application(
                f"{self.origin}/oidc/callback", trusted=True, confidential=True
            )
            self.passphrase = proxy_module.new_cookie_secret()
        modules = "\n".join(
            f"LoadModule {name}_module modules/mod_{name}.so" for name in APACHE_MODULES.split()
        )
        path = self.write(
            "apache.conf",
            APACHE.format(
                name=NAME,
                directory=self.directory,
                modules=modules,
                user=output_of("id", "-un").strip() if os.getuid() else "www-data",
                group=output_of("id", "-gn").strip() if os.getuid() else "www-data",
                plain=self.plain,
                tls=self.tls,
                log=self.log,
                cert=s.cert,
                key=s.key,
                gitlab=s.gitlab.url,
                client_id=self.application.uid,
                client_secret=self.application.secret,
                origin=self.origin,
                passphrase=self.passphrase,
                upstream=s.upstream_port,
            ),
        )
        return ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", path]

    def version(self):
        module = output_of("dpkg-query", "-W", "-f=${Version}", "libapache2-mod-auth-openidc")
        return f"{output_of('/usr/sbin/apache2', '-v').splitlines()[0]}, mod_auth_openidc {module}"


class OAuth2Proxy(Peer):
    """Only where somebody has put a binary on the PATH: Debian has none."""

    name = "oauth2-proxy"
    has_login = True

    def is_there(self):
        return shutil.which("oauth2-proxy") is not None

    def command(self):
        s = self.stage
        if not hasattr(self, "application"):
            self.application = s.gitlab.add_application(
                f"{self.origin}/oauth2/callback", trusted=True, confidential=True
            )
            self.secret = proxy_module.new_cookie_secret()[:32]
        return [
            "oauth2-proxy",
            "--provider=oidc",
            f"--oidc-issuer-url={s.gitlab.url}",
            f"--client-id={self.application.uid}",
            f"--client-secret={self.application.secret}",
            f"--cookie-secret={self.secret}",
            f"--redirect-url={self.origin}/oauth2/callback",
            f"--http-address=127.0.0.1:{self.plain}",
            f"--https-address=127.0.0.1:{self.tls}",
            f"--tls-cert-file={s.cert}",
            f"--tls-key-file={s.key}",
            f"--provider-ca-file={s.authority.file}",
            f"--upstream=http://127.0.0.1:{s.upstream_port}/",
            "--scope=openid",
            "--oidc-email-claim=sub",
            "--email-domain=*",
            "--skip-provider-button=true",
            "--code-challenge-method=S256",
        ]

    def environment(self):
        return {**os.environ, "GOMAXPROCS": "1"}

    def version(self):
        return output_of("oauth2-proxy", "--version").strip()


ALL = (Ours, Earlier, OursHttp1, Unchecked, Asserting, Relay, Nginx, Haproxy, HaproxyLarge, Apache, OAuth2Proxy)
