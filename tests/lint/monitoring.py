#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Dashboard and alert rules ask for metrics, labels and values that docs/metrics.md lists, and each alert is
explained in docs/operations.md. promtool checks the rules where it is installed. Exits with 1 on a problem.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROW = re.compile(r"^\| `([a-z_]+)` \| (\w+) \| (.*?) \| ", re.M)
METRIC = re.compile(r"\b((?:workspace_proxy|process)_[a-z_]+)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+)\s*(=|!=|=~|!~)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
OURS = ("instance", "le")  # labels that Prometheus or the format adds


def read_metrics(root):
    """{sample name: {label: values}}"""
    known = {}
    for name, kind, text in ROW.findall((root / "docs/metrics.md").read_text()):
        labels = {}
        for part in filter(None, text.split("; ")):
            label, _, values = part.partition(": ")
            labels[label.strip("`")] = set(values.split(", "))
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            known[name + suffix] = labels
    return known


def check(expression, known):
    used = {}
    for name, matchers in METRIC.findall(expression):
        if name not in known:
            yield f"no such metric: {name}"
            continue
        used.update(known[name])
        for label, operator, value in MATCHER.findall(matchers):
            if label in OURS:
                continue
            wanted = value.split("|") if "~" in operator else [value]
            for one in wanted:
                if one not in known[name].get(label, ()):
                    yield f"{name} has no {label}={one}"
    for labels in GROUPING.findall(expression):
        for label in re.split(r"\s*,\s*", labels.strip()):
            if label and label not in used and label not in OURS:
                yield f"no such label in {expression!r}: {label}"


def expressions(root):
    folder = root / "container/kubernetes/monitoring"
    for panel in json.loads((folder / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield f"dashboard, {panel['title']}", target["expr"]
    alerts = (folder / "alerts.yaml").read_text()
    for block in alerts.split("      - alert: ")[1:]:
        body = block.partition("expr:")[2]
        yield f"alert {block.split()[0]}", re.split(r"\n {8}(?:for|labels):", body)[0]


def main():
    root = Path(__file__).resolve().parents[2]
    known = read_metrics(root)
    explained = (root / "docs/operations.md").read_text()
    found, problems = list(expressions(root)), []
    for where, expression in found:
        if not METRIC.search(expression):
            problems.append(f"{where}: asks for nothing of ours")
        problems += [f"{where}: {problem}" for problem in check(expression, known)]
        if where.startswith("alert ") and f"`{where[6:]}`" not in explained:
            problems.append(f"{where}: docs/operations.md does not say what to do")
    if shutil.which("promtool"):
        rules = root / "container/kubernetes/monitoring/alerts.yaml"
        ran = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, timeout=60)
        if ran.returncode != 0:
            problems.append(f"promtool: {ran.stdout}{ran.stderr}")
    else:
        print("monitoring: NOT CHECKED, because there is no promtool (package prometheus): whether rules parse")
    print("\n".join(problems + [f"monitoring: {len(found)} expressions, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
