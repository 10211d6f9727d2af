#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: folders in layers, and one door to each library.

docs/architecture.md says why. Prints every violation and exits with 1 when there is one.
"""

import re
import sys
from pathlib import Path

# A folder may include itself and these.
FOLDERS = {
    "base": set(),
    "auth": {"base"},
    "clone": {"base"},
    "container": {"base"},
    "proxy": {"base"},
}
# ... and of the folders beside base, proxy sees the front doors only.
# The relay has a door of its own: it shares verdicts with auth/auth.h, but neither sessions nor users.
# So have git's credentials, on both sides: neither login nor cloning knows of them.
FRONT_DOORS = {
    "auth/auth.h",
    "auth/credential.h",
    "auth/relay.h",
    "clone/clone.h",
    "clone/credential.h",
    "container/container.h",
}

CURL = {
    "base/fetch_call.c",
    "base/fetch_library.c",
    "base/fetch_private.h",
    "base/fetch_stream.c",
}
TLS = {"base/tls_context.c", "base/tls_private.h", "base/tls_session.c"}

# Headers of a library: the only files that may include them.
LIBRARIES = [
    (r"event2/.*|event\.h", {"base/loop.h", "base/loop.c", "base/listen.c", "base/service.c"}),
    (r"evhtp.*", {"base/listen.c", "base/service.c"}),
    (r"curl/.*", CURL),
    (r"openssl/(ssl|tls1|ssl3|dtls1)\.h", TLS),
    (r"openssl/.*", TLS | {"base/certificate.c", "base/crypto.c"}),
    (r"jansson\.h", {"base/json.c"}),
    (r"git2.*", {"clone/found.c", "clone/git_steps.h", "clone/indexer.c", "clone/pack_hash.c", "clone/transport.c"}),
    (r"yaml\.h", {"container/yaml.c", "container/yaml_write.c"}),
    (r"zlib\.h", {"clone/pack_inflate.c"}),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def included(path):
    """Yields (line number, is a file of ours, name)."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def check_own(path, name, root):
    """What is wrong with including our file `name` from `path`, or None."""
    folder = path.parts[0]
    target = name.split("/")[0]
    if name.endswith(".inc"):
        return None if name.startswith(folder + "/") else "generated file of another folder"
    if not (root / name).is_file():
        return "is not a path from the top of the tree"
    if target == folder or target in FOLDERS[folder]:
        return None
    if folder == "proxy" and name in FRONT_DOORS:
        return None
    return f"{folder} may not know {target}"


def check_library(path, name):
    for pattern, doors in LIBRARIES:
        if re.fullmatch(pattern, name):
            if str(path) in doors:
                return None
            return "belongs behind " + " and ".join(sorted(doors))
    return None


def main():
    root = Path(__file__).resolve().parents[2]
    problems = []
    files = 0
    for folder in FOLDERS:
        for absolute in sorted((root / folder).glob("*.[ch]")):
            files += 1
            path = absolute.relative_to(root)
            for number, is_ours, name in included(absolute):
                problem = check_own(path, name, root) if is_ours else check_library(path, name)
                if problem:
                    problems.append(f"{path}:{number}: {name}: {problem}")
    print("\n".join(problems + [f"layers: {files} files, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
