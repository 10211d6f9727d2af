# SPDX-License-Identifier: Apache-2.0
"""The stand-in as a whole: its settings, what to put into it, its routes, its life."""

import functools
import itertools
import os
import re
import secrets
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass, field

from . import repository
from .api import Api
from .control import PREFIX as CONTROL_PREFIX
from .control import Control
from .faults import Faults
from .git import Git
from .http import Answer, HttpError, Server
from .keys import signing_key
from .lfs import Lfs
from .model import OWNER, Application, Group, Project, State, User, Workspace
from .oauth import OAuth
from .requests import RequestLog
from .signin import SignIn

DEFAULT_SCOPES = "openid read_user read_api write_repository"


@dataclass
class Settings:
    """May change while the stand-in runs."""

    token_lifetime_s: float = 7200
    code_lifetime_s: float = 600
    token_type: str = "Bearer"  # GitLab's documentation prints "bearer"
    token_fields_left_out: list = field(default_factory=list)
    id_token_claims: dict = field(default_factory=dict)  # override; None takes a claim away
    git_bytes_per_s: int | None = None
    lfs_storage: str | None = None  # URL of object storage
    lfs_redirects: bool = False  # GitLab redirects there, in place of naming it in batch answers
    lfs_public_url: str | None = None  # how batch answers name GitLab
    lfs_action: dict = field(default_factory=dict)  # in place of what an action says
    has_workspaces: bool = True  # False: as the Community Edition, without the GraphQL field


@functools.cache
def _context(tls_cert, tls_key):
    """For all that have this certificate: to read a key takes longer than most of what a test asks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_cert, tls_key)
    return context


class GitLab:
    """A GitLab on loopback.

    with GitLab() as gitlab:
        sasha = gitlab.add_user("sasha")
        application = gitlab.add_application("https://ws.localhost:8443/oauth2/callback")
        …
    """

    def __init__(
        self,
        host="127.0.0.1",
        port=0,
        root="",
        tls_cert=None,
        tls_key=None,
        name=None,
        directory=None,
        control=True,
    ):
        self.root = "/" + root.strip("/") if root.strip("/") else ""
        self.settings = Settings()
        self.state = State()
        self.faults = Faults()
        self.requests = RequestLog()
        self.control_is_on = control
        self.crashes = []
        self.signin = SignIn(self)
        self._oauth = OAuth(self)
        self._api = Api(self)
        self._git = Git(self)
        self._lfs = Lfs(self)
        self.lfs_batches = []  # ids of each batch request
        self._control = Control(self)
        self._ids = itertools.count(42)
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="gitlab-")
        self.directory = directory or self._temporary.name
        self._server = Server((host, port), self, _context(tls_cert, tls_key) if tls_cert else None)
        self.port = self._server.server_port
        scheme = "https" if tls_cert else "http"
        shown = name or (f"[{host}]" if ":" in host else host)
        self.origin = f"{scheme}://{shown}:{self.port}"
        self.url = self.origin + self.root
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._routes = self._make_routes()

    # Life

    def start(self):
        signing_key()  # made now, while nobody waits for an answer
        self._thread.start()
        return self

    def stop(self):
        self.faults.released.set()
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join(5)
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    def note_crash(self):
        """A handler of ours raised: tests look here, since it is a mistake in the stand-in."""
        import traceback

        self.crashes.append(traceback.format_exc())

    def now(self):
        return time.time()

    # What is in it

    def add_user(self, username, password=None, name=None, **more):
        user = User(
            id=next(self._ids),
            username=username,
            password=password or self.state.remember(secrets.token_urlsafe(12)),
            name=name or username.capitalize(),
            email=f"{username}@example.com",
            **more,
        )
        self.state.users[username] = user
        return user

    def add_application(
        self, *redirect_uris, scopes=DEFAULT_SCOPES, confidential=True, trusted=True, name="Workspaces"
    ):
        application = Application(
            uid=secrets.token_hex(32),
            name=name,
            redirect_uris=list(redirect_uris),
            scopes=scopes.split(),
            secret=self.state.remember("gloas-" + secrets.token_hex(32)) if confidential else None,
            trusted=trusted,
        )
        self.state.applications[application.uid] = application
        return application

    def add_project(self, path, owner=None, visibility="private", files=None, commits=1):
        """A project with a repository; files: {path: content}, or a number of made-up ones."""
        number = next(self._ids)
        directory = os.path.join(self.directory, f"{number}.git")
        make = functools.partial(repository.make, files=files, commits=commits)
        project = Project(id=number, path=path, directory=directory, make=make, visibility=visibility)
        if owner:
            project.members[owner.id] = OWNER
        self.state.projects[path] = project
        if files or commits > 1:
            project.repository  # takes long enough that nobody should have to wait for it later
        return project

    def add_group(self, path, **more):
        """A group; one below another knows it as its parent."""
        parent = self.state.groups.get(path.rpartition("/")[0])
        group = Group(id=next(self._ids), path=path, parent=parent, **more)
        self.state.groups[path] = group
        return group

    def add_workspace(self, owner, project=None, name="kiwi-otter-teal", **more):
        workspace = Workspace(id=next(self._ids), name=name, owner=owner, project=project, **more)
        self.state.workspaces[workspace.id] = workspace
        return workspace

    def add_token(self, user, scopes="api", lifetime_s=None, application=None):
        """A personal access token, or with a lifetime and an application an OAuth token."""
        return self.state.new_token(
            user, scopes.split(), lifetime_s, application, refresh=application is not None
        )

    def revoke_tokens(self, username):
        """Revokes all tokens of a user; returns how many there were."""
        with self.state.lock:
            alive = [t for t in self.state.tokens if t.user.username == username and not t.revoked]
            for token in alive:
                token.revoked = True
        return len(alive)

    def expire_tokens(self, username):
        """Makes all tokens of a user expired now; refresh tokens keep working."""
        with self.state.lock:
            for token in self.state.tokens:
                if token.user.username == username:
                    token.lifetime_s = 0

    def git_url(self, project):
        return f"{self.url}/{project.path}.git"

    def secrets(self):
        """Every secret that was ever handed out or set up."""
        with self.state.lock:
            return list(self.state.issued) + [u.password for u in self.state.users.values()]

    # Routes

    def strip_root(self, path):
        """The path below the relative URL root; None when it lies outside."""
        if not self.root:
            return path
        if path == self.root:
            return "/"
        return path.removeprefix(self.root) if path.startswith(self.root + "/") else None

    def _make_routes(self):
        oauth, api, signin = self._oauth, self._api, self.signin
        return [
            ("home", "GET", r"/", signin.home),
            ("sign-in", "GET", r"/users/sign_in", signin.page),
            ("sign-in", "POST", r"/users/sign_in", signin.submit),
            ("sign-out", "POST", r"/users/sign_out", signin.sign_out),
            ("authorize", "GET", r"/oauth/authorize", oauth.authorize),
            ("consent", "POST", r"/oauth/authorize", oauth.consent),
            ("consent", "DELETE", r"/oauth/authorize", oauth.consent),
            ("token-info", "GET", r"/oauth/token/info", oauth.token_info),
            ("token", "POST", r"/oauth/token", oauth.token),
            ("revoke", "POST", r"/oauth/revoke", oauth.revoke),
            ("introspect", "POST", r"/oauth/introspect", oauth.introspect),
            ("userinfo", "GET", r"/oauth/userinfo", oauth.userinfo),
            ("userinfo", "POST", r"/oauth/userinfo", oauth.userinfo),
            ("discovery", "GET", r"/\.well-known/openid-configuration", oauth.discovery),
            ("discovery", "GET", r"/\.well-known/oauth-authorization-server", oauth.discovery),
            ("jwks", "GET", r"/oauth/discovery/keys", oauth.jwks),
            ("user", "GET", r"/api/v4/user", api.user),
            ("member", "GET", r"/api/v4/projects/([^/]+)/members/all/(\d+)", api.member),
            ("project", "GET", r"/api/v4/projects/([^/]+)", api.project),
            ("group-member", "GET", r"/api/v4/groups/([^/]+)/members/all/(\d+)", api.group_member),
            ("graphql", "POST", r"/api/graphql", api.graphql),
            ("graphql", "GET", r"/api/graphql", api.graphql),
        ]

    def _route(self, request):
        """(endpoint, handler or None, arguments)"""
        if request.path.startswith(CONTROL_PREFIX):
            return "control", self._control.handle, ()
        known = None
        method = "GET" if request.method == "HEAD" else request.method
        for endpoint, route_method, pattern, handler in self._routes:
            match = re.fullmatch(pattern, request.path)
            if match and route_method == method:
                return endpoint, handler, match.groups()
            known = known or (match and endpoint)
        if known:
            return known, None, ()
        lfs = self._lfs.endpoint_of(request)
        if lfs:
            return lfs, self._lfs.handle, ()
        git = self._git.endpoint_of(request)
        return (git, self._git.handle, ()) if git else ("other", None, ())

    def endpoint_of(self, request):
        return self._route(request)[0]

    def handle(self, request):
        endpoint, handler, arguments = self._route(request)
        if handler is None:
            raise HttpError(Answer.json({"error": "404 Not Found"}, 404))
        if not endpoint.startswith(("git-", "lfs-")):
            request.read_parameters()
        return handler(request, *arguments)
