# SPDX-License-Identifier: Apache-2.0
"""Git over smart HTTP: GitLab's rules for who may do what, and `git upload-pack` or `git receive-pack` for the rest.

Bodies stream through both ways. `git http-backend` would do no more, and be a process more for each request.
"""

import os
import re
import subprocess
import threading
import zlib

from .http import Answer

SERVICES = ("git-upload-pack", "git-receive-pack")
ROUTE = re.compile(
    r"^/(?P<path>.+?)(?P<dot>\.git)?/(?P<rest>info/refs|git-upload-pack|git-receive-pack|HEAD)$"
)
NOT_CACHED = [
    ("Expires", "Fri, 01 Jan 1980 00:00:00 GMT"),
    ("Pragma", "no-cache"),
    ("Cache-Control", "no-cache, max-age=0, must-revalidate"),
]


def denied(gitlab):
    text = (
        "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect "
        "or you're required to use a token instead of a password. If a token was provided, it was either incorrect, "
        f"expired, or improperly scoped. See {gitlab.url}/help/topics/git/troubleshooting_git.md\n"
    )
    return Answer.text(text, 401, [("Www-Authenticate", 'Basic realm="GitLab"')])


def not_found():
    text = "The project you were looking for could not be found or you don't have permission to view it.\n"
    return Answer.text(text, 404)


class Git:
    def __init__(self, gitlab):
        self._gitlab = gitlab

    def endpoint_of(self, request):
        """ "git-info-refs", "git-upload-pack", "git-receive-pack", or None when it is not git's."""
        match = ROUTE.match(request.path)
        if match is None:
            return None
        rest = match["rest"]
        return rest if rest in SERVICES else "git-" + rest.lower().replace("/", "-")

    def handle(self, request):
        match = ROUTE.match(request.path)
        service = match["rest"]
        if service == "info/refs":
            service = request.field("service")
        if match["rest"] == "info/refs" and not match["dot"]:
            query = "?" + request.query_text if request.query_text else ""
            return Answer.redirect(f"{self._gitlab.url}/{match['path']}.git/info/refs{query}", 301)
        project = self._gitlab.state.projects.get(match["path"])
        refusal = self._refuse(request, project, service)
        if refusal:
            return refusal
        return (self._list_refs if match["rest"] == "info/refs" else self._serve)(request, project, service)

    def _refuse(self, request, project, service):
        """An answer that ends the matter, or None when the request may go on."""
        user = None
        if "Authorization" in request.headers:
            token = request.basic and self._gitlab.state.token_by_access(request.basic[1])
            if not token or token.revoked or token.expired or token.user.blocked:
                return denied(self._gitlab)
            user = token.user
            request.entry.user = user.username
        elif project is None or project.visibility != "public" or service == "git-receive-pack":
            return denied(self._gitlab)
        if service not in SERVICES or request.method == "HEAD":
            return Answer.text("Git over HTTP: smart services only.\n", 403)
        if project is None or not project.is_visible_to(user):
            return not_found()
        if user is None:
            return None
        if service == "git-upload-pack":
            if not token.allows("api", "read_api", "read_repository", "write_repository"):
                return Answer.text("You are not allowed to download code.\n", 403)
        elif not token.allows("api", "write_repository") or project.level(user) < 30:
            return Answer.text("You are not allowed to push code to this project.\n", 403)
        return None

    def _environment(self, request):
        user = request.entry.user or "anonymous"
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            # As Gitaly configures it.
            "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_1": "true",
            "GIT_CONFIG_KEY_2": "transfer.hideRefs",
            "GIT_CONFIG_VALUE_2": "refs/keep-around",
            "GIT_COMMITTER_NAME": user,
            "GIT_COMMITTER_EMAIL": f"{user}@http.{request.peer}",
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }

    def _start(self, request, service, option, project, stdin):
        return subprocess.Popen(
            ["git", service.removeprefix("git-"), option, project.repository],
            env=self._environment(request),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _list_refs(self, request, project, service):
        if request.method != "GET":
            return Answer(405, [("Allow", "GET")])
        process = self._start(request, service, "--http-backend-info-refs", project, subprocess.DEVNULL)
        is_v2 = "version=2" in request.headers.get("Git-Protocol", "").split(":")
        heading = f"# service={service}\n"
        first = b"" if is_v2 else f"{len(heading) + 4:04x}{heading}0000".encode()
        return Answer(200, [_type_of(service, "advertisement"), *NOT_CACHED], _Output(process, first))

    def _serve(self, request, project, service):
        if request.method != "POST":
            return Answer(405, [("Allow", "POST")])
        if ("Content-Type", request.headers.get("Content-Type")) != _type_of(service, "request"):
            return Answer.text("Unsupported Media Type\n", 415)
        process = self._start(request, service, "--stateless-rpc", project, subprocess.PIPE)
        is_gzip = request.headers.get("Content-Encoding") in ("gzip", "x-gzip")
        feeder = threading.Thread(target=_feed, args=(request.body, is_gzip, process.stdin), daemon=True)
        feeder.start()
        return Answer(200, [_type_of(service, "result"), *NOT_CACHED], _Output(process, feeder=feeder))


def _type_of(service, what):
    return "Content-Type", f"application/x-{service}-{what}"


def _feed(body, is_gzip, stdin):
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress if is_gzip else bytes
    try:
        while data := body.read(65536):
            stdin.write(unpack(data))
    except (OSError, ValueError, zlib.error):
        pass
    finally:
        try:
            stdin.close()
        except OSError:
            pass


class _Output:
    """`first`, and what the process prints; closing it ends the process, whether or not it was read."""

    def __init__(self, process, first=b"", feeder=None):
        self._process = process
        self._first = first
        self._feeder = feeder

    def __iter__(self):
        if self._first:
            yield self._first
        while data := self._process.stdout.read1(65536):
            yield data

    def close(self):
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()
        if self._feeder:
            self._feeder.join(1)
