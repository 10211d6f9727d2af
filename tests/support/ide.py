# SPDX-License-Identifier: Apache-2.0
"""A real browser IDE behind the proxy: Jupyter Notebook from Debian, or code-server.

Without authentication of its own, hence on a unix socket in a directory that only we can enter. It
starts when the directory that it shows exists, as the clone comes first.
"""

import os
import shutil
import signal
import subprocess
import threading


class Ide:
    """name: "jupyter" or "code-server"."""

    def __init__(self, name, run_directory, project_directory, origin, log_file):
        if name not in COMMANDS:
            raise ValueError(f"IDE={name}: expected one of {', '.join(COMMANDS)}")
        program, self._command, self.landing = COMMANDS[name]
        if not shutil.which(program):
            raise ValueError(f"IDE={name}: {program} is not on the PATH")
        self.name = name
        self.socket = os.path.join(run_directory, "ide.sock")
        self._home = os.path.join(run_directory, "home")
        self._project = project_directory
        self._origin = origin
        self._log_file = log_file
        self._stopping = threading.Event()
        self._process = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        os.makedirs(self._home, mode=0o700, exist_ok=True)
        self._thread.start()
        return self

    def _run(self):
        while not os.path.isdir(self._project):
            if self._stopping.wait(0.1):
                return
        environment = {
            **os.environ,
            "HOME": self._home,
            "JUPYTER_RUNTIME_DIR": os.path.join(self._home, "runtime"),
        }
        for name in list(environment):  # nothing of the proxy's reaches the IDE
            if name.startswith(("WORKSPACE_PROXY_", "OAUTH2_PROXY_", "XDG_")):
                del environment[name]
        with open(self._log_file, "wb") as log:
            self._process = subprocess.Popen(
                self._command(self),
                cwd=self._project,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def process(self):
        return self._process

    def stop(self):
        self._stopping.set()
        self._thread.join()
        if self._process is None or self._process.poll() is not None:
            return
        group = os.getpgid(self._process.pid)
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(group, number)
                self._process.wait(5)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def jupyter_command(self):
        command = [
            "jupyter-notebook",
            "--no-browser",
            f"--sock={self.socket}",
            f"--notebook-dir={self._project}",
            "--NotebookApp.token=",
            "--NotebookApp.password=",
            "--NotebookApp.allow_remote_access=True",  # Host is the workspace's, not localhost
            f"--NotebookApp.allow_origin={self._origin}",
            "--NotebookApp.quit_button=False",
        ]
        return command + (["--allow-root"] if os.geteuid() == 0 else [])

    def code_server_command(self):
        return [
            "code-server",
            "--auth=none",
            f"--socket={self.socket}",
            "--disable-telemetry",
            "--disable-update-check",
            "--disable-workspace-trust",
            self._project,
        ]


# name: (program, command line, path where a notebook or an editor shows)
COMMANDS = {
    "jupyter": ("jupyter-notebook", Ide.jupyter_command, "/notebooks/notebooks/hello.ipynb"),
    "code-server": ("code-server", Ide.code_server_command, "/"),
}
