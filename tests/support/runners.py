# SPDX-License-Identifier: Apache-2.0
"""How a test starts the program: as it is, or as process 1 of a PID namespace of its own."""

import shutil
import subprocess


class Plain:
    """A child of the test."""

    def command(self, program, arguments, settings):
        return [program, *arguments]

    def signal(self, process, number):
        process.send_signal(number)

    def pid(self, process):
        """The program's own process id, as this side sees it."""
        return process.pid


class FirstProcess(Plain):
    """Process 1, as in a container. Whoever loses a parent in its namespace becomes its child."""

    @staticmethod
    def why_not():
        """The reason why this can't be done here, or None."""
        if not shutil.which("unshare"):
            return "there is no unshare"
        tried = subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, text=True)
        return tried.stderr.strip() or None if tried.returncode else None

    def command(self, program, arguments, settings):
        return ["unshare", "--pid", "--fork", "--kill-child", program, *arguments]

    def signal(self, process, number):
        subprocess.run(["kill", f"-{int(number)}", str(self.pid(process))], check=False)

    def pid(self, process):
        return children_of(process.pid)[0]


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
