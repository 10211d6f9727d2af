# SPDX-License-Identifier: Apache-2.0
"""The objects that GitLab's agent applies for one workspace (remote development), in their shape and order.

All of them have the same labels and annotations: those of the agent's configuration, and GitLab's own.
"""

import json

LABELS = {"workspace-proxy.io/inject": "true"}
EDITOR, SSH = 60001, 60022


def separate(document):
    """A copy in which nothing is shared."""
    return json.loads(json.dumps(document))


class Workspace:
    """zone: the agent's dns_zone; labels and annotations: those of its configuration."""

    def __init__(self, name="plum-otter-teal", number=993, zone="ws.example.com", labels=None, annotations=None):
        self.name, self.number, self.zone = name, number, zone
        self.namespace = f"gl-rd-ns-{name}"
        self.host = f"{EDITOR}-{name}.{zone}"
        self._labels = {**(LABELS if labels is None else labels), "agent.gitlab.com/id": "991"}
        self._annotations = {
            **(annotations or {}),
            "config.k8s.io/owning-inventory": f"{name}-workspace-inventory",
            "workspaces.gitlab.com/host-template": f"{{{{.port}}}}-{name}.{zone}",
            "workspaces.gitlab.com/id": str(number),
            "workspaces.gitlab.com/max-resources-per-workspace-sha256": "24ae" * 16,
        }

    def objects(self):
        """What is applied, in this order."""
        return [
            self.config_map("workspace-inventory"),
            self.deployment(),
            self.service(),
            self.claim(),
            self.service_account(),
            self.network_policy(),
            self.config_map("scripts-configmap", {"gl-run-poststart.sh": "#!/bin/sh\n"}),
            self.config_map("secrets-inventory"),
            self.secret("env-var", GIT_CONFIG_COUNT="Mw=="),
            self.secret("file", gl_token="Z2xwYXQ="),
        ]

    def metadata(self, suffix=""):
        name = f"{self.name}-{suffix}" if suffix else self.name
        return {
            "name": name,
            "namespace": self.namespace,
            "labels": dict(self._labels),
            "annotations": dict(self._annotations),
        }

    def _object(self, version, kind, suffix="", **fields):
        return {"apiVersion": version, "kind": kind, "metadata": self.metadata(suffix), **fields}

    def config_map(self, suffix, data=None):
        made = self._object("v1", "ConfigMap", suffix, **({"data": data} if data else {}))
        if suffix.endswith("inventory"):
            made["metadata"]["labels"]["cli-utils.sigs.k8s.io/inventory-id"] = made["metadata"]["name"]
        return made

    def deployment(self):
        template = {"metadata": self.metadata(), "spec": self.pod_spec()}
        spec = {
            "replicas": 1,
            "selector": {"matchLabels": dict(self._labels)},
            "strategy": {"type": "Recreate"},
            "template": template,
        }
        return self._object("apps/v1", "Deployment", spec=spec)

    def pod(self):
        """One of the Deployment, as its ReplicaSet would make it."""
        return self._object("v1", "Pod", spec=self.pod_spec())

    def pod_spec(self):
        container = {
            "imagePullPolicy": "Always",
            "envFrom": [{"secretRef": {"name": f"{self.name}-env-var"}}],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "privileged": False,
                "runAsNonRoot": True,
                "runAsUser": 5001,
            },
            "volumeMounts": [
                {"mountPath": "/projects", "name": "gl-workspace-data"},
                {"mountPath": "/.workspace-data/variables/file", "name": "gl-workspace-variables"},
            ],
        }
        editor = {
            **container,
            "name": "tooling-container",
            "image": "tooling:1",
            "command": ["/bin/sh", "-c"],
            "args": ["sleep infinity"],
            "env": [{"name": "GL_VSCODE_PORT", "value": str(EDITOR)}, {"name": "GL_SSH_PORT", "value": str(SSH)}],
            "ports": [
                {"containerPort": 3000, "name": "web", "protocol": "TCP"},
                {"containerPort": EDITOR, "name": "editor-server", "protocol": "TCP"},
                {"containerPort": SSH, "name": "ssh-server", "protocol": "TCP"},
            ],
            "lifecycle": {"postStart": {"exec": {"command": ["/bin/sh", "-c", "/workspace-scripts/start"]}}},
        }
        database = {**container, "name": "database", "image": "database:1", "ports": [{"containerPort": 5432}]}
        tools = {**container, "name": "gl-tools-injector-command-1", "image": "tools:1"}
        volumes = [
            {"name": "gl-workspace-data", "persistentVolumeClaim": {"claimName": f"{self.name}-gl-workspace-data"}},
            {
                "name": "gl-workspace-variables",
                "projected": {"defaultMode": 0o774, "sources": [{"secret": {"name": f"{self.name}-file"}}]},
            },
        ]
        context = {"fsGroup": 0, "fsGroupChangePolicy": "OnRootMismatch", "runAsNonRoot": True, "runAsUser": 5001}
        return separate(
            {
                "containers": [database, editor],
                "initContainers": [tools],
                "securityContext": context,
                "serviceAccountName": self.name,
                "volumes": volumes,
            }
        )

    def service(self):
        ports = [
            {"name": name, "port": port, "targetPort": port}
            for name, port in (("web", 3000), ("editor-server", EDITOR), ("ssh-server", SSH))
        ]
        return self._object("v1", "Service", spec={"ports": ports, "selector": dict(self._labels)})

    def claim(self):
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "50Gi"}}}
        return self._object("v1", "PersistentVolumeClaim", "gl-workspace-data", spec=spec)

    def service_account(self):
        return self._object("v1", "ServiceAccount", automountServiceAccountToken=False, imagePullSecrets=[])

    def network_policy(self):
        """Ingress from pods that have the name of GitLab's proxy, egress to name servers and public addresses."""
        proxy = {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gitlab-workspaces"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "gitlab-workspaces-proxy"}},
        }
        names = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
        ports = [{"port": 53, "protocol": protocol} for protocol in ("TCP", "UDP")]
        public = {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]}
        spec = {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [proxy]}],
            "egress": [{"ports": ports, "to": [names]}, {"to": [{"ipBlock": public}]}],
        }
        return self._object("networking.k8s.io/v1", "NetworkPolicy", spec=spec)

    def secret(self, suffix, **data):
        made = self._object("v1", "Secret", suffix, data=data)
        made["metadata"]["annotations"]["config.k8s.io/owning-inventory"] = f"{self.name}-secrets-inventory"
        return made
