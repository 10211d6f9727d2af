# SPDX-License-Identifier: Apache-2.0
"""The REST and GraphQL answers: who a token belongs to, what they may see, whose workspace it is."""

import urllib.parse

from . import graphql
from .http import Answer, HttpError

API_SCOPES = ("api", "read_api")


def bearer_error(status, error, description, **more):
    header = f'Bearer realm="Protected by OAuth 2.0", error="{error}", error_description="{description}"'
    document = {"error": error, "error_description": description, **more}
    return HttpError(Answer.json(document, status, [("WWW-Authenticate", header)]))


def message(status, text, **headers):
    return HttpError(Answer.json({"message": text}, status, list(headers.items())))


class Api:
    def __init__(self, gitlab):
        self._gitlab = gitlab
        self._state = gitlab.state

    def _presented(self, request):
        return request.bearer or request.headers.get("Private-Token")

    def authenticate(self, request, scopes):
        """The token's user, or the API guard's refusal."""
        token = self._state.token_by_access(self._presented(request))
        if token is None:
            raise message(401, "401 Unauthorized")
        if token.revoked:
            raise bearer_error(
                401, "invalid_token", "Token was revoked. You have to re-authorize from the user."
            )
        if token.expired:
            raise bearer_error(
                401, "invalid_token", "Token is expired. You can either do re-authorization or token refresh."
            )
        if not token.allows(*scopes):
            text = "The request requires higher privileges than provided by the access token."
            raise bearer_error(403, "insufficient_scope", text, scope=" ".join(scopes))
        if token.user.blocked:
            raise message(403, "403 Forbidden - Your account has been blocked.")
        request.entry.user = token.user.username
        return token.user

    def user(self, request):
        user = self.authenticate(request, (*API_SCOPES, "read_user"))
        return Answer.json(
            {
                "id": user.id,
                "username": user.username,
                "name": user.name,
                "state": "active",
                "locked": False,
                "bot": False,
                "web_url": f"{self._gitlab.url}/{user.username}",
                "email": user.email,
                "commit_email": user.email,
                "confirmed_at": "2024-01-01T00:00:00.000Z",
                "two_factor_enabled": True,
                "external": False,
            }
        )

    def _project(self, request, key, user):
        project = self._state.project_by_id_or_path(urllib.parse.unquote(key))
        if project is None or not project.is_visible_to(user):
            raise message(404, "404 Project Not Found")
        return project

    def project(self, request, key):
        user = self.authenticate(request, API_SCOPES)
        project = self._project(request, key, user)
        level = project.level(user)
        access = {"access_level": level, "notification_level": 3} if level else None
        url = f"{self._gitlab.url}/{project.path}"
        return Answer.json(
            {
                "id": project.id,
                "name": project.path.rpartition("/")[2],
                "path_with_namespace": project.path,
                "visibility": project.visibility,
                "default_branch": "main",
                "web_url": url,
                "http_url_to_repo": url + ".git",
                "permissions": {"project_access": access, "group_access": None},
            }
        )

    def member(self, request, key, user_id):
        user = self.authenticate(request, API_SCOPES)
        project = self._project(request, key, user)
        return self._membership(project, user_id)

    def group_member(self, request, key, user_id):
        user = self.authenticate(request, API_SCOPES)
        group = self._state.group_by_id_or_path(urllib.parse.unquote(key))
        if group is None or not group.is_visible_to(user):
            raise message(404, "404 Group Not Found")
        return self._membership(group, user_id)

    def _membership(self, source, user_id):
        member = self._state.user_by_id(int(user_id))
        if member is None or not source.level(member):
            raise message(404, "404 Not found")
        return Answer.json(
            {
                "id": member.id,
                "username": member.username,
                "name": member.name,
                "state": "blocked" if member.blocked else "active",
                "access_level": source.level(member),
                "expires_at": None,
                "membership_state": "active",
            }
        )

    def graphql(self, request):
        user = self._graphql_user(request)
        document = request.document if isinstance(request.document, dict) else {}
        query = document.get("query") or request.field("query")
        if not isinstance(query, str):
            return Answer.json({"errors": [{"message": "Unexpected end of document"}]}, 422)
        try:
            selections = graphql.parse(query, document.get("variables"))
        except graphql.QueryError as e:
            return Answer.json({"errors": [{"message": str(e)}]}, 422)
        source = {"currentUser": self._current_user(user)}
        if self._gitlab.settings.has_workspaces:
            source["workspace"] = lambda id=None: self._workspace(id, user)
        try:
            return Answer.json({"data": graphql.resolve(selections, source, "Query")})
        except graphql.QueryError as e:
            return Answer.json({"errors": [{"message": str(e), "path": ["query"]}]})

    def _graphql_user(self, request):
        presented = self._presented(request)
        if not presented:
            return None
        token = self._state.token_by_access(presented)
        if token is None or token.revoked or token.expired or not token.allows(*API_SCOPES):
            raise HttpError(Answer.json({"errors": [{"message": "Invalid token"}]}, 401))
        if token.user.blocked:
            raise HttpError(Answer.json({"errors": [{"message": "API not accessible for user"}]}, 403))
        request.entry.user = token.user.username
        return token.user

    def _current_user(self, user):
        return user and {"id": user.gid, "username": user.username, "name": user.name}

    def _workspace(self, gid, user):
        workspace = next((w for w in self._state.workspaces.values() if w.gid == gid), None)
        if workspace is None or user is None or not workspace.is_readable_by(user):
            return None
        project = workspace.project
        return {
            "id": workspace.gid,
            "name": workspace.name,
            "namespace": f"gl-rd-ns-1-{workspace.owner.id}-ab12cd",
            "projectId": project and f"gid://gitlab/Project/{project.id}",
            "actualState": "Running",
            "desiredState": "Running",
            "url": workspace.url,
            "user": self._current_user(workspace.owner),
        }
