# SPDX-License-Identifier: Apache-2.0
"""RS256 for id_tokens: a key made by the openssl command, signing in plain integers.

Good enough for a stand-in: no attention to timing or blinding, and a short key, as plain integers are slow.
"""

import base64
import functools
import hashlib
import json
import subprocess

SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_int(number):
    return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _der_element(data, offset):
    """The content of the element at offset, and where the next one starts."""
    length = data[offset + 1]
    start = offset + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    return data[start : start + length], start + length


class RsaKey:
    def __init__(self):
        pem = subprocess.run(["openssl", "genrsa", "1024"], check=True, capture_output=True).stdout
        der = subprocess.run(
            ["openssl", "rsa", "-traditional", "-outform", "DER"], input=pem, check=True, capture_output=True
        ).stdout
        sequence, _ = _der_element(der, 0)  # RSAPrivateKey (RFC 8017): version, n, e, d, p, q, dP, dQ, qInv
        numbers, offset = [], 0
        while offset < len(sequence):
            content, offset = _der_element(sequence, offset)
            numbers.append(int.from_bytes(content, "big"))
        _, self._n, self._e, _, self._p, self._q, self._dp, self._dq, self._qinv = numbers
        self.kid = hashlib.sha256(der).hexdigest()[:32]

    def jwk(self):
        return {
            "kty": "RSA",
            "kid": self.kid,
            "e": base64url_int(self._e),
            "n": base64url_int(self._n),
            "use": "sig",
            "alg": "RS256",
        }

    def sign(self, data):
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2)."""
        size = (self._n.bit_length() + 7) // 8
        info = SHA256_DIGEST_INFO + hashlib.sha256(data).digest()
        padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        message = int.from_bytes(padded, "big")
        first, second = pow(message, self._dp, self._p), pow(message, self._dq, self._q)
        return (second + self._q * (self._qinv * (first - second) % self._p)).to_bytes(size, "big")

    def jwt(self, claims):
        header = {"typ": "JWT", "alg": "RS256", "kid": self.kid}
        text = ".".join(
            base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)
        )
        return f"{text}.{base64url(self.sign(text.encode()))}"


@functools.lru_cache(maxsize=1)
def signing_key():
    """One key per process."""
    return RsaKey()
