"""Is the default saturation rule right, and what does it cost?

``python -m bench saturation`` judges every case that ``python -m bench labels`` has labelled, on seeds 0 to
9 (others by ``--seed``); ``--costs`` measures CPU time instead, ``--figures`` compares the paper's points with those that no rule
watches, and ``--vary`` judges under changed constants. All go on where an earlier one stopped and write the tables of
``docs/measurements/2026-11-saturation.md``.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from bench import saturation_figures, saturation_labels, saturation_sensitivity
from bench.kept_results import alone
from bench.report import between
from bench.saturation_cases import CASES, Case
from bench.saturation_labels import LOADS as LABELLED
from bench.saturation_labels import config_of
from simulator.files.whole_files import write_atomically
from simulator.runs.runner import execute
from simulator.runs.saturation.judge import Judge
from simulator.runs.saturation.rules import Verdict
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig

HERE = Path(__file__).parent
RESULTS = HERE / "saturation.json"
DOCS = HERE.parent / "docs" / "measurements" / "2026-11-saturation.md"
SEEDS = range(10)
MADE_WITH = 70
"""The rule was made and changed with runs of seeds below it."""
COST_SEEDS = FIGURE_SEEDS = range(3)
WINDOW = (4000, 5000)
CAP = 20_000
"""Arrivals to which a run goes that nothing stops."""

LOADS = (0.98, 1.05, 0.95, 1.10, 0.90, 1.25, 0.80, 1.00, 1.02)
"""Multiples of the knee, those that decide first."""

SUSTAINED, SATURATED = 0.98, 1.05
"""At or below the first no run may be called saturated, at or above the second 99 of 100 must be."""


class _Judged(Exception):
    """A run that cannot be called saturated any more, as nothing is left to look for; carries the jobs so far."""


def verdict(case: Case, rate: float, seed: int) -> list[Any]:
    """Run under the default rule: how it ended, and how many jobs had come.

    A run is not simulated past the moment at which its verdict is final.
    """
    look = Judge.look

    def until_final(self: Judge, simulation: Simulation) -> Verdict | None:
        found = look(self, simulation)
        if self.next_look is None and (found is None or found.finding != "saturated"):
            raise _Judged(simulation.arrived)
        return found

    try:
        with mock.patch.object(Judge, "look", until_final):
            found = execute(judged(case, rate, seed)).summary
    except _Judged as judged_:
        return ["goes on", int(judged_.args[0])]
    return [found["status"], found["jobs"]["arrived_in_all"]]


def judged(case: Case, rate: float, seed: int) -> RunConfig:
    """A run under the default rule."""
    limit = CAP / rate
    return config_of(case, rate, seed, window=WINDOW, saturation=None, max_simulated_hours=limit)


def run(cases: list[str], loads: list[float], seeds: list[int], costs: bool) -> int:
    """Judge or measure what has not been, and write the tables."""
    labels = saturation_labels.known()
    wanted = [case for case in CASES if case.name in labels]
    if cases:
        wanted = [case for case in wanted if any(text in case.name for text in cases)]
    for load in loads or LOADS:
        for case in wanted:
            centre = labels[case.name]["centre"]
            known = read()["costs" if costs else "verdicts"]
            entry = known.get(case.name, {}).get(f"{load:g}", {})
            wanted_seeds = seeds or (COST_SEEDS if costs else SEEDS)
            missing = [seed for seed in wanted_seeds if str(seed) not in entry]
            if not missing:
                continue
            for seed in missing:
                measure = cost if costs else verdict
                entry[str(seed)] = measure(case, load * centre, seed)
            keep("costs" if costs else "verdicts", case.name, f"{load:g}", entry)
            print(case.name, load, entry, flush=True)
    write()
    return 0


def figures(names: list[str], seeds: list[int]) -> int:
    """Compare the points of figures that have not been, those named like this, and write the table."""
    for figure, name, config in saturation_figures.points(seeds or FIGURE_SEEDS):
        wanted = not names or any(text in name for text in names)
        if wanted and name not in read()["figures"].get(f"figure {figure}", {}).get("points", {}):
            found = saturation_figures.compare(config)
            keep("figures", f"figure {figure}", "points", {name: found})
            print(figure, name, found, flush=True)
    write()
    return 0


def vary(names: list[str]) -> int:
    """Judge under changed constants, those named like this, and write the table."""
    centres = {name: entry["centre"] for name, entry in saturation_labels.known().items()}
    for variant in saturation_sensitivity.variants():
        wanted = not names or any(name in variant.name for name in names)
        if wanted and variant.name not in read()["sensitivity"]:
            found = saturation_sensitivity.measure(centres, verdict, variant)
            keep("sensitivity", variant.name, "runs", found)
            print(variant.name, len(found), "runs", flush=True)
    write()
    return 0


def figure_table() -> str:
    """Points of figures with and without the rule, by policy."""
    lines = [
        "| figure | policy | rates | seeds | runs | the same to the bit |",
        "| --- | --- | --- | --- | ---: | ---: |",
    ]
    for figure, found in sorted(read()["figures"].items(), key=lambda one: int(one[0].split()[1])):
        by_policy: dict[str, list[tuple[float, int, str]]] = {}
        for name, outcome in found["points"].items():
            policy, rate, seed = (part.split("=")[-1] for part in name.split(","))
            by_policy.setdefault(policy, []).append((float(rate), int(seed), outcome))
        for policy, runs in sorted(by_policy.items()):
            rates, seeds, outcomes = zip(*runs, strict=True)
            cells = [figure, f"`{policy}`", f"{min(rates):g} to {max(rates):g}"]
            cells += [", ".join(map(str, sorted(set(seeds)))), str(len(runs))]
            lines.append("| " + " | ".join([*cells, str(outcomes.count("same"))]) + " |")
    return "\n".join(lines)


def cost(case: Case, rate: float, seed: int) -> dict[str, Any]:
    """CPU seconds of a run, of looking at it, and of the same run to its cap if that stopped it."""
    config = judged(case, rate, seed)
    execute(config)  # everything is loaded once
    looking = [0.0]

    def timed(method: Any) -> Any:
        def wrapped(self: Judge, simulation: Any) -> Any:
            started = time.process_time()
            found = method(self, simulation)
            looking[0] += time.process_time() - started
            return found

        return wrapped

    timers = {"look": timed(Judge.look), "before": timed(Judge.before)}
    with mock.patch.multiple(Judge, **timers):
        started = time.process_time()
        status = execute(config).status
        took = time.process_time() - started
    found = {"status": status, "cpu": round(took, 4), "looking": round(looking[0], 4)}
    if status == "saturated":
        free = config_of(case, rate, seed, window=(WINDOW[0], CAP), max_simulated_hours=CAP / rate)
        started = time.process_time()
        execute(free)
        found["to_the_cap"] = round(time.process_time() - started, 4)
    return found


def read() -> dict[str, dict[str, Any]]:
    """What has been judged and measured so far."""
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {"verdicts": {}, "costs": {}, "figures": {}, "sensitivity": {}} | found


def keep(kind: str, case: str, load: str, entry: dict[str, Any]) -> None:
    """Write down an entry, beside what others may have written meanwhile."""
    with alone(RESULTS):
        _add(kind, case, load, entry)


def _add(kind: str, case: str, load: str, entry: dict[str, Any]) -> None:
    latest = read()
    latest[kind].setdefault(case, {}).setdefault(load, {}).update(entry)
    lines = []
    for name, cases in latest.items():
        rows = [f" {json.dumps(one)}: {json.dumps(cases[one])}" for one in sorted(cases)]
        lines.append(f"{json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n}")
    write_atomically(RESULTS, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def write() -> None:
    """Write the tables into the documentation."""
    text = DOCS.read_text()
    for name, table in (
        ("labels", label_table()),
        ("distance", distance_table()),
        ("verdicts", verdict_table()),
        ("cost", cost_table()),
        ("figures", figure_table()),
        ("sensitivity", saturation_sensitivity.table(read()["sensitivity"])),
    ):
        text = between(text, name, table)
    DOCS.write_text(text)


def label_table() -> str:
    """What long simulations say of each case."""
    labels = saturation_labels.known()
    loads = sorted(LABELLED)
    lines = [
        "| case | knee | " + " | ".join(f"{load:g}" for load in loads) + " |",
        "| --- | ---: |" + " --- |" * len(loads),
    ]
    for case in CASES:
        if case.name in labels:
            entry = labels[case.name]
            cells = [
                _SHORT[entry["labels"][f"{load:g}"]["label"]]
                if f"{load:g}" in entry["labels"]
                else ""
                for load in loads
            ]
            lines.append(f"| {case.name} | {entry['centre']:.3f} | " + " | ".join(cells) + " |")
    count = sum(len(labels[case.name]["labels"]) for case in CASES if case.name in labels)
    lines += [
        "",
        f"{count} labels of {len(CASES) * len(loads)}; + sustained, − saturated, ? undecided.",
    ]
    return "\n".join(lines)


_SHORT = {"sustained": "+", "saturated": "−", "undecided": "?"}


def _judged(first_seed: int = 0) -> Iterator[tuple[Case, float, list[list[Any]]]]:
    """Case, load and how its runs ended, those with seeds from one on."""
    known = read()["verdicts"]
    for case in CASES:
        for load in sorted(known.get(case.name, {}), key=float):
            ends = known[case.name][load].items()
            found = [end for seed, end in ends if int(seed) >= first_seed]
            if found:
                yield case, float(load), found


def distance_table() -> str:
    """Who was called saturated, by distance to the knee."""
    lines = [
        "| load (knee = 1) | cases | runs | called saturated | what is right | error rate | at most (95% sure) |",
        "| ---: | ---: | ---: | ---: | --- | ---: | ---: |",
    ]
    totals: dict[str, list[int]] = {}
    for load in sorted(LOADS):
        ends = [found for _, at, found in _judged() if at == load]
        runs = sum(map(len, ends))
        if not runs:
            continue
        called = sum(end[0] == "saturated" for found in ends for end in found)
        right, wrong = "either", None
        if load <= SUSTAINED:
            right, wrong = "not saturated", called
        elif load >= SATURATED:
            right, wrong = "saturated", runs - called
        cells = [f"{load:g}", str(len(ends)), str(runs), str(called), right]
        cells += ["", ""] if wrong is None else [f"{wrong / runs:.1%}", f"{upper(wrong, runs):.1%}"]
        lines.append("| " + " | ".join(cells) + " |")
        if wrong is not None:
            before = totals.setdefault(right, [0, 0])
            totals[right] = [before[0] + wrong, before[1] + runs]
    lines.append("")
    for right, (wrong, runs) in totals.items():
        lines.append(f"Of {runs} runs where {right} is right, {_said(wrong, runs)}.  ")
    for load in (SUSTAINED, SATURATED):
        fresh = [end for _, at, found in _judged(MADE_WITH) if at == load for end in found]
        wrong = sum((end[0] == "saturated") != (load == SATURATED) for end in fresh)
        if fresh:
            lines.append(
                f"With seeds that the rule was not made with, of {len(fresh)} runs at {load:g} "
                f"{_said(wrong, len(fresh))}.  "
            )
    return "\n".join(lines)


def _said(wrong: int, runs: int) -> str:
    return f"{wrong} got another verdict: at most {upper(wrong, runs):.2%} (95% sure)"


def upper(wrong: int, runs: int, confidence: float = 0.95) -> float:
    """Upper confidence limit of an error rate (Clopper and Pearson)."""
    from scipy.special import betaincinv

    if wrong >= runs:
        return 1.0
    return float(betaincinv(wrong + 1, runs - wrong, confidence))


def verdict_table() -> str:
    """Runs called saturated by case and load."""
    loads = sorted({load for _, load, _ in _judged()})
    lines = [
        "| case | " + " | ".join(f"{load:g}" for load in loads) + " |",
        "| --- |" + " ---: |" * len(loads),
    ]
    for case in CASES:
        found = {load: ends for one, load, ends in _judged() if one is case}
        if found:
            cells = [
                f"{sum(end[0] == 'saturated' for end in found[load])}/{len(found[load])}"
                if load in found
                else ""
                for load in loads
            ]
            lines.append(f"| {case.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cost_table() -> str:
    """What stopping and looking cost: CPU seconds of all seeds of a case and load."""
    lines = [
        "| case | load | runs | stopped | CPU s | of it looking | to 20,000 arrivals, CPU s | part |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for case in CASES:
        known = read()["costs"].get(case.name, {})
        for load in sorted(known, key=float):
            runs = list(known[load].values())
            stopped = [one for one in runs if "to_the_cap" in one]
            cpu, looking = (math.fsum(one[name] for one in runs) for name in ("cpu", "looking"))
            cells = [case.name, load, str(len(runs)), str(len(stopped)), f"{cpu / len(runs):.3f}"]
            cells += [f"{looking / cpu:.1%}", "", ""]
            if stopped:
                cap = math.fsum(one["to_the_cap"] for one in stopped)
                part = math.fsum(one["cpu"] for one in stopped) / cap
                cells[-2:] = [f"{cap / len(stopped):.2f}", f"{part:.1%}"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
