# SPDX-License-Identifier: Apache-2.0
"""SSH in images without a usable sshd: that of the container image, as `workspace-proxy install --sshd` copies it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import ssh
from proxy import PATIENCE_S, binary, free_port, is_sanitized, wait_until

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for mounts"),
    pytest.mark.skipif(is_sanitized(), reason="programs with sanitizers go into no image"),
]
TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The tree of the container image."""
    output = tmp_path_factory.mktemp("image")
    build = os.path.dirname(binary())
    subprocess.run([TOP / "tools/image-tree", build, "0", output], check=True, stdout=subprocess.DEVNULL)
    yield output / "tree"
    shutil.rmtree(output)


@pytest.fixture
def make_container(image):
    """make_container(kind) -> a container with the helper and sshd in it."""
    made = []

    def make(kind=ssh.Container, with_sshd=True):
        container = kind()
        made.append(container)
        programs = os.path.join(container.directory, "programs")
        os.mkdir(programs)
        options = ["--sshd"] if with_sshd else []
        subprocess.run([image / "usr/bin/workspace-proxy", "install", *options, programs], check=True)
        container.helper = os.path.join(programs, "workspace-ssh")
        return container

    yield make
    for container in made:
        container.stop()


@pytest.fixture
def start(make_proxy, gitlab, upstream, make_computer, client):
    def start(container):
        proxy = make_proxy(gitlab, upstream, SSH_SOCKET=container.socket)
        container.start(PATH="/bin", VSCODE_PROXY_URI="https://x/")
        computer = make_computer(proxy)
        said = computer.log_in(client)
        return computer, said

    return start


def test_an_image_with_nothing_in_it(make_container, start, tmp_path):
    container = make_container(ssh.BareContainer)
    computer, said = start(container)
    assert "sshd" not in said and "terminals" not in said, said
    shell = computer.ssh("id -un; echo $VSCODE_PROXY_URI $HOME; exit 5")
    assert shell.stdout.decode() == f"coder\nhttps://x/ {container.home}\n", shell.stderr
    assert shell.returncode == 5
    assert computer.ssh("-tt", "tty").stdout.startswith(b"/dev/pts/")
    computer.write_config()
    (tmp_path / "notes").write_bytes(os.urandom(300000))
    name = computer.proxy.name
    assert computer.tool("scp", tmp_path / "notes", f"{name}:there").returncode == 0
    assert computer.tool("scp", f"{name}:there", tmp_path / "back").returncode == 0
    assert (tmp_path / "back").read_bytes() == (tmp_path / "notes").read_bytes()
    assert not [name for name in os.listdir(container.private) if name.startswith("keys-") and not container.children()]
    port = free_port()
    command = ["ssh", "-F", str(computer.home / ".ssh/config"), "-N", "-L", f"{port}:{name}:1", name]
    forwarding = subprocess.Popen(command, env=computer.environment)
    wait_until(lambda: ssh.reaches(port))
    forwarding.terminate()
    forwarding.wait(PATIENCE_S)


@pytest.mark.parametrize("mode", ["666", "644"])
def test_a_user_id_that_has_no_name(make_container, start, mode):
    """As OpenShift has it: the helper adds an entry where it may."""
    container = make_container(lambda: ssh.BareContainer(account=False))
    container.passwd_mode = mode
    computer, said = start(container)
    result = computer.ssh("id -u; id -un; echo $HOME")
    if mode == "666":
        assert result.stdout.decode() == f"{container.uid}\nworkspace\n{container.home}\n", (result.stderr, said)
        assert "passwd" not in said
    else:
        sentence = f"the user id {container.uid} has no entry in /etc/passwd"
        assert sentence in said and sentence in result.stderr.decode()


def test_terminals_of_another_group(make_container, start, client):
    container = make_container(ssh.BareContainer)
    container.terminals = 0
    computer, said = start(container)
    sentence = "no terminals: /dev/pts is mounted without the group of ttys"
    assert sentence in said
    assert computer.ssh("echo in").stdout == b"in\n"
    proxy = computer.proxy
    wait_until(lambda: sentence in str(ssh.admin(proxy, "/ready")["problems"]))
    assert sentence in client.navigate(proxy.origin + "/oauth2/workspace").text


def test_an_image_without_sshd(make_container, start):
    container = make_container()
    container.hidden = {"/usr/sbin/sshd": "/dev/null", "/usr/bin/ssh-keygen": "/dev/null"}
    computer, said = start(container)
    result = computer.ssh("echo in; exit 4")
    assert (result.returncode, result.stdout) == (4, b"in\n"), (result.stderr, said)


@pytest.mark.parametrize("with_sshd", [True, False])
def test_an_image_whose_sshd_is_too_old(make_container, start, with_sshd):
    """It refuses an option that it does not know."""
    container = make_container(with_sshd=with_sshd)
    old = os.path.join(container.directory, "old-sshd")
    with open(old, "w") as file:
        file.write("#!/bin/sh\necho 'Bad configuration option: -t' >&2\nexit 1\n")
    os.chmod(old, 0o755)
    container.hidden = {"/usr/sbin/sshd": old}
    computer, said = start(container)
    result = computer.ssh("echo in")
    if with_sshd:
        assert result.stdout == b"in\n", (result.stderr, said)
    else:
        assert "the sshd in the workspace's image can't be used" in said
        assert b"the sshd in the workspace's image can't be used" in result.stderr
    with open(os.path.join(container.private, "log")) as file:
        assert "Bad configuration option" in file.read()


def test_an_image_without_sshd_and_none_installed(make_container, start):
    container = make_container(with_sshd=False)
    container.hidden = {"/usr/sbin/sshd": "/dev/null"}
    computer, said = start(container)
    assert "there is no sshd in the workspace's image" in said
    assert b"there is no sshd in the workspace's image" in computer.ssh("true").stderr


def test_install_says_where_it_looked(tmp_path):
    result = subprocess.run([binary(), "install", "--sshd", tmp_path], capture_output=True, text=True)
    assert result.returncode == 1 and "lib/workspace-proxy/sshd" in result.stderr
    for words in [("install",), ("install", "--sshd"), ("install", "--other", "/tmp"), ("install", "a", "b")]:
        assert subprocess.run([binary(), *words], stderr=subprocess.DEVNULL).returncode == 2, words


def test_install_replaces_what_runs(make_container, start, image):
    container = make_container(ssh.BareContainer)
    computer, _ = start(container)
    programs = os.path.dirname(container.helper)
    subprocess.run([image / "usr/bin/workspace-proxy", "install", "--sshd", programs], check=True)
    assert computer.ssh("echo in").stdout == b"in\n"
    assert not [name for name in os.listdir(os.path.join(programs, "sshd")) if name.endswith(".new")]
