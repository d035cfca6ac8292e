"""The knees of all policies on the paper's cluster: one table and two plots in the documentation.

``python -m bench knees`` goes on where an earlier one stopped (its folder keeps a file a measurement) and
writes the table and the plots of what is done by then.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from bench.report import between
from gavel_opt.policies import POLICIES
from simulator.runs.policy_of_run import policy_of
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config
from simulator.studies.batches.batch import Batch, complain, run_batch
from simulator.studies.batches.identity import code_version
from simulator.studies.batches.stores import PointStore
from simulator.studies.executors import make_executor
from simulator.studies.knee import Knee, Sought, measure, plot

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "measurements" / "2026-11-saturation.md"
SEEDS = (5, 10, 20, 40)
"""How many seeds: more of them for the policies whose interval is wide."""

WIDE = 0.015
"""Half of an interval, as a part of the knee, from which on it is."""

KINDS = {"single": "jobs on one worker", "multi": "jobs on 1 to 8 workers"}


def run(policies: list[str], folder: Path, processes: int | None) -> int:
    """Measure what has not been of some policies; write the table and the plots of all that is there."""
    found = {}
    for kind in KINDS:
        store, configs = PointStore(folder / kind), _configs(kind)
        wanted = {name: configs[name] for name in configs if not policies or name in policies}
        _measure(kind, wanted, store, processes)
        known = (_known(name, config, store) for name, config in configs.items())
        found[kind] = [knee for knee in known if knee is not None]
    PAGE.write_text(between(PAGE.read_text(), "knees", table(found)))
    for kind, knees in found.items():
        if knees:
            title = f"Highest sustained load on 36:36:36, {KINDS[kind]}"
            plot(knees, DOCS / "figures" / f"knees-{kind}-gpu.svg", title)[0].unlink()
    return 0


def _configs(kind: str) -> dict[str, RunConfig]:
    """Every policy that takes such jobs."""
    multi = kind == "multi"
    configs = {
        name: make_config(policy=name, rate=1.0, window=(0, 1), multi_gpu=multi)
        for name in POLICIES
    }
    return {
        name: config
        for name, config in configs.items()
        if not (multi and policy_of(config).traits.single_gpu_only)
    }


def _measure(
    kind: str, configs: dict[str, RunConfig], store: PointStore, processes: int | None
) -> None:
    """Measure knees: a few seeds, and more for those whose interval is wide."""
    with closing(make_executor("local", processes)) as executor:
        for seeds in SEEDS:
            sought = Sought(configs, range(seeds))
            what = f"knees, {kind}-GPU, {seeds} seeds"
            log = store.folder / "failures"
            batch = run_batch(executor, measure, sought.tasks(), store, what, log)
            complain(batch)
            wide = {knee.policy for knee in sought.knees(batch) if _half(knee) > WIDE}
            configs = {name: one for name, one in configs.items() if name in wide}
            if not configs:
                break


def _known(name: str, config: RunConfig, store: PointStore) -> Knee | None:
    """The knee of one policy from the seeds that are there, None without any."""
    done = {}
    for task in Sought({name: config}, range(SEEDS[-1])).tasks():
        kept = store.load(task.name, task.payload)
        if kept is None:
            break
        done[task.name] = kept
    sought = Sought({name: config}, range(len(done)))
    return next(iter(sought.knees(Batch(done))), None) if done else None


def _half(knee: Knee) -> float:
    """Half of the interval, as a part of the knee."""
    return knee.either_way / knee.mean


def table(found: dict[str, list[Knee]]) -> str:
    """One row a policy: knee, interval, part of the bound, seeds and CPU seconds a seed, by kind."""
    header = "| policy |" + "".join(
        f" {kind}-GPU: knee | 95 % interval | either way | of the bound | seeds | CPU s a seed |"
        for kind in found
    )
    lines = [header, "| --- |" + " ---: | ---: | ---: | ---: | ---: | ---: |" * len(found)]
    by_name = [{knee.policy: knee for knee in knees} for knees in found.values()]
    names = {name for known in by_name for name in known}
    for name in sorted(names, key=lambda name: -max(_mean(known, name) for known in by_name)):
        cells = [f"`{name}`"]
        for known in by_name:
            knee = known.get(name)
            if knee is None:
                cells += [""] * 6
                continue
            low, high = knee.interval()
            seeds = len(knee.by_seed)
            cells += [f"{knee.mean:.2f}", f"{low:.2f} - {high:.2f}", f"{_half(knee):.1%}"]
            cells += [f"{knee.mean / knee.bound.rate:.0%}", str(seeds)]
            cells.append(f"{knee.cpu_seconds / seeds:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"Version of the code that decides results: `{code_version()}`."]
    return "\n".join(lines)


def _mean(known: dict[str, Knee], name: str) -> float:
    return known[name].mean if name in known else 0.0
