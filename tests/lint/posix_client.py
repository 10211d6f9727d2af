#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that workspace-connect needs nothing but C, POSIX and OpenSSL: what macOS has as well.

    tests/lint/posix_client.py COMPILER SOURCE...

Each source is compiled as on a system that is not Linux and declares POSIX alone; then its headers and the functions
that it calls have to be in the lists below. Before adding one, look it up in POSIX.1-2008 with XSI. glibc's headers
declare constants and members that macOS lacks all the same; a file that names one has to say what it is elsewhere.
"""

import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FLAGS = "-std=c17 -pedantic -Wall -Wextra -Werror -I. -D_XOPEN_SOURCE=700 -DVERSION=\"x\" -U_FORTIFY_SOURCE".split()
NO_LINUX = ["-U__linux__", "-U__linux", "-Ulinux", "-U__gnu_linux__"]

HEADERS = set(
    """
    arpa/inet.h dirent.h errno.h fcntl.h limits.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h signal.h stdalign.h
    stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h sys/mman.h sys/socket.h sys/stat.h
    sys/time.h sys/types.h sys/uio.h sys/un.h sys/wait.h time.h unistd.h
    """.split()
)
# getentropy is in POSIX.1-2024; systems declared it here before.
HEADERS.add("sys/random.h")

FUNCTIONS = set(
    """
    _exit abort accept access bind calloc clock_gettime close closedir connect dup2 errno execl execlp execvp fcntl fdopendir
    fork fprintf free freeaddrinfo fsync fwrite gai_strerror getaddrinfo getentropy getenv getpid getsockname getsockopt
    gethostname gmtime_r in6addr_any inet_ntop inet_pton isatty kill listen malloc memchr memcmp memcpy memmove memset
    mkdir mmap munmap nanosleep open opendir pipe poll pthread_create pthread_detach pthread_join pthread_once puts read readdir readlink realpath recv
    rename send setenv setsid setsockopt shutdown signal snprintf socket stat stderr stdout strchr strcmp strcspn strdup
    strerror strlen strncmp strnlen unlink unsetenv vsnprintf waitpid write writev
    """.split()
)
OPENSSL = re.compile(r"(SSL|X509|BIO|ERR|EVP|RAND|CRYPTO|OPENSSL|TLS|OSSL)_\w+")
# What glibc's headers make of functions, and what compilers call on their own.
ALIASES = {"__errno_location": "errno", "__sysv_signal": "signal"}
OF_COMPILERS = re.compile(r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(asan|ubsan|sanitizer|gcov|llvm)_\w+")
NOT_ON_MACOS = re.compile(
    r"\b((?:SOCK|MSG_CMSG)_(?:CLOEXEC|NONBLOCK)|MSG_(?:NOSIGNAL|MORE)|O_(?:PATH|TMPFILE|DIRECT)|POLLRDHUP"
    r"|CLOCK_(?:BOOTTIME|MONOTONIC_COARSE|REALTIME_COARSE)|TCP_(?:USER_TIMEOUT|KEEPIDLE)|SO_(?:PEERCRED|BINDTODEVICE)"
    r"|MAP_POPULATE|MADV_DONT(?:DUMP|FORK)|st_[acm]tim)\b"
)


def of_ours(compiler, source):
    """(file, line) of the source and our headers, as such a system's compiler sees them: without what is left out there,
    with macros and with `#include`.
    """
    command = [*compiler, *FLAGS, *NO_LINUX, "-E", "-fdirectives-only", "-dI", source]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    _, *parts = re.split(r'^# \d+ "([^"]*)".*\n', text, flags=re.M)
    for place, part in zip(parts[::2], parts[1::2]):
        if not place.startswith(("/", "<")):
            yield from ((place, line) for line in part.splitlines())


def included(lines):
    """Headers that the source and ours include."""
    for place, line in lines:
        if name := re.match(r"#include <([^>]+)>", line):
            yield place, name[1]


def missing_on_macos(lines):
    """Names in code that is not left out there, without `#ifndef NAME` in the same file."""
    for place, line in lines:
        if line.startswith("#"):
            continue
        for name in NOT_ON_MACOS.findall(re.sub(r"/\*.*?\*/", "", line)):
            # COARSE: of all clocks at once
            if not re.search(rf"^#ifndef {name.replace('REALTIME', 'MONOTONIC')}\b", Path(place).read_text(), re.M):
                yield place, name


def symbols(objects):
    """(undefined ones by object, all that are defined)."""
    undefined, defined = {}, set()
    for source, file in objects:
        for line in subprocess.run(["nm", "-g", file], capture_output=True, text=True, check=True).stdout.splitlines():
            *_, kind, name = line.split()
            if kind == "U":
                undefined.setdefault(name, source)
            else:
                defined.add(name)
    return undefined, defined


def check(compiler, sources, folder):
    def build(source):
        file = Path(folder) / (source.replace("/", "_") + ".o")
        ran = subprocess.run([*compiler, *FLAGS, *NO_LINUX, "-O1", "-c", "-o", file, source], capture_output=True, text=True)
        if ran.returncode != 0:
            return source, file, ran.stderr, set(), set()
        lines = list(of_ours(compiler, source))
        return source, file, "", set(included(lines)), set(missing_on_macos(lines))

    with ThreadPoolExecutor() as pool:
        built = list(pool.map(build, sources))
    for source, _, errors, _, _ in built:
        if errors:
            yield f"{source}: does not compile with POSIX alone:\n{errors}"
    if any(errors for _, _, errors, _, _ in built):
        return
    for place, header in sorted(set().union(*(headers for *_, headers, _ in built))):
        if header not in HEADERS and not header.startswith("openssl/"):
            yield f"{place}: <{header}> is no header of POSIX"
    for place, name in sorted(set().union(*(names for *_, names in built))):
        yield f"{place}: macOS has no {name}"
    undefined, defined = symbols([(source, file) for source, file, *_ in built])
    for name, source in sorted(undefined.items()):
        known = ALIASES.get(name, name) in FUNCTIONS or OPENSSL.fullmatch(name) or OF_COMPILERS.fullmatch(name)
        if name not in defined and not known:
            yield f"{source}: {name} is no function of POSIX or OpenSSL"


def main():
    compiler, sources = sys.argv[1].split(), sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        wrong = list(check(compiler, sources, folder))
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
