# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Kubernetes' API server: reads, patches and creation of single objects, for an account with rights.

Objects are as a real server has them as far as the webhook looks: resourceVersion, conflicts, Status of refusals.
Faults are switched on by a test.
"""

import contextlib
import copy
import http.server
import json
import re
import secrets
import ssl
import threading

import lean_http

OPENED = re.compile(
    r"^/(?:api/v1/namespaces/(?P<namespace>[^/]+)|apis/(?P<group>[^/]+)/v1)/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?$"
)
MERGE_PATCH, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"


class Conflict(Exception):
    pass


def merge(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def apply(target, operations):
    """As much of RFC 6902 as the webhook uses."""
    result = copy.deepcopy(target)
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = result
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        if isinstance(place, list):
            assert operation["op"] == "add"
            place.insert(int(last), operation["value"])
            continue
        assert operation["op"] == "add" or last in place
        place[last] = operation["value"]
    return result


class KubernetesApi:
    """certificates: what issues its certificate. rules: what the account may do, as in a Role's rules."""

    def __init__(self, certificates, directory, rules=()):
        self.objects = {}  # by path
        self.rules = list(rules)
        self.requests = []  # (method, path, status)
        # Each ends one request of its method: (method, status) or (method, "hang"), and maybe of one path.
        self.faults = []
        self.waiting = 0  # requests that are paused
        self.paused = threading.Event()  # cleared: requests wait
        self.paused.set()
        self.account = directory / "account"
        self.account.mkdir()
        self._version = 100
        self._lock = threading.RLock()
        self._released = threading.Event()
        cert, key = certificates.issue("kubernetes", names="IP:127.0.0.1")
        (self.account / "ca.crt").write_bytes(open(certificates.ca, "rb").read())
        self.new_token()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.context = context
        self._server.api = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"

    def close(self):
        self._released.set()
        self.paused.set()
        self._server.shutdown()
        self._server.server_close()

    def new_token(self):
        """Only this one is accepted from now on."""
        self.token = secrets.token_hex(16)
        fresh = self.account / "token.new"
        fresh.write_text(self.token)
        fresh.rename(self.account / "token")

    # Objects, as the test sees them

    def put(self, path, document):
        with self._lock:
            self._version += 1
            document = copy.deepcopy(document)
            document["metadata"]["resourceVersion"] = str(self._version)
            self.objects[path] = document

    def get(self, path):
        with self._lock:
            return copy.deepcopy(self.objects[path])

    def change(self, path, patch):
        """As an operator with kubectl patch --type=merge."""
        with self._lock:
            self.put(path, merge(self.objects[path], patch))

    def count(self, **criteria):
        with self._lock:
            named = [dict(zip(("method", "path", "status"), request)) for request in self.requests]
        return sum(all(request[key] == value for key, value in criteria.items()) for request in named)

    # Requests

    def take_fault(self, method, path):
        with self._lock:
            for fault in self.faults:
                if fault[0] == method and fault[2:] in ((), (path,)):
                    self.faults.remove(fault)
                    return fault[1]
        return None

    def hang(self):
        self._released.wait()

    def is_allowed(self, verb, match):
        return any(
            verb in rule["verbs"]
            and (match["group"] or "") in rule["apiGroups"]
            and match["resource"] in rule["resources"]
            and ("resourceNames" not in rule or match["name"] in rule["resourceNames"])
            for rule in self.rules
        )

    def answer(self, method, path, token, content_type, body):
        """(status, document)"""
        match = OPENED.match(path)
        verb = {"GET": "get", "PATCH": "patch", "POST": "create"}.get(method)
        if token != f"Bearer {self.token}":
            return 401, status_of(401, "Unauthorized")
        if not match or not verb or (verb == "create") == bool(match["name"]):
            return 404, status_of(404, "the server could not find the requested resource")
        kind, name = match["resource"], match["name"]
        if not self.is_allowed(verb, match):
            return 403, status_of(403, f'{kind} "{name}" is forbidden: User "webhook" cannot {verb} resource "{kind}"')
        if verb == "create":
            return self._create(path, json.loads(body))
        with self._lock:
            if path not in self.objects:
                return 404, status_of(404, f'{kind} "{name}" not found')
            if method == "PATCH":
                try:
                    self._patch(path, content_type, json.loads(body))
                except Conflict:
                    return 409, status_of(409, f'Operation cannot be fulfilled on {kind} "{name}"')
            return 200, self.get(path)

    def _create(self, path, document):
        name = document["metadata"]["name"]
        with self._lock:
            if f"{path}/{name}" in self.objects:
                return 409, status_of(409, f'"{name}" already exists', "AlreadyExists")
            self.put(f"{path}/{name}", document)
            return 201, self.get(f"{path}/{name}")

    def _patch(self, path, content_type, patch):
        before = self.objects[path]
        after = {MERGE_PATCH: merge, JSON_PATCH: apply}[content_type](before, patch)
        if after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
            raise Conflict
        self.put(path, after)


def status_of(code, message, reason="Conflict"):
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


class _Server(lean_http.Server):
    daemon_threads = True

    def finish_request(self, request, client_address):
        with contextlib.suppress(OSError):
            self.RequestHandlerClass(self.context.wrap_socket(request, server_side=True), client_address, self)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self):
        api = self.server.api
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with api._lock:
            api.waiting += 1
        api.paused.wait()
        with api._lock:
            api.waiting -= 1
        fault = api.take_fault(self.command, self.path)
        if fault == "hang":
            api.hang()
            return
        if fault:
            code, document = fault, status_of(fault, "by the test")
        else:
            headers = self.headers
            code, document = api.answer(
                self.command, self.path, headers.get("Authorization"), headers.get("Content-Type"), body
            )
        with api._lock:
            api.requests.append((self.command, self.path, code))
        text = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PATCH = do_PUT = do_POST = do_DELETE = _answer
