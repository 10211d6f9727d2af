# SPDX-License-Identifier: Apache-2.0
"""From samples to a table: results.tsv for programs, machine.txt beside it, and text for people."""

import json
import os
from dataclasses import dataclass

BUSY = 0.9  # of its core: below, the load generator was the limit and a rate tells little


@dataclass
class Row:
    case: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    unit: str
    goal: float | None
    allowance: float
    is_limited: bool


def say(text):
    print(text, flush=True)


def _busy(samples):
    return all(s.get("cpu_seconds", 1) / s.get("seconds", 1) >= BUSY for s in samples)


def make_rows(cases, peers, samples, median):
    rows = []
    for case in cases:
        ours = samples[case.name, "ours"]
        for peer in (p for p in peers if p != "ours" and p in case.peers):
            theirs = samples[case.name, peer]
            for measure in case.measures:
                a = median([measure.value(s) for s in ours])
                b = median([measure.value(s) for s in theirs])
                ratio = a / b if measure.more_is_better else b / max(a, 0.001)
                is_limited = measure.is_rate and not (_busy(ours) and _busy(theirs))
                goal = case.goals.get((measure.unit, peer))
                rows.append(Row(case.name, peer, a, b, ratio, measure.unit, goal, measure.allowance, is_limited))
    return rows


def _text(row):
    goal, verdict = "", ""
    if row.goal:
        goal, verdict = f"{row.goal:.3g}", "ok" if round(row.ratio, 2) >= row.goal else "below"
    elif row.allowance:
        goal, verdict = f"+{row.allowance:g}", "ok" if row.ours <= row.theirs + row.allowance else "above"
    mark = "~" if row.is_limited else " "
    return (
        f"{row.case:<22}{row.peer:<18}{row.ours:>12,.1f}{row.theirs:>12,.1f}"
        f"{row.ratio:>8.2f}{mark} {row.unit:<19}{goal:>5} {verdict}"
    )


def write(directory, cases, peers, samples, median, facts):
    rows = make_rows(cases, peers, samples, median)
    with open(os.path.join(directory, "results.tsv"), "w") as file:
        file.write("case\tpeer\tours\ttheirs\tratio\tunit\n")
        for r in rows:
            file.write(f"{r.case}\t{r.peer}\t{r.ours:.3f}\t{r.theirs:.3f}\t{r.ratio:.3f}\t{r.unit}\n")
    with open(os.path.join(directory, "machine.txt"), "w") as file:
        file.write("\n".join(facts) + "\n")
    with open(os.path.join(directory, "samples.json"), "w") as file:
        json.dump({f"{case} {peer}": s for (case, peer), s in samples.items()}, file, indent=1)
    say("\n".join(["", *facts, ""]))
    say(f"{'case':<22}{'peer':<18}{'ours':>12}{'theirs':>12}{'ratio':>8}  {'unit':<19}{'goal':>5}")
    for row in rows:
        say(_text(row))
    if any(row.is_limited for row in rows):
        say("~ a proxy's core was not busy: the load generator was the limit; CPU tells more")
    say(f"\nwritten to {directory}/results.tsv")
