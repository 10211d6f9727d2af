# SPDX-License-Identifier: Apache-2.0
"""Browser sessions: the sign-in page, its cookie, signing out."""

import secrets

from . import pages
from .http import Answer, HttpError

COOKIE = "_gitlab_session"


class SignIn:
    def __init__(self, gitlab):
        self._gitlab = gitlab

    def session(self, request):
        """The browser's session, or None."""
        with self._gitlab.state.lock:
            return self._gitlab.state.sessions.get(request.cookies.get(COOKIE))

    def user(self, request):
        session = self.session(request)
        user = session and session.get("user")
        if user:
            request.entry.user = user.username
        return user

    def new_session(self, **values):
        key = self._gitlab.state.remember(secrets.token_hex(16))
        session = {"key": key, "csrf": secrets.token_urlsafe(24), **values}
        with self._gitlab.state.lock:
            self._gitlab.state.sessions[key] = session
        return session

    def _cookie(self, session):
        attributes = "path=/; HttpOnly"
        if self._gitlab.url.startswith("https:"):
            attributes += "; Secure; SameSite=None"
        return ("Set-Cookie", f"{COOKIE}={session['key']}; {attributes}")

    def check_csrf(self, request):
        session = self.session(request)
        if session is None or request.field("authenticity_token") != session["csrf"]:
            raise HttpError(
                Answer.html(
                    pages.message("422", "The change you requested was rejected: your session has expired."),
                    422,
                )
            )
        return session

    def require(self, request):
        """The signed-in user; otherwise the answer is a way to the sign-in page and back."""
        user = self.user(request)
        if user:
            return user
        session = self.new_session(return_to=self._gitlab.url + request.path + "?" + request.query_text)
        raise HttpError(Answer.redirect(self._gitlab.url + "/users/sign_in", 302, [self._cookie(session)]))

    def page(self, request):
        if self.user(request):
            return Answer.redirect(self._gitlab.url + "/")
        session = self.session(request)
        headers = [("Cache-Control", "no-store")]
        if session is None:
            session = self.new_session()
            headers.append(self._cookie(session))
        return Answer.html(pages.sign_in(self._gitlab.root + "/users/sign_in", session["csrf"]), 200, headers)

    def submit(self, request):
        session = self.check_csrf(request)
        login = request.field("user[login]") or ""
        users = self._gitlab.state.users.values()
        user = next((u for u in users if login and login in (u.username, u.email)), None)
        problem = None
        if user is None or not secrets.compare_digest(user.password, request.field("user[password]") or ""):
            problem = "Invalid login or password."
        elif user.blocked:
            problem = "Your account has been blocked. Contact your GitLab administrator."
        if problem:
            text = pages.sign_in(self._gitlab.root + "/users/sign_in", session["csrf"], problem, login)
            return Answer.html(text, 422)
        with self._gitlab.state.lock:
            self._gitlab.state.sessions.pop(session["key"], None)  # a login gets a fresh session
        signed_in = self.new_session(user=user, auth_time=int(self._gitlab.now()))
        return Answer.redirect(
            session.get("return_to", self._gitlab.url + "/"), 302, [self._cookie(signed_in)]
        )

    def sign_out(self, request):
        session = self.check_csrf(request)
        with self._gitlab.state.lock:
            self._gitlab.state.sessions.pop(session["key"], None)
        return Answer.redirect(self._gitlab.url + "/users/sign_in", 302, [self._cookie(self.new_session())])

    def home(self, request):
        user = self.user(request)
        if user is None:
            return Answer.redirect(self._gitlab.url + "/users/sign_in")
        projects = [p for p in self._gitlab.state.projects.values() if p.is_visible_to(user)]
        csrf = self.session(request)["csrf"]
        return Answer.html(pages.home(user, self._gitlab.root + "/users/sign_out", csrf, projects))
