# SPDX-License-Identifier: Apache-2.0
"""python3 -m gitlab: runs a stand-in GitLab until it is told to stop; says as JSON what is in it."""

import argparse
import json
import signal
import sys

from . import GitLab


def main():
    parser = argparse.ArgumentParser(prog="gitlab", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: the kernel chooses")
    parser.add_argument("--root", default="", help="relative URL root, such as /gitlab")
    parser.add_argument("--name", help="host name in the URLs that it prints (default: --host)")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--no-control", action="store_true", help="no /-/stand-in/ endpoints")
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME:PASSWORD",
        help="the first owns project and workspace",
    )
    parser.add_argument("--redirect-uri", action="append", default=[])
    parser.add_argument("--public-client", action="store_true")
    parser.add_argument("--untrusted", action="store_true", help="ask for consent")
    parser.add_argument("--project", default="group/demo")
    parser.add_argument("--files", type=int, help="make up this many files")
    parser.add_argument("--commits", type=int, default=1)
    arguments = parser.parse_args()

    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    gitlab = GitLab(
        host=arguments.host,
        port=arguments.port,
        root=arguments.root,
        name=arguments.name,
        tls_cert=arguments.tls_cert,
        tls_key=arguments.tls_key,
        control=not arguments.no_control,
    )
    with gitlab:
        users = [gitlab.add_user(*user.split(":", 1)) for user in arguments.user or ["sasha:sasha"]]
        project = gitlab.add_project(
            arguments.project, users[0], files=arguments.files, commits=arguments.commits
        )
        workspace = gitlab.add_workspace(users[0], project)
        application = gitlab.add_application(
            *arguments.redirect_uri, confidential=not arguments.public_client, trusted=not arguments.untrusted
        )
        json.dump(
            {
                "url": gitlab.url,
                "client_id": application.uid,
                "client_secret": application.secret,
                "workspace_id": workspace.id,
                "project_id": project.id,
                "git_url": gitlab.git_url(project),
                "token": gitlab.add_token(users[0]).access,
                "users": {user.username: user.id for user in users},
            },
            sys.stdout,
        )
        print(flush=True)
        signal.sigwait(stop)


main()
