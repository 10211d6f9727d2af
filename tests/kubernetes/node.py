# SPDX-License-Identifier: Apache-2.0
"""A node that starts our containers as processes, each in a network and mount namespace of its own.

What a kubelet does that matters here: environment, config maps, secrets and tokens as files that follow their
objects, readiness probes, status with the pod's address, how a Job's
container ended, SIGTERM and the end. Pods of other images stay pending, and end at once.
"""

import contextlib
import os
import pathlib
import shutil
import ssl
import subprocess
import threading
import urllib.request

import network
from proxy import binary
from volumes import Volumes

NAME = "node"
OUR_IMAGE = "registry.example.com/workspace-proxy:"
ROUTER_IMAGE = "nginxinc/nginx-unprivileged:"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
POLL_S = 0.2
# Binds volumes ("from:to:mode" lines of $1), waits for the network, and becomes the container's process. The overlays
# are where mount points can be made.
START = """
set -eu
volumes=$1 directory=$2 user=$3; shift 3
for top in etc run; do
	mkdir -p "$directory/work/$top" "$directory/upper/$top"
	mount -t overlay overlay -o "lowerdir=/$top,upperdir=$directory/upper/$top,workdir=$directory/work/$top" "/$top"
done
while IFS=: read -r from to mode; do
	mkdir -p "$to"
	mount --bind -o "$mode" "$from" "$to"
done <<<"$volumes"
read -r _
exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"""
USER = 65532


def program_of(spec):
    if spec["image"].startswith(ROUTER_IMAGE):
        return [NGINX, *spec["command"][1:]]
    return [binary(), *spec.get("args", [])]


def is_runnable(pod):
    images = [c["image"] for c in pod["spec"]["containers"]]
    return all(image.startswith(OUR_IMAGE) or (NGINX and image.startswith(ROUTER_IMAGE)) for image in images)


class Container:
    """A process of our image, or nginx; volumes are its pod's. etc: a folder whose files appear in /etc."""

    def __init__(self, spec, number, volumes, directory, etc, user=USER):
        self._probe = spec.get("readinessProbe")
        self._ports = {p["name"]: p["containerPort"] for p in spec.get("ports", [])}
        self.log = pathlib.Path(f"{directory}.log")
        shutil.copytree(etc, f"{directory}/upper/etc")
        mounts = [
            f"{volumes.path(m['name'])}:{m['mountPath']}:{'ro' if m.get('readOnly') else 'rw'}"
            for m in spec.get("volumeMounts", [])
        ]
        arguments = ["bash", "\n".join(mounts), str(directory), str(user)]
        command = ["unshare", "--net", "--mount", "bash", "-c", START, *arguments]
        environment = {"PATH": os.environ["PATH"], **volumes.environment(spec)}
        with open(self.log, "wb") as log:
            os.chmod(self.log, 0o666)  # nginx opens it by /dev/stderr
            self.process = subprocess.Popen(
                [*command, *program_of(spec)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self._wait_for_namespace()
        self.address = network.connect_pod(number, self.process.pid)
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()

    def is_ready(self):
        if self.process.poll() is not None or not self._probe:
            return self.process.poll() is None
        get = self._probe["httpGet"]
        port = self._ports.get(get["port"], get["port"])
        url = f"{get.get('scheme', 'HTTP').lower()}://{self.address}:{port}{get['path']}"
        context = ssl._create_unverified_context() if url.startswith("https") else None
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5, context=context) as answer:
            return answer.status == 200
        return False

    def stop(self, grace_s):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(grace_s)
        if self.process.poll() is None:
            self.process.kill()
        return self.process.wait()

    def _wait_for_namespace(self):
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.process.pid}/ns/net") == ours:
            assert self.process.poll() is None, self.log.read_text()


class Running:
    """A pod of ours on this node."""

    def __init__(self, api, pod, number, directory, etc):
        self._api, self.name = api, pod["metadata"]["name"]
        self._path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{self.name}"
        self._started = pod["metadata"]["creationTimestamp"]
        self._volumes = Volumes(api, pod, f"{directory}/volumes")
        self._volumes.refresh()
        (self._spec,) = pod["spec"]["containers"]
        user = pod["spec"]["securityContext"].get("runAsUser", USER)
        self.container = Container(self._spec, number, self._volumes, f"{directory}/container", etc, user)
        self._was_ready = None
        self._is_job = pod["spec"]["restartPolicy"] == "Never"
        self._has_ended = False

    def step(self, pod):
        """Brings process, files and status up to date; whether the pod is gone."""
        if "deletionTimestamp" in pod["metadata"]:
            self._end()
            return True
        if self._has_ended:
            return False
        if self._is_job and (exit_code := self.container.process.poll()) is not None:
            self._has_ended = True
            self._report(False, exit_code)
            return False
        self._volumes.refresh()
        ready = self.container.is_ready()
        if ready != self._was_ready:
            self._was_ready = ready
            self._report(ready)
        return False

    def _end(self):
        exit_status = self.container.stop(40)
        assert exit_status == 0 or self._is_job, (exit_status, self.container.log.read_text()[-4000:])
        self._api.ask("DELETE", self._path, {"gracePeriodSeconds": 0})

    def _report(self, ready, exit_code=None):
        phase = "Running" if exit_code is None else "Failed" if exit_code else "Succeeded"
        state = {"running": {"startedAt": self._started}}
        if exit_code is not None:
            state = {"terminated": {"exitCode": exit_code, "startedAt": self._started, "finishedAt": self._started}}
        text = "True" if ready else "False"
        container = {
            "name": self._spec["name"],
            "image": self._spec["image"],
            "imageID": "",
            "ready": ready,
            "restartCount": 0,
            "state": state,
        }
        status = {
            "phase": phase,
            "podIP": self.container.address,
            "podIPs": [{"ip": self.container.address}],
            "conditions": [{"type": kind, "status": text} for kind in ("Ready", "ContainersReady")],
            "containerStatuses": [container],
        }
        self._api.patch(f"{self._path}/status", {"status": status})


class Node:
    """Registers itself, and runs what the scheduler binds to it, in a thread of its own."""

    def __init__(self, plane, directory, etc):
        self._api, self._directory, self.directory_of_etc = plane.api, directory, etc
        self.pods, self.fault = {}, None
        self._count = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self):
        resources = {"cpu": "64", "memory": "256Gi", "pods": "2000", "ephemeral-storage": "1Ti"}
        self._api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}})
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        status = {"capacity": resources, "allocatable": resources, "conditions": [ready]}
        self._api.patch(f"/api/v1/nodes/{NAME}/status", {"status": status})
        self._api.patch(f"/api/v1/nodes/{NAME}", {"spec": {"taints": []}})
        self._thread.start()
        return self

    def stop(self):
        self._stopped.set()
        self._thread.join()
        for pod in self.pods.values():
            pod.container.stop(20)
        if self.fault:
            raise self.fault

    def _run(self):
        try:
            while not self._stopped.wait(POLL_S):
                self._step()
        except BaseException as fault:  # shown by stop()
            self.fault = fault

    def _step(self):
        for pod in self._api.get(f"/api/v1/pods?fieldSelector=spec.nodeName={NAME}")["items"]:
            uid, is_ending = pod["metadata"]["uid"], "deletionTimestamp" in pod["metadata"]
            if uid in self.pods:
                if self.pods[uid].step(pod):
                    del self.pods[uid]
            elif is_ending:
                path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
                self._api.ask("DELETE", path, {"gracePeriodSeconds": 0})
            elif is_runnable(pod):
                self._count += 1
                directory = f"{self._directory}/{pod['metadata']['name']}"
                self.pods[uid] = Running(self._api, pod, self._count, directory, self.directory_of_etc)
