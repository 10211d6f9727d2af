#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The scripts of tests/bench, which no test runs, still find what they use: each is imported alone, and what it names
of another module has to be there. Prints every violation."""

import ast
import os
import runpy
import subprocess
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "tests" / "bench"
# Scripts that are run by themselves set their own path; for the others run.py and pytest do.
PATHS = [str(ROOT / "tests" / folder) for folder in ("bench", "support", "")]


def missing_names(path, names):
    """(line, module, attribute) of what is used of a module and is not in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        module = names.get(node.value.id)
        if isinstance(module, types.ModuleType) and not hasattr(module, node.attr):
            yield node.lineno, module.__name__, node.attr


def examine(path):
    """In a process of its own: modules of different scripts have the same names."""
    is_run_alone = path.read_text().startswith("#!")
    sys.path[:0] = PATHS[:1] if is_run_alone else PATHS
    name = path.relative_to(ROOT)
    try:
        names = runpy.run_path(str(path), run_name="examined")
    except (Exception, SystemExit) as e:  # whatever its modules raise
        print(f"{name}: can't be imported: {type(e).__name__}: {e}")
        return False
    missing = sorted(missing_names(path, names))
    for line, module, attribute in missing:
        print(f"{name}:{line}: {module} has no {attribute}")
    return not missing


def main():
    if len(sys.argv) > 1:
        sys.exit(not examine(Path(sys.argv[1])))
    scripts = sorted(BENCH.glob("*.py"))
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    processes = [subprocess.Popen([sys.executable, __file__, str(path)], env=environment) for path in scripts]
    failed = sum(process.wait() != 0 for process in processes)
    print(f"bench scripts: {len(scripts)} imported, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
