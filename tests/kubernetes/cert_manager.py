# SPDX-License-Identifier: Apache-2.0
"""Issues what cert-manager's Certificates ask for, at once, from one authority."""

import base64
import threading

import certificates
from control_plane import Api

GROUP = "cert-manager.io"
KINDS = [
    (GROUP, "v1", "Certificate", "Namespaced"),
    (GROUP, "v1", "Issuer", "Namespaced"),
    (GROUP, "v1", "ClusterIssuer", "Cluster"),
]
POLL_S = 0.2


def encoded(path):
    with open(path, "rb") as file:
        return base64.b64encode(file.read()).decode()


class CertManager:
    """The controller, in a thread of its own."""

    def __init__(self, plane, directory):
        self._api = Api(plane.authority)
        self._authority = certificates.Authority(directory, "Issuer")
        self._stopped, self.fault = threading.Event(), None
        self._thread = threading.Thread(target=self._run)

    def start(self):
        self._api.create("/api/v1/namespaces", {"metadata": {"name": "cert-manager"}})
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join()
        if self.fault:
            raise self.fault

    def _run(self):
        try:
            while not self._stopped.wait(POLL_S):
                for wanted in self._api.get(f"/apis/{GROUP}/v1/certificates")["items"]:
                    if "status" not in wanted:
                        self._issue(wanted)
        except BaseException as fault:  # shown by stop()
            self.fault = fault

    def _issue(self, wanted):
        metadata, spec = wanted["metadata"], wanted["spec"]
        names = ",".join(f"DNS:{name}" for name in spec.get("dnsNames", ["localhost"]))
        certificate, key = self._authority.issue(metadata["uid"], names=names)
        data = {"tls.crt": encoded(certificate), "tls.key": encoded(key), "ca.crt": encoded(self._authority.file)}
        secret = {"metadata": {"name": spec["secretName"]}, "type": "kubernetes.io/tls", "data": data}
        path = f"/namespaces/{metadata['namespace']}"
        self._api.create(f"/api/v1{path}/secrets", secret)
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        self._api.patch(f"/apis/{GROUP}/v1{path}/certificates/{metadata['name']}", {"status": ready})
