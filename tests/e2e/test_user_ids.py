# SPDX-License-Identifier: Apache-2.0
"""Sidecar and IDE with the user ids and groups that injection gives them, as processes on a shared volume."""

import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import json

import manifests
import pytest
from clone import TIMEOUT_S, by_hand, settings_for
from proxy import PREFIX, binary, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may be two users")
IDE = 1000


def injected_pod():
    pod = manifests.pod(
        container="ide", clone_url="https://gitlab.example.com/group/project.git", clone_dir="/projects/project"
    )
    pod["spec"]["containers"][0]["securityContext"] = {"runAsUser": IDE, "runAsGroup": IDE}
    ran = run(["inject", "--no-network-policy"], manifests.SETTINGS, input=json.dumps(pod))
    assert ran.returncode == 0 and ran.stderr == "", ran.stderr
    return json.loads(ran.stdout)["spec"]


def environment_of(container):
    return {entry["name"]: entry["value"] for entry in container.get("env", [])}


class Volume:
    """As the kubelet makes it for an fsGroup, in a place that everyone can reach."""

    def __init__(self, directory, spec):
        self.spec = spec
        self.group = spec["securityContext"]["fsGroup"]
        (self.sidecar,) = [c for c in spec["initContainers"] if c["name"] == manifests.SIDECAR]
        (self.ide,) = [c for c in spec["containers"] if c["name"] == "ide"]
        self.path = directory / "volume"
        self.path.mkdir()
        os.chown(self.path, 0, self.group)
        self.path.chmod(0o2775)
        self.program = shutil.copy(binary(), directory)

    def as_user(self, container):
        user = container["securityContext"]
        ids = [f"--reuid={user['runAsUser']}", f"--regid={user['runAsGroup']}", f"--groups={self.group}"]
        return ["setpriv", *ids, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]

    def in_ide(self, script, umask="0022", groups=True):
        wrapper = self.as_user(self.ide)
        if not groups:
            wrapper = [word for word in wrapper if not word.startswith("--groups")] + ["--clear-groups"]
        return subprocess.run(
            [*wrapper, "sh", "-c", f"umask {umask}; set -e; cd project; {script}"],
            cwd=self.path,
            env={**environment_of(self.ide), "PATH": os.environ["PATH"], "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )


@pytest.fixture
def volume(make_gitlab):
    gitlab = make_gitlab(tls=False)
    with tempfile.TemporaryDirectory(prefix="users-") as name:
        os.chmod(name, 0o755)
        one = Volume(pathlib.Path(name), injected_pod())
        settings = settings_for(gitlab, gitlab.project, one.path / "project")
        settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
        environment = environment_of(one.sidecar)
        for setting in ("CLONE_GROUP", "CLONE_UMASK"):
            settings[setting] = environment[PREFIX + setting]
        ran = by_hand(settings, wrapper=(*one.as_user(one.sidecar), "sh", "-c", f"exec {one.program} clone"))
        assert ran.returncode == 0, ran.stderr
        yield one


def test_the_ids_are_different_and_the_group_is_shared(volume):
    sidecar, ide = volume.sidecar["securityContext"], volume.ide["securityContext"]
    assert sidecar["runAsUser"] == sidecar["runAsGroup"] == 65532 != ide["runAsUser"]
    assert environment_of(volume.sidecar)[PREFIX + "CREDENTIAL_UID"] == str(IDE)
    for path in [volume.path / "project", *(volume.path / "project").rglob("*")]:
        found = path.lstat()
        assert (found.st_uid, found.st_gid) == (65532, volume.group), path
        if not path.is_symlink() and ".git/objects" not in str(path):
            assert found.st_mode & stat.S_IWGRP and not found.st_mode & stat.S_IWOTH, path
        if path.is_dir():
            assert found.st_mode & stat.S_ISGID, path


def test_the_ide_works_in_the_clone(volume):
    """Git, editors that write in place and that replace files, and the removal of everything."""
    identity = "-c user.name=ide -c user.email=ide@example.com"
    for script in (
        "git status --porcelain && git fsck --full",
        "echo more >>README.md && mkdir notes && echo text >notes/one && mv README.md README && cp README README.md",
        f"git add -A && git {identity} commit -qm work && git log --oneline",
        "git checkout -q -b topic && git gc -q && git status --porcelain",
        "git config core.x 1 && git -c advice.detachedHead=false checkout -q HEAD~1",
        "rm -rf ./* .git",
    ):
        ran = volume.in_ide(script)
        assert ran.returncode == 0, (script, ran.stdout, ran.stderr)


def test_who_is_not_in_the_group_can_only_read(volume):
    assert volume.in_ide("cat README.md", groups=False).returncode == 0
    for script in ("echo x >>README.md", "rm README.md", "touch new", "git config core.x 1"):
        assert volume.in_ide(script, groups=False).returncode != 0, script
