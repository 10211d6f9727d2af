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
    "ssh": {"base"},
    "proxy": {"base"},
}
# ... and of the folders beside base, proxy sees the public headers only.
# The relay has a door of its own: it shares verdicts with auth/auth.h, but neither sessions nor users.
# So have git's credentials, on both sides: neither login nor cloning knows of them.
FRONT_DOORS = {
    "auth/auth.h",
    "auth/broker/broker.h",
    "auth/git_credential.h",
    "auth/relay/relay.h",
    "clone/clone.h",
    "clone/credential/credential.h",
    "container/container.h",
    "ssh/message.h",
    "ssh/helper/helper.h",
    "ssh/client/client.h",
}

CURL = {
    "base/http/fetch_call.c",
    "base/http/fetch_library.c",
    "base/http/fetch_private.h",
    "base/http/fetch_stream.c",
}
TLS = {
    "base/net/tls/tls_context.c",
    "base/net/tls/tls_private.h",
    "base/net/tls/tls_session.c",
    "base/net/tls/tls_self.c",
    "base/http/raw_stream.c",
    "base/http/system_authorities.c",
}

# Headers of a library: the only files that may include them.
LIBRARIES = [
    (r"event2/.*|event\.h", {"base/net/loop.h", "base/net/loop.c", "base/net/listen.c",
                                "base/http/service_private.h", "base/http/service_connection.c", "base/http/service_stream.c"}),
    (r"evhtp.*", {"base/net/listen.c"}),
    (r"curl/.*", CURL),
    (r"openssl/(ssl|tls1|ssl3|dtls1)\.h", TLS),
    (r"openssl/.*", TLS | {"base/net/tls/certificate.c", "base/net/tls/certificate_pem.c", "base/net/tls/tls_error.c", "base/net/tls/tls_library.c", "base/crypto/crypto.c", "base/crypto/crypto_memory.c", "base/crypto/crypto_p256.c"}),
    (r"jansson\.h", {"base/json.c"}),
    (r"git2.*", {"clone/git/existing_repository.c", "clone/git/git_steps.h", "clone/git/git_object.h", "clone/pack/indexer.c", "clone/pack/pack_hash.c", "clone/git/transport.c"}),
    (r"yaml\.h", {"container/yaml/yaml.c", "container/yaml/yaml_write.c"}),
    (r"zlib\.h", {"base/compress.c", "clone/pack/pack_inflate.c"}),
    (r"zstd\.h", {"base/compress.c"}),
    (r"nghttp2/.*", {"proxy/http/http2/http2_private.h"}),
    (r"seccomp\.h", {"base/process/syscall_filter.c"}),
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
    if name.endswith("_private.h") and Path(name).parent not in path.parents:
        return f"is private to {Path(name).parent}/"
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
        for absolute in sorted((root / folder).rglob("*.[ch]")):
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
