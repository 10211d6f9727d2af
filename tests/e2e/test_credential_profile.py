# SPDX-License-Identifier: Apache-2.0
"""What the sidecar configures for every git in the IDE's container, beside its clone."""

import os
import shlex
import shutil
import subprocess

import pytest
from proxy import run
from test_credential import cloned, path, sidecar, state_dir, target, workspace  # noqa: F401


@pytest.fixture
def in_profile(sidecar, state_dir, gitlab, tmp_path):
    """The environment after a shell has read what `workspace-proxy git-config` prints, so many times."""

    def read(times=1, environment=None, **settings):
        values = {"STATE_DIR": state_dir, "GITLAB_URL": gitlab.url, **settings}
        printed = run(["git-config"], values)
        assert printed.returncode == 0, printed.stderr
        profile = tmp_path / "profile"
        profile.write_text(printed.stdout)
        script = f". {shlex.quote(str(profile))}; " * times + "env -0"
        shell = subprocess.run(["sh", "-euc", script], env={"PATH": os.environ["PATH"], **(environment or {})}, capture_output=True, text=True, check=True)
        assert shell.stderr == ""
        return {k: v for k, _, v in (line.partition("=") for line in shell.stdout.split("\0")) if k.startswith("GIT_CONFIG")}

    return read


def test_every_repository_has_the_helper(cloned, gitlab, workspace, target, in_profile):
    """A second clone, submodules, and the addresses that people with ssh keys use."""
    lib = gitlab.add_project("group/lib", gitlab.sasha)
    profile = in_profile()
    assert "Username" in workspace.git(workspace.home, "clone", gitlab.git_url(lib), "no").stdout
    for name, url in enumerate((gitlab.git_url(lib), "git@localhost:group/lib.git", "ssh://git@localhost/group/lib.git")):
        place = workspace.home / str(name)
        workspace.git_ok(workspace.home, "clone", url, place, **profile)
        assert (place / "README.md").is_file()
        workspace.commit(place, f"pushed-{name}")
        workspace.git_ok(place, "push", **profile)
    workspace.git_ok(target, "submodule", "add", "../lib.git", "lib", **profile)
    workspace.git_ok(target, "commit", "-qm", "Submodule")
    workspace.git_ok(target, "push", **profile)
    workspace.git_ok(workspace.home, "clone", "--recurse-submodules", gitlab.git_url(gitlab.project), "again", **profile)
    assert (workspace.home / "again" / "lib" / "README.md").is_file()
    workspace.git_ok(target, "submodule", "deinit", "-f", "lib")
    shutil.rmtree(target / ".git/modules/lib")
    workspace.git_ok(target, "submodule", "update", "--init", **profile)
    assert (target / "lib" / "README.md").is_file()
    assert workspace.asked.read_text().count("localhost") <= 1  # before the profile


def test_profile_is_appended_once(in_profile):
    own = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "it's"}
    read = in_profile(times=3, environment=own)
    assert read["GIT_CONFIG_KEY_0"] == "a.b" and read["GIT_CONFIG_VALUE_0"] == "it's"
    assert int(read["GIT_CONFIG_COUNT"]) == 1 + int(in_profile()["GIT_CONFIG_COUNT"])
    assert read["GIT_CONFIG_VALUE_1"] == "" and read["GIT_CONFIG_KEY_1"].startswith("credential.https://localhost:")


def test_profile_knows_the_ssh_server(in_profile):
    def spellings(**settings):
        return [value for value in in_profile(**settings).values() if value.startswith(("git@", "ssh:"))]

    own = ["git@localhost:", "ssh://git@localhost/"]
    assert spellings() == own
    assert spellings(GITLAB_SSH_ADDRESS="localhost:22") == own
    assert spellings(GITLAB_SSH_ADDRESS="localhost:2222") == [*own, "ssh://git@localhost:2222/"]
    assert spellings(GITLAB_SSH_ADDRESS="Ssh.test") == [*own, "git@ssh.test:", "ssh://git@ssh.test/"]


def test_profile_needs_a_helper():
    for settings in ({"GITLAB_URL": "https://gitlab.example.com"}, {"CREDENTIAL_HELPER": "x"}):
        assert run(["git-config"], settings).returncode == 1
    assert run(["git-config", "x"], {}).returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user id")
def test_repositories_of_another_user(cloned, gitlab, workspace, target, in_profile):
    for folder, _, names in os.walk(target):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            os.chown(path, 4242, 4242, follow_symlinks=False)
    assert "dubious ownership" in workspace.git(target, "status", **in_profile()).stdout
    profile = in_profile(CLONE_GROUP=str(os.getegid()))
    workspace.git_ok(target, "status", **profile)
    workspace.git_ok(target, "fetch", **profile)
