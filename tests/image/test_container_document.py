# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/container.md, as they are printed. Those for systemd and the Debian package run on a machine
of their own (test_debian_package.py)."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from proxy import ROOT, binary, new_cookie_secret
from test_image import IMAGE, NO_CONTAINERS, NO_IMAGE

VERSION = os.environ.get("WORKSPACE_PROXY_VERSION", "0.1.0")
# What would build for minutes, or needs a network or a daemon, is replaced by what finds mistakes in the command.
PROGRAMS = {
    # Its targets are there.
    "make": 'exec /usr/bin/make --no-print-directory -C "$ROOT" -n "$@" >/dev/null',
    # The archive is read, and goes into a folder instead of a registry.
    "skopeo": """
target=${@: -1}
case $target in docker://registry.example.com/workspace-proxy:*) ;; *) echo "unexpected: $target" >&2; exit 1 ;; esac
exec "$REAL_SKOPEO" "${@:1:$#-1}" "dir:$WORK/registry"
""",
    # In the storage of the tests, with folders of the test, and to the end of `check`.
    "podman": """
PATH=$REAL_PATH
cd "$ROOT" && . tools/image-storage "$IMAGE"
if [ "$1" = load ]; then exec "${podman[@]}" load -i "$WORK/$3"; fi
[ "$1" = run ] && shift
arguments=()
while [ $# -gt 0 ]; do
	case $1 in
	-p) [ "$2" = 8443:8443 ] && shift ;;
	-v) arguments+=(-v "$WORK$2") && shift ;;
	--env-file) arguments+=(--env-file "$WORK/$2") && shift ;;
	*) arguments+=("$1") ;;
	esac
	shift
done
exec "${podman[@]}" run "${run_flags[@]}" --rm "${arguments[@]}" check
""",
    # The files that it is given are there.
    "docker": """
case $* in
"build -f container/Containerfile -t workspace-proxy .") test -f container/Containerfile ;;
"compose run --rm workspace-proxy check"|"compose up -d")
	test -f compose.yaml
	for name in $(sed -n 's/.*{file: \\(.*\\)}/\\1/p' compose.yaml); do test -s "$name"; done ;;
*) echo "unexpected: docker $*" >&2; exit 1 ;;
esac
""",
}


def document():
    with open(os.path.join(ROOT, "docs", "container.md")) as file:
        return file.read()


def commands():
    """By the words that each block begins with."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", document(), re.M | re.S)
    names = ["make image ", "docker build", "make image ARCH", "podman run", "mkdir", "docker compose", "make deb", "make install"]
    assert len(blocks) == len(names), "a block that this test does not know"
    for name, block in zip(names, blocks):
        assert block.startswith(name), (name, block)
    return dict(zip(names, blocks))


@pytest.fixture
def shell(tmp_path, certificates):
    """Runs a block in a folder that looks like the repository's."""
    programs, work = tmp_path / "bin", tmp_path / "work"
    programs.mkdir()
    work.mkdir()
    for name, script in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/bash\nset -euo pipefail\n{script}")
        (programs / name).chmod(0o755)
    (work / "container").symlink_to(Path(ROOT) / "container")
    (work / "build").mkdir()
    (work / "build/image").symlink_to(Path(IMAGE).resolve())
    (work / "build/arm64").symlink_to(Path(IMAGE).resolve().parent / "arm64")
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "REAL_PATH": os.environ["PATH"],
        "ROOT": ROOT,
        "WORK": str(work),
        "IMAGE": str(Path(IMAGE).resolve()),
        "REAL_SKOPEO": shutil.which("skopeo") or "skopeo",
    }

    def run(block):
        ran = subprocess.run(
            ["bash", "-c", "set -euo pipefail\n" + block],
            cwd=work, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    run.work = work
    return run


@pytest.mark.skipif(bool(NO_IMAGE), reason=f"no images can be built here: {NO_IMAGE}")
def test_the_image(shell):
    shell(commands()["make image "])
    assert (shell.work / "registry/manifest.json").exists()
    shell(commands()["docker build"])


def test_the_image_for_arm64(shell):
    block = commands()["make image ARCH"]
    if not (shell.work / "build/image/workspace-proxy-multi.tar").exists():
        block = re.sub(r"^skopeo.*$", "", block, flags=re.M)  # only `make images` makes it
    shell(block)


@pytest.mark.skipif(bool(NO_CONTAINERS), reason=f"no container here: {NO_CONTAINERS}")
def test_the_container(shell, certificates):
    folder = shell.work / "etc/workspace-proxy"
    folder.mkdir(parents=True)
    (shell.work / "projects").mkdir()
    for name, source in {"tls.crt": certificates.cert, "tls.key": certificates.key}.items():
        shutil.copy(source, folder / name)
    (folder / "cookie-secret").write_text(new_cookie_secret())
    (folder / "client-secret").write_text("gloas-1")
    for path in folder.iterdir():
        path.chmod(0o644)
    (example,) = re.findall(r"```ini\n(WORKSPACE_PROXY_EXTERNAL_URL.*?)```", document(), re.S)
    names = {"TLS_CERT_FILE": "tls.crt", "TLS_KEY_FILE": "tls.key"}
    names |= {"COOKIE_SECRET_FILE": "cookie-secret", "CLIENT_SECRET_FILE": "client-secret"}
    files = "".join(f"WORKSPACE_PROXY_{name}=/etc/workspace-proxy/{file}\n" for name, file in names.items())
    (shell.work / "settings.env").write_text(example + files)
    printed = shell(commands()["podman run"])
    assert "WORKSPACE_PROXY_EXTERNAL_URL=https://kiwi.ws.example.com" in printed


def test_compose(shell, certificates):
    (compose,) = re.findall(r"```yaml\n(# compose.yaml\n.*?)```", document(), re.S)
    (shell.work / "compose.yaml").write_text(compose)
    shutil.copy(certificates.cert, shell.work / "kiwi.crt")
    shutil.copy(certificates.key, shell.work / "kiwi.key")
    shell(commands()["mkdir"])
    shell(commands()["docker compose"])


def test_the_package_has_that_name():
    assert f"./build/deb/workspace-proxy_{VERSION}_amd64.deb" in commands()["make deb"]
    assert subprocess.run([binary(), "version"], capture_output=True, text=True, check=True).stdout.split()[-1] == VERSION
