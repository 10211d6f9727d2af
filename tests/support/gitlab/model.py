# SPDX-License-Identifier: Apache-2.0
"""What the stand-in knows: users, applications, projects, workspaces, grants and tokens.

Every change happens under the state's one lock, so that of two concurrent refreshes exactly one
wins. Answers in HTTP are other modules' business.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

DEVELOPER = 30
OWNER = 50


@dataclass
class User:
    id: int
    username: str
    password: str
    name: str = ""
    email: str = ""
    admin: bool = False
    blocked: bool = False

    @property
    def gid(self):
        return f"gid://gitlab/User/{self.id}"


@dataclass
class Application:
    uid: str
    name: str
    redirect_uris: list
    scopes: list
    secret: str | None = None  # None: a public client
    trusted: bool = True

    @property
    def confidential(self):
        return self.secret is not None


@dataclass
class Project:
    id: int
    path: str  # "group/name"
    directory: str  # of the bare repository, once that is made
    make: Callable | None  # makes it there; None: that was done
    visibility: str = "private"  # or "public"
    members: dict = field(default_factory=dict)  # user id -> access level
    lfs: dict = field(default_factory=dict)  # id -> content
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def repository(self):
        """The directory of the bare repository. Most tests never ask for it."""
        with self._lock:
            if self.make:
                self.make(self.directory)
                self.make = None
            return self.directory

    def level(self, user):
        return self.members.get(user.id, 0)

    def is_visible_to(self, user):
        return self.visibility == "public" or (user is not None and (user.admin or self.level(user) >= 10))


@dataclass
class Group:
    id: int
    path: str  # "company", or "company/team" below it
    parent: "Group | None" = None
    members: dict = field(default_factory=dict)  # user id -> access level, of direct members
    visibility: str = "private"  # or "public"

    def level(self, user):
        """The highest of its own and the inherited ones."""
        inherited = self.parent.level(user) if self.parent else 0
        return max(self.members.get(user.id, 0), inherited)

    def is_visible_to(self, user):
        return self.visibility == "public" or user.admin or self.level(user) > 0


@dataclass
class Workspace:
    id: int
    name: str
    owner: User
    project: Project | None = None
    url: str = ""
    hidden: bool = False  # nobody may read it, as after its deletion
    readers: set = field(default_factory=set)  # ids of users who may read what they don't own

    @property
    def gid(self):
        return f"gid://gitlab/RemoteDevelopment::Workspace/{self.id}"

    def is_readable_by(self, user):
        """GitLab: the owner while a developer of the project, admins, cluster agents' admins."""
        if self.hidden:
            return False
        if user.admin or user.id in self.readers:
            return True
        return user.id == self.owner.id and (self.project is None or self.project.level(user) >= DEVELOPER)


@dataclass
class Grant:
    """An authorization code."""

    code: str
    application: Application
    user: User
    redirect_uri: str
    scopes: list
    expires_at: float
    nonce: str | None = None
    challenge: str | None = None
    challenge_method: str | None = None
    auth_time: int = 0
    used: bool = False


@dataclass
class Token:
    """An access token with its refresh token: one record, revoked together."""

    access: str
    user: User
    scopes: list
    created_at: float
    lifetime_s: float | None  # None: a personal access token, which here never expires
    application: Application | None = None
    refresh: str | None = None
    revoked: bool = False
    nonce: str | None = None
    auth_time: int = 0

    @property
    def expired(self):
        return self.lifetime_s is not None and time.time() >= self.created_at + self.lifetime_s

    def allows(self, *scopes):
        return any(s in self.scopes for s in scopes)


class State:
    """Everything that the stand-in remembers."""

    def __init__(self):
        self.lock = threading.RLock()
        self.users = {}  # by username
        self.applications = {}  # by uid
        self.projects = {}  # by path
        self.groups = {}  # by path
        self.workspaces = {}  # by id
        self.grants = {}  # by code
        self.tokens = []
        self.sessions = {}  # browser sessions: cookie value -> dict
        self.issued = []  # every secret that ever left: for tests that grep logs

    def remember(self, secret):
        with self.lock:
            self.issued.append(secret)
        return secret

    def user_by_id(self, user_id):
        return next((u for u in self.users.values() if u.id == user_id), None)

    def project_by_id_or_path(self, key):
        for project in self.projects.values():
            if key in (str(project.id), project.path):
                return project
        return None

    def group_by_id_or_path(self, key):
        return next((g for g in self.groups.values() if key in (str(g.id), g.path)), None)

    def new_grant(self, lifetime_s, **fields):
        grant = Grant(
            code=self.remember(secrets.token_hex(32)), expires_at=time.time() + lifetime_s, **fields
        )
        with self.lock:
            self.grants[grant.code] = grant
        return grant

    def new_token(self, user, scopes, lifetime_s, application=None, refresh=True, **fields):
        token = Token(
            access=self.remember(secrets.token_hex(32)),
            refresh=self.remember(secrets.token_hex(32)) if refresh else None,
            user=user,
            scopes=list(scopes),
            created_at=time.time(),
            lifetime_s=lifetime_s,
            application=application,
            **fields,
        )
        with self.lock:
            self.tokens.append(token)
        return token

    def token_by_access(self, value):
        with self.lock:
            return next((t for t in self.tokens if value and t.access == value), None)

    def token_by_refresh(self, value):
        with self.lock:
            return next((t for t in self.tokens if value and t.refresh == value), None)
