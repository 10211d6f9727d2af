# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a workspace on this machine, to try in a browser.

Starts a stand-in GitLab with a repository, a real IDE (Jupyter Notebook, or IDE=code-server) and
the proxy in front of it, all on loopback over HTTPS with certificates made on the spot; Ctrl-C ends
all of it. Environment: DEMO_PORT (8443), DEMO_GITLAB_PORT (8444), IDE (jupyter), DEMO_BYTES_PER_S
(how fast GitLab sends the repository), DEMO_CHECK=1 (goes through it once in headless Chromium,
writes screenshots to build/demo/, and ends with 0 or 1). Settings of the proxy, such as
WORKSPACE_PROXY_HTTP2=on, are passed on to it, and replace those that the demo chooses.
"""

import os
import secrets
import shutil
import signal
import sys
import tempfile
import time

import proxy as proxy_module
import ssh
from certificates import Authority
from gitlab import GitLab
from ide import Ide

OUTPUT = os.path.join(os.path.dirname(proxy_module.binary()), "demo")  # build/demo
FILES, COMMITS = 3000, 1500
BYTES_PER_S = 2_500_000
OF_TESTS = ("ARM64", "BINARY", "DEB", "IMAGE", "NO_CONTAINERS", "NO_IMAGE", "VERSION")  # no settings of the proxy


class DemoError(Exception):
    """What a person can mend, in a sentence."""


def port_setting(name, fallback):
    text = os.environ.get(name, "")
    if not text:
        return fallback
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise DemoError(f"{name}={text}: expected a port, 1 to 65535")
    return int(text)


class Demo:
    """Everything that runs; attributes are what a person or a check needs to know."""

    def __init__(self, fallback_port, fallback_gitlab_port):
        self.ide_name = os.environ.get("IDE") or "jupyter"
        self.port = port_setting("DEMO_PORT", fallback_port) or proxy_module.free_port()
        self._gitlab_port = port_setting("DEMO_GITLAB_PORT", fallback_gitlab_port)
        self.bytes_per_s = int(os.environ.get("DEMO_BYTES_PER_S") or BYTES_PER_S)
        self.origin = f"https://workspace.localhost:{self.port}"
        self.output = OUTPUT
        self.run_directory = None
        self.gitlab = self.ide = self.proxy = self.container = None

    def start(self):
        if not os.access(proxy_module.binary(), os.X_OK):
            raise DemoError(f"{proxy_module.binary()} is not there: run make first")
        os.makedirs(self.output, exist_ok=True)
        self.run_directory = tempfile.mkdtemp(prefix="workspace-demo-")
        self.project_directory = os.path.join(self.run_directory, "projects", "demo")
        os.makedirs(os.path.dirname(self.project_directory))
        self._make_certificates()
        self._start_gitlab()
        self._start_ide()
        self._start_proxy()
        return self

    def stop(self):
        for part in (self.proxy, self.container, self.ide, self.gitlab):
            if part:
                part.stop()
        if self.run_directory:
            shutil.rmtree(self.run_directory, ignore_errors=True)

    def _make_certificates(self):
        authority = Authority(os.path.join(self.run_directory, "tls"), "workspace-proxy demo (throw away)")
        self.ca = shutil.copy(authority.file, os.path.join(self.output, "ca.pem"))
        self.certificate, self.key = authority.issue()

    def _start_gitlab(self):
        try:
            self.gitlab = GitLab(
                port=self._gitlab_port,
                name="localhost",
                tls_cert=self.certificate,
                tls_key=self.key,
                directory=os.path.join(self.run_directory, "gitlab"),
                control=False,
            )
        except OSError as e:
            raise DemoError(
                f"port {self._gitlab_port} for GitLab: {e.strerror}; set DEMO_GITLAB_PORT"
            ) from None
        self.gitlab.settings.git_bytes_per_s = self.bytes_per_s
        # Whoever signs in gets a terminal on this machine: no password that others could guess.
        self.sasha = self.gitlab.add_user("sasha", f"sasha-{secrets.token_hex(4)}")
        self.robin = self.gitlab.add_user("robin", f"robin-{secrets.token_hex(4)}")
        self.project = self.gitlab.add_project("group/demo", self.sasha, files=FILES, commits=COMMITS)
        self.workspace = self.gitlab.add_workspace(self.sasha, self.project, url=self.origin)
        self.application = self.gitlab.add_application(
            f"{self.origin}/oauth2/callback", trusted=False, name="Workspaces"
        )
        self.gitlab.start()

    def _start_ide(self):
        log = os.path.join(self.output, "ide.log")
        try:
            self.ide = Ide(
                self.ide_name, self.run_directory, self.project_directory, self.origin, log
            ).start()
        except ValueError as e:
            raise DemoError(str(e)) from None

    def _start_ssh(self):
        """The socket of workspace-ssh, where this machine has what it needs; else None."""
        if ssh.problem():
            return None
        self.container = ssh.Container().start()
        return self.container.socket

    def _settings_of_environment(self):
        """The proxy's settings that the person has set, by their names without the prefix."""
        prefix = proxy_module.PREFIX
        named = {n.removeprefix(prefix): v for n, v in os.environ.items() if v and n.startswith(prefix)}
        return {name: value for name, value in named.items() if not name.startswith(OF_TESTS)}

    def _start_proxy(self):
        log = os.path.join(self.output, "proxy.log")
        if os.path.exists(log):
            os.unlink(log)
        settings = {
            "EXTERNAL_URL": self.origin,
            "HTTPS_ADDRESS": f"127.0.0.1:{self.port}",
            "TLS_CERT_FILE": self.certificate,
            "TLS_KEY_FILE": self.key,
            "ADMIN_ADDRESS": "127.0.0.1:0",
            "UPSTREAM": f"unix:{self.ide.socket}",
            "GITLAB_URL": self.gitlab.url,
            "GITLAB_CA_FILE": self.ca,
            "CLIENT_ID": self.application.uid,
            "CLIENT_SECRET": self.application.secret,
            "COOKIE_SECRET": proxy_module.new_cookie_secret(),
            "WORKSPACE_ID": self.workspace.id,
            "CLONE_URL": self.gitlab.git_url(self.project),
            "CLONE_DIR": self.project_directory,
            "SSH_SOCKET": self._start_ssh(),
            **self._settings_of_environment(),
        }
        self.proxy = proxy_module.Proxy(settings, log)
        try:
            self.proxy.start()
        except proxy_module.StartFailed as e:
            hint = "; set DEMO_PORT" if "ddress already in use" in str(e) else ""
            raise DemoError(f"the proxy does not start{hint}: {e}") from None


INSTRUCTIONS = """
  Open      {origin}/

  Sign in   {sasha}  password  {sasha_password}   owns the workspace
            {robin}  password  {robin_password}   has no access

  Try       Sign in as sasha, allow the application, and watch the progress of the clone.
            {try_ide}
            {origin}/oauth2/userinfo    the signed-in user
            {origin}/oauth2/sign_out    sign out
            Sign in as robin in a private window: robin gets "You have no access to this workspace".

  SSH       {ssh}

  Your browser will warn about the certificates, because their authority is new: accept them once
  for the workspace and once for GitLab ({gitlab}), or trust {ca} for as long as you need it.
  The names resolve to this machine only. To use a browser on another machine: ssh -L {port}:127.0.0.1:{port} -L {gitlab_port}:127.0.0.1:{gitlab_port} …

  Logs      {output}/proxy.log, ide.log        Ctrl-C stops everything.
  Metrics   http://{admin}/metrics
"""

TRY_IDE = {
    "jupyter": "Run the cells of notebooks/hello.ipynb, or open a terminal (New > Terminal).",
    "code-server": "Open a file, or a terminal (Ctrl-`).",
}


def ssh_commands(demo):
    if demo.container is None:
        return f"is off: {ssh.problem()}"
    program = os.path.relpath(proxy_module.binary())
    host = demo.origin.removeprefix("https://")
    return f"{program} login {host} --ca-file {os.path.relpath(demo.ca)}\n            {program} ssh {host}"


def instructions(demo):
    return INSTRUCTIONS.format(
        ssh=ssh_commands(demo),
        origin=demo.origin,
        sasha=demo.sasha.username,
        sasha_password=demo.sasha.password,
        robin=demo.robin.username,
        robin_password=demo.robin.password,
        try_ide=TRY_IDE[demo.ide_name],
        gitlab=demo.gitlab.url,
        admin=demo.proxy.listeners.get("admin", "…"),
        ca=os.path.relpath(demo.ca),
        output=os.path.relpath(demo.output),
        port=demo.port,
        gitlab_port=demo.gitlab.port,
    )


def run_until_stopped(demo):
    print(instructions(demo), flush=True)
    while demo.proxy.process.poll() is None:
        time.sleep(0.5)
    raise DemoError(f"the proxy ended by itself:\n{demo.proxy.log[-4000:]}")


def run_check(demo):
    import demo_check

    print(f"Checking the demo with {demo.ide_name} at {demo.origin}", flush=True)
    return 0 if demo_check.run(demo) else 1


def on_signal(number, frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, on_signal)
    is_check = os.environ.get("DEMO_CHECK", "") not in ("", "0")
    demo = None
    try:
        print("Starting the demo: making certificates and a repository …", flush=True)
        if is_check:
            # The clone would otherwise wait until no other process of the machine wants a core.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        # A check takes ports of the kernel's choice, unless told otherwise: nothing can be in its way.
        demo = Demo(0, 0) if is_check else Demo(8443, 8444)
        demo.start()
        return run_check(demo) if is_check else run_until_stopped(demo)
    except DemoError as e:
        print(f"demo: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopping.", flush=True)
        return 0 if not is_check else 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if demo:
            demo.stop()


if __name__ == "__main__":
    sys.exit(main())
