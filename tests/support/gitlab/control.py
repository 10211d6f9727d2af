# SPDX-License-Identifier: Apache-2.0
"""The control endpoint: what a test in another process may read and change, as JSON.

	POST   /-/stand-in/faults        {"endpoint": "token", "status": 503, "times": 1}  -> {"id": 1}
	GET    /-/stand-in/faults        DELETE /-/stand-in/faults      all of them
	POST   /-/stand-in/settings      {"token_lifetime_s": 2, "git_bytes_per_s": 1000000}
	POST   /-/stand-in/users         {"username": "robin", "blocked": true}
	POST   /-/stand-in/workspaces    {"id": 7, "hidden": true}
	POST   /-/stand-in/revoke        {"username": "sasha"}          all tokens of theirs
	GET    /-/stand-in/requests      DELETE /-/stand-in/requests
	GET    /-/stand-in/state

For loopback peers only, and only where the stand-in was started with control on. A body must be
application/json, so that a page in a browser can't send one here unasked.
"""

import dataclasses

from .http import Answer, HttpError

PREFIX = "/-/stand-in/"


class Control:
    def __init__(self, gitlab):
        self._gitlab = gitlab

    def handle(self, request):
        if not self._gitlab.control_is_on or not request.peer.startswith(("127.", "::1", "::ffff:127.")):
            return Answer.json({"error": "not found"}, 404)
        name = request.path.removeprefix(PREFIX)
        action = getattr(self, f"_{request.method.lower()}_{name}", None)
        if action is None:
            return Answer.json({"error": "not found"}, 404)
        if request.method == "POST" and not isinstance(request.document, dict):
            return Answer.json({"error": "a JSON object is expected"}, 400)
        try:
            return Answer.json(action(request))
        except (TypeError, KeyError, AttributeError) as e:
            return Answer.json({"error": f"{type(e).__name__}: {e}"}, 400)

    def _get_faults(self, request):
        return [dataclasses.asdict(f) for f in self._gitlab.faults.all()]

    def _post_faults(self, request):
        return {"id": self._gitlab.faults.add(**request.document).id}

    def _delete_faults(self, request):
        self._gitlab.faults.clear()
        return {}

    def _change(self, thing, changes):
        known = {f.name for f in dataclasses.fields(thing)}
        if unknown := set(changes) - known:
            raise HttpError(Answer.json({"error": f"unknown: {', '.join(sorted(unknown))}"}, 400))
        for name, value in changes.items():
            setattr(thing, name, value)
        return {}

    def _post_settings(self, request):
        return self._change(self._gitlab.settings, request.document)

    def _post_users(self, request):
        changes = dict(request.document)
        return self._change(self._gitlab.state.users[changes.pop("username")], changes)

    def _post_workspaces(self, request):
        changes = dict(request.document)
        workspace = self._gitlab.state.workspaces[changes.pop("id")]
        if "owner" in changes:
            changes["owner"] = self._gitlab.state.users[changes["owner"]]
        return self._change(workspace, changes)

    def _post_revoke(self, request):
        return {"revoked": self._gitlab.revoke_tokens(request.document["username"])}

    def _get_requests(self, request):
        return [e.as_dict() for e in self._gitlab.requests.all()]

    def _delete_requests(self, request):
        self._gitlab.requests.clear()
        return {}

    def _get_state(self, request):
        state = self._gitlab.state
        return {
            "url": self._gitlab.url,
            "settings": dataclasses.asdict(self._gitlab.settings),
            "users": [
                {"id": u.id, "username": u.username, "blocked": u.blocked} for u in state.users.values()
            ],
            "projects": [
                {"id": p.id, "path": p.path, "visibility": p.visibility} for p in state.projects.values()
            ],
            "workspaces": [
                {"id": w.id, "owner": w.owner.username, "hidden": w.hidden} for w in state.workspaces.values()
            ],
        }
