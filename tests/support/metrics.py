# SPDX-License-Identifier: Apache-2.0
"""Reads Prometheus' text format as strictly as it is written down, and checks naming conventions.

parse(text) -> {sample name: {frozenset of label pairs: value}}; ValueError where a line is not sound.
"""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")
PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
UNITS = ("_seconds", "_bytes", "_ratio", "_total", "_info")


def labels(**pairs):
    return frozenset(pairs.items())


class Metrics(dict):
    def get(self, name, **pairs):
        """The value of one sample; KeyError where it is not there."""
        return self[name][labels(**pairs)]


def parse(text):
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    metrics, types, helps, current = Metrics(), {}, set(), None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            if current in helps or len(line.split(" ", 3)) < 4:
                raise ValueError(f"help twice or empty: {line}")
            helps.add(current)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != current or name in types:
                raise ValueError(f"type out of order: {line}")
            types[name] = kind
            check_name(name, kind)
        else:
            read_sample(line, current, types, metrics)
    check_histograms(metrics, types)
    return metrics


def check_name(name, kind):
    if not re.fullmatch(NAME, name) or kind not in ("counter", "gauge", "histogram"):
        raise ValueError(f"{name} {kind}")
    if (kind == "counter") != name.endswith("_total"):
        raise ValueError(f"{name}: counters end in _total, others do not")
    if re.search(r"_(ms|us|milliseconds|kb|mb|percent|count|sum|bucket)(_|$)", name):
        raise ValueError(f"{name}: not a base unit, or a reserved ending")


def read_sample(line, family, types, metrics):
    match = SAMPLE.fullmatch(line)
    if not match:
        raise ValueError(f"no sample: {line!r}")
    name, text, value = match[1], match[2] or "", match[3]
    suffixes = ("_bucket", "_sum", "_count") if types.get(family) == "histogram" else ("",)
    if name not in [f"{family}{suffix}" for suffix in suffixes]:
        raise ValueError(f"{line!r} below {family}")
    key = frozenset(PAIR.findall(text))
    series = metrics.setdefault(name, {})
    if key in series:
        raise ValueError(f"twice: {line!r}")
    series[key] = float(value)
    if types[family] != "gauge" and series[key] < 0:
        raise ValueError(f"below zero: {line!r}")


def check_histograms(metrics, types):
    for family in (name for name, kind in types.items() if kind == "histogram"):
        buckets = {}
        for key, value in metrics[f"{family}_bucket"].items():
            le = dict(key)["le"]
            rest = frozenset(pair for pair in key if pair[0] != "le")
            buckets.setdefault(rest, []).append((float(le), value))
        for rest, found in buckets.items():
            found.sort()
            counts = [count for _, count in found]
            if found[-1][0] != float("inf") or counts != sorted(counts):
                raise ValueError(f"{family}: buckets {found}")
            if counts[-1] != metrics[f"{family}_count"][rest]:
                raise ValueError(f"{family}: count")
            if rest not in metrics[f"{family}_sum"]:
                raise ValueError(f"{family}: no sum")
