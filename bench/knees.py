"""The knees of all policies on the paper's cluster: one table and two plots in the documentation.

``python -m bench knees`` goes on where an earlier one stopped (its folder keeps a file a measurement) and
writes the table and the plots of what is done by then.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from bench.report import between
from gavel_opt.policies import POLICIES
from simulator.runs.options import make_config
from simulator.studies.batch import complain, run_batch
from simulator.studies.executors import make_executor
from simulator.studies.identity import code_version
from simulator.studies.knee import Knee, Sought, measure, plot
from simulator.studies.stores import PointStore

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "measurements" / "2026-11-saturation.md"
SEEDS = (0, 1, 2)
KINDS = {"single": "jobs on one worker", "multi": "jobs on 1 to 8 workers"}


def run(policies: list[str], folder: Path, processes: int | None) -> int:
    """Measure what has not been, and write the table and the plots."""
    names = [name for name in POLICIES if not policies or name in policies]
    found = {kind: _knees(kind, names, folder / kind, processes) for kind in KINDS}
    PAGE.write_text(between(PAGE.read_text(), "knees", table(found)))
    for kind, knees in found.items():
        if knees:
            title = f"Highest sustained load on 36:36:36, {KINDS[kind]}, {len(SEEDS)} seeds"
            plot(knees, DOCS / "figures" / f"knees-{kind}-gpu.svg", title)[0].unlink()
    return 0


def _knees(kind: str, names: list[str], folder: Path, processes: int | None) -> list[Knee]:
    """Measure the knees of one kind of workload; those of which every seed is there come back."""
    configs = {
        name: make_config(policy=name, rate=1.0, window=(0, 1), multi_gpu=kind == "multi")
        for name in names
    }
    sought = Sought(configs, SEEDS)
    store, tasks = PointStore(folder), sought.tasks()
    with closing(make_executor("local", processes)) as executor:
        batch = run_batch(
            executor, measure, tasks, store, f"knees, {kind}-GPU", folder / "failures"
        )
    complain(batch)
    return sought.knees(batch)


def table(found: dict[str, list[Knee]]) -> str:
    """One row a policy: knee, interval, part of the bound and CPU seconds a seed, by kind."""
    header = "| policy |" + "".join(
        f" {kind}-GPU: knee | 95 % interval | of the bound | CPU s a seed |" for kind in found
    )
    lines = [header, "| --- |" + " ---: | ---: | ---: | ---: |" * len(found)]
    by_name = [{knee.policy: knee for knee in knees} for knees in found.values()]
    names = {name for known in by_name for name in known}
    for name in sorted(names, key=lambda name: -max(_mean(known, name) for known in by_name)):
        cells = [f"`{name}`"]
        for known in by_name:
            knee = known.get(name)
            if knee is None:
                cells += [""] * 4
                continue
            low, high = knee.interval()
            cells += [f"{knee.mean:.2f}", f"{low:.2f} - {high:.2f}"]
            cells += [f"{knee.mean / knee.bound.rate:.0%}", f"{knee.cpu_seconds / len(SEEDS):.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"Seeds 0 to 2; version of the code that decides results: `{code_version()}`."]
    return "\n".join(lines)


def _mean(known: dict[str, Knee], name: str) -> float:
    return known[name].mean if name in known else 0.0
