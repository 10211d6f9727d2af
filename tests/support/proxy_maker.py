# SPDX-License-Identifier: Apache-2.0
"""Makes the settings of a test's proxies and relays, and starts them."""

import proxy as proxy_module
import raw_http2

WORKSPACE_NAME = "workspace.localhost"


class ProxyMaker:
    """Starts proxies, and at the end holds each to what must be true of every process."""

    def __init__(self, directory, certificates):
        self.started = []
        self._directory = directory
        self._certificates = certificates

    def __call__(
        self,
        gitlab=None,
        upstream=None,
        trusted=True,
        confidential=True,
        scopes=None,
        start=True,
        relay=None,
        name=WORKSPACE_NAME,
        runner=None,
        **settings,
    ):
        def with_port(port):
            values = derive_settings(self._certificates, gitlab, upstream, port)
            values["EXTERNAL_URL"] = f"https://{name}:{port}"
            canaries = [values["COOKIE_SECRET"]]
            if relay:
                values.update(relay.settings_for(f"{name}:{port}"))
                canaries.append(values["RELAY_KEY"])
            elif gitlab:
                more = {"scopes": scopes} if scopes else {}
                application = gitlab.add_application(
                    f"{values['EXTERNAL_URL']}/oauth2/callback",
                    trusted=trusted,
                    confidential=confidential,
                    **more,
                )
                values["CLIENT_ID"], values["CLIENT_SECRET"] = application.uid, application.secret
            values.update(settings)
            log = self._directory / f"proxy-{len(self.started)}.log"
            one = proxy_module.Proxy({k: v for k, v in values.items() if v is not None}, log, canaries)
            one.context = self._certificates.context()
            one.gitlab = gitlab
            one.runner = runner or one.runner
            self.started.append(one)
            return one

        if not start:
            return with_port(proxy_module.reserve_port())
        next_port = relay.next_port if relay else None
        if runner and not runner.shares_ports:
            next_port = proxy_module.free_port
        return proxy_module.start_with_port(with_port, next_port)

    def relay(
        self,
        gitlab,
        trusted=True,
        confidential=True,
        balancer=None,
        ports=(),
        path="",
        runner=None,
        broker=False,
        **settings,
    ):
        """A relay for workspaces under localhost, on ports that it keeps for them."""

        def with_port(port):
            url = f"https://relay.localhost:{balancer.port if balancer else port}{path}"
            application = settings.get("application") or gitlab.add_application(
                f"{url}/callback", trusted=trusted, confidential=confidential
            )
            ours = list(ports) or [proxy_module.reserve_port() for _ in range(6)]
            values = {
                "RELAY_URL": url,
                "RELAY_MASTER_KEY": proxy_module.new_cookie_secret(),
                "RELAY_ZONES": ",".join(f"localhost:{p}" for p in ours),
                "HTTPS_ADDRESS": f"127.0.0.1:{port}",
                "TLS_CERT_FILE": self._certificates.cert,
                "TLS_KEY_FILE": self._certificates.key,
                "ADMIN_ADDRESS": "127.0.0.1:0",
                "GITLAB_URL": gitlab.url,
                "CLIENT_ID": application.uid,
                "ADMIN_LOGS": "on",
                "DRAIN_DELAY": "0s",
                "LOG_LEVEL": "debug",
            }
            if broker:
                values["CLIENT_SECRET"] = application.secret
                values["GITLAB_CA_FILE"] = self._certificates.ca
            values.update({k: v for k, v in settings.items() if k != "application"})
            masters = proxy_module.master_keys(values)
            log = self._directory / f"relay-{len(self.started)}.log"
            one = proxy_module.Relay({k: v for k, v in values.items() if v is not None}, log, masters)
            one.context = self._certificates.context()
            one.gitlab, one.application, one.ports = gitlab, application, ours
            one.runner = runner or one.runner
            self.started.append(one)
            return one

        return proxy_module.start_with_port(with_port)

    def check_ends(self):
        problems = []
        for one in self.started:
            if one.process is None:
                continue
            if one.gitlab:
                one.secrets += one.gitlab.secrets()
            try:
                one.check_kept_log()
                one.check_end()
            except AssertionError as e:
                problems.append(str(e))
        assert not problems, "\n\n".join(problems)


def derive_settings(certificates, gitlab, upstream, port):
    values = {
        "EXTERNAL_URL": f"https://{WORKSPACE_NAME}:{port}",
        "HTTPS_ADDRESS": f"127.0.0.1:{port}",
        "TLS_CERT_FILE": certificates.cert,
        "TLS_KEY_FILE": certificates.key,
        "ADMIN_ADDRESS": "127.0.0.1:0",
        "UPSTREAM": upstream.url if upstream else "http://127.0.0.1:9",
        "COOKIE_SECRET": proxy_module.new_cookie_secret(),
        "GITLAB_URL": "https://localhost:9",
        "CLIENT_ID": "none",
        "WORKSPACE_ID": 7,
        "ADMIN_LOGS": "on",
        "DRAIN_DELAY": "0s",
        "LOG_LEVEL": "debug",
        "HTTP2": "on" if raw_http2.IS_ON else None,
    }
    if gitlab:
        values["GITLAB_URL"] = gitlab.url
        values["GITLAB_CA_FILE"] = certificates.ca if gitlab.url.startswith("https:") else None
        values["WORKSPACE_ID"] = gitlab.workspace.id
    return values
