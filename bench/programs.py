"""Our streams of programs as a benchmark for any LP solver: MPS files with proven optima.

``python -m bench programs DIR`` writes the programs of successive recomputations of real runs and of
drawn states, every job a row of its own, and ``optima.csv`` beside them. A program follows the one
before it in its stream with a few jobs come, gone or further on, so warm starts can be tried too.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.states import source
from gavel_opt import Driver, LinearProgram, Solution, make_policy, solve, write_program


@dataclass(frozen=True)
class Family:
    """Programs of one policy on successive states of one kind; ``jobs`` 0 for recorded runs."""

    name: str
    policy: str
    kind: str
    jobs: int = 0
    calls: int = 8


FAMILIES = (
    Family("max-min-stream-single", "max_min_fairness_perf", "stream single-GPU"),
    Family("max-min-stream-multi", "max_min_fairness_perf", "stream multi-GPU"),
    Family("finish-time-stream-multi", "finish_time_fairness_perf", "stream multi-GPU"),
    Family(
        "water-filling-stream-single",
        "max_min_fairness_water_filling_perf",
        "stream single-GPU",
        0,
        4,
    ),
    Family("packed-stream-single", "max_min_fairness_packed", "stream single-GPU", 0, 4),
    Family("max-min-2048", "max_min_fairness_perf", "contended", 2048, 4),
    Family("max-min-different-512", "max_min_fairness_perf", "distinct", 512),
    Family("max-min-different-8192", "max_min_fairness_perf", "distinct", 8192, 2),
    Family("makespan-512", "min_total_duration_perf", "contended", 512, 4),
    Family("throughput-different-2048", "max_sum_throughput_perf", "distinct", 2048, 2),
)
HEAD = (
    "file",
    "policy",
    "rows",
    "columns",
    "entries",
    "objective",
    "primal_residual",
    "dual_residual",
    "gap",
    "by",
)


def write(folder: Path, families: tuple[Family, ...] = FAMILIES) -> int:
    """Write all programs, and their optima with what proves them; 1 if one is not proven."""
    folder.mkdir(parents=True, exist_ok=True)
    unproven = 0
    with (folder / "optima.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(HEAD)
        for family in families:
            for number, (program, best, by) in enumerate(_solved(family)):
                path = write_program(program, folder / f"{family.name}-{number:03}.mps")
                proof = best.certificate
                unproven += not proof.within(1e-9)
                shape = (*program.a.shape, program.a.nnz)
                residuals = (proof.primal_residual, proof.dual_residual, proof.relative_gap)
                figures = (repr(best.objective), *(f"{one:.1e}" for one in residuals))
                table.writerow([path.name, family.policy, *shape, *figures, by])
                print(f"{path.name}: {best.objective!r} by {by}", flush=True)
    if unproven:
        print(f"{unproven} optima are proven to less than 1e-9", file=sys.stderr)
    return int(unproven > 0)


def _solved(family: Family) -> Iterator[tuple[LinearProgram, Solution, str]]:
    """The programs of a family, each with the best proven of two solvers' answers."""
    recorded: list[LinearProgram] = []
    driver = Driver(
        make_policy(family.policy),
        "highs",
        tie_break="none",
        grouping=False,
        recorder=lambda program, solution: recorded.append(program),
    )
    walk = source(family.kind, family.jobs, family.policy)
    memory = walk.memory() if "time" in driver.policy.snapshot() else None
    if memory is not None:
        driver.policy.restore(memory)
    state = walk.now
    for call in range(family.calls):
        driver.allocate(state if call == 0 else walk.advance())
    for program in recorded:
        answers = [(solve(program, engine), engine) for engine in ("highs", "ortools")]
        values = [answer.objective for answer, _ in answers]
        assert abs(values[0] - values[1]) <= 1e-7 * max(1.0, abs(values[0])), values
        best, by = min(answers, key=lambda pair: pair[0].certificate.relative_gap)
        yield program, best, by
