# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry over TLS, with a token service such as GitLab's at /jwt/auth
(distribution/docs/spec/auth/token.md): Basic credentials in, a signed token for the registry out."""

import base64
import json
import secrets
import socket
import subprocess
import time
import urllib.parse

import http_server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from proxy import reserve_port, wait_until

ACTIONS = {"pull": "read_registry", "push": "write_registry"}


def _encoded(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=")


class TokenService:
    """Grants what the scopes of the token allow, as GitLab does."""

    def __init__(self, gitlab, certificates):
        self.asked = []
        self._gitlab = gitlab
        with open(certificates.key, "rb") as file:
            self._key = serialization.load_pem_private_key(file.read(), None)
        with open(certificates.cert, "rb") as file:
            self._der = x509.load_pem_x509_certificate(file.read()).public_bytes(serialization.Encoding.DER)
        service = self

        class Handler(http_server.Handler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                status, body = service.answer(self.headers.get("Authorization", ""), query)
                self.answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())

        self.server = http_server.Server(Handler, certificates)
        self.url = f"https://localhost:{self.server.port}/jwt/auth"

    def answer(self, authorization, query):
        user, _, password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
        self.asked.append((user, password))
        token = self._gitlab.state.token_by_access(password)
        if user != "oauth2" or token is None or token.revoked or token.expired:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "access forbidden"}]}
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            allowed = [action for action in actions.split(",") if ACTIONS.get(action) in token.scopes]
            access.append({"type": kind, "name": name, "actions": allowed})
        return 200, {"token": self._sign(user, query["service"][0], access), "expires_in": 300}

    def _sign(self, user, service, access):
        now = int(time.time())
        head = {"alg": "ES256", "typ": "JWT", "x5c": [base64.b64encode(self._der).decode()]}
        claims = {"iss": "gitlab-issuer", "sub": user, "aud": service, "exp": now + 300, "nbf": now - 5, "iat": now}
        text = _encoded(head) + b"." + _encoded({**claims, "jti": secrets.token_hex(8), "access": access})
        r, s = decode_dss_signature(self._key.sign(text, ec.ECDSA(hashes.SHA256())))
        return (text + b"." + _encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()

    def close(self):
        self.server.stop()


class Registry:
    def __init__(self, directory, gitlab, certificates):
        self.tokens = TokenService(gitlab, certificates)
        self.port = reserve_port()
        self.host = f"localhost:{self.port}"
        settings = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(directory / "storage")}},
            "http": {"addr": f"127.0.0.1:{self.port}", "tls": {"certificate": certificates.cert, "key": certificates.key}},
            "auth": {
                "token": {
                    "realm": self.tokens.url,
                    "service": "container_registry",
                    "issuer": "gitlab-issuer",
                    "rootcertbundle": certificates.ca,
                }
            },
        }
        (directory / "config.yml").write_text(json.dumps(settings))
        self.log = open(directory / "registry.log", "wb")
        self.process = subprocess.Popen(
            ["docker-registry", "serve", directory / "config.yml"], stdout=self.log, stderr=subprocess.STDOUT
        )
        wait_until(self._answers, what="the registry to answer")

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.tokens.close()
