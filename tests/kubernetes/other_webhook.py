# SPDX-License-Identifier: Apache-2.0
"""Another operator's mutating webhook: as Amazon's for IAM roles, it adds variables and a mount to all containers."""

import base64
import http.server
import json
import ssl
import threading

import network

MOUNT = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
TOLERATE = f"AWS_*,{MOUNT}"
VARIABLES = [{"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::1:role/example"}]


def patch_for(pod):
    """Adds what is missing, container by container, so that it may be called again."""
    patch, volumes = [], pod["spec"].get("volumes", [])
    if all(volume["name"] != "aws-token" for volume in volumes):
        token = {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}
        volume = {"name": "aws-token", "projected": {"sources": [{"serviceAccountToken": token}]}}
        patch.append({"op": "add", "path": "/spec/volumes", "value": [*volumes, volume]})
    mount = {"name": "aws-token", "mountPath": MOUNT, "readOnly": True}
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(kind, [])):
            path, mounts = f"/spec/{kind}/{index}", container.get("volumeMounts", [])
            if mount not in mounts:
                variables = [*container.get("env", []), *VARIABLES]
                patch.append({"op": "add", "path": f"{path}/env", "value": variables})
                patch.append({"op": "add", "path": f"{path}/volumeMounts", "value": [*mounts, mount]})
    return patch


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        patch = json.dumps(patch_for(review["request"]["object"])).encode()
        response = {
            "uid": review["request"]["uid"],
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(patch).decode(),
        }
        body = json.dumps({**review, "request": None, "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class OtherWebhook:
    """Reviews pods that are labelled `other: <name>`; webhooks are called in the order of their names."""

    def __init__(self, plane, name):
        self._plane, self.name = plane, name
        certificate, key = plane.authority.issue(name, names=f"IP:{network.CONTROL_PLANE}")
        self._server = http.server.ThreadingHTTPServer((network.CONTROL_PLANE, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        with open(self._plane.authority.file, "rb") as file:
            bundle = base64.b64encode(file.read()).decode()
        url = f"https://{network.CONTROL_PLANE}:{self._server.server_address[1]}/"
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        webhook = {
            "name": f"{self.name}.example.com",
            "clientConfig": {"url": url, "caBundle": bundle},
            "objectSelector": {"matchLabels": {"other": self.name}},
            "rules": [rule],
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "reinvocationPolicy": "IfNeeded",
        }
        kind = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        self._plane.api.create(kind, {"metadata": {"name": self.name}, "webhooks": [webhook]})
        self._path = f"{kind}/{self.name}"
        return self

    def __exit__(self, *_):
        self._plane.api.ask("DELETE", self._path)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
