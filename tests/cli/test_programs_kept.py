"""Programs in files: what ``--record programs`` writes, and what no engine of the chain could solve."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import simulator
from gavel_opt import Driver, SolveFailed, make_policy, read_program, solve
from gavel_opt import cli as gavel_opt_command
from gavel_opt.testing import policy_states
from simulator.cli import main

SMALL = ("--cluster", "2:2:2", "--jobs", "6")

ENGINE = """
from gavel_opt import Capability, Solution, Status
class Refuser:
    name = "refuser"
    capability = Capability()
    def version(self):
        return "0"
    def solve(self, program, options=None):
        return Solution(Status.NUMERICAL_ERROR)
"""


@pytest.fixture
def refuser(tmp_path, monkeypatch):
    """An engine of another package, which has no answer to anything."""
    site = tmp_path / "site"
    about = site / "refuser-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: refuser\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[gavel_opt.engines]\nrefuser = refuser:Refuser\n")
    (site / "refuser.py").write_text(ENGINE)
    monkeypatch.syspath_prepend(site)
    return "refuser"


def run(capsys, *words):
    status = main(["run", *map(str, words)])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("engine", ["structured", "highs", "ecos"])
@pytest.mark.parametrize("policy", ["finish_time_fairness_perf", "finish_time_fairness_packed"])
def test_finish_time_programs_are_recorded_as_linear_ones(policy, engine, tmp_path, capsys):
    if engine == "ecos":
        pytest.importorskip("ecos")
    words = ("--policy", policy, "--engine", engine, *SMALL, "--output", tmp_path / "a")
    status, out, _ = run(capsys, *words, "--record", "programs", "--json")
    assert status == 0
    summary = json.loads(out)
    assert summary["notes"] == []
    files = sorted((tmp_path / "a" / "programs").iterdir())
    assert len(files) == summary["solve"]["programs"] > 0
    assert gavel_opt_command.main(["check", str(tmp_path / "a"), "--engines", "highs,ortools"]) == 0
    if engine != "structured":  # several a recomputation: the search for the ratio, fallbacks
        return
    for file in files:  # one a recomputation, at the ratio that it proves
        assert solve(read_program(file)).objective == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("engine", ["structured", "highs"])
@pytest.mark.parametrize(
    "policy",
    [
        "max_min_fairness_perf",
        "max_min_fairness_packed",
        "finish_time_fairness_perf",
        "min_total_duration_perf",
    ],
)
def test_the_second_programs_of_the_efficient_optimum_are_recorded(
    policy, engine, tmp_path, capsys
):
    words = ("--policy", policy, "--engine", engine, "--tie-break", "efficient", "--multi-gpu")
    words = (*words, "--cluster", "8:8:8", "--jobs", "6", "--output", tmp_path / "a")
    status, out, _ = run(capsys, *words, "--record", "programs", "--json")
    assert status == 0
    summary = json.loads(out)
    kept = [read_program(file) for file in (tmp_path / "a" / "programs").iterdir()]
    second = len(kept) - summary["solve"]["programs"]
    assert 0 < second <= summary["allocations"]
    # the objective of the others is the level alone
    assert sum(np.count_nonzero(program.c) > 1 for program in kept) == second
    words = [
        "check",
        str(tmp_path / "a"),
        "--engines",
        "highs,ortools,ortools-pdlp,pulp" + ",ecos" * bool(find_spec("ecos")),
    ]
    assert gavel_opt_command.main(words) == 0


@pytest.mark.parametrize("policy", ["max_min_fairness_perf", "finish_time_fairness"])
def test_a_run_that_nobody_can_go_on_with_leaves_its_program(policy, refuser, tmp_path, capsys):
    output = tmp_path / "out"
    words = ("--policy", policy, "--engine", refuser, "--fallback", refuser, *SMALL)
    status, out, err = run(capsys, *words, "--output", output)
    assert (status, out, err.count("\n")) == (3, "", 1)
    assert f"gavel-opt check {output / 'unsolved.npz'}" in err
    assert "refuser: numerical_error" in err
    words = ["check", str(output / "unsolved.npz"), "--engines", "highs,ortools,refuser"]
    assert gavel_opt_command.main(words) == 0

    status, out, _ = run(capsys, *words_of(policy, "highs"), "--output", output)
    assert status == 0
    assert not (output / "unsolved.npz").exists()


def words_of(policy, engine):
    return "--policy", policy, "--engine", engine, *SMALL


def test_without_a_folder_it_is_left_among_the_temporary_files(refuser, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = {"policy": "max_min_fairness", "cluster": "2:2:2", "jobs": 6, "engine": refuser}
    with pytest.raises(SolveFailed, match="gavel-opt check") as failed:
        simulator.run(fallback=(), **settings)
    (file,) = tmp_path.glob("gavel-sim-unsolved-*.npz")
    assert str(file) in str(failed.value)
    kept = read_program(file)
    assert kept.a.shape == failed.value.program.shape
    np.testing.assert_array_equal(kept.c, failed.value.program.c)


def test_a_fallback_is_counted_and_shown(refuser, tmp_path, capsys):
    words = ("--policy", "max_min_fairness", "--engine", refuser, *SMALL)
    status, out, _ = run(capsys, *words, "--json")
    assert status == 0
    solved = json.loads(out)["solve"]
    assert solved["fallbacks"] > 0
    assert solved["refusals"] == {"refuser: numerical_error": solved["fallbacks"]}
    words = ["compare", "--engines", "structured,refuser", "--policy", "max_min_fairness", *SMALL]
    assert main(words) == 0
    line = next(ln for ln in capsys.readouterr().out.splitlines() if ln.startswith("  refuser"))
    assert f"equal to the last bit; {solved['fallbacks']} answers refused and found else" in line


def test_comparing_all_engines_does_not_pass_over_one_that_failed(refuser, capsys, monkeypatch):
    from gavel_opt import known_engines

    known = {name: entry for name, entry in known_engines().items() if name != "ortools-pdlp"}
    monkeypatch.setattr("simulator.cli.compare.known_engines", lambda: known)
    words = ["--policy", "max_min_fairness", *SMALL, "--fallback", "", "--json"]
    assert main(["compare", "--engines", "all", *words]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["equal"]
    assert found["skipped"]["refuser"].startswith("failed: no engine gave a certified answer")


def test_the_folder_of_a_run_is_named_in_the_message(refuser, tmp_path, capsys):
    words = ["sweep", "--policy", "max_min_fairness", "--engine", refuser, "--fallback", refuser]
    assert main([*words, *SMALL, "--output", str(tmp_path / "s"), "--processes", "1"]) == 3
    err = capsys.readouterr().err
    (path,) = (word for word in err.split() if "gavel-sim-unsolved" in word)
    assert Path(path).exists()
    Path(path).unlink()


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_run_that_goes_on_numbers_on_where_its_checkpoint_was(tmp_path, capsys):
    words = ("--policy", "max_min_fairness_perf", "--engine", "highs", "--cluster", "2:2:2")
    words = (*words, "--rate", "0.3", "--window", "0:20", "--record", "programs")
    assert run(capsys, *words, "--output", tmp_path / "whole")[0] == 0
    expected = contents(tmp_path / "whole" / "programs")
    part = tmp_path / "part"
    limits = ("--max-simulated-hours", "60")
    every = ("--checkpoint-every", "50r")
    assert run(capsys, *words, *limits, *every, "--output", part)[0] == 0
    before = contents(part / "programs")
    assert 0 < len(before) < len(expected)
    # what a run had solved after its last checkpoint when it was killed, which comes again
    for number in range(len(before) + 1, len(before) + 4):
        (part / "programs" / f"program-{number:06d}.npz").write_bytes(min(before.values()))
    assert run(capsys, "--resume", part, "--max-simulated-hours", "9999")[0] == 0
    assert contents(part / "programs") == expected


def test_what_an_earlier_run_recorded_is_not_left_beside_another(tmp_path, capsys):
    words = (*words_of("max_min_fairness_perf", "highs"), "--output", tmp_path / "a")
    assert run(capsys, *words, "--record", "programs", "trace", "placements")[0] == 0
    assert len(list((tmp_path / "a").iterdir())) == 7
    assert run(capsys, *words, "--seed", "1", "--force")[0] == 0
    assert {file.name for file in (tmp_path / "a").iterdir()} == {
        *("summary.json", "jobs.parquet", "rounds.parquet", "solves.parquet")
    }


def test_a_trace_that_stands_in_the_folder_is_only_read(tmp_path, capsys):
    trace = tmp_path / "a" / "workload.trace"
    words = words_of("max_min_fairness_perf", "highs")
    assert run(capsys, *words, "--record", "trace", "--output", tmp_path / "a")[0] == 0
    words = ("--policy", "fifo", "--cluster", "2:2:2", "--trace", trace, "--output", tmp_path / "a")
    assert run(capsys, *words, "--force")[0] == 0
    assert trace.exists()


def test_what_the_recorder_raises_is_no_failure_of_the_engine():
    def recorder(program, solution):
        raise LookupError("of the recorder")

    driver = Driver(make_policy("max_min_fairness_perf"), "highs", ["ortools"], recorder=recorder)
    with pytest.raises(LookupError, match="of the recorder"):
        driver.allocate(next(policy_states()))
    assert not driver.tally.refusals
