from __future__ import annotations

import pytest

from gavel_opt import InputError
from simulator.settings.config import RunConfig
from simulator.studies.experiments import FIGURES, find
from simulator.studies.experiments.experiment import Choices
from simulator.studies.experiments.paper import paper_curve, paper_curves

RUNS = {
    "9": 3 * (14 + 14 + 14 + 16 + 19),
    "10": 3 * (13 + 13 + 14 + 16),
    "11": 3 * (13 + 15),
    "12": 2,
    "13": 2,
    "14": 3 * (8 + 7 + 8 + 6),
    "15": 3 * (16 + 16 + 15 + 15 + 16),
    "16": 3 * (11 + 16 + 15),
    "makespan": 3 * 4 * 7,
    "priorities": 3 * 2 * 6,
    "cost": 3 * 3 * 2,
    "pilot": 3 * 18,
}
"""Runs of each figure with three seeds: every published point, those off the axes left out."""


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_runs_all_published_points(figure: str) -> None:
    tasks = find(figure).tasks(Choices())
    assert len({task.name for task in tasks}) == len(tasks) == RUNS[figure]


@pytest.mark.parametrize(
    ("figure", "curve", "x", "y"),
    [
        ("9", "max_min_fairness", 5.6, 91.293),
        ("9", "max_min_fairness_packed", 7.6, 58.984),
        ("10", "gandiva", 2.6, 57.963),
        ("11", "finish_time_fairness_perf", 3.0, 47.868),
        ("12", "max_min_fairness_water_filling_perf", 18, 10.459),
        ("12", "max_min_fairness_water_filling", 18, 9.0),
        ("13", "max_min_fairness_water_filling_perf", 6, 8.8),
        ("14a", "max_min_fairness_packed", 1024, 295.79),
        ("15a", "2880", 6.0, 89.939),
        ("16", "estimated", 0.75, 47.205),
        ("makespan", "fifo", 700, 619.518),
    ],
)
def test_published_values(figure: str, curve: str, x: float, y: float) -> None:
    published = paper_curve(figure, curve)
    assert published is not None
    assert published.at(x) == y
    assert published.at(x + 0.013) is None


def test_published_job_rates_stay_on_the_axes() -> None:
    for figure in ("9", "10", "11"):
        for curve in paper_curves(figure).values():
            assert max(curve.y) < 100.0
            assert list(curve.x) == sorted(curve.x)


def _configs(figure: str, **choices: object) -> dict[str, RunConfig]:
    tasks = find(figure).tasks(Choices(**choices))  # type: ignore[arg-type]
    return {task.name: RunConfig.from_json(task.payload["config"]) for task in tasks}


def test_runs_have_the_settings_of_the_paper() -> None:
    single = _configs("9")["max_min_fairness_perf,rate=4,seed=1"]
    assert single.cluster == {"v100": 36, "p100": 36, "k80": 36}
    assert (single.interarrival, single.window, single.seed) == (900.0, (4000, 5000), 1)
    assert (single.round_seconds, single.multi_gpu, single.ideal) == (360, False, False)
    assert single.saturation == ("off", {})
    assert single.max_simulated_hours == 10_000.0
    assert _configs("10")["gandiva,rate=2.6,seed=0"].max_simulated_hours == pytest.approx(
        6 * 5000 / 2.6
    )
    estimated = _configs("16", at=(0.65,))["estimated,rate=0.65,seed=0"]
    assert estimated.max_simulated_hours == pytest.approx(2 * 5000 / 0.65)  # its own patience
    few = _configs("9", window=(4, 10))["allox,rate=4,seed=0"]
    assert few.max_simulated_hours == 10_000.0
    assert _configs("10")["gandiva,rate=2.6,seed=0"].multi_gpu
    assert _configs("11")["finish_time_fairness,rate=2,seed=2"].multi_gpu
    lengths = _configs("15", at=(4.0,), seeds=(0,))
    assert lengths["1440,rate=4,seed=0"].round_seconds == 1440
    assert lengths["ideal,rate=4,seed=0"].ideal
    estimated = _configs("16", seeds=(0,))["estimated,rate=0.75,seed=0"]
    assert (estimated.profiling_percentage, estimated.reference_models) == (0.2, 16)
    assert estimated.cluster == {"v100": 4, "p100": 4, "k80": 4}
    batch = _configs("makespan")["fifo,jobs=700,seed=0"]
    assert (batch.jobs, batch.multi_gpu, batch.interarrival) == (700, True, None)


def test_choices_shrink_a_figure() -> None:
    few = _configs(
        "9",
        policies=("allox", "gandiva"),
        at=(4.0, 5.2),
        seeds=(7,),
        window=(10, 20),
        engine="ecos",
    )
    assert sorted(few) == [
        "allox,rate=4,seed=7",
        "allox,rate=5.2,seed=7",
        "gandiva,rate=4,seed=7",
        "gandiva,rate=5.2,seed=7",
    ]
    assert {config.window for config in few.values()} == {(10, 20)}
    assert {config.engine for config in few.values()} == {"ecos"}


def test_a_variant_of_a_curve_runs_when_asked_for_by_its_own_name() -> None:
    names = _configs("10", policies=("gavel_artifact",))
    assert "gavel_artifact,rate=2.6,seed=0" in names
    for chosen in ({}, {"policies": ("max_min_fairness_perf",)}):
        assert not any(name.startswith("gavel_artifact") for name in _configs("10", **chosen))


def test_long_runs_start_first() -> None:
    names = list(_configs("9"))
    assert names[0].startswith("max_min_fairness_packed,rate=7.6")
    assert "rate=0.4" in names[-1] or "rate=3.2" in names[-1] or "rate=2.8" in names[-1]


@pytest.mark.parametrize(
    ("figure", "choices", "said"),
    [
        ("9", {"policies": ("gandva",)}, "did you mean gandiva"),
        ("9", {"at": (4.1,)}, "--at: 4.1 is not a point of this figure"),
        (
            "9",
            {"at": (3.2, 6.4), "policies": ("max_min_fairness",)},
            "--at: 6.4 is not a point of the curves that were chosen: ",
        ),
        ("9", {"engine": "higs"}, "did you mean highs"),
        ("12", {"at": (4.0,)}, "--at: has no meaning"),
        ("makespan", {"window": (1, 2)}, "--window: has no meaning"),
    ],
)
def test_wrong_choices_are_named(figure: str, choices: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        find(figure).tasks(Choices(**choices))  # type: ignore[arg-type]


def test_an_unknown_figure_names_the_known() -> None:
    with pytest.raises(InputError, match="choose one of: 9, 10, 11, 12"):
        find("xyz")
