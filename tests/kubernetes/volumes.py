# SPDX-License-Identifier: Apache-2.0
"""Volumes of pods as directories, and their environment, written and renewed as a kubelet does."""

import base64
import itertools
import os
import pathlib

import network
from control_plane import PORT

_numbers = itertools.count(1)


def publish(directory, files):
    """Replaces all files at once: the names are links into ..data, which is a link itself."""
    new = directory / f"..{next(_numbers)}"
    new.mkdir(parents=True)
    for name, content in files.items():
        (new / name).write_bytes(content)
        (new / name).chmod(0o444)
    link = directory / "..new"
    link.symlink_to(new.name)
    os.replace(link, directory / "..data")
    for name in files:
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"..data/{name}")


class Volumes:
    """Those of one pod, below a directory."""

    def __init__(self, api, pod, directory):
        self._api, self._pod = api, pod
        self._namespace = f"/api/v1/namespaces/{pod['metadata']['namespace']}"
        self._directory = pathlib.Path(directory)
        self._versions, self._specs = {}, {v["name"]: v for v in pod["spec"].get("volumes", [])}

    def path(self, name):
        path = self._directory / name
        if not path.exists():
            path.mkdir(parents=True)
            if "emptyDir" in self._specs[name]:
                path.chmod(0o1777)
        return path

    def refresh(self):
        """Writes what is new or has changed."""
        for name, spec in self._specs.items():
            for source in [spec, *spec.get("projected", {}).get("sources", [])]:
                self._refresh(name, source)

    def environment(self, container):
        values = {"KUBERNETES_SERVICE_HOST": network.CONTROL_PLANE, "KUBERNETES_SERVICE_PORT": str(PORT)}
        for source in container.get("envFrom", []):
            values.update(self._api.get(f"{self._namespace}/configmaps/{source['configMapRef']['name']}")["data"])
        for entry in container.get("env", []):
            values[entry["name"]] = entry["value"] if "value" in entry else self._field(entry["valueFrom"])
        return values

    def _field(self, source):
        value = self._pod
        for step in source["fieldRef"]["fieldPath"].split("."):
            value = value[step]
        return value

    def _refresh(self, name, source):
        if "secret" in source:
            wanted = source["secret"].get("secretName") or source["secret"]["name"]
            self._refresh_object(name, source["secret"], f"secrets/{wanted}", base64.b64decode)
        elif "configMap" in source:
            self._refresh_object(name, source["configMap"], f"configmaps/{source['configMap']['name']}", str.encode)
        elif "serviceAccountToken" in source and (name, "token") not in self._versions:
            self._versions[name, "token"] = True
            self._merge(name, {source["serviceAccountToken"]["path"]: self._token(source["serviceAccountToken"])})

    def _refresh_object(self, name, source, path, decode):
        status, found = self._api.ask("GET", f"{self._namespace}/{path}")
        if status == 404 and source.get("optional"):
            return
        assert status == 200, (path, status)
        version = found["metadata"]["resourceVersion"]
        if self._versions.get((name, path)) == version:
            return
        self._versions[name, path] = version
        data = {key: decode(value) for key, value in found.get("data", {}).items()}
        items = source.get("items") or [{"key": key, "path": key} for key in data]
        self._merge(name, {item["path"]: data[item["key"]] for item in items})

    def _merge(self, name, files):
        path = self.path(name)
        old = {p.name: p.read_bytes() for p in path.iterdir() if not p.name.startswith("..")}
        publish(path, {**old, **files})

    def _token(self, source):
        spec = self._pod["spec"]
        reference = {"kind": "Pod", "apiVersion": "v1", "name": self._pod["metadata"]["name"]}
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "expirationSeconds": source.get("expirationSeconds", 3600),
                "audiences": [source["audience"]] if "audience" in source else [],
                "boundObjectRef": {**reference, "uid": self._pod["metadata"]["uid"]},
            },
        }
        path = f"{self._namespace}/serviceaccounts/{spec['serviceAccountName']}/token"
        return self._api.create(path, request)["status"]["token"].encode()
