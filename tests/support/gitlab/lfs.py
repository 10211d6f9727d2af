# SPDX-License-Identifier: Apache-2.0
"""Git LFS as GitLab has it: the batch API, downloads by itself or from object storage.

As in Repositories::LfsApiController and LfsStorageController: addresses of GitLab's own come with an
Authorization field of their own (a token for LFS only); those of object storage are signed and come
without. Requests without credentials that need some get a 401 with LFS-Authenticate.
"""

import base64
import json
import re
import secrets

from .http import Answer

MEDIA_TYPE = "application/vnd.git-lfs+json; charset=utf-8"
BATCH = re.compile(r"^/(?P<path>.+?)\.git/info/lfs/objects/batch$")
OBJECT = re.compile(r"^/(?P<path>.+?)\.git/gitlab-lfs/objects/(?P<oid>[0-9a-f]{64})$")
RANGE = re.compile(r"^bytes=(\d+)-$")
DOCUMENTATION = "/help/topics/git/lfs/index.md"


class Lfs:
    def __init__(self, gitlab):
        self._gitlab = gitlab
        self._tokens = set()

    def endpoint_of(self, request):
        if request.method == "POST" and BATCH.match(request.path):
            return "lfs-batch"
        return "lfs-object" if request.method in ("GET", "HEAD") and OBJECT.match(request.path) else None

    def _message(self, status, text, headers=()):
        document = {"message": text, "documentation_url": self._gitlab.url + DOCUMENTATION}
        return Answer(status, [("Content-Type", MEDIA_TYPE), *headers], json.dumps(document).encode())

    def _refuse(self, request, project):
        """An answer that ends the matter, or None when the request may go on."""
        user = None
        if "Authorization" in request.headers:
            secret = request.basic[1] if request.basic else None
            token = self._gitlab.state.token_by_access(secret) if secret else None
            if secret in self._tokens:
                return None
            if not token or token.revoked or token.expired or token.user.blocked:
                return self._message(401, "HTTP Basic: Access denied", [("LFS-Authenticate", 'Basic realm="GitLab"')])
            user = token.user
        elif project is None or project.visibility != "public":
            return self._message(401, "HTTP Basic: Access denied", [("LFS-Authenticate", 'Basic realm="GitLab"')])
        if project is None or not project.is_visible_to(user):
            return self._message(404, "Not found.")
        return None

    def handle(self, request):
        match = BATCH.match(request.path) or OBJECT.match(request.path)
        project = self._gitlab.state.projects.get(match["path"])
        refusal = self._refuse(request, project)
        if refusal:
            return refusal
        if "oid" not in match.groupdict():
            return self._batch(request, project)
        return self._download(request, project, match["oid"])

    def _batch(self, request, project):
        wanted = json.loads(request.body.read_all())
        if request.headers.get("Content-Type", "").split(";")[0] != "application/vnd.git-lfs+json":
            return self._message(406, "wrong content type")
        if wanted["operation"] != "download" or not wanted.get("objects"):
            return self._message(404, "Not found.")
        self._gitlab.lfs_batches.append([one["oid"] for one in wanted["objects"]])
        objects = []
        for one in wanted["objects"]:
            answer = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] in project.lfs:
                answer["authenticated"] = True
                answer["actions"] = {"download": self._action(request, project, one["oid"])}
            else:
                text = "Object does not exist on the server or you don't have permissions to access it"
                answer["error"] = {"code": 404, "message": text}
            objects.append(answer)
        return Answer(200, [("Content-Type", MEDIA_TYPE)], json.dumps({"objects": objects}).encode())

    def _action(self, request, project, oid):
        settings = self._gitlab.settings
        if settings.lfs_storage and not settings.lfs_redirects:
            return {"href": f"{settings.lfs_storage}/{oid}?X-Amz-Signature=signed", **settings.lfs_action}
        action = {"href": f"{settings.lfs_public_url or self._gitlab.url}/{project.path}.git/gitlab-lfs/objects/{oid}"}
        if "Authorization" in request.headers:
            token = self._gitlab.state.remember(secrets.token_urlsafe(24))
            self._tokens.add(token)
            action["header"] = {"Authorization": "Basic " + base64.b64encode(f"sasha:{token}".encode()).decode()}
        return {**action, **settings.lfs_action}

    def _download(self, request, project, oid):
        settings = self._gitlab.settings
        content = project.lfs.get(oid)
        if content is None:
            return Answer.text("Not found.", 404)
        if settings.lfs_storage:
            return Answer.redirect(f"{settings.lfs_storage}/{oid}?X-Amz-Signature=signed")
        return part_of(content, request.headers.get("Range", ""))


def part_of(content, wanted):
    """All of it, or what a Range field asks for."""
    match = RANGE.match(wanted)
    headers = [("Content-Type", "application/octet-stream"), ("Accept-Ranges", "bytes")]
    if not match:
        return Answer(200, headers, content)
    begin = int(match[1])
    if begin >= len(content):
        return Answer(416, [*headers, ("Content-Range", f"bytes */{len(content)}")], b"")
    return Answer(206, [*headers, ("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")], content[begin:])
