# SPDX-License-Identifier: Apache-2.0
"""Certificates made on the spot by the openssl command: an authority and what it signs."""

import os
import ssl
import subprocess

NAMES = "DNS:localhost,DNS:*.localhost,DNS:ws.localhost,DNS:*.ws.localhost,DNS:workspace.localhost,DNS:other.localhost,DNS:relay.localhost,IP:127.0.0.1,IP:::1"


def _openssl(*arguments):
    result = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {result.stderr}")


class Authority:
    """A certificate authority in a directory of its own."""

    def __init__(self, directory, name="Test authority"):
        os.makedirs(directory, exist_ok=True)
        self.directory = str(directory)
        self.file = os.path.join(self.directory, "ca.pem")
        self._key = os.path.join(self.directory, "ca.key")
        _openssl(
            *(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "30",
            ),
            *("-subj", f"/CN={name}", "-keyout", self._key, "-out", self.file),
            *(
                "-addext",
                "basicConstraints=critical,CA:TRUE",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ),
        )

    def issue(self, stem="server", names=NAMES, days=30):
        """(certificate file, key file); days=0 makes one that expires at once."""
        base = os.path.join(self.directory, stem)
        certificate, key, request, extensions = (base + suffix for suffix in (".pem", ".key", ".csr", ".ext"))
        _openssl(
            *(
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                f"/CN={stem}",
            ),
            *("-keyout", key, "-out", request),
        )
        with open(extensions, "w") as file:
            file.write(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key, "-CAcreateserial"),
            *("-days", str(days), "-extfile", extensions, "-out", certificate),
        )
        os.chmod(key, 0o600)
        return certificate, key

    def client_context(self):
        """Trusts this authority only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.file)
        return context


class Certificates:
    """authority: a client trusts it; cert, key: for every name that tests use."""

    def __init__(self, directory):
        self.authority = Authority(directory)
        self.ca = self.authority.file
        self.cert, self.key = self.authority.issue()

    def context(self):
        return self.authority.client_context()

    def issue(self, stem, **more):
        return self.authority.issue(stem, **more)
