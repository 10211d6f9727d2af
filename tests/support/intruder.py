# SPDX-License-Identifier: Apache-2.0
"""Puts code of an intruder into processes: see intruder.c."""

import os
import subprocess

from proxy import ROOT


def library(folder):
    built = folder / "intruder.so"
    if not built.exists():
        source = os.path.join(ROOT, "tests", "support", "intruder.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", built, source, "-ldl"], check=True)
    return built


def command(built, program, **variables):
    """Of a program with it."""
    return ["/usr/bin/env", f"LD_PRELOAD={built}", *(f"{name}={value}" for name, value in variables.items()), *program]
