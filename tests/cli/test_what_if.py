"""What another cluster or policy would change, with intervals over common seeds."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from sim import gavel_sim

import simulator
from simulator.cli import main, program
from simulator.cli.what_if import _plan, one_by_one
from simulator.studies.alternatives import Outcomes, as_json, as_text, paired

SMALL = ["what-if", "--policy", "fifo", "--cluster", "2:2:2", "--jobs", "4", "--processes", "1"]


def test_alternatives_run_on_the_same_jobs() -> None:
    words = [*SMALL, "--seed", "0-1", "--against", "v100+0", "--against", "v100+2", "k80-1"]
    done = gavel_sim(*words, "--json")
    assert done.returncode == 0
    found = {one["name"]: one for one in json.loads(done.stdout)["alternatives"]}
    assert list(found) == ["as described", "v100+0", "v100+2 k80-1"]
    assert found["v100+0"]["average_jct"] == found["as described"]["average_jct"]
    assert found["v100+0"]["difference"] == 0.0
    assert found["v100+2 k80-1"]["average_jct"] != found["as described"]["average_jct"]


def test_from_python_as_on_the_command_line() -> None:
    given = {"policy": "fifo", "cluster": "2:2:2", "jobs": 4, "seed": [0, 1], "processes": 1}
    found = simulator.what_if(against=["v100+2 k80-1", "policy=isolated"], **given)
    words = [
        *SMALL,
        "--seed",
        "0-1",
        "--against",
        "v100+2",
        "k80-1",
        "--against",
        "policy=isolated",
    ]
    assert found == json.loads(gavel_sim(*words, "--json").stdout)
    with pytest.raises(simulator.InputError, match="which alternatives"):
        simulator.what_if(**given)


def test_a_cost_that_leaves_workers_out_is_not_compared() -> None:
    words = [
        "what-if",
        "--policy",
        "fifo",
        "--jobs",
        "4",
        "--throughputs",
        "@newer",
        "--processes",
        "1",
    ]
    words += ["--cluster", "v100=2,a100=1", "--seed", "0-1", "--against", "v100+1"]
    said = gavel_sim(*words).stdout
    assert "No price is known for a100, so runs with them have no cost (--prices FILE)." in said
    assert "cost ($)" not in said
    found = json.loads(gavel_sim(*words, "--json").stdout)
    assert all(one["cost"] == [None, None] for one in found["alternatives"])


def test_what_draws_nothing_runs_once_and_has_no_interval(capsys) -> None:
    words = ["what-if", "--policy", "max_min_fairness_perf", "--cluster", "4:4:4"]
    words += ["--trace", "example", "--processes", "1", "--against", "v100+2"]
    assert main([*words, "--seed", "0-2", "--dry-run"]) == 0
    assert capsys.readouterr().out.split() == ["base,seed=0", "v100+2,seed=0"]
    for seeds in ("0-2", "3"):
        assert main([*words, "--seed", seeds]) == 0
        said = capsys.readouterr().out
        assert "Each was run once, as nothing is drawn: all seeds give the same." in said
        assert "±" not in said
        assert "|   60 |" in said  # jobs of the trace, once
    assert main([*words, "--seed", "0-2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["alternatives"]
    assert len(found[0]["average_jct"]) == 3  # by seed
    assert found[1]["difference"] != 0
    assert found[1]["difference_interval"] is None


def test_what_draws_runs_with_every_seed_beside_what_does_not(capsys) -> None:
    words = ["what-if", "--policy", "max_min_fairness_perf", "--cluster", "4:4:4"]
    words += ["--trace", "example", "--processes", "1", "--seed", "0-2"]
    assert main([*words, "--against", "policy=gandiva", "--against", "policy=fifo_perf"]) == 0
    said = capsys.readouterr().out
    assert "Seeds 0, 1, 2; differences" in said
    assert said.rstrip().endswith("all seeds give the same: as described, policy=fifo_perf.")
    row = next(line for line in said.splitlines() if "policy=gandiva" in line)
    assert "|  180 |" in row
    assert "±" in row


def test_commas_are_spaces() -> None:
    said = [
        gavel_sim(*SMALL, "--seed", "0", "--json", "--against", *words).stdout
        for words in (["v100+2,k80-1", "policy=isolated"], ["v100+2", "k80-1,policy=isolated"])
    ]
    found = [json.loads(one)["alternatives"][1]["average_jct"] for one in said]
    assert found[0] == found[1]
    assert one_by_one(["cluster=v100=4,k80=4,policy=fifo", "rate=2"]) == [
        *("cluster=v100=4,k80=4", "policy=fifo", "rate=2"),
    ]


def test_a_paired_difference_has_students_interval() -> None:
    found = paired([3.0, 5.0], [1.0, 2.0])
    assert found is not None
    assert (found.mean, found.base) == (2.5, 1.5)
    # t(0.975, 1) = 12.706, deviation 0.7071, two pairs.
    assert found.half == pytest.approx(12.706 * 0.5, rel=1e-3)
    assert paired([None], [1.0]) is None
    assert paired([3.0, None], [1.0, 2.0]) is None  # what completed alone says too little


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["a100+1"], "unknown worker type 'a100'"),
        (["a100-1"], "the cluster has no a100"),
        (["policy=isolated", "policy=fifo"], "policy is given twice in one alternative"),
        (["round=720", "round-seconds=360"], "round-seconds is given twice"),
        (["v100-3"], "the cluster has 2 v100"),
        (["policy"], "cannot read 'policy'"),
        (["polcy=allox"], "cannot read 'polcy=allox'; did you mean policy=...?"),
        (["alpha=0.2"], "(of the policy: set=NAME=VALUE)"),
        (["multi-gpu=1"], "multi-gpu=1: expected multi-gpu=true or multi-gpu=false"),
        (["policy=fif"], "did you mean fifo"),
        (["seed=3"], "all alternatives have the same seeds"),
    ],
)
def test_a_change_that_is_none_is_answered_in_a_line(changes: list[str], said: str) -> None:
    done = gavel_sim(*SMALL, "--against", *changes)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_more_workers_are_those_of_the_cluster_that_is_given_beside_them() -> None:
    """The cluster was left out without a word."""
    for changes in (["cluster=4:0:1", "v100+2"], ["V100+2", "cluster=4:0:1"]):
        words = [*SMALL, "--seed", "0", "--against", *changes]
        (config,) = _plan(program().parse(words)[1])[0][" ".join(changes)].values()
        assert config.cluster == {"v100": 6, "k80": 1}


def test_a_type_that_the_cluster_has_not_may_be_added() -> None:
    words = ["what-if", "--policy", "fifo", "--cluster", "v100=2", "--jobs", "3", "--seed", "0"]
    (config,) = _plan(program().parse([*words, "--against", "P100+4"])[1])[0]["P100+4"].values()
    assert config.cluster == {"v100": 2, "p100": 4}


def test_an_alternative_with_other_jobs_is_not_called_one_on_the_same(capsys) -> None:
    words = ["--against", "window=0:2", "--against", "v100+1", "--against", "slos=true", "--json"]
    rate = ["what-if", "--policy", "fifo", "--cluster", "2:2:2", "--rate", "2", "--window", "1:3"]
    assert main([*rate, "--seed", "0-1", "--processes", "1", *words]) == 0
    found = {
        one["name"]: one["same_jobs"] for one in json.loads(capsys.readouterr().out)["alternatives"]
    }
    assert found == {"as described": True, "window=0:2": False, "v100+1": True, "slos=true": True}
    assert main([*rate, "--seed", "0-1", "--processes", "1", *words[:-1]]) == 0
    said = capsys.readouterr().out
    assert "But window=0:2 changes the jobs themselves" in said
    assert "Cost and missed deadlines are those of all jobs until the measured" in said


def test_one_seed_has_no_interval_and_nothing_that_ended_early_no_column() -> None:
    done = gavel_sim(*SMALL, "--seed", "0", "--against", "v100+1")
    assert done.returncode == 0
    assert (
        "Seed 0; differences from the first row, of runs on the same jobs, without an"
        in done.stdout
    )
    assert "at least two seeds, such as --seed 0-4" in done.stdout
    assert "ended" not in done.stdout
    assert "95 %" not in done.stdout


def test_endings_have_a_column_where_there_are_some() -> None:
    whole = {"average_jct": 1.0, "cost": 10.0, "utilization": 0.5, "status": "completed"} | {
        "jobs": {"measured": 10, "completed": 10}
    }
    base = Outcomes("as described", [whole, whole])
    other = Outcomes("other", [whole | {"cost": 9.8}, whole | {"status": "saturated"}])
    text = as_text([base, other], [0, 1])
    assert "ended" in text
    assert "1 of 2 completed, 1 of 2 saturated" in text
    assert "-0" not in text


def test_runs_that_were_cut_off_are_no_result() -> None:
    def whole(jct: float) -> dict[str, object]:
        jobs = {"measured": 1000, "completed": 1000}
        found = {"average_jct": jct, "cost": 10.0, "utilization": 0.5, "status": "completed"}
        return found | {"jobs": jobs}

    cut = {"average_jct": None, "cost": 3.0, "utilization": 0.5, "status": "saturated"} | {
        "jobs": {"measured": 1000, "completed": 7}
    }
    base = Outcomes("as described", [whole(36000.0), whole(72000.0)])
    text = as_text([base, Outcomes("other", [whole(54000.0), cut])], [0, 1])
    (row,) = (line for line in text.splitlines() if "other" in line)
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    # neither a mean nor a difference over one of two seeds
    assert cells[1:7] == ["", "1,007 of 2,000", *[""] * 4]
    assert [line.split("|")[7].strip() for line in text.splitlines()[:3]] == [
        *("cost ($)", "-" * 7 + ":", "10.00")
    ]
    assert "| as described |        15.00 |          2,000 |" in text


def test_missed_deadlines_have_a_column_where_there_are_some() -> None:
    def result(missed: int | None) -> dict[str, object]:
        found = {"average_jct": 3600.0, "cost": 10.0, "utilization": 0.5, "status": "completed"}
        return found | {"jobs": {"measured": 9, "completed": 9}, "slo_violations": missed}

    base = Outcomes("as described", [result(74), result(75)])
    found = [base, Outcomes("other", [result(70), result(71)])]
    lines = as_text(found, [0, 1]).splitlines()
    assert "missed deadlines" in lines[0]
    assert [line.split("|")[-2].strip() for line in lines[2:4]] == ["74.5", "70.5 (-4 ± 0)"]
    assert [one["slo_violations"] for one in as_json(found, [0, 1])["alternatives"]] == [
        *([74, 75], [70, 71])
    ]
    assert "deadlines" not in as_text([Outcomes("none", [result(None)])], [0])


def test_a_setting_of_the_policy_changes_alone_and_goes_with_its_policy(tmp_path, capsys) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(TAKES)
    described = ["--policy", f"{mine}:Takes", "--set", "limit=1", "a=2", "b=3"]
    described += ["--cluster", "2:2:2", "--jobs", "4", "--seed", "0"]
    against = [["set=b=4", "set=a=5"], ["policy=isolated"], [f"policy={mine}:Other", "set=a=7"]]
    words = [word for one in against for word in ("--against", *one)]
    plan, _ = _plan(program().parse(["what-if", *described, *words])[1])
    assert [next(iter(runs.values())).policy_settings for runs in plan.values()] == [
        *({"limit": 1, "a": 2, "b": 3}, {"limit": 1, "a": 5, "b": 4}, {}, {"a": 7})
    ]
    said = capsys.readouterr().err.splitlines()
    assert said[0] == (
        "gavel-sim: --against policy=isolated: limit, a, b (--set) left out: isolated does not take them"
    )
    assert f"limit, b (--set) left out: {mine}:Other does not take them" in said[1]
    for wrong, what in (("set=c=1", "takes no c (--set)"), ("set=limit=x", "expected a whole")):
        assert main(["what-if", *described, "--against", wrong]) == 2
        assert what in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sweep", "knee"])
def test_of_several_policies_each_gets_the_settings_that_it_takes(
    command, tmp_path, capsys
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(TAKES)
    words = [command, "--policy", f"{mine}:Takes", f"{mine}:Other", "isolated", "--seed", "0"]
    words += ["--cluster", "2:2:2", "--dry-run", "--json", "--output", str(tmp_path / "out")]
    words += ["--jobs", "4"] if command == "sweep" else []
    assert main([*words, "--set", "limit=1", "a=2"]) == 0
    found = json.loads(capsys.readouterr().out)
    if command == "sweep":
        sets = [shlex.split(one["command"])[5:] for one in found]
        assert ["--set" in one for one in sets] == [True, True, False]
        assert [one["settings"].get("set") for one in found] == ["limit=1\na=2", "a=2", None]
    else:
        own = [one["settings"]["knee"]["policy_settings"] for one in found]
        assert own == [{"limit": 1, "a": 2}, {"a": 2}, {}]
    assert main([*words, "--set", "c=2"]) == 2
    assert "takes no c (--set)" in capsys.readouterr().err


TAKES = """from gavel_opt.policies.shares import Isolated

class Takes(Isolated):
    def __init__(self, limit: int, a: int = 0, b: int = 0) -> None:
        super().__init__("mine")

class Other(Isolated):
    def __init__(self, a: int = 0) -> None:
        super().__init__("mine")
"""


def test_alternatives_that_come_to_one_file_name_are_told_apart(tmp_path: Path) -> None:
    table = '[worker_types.a100]\nrelative_to = "v100"\nfactor = {}\nsource = "x"\n'
    (tmp_path / "may").mkdir()
    (tmp_path / "may" / "t.toml").write_text(table.format(1.5))
    (tmp_path / "may-t.toml").write_text(table.format(3))
    words = ["what-if", "--policy", "fifo", "--cluster", "a100=2", "--jobs", "3", "--seed", "0"]
    words += ["--throughputs", str(tmp_path / "may-t.toml")]
    changes = [f"throughputs={tmp_path}/{name}" for name in ("may/t.toml", "may-t.toml")]
    plan = _plan(program().parse([*words, "--against", changes[0], "--against", changes[1]])[1])[0]
    names = [name for runs in plan.values() for name in runs]
    assert len(set(names)) == len(names) == 3


def test_a_mean_that_may_be_of_a_queue_that_grows_is_marked() -> None:
    def result(verdict: str) -> dict[str, object]:
        return {
            "status": "completed",
            "average_jct": 3600.0,
            "utilization": 0.9,
            "jobs": {"completed": 10, "measured": 10},
            "saturation": {"verdict": verdict},
        }

    base = Outcomes("as described", [result("sustained"), result("unjudged")])
    other = Outcomes("v100+2", [result("undecided"), result("sustained")])
    lines = as_text([base, other], [0, 1]).splitlines()
    assert "2 of 2 completed (1 undecided)" in lines[3]
    assert "undecided" not in lines[2]
    assert lines[-1].endswith("and a mean grow with the window.")
    assert "There is a mean where" not in lines[-1]
    assert [one["undecided"] for one in as_json([base, other], [0, 1])["alternatives"]] == [
        [False, False],
        [True, False],
    ]
    assert "undecided" not in as_text([base, base], [0, 1])


def test_there_is_no_difference_over_some_of_the_seeds() -> None:
    whole = {"average_jct": 10.0, "utilization": 0.5, "status": "completed"} | {
        "jobs": {"measured": 10, "completed": 10}
    }
    slower = whole | {"average_jct": 15.0}
    base = Outcomes("as described", [whole, whole])
    assert "+50.0%" in as_text([base, Outcomes("x", [slower, slower])], [0, 1])
    cut = Outcomes("x", [slower, whole | {"status": "saturated"}])
    assert "+50.0%" not in as_text([base, cut], [0, 1])
    found = as_json([base, cut], [0, 1])["alternatives"][1]
    assert (found["difference"], found["difference_interval"]) == (None, None)


def test_cost_stands_with_its_difference() -> None:
    def result(cost: float) -> dict[str, object]:
        found = {"average_jct": 3600.0, "cost": cost, "utilization": 0.5, "status": "completed"}
        return found | {"jobs": {"measured": 9, "completed": 9}}

    base = Outcomes("as described", [result(1000.0), result(1500.0)])
    lines = as_text([base, Outcomes("x", [result(900.0), result(1400.0)])], [0, 1]).splitlines()
    found = [line.split("|")[-2].strip() for line in lines if line.startswith("|")]
    assert found == ["cost ($)", "-" * 24 + ":", "1,250.00", "1,150.00 (-100.00 ± 0.00)"]


def test_who_owns_the_jobs_does_not_change_them(capsys) -> None:
    policy = "max_min_fairness_water_filling_perf"
    words = ["what-if", "--policy", policy, "--cluster", "2:2:2", "--jobs", "4", "--seed", "0-1"]
    assert main([*words, "--processes", "1", "--against", "entities=1:2"]) == 0
    assert "the jobs themselves" not in capsys.readouterr().out
