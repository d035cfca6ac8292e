from __future__ import annotations

from pathlib import Path

import pytest

from gavel_opt import InputError
from simulator.studies.sweeps.sweep_plan import make_plan, plan_from_file


def _plan(text: str, folder: Path) -> list[tuple[str, str, int]]:
    path = folder / "sweep.toml"
    path.write_text(text)
    return [(one.name, one.config.policy, one.config.seed) for one in plan_from_file(path)]


def test_lists_make_all_combinations_in_order(tmp_path: Path) -> None:
    text = 'jobs = 5\npolicy = ["isolated", "fifo"]\nseed = [0, 1]\n'
    assert _plan(text, tmp_path) == [
        ("isolated,seed=0", "isolated", 0),
        ("isolated,seed=1", "isolated", 1),
        ("fifo,seed=0", "fifo", 0),
        ("fifo,seed=1", "fifo", 1),
    ]


def test_cases_take_what_stands_above_and_replace_it(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        "cluster = {v100 = 2, k80 = 1}\njobs = 5\nround = 720\n"
        '[[case]]\npolicy = "isolated"\n'
        '[[case]]\npolicy = "fifo"\njobs = [3, 4]\nmulti-gpu = true\n'
    )
    plan = plan_from_file(path)
    assert [one.name for one in plan] == [
        "isolated,jobs=5",
        "fifo,jobs=3,multi-gpu=True",
        "fifo,jobs=4,multi-gpu=True",
    ]
    assert [one.config.jobs for one in plan] == [5, 3, 4]
    assert [one.config.multi_gpu for one in plan] == [False, True, True]
    assert all(one.config.round_seconds == 720 for one in plan)
    assert all(one.config.cluster == {"v100": 2, "k80": 1} for one in plan)


def test_a_run_that_two_cases_make_is_one_run(tmp_path: Path) -> None:
    text = 'jobs = 5\npolicy = "isolated"\n[[case]]\nseed = [0, 1]\n[[case]]\nseed = [1, 2]\n'
    assert [seed for _, _, seed in _plan(text, tmp_path)] == [0, 1, 2]


def test_no_engine_to_fall_back_on_is_a_value(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text('policy = "fifo"\njobs = 5\nfallback = ["", "ecos,highs"]\n')
    assert [one.config.fallback for one in plan_from_file(path)] == [(), ("ecos", "highs")]
    for given in ("", [""], [[]]):
        plan = make_plan([("", {"policy": "fifo", "jobs": 5, "fallback": given})])
        assert [one.config.fallback for one in plan] == [()]
    with pytest.raises(InputError, match="--seed: expected at least one value"):
        make_plan([("", {"policy": "fifo", "jobs": 5, "seed": ""})])


def test_one_run_is_named_by_its_policy() -> None:
    (one,) = make_plan([("", {"policy": "fifo", "jobs": "4"})])
    assert one.name == "fifo"


def test_names_differ_even_where_file_names_cannot(tmp_path: Path) -> None:
    for name in ("a b.trace", "a*b.trace"):
        (tmp_path / name).write_text("")
    traces = [str(tmp_path / "a b.trace"), str(tmp_path / "a*b.trace")]
    plan = make_plan([("", {"policy": "fifo", "trace": traces})])
    assert len({one.name for one in plan}) == 2
    assert not any("/" in one.name for one in plan)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('polcy = "fifo"\njobs = 4\n', "'polcy'; did you mean policy"),
        ('policy = "fif"\njobs = 4\n', "'fif'; did you mean fifo"),
        ('policy = "fifo"\njobs = -4\n', "jobs: -4 is not a positive whole number"),
        ('policy = "fifo"\njobs = [4, 0]\n', "jobs: 0 is not"),
        ('policy = ["fifo"\n', "not TOML"),
        ("policy = []\njobs = 4\n", "policy: is an empty list"),
        ('policy = "fifo"\njobs = 4\nmulti-gpu = "yes"\n', "multi-gpu: 'yes' is not true or false"),
        ('policy = "fifo"\njobs = true\n', "jobs: True is not a positive whole number"),
        ('policy = "fifo"\njobs = 4\n[run]\na = 1\n', "run: is a table"),
        ("case = 3\n", "case: expected tables"),
        ("jobs = 4\n", "policy: is required"),
        ('policy = "fifo"\n', "no workload"),
        ('policy = "fifo"\njobs = 4\ncluster = {v10 = 3}\n', "'v10'; did you mean v100"),
        ('jobs = 4\n[[case]]\npolicy = "fifo"\n[[case]]\npolicy = 7\n', "case 2: "),
    ],
)
def test_wrong_settings_are_one_line_naming_file_and_setting(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as wrong:
        _plan(text, tmp_path)
    message = str(wrong.value)
    assert said in message
    assert "sweep.toml" in message
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: cannot read it"):
        plan_from_file(tmp_path / "none.toml")


def test_windows_of_pairs_and_weights_of_tables_are_values() -> None:
    """The weights keep their digits: a run has those that were given, and its command too."""
    plan = make_plan([("", {"policy": "fifo", "jobs": 9, "window": [(0, 2), [1, 3]]})])
    assert [one.config.window for one in plan] == [(0, 2), (1, 3)]
    assert [one.settings["window"] for one in plan] == ["0:2", "1:3"]
    weights = [1.0, 1.23456789012345]
    policy = "max_min_fairness_water_filling"
    plan = make_plan([("", {"policy": policy, "jobs": 9, "entities": {"weights": weights}})])
    assert plan[0].config.entities == {"weights": weights, "within": "fairness"}
    assert "--entities 1:1.23456789012345,fairness" in plan[0].config.command()
    with pytest.raises(InputError, match="--entities: 1 is neither text such as 1:2:3,fifo nor"):
        make_plan([("", {"policy": policy, "jobs": 9, "entities": [1, 2]})])
