# SPDX-License-Identifier: Apache-2.0
"""Git over smart HTTP: GitLab's rules for who may do what, and `git http-backend` for the rest.

Bodies stream through both ways; gzip request bodies are http-backend's to unpack.
"""

import functools
import os
import re
import subprocess
import threading

from .http import Answer

SERVICES = ("git-upload-pack", "git-receive-pack")
ROUTE = re.compile(
    r"^/(?P<path>.+?)(?P<dot>\.git)?/(?P<rest>info/refs|git-upload-pack|git-receive-pack|HEAD)$"
)
HEAD_MAX = 16384


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
        return refusal or self._backend(request, project, match["rest"])

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

    def _environment(self, request, project, rest):
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "4",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "http.receivepack",
            "GIT_CONFIG_VALUE_1": "true",
            # As Gitaly configures it.
            "GIT_CONFIG_KEY_2": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_2": "true",
            "GIT_CONFIG_KEY_3": "transfer.hideRefs",
            "GIT_CONFIG_VALUE_3": "refs/keep-around",
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": os.path.dirname(project.repository),
            "PATH_INFO": f"/{os.path.basename(project.repository)}/{rest}",
            "QUERY_STRING": request.query_text,
            "REQUEST_METHOD": request.method,
            "REMOTE_ADDR": request.peer,
            "REMOTE_USER": request.entry.user or "",
        }
        for variable, header in (
            ("CONTENT_TYPE", "Content-Type"),
            ("CONTENT_LENGTH", "Content-Length"),
            ("HTTP_CONTENT_ENCODING", "Content-Encoding"),
            ("GIT_PROTOCOL", "Git-Protocol"),
        ):
            if header in request.headers:
                environment[variable] = request.headers[header]
        return environment

    def _backend(self, request, project, rest):
        process = subprocess.Popen(
            [_http_backend()],
            env=self._environment(request, project, rest),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        feeder = threading.Thread(target=_feed, args=(request.body, process.stdin), daemon=True)
        feeder.start()
        status, headers = _read_cgi_head(process.stdout)
        return Answer(status, headers, _Output(process, feeder))


@functools.cache
def _http_backend():
    """Its path: `git http-backend` would be a process more for each request."""
    folder = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
    return os.path.join(folder, "git-http-backend")


def _feed(body, stdin):
    try:
        while data := body.read(65536):
            stdin.write(data)
    except (OSError, ValueError):
        pass
    finally:
        try:
            stdin.close()
        except OSError:
            pass


def _read_cgi_head(stdout):
    status, headers = 200, []
    while line := stdout.readline(HEAD_MAX).rstrip(b"\r\n"):
        name, _, value = line.decode("latin-1").partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers.append((name, value.strip()))
    return status, headers


class _Output:
    """The backend's output; closing it ends the process, whether or not it was read."""

    def __init__(self, process, feeder):
        self._process = process
        self._feeder = feeder

    def __iter__(self):
        while data := self._process.stdout.read1(65536):
            yield data

    def close(self):
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()
        self._feeder.join(1)
