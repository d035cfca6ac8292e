"""What each recomputation cost is kept with a run, and adds up to the summary."""

from __future__ import annotations

import numpy as np

from simulator.runs.checkpoint import load
from simulator.runs.output.read_back import read_table
from simulator.runs.runner import Checkpointing, execute
from simulator.settings.options import make_config

CONTINUOUS = {"rate": 4.0, "window": (5, 15), "seed": 1, "fixed_duration": 7200.0}


def run(engine="auto", policy="max_min_fairness_perf", **more):
    return execute(make_config(policy=policy, engine=engine, cluster="4:4:4", **CONTINUOUS), **more)


def test_entries_add_up_to_the_summary(tmp_path):
    result = run("highs")
    result.write(tmp_path)
    solves, summary = read_table(tmp_path, "solves"), result.summary["solve"]
    for name in ("programs", "cache_hits", "fallbacks"):
        assert solves[name].sum() == summary[name]
    for name in ("primal_residual", "dual_residual", "relative_gap"):
        assert np.nanmax(solves[name]) == summary[f"max_{name}"]
    spent = sum(result.summary["time"][name] for name in ("build", "translate", "solve", "read"))
    assert solves["seconds"].sum() >= spent - 1e-6
    assert (np.diff(solves["time"]) > 0).all()
    assert set(solves["refused"]) == {""}
    rounds = result.rounds["time"]
    assert (solves["time"] == rounds[solves["round"]]).all()


def test_a_policy_without_programs_has_no_residuals():
    solves = run(policy="fifo").solves
    assert solves["time"].size
    assert not solves["programs"].any()
    assert np.isnan(solves["relative_gap"]).all()


def test_refused_answers_stand_where_they_were_refused(monkeypatch):
    """An engine whose third answer is far from any optimum."""
    from gavel_opt.engines.registry import make_engine

    engine, solved = make_engine("clarabel"), 0
    honest = type(engine).solve

    def solve(self, program, options):
        nonlocal solved
        found = honest(self, program, options)
        solved += 1
        if solved == 3:
            found.x = found.x + 1.0
        return found

    monkeypatch.setattr(type(engine), "solve", solve)
    solves = run("clarabel").solves
    assert (
        np.flatnonzero(solves["refused"] != "").tolist()
        == np.flatnonzero(solves["fallbacks"]).tolist()
    )
    assert (solves["refused"] != "").sum() == 1
    assert solves["refused"][2] == "clarabel: imprecise"


def test_a_resumed_run_keeps_them(tmp_path):
    path = tmp_path / "checkpoint.npz"
    whole = run(checkpointing=Checkpointing(path, rounds=40))
    resumed = run(resume=load(path, "--resume"))
    for name in whole.solves:
        if name != "seconds":
            assert np.array_equal(whole.solves[name], resumed.solves[name])
