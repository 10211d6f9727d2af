# SPDX-License-Identifier: Apache-2.0
"""A stand-in GitLab for tests and the demo.

It speaks the parts of GitLab that workspace-proxy needs: OAuth2 and OpenID Connect, the user,
project and workspace APIs, and git over HTTP (by `git upload-pack`). It is as strict as GitLab
where GitLab is strict, can be told to misbehave while it runs (faults), and remembers what it was
asked. It keeps everything in memory and listens on loopback only.
"""

from .faults import Fault
from .kept import Kept
from .model import Application, Group, Project, User, Workspace
from .requests import Entry
from .service import GitLab

__all__ = ["Application", "Entry", "Fault", "GitLab", "Group", "Kept", "Project", "User", "Workspace"]
