# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy clone`, by hand and as the sidecar's child, and bare repositories to clone."""

import fcntl
import json
import os
import shutil
import subprocess
import threading

from proxy import SANITIZER, binary, environment_for

TOKEN_FD, PROGRESS_FD = 3, 4
TIMEOUT_S = 60
CODES = {
    "done": 0,
    "token": 11,
    "no_access": 12,
    "not_found": 13,
    "ref": 14,
    "unreachable": 15,
    "tls": 16,
    "stalled": 17,
    "disk_full": 18,
    "not_empty": 19,
    "permission": 20,
    "refused": 21,
    "internal": 22,
    "other_repository": 23,
}


def settings_for(gitlab, project, target, ca=None, **more):
    """What a clone of `project` into `target` is configured with."""
    values = {
        "CLONE_URL": gitlab.git_url(project),
        "CLONE_DIR": target,
        "GITLAB_URL": gitlab.url,
        "GITLAB_CA_FILE": ca if gitlab.url.startswith("https:") else None,
        "CLONE_STALL_TIMEOUT": "20s",
        "CLONE_RETRIES": "0",
        "LOG_FORMAT": "text",
    }
    return {**values, **more}


def environment_by_hand(settings):
    """Sanitizers name functions by another program, which a restricted clone can't start, and say so."""
    environment = environment_for(settings)
    environment["ASAN_OPTIONS"] += ":external_symbolizer_path="
    return environment


def by_hand(settings, wrapper=(), arguments=(), **options):
    """Runs `workspace-proxy clone` to its end."""
    result = subprocess.run(
        [*wrapper, binary(), "clone", *arguments],
        env=environment_by_hand(settings),
        text=True,
        timeout=TIMEOUT_S,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )
    assert not SANITIZER.search(result.stderr or ""), result.stderr
    return result


def start_by_hand(settings):
    """A `workspace-proxy clone` that runs, its standard error to be read."""
    return subprocess.Popen([binary(), "clone"], env=environment_by_hand(settings), text=True, stderr=subprocess.PIPE)


class Worker:
    """`workspace-proxy clone --worker` with its two descriptors, as the sidecar starts it.

    lines: stops reading its progress after so many. command: in place of the binary itself.
    """

    def __init__(self, settings, token=None, lines=None, command=None, arguments=()):
        self._lines_max = lines
        token_read, token_write = os.pipe()
        self._progress, progress_write = os.pipe()
        self._log_read, log_write = os.pipe()
        # Out of the way of what they become, at free numbers: the test's own stay open.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (token_read, progress_write, log_write)]
        actions = [
            (os.POSIX_SPAWN_DUP2, high[0], TOKEN_FD),
            (os.POSIX_SPAWN_DUP2, high[1], PROGRESS_FD),
            (os.POSIX_SPAWN_DUP2, high[2], 2),
        ]
        command = [*(command or [binary()]), "clone", "--worker", *arguments]
        self.pid = os.posix_spawn(shutil.which(command[0]), command, environment_by_hand(settings), file_actions=actions, setpgroup=0)
        for fd in (token_read, progress_write, log_write, *high):
            os.close(fd)
        os.write(token_write, (token or "").encode())
        os.close(token_write)
        self.lines = []
        self.log = ""
        self.status = None
        self._changed = threading.Condition()
        self._readers = [threading.Thread(target=self._read_lines), threading.Thread(target=self._read_log)]
        for reader in self._readers:
            reader.start()

    def _read_lines(self):
        with os.fdopen(self._progress) as file:
            for line in file:
                progress = json.loads(line)
                if "phase" not in progress:  # a line of the worker's log, for the sidecar's ring
                    continue
                with self._changed:
                    self.lines.append(progress)
                    self._changed.notify_all()
                if len(self.lines) == self._lines_max:
                    break
        with self._changed:
            self.lines.append(None)
            self._changed.notify_all()

    def _read_log(self):
        with os.fdopen(self._log_read) as file:
            self.log = file.read()

    def wait_for(self, wanted):
        """The first line that `wanted` accepts."""
        with self._changed:
            ok = self._changed.wait_for(lambda: any(line is None or wanted(line) for line in self.lines), TIMEOUT_S)
            found = next((line for line in self.lines if line and wanted(line)), None)
        assert ok and found, f"the worker never came there: {self.lines[-2:]}"
        return found

    def signal(self, number):
        os.kill(self.pid, number)

    def finish(self, timeout_s=TIMEOUT_S):
        """The exit code (negative: the signal) once it has ended."""
        if self.status is None:
            for reader in self._readers:
                reader.join(timeout_s)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            assert not SANITIZER.search(self.log), self.log
        return self.status

    @property
    def last(self):
        return [line for line in self.lines if line][-1]

    @property
    def phases(self):
        """Each phase once, in the order in which they came."""
        return list(dict.fromkeys(line["phase"] for line in self.lines if line))


def leftovers(path):
    """Temporary directories of ours anywhere below."""
    return [d for _, names, _ in os.walk(path) for d in names if "workspace-proxy-clone" in d]


def assert_failed(result, problem, target):
    assert result.returncode == CODES[problem], result.stderr
    assert f"problem={problem}" in result.stderr
    assert not os.path.lexists(target) and not os.path.exists(target.parent)


def git(directory, *arguments, stdin=None):
    """Runs git on a repository without anybody's configuration; returns what it printed."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_AUTHOR_NAME": "Sasha",
        "GIT_AUTHOR_EMAIL": "sasha@example.com",
        "GIT_COMMITTER_NAME": "Sasha",
        "GIT_COMMITTER_EMAIL": "sasha@example.com",
    }
    result = subprocess.run(
        ["git", "-C", str(directory), *arguments], env=environment, capture_output=True, text=True, input=stdin, timeout=TIMEOUT_S
    )
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout.strip()
