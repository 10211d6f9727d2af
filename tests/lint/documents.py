#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that documents name only what exists: the files and sections that links lead to, paths of modules, names of
settings and of make targets. Prints what is missing and exits with 1.
"""

import re
import sys
from pathlib import Path

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|(?:src|srcset)=\"([^\"]+)\"")
SECTION_LINK = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)
CODE_BLOCK = re.compile(r"^ *```.*?^ *```", re.M | re.S)
FOLDERS = ["base", "auth", "clone", "container", "ssh", "proxy"]
MODULE = re.compile(r"`((?:base|auth|clone|container|ssh|proxy|tests|tools|docs)/[A-Za-z0-9_./*-]+)`")
SETTING = re.compile(r"\bWORKSPACE_PROXY_([A-Z0-9_]+)\b")
# Variables of the commands for users' computers, which are no settings.
CLIENT = {"TOKEN", "TOKEN_COMMAND", "CONNECT_TIMEOUT"}
TARGET = re.compile(r"(?:^|`)make ([a-z][a-z0-9-]*)", re.M)


def check_links(path, text):
    for match in LINK.finditer(text):
        link = match[1] or match[2]
        if "://" not in link and not (path.parent / link).exists():
            yield f"no such file: {link}"


def sections(text):
    """The names that GitLab and GitHub give to the sections of a document."""
    titles = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(CODE_BLOCK.sub("", text)))
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def check_sections(path, text):
    for name, section in SECTION_LINK.findall(text):
        target = path.parent / name if name else path
        if "://" not in name and target.suffix == ".md" and target.exists() and section not in sections(target.read_text()):
            yield f"no such section: {name}#{section}"


def check_modules(root, text):
    """`proxy/http/http1*` and `auth/login/login` (a module) as well as whole file names."""
    for name in MODULE.findall(text):
        if not any(root.glob(name)) and not any(root.glob(name + ".[ch]")):
            yield f"no such module or file: {name}"


def check_folders(root):
    """docs/architecture.md has a row for every folder of sources, or names it in its parent's row."""
    rows = [line for line in (root / "docs/architecture.md").read_text().splitlines() if line.startswith("| `")]
    for folder in sorted({path.parent for name in FOLDERS for path in (root / name).rglob("*.c")}):
        name = folder.relative_to(root)
        own = any(row.startswith(f"| `{name}/`") for row in rows)
        if not own and not any(row.startswith(f"| `{name.parent}/`") and f"`{name.name}/`" in row for row in rows):
            yield f"no row for the folder {name}/"


def check_settings(known, text):
    for name in SETTING.findall(text):
        if name not in known | CLIENT and name.removesuffix("_FILE") not in known:
            yield f"no such setting: {name}"


def check_targets(known, text):
    for name in TARGET.findall(text):
        if name not in known:
            yield f"no such make target: {name}"


def check_aliases(root):
    """docs/from-oauth2-proxy.md lists every variable of oauth2-proxy that is accepted, and no other."""
    row = re.compile(r"^\| `(OAUTH2_PROXY_[A-Z0-9_]+)` \| `(?:WORKSPACE_PROXY_)?([A-Z0-9_]+)` \|", re.M)
    known = dict(row.findall((root / "docs/configuration.md").read_text()))
    told = dict(row.findall((root / "docs/from-oauth2-proxy.md").read_text()))
    for name in sorted(set(known) | set(told)):
        if known.get(name) != told.get(name):
            yield f"{name}: {told.get(name)}, but the program takes it as {known.get(name)}"


def main():
    root = Path(__file__).resolve().parents[2]
    settings = set(re.findall(r"^\| `([A-Z0-9_]+)`", (root / "docs/configuration.md").read_text(), re.M))
    targets = set(re.findall(r"^([a-z0-9-]+):", (root / "Makefile").read_text(), re.M))
    problems = []
    documents = sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])
    for path in documents:
        text = path.read_text()
        found = [
            *check_links(path, text),
            *check_sections(path, text),
            *check_modules(root, text),
            *check_settings(settings, text),
            *check_targets(targets, text),
        ]
        problems += [f"{path.relative_to(root)}: {problem}" for problem in found]
    problems += [f"docs/from-oauth2-proxy.md: {problem}" for problem in check_aliases(root)]
    problems += [f"docs/architecture.md: {problem}" for problem in check_folders(root)]
    print("\n".join(problems + [f"documents: {len(documents)} files, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
