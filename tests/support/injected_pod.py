# SPDX-License-Identifier: Apache-2.0
"""A pod as `workspace-proxy inject` makes it of container/kubernetes/example, run by podman as a kubelet would:
volumes are folders, secrets and config maps files in them, and each container gets what its spec says.

Only the network differs: it is this machine's, so the sidecar's addresses and the IDE's port are the test's.
"""

import json
import os
import subprocess

import fast_yaml
import proxy
import runners

EXAMPLE = os.path.join(proxy.ROOT, "container/kubernetes/example/workspace.yaml")
PREFIX = "workspace-proxy.io/"
ADDRESSES = ("HTTPS_ADDRESS", "ADMIN_ADDRESS")
SIDECAR, GIT = "workspace-proxy", "workspace-proxy-git"


def injected(settings):
    """The pod's spec. settings: of a sidecar, as the test would start it."""
    with open(EXAMPLE) as file:
        workload = next(fast_yaml.load_all(file))
    notes = workload["spec"]["template"]["metadata"]["annotations"]
    notes[PREFIX + "external-url"] = settings["EXTERNAL_URL"]
    notes[PREFIX + "workspace-id"] = str(settings["WORKSPACE_ID"])
    notes[PREFIX + "clone-url"] = settings["CLONE_URL"]
    notes[PREFIX + "upstream-port"] = settings["UPSTREAM"].rpartition(":")[2]
    operator = {
        "INJECT_IMAGE": "workspace-proxy:test",
        "INJECT_CONFIG_MAP": "more",
        "INJECT_CA_CONFIG_MAP": "authorities",
        "GITLAB_URL": settings["GITLAB_URL"],
        "CLIENT_ID": settings["CLIENT_ID"],
    }
    result = proxy.run(["inject", "--no-network-policy"], operator, input=json.dumps(workload))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["spec"]["template"]["spec"]


def check_rights(container):
    """tools/image-storage gives every container this; the spec has to ask for no more."""
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] and context["runAsNonRoot"] and not context["privileged"]
    assert context["capabilities"] == {"drop": ["ALL"]} and not context["allowPrivilegeEscalation"]


class InjectedPod(runners.Container):
    def __init__(self, image, directory, name):
        super().__init__(image, {}, name)
        self.directory = directory
        self.spec = None

    def folder(self, volume):
        return self.directory / volume

    def container(self, name):
        return next(c for c in self.spec["initContainers"] + self.spec["containers"] if c["name"] == name)

    def command(self, program, arguments, settings):
        self.spec = injected(settings)
        for volume in self.spec["volumes"]:
            self._make(volume, settings)
        helper = self.container(GIT)
        check_rights(helper)
        ran = self.run(self._options(helper), helper["args"])
        assert ran.returncode == 0, ran.stderr
        sidecar = self.container(SIDECAR)
        check_rights(sidecar)
        environment = {entry["name"]: entry["value"] for entry in sidecar["env"]}
        environment.update({f"WORKSPACE_PROXY_{name}": settings[name] for name in (*ADDRESSES, "LOG_LEVEL")})
        options = ["--name", self.name, *self._options(sidecar)]
        for name, value in environment.items():
            options += ["--env", f"{name}={value}"]
        return self._command(options, sidecar.get("args", []))

    def run_in_ide(self, program, *arguments, input):
        """Runs something out of the volumes of the IDE's container, which need no other file."""
        options = [*self._options(self.container("ide")), "--interactive", "--entrypoint", program]
        return self.run(options, arguments, input)

    def run_as_ide(self, volume, *command):
        """Runs a program of this machine with the user, groups and variables of the IDE's container, in a volume,
        which is at /mnt: folders above that of the test are not everyone's."""
        ide = self.container("ide")
        of_pod = {**self.spec["securityContext"], **ide["securityContext"]}
        user = ["setpriv", f"--reuid={of_pod['runAsUser']}", f"--regid={of_pod['runAsGroup']}"]
        user += [f"--groups={of_pod['fsGroup']}", "--inh-caps=-all", "--no-new-privs"]
        script = 'mount --bind "$0" /mnt && cd /mnt && exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, self.folder(volume), *user, *command],
            env={"PATH": os.environ["PATH"]} | {e["name"]: e["value"] for e in ide["env"]} | {"HOME": "/mnt"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def run(self, options, arguments, input=""):
        command = self._command(options, arguments)
        return subprocess.run(command, input=input, capture_output=True, text=True, timeout=60)

    def _command(self, options, arguments):
        script = '. tools/image-storage "$1"; shift; exec "${podman[@]}" run "${run_flags[@]}" --rm "$@"'
        with open(f"{self.image}/workspace-proxy.id") as file:
            image = file.read().strip()
        return ["bash", "-c", script, "bash", self.image, *options, image, *arguments]

    def _options(self, container):
        of_pod = self.spec["securityContext"]
        of_container = {**of_pod, **container["securityContext"]}
        user = f"{of_container['runAsUser']}:{of_container['runAsGroup']}"
        options = ["--user", user, "--group-add", str(of_pod["fsGroup"])]
        for mount in container["volumeMounts"]:
            mode = "ro" if mount.get("readOnly") else "rw"
            options += ["--volume", f"{self.folder(mount['name'])}:{mount['mountPath']}:{mode}"]
        return options

    def _make(self, volume, settings):
        """As a kubelet: secrets are root's and the group's, what can be written to is the group's."""
        folder, group = self.folder(volume["name"]), self.spec["securityContext"]["fsGroup"]
        folder.mkdir()
        files, mode = self._files(volume, settings)
        for name, text in files.items():
            (folder / name).write_text(text)
            os.chown(folder / name, 0, group)
            (folder / name).chmod(mode)
        os.chown(folder, 0, group)
        folder.chmod(0o755 if files else 0o2775)

    def _files(self, volume, settings):
        def read(name):
            with open(settings[name]) as file:
                return file.read()

        if "configMap" in volume:
            return {"ca.crt": read("GITLAB_CA_FILE")}, volume["configMap"]["defaultMode"]
        if "secret" not in volume:
            return {}, 0
        if volume["name"] == "workspace-proxy-tls":
            files = {"tls.crt": read("TLS_CERT_FILE"), "tls.key": read("TLS_KEY_FILE")}
        else:
            files = {"cookie-secret": settings["COOKIE_SECRET"], "client-secret": settings["CLIENT_SECRET"]}
        return files, volume["secret"]["defaultMode"]
