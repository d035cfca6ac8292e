"""Whole simulations: points of the paper's figures, jobs 4000 to 5000, seed 0, engine auto."""

from __future__ import annotations

from typing import Any

import pytest

import simulator
from bench.specs import RUNS, Run

NEAR = 0.2
"""How far a mean completion time may be from the paper's: one seed against three, another optimum."""


def _run(run: Run, window: tuple[int, int]) -> Any:
    return simulator.run(
        policy=run.policy,
        cluster="36:36:36",
        rate=run.rate,
        window=window,
        multi_gpu=run.multi_gpu,
        seed=0,
        saturation="off",
    )


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name.replace(" ", "_"))
def test_figure_point(run: Run, benchmark: Any) -> None:
    _run(run, (20, 40))
    rounds = 3 if run.goal <= 1.5 else 1
    result = benchmark.pedantic(_run, args=(run, (4000, 5000)), rounds=rounds)
    summary = result.summary
    benchmark.extra_info.update(
        suite="runs",
        run=run.name,
        average_jct=result.average_jct,
        rounds=summary["rounds"],
        allocations=summary["allocations"],
        active=int(result.rounds["active"].max()),
        fallbacks=summary["solve"]["fallbacks"],
        gap=summary["solve"]["max_relative_gap"],
        time=summary["time"],
    )
    assert result.status == "completed"
    assert len(result.jct) == 1000
    assert summary["solve"]["max_relative_gap"] <= 1e-6
    if run.paper is not None:
        assert result.average_jct / 3600.0 == pytest.approx(run.paper, rel=NEAR)


def test_small_run(benchmark: Any) -> None:
    result = benchmark.pedantic(_run, args=(RUNS[0], (20, 40)), rounds=1)
    benchmark.extra_info.update(suite="small")
    assert result.status == "completed"
    # The recorded run of the reference's defaults at this size is completed by all 20 jobs.
    assert len(result.jct) == 20
