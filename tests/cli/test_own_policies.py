"""A policy of the user's on every command, and as an object from Python."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import simulator
from gavel_opt import InputError, make_policy
from gavel_opt.policies.shares import Isolated
from simulator.cli import main
from simulator.settings.config import SETTINGS
from simulator.studies.sweeps.sweep_plan import make_plan

EXAMPLES = Path(__file__).parents[2] / "docs" / "example_policies"
SMALL = ["--cluster", "4:4:4", "--jobs", "12"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in EXAMPLES.glob("*.py"):
        Path(file.name).write_text(file.read_text())


def summary(folder):
    return json.loads(Path(folder, "summary.json").read_text())


def test_run_and_the_command_that_repeats_it(capsys):
    policy = ["--policy", "guaranteed.py:Guaranteed", "--set", "part=0.25"]
    assert main(["run", *policy, *SMALL, "--output", "a"]) == 0
    found = summary("a")
    assert found["policy"] == "guaranteed.py:Guaranteed"
    assert found["config"]["policy_settings"] == {"part": 0.25}
    assert found["versions"]["policy"].startswith("guaranteed.py sha256:")
    assert found["solve"]["programs"] > 0
    words = shlex.split(found["command"])[1:]
    assert words[words.index("--set") + 1] == "part=0.25"
    assert main([*words, "--output", "b"]) == 0
    assert summary("b")["jct"] == found["jct"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--policy", "guaranteed.py:Guarantee"], "unknown class in guaranteed.py"),
        (["--policy", "guarantee.py:Guaranteed"], "cannot read guarantee.py"),
        (["--policy", "guaranteed.py:Guaranteed", "--set", "prt=1"], "did you mean part"),
        (["--policy", "guaranteed.py:Guaranteed", "--set", "part=x"], "expected a number"),
        (["--policy", "guaranteed.py:Guaranteed", "--set", "part"], "not NAME=VALUE"),
        (["--policy", "fifo", "--set", "mode=perf"], "stands for mode='plain'"),
    ],
)
def test_bad_input_is_one_line(words, said, capsys):
    assert main(["run", *words, *SMALL, "--output", "a"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not Path("a").exists()


def test_sweep_in_worker_processes_over_policies_and_settings():
    Path("sweep.toml").write_text(
        'cluster = "4:4:4"\njobs = 12\n[[case]]\npolicy = "guaranteed.py:Guaranteed"\n'
        "set = [{part = 0.25}, {part = 0.75}]\n[[case]]\n"
        'policy = ["shortest_remaining.py:ShortestRemaining", "fifo"]\n'
    )
    assert main(["sweep", "sweep.toml", "--processes", "2", "--output", "t"]) == 0
    rows = Path("t", "summary.csv").read_text().splitlines()
    assert len(rows) == 5
    assert sum("shortest_remaining.py:ShortestRemaining" in row for row in rows) == 1


def test_settings_of_a_sweep_on_the_command_line():
    several = ["part=0.25", "part=0.75", "other=1"]
    assert SETTINGS["policy_settings"].kind.together(several, "--set") == [
        {"part": "0.25"},
        {"part": "0.75", "other": "1"},
    ]
    given = {"policy": "guaranteed.py:Guaranteed", "jobs": 12, "set": several[:2], "seed": "0-1"}
    plan = make_plan([("", given)])
    assert [run.config.policy_settings["part"] for run in plan] == [0.25, 0.25, 0.75, 0.75]


def test_figure_and_compare(capsys):
    own = "shortest_remaining.py:ShortestRemaining"
    at = ["--at", "3.2", "--seed", "0", "--window", "10:20", "--processes", "1", "--output", "f"]
    assert main(["figure", "9", "--policy", own, *at]) == 0
    assert "ShortestRemaining" in capsys.readouterr().out
    assert main(["figure", "12", "--policy", own]) == 2
    assert "figure 12 has no place for shortest_remaining.py" in capsys.readouterr().err
    assert main(["compare", "--policy", own, "--engines", "structured,highs", *SMALL]) == 0


def test_a_knee_of_one(capsys):
    own = "shortest_remaining.py:ShortestRemaining"
    knees = simulator.knee(policy=own, seed=0, cluster="1:1:1")
    assert [knee.policy for knee in knees] == [own]


def test_a_checkpoint_goes_on_with_the_policy():
    policy = ["--policy", "urgent.py:Urgent", "--set", "most=3"]
    work = ["--rate", "1", "--window", "5:15", "--cluster", "8:8:8", "--saturation", "off"]
    assert main(["run", *policy, *work, "--output", "whole"]) == 0
    limit = ["--max-simulated-hours", "20", "--checkpoint-every", "50r"]
    assert main(["run", *policy, *work, *limit, "--output", "part"]) == 0
    more = ["--max-simulated-hours", "1e9", "--output"]
    assert main(["run", "--resume", "part", *more, "again"]) == 0
    assert summary("again")["jct"] == summary("whole")["jct"]
    assert not summary("again")["notes"]
    Path("urgent.py").write_text(Path("urgent.py").read_text() + "\n# changed\n")
    assert main(["run", "--resume", "part", *more, "other"]) == 0
    assert any("another one than before" in note for note in summary("other")["notes"])


def test_objects_and_classes_from_python():
    settings = {"cluster": "4:4:4", "jobs": 12}
    named = simulator.run(policy="isolated", **settings)
    policy = Isolated("mine")
    for given in (policy, Isolated, lambda seed: Isolated("mine", seed)):
        found = simulator.run(policy=given, **settings)
        assert found.jct == named.jct
    assert simulator.run(policy=Isolated, **settings).summary["policy"].endswith("shares:Isolated")
    notes = simulator.run(policy=policy, **settings).summary["notes"]
    assert notes == ["the policy was handed over as an object: no command repeats this run"]
    fifo = make_policy("fifo")
    first = simulator.run(policy=fifo, **settings)
    assert first.jct == simulator.run(policy=fifo, **settings).jct  # a copy runs
    with pytest.raises(InputError, match="is a int without 'name'"):
        simulator.run(policy=3, **settings)
    with pytest.raises(InputError, match="takes no part"):
        simulator.run(policy=Isolated, policy_settings={"part": 1}, **settings)


def test_what_a_policy_is_refused_for_names_it_and_the_line(capsys):
    Path("mine.py").write_text(
        "from gavel_opt import Policy, ProgramBuilder\n\n"
        "class Mine(Policy):\n"
        "    name = 'mine'\n\n"
        "    def programs(self, state, merge):\n"
        "        program = ProgramBuilder(state)\n"
        "        program.maximise_smallest(slope=0.0)\n"
        "        return (yield from program.solve(merge))\n"
    )
    assert main(["run", "--policy", "mine.py:Mine", *SMALL]) == 2
    said = capsys.readouterr().err
    assert said.startswith("gavel-sim: policy 'mine': slope: is 0 for all jobs")
    assert said.endswith("mine.py, line 8)\n")
