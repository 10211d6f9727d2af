# SPDX-License-Identifier: Apache-2.0
"""The webhook makes and renews its own certificate, with the rights that the manifests give it.

Reviews come as an API server sends them: over TLS, verified by the caBundle as it is at that moment, to one of
the replicas that are ready.
"""

import base64
import contextlib
import copy
import functools
import http.client
import json
import os
import socket
import ssl
import threading
import time

import fast_yaml
import manifests
import proxy as proxy_module
import pytest
from kubernetes_api import KubernetesApi
from proxy import ROOT, wait_until

SECRET = "/api/v1/namespaces/workspace-proxy/secrets/workspace-proxy-webhook-tls"
CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/{}webhookconfigurations/workspace-proxy"
MUTATING, VALIDATING = CONFIGURATION.format("mutating"), CONFIGURATION.format("validating")
HOST = "workspace-proxy-webhook.workspace-proxy.svc"
# A new authority is used after a twentieth of it, and replicas look after a hundredth.
LIFETIME_S = 60


@functools.cache
def all_shipped():
    with open(os.path.join(ROOT, "container", "kubernetes", "rendered", "ingress.yaml")) as file:
        return list(fast_yaml.load_all(file))


def shipped(kind, name=None):
    found = [d for d in all_shipped() if d["kind"] == kind and (not name or d["metadata"]["name"] == name)]
    return copy.deepcopy(found)


class Replica(proxy_module.Proxy):
    def __init__(self, api, log_file, **settings):
        super().__init__(
            {
                **manifests.SETTINGS,
                "WEBHOOK_ADDRESS": "127.0.0.1:0",
                "WEBHOOK_SERVICE": "workspace-proxy-webhook.workspace-proxy",
                "WEBHOOK_API_URL": api.url,
                "WEBHOOK_ACCOUNT_DIR": api.account,
                "WEBHOOK_CERTIFICATE_LIFETIME": f"{LIFETIME_S}s",
                "DRAIN_TIMEOUT": "10s",
                **settings,
            },
            log_file,
            secrets=[api.token],
            arguments=("webhook",),
        )

    def start(self):
        super().start()
        wait_until(lambda: "webhook" in self.listeners, what="the listener")
        return self

    @property
    def port(self):
        return int(self.listeners["webhook"].rpartition(":")[2])

    def raw_tls(self, bundle=None):
        """Verified by the bundle, if one is given."""
        context = ssl.create_default_context(cadata=bundle) if bundle else ssl._create_unverified_context()
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=proxy_module.PATIENCE_S)
        return context.wrap_socket(plain, server_hostname=HOST)

    def ask(self, method, path, body=None, bundle=None):
        """(status, text)"""
        connection = http.client.HTTPConnection(HOST)
        connection.sock = self.raw_tls(bundle)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    def is_ready(self):
        with contextlib.suppress(OSError):
            return self.ask("GET", "/ready")[0] == 200
        return False

    def figure(self, name):
        _, text = self.ask("GET", "/metrics")
        (line,) = [line for line in text.splitlines() if line.startswith(name + " ")]
        return float(line.rpartition(" ")[2])


@pytest.fixture
def api(certificates, tmp_path):
    """With the objects and the rights of the manifests."""
    rules = [rule for kind in ("Role", "ClusterRole") for document in shipped(kind) for rule in document["rules"]]
    one = KubernetesApi(certificates, tmp_path, rules)
    (secret,) = shipped("Secret", "workspace-proxy-webhook-tls")
    one.put(SECRET, secret)
    for path, kind in ((MUTATING, "Mutating"), (VALIDATING, "Validating")):
        (configuration,) = shipped(f"{kind}WebhookConfiguration")
        assert "caBundle" not in configuration["webhooks"][0]["clientConfig"]
        one.put(path, configuration)
    yield one
    one.close()


@pytest.fixture
def make_replica(api, tmp_path):
    started = []

    def make(**settings):
        started.append(Replica(api, tmp_path / f"replica-{len(started)}.log", **settings))
        return started[-1].start()

    yield make
    for one in started:
        one.check_end()
        private = SECRET in api.objects and value(api, "tls.key")
        assert not private or private.splitlines()[1] not in one.log


def value(api, key):
    return base64.b64decode(api.get(SECRET).get("data", {}).get(key, "")).decode()


def bundle(api, path=MUTATING):
    text = api.get(path)["webhooks"][0]["clientConfig"].get("caBundle")
    return text and base64.b64decode(text, validate=True).decode()


def is_settled(api):
    return value(api, "ca.crt") != "" and bundle(api) == bundle(api, VALIDATING) == value(api, "ca.crt")


def served(replica):
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", replica.port), timeout=proxy_module.PATIENCE_S) as plain:
        with context.wrap_socket(plain) as connection:
            return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True)).strip()


class Creates:
    """Creates of labelled pods, by several writers: each asks one of the replicas that are ready, as the API server
    does, and remembers a caBundle for as long as one may take to get there."""

    def __init__(self, api, replicas, writers=8):
        self.api = api
        self.ready = list(replicas)
        self.done = 0
        self.failures = []
        self._bundle = bundle(api)
        self._stop = threading.Event()
        self._body = json.dumps(manifests.review(manifests.pod()))
        self._threads = [threading.Thread(target=self._follow)]
        self._threads += [threading.Thread(target=self._create, args=(i,)) for i in range(writers)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _follow(self):
        while not self._stop.wait(0.5):
            self._bundle = bundle(self.api)

    def _create(self, number):
        while not self._stop.is_set():
            replica = self.ready[(self.done + number) % len(self.ready)]
            try:
                status, text = replica.ask("POST", "/mutate", self._body, self._bundle)
                assert status == 200 and json.loads(text)["response"]["patch"]
            except (OSError, AssertionError, KeyError) as error:
                self.failures.append(repr(error))
            self.done += 1

    def wait_for_more(self, count=20):
        least = self.done + count
        wait_until(lambda: self.done >= least, what="more creates")


def test_the_first_certificate_needs_nobody(api, make_replica):
    replicas = [make_replica(), make_replica()]
    wait_until(lambda: all(r.is_ready() for r in replicas) and is_settled(api), what="certificates")
    wait_until(lambda: served(replicas[0]) == served(replicas[1]) == value(api, "tls.crt").strip(), what="one for both")
    for replica in replicas:
        assert replica.ask("GET", "/ping", bundle=bundle(api)) == (200, "OK\n")
        assert json.loads(replica.ask("GET", "/ready", bundle=bundle(api))[1]) == {"ready": True}
    assert bundle(api).count("BEGIN CERTIFICATE") == 1
    assert set(api.get(SECRET)["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    expires = replicas[0].figure("workspace_proxy_webhook_certificate_expires_timestamp_seconds")
    assert 0 < expires - time.time() <= LIFETIME_S
    # Nothing is written where nothing has changed, and others' fields stay.
    before = [api.get(path) for path in (SECRET, MUTATING, VALIDATING)]
    rounds = api.count(method="GET", path=VALIDATING)
    wait_until(lambda: api.count(method="GET", path=VALIDATING) > rounds + 4, what="more rounds")
    assert [api.get(path) for path in (SECRET, MUTATING, VALIDATING)] == before
    (original,) = shipped("MutatingWebhookConfiguration")
    for hook in original["webhooks"]:
        hook["clientConfig"]["caBundle"] = before[1]["webhooks"][0]["clientConfig"]["caBundle"]
    assert before[1]["webhooks"] == original["webhooks"]


def restart(replica, creates):
    """As a rollout does it: the endpoint goes, then the process, and it is back once it is ready."""
    creates.ready.remove(replica)
    creates.wait_for_more()
    assert replica.stop() == 0
    replica.start_again()
    wait_until(replica.is_ready, what="the replica")
    creates.ready.append(replica)


def test_no_create_fails_while_certificates_rotate_and_replicas_restart(api, make_replica):
    replicas = [make_replica(), make_replica()]
    wait_until(lambda: all(r.is_ready() for r in replicas) and is_settled(api), what="certificates")
    first, first_authority = value(api, "tls.crt"), bundle(api)
    with Creates(api, replicas) as creates:
        creates.wait_for_more()
        api.change(SECRET, {"metadata": {"annotations": {"workspace-proxy.io/renew": "now"}}})
        wait_until(lambda: value(api, "next.crt"), what="the next certificate")
        restart(replicas[0], creates)
        wait_until(lambda: value(api, "tls.crt") != first, what="the rotation")
        restart(replicas[1], creates)
        wait_until(lambda: all(served(r) == value(api, "tls.crt").strip() for r in replicas), what="the new certificate")
        wait_until(lambda: creates.done >= 1000, what="a thousand creates")
    print(f"{creates.done} creates, {len(creates.failures)} failed")
    assert creates.failures == [] and creates.done >= 1000
    assert bundle(api).count("BEGIN CERTIFICATE") == 2 and bundle(api).endswith(first_authority)
    assert set(api.get(SECRET)["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    assert "workspace-proxy.io/renew" not in api.get(SECRET)["metadata"].get("annotations", {})
    assert api.count(method="PATCH", status=200) >= 7


def test_a_caBundle_that_someone_removes_comes_back(api, make_replica):
    make_replica()
    wait_until(lambda: is_settled(api), what="certificates")
    (original,) = shipped("ValidatingWebhookConfiguration")
    api.put(VALIDATING, original)
    wait_until(lambda: is_settled(api), what="the caBundle")


def test_an_emptied_secret_means_a_new_certificate_alone(api, make_replica):
    """What an operator does whose key was stolen."""
    replica = make_replica()
    wait_until(lambda: is_settled(api), what="certificates")
    first = bundle(api)
    api.change(SECRET, {"data": None})
    wait_until(lambda: is_settled(api) and first not in bundle(api), what="another authority")
    wait_until(lambda: served(replica) == value(api, "tls.crt").strip(), what="another certificate")


@pytest.mark.parametrize(
    "break_it, said",
    [
        (lambda api: api.rules.clear(), "does not allow it (RBAC): secrets"),
        (lambda api: api.objects.pop(SECRET), "has no such object"),
        (lambda api: api.objects.pop(VALIDATING), "validatingwebhookconfigurations"),
        (lambda api: setattr(api, "token", "another"), "does not accept the service account's token"),
        (lambda api: api.faults.extend([("GET", 500)] * 50), "answers with status 500"),
        (lambda api: api.faults.extend([("GET", "hang")] * 2), "in time"),
        (lambda api: api.change(MUTATING, {"webhooks": []}), "has no webhook with the service"),
        (lambda api: os.truncate(api.account / "token", 0), "it is empty"),
        (lambda api: os.unlink(api.account / "token"), "service account"),
    ],
)
def test_what_is_missing_is_said_and_tried_again(api, make_replica, tmp_path, break_it, said):
    break_it(api)
    replica = make_replica()
    failed = replica.wait_for_log(message="certificate check failed")
    assert said in failed["error"], failed
    assert replica.ask("GET", "/ping")[0] == 200
    assert replica.figure('workspace_proxy_webhook_certificate_checks_total{outcome="failed"}') > 0


def test_it_is_ready_only_with_a_certificate(api, make_replica):
    api.paused.clear()
    replica = make_replica()
    status, text = replica.ask("GET", "/ready")
    assert status == 503 and json.loads(text) == {"ready": False, "reason": "certificate"}
    api.paused.set()
    wait_until(replica.is_ready, what="the certificate")


def test_a_conflict_is_repeated(api, make_replica):
    replica = make_replica()
    wait_until(lambda: is_settled(api), what="certificates")
    api.faults.append(("PATCH", 409))
    api.change(SECRET, {"metadata": {"annotations": {"workspace-proxy.io/renew": ""}}})
    wait_until(lambda: value(api, "next.crt"), what="the next certificate")
    assert replica.figure('workspace_proxy_webhook_certificate_checks_total{outcome="conflict"}') >= 1
    assert not replica.log_entries(message="certificate check failed")


def test_a_token_that_the_kubelet_replaces(api, make_replica):
    replica = make_replica()
    wait_until(lambda: is_settled(api), what="certificates")
    api.new_token()
    replica.secrets.append(api.token)
    rounds = api.count(method="GET", path=VALIDATING, status=200)
    wait_until(lambda: api.count(method="GET", path=VALIDATING, status=200) > rounds + 2, what="rounds")


def test_a_certificate_of_webhook_certs_is_taken_over(api, make_replica, tmp_path):
    made = proxy_module.run(["webhook-certs", "workspace-proxy-webhook.workspace-proxy", str(tmp_path)])
    assert made.returncode == 0, made.stderr
    names = ("tls.crt", "tls.key", "ca.crt")
    data = {name: base64.b64encode((tmp_path / name).read_bytes()).decode() for name in names}
    api.change(SECRET, {"data": data})
    replica = make_replica()
    wait_until(lambda: replica.is_ready() and is_settled(api), what="its caBundle")
    assert served(replica) == (tmp_path / "tls.crt").read_text().strip()
    assert api.get(SECRET)["data"] == data


def test_settings(api, tmp_path):
    settings = {**manifests.SETTINGS, "WEBHOOK_SERVICE": "webhook.operators", "WEBHOOK_API_URL": api.url}
    assert proxy_module.run(["check", "webhook"], settings).returncode == 0
    for more, said in (
        ({"WEBHOOK_API_URL": "http://127.0.0.1:1"}, "expected an https URL"),
        ({"WEBHOOK_API_URL": None}, "KUBERNETES_SERVICE_HOST"),
        ({"TLS_CERT_FILE": "/x", "TLS_KEY_FILE": "/y"}, "can't be combined"),
        ({"WEBHOOK_SERVICE": "webhook"}, "SERVICE.NAMESPACE"),
        ({"WEBHOOK_SECRET": "a/b"}, "the name of a secret"),
        ({"WEBHOOK_CERTIFICATE_LIFETIME": "1s"}, "WEBHOOK_CERTIFICATE_LIFETIME"),
        ({"WEBHOOK_SERVICE": None}, "or set WEBHOOK_SERVICE"),
    ):
        checked = proxy_module.run(["check", "webhook"], {**settings, **more})
        assert checked.returncode == 1 and said in checked.stderr, (more, checked.stderr)
    lost = proxy_module.run(["webhook"], {**settings, "WEBHOOK_ACCOUNT_DIR": str(tmp_path / "none")})
    assert lost.returncode == 1 and "service account" in lost.stderr
