# SPDX-License-Identifier: Apache-2.0
"""Repositories with LFS files, object storage beside GitLab, and git-lfs to compare with."""

import hashlib
import os
import subprocess

import http_server
from bare import commit_files
from clone import TIMEOUT_S, git
from gitlab.lfs import part_of

ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"


def oid_of(content):
    return hashlib.sha256(content).hexdigest()


def pointer_to(content, size=None):
    size = len(content) if size is None else size
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid_of(content)}\nsize {size}\n"


def commit(project, files):
    """Puts {path: text} on top of main."""
    commit_files(project.repository, files, message="Large")


def add_files(project, contents, **more):
    """LFS files {path: bytes} with their objects; more: plain files, such as _lfsconfig's."""
    project.lfs.update({oid_of(content): content for content in contents.values()})
    commit(project, {".gitattributes": ATTRIBUTES, **{path: pointer_to(content) for path, content in contents.items()}, **more})


class Storage:
    """Object storage: signed addresses, no credentials. requests: (path, headers) of each."""

    def __init__(self, objects, certificates=None):
        self.objects = objects
        self.requests = []
        self.statuses = []  # answers to come before objects are served
        storage = self

        class Handler(http_server.Handler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                storage.requests.append((self.path, dict(self.headers)))
                content = storage.objects.get(self.path.split("?")[0].rsplit("/", 1)[1])
                status = storage.statuses.pop(0) if storage.statuses else 200
                part = part_of(content or b"", self.headers.get("Range", ""))
                self.answer(status if status != 200 else 404 if content is None else part.status, part.headers, part.body)

        self._server = http_server.Server(Handler, certificates)
        self.url = f"{'https' if certificates else 'http'}://localhost:{self._server.port}"

    def stop(self):
        self._server.stop()


def real_git(directory, *arguments, **variables):
    """git with git-lfs, and nobody's configuration besides."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        **variables,
    }
    result = subprocess.run(["git", "-C", str(directory), *arguments], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout.strip()


def real_clone(url, into, token, ca):
    """What git and git-lfs make of it."""
    from urllib.parse import urlsplit

    host = urlsplit(url).netloc
    with_token = url.replace(host, f"oauth2:{token}@{host}")
    options = {
        "filter.lfs.clean": "git-lfs clean -- %f",
        "filter.lfs.smudge": "git-lfs smudge -- %f",
        "filter.lfs.process": "git-lfs filter-process",
        "filter.lfs.required": "true",
    }
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    real_git("/", *settings, "clone", "-q", with_token, str(into), GIT_SSL_CAINFO=str(ca))


def work_tree(directory):
    """{path: (mode, content)} of all files beside .git."""
    found = {}
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if name != ".git"]
        for name in files:
            path = os.path.join(folder, name)
            if name == ".git":
                continue
            with open(path, "rb") as file:
                found[os.path.relpath(path, directory)] = (os.stat(path).st_mode, file.read())
    return found
