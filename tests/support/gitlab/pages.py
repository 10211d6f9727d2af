# SPDX-License-Identifier: Apache-2.0
"""The stand-in's pages: sign-in, consent, errors. Plain forms that work without scripts."""

import html
import json

STYLE = """
:root{color-scheme:light dark;--bg:#f4f3f8;--card:#fff;--ink:#1f1e24;--soft:#626168;--line:#dcdcde;
--accent:#1f75cb;--accent-ink:#fff;--bad:#c91c00;--mark:#e24329}
@media(prefers-color-scheme:dark){:root{--bg:#18171d;--card:#28272d;--ink:#ececef;--soft:#a4a3a8;
--line:#4c4b51;--accent:#63a6e9;--accent-ink:#18171d;--bad:#f57f6c;--mark:#fc6d26}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;background:var(--bg);color:var(--ink);display:grid;place-items:center;
font:16px/1.5 system-ui,"Segoe UI",Cantarell,"Noto Sans",sans-serif;padding:1.5rem}
main{width:100%;max-width:26rem;background:var(--card);border:1px solid var(--line);
border-radius:12px;padding:2rem;box-shadow:0 8px 30px rgb(0 0 0/.06)}
header{display:flex;align-items:center;gap:.6rem;margin-bottom:1.5rem;color:var(--soft);font-size:.9rem}
header i{width:1.6rem;height:1.6rem;border-radius:.45rem;background:linear-gradient(135deg,var(--mark),#fca326)}
h1{font-size:1.35rem;line-height:1.3;margin:0 0 .5rem;overflow-wrap:anywhere}
p{margin:.5rem 0;color:var(--soft);overflow-wrap:anywhere}p b,li b{color:var(--ink)}
ul{padding-left:1.1rem;color:var(--soft)}code{font-size:.9em}
label{display:block;font-weight:600;font-size:.9rem;margin:1rem 0 .3rem}
input:not([type=hidden]){width:100%;font:inherit;padding:.55rem .7rem;border:1px solid var(--line);
border-radius:8px;background:var(--bg);color:inherit}
button,a.button{font:inherit;font-weight:600;padding:.55rem 1rem;border-radius:8px;border:1px solid transparent;
background:var(--accent);color:var(--accent-ink);cursor:pointer;width:100%;margin-top:1.25rem;
display:block;text-align:center;text-decoration:none}
button.plain{background:none;color:inherit;border-color:var(--line)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}
.bad{color:var(--bad)}
"""


def page(title, content, head=""):
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)} · GitLab (stand-in)</title>{head}<style>{STYLE}</style></head>"
        f'<body><main><header><i aria-hidden="true"></i>GitLab (stand-in)</header>{content}</main></body></html>'
    )


def _hidden(fields):
    return "".join(
        f'<input type="hidden" name="{html.escape(k)}" value="{html.escape(v)}">' for k, v in fields.items()
    )


def sign_in(action, token, message="", login=""):
    alert = f'<p class="bad" role="alert">{html.escape(message)}</p>' if message else ""
    return page(
        "Sign in",
        f'<h1>Sign in</h1>{alert}<form method="post" action="{html.escape(action)}" accept-charset="UTF-8">'
        f"{_hidden({'authenticity_token': token})}"
        '<label for="user_login">Username or primary email</label>'
        f'<input id="user_login" name="user[login]" value="{html.escape(login)}" required autofocus '
        'autocomplete="username" autocapitalize="off">'
        '<label for="user_password">Password</label>'
        '<input id="user_password" name="user[password]" type="password" required '
        'autocomplete="current-password">'
        '<button type="submit" name="commit">Sign in</button></form>',
    )


SCOPE_TEXTS = {
    "api": "Access the API on your behalf",
    "read_api": "Read the API",
    "read_user": "Read your personal information",
    "read_repository": "Read repositories",
    "write_repository": "Read and write repositories",
    "openid": "Authenticate using OpenID Connect",
    "profile": "Read your profile",
    "email": "Read your email address",
}


def consent(action, fields, application, user):
    scopes = "".join(
        f"<li>{html.escape(SCOPE_TEXTS.get(s, s))} <code>({html.escape(s)})</code></li>"
        for s in fields["scope"].split()
    )
    hidden = _hidden(fields)
    return page(
        "Authorize",
        f"<h1>{html.escape(application.name)} is requesting access to your account</h1>"
        f"<p>You are signed in as <b>{html.escape(user.name)}</b> (@{html.escape(user.username)}).</p>"
        f"<p>This application wants to:</p><ul>{scopes}</ul>"
        f'<div class="pair"><form method="post" action="{html.escape(action)}">'
        f'{hidden}{_hidden({"_method": "delete"})}<button class="plain" type="submit" id="deny">Deny</button></form>'
        f'<form method="post" action="{html.escape(action)}">'
        f'{hidden}<button type="submit" id="authorize">Authorize</button></form></div>',
    )


def trusted_redirect(location):
    """What GitLab answers for a trusted application: 200 and a script, no 302."""
    script = json.dumps(location).replace("<", "\\u003c")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Redirecting</title></head><body>'
        "<script>\n"
        "var fragment = /^#[\\w-]+$/.test(window.location.hash) ? window.location.hash : '';\n"
        f"window.location={script} + fragment;\n"
        "</script>"
        f'<noscript><a href="{html.escape(location)}">Continue</a></noscript></body></html>'
    )


def authorize_error(text):
    return page("Error", f'<h1>An error has occurred</h1><p class="bad">{html.escape(text)}</p>')


def message(title, text):
    return page(title, f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>")


def home(user, sign_out_action, token, projects):
    items = "".join(f"<li><b>{html.escape(p.path)}</b> ({html.escape(p.visibility)})</li>" for p in projects)
    return page(
        "Projects",
        f"<h1>Hello, {html.escape(user.name)}</h1><p>Signed in as @{html.escape(user.username)}.</p>"
        f"<p>Projects that you can see:</p><ul>{items or '<li>none</li>'}</ul>"
        f'<form method="post" action="{html.escape(sign_out_action)}">{_hidden({"authenticity_token": token})}'
        '<button type="submit" id="sign_out">Sign out</button></form>',
    )
