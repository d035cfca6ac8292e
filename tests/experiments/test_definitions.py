"""Experiments in TOML files: those that ship, users' own, and what is wrong in them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from gavel_opt import InputError
from simulator.cli import main
from simulator.settings.config import RunConfig
from simulator.studies.experiments import FIGURES, find
from simulator.studies.experiments.comparison import paired_interval
from simulator.studies.experiments.curves import QUICK_WINDOW
from simulator.studies.experiments.definition import shipped
from simulator.studies.experiments.experiment import Choices

MINE = """\
title = "Mine"
[settings]
cluster = "4:4:4"
[[curve]]
policy = "fifo"
at = "1:2:0.5"
[[curve]]
name = "long"
policy = "fifo"
at = [1]
settings = { round = 720 }
[[claim]]
text = "a"
slower = "fifo"
faster = "long"
at = 1
published = 2.0
"""


def test_a_file_of_ones_own_is_run_like_a_figure(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    tasks = find(str(path)).tasks(Choices(seeds=(3,)))
    assert {task.name for task in tasks} == {
        *("fifo,rate=1,seed=3", "fifo,rate=1.5,seed=3", "fifo,rate=2,seed=3"),
        "long,rate=1,seed=3",
    }
    configs = {task.name: RunConfig.from_json(task.payload["config"]) for task in tasks}
    assert configs["long,rate=1,seed=3"].round_seconds == 720
    assert configs["fifo,rate=2,seed=3"].cluster == {"v100": 4, "p100": 4, "k80": 4}


def test_ones_own_claims_are_shown_whatever_jobs_are_measured(tmp_path: Path, capsys) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    words = ["--at", "1", "--seed", "0", "--window", "0:3", "--processes", "1"]
    output = tmp_path / "out"
    assert main(["figure", str(tmp_path / "mine.toml"), *words, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "- a: " in said
    assert "than in the paper" not in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Mine"', "", "title: expected a line of text"),
        ('"Mine"', '"Mine', "not TOML"),
        ("[[curve]]", "[[curves]]", "did you mean curve"),
        ('policy = "fifo"', 'policy = "fifi"', "did you mean fifo"),
        ('cluster = "4:4:4"', 'clusters = "4:4:4"', "did you mean cluster"),
        ('cluster = "4:4:4"', 'cluster = "4:x:4"', "cluster"),
        ('cluster = "4:4:4"', "seed = 1", "seed: is given by"),
        ("round = 720", "round = -1", "round"),
        ('name = "long"', "", "there are two of this name"),
        ('faster = "long"', 'faster = "lnog"', "did you mean long"),
        ('title = "Mine"', 'title = "Mine"\naxis = "time"', "unknown axis"),
        ('title = "Mine"', 'title = "Mine"\nmeasure = "jct"', "unknown measure"),
        ('title = "Mine"', 'title = "Mine"\nmeasure = ["makespan"]', "unknown measure"),
        ('title = "Mine"', 'title = "Mine"\naxis = ["jobs"]', "unknown axis"),
        ('title = "Mine"', 'title = "Mine"\nhighest = true', "not a number above 0"),
        ('title = "Mine"', 'title = "Mine"\npatience = -2', "patience: -2 is not a number above 0"),
        ('name = "long"', 'name = "long"\noptional = "false"', "'false' is not true or false"),
        ('name = "long"', 'name = "long"\nlabel = 5', "label: expected a line"),
        ("[[claim]]", '[[panel]]\npublished = "99"\n[[claim]]', "figure of the paper"),
        (
            "[[claim]]",
            '[[panel]]\npublished = "9"\ncurves = {fifo = "x"}\n[[claim]]',
            "published c",
        ),
        ("[[claim]]", "[[panel]]\ncurves = []\n[[claim]]", "panel: curves: expected names"),
        ("[[claim]]", "[[panel]]\ncurves = [[1]]\n[[claim]]", "unknown curve of a panel"),
        ("at = 1\n", "at = 2\n", "curve long has no point at 2"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace(old, new, 1))
    with pytest.raises(InputError, match=said) as raised:
        find(str(path))
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", ["5", "true", '""', "[]", "[1]", "{}", "nan", "1979-05-27"])
def test_no_kind_of_value_ends_in_a_traceback(tmp_path: Path, value: str) -> None:
    """In the place of each: it is read as what it is, or refused."""
    path = tmp_path / "mine.toml"
    top = (
        'what = "x"\naxis = "rate"\nmeasure = "cost"\nhighest = 9\npatience = 3\ndiffers = ["x"]\n'
    )
    panel = '[[panel]]\ntitle = "P"\npublished = "9"\ncurves = ["fifo"]\n[[claim]]'
    text = top + MINE.replace("[[claim]]", panel).replace(
        'name = "long"', 'name = "long"\nlabel = "l"'
    )
    lines = text.splitlines()
    for place, line in enumerate(lines):
        name, equals, _ = line.partition(" = ")
        if equals:
            path.write_text("\n".join([*lines[:place], f"{name} = {value}", *lines[place + 1 :]]))
            with contextlib.suppress(InputError):
                find(str(path))


def test_a_curve_without_points_of_its_own_is_where_the_command_says(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace('at = "1:2:0.5"', "", 1))
    experiment = find(str(path))
    for choices in (Choices(), experiment.quick(Choices())):
        with pytest.raises(InputError, match=r"where are its points.*in the file, or --at"):
            experiment.tasks(choices)
    chosen = Choices(seeds=(0,), at=(3.0, 1.0, 0.7))
    for tried, window in ((chosen, chosen.window), (experiment.quick(chosen), QUICK_WINDOW)):
        tasks = experiment.tasks(tried)
        # The other curve is at the points that it has, of these.
        assert {task.name for task in tasks} == {
            *(f"fifo,rate={x:g},seed=0" for x in chosen.at or ()),
            "long,rate=1,seed=0",
        }
        assert RunConfig.from_json(tasks[0].payload["config"]).window == window
    for wrong in (0.0, -1.0):
        with pytest.raises(InputError, match="is not a positive number"):
            experiment.tasks(Choices(at=(wrong,)))


def test_numbers_of_jobs_come_from_the_command_as_well(tmp_path: Path, capsys) -> None:
    path = tmp_path / "batch.toml"
    path.write_text(
        'title = "t"\naxis = "jobs"\nmeasure = "makespan"\n[[curve]]\npolicy = "fifo"\n'
    )
    words = [
        "figure",
        str(path),
        "--seed",
        "0",
        "--dry-run",
        "--output",
        str(tmp_path / "f"),
        "--at",
    ]
    assert main([*words, "10", "20"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["fifo,jobs=20,seed=0", "fifo,jobs=10,seed=0"]
    assert main([*words, "10.5"]) == 2
    assert "--at: 10.5 is not a positive whole number" in capsys.readouterr().err


def test_curves_of_one_run_share_it() -> None:
    names = [task.name for task in find("priorities").tasks(Choices(seeds=(0,), at=(2.4,)))]
    assert sorted(names) == ["gavel_low,rate=2.4,seed=0", "las_low,rate=2.4,seed=0"]


def test_every_experiment_has_a_quick_look_and_says_what_it_shows() -> None:
    assert set(shipped()) < set(FIGURES)
    for name, what in FIGURES.items():
        assert what
        experiment = find(name)
        few = experiment.tasks(experiment.quick(Choices()))
        assert 0 < len(few) <= len(experiment.tasks(Choices()))


def test_an_interval_holds_the_ratio_that_paired_runs_share() -> None:
    assert paired_interval([2.0, 2.0]) is None
    low, high = paired_interval([2.0, 2.0, 2.0]) or (0.0, 0.0)
    assert low == pytest.approx(2.0)
    assert high == pytest.approx(2.0)
    low, high = paired_interval([1.8, 2.0, 2.2]) or (0.0, 0.0)
    # By hand: logs 0.5878, 0.6931, 0.7885, deviation 0.1004; t(0.975, 2) = 4.3027.
    assert (low, high) == (pytest.approx(1.553, abs=2e-3), pytest.approx(2.558, abs=2e-3))


def _found(tmp_path: Path, text: str, **choices: object) -> dict[str, RunConfig]:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    tasks = find(str(path)).tasks(Choices(seeds=(0,), **choices))  # type: ignore[arg-type]
    return {task.name: RunConfig.from_json(task.payload["config"]) for task in tasks}


def test_curves_that_come_to_one_file_name_have_runs_of_their_own(tmp_path: Path) -> None:
    curve = '[[curve]]\nname = "{}"\npolicy = "{}"\nat = [1]\n'
    text = 'title = "x"\n' + curve.format("my way", "fifo") + curve.format("my-way", "isolated")
    runs = _found(tmp_path, text)
    assert {name: one.policy for name, one in runs.items()} == {
        "my-way,rate=1,seed=0": "fifo",
        "my-way+2,rate=1,seed=0": "isolated",
    }
    (long,) = _found(tmp_path, 'title = "x"\n' + curve.format("é" * 240, "fifo"))
    assert len(long.encode()) <= 200


def test_points_that_agree_in_six_digits_have_runs_of_their_own(tmp_path: Path) -> None:
    text = 'title = "x"\n[[curve]]\npolicy = "fifo"\n'
    runs = _found(tmp_path, text, at=(0.4, 0.4000001))
    assert {name: one.interarrival for name, one in runs.items()} == {
        "fifo,rate=0.4,seed=0": 9000.0,
        "fifo,rate=0.4000001,seed=0": 3600 / 0.4000001,
    }


def test_a_rule_and_a_limit_of_ones_own_are_kept(tmp_path: Path) -> None:
    text = (
        'title = "x"\n[settings]\nsaturation = "long-queue"\nmax_simulated_hours = 70\n'
        '[[curve]]\npolicy = "fifo"\nat = [1]\n'
        '[[curve]]\nname = "off"\npolicy = "fifo"\nat = [1]\nsettings = { saturation = "off" }\n'
    )
    runs = _found(tmp_path, text)
    assert {one.max_simulated_hours for one in runs.values()} == {70.0}
    rules = [runs[f"{name},rate=1,seed=0"].saturation for name in ("fifo", "off")]
    assert [rule and rule[0] for rule in rules] == ["long-queue", "off"]
    for both in ("jobs = 5\n", "max-simulated-hours = 70\n"):
        with pytest.raises(InputError, match=r"is given by the curve|is given twice"):
            _found(tmp_path, text.replace("max_sim", f"{both}max_sim", 1))


ZERO = """\
title = "Late at $2 and $3"
measure = "slo_violation_rate"
[settings]
cluster = "36:36:36"
slos = true
[[curve]]
name = "late"
policy = "fifo_perf"
at = [0.1]
[[curve]]
policy = "fifo_perf"
label = "_mine, $x_$"
at = [0.1]
[[curve]]
name = "dollars"
policy = "fifo_perf"
measure = "cost"
at = [0.1]
"""


def test_what_curves_show_is_said_with_its_unit(tmp_path: Path, capsys, recwarn) -> None:
    """No job late is a value as well; dollars signs and underscores are no formulas."""
    (tmp_path / "mine.toml").write_text(ZERO)
    out = tmp_path / "out"
    words = ["--seed", "1", "--window", "0:2", "--processes", "1", "--output", str(out)]
    assert main(["figure", str(tmp_path / "mine.toml"), *words]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "Jobs beyond their deadline (%) and cost in dollars of jobs 0 to 1 (all 2 "
    )
    assert "Cost and makespan are those of all jobs until these were done" in said
    assert "| _mine, $x_$: jobs beyond their deadline (%) |" in said
    assert " fifo_perf: cost (dollars) |" not in said  # two of one policy: by their names
    assert " dollars: cost (dollars) |" in said
    assert "slo_violations_percent" in (out / "points.csv").read_text()
    drawn = (out / "figure-mine.svg").read_text()
    for words_drawn in ("_mine, $x_$: jobs beyond", "Late at $2 and $3", "dollars: cost"):
        assert words_drawn in drawn
    assert not [one for one in recwarn if "label" in str(one.message)]
