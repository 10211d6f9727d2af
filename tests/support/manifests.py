# SPDX-License-Identifier: Apache-2.0
"""Kubernetes objects and operators' settings for tests of injection, and kubectl as the second opinion."""

import copy
import json
import os
import shutil
import subprocess

SETTINGS = {
    "INJECT_IMAGE": "registry.example.com/workspace-proxy:1",
    "INJECT_ZONE": "ws.example.com",
    "GITLAB_URL": "https://gitlab.example.com",
    "CLIENT_ID": "id",
}
LABEL = "workspace-proxy.io/inject"
PREFIX = "workspace-proxy.io/"
SIDECAR = "workspace-proxy"
API_VERSIONS = {"Job": "batch/v1", "CronJob": "batch/v1"}
WORKLOADS = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"]


def pod(name="kiwi", **annotations):
    """A labelled pod; annotations by name, with _ for -."""
    notes = {PREFIX + "name": name, PREFIX + "workspace-id": "7"}
    notes.update({PREFIX + key.replace("_", "-"): value for key, value in annotations.items()})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "ws",
            "labels": {"app": name, LABEL: "true"},
            "annotations": notes,
        },
        "spec": {
            "containers": [
                {
                    "name": "ide",
                    "image": "ide:1",
                    "args": ["serve"],
                    "ports": [{"containerPort": 60001}],
                    "volumeMounts": [{"name": "projects", "mountPath": "/projects"}],
                },
                {"name": "database", "image": "database:1"},
            ],
            "initContainers": [{"name": "prepare", "image": "ide:1", "command": ["true"]}],
            "volumes": [{"name": "projects", "emptyDir": {}}],
        },
    }


def full_pod():
    """With every annotation that needs no permission of the operator."""
    return pod(
        container="ide",
        upstream_port="60001",
        ports="3000,8000-8079",
        ide_env="HOST=127.0.0.1\nPORT=60001",
        ide_args="--no-auth --quiet",
        clone_url="https://gitlab.example.com/group/project.git",
        clone_dir="/projects/project",
        clone_ref="main",
        clone_depth="1",
        cpu_request="100m",
        cpu_limit="1",
        memory_request="64Mi",
        memory_limit="0.5Gi",
    )


def workload(kind, pod_object):
    template = {"metadata": copy.deepcopy(pod_object["metadata"]), "spec": copy.deepcopy(pod_object["spec"])}
    for field in ("name", "namespace"):
        del template["metadata"][field]
    if kind in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
    spec = {"template": template}
    if kind not in ("Job", "CronJob"):
        spec["selector"] = {"matchLabels": {"app": "kiwi"}}
    if kind == "StatefulSet":
        spec["serviceName"] = "kiwi"
    if kind == "CronJob":
        spec = {"schedule": "@daily", "jobTemplate": {"spec": spec}}
    return {
        "apiVersion": API_VERSIONS.get(kind, "apps/v1"),
        "kind": kind,
        "metadata": {"name": "kiwi", "namespace": "ws"},
        "spec": spec,
    }


def pod_of(document):
    """The part of a pod or workload that has the pod's metadata and spec."""
    if document["kind"] == "Pod":
        return document
    spec = document["spec"]
    return (spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec)["template"]


def service():
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kiwi", "namespace": "ws", "labels": {LABEL: "true"}},
        "spec": {"selector": {"app": "kiwi"}, "ports": [{"port": 443, "targetPort": 60001}]},
    }


def review(document, operation="CREATE", uid="uid-1", **more):
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": uid, "operation": operation, "object": document, "dryRun": False, **more},
    }


def has_kubectl():
    return shutil.which("kubectl") is not None


def kubectl_patch(document, patch, directory):
    """The document with the JSON Patch, by kubectl and without a cluster."""
    file = os.path.join(str(directory), "object.json")
    with open(file, "w") as out:
        json.dump(document, out)
    result = subprocess.run(
        ["kubectl", "patch", "--local", "--type=json", "-f", file, "-p", json.dumps(patch), "-o", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(directory)},
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
