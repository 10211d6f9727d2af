# SPDX-License-Identifier: Apache-2.0
"""OAuth2 and OpenID Connect as GitLab's Doorkeeper answers them.

Authorization code with PKCE (RFC 7636) and refresh tokens that rotate with immediate revocation;
errors of the authorize page stay on GitLab's own page, errors of the token endpoint follow RFC 6749
section 5.2 with Doorkeeper's texts.
"""

import base64
import hashlib
import secrets
import time
import urllib.parse

from . import pages
from .http import Answer, HttpError
from .keys import signing_key

DESCRIPTIONS = {
    "invalid_client": "Client authentication failed due to unknown client, no client authentication included, "
    "or unsupported authentication method.",
    "invalid_grant": "The provided authorization grant is invalid, expired, revoked, does not match the redirection "
    "URI used in the authorization request, or was issued to another client.",
    "invalid_scope": "The requested scope is invalid, unknown, or malformed.",
    "unsupported_grant_type": "The authorization grant type is not supported by the authorization server.",
    "access_denied": "The resource owner or authorization server denied the request.",
}
NO_STORE = [("Cache-Control", "no-store, no-cache"), ("Pragma", "no-cache")]


def oauth_error(error, status=400, description=None):
    description = description or DESCRIPTIONS[error]
    realm = f'Bearer realm="Doorkeeper", error="{error}", error_description="{description}"'
    headers = [*NO_STORE, ("WWW-Authenticate", realm)]
    return HttpError(Answer.json({"error": error, "error_description": description}, status, headers))


def missing(parameter):
    return oauth_error("invalid_request", 400, f"Missing required parameter: {parameter}.")


def challenge_of(verifier, method):
    if method == "plain":
        return verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def with_parameters(uri, parameters):
    return uri + ("&" if "?" in uri else "?") + urllib.parse.urlencode(parameters)


class OAuth:
    def __init__(self, gitlab):
        self._gitlab = gitlab
        self._state = gitlab.state

    # The authorize page

    def _pre_authorization(self, request):
        """(application, parameters), or GitLab's own error page: no callback for the client."""

        def refuse(text):
            return HttpError(Answer.html(pages.authorize_error(text), 200))

        names = ("client_id", "redirect_uri", "response_type", "state", "scope", "nonce")
        names += ("code_challenge", "code_challenge_method")
        values = {n: request.field(n) or "" for n in names}
        application = self._state.applications.get(values["client_id"])
        if application is None:
            raise refuse(DESCRIPTIONS["invalid_client"])
        if values["redirect_uri"] not in application.redirect_uris:
            raise refuse("The redirect URI included is not valid.")
        if values["response_type"] != "code":
            raise refuse("The authorization server does not support this response type.")
        scopes = values["scope"].split() or application.scopes
        if not set(scopes) <= set(application.scopes):
            raise refuse("The requested scope is invalid, unknown, or malformed.")
        values["scope"] = " ".join(scopes)
        if values["code_challenge"] and values["code_challenge_method"] not in ("S256", "plain"):
            raise refuse("The code_challenge_method must be plain or S256.")
        return application, values

    def _grant(self, request, application, values):
        session = self._gitlab.signin.session(request)
        grant = self._state.new_grant(
            self._gitlab.settings.code_lifetime_s,
            application=application,
            user=session["user"],
            redirect_uri=values["redirect_uri"],
            scopes=values["scope"].split(),
            nonce=values["nonce"] or None,
            challenge=values["code_challenge"] or None,
            challenge_method=values["code_challenge_method"] or None,
            auth_time=session["auth_time"],
        )
        answer = {"code": grant.code}
        if values["state"]:
            answer["state"] = values["state"]
        return with_parameters(values["redirect_uri"], answer)

    def authorize(self, request):
        user = self._gitlab.signin.require(request)
        application, values = self._pre_authorization(request)
        if application.trusted:
            return Answer.html(
                pages.trusted_redirect(self._grant(request, application, values)), 200, NO_STORE
            )
        csrf = self._gitlab.signin.session(request)["csrf"]
        fields = {"authenticity_token": csrf, **{k: v for k, v in values.items() if v}}
        action = self._gitlab.root + "/oauth/authorize"
        return Answer.html(pages.consent(action, fields, application, user), 200, NO_STORE)

    def consent(self, request):
        self._gitlab.signin.require(request)
        self._gitlab.signin.check_csrf(request)
        application, values = self._pre_authorization(request)
        if request.field("_method") != "delete" and request.method != "DELETE":
            return Answer.redirect(self._grant(request, application, values))
        answer = {"error": "access_denied", "error_description": DESCRIPTIONS["access_denied"]}
        if values["state"]:
            answer["state"] = values["state"]
        return Answer.redirect(with_parameters(values["redirect_uri"], answer))

    # The token endpoint

    def _client(self, request):
        """Basic first, then parameters; None when it does not authenticate."""
        uid, secret = request.field("client_id"), request.field("client_secret")
        if request.basic:
            uid, secret = request.basic
        application = self._state.applications.get(uid)
        if application is None:
            return None
        if application.confidential and not secrets.compare_digest(
            application.secret.encode(), (secret or "").encode()
        ):
            return None
        if not application.confidential and secret:
            return None
        return application

    def token(self, request):
        grant_type = request.field("grant_type")
        if not grant_type:
            raise missing("grant_type")
        if grant_type == "authorization_code":
            return self._token_by_code(request)
        if grant_type == "refresh_token":
            return self._token_by_refresh(request)
        raise oauth_error("unsupported_grant_type")

    def _token_by_code(self, request):
        code, redirect_uri = request.field("code"), request.field("redirect_uri")
        verifier = request.field("code_verifier")
        with self._state.lock:
            grant = self._state.grants.get(code)
            if not code:
                raise missing("code")
            if grant and grant.challenge and not verifier:
                raise missing("code_verifier")
            if not redirect_uri:
                raise missing("redirect_uri")
            application = self._client(request)
            if application is None:
                raise oauth_error("invalid_client", 401)
            if (
                grant is None
                or grant.used
                or time.time() >= grant.expires_at
                or grant.application is not application
            ):
                raise oauth_error("invalid_grant")
            if redirect_uri != grant.redirect_uri:
                raise oauth_error("invalid_grant")
            if grant.challenge and challenge_of(verifier, grant.challenge_method) != grant.challenge:
                raise oauth_error("invalid_grant")
            grant.used = True
            token = self._state.new_token(
                grant.user,
                grant.scopes,
                self._gitlab.settings.token_lifetime_s,
                application,
                nonce=grant.nonce,
                auth_time=grant.auth_time,
            )
        request.entry.user = grant.user.username
        return self._token_answer(token)

    def _token_by_refresh(self, request):
        value = request.field("refresh_token")
        if not value:
            raise missing("refresh_token")
        with self._state.lock:
            application = self._client(request)
            if application is None:
                raise oauth_error("invalid_client", 401)
            old = self._state.token_by_refresh(value)
            if old is None or old.application is not application:
                raise oauth_error("invalid_grant")
            scopes = (request.field("scope") or "").split() or old.scopes
            if not set(scopes) <= set(old.scopes):
                raise oauth_error("invalid_scope")
            if old.revoked:
                raise oauth_error("invalid_grant")
            old.revoked = True
            token = self._state.new_token(
                old.user, scopes, self._gitlab.settings.token_lifetime_s, application, auth_time=old.auth_time
            )
        request.entry.user = old.user.username
        return self._token_answer(token)

    def _token_answer(self, token):
        document = {
            "access_token": token.access,
            "token_type": self._gitlab.settings.token_type,
            "expires_in": int(token.lifetime_s),
            "refresh_token": token.refresh,
            "scope": " ".join(token.scopes),
            "created_at": int(token.created_at),
        }
        if "openid" in token.scopes:
            document["id_token"] = self._id_token(token)
        for name in self._gitlab.settings.token_fields_left_out:
            document.pop(name, None)
        return Answer.json(document, 200, NO_STORE)

    def _id_token(self, token):
        now = int(time.time())
        user = token.user
        claims = {
            "iss": self._gitlab.url,
            "sub": str(user.id),
            "aud": token.application.uid,
            "exp": now + 120,
            "iat": now,
            "auth_time": token.auth_time,
            "sub_legacy": hashlib.sha256(f"{user.id}".encode()).hexdigest(),
            "email": user.email,
            "email_verified": True,
            "groups_direct": [],
        }
        if token.nonce:
            claims["nonce"] = token.nonce
        claims.update(self._gitlab.settings.id_token_claims)
        jwt = signing_key().jwt({k: v for k, v in claims.items() if v is not None})
        return self._state.remember(jwt)

    def revoke(self, request):
        application = self._client(request)
        value = request.field("token")
        with self._state.lock:
            token = self._state.token_by_access(value) or self._state.token_by_refresh(value)
            if application is None or (token and token.application is not application):
                document = {
                    "error": "unauthorized_client",
                    "error_description": "You are not authorized to revoke this token",
                }
                return Answer.json(document, 403)
            if token:
                token.revoked = True
                request.entry.user = token.user.username
        return Answer.json({})

    def introspect(self, request):
        application = self._client(request)
        if application is None:
            raise oauth_error("invalid_client", 401)
        token = self._state.token_by_access(request.field("token"))
        if token is None or token.revoked or token.expired or token.application is not application:
            return Answer.json({"active": False})
        return Answer.json(
            {
                "active": True,
                "scope": " ".join(token.scopes),
                "client_id": application.uid,
                "token_type": "Bearer",
                "exp": int(token.created_at + token.lifetime_s),
                "iat": int(token.created_at),
            }
        )

    def token_info(self, request):
        token = self._state.token_by_access(request.bearer or request.field("access_token"))
        if token is None or token.revoked or token.expired:
            document = {"error": "invalid_request", "error_description": "The request is invalid."}
            return Answer.json(document, 400, NO_STORE)
        left = None if token.lifetime_s is None else int(token.created_at + token.lifetime_s - time.time())
        return Answer.json(
            {
                "resource_owner_id": token.user.id,
                "scope": token.scopes,
                "expires_in": left,
                "application": {"uid": token.application.uid if token.application else None},
                "created_at": int(token.created_at),
                "scopes": token.scopes,
                "expires_in_seconds": left,
            },
            200,
            NO_STORE,
        )

    # OpenID Connect

    def discovery(self, request):
        url = self._gitlab.url
        return Answer.json(
            {
                "issuer": url,
                "authorization_endpoint": url + "/oauth/authorize",
                "token_endpoint": url + "/oauth/token",
                "revocation_endpoint": url + "/oauth/revoke",
                "introspection_endpoint": url + "/oauth/introspect",
                "userinfo_endpoint": url + "/oauth/userinfo",
                "jwks_uri": url + "/oauth/discovery/keys",
                "scopes_supported": ["api", "read_api", "read_user", "openid", "profile", "email"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "grant_types_supported": [
                    "authorization_code",
                    "password",
                    "client_credentials",
                    "refresh_token",
                ],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "claims_supported": ["iss", "sub", "aud", "exp", "iat", "name", "email"],
                "code_challenge_methods_supported": ["plain", "S256"],
            }
        )

    def jwks(self, request):
        return Answer.json({"keys": [signing_key().jwk()]})

    def userinfo(self, request):
        token = self._state.token_by_access(request.bearer)
        if token is None or token.revoked or token.expired:
            raise oauth_error("invalid_token", 401, "The access token is invalid")
        if not token.allows("openid"):
            raise oauth_error("insufficient_scope", 403, 'Access to this resource requires scope "openid".')
        user = token.user
        request.entry.user = user.username
        return Answer.json(
            {
                "sub": str(user.id),
                "name": user.name,
                "nickname": user.username,
                "preferred_username": user.username,
                "email": user.email,
                "email_verified": True,
                "profile": f"{self._gitlab.url}/{user.username}",
                "picture": None,
                "groups": [],
            }
        )
