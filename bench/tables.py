"""Tables in Markdown from the records of ``bench/results.json``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.cliffs import rows as rows_of_cliffs
from bench.packed import FAMILIES as _FAMILIES
from bench.peers import COMPARISONS, EXACT, PEERS
from bench.records import Record
from bench.specs import (
    BASELINE,
    CONTENDERS,
    GOALS,
    MILLION,
    MILLION_GOALS,
    NOTHING_KEPT,
    REFERENCE,
    RUNS,
    SPECS,
)

FAMILIES = tuple(_FAMILIES)
CLIFFS = tuple(row.name for row in rows_of_cliffs())
PARTS = ("build", "translate", "solve", "read", "certify", "tie_break")

MINUTE = (
    ("max-min, 512 jobs of the paper's types", "policies", "max-min perf", 512),
    ("the same, every job different", "policies", "max-min perf, every job different", 512),
    ("the same, a million jobs", "policies", "max-min perf, every job different", MILLION),
    ("finish-time fairness, 512 jobs", "policies", "finish-time fairness perf", 512),
    ("makespan, 512 jobs", "policies", "makespan perf", 512),
    ("water filling, 512 jobs", "policies", "water filling perf", 512),
    ("sum of throughputs, 512 jobs", "policies", "sum of throughputs", 512),
    ("max-min packed, 512 jobs of the paper's types", "policies", "max-min packed", 512),
    ("max-min packed, 256 jobs, every job different", "packed", "max-min", 256),
    ("the same, 2,048 jobs", "packed", "max-min", 2048),
    ("makespan packed, 512 jobs, every job different", "packed", "makespan", 512),
    (
        "cost with deadlines packed, 512 jobs, every job different",
        "packed",
        "cost with deadlines",
        512,
    ),
    ("hierarchical packed, 128 jobs", "cliffs", "hierarchical packed (figure 14), 128 jobs", 0),
    (
        "max-min, 200 worker types, 1,000 jobs",
        "cliffs",
        "200 worker types, 1000 jobs, contended",
        0,
    ),
    ("AlloX, 1,000 jobs", "cliffs", "allox, 1000 jobs", 0),
)
"""What a reader sees in a minute: title, suite, workload, jobs. Easy and hard ones."""


def all_tables(results: dict[str, Any]) -> dict[str, str]:
    """Marker to table."""
    records = results["records"]
    policies = Policies(record for record in records if record["suite"] == "policies")
    return {
        "machine": machines(results),
        "goals": goals(policies),
        "times": "\n".join(times(policies, spec.name) for spec in SPECS if spec.sizes != (0,)),
        "streams": streams(policies),
        "parts": parts(policies),
        "mechanism": mechanism(records),
        "runs": runs(records),
        "scale": scale(records),
        "large runs": large_runs(records),
        "memory": memory(records),
        "peers": peers(records),
        "packed": packed(records),
        "cliffs": cliffs(records),
        "minute": minute(records, policies),
    }


class Policies:
    """Policy calls by spec, label, jobs (0 for streams), mode."""

    def __init__(self, records: Iterable[Record]) -> None:
        streams = {spec.name for spec in SPECS if spec.sizes == (0,)}
        self._of: dict[tuple[str, str, int, str], Record] = {}
        for record in records:
            jobs = 0 if record["spec"] in streams else record["jobs"]
            self._of[record["spec"], record["label"], jobs, record["mode"]] = record

    def get(self, spec: str, label: str, jobs: int, mode: str) -> Record | None:
        return self._of.get((spec, label, jobs, mode))

    def seconds(self, spec: str, label: str, jobs: int, mode: str) -> float | None:
        record = self.get(spec, label, jobs, "next" if label in NOTHING_KEPT else mode)
        return None if record is None else float(record["median"])

    def jobs(self, spec: str) -> list[int]:
        return sorted({jobs for name, _, jobs, _ in self._of if name == spec})


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Lines of a Markdown table."""
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def duration(seconds: float | None) -> str:
    """Three digits with a unit."""
    if seconds is None:
        return ""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    if seconds < 1.0:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 100.0 else f"{seconds:.0f} s"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2g}x"


def _size(jobs: int) -> str:
    return f"{jobs:,}"


def machines(results: dict[str, Any]) -> str:
    """What was measured on, and when."""
    rows = []
    for name, machine in results["machines"].items():
        of_it = [record for record in results["records"] if record["machine"] == name]
        suites = [record["suite"] for record in of_it]
        dates = sorted({record["date"] for record in of_it})
        counts = ", ".join(f"{suites.count(one)} of {one}" for one in sorted(set(suites)))
        when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        rows.append((*machine.values(), when, counts))
    return table(("processor", "python", "libraries", "measured", "records"), rows)


def goals(policies: Policies) -> str:
    """Every goal, with what was measured."""
    rows = []
    for goal in GOALS:
        base = policies.seconds(goal.spec, BASELINE, goal.jobs, goal.mode)
        ours = policies.seconds(goal.spec, goal.label, goal.jobs, goal.mode)
        own = policies.seconds(goal.spec, REFERENCE, goal.jobs, goal.mode)
        if base is None or ours is None:
            continue
        ratio = base / ours
        reference = _times(own / ours) if own is not None else ""
        best = max(ratio, own / ours if own is not None else 0.0)
        met = (
            "yes"
            if ratio >= goal.ratio
            else "against the reference"
            if best >= goal.ratio
            else "no"
        )
        rows.append(
            (
                f"{goal.spec}, {_size(goal.jobs)} jobs, {goal.mode}",
                goal.label,
                duration(base),
                duration(ours),
                _times(goal.ratio),
                f"**{_times(ratio)}**",
                reference,
                met,
            )
        )
    for spec, limit in MILLION_GOALS.items():
        ours = policies.seconds(spec, "structured", MILLION, "next")
        if ours is not None:
            met = "yes" if ours <= limit else "no"
            row = (f"{spec}, a million jobs, next", "structured", "", duration(ours))
            rows.append((*row, f"under {duration(limit)}", "", "", met))
    head = (
        "workload",
        "engine",
        "baseline",
        "time",
        "goal",
        "ratio",
        "to the reference's way",
        "met",
    )
    return table(head, rows)


def times(policies: Policies, spec: str) -> str:
    """Medians of every contender by size; the ratio to the baseline below."""
    sizes = policies.jobs(spec)
    labels = [
        label
        for label in (*CONTENDERS, REFERENCE)
        if any(policies.seconds(spec, label, n, "next") for n in sizes)
    ]
    text = ""
    for mode, title in (("next", "next round"), ("first", "first solve")):
        rows = []
        for label in labels:
            cells = [label]
            for jobs in sizes:
                seconds = policies.seconds(spec, label, jobs, mode)
                base = policies.seconds(spec, BASELINE, jobs, mode)
                cell = duration(seconds)
                if seconds is not None and base is not None and label != BASELINE:
                    cell += f" ({_times(base / seconds)})"
                cells.append(cell)
            if any(cells[1:]):
                rows.append(cells)
        if any(row[0] not in NOTHING_KEPT for row in rows):
            head = (f"{title}, jobs:", *(_size(jobs) for jobs in sizes))
            text += "\n" + table(head, rows)
    return f"\n### {spec[0].upper()}{spec[1:]}\n{text}" if text else ""


def streams(policies: Policies) -> str:
    """Recorded streams: medians over successive recomputations."""
    rows = []
    for spec in SPECS:
        if spec.sizes != (0,):
            continue
        base = policies.seconds(spec.name, BASELINE, 0, "next")
        for label in spec.contenders:
            record = policies.get(spec.name, label, 0, "next")
            if record is None:
                continue
            seconds, first = record["median"], policies.seconds(spec.name, label, 0, "first")
            ratio = "" if base is None or label == BASELINE else _times(base / seconds)
            reused = record["parts"].get("cache_hits", 0.0) / max(
                record["parts"].get("programs", 0.0), 1e-9
            )
            row = (spec.name.replace("stream ", ""), label, str(record["jobs"]))
            rows.append((*row, duration(first), duration(seconds), ratio, f"{reused:.0%}"))
    head = ("run", "engine", "jobs at the end", "first", "next", "ratio", "models kept")
    return table(head, rows)


def parts(policies: Policies) -> str:
    """Where the time of a call goes, for some cases."""
    rows = []
    wanted = (
        ("max-min perf", (128, 2048, 32_768, MILLION)),
        ("max-min perf, every job different", (128, 2048, 32_768, MILLION)),
        ("max-min packed", (128, 512)),
        ("water filling perf", (512,)),
        ("finish-time fairness perf", (512,)),
        ("makespan perf", (512,)),
    )
    for spec, sizes in wanted:
        for jobs in sizes:
            for label in (BASELINE, "highs", "structured"):
                record = policies.get(spec, label, jobs, "next")
                if record is None or not record["parts"]:
                    continue
                found = record["parts"]
                spent = (duration(found[part]) if found[part] else "" for part in PARTS)
                row = (f"{spec}, {_size(jobs)}", label, *spent)
                rows.append((*row, f"{found['programs']:.3g}", f"{found['fallbacks']:.3g}"))
    head = ("workload", "engine", *(part.replace("_", " ") for part in PARTS))
    return table((*head, "programs", "fallbacks"), rows)


def mechanism(records: list[Record]) -> str:
    """Cost per active job and round."""
    rows = []
    found = {(r["kind"], r["jobs"]): r for r in records if r["suite"] == "mechanism"}
    for jobs in sorted({jobs for _, jobs in found}):
        row = [_size(jobs)]
        for kind in ("steady", "live"):
            record = found.get((kind, jobs))
            if record is None:
                row += ["", ""]
            else:
                row += [duration(record["per_round"]), f"{record['per_job_round'] * 1e9:.3g} ns"]
        rows.append(row)
    head = ("active jobs", "steady: a round", "per job", "live: a round", "per job")
    return table(head, rows)


def runs(records: list[Record]) -> str:
    """Whole simulations."""
    rows = []
    found = {record["run"]: record for record in records if record["suite"] == "runs"}
    for run in RUNS:
        record = found.get(run.name)
        if record is None:
            continue
        seconds, time = record["median"], record["time"]
        paper = "" if run.paper is None else f"{run.paper:.2f}"
        reference = "" if run.reference is None else duration(run.reference)
        ratio = "" if run.reference is None else _times(run.reference / seconds)
        rows.append(
            (
                run.name,
                duration(seconds),
                f"under {duration(run.goal)}",
                "yes" if seconds <= run.goal else "no",
                reference,
                ratio,
                duration(time["mechanism"]),
                duration(time["solve"]),
                duration(time["build"]),
                f"{record['allocations']:,}",
                _size(record["active"]),
                f"{record['average_jct'] / 3600.0:.2f}",
                paper,
            )
        )
    head = ("point", "CPU time", "goal", "met", "reference", "ratio", "mechanism", "solve", "build")
    return table((*head, "recomputations", "most jobs", "mean JCT, h", "paper's, h"), rows)


def scale(records: list[Record]) -> str:
    """Clusters beyond the paper's."""
    rows = []
    jobs = {"many_servers": "1,700 at first", "hundred_thousand": "50,000 at first"}
    names = {"many_servers": "servers of 1 to 8 GPUs", "hundred_thousand": "servers of 8 GPUs"}
    for record in records:
        if record["suite"] != "scale":
            continue
        calls = record["allocations"]
        rows.append(
            (
                f"{record['gpus']:,} GPUs, {record['types']} types, {names[record['name']]}",
                f"{jobs[record['name']]}, {record['job_rounds'] // record['rounds']:,} on average",
                record["policy"],
                duration(record["mechanism"] / record["rounds"]),
                duration(record["allocate"] / calls) if calls else "",
                duration((record["mechanism"] + record["allocate"]) / record["rounds"]),
                str(record["fallbacks"]),
            )
        )
    head = (
        "cluster",
        "jobs",
        "policy",
        "a round",
        "a recomputation",
        "in all, a round",
        "fallbacks",
    )
    return table(head, sorted(rows))


def large_runs(records: list[Record]) -> str:
    """Whole runs on 6,212 GPUs of 12 types."""
    rows = [
        (
            r["policy"],
            duration(r["median"]),
            f"{r['rounds']:,}",
            duration(r["time"]["mechanism"]),
            f"{r['allocations']:,}",
            duration(r["time"]["solve"] + r["time"]["build"]),
            f"{r['active']:,}",
        )
        for r in records
        if r["suite"] == "large runs"
    ]
    head = (
        "policy",
        "CPU time",
        "rounds",
        "their time",
        "recomputations",
        "their time",
        "most jobs",
    )
    return table(head, rows)


def memory(records: list[Record]) -> str:
    """Peak memory of whole processes."""
    names = {
        "nothing": "libraries and compiled code, nothing done",
        "simulation": "a simulation",
        "contended": "one policy call, max-min perf",
        "distinct": "one policy call, every job different",
    }
    rows = [
        (
            names[r["what"]],
            _size(r["jobs"]) if r["jobs"] else "",
            f"{r['megabytes']:,.0f} MiB",
            "yes" if r["megabytes"] <= 1024 else "no",
        )
        for r in sorted(records, key=lambda r: (r["suite"], r.get("what", ""), r.get("jobs", 0)))
        if r["suite"] == "memory"
    ]
    return table(("process", "jobs", "peak", "within 1 GiB"), rows)


def peers(records: list[Record]) -> str:
    """Approximate contenders beside exact ones; bold where one is faster than ``structured``."""
    found = {(r["spec"], r["jobs"], r["label"]): r for r in records if r["suite"] == "peers"}
    rows = []
    for comparison in COMPARISONS:
        for jobs in comparison.sizes:
            ours = found.get((comparison.name, jobs, EXACT[0]))
            if ours is None:
                continue
            cells = [f"{comparison.name}, {_size(jobs)} jobs"]
            for label in (*EXACT, *PEERS):
                record = found.get((comparison.name, jobs, label))
                seconds = None if record is None else record.get("seconds") or record["median"]
                cell = duration(seconds)
                if record is not None and seconds is not None and label in PEERS:
                    cell += f", {record['fraction']:.1%}"
                    if seconds < ours["median"]:
                        cell = f"**{cell}**"
                cells.append(cell)
            rows.append(cells)
    return table(("workload", *EXACT, *PEERS), rows)


def packed(records: list[Record]) -> str:
    """Packed programs in which every job is different."""
    rows = [
        (
            r["spec"],
            _size(r["jobs"]),
            r["label"],
            duration(r.get("first")),
            duration(r.get("median")),
            duration(r.get("mean")),
            duration(r.get("worst")),
            f"{r['megabytes']:,.0f}" if "megabytes" in r else "",
            str(r.get("refused", "")),
            r.get("failed", ""),
        )
        for r in sorted(
            (r for r in records if r["suite"] == "packed"),
            key=lambda r: (FAMILIES.index(r["spec"]), r["jobs"], r["label"] != "structured"),
        )
    ]
    head = ("family", "jobs", "engine", "first", "next", "mean", "worst", "MiB", "refused", "")
    return table(head, rows)


def cliffs(records: list[Record]) -> str:
    """Where more jobs, types or GPUs must not cost out of proportion, in the order of its rows."""
    found = {r["name"]: r for r in records if r["suite"] == "cliffs"}
    rows = [
        (
            name,
            *(duration(found[name].get(part)) for part in ("first", "next", "worst")),
            str(found[name].get("programs", "")),
            str(found[name].get("refused", "")),
            found[name].get("failed", ""),
        )
        for name in CLIFFS
        if name in found
    ]
    return table(("row", "first", "next", "worst next", "programs", "refused", ""), rows)


def minute(records: list[Record], policies: Policies) -> str:
    """One line a kind of program: ours, the best exact engine beside it, the reference's way, the fastest peer."""
    found: dict[tuple[str, str, int, str], Record] = {}
    for r in records:
        if r["suite"] in ("peers", "packed", "cliffs"):
            found[
                r["suite"], r.get("spec", r.get("name", "")), r.get("jobs", 0), r.get("label", "")
            ] = r
    rows = []
    for title, suite, spec, jobs in MINUTE:
        if suite == "policies":
            mine = policies.seconds(spec, "structured", jobs, "next")
            others = [
                policies.seconds(spec, label, jobs, "next")
                for label in ("highs", "ortools", "pulp")
            ]
            base = policies.seconds(spec, REFERENCE, jobs, "next") or policies.seconds(
                spec, BASELINE, jobs, "next"
            )
        else:
            record = found.get((suite, spec, jobs, "structured" if suite == "packed" else ""), {})
            mine = record.get("median")
            others = [found.get((suite, spec, jobs, "highs"), {}).get("median")]
            base = None
        if mine is None:
            continue
        other = min((seconds for seconds in others if seconds is not None), default=None)
        near = [
            (r.get("seconds") or r["median"], label, r["fraction"])
            for label in PEERS
            if (r := found.get(("peers", spec, jobs, label))) is not None
        ]
        peer = ""
        if near:
            seconds, label, fraction = min(near)
            peer = f"{label} {duration(seconds)}, {fraction:.0%}"
        rows.append((title, f"**{duration(mine)}**", duration(other), duration(base), peer))
    head = (
        "a recomputation",
        "`structured`",
        "fastest other exact engine",
        "the reference's way",
        "fastest peer, of the optimum",
    )
    return table(head, rows)
