"""The door from Python: names, signatures, what a result looks like, the commands as functions."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import gavel_opt
import gavel_sim
import simulator
from gavel_opt import InputError
from simulator.settings.config import GIVEN
from simulator.settings.options import make_config

SMALL = {"cluster": "4:4:4", "jobs": 6}


def test_the_unique_name_leads_to_the_same():
    assert gavel_sim.run is simulator.run
    assert gavel_sim.__version__ == simulator.__version__ == gavel_opt.__version__
    assert set(gavel_sim.__all__) == set(simulator.__all__)
    with pytest.raises(AttributeError):
        _ = gavel_sim.no_such_name


def test_another_simulator_is_named(tmp_path):
    (tmp_path / "simulator.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", "import gavel_sim"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{tmp_path / 'simulator.py'} stands before the package" in done.stderr


def test_signatures_complete():
    assert set(GIVEN) < set(inspect.signature(simulator.run).parameters)
    assert set(GIVEN) < set(inspect.signature(simulator.sweep).parameters)
    assert "rate" not in inspect.signature(simulator.knee).parameters


def test_a_result_is_five_lines():
    result = simulator.run(policy="fifo", **SMALL)
    lines = repr(result).splitlines()
    assert len(lines) == 5
    assert lines[0] == "fifo: completed"  # nothing was solved, on no engine
    assert f"{result.average_jct:,.2f} s" in lines[1]
    shown = result._repr_html_()
    assert shown.startswith("<table><caption>fifo: completed</caption><tr><th>average_jct</th><td>")
    assert shown.count("<tr>") == 4
    assert f"{result.average_jct:,.2f} s" in shown
    result.summary["policy"] = "<script>"
    assert "<script>" not in result._repr_html_()
    partial = simulator.run(policy="fifo", max_simulated_hours=1, **SMALL)
    assert "  average_jct  none: " in repr(partial)
    assert "  simulated " in repr(partial)


def test_sweep_returns_its_table(tmp_path, capsys):
    rows = simulator.sweep(policy=["isolated", "fifo"], seed="0-1", grouping=False, **SMALL)
    assert [(row["policy"], row["seed"]) for row in rows] == [
        *(("isolated", 0), ("isolated", 1), ("fifo", 0), ("fifo", 1)),
    ]
    assert rows[2]["average_jct"] == simulator.run(policy="fifo", seed=0, **SMALL).average_jct
    again = simulator.sweep(policy="fifo", output=tmp_path / "out", **SMALL)
    assert (tmp_path / "out" / "summary.csv").exists()
    assert again[0]["average_jct"] == rows[2]["average_jct"]
    assert capsys.readouterr().out == ""


def test_several_values_are_whatever_can_be_gone_through():
    rows = simulator.sweep(policy="fifo", cluster="4:4:4", jobs=range(3, 5), seed=(i for i in "01"))
    assert [(row["jobs"], row["seed"]) for row in rows] == [(3, 0), (3, 1), (4, 0), (4, 1)]


def test_what_is_recorded(tmp_path):
    result = simulator.run(policy="fifo", record="placements", output=tmp_path / "a", **SMALL)
    assert result.placements is not None
    assert "first_start" in result.jobs
    assert (tmp_path / "a/placements.parquet").exists()
    both = simulator.run(policy="fifo", record=["placements", "allocations"], **SMALL)
    assert both.placements is not None
    assert both.allocations is not None
    assert simulator.run(policy="fifo", **SMALL).placements is None


def test_the_unique_name_is_a_command():
    words = [sys.executable, "-m", "gavel_sim", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"gavel-sim {gavel_sim.__version__}\n"


def test_figure_and_knee_and_compare(tmp_path):
    pytest.importorskip("matplotlib")
    folder = simulator.figure(
        9, output=tmp_path / "f", seed=0, policy="allox", at=4, window=(5, 9), processes=1
    )
    assert (folder / "points.csv").exists()
    (found,) = simulator.knee(policy="isolated", cluster={"v100": 6}, seed=[0])
    assert found.policy == "isolated"
    low, high = found.interval()
    assert 0 < low < found.mean < high
    assert found.by_seed[0].rate == found.mean < found.bound.rate
    a = simulator.run(policy="fifo", **SMALL)
    assert simulator.compare(a, simulator.run(policy="fifo", **SMALL)) is None
    parted = simulator.compare(a, simulator.run(policy="fifo", **(SMALL | {"jobs": 5})))
    assert parted is not None
    assert parted.jobs_differ


def test_wrong_settings_are_answered():
    for call, given, said in (
        (simulator.sweep, {"policy": "fifo", "jobs": 5, "sed": 1}, "did you mean seed"),
        (simulator.sweep, {"policy": "fifo", "jobs": "5-3"}, "--jobs: the range '5-3' is empty"),
        (simulator.knee, {"policy": "fifo", "sed": 1}, "did you mean --seed"),
        (simulator.figure, {"output": "x", "at": 99}, "--at: 99 is not a point"),
        (gavel_opt.solve, {"program": "no.mps"}, "no.mps: no such file"),
        (simulator.run, {"policy": "fifo", "jobs": 5, "outptu": "x"}, "did you mean output"),
        (simulator.run, {"policy": "fifo", "jobs": 5, "multigpu": True}, "did you mean multi_gpu?"),
        (
            simulator.run,
            {"policy": "fifo", "jobs": 5, "record": "place"},
            "did you mean placements",
        ),
        (
            simulator.run,
            {"policy": "fifo", "jobs": 5, "record": "programs"},
            "record: programs are",
        ),
        (simulator.run, {"policy": ["fifo"], "jobs": 5}, "expected the name of a policy"),
        (simulator.compare, {"a": 5, "b": 6}, "compare: 5 is neither a run's result nor"),
        (gavel_opt.solve, {"program": 3}, "program: 3 is no LinearProgram"),
    ):
        with pytest.raises(InputError, match=said):
            call(*(["9"] if call is simulator.figure else []), **given)


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        _ = simulator.rnu
    assert "run" in dir(simulator)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: simulator.run("fifo"), "no workload: "),
        (lambda: simulator.run(jobs=3), "--policy: is required"),
        (lambda: simulator.run("fifo", jobs=3, seed=None), "--seed: None is no seed"),
        (lambda: simulator.run("fifo", jobs=3, output=3), "--output: 3 is not the name"),
        (lambda: simulator.run("fifo", jobs=3, record=None), "record: None is not a name"),
        (lambda: simulator.run("fifo", jobs=3, on_round=3), "on_round: 3 is nothing that"),
        (lambda: simulator.run("fifo", jobs=3, cancel=3), "cancel: 3 has no is_set"),
        (lambda: simulator.run("fifo", jobs=3, entities="1:2"), "--entities: policy 'fifo' has no"),
        (lambda: simulator.run("las", jobs=3), "here it is max_min_fairness "),
        (lambda: simulator.run("fifo", jobs=3, cluster="v100:4"), "; with equals signs: v100=4"),
        (lambda: simulator.run("fifo", jobs=3, cluster="4xV100, 2xk80"), "signs: V100=4,k80=2"),
        (lambda: simulator.sweep("fifo", jobs=3, seed=None), "--seed: None is no seed"),
        (lambda: simulator.sweep("fifo", jobs=3, recor=1), "unknown setting 'recor'"),
        (lambda: simulator.knee("fifi"), "did you mean fifo"),
        (lambda: simulator.figure(), "which figure"),
        (lambda: simulator.figure(99), "unknown figure '99'"),
    ],
)
def test_what_somebody_new_types_is_answered_in_a_line(call, said):
    with pytest.raises(InputError) as wrong:
        call()
    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"output": "a\0b"}, "is not the name of a folder"),
        ({"fallback": 5}, "5 is no list of engines"),
        ({"policy_settings": 5}, "5 are no settings"),
        ({"policy": "a\0.py:Mine"}, "is not the name of a file"),
    ],
)
def test_values_that_no_command_line_has(settings, said):
    with pytest.raises(InputError, match=said):
        simulator.run(**{"policy": "isolated", "cluster": "2:2:2", "jobs": 3, **settings})


@pytest.mark.parametrize("processes", [0, -1, "x", 1.5])
def test_processes_are_a_number_of_them(processes):
    with pytest.raises(InputError, match="is not a positive whole number"):
        simulator.sweep(policy="isolated", cluster="2:2:2", jobs=3, processes=processes)


def test_an_array_is_a_list_of_values():
    rows = simulator.sweep(policy="isolated", cluster="2:2:2", jobs=np.array([3, 4]), processes=1)
    assert [row["jobs"] for row in rows] == [3, 4]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([], [], [], []), "with a matrix of two dimensions"),
        (([1j], [[1.0]], [1.0], [2.0]), "of real numbers"),
        (([1.0], [[1.0]], ["a"], [2.0]), "row_lower is no array of real numbers"),
    ],
)
def test_what_is_no_program(given, said):
    with pytest.raises(InputError, match=said):
        gavel_opt.LinearProgram.build(*given)
    with pytest.raises(InputError, match="5 is no engine"):
        gavel_opt.solve(gavel_opt.LinearProgram.build([1.0], [[1.0]], [1.0], [2.0]), engine=5)


@pytest.mark.parametrize("window", [range(2), (0, 2), [0, 2], "0:2", np.array([0, 2])])
def test_a_window_in_every_form(window):
    """A range was taken for its first and second job."""
    result = simulator.run(policy="fifo", window=window, **SMALL)
    assert result.summary["jobs"]["measured"] == 2
    rows = simulator.sweep(policy="fifo", window=[(0, 2), (0, 3)], processes=1, **SMALL)
    assert [row["jobs.measured"] for row in rows] == [2, 3]


@pytest.mark.parametrize("window", [{0, 2}, iter((0, 2)), range(0, 4, 2), {0: 2}])
def test_what_has_no_start_and_end_is_no_window(window):
    with pytest.raises(InputError, match="is not START:END"):
        simulator.run(policy="fifo", window=window, **SMALL)


@pytest.mark.parametrize("window", [range(2), (0, 2)])
def test_a_window_of_a_sweep_may_be_one(window):
    rows = simulator.sweep(policy="fifo", window=window, processes=1, **SMALL)
    assert [row["jobs.measured"] for row in rows] == [2]


@pytest.mark.parametrize("seeds", [[0, 1], (0, 1), range(2), np.arange(2), "0-1"])
def test_seeds_in_every_form(seeds):
    found = simulator.what_if("fifo", "v100+1", seed=seeds, processes=1, **SMALL)
    assert found["seeds"] == [0, 1]
    assert len(simulator.sweep("fifo", seed=seeds, processes=1, **SMALL)) == 2


def test_what_is_said_is_one_line():
    with pytest.raises(InputError) as found:
        simulator.run(policy="fifo", jobs=np.arange(9).reshape(3, 3))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: simulator.what_if("fifo", 5, **SMALL), "--against: 5 is no alternative"),
        (lambda: simulator.sweep("fifo", seed=[], **SMALL), "^--seed: is an empty list"),
        (lambda: simulator.sweep("fifo", processes=True, **SMALL), "--processes: True is not"),
        (lambda: simulator.run("fifo", window=(-1, 2), **SMALL), "starts below job 0"),
    ],
)
def test_wrong_words(ask, said):
    with pytest.raises(InputError, match=said):
        ask()


def test_a_result_is_written_by_the_name_of_a_folder(tmp_path):
    """A text was a TypeError, and other runs and files were written over."""
    result = simulator.run(policy="fifo", **SMALL)
    folder = tmp_path / "a"
    result.write(str(folder))
    result.write(folder)
    assert simulator.compare(folder, result) is None
    other = simulator.run(policy="isolated", **SMALL)
    with pytest.raises(InputError, match="holds a run with other settings"):
        other.write(folder)
    assert simulator.compare(folder, result) is None
    other.write(folder, force=True)
    assert simulator.compare(folder, other) is None
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "jobs.parquet").write_text("mine")
    with pytest.raises(InputError, match="was not written by gavel-sim"):
        result.write(mine)
    for wrong in (5, "", None):
        with pytest.raises(InputError):
            result.write(wrong)


@pytest.mark.parametrize("word", ["bound", "dry_run", "json", "shard"])
def test_what_is_for_commands_is_not_passed_over(word):
    with pytest.raises(InputError, match=f"{word}: is for the command line"):
        simulator.knee("fifo", seed=0, cluster="4:4:4", **{word: True})
    with pytest.raises(InputError, match=f"{word}: is for the command line"):
        simulator.what_if("fifo", "v100+1", **SMALL, **{word: True})


def test_a_switch_of_an_array_is_one():
    config = make_config(policy="isolated", jobs=3, multi_gpu=np.bool_(True), slos=np.array(False))
    assert (config.multi_gpu, config.slos) == (True, False)
    with pytest.raises(InputError, match=r"--multi-gpu: .* is not true or false"):
        make_config(policy="isolated", jobs=3, multi_gpu=np.array([True]))
