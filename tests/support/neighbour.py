# SPDX-License-Identifier: Apache-2.0
"""Another process of the same user beside ours, as code in the workspace often is: what it gets of ours.

Neither has capabilities. Root's processes are then like those of any user.
"""

import json
import os
import resource
import signal
import subprocess
import sys

import runners

WITHOUT_CAPABILITIES = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []

ATTEMPTS = r"""
import ctypes, json, os, signal, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.syscall.restype = ctypes.c_long
ATTACH, DETACH, SEIZE, PIDFD_GETFD = 16, 17, 0x4206, 438

class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

def call(function, *arguments):
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def read(name):
    with open(f"/proc/{pid}/{name}", "rb", 0) as file:
        return file.read(64)

def first_address():
    return int(read("maps").split(b"-")[0], 16)

def read_memory():
    with open(f"/proc/{pid}/mem", "rb", 0) as file:
        file.seek(first_address())
        file.read(16)

def read_remotely():
    '''Of a page that may not even be there: a refusal comes first.'''
    buffer = ctypes.create_string_buffer(16)
    local = Vector(ctypes.addressof(buffer), 16)
    remote = Vector(0x1000, 16)
    try:
        call(libc.process_vm_readv, pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    except OSError as e:
        if e.errno != 14:
            raise

def trace(request):
    call(libc.ptrace, request, pid, None, None)
    if request == ATTACH:
        os.waitpid(pid, 0x40000000)
    libc.ptrace(DETACH, pid, None, None)

def take_descriptor():
    call(libc.syscall, PIDFD_GETFD, os.pidfd_open(pid), 1, 0)

attempts = {
    "environ": lambda: read("environ"),
    "maps": lambda: read("maps"),
    "stack of calls": lambda: read("syscall"),
    "auxv": lambda: read("auxv"),
    "mem": read_memory,
    "mem for writing": lambda: open(f"/proc/{pid}/mem", "r+b", 0),
    "descriptor": lambda: os.open(f"/proc/{pid}/fd/1", os.O_WRONLY),
    "name of a descriptor": lambda: os.readlink(f"/proc/{pid}/fd/1"),
    "root": lambda: os.listdir(f"/proc/{pid}/root"),
    "working directory": lambda: os.listdir(f"/proc/{pid}/cwd"),
    "process_vm_readv": read_remotely,
    "pidfd_getfd": take_descriptor,
    "ptrace attach": lambda: trace(ATTACH),
    "ptrace seize": lambda: trace(SEIZE),
}
done = []
for name, attempt in attempts.items():
    try:
        attempt()
    except OSError as e:
        assert e.errno in (1, 13), (name, e)
    else:
        done.append(name)
print(json.dumps([sorted(attempts), done]))
"""


def command(words):
    """The words' program without capabilities, and with core dumps as far as we may allow them."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    return ["prlimit", f"--core={most}:{most}", *WITHOUT_CAPABILITIES, *words]


class Plain(runners.Plain):
    def command(self, program, arguments, settings):
        return command([program, *arguments])


def attack(pid):
    """(all attempts, those that succeeded)."""
    attacker = [*WITHOUT_CAPABILITIES, sys.executable, "-c", ATTEMPTS, str(pid)]
    result = subprocess.run(attacker, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def leaves_core(pid):
    """Whether a child dumps core when it aborts; it stays to be waited for."""
    os.kill(pid, signal.SIGABRT)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended.si_status == signal.SIGABRT
    return ended.si_code == os.CLD_DUMPED
