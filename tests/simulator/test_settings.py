"""One table of settings: flags, Python, files, JSON and the repeating command say the same."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pytest

import simulator
from gavel_opt import InputError
from simulator.settings.config import GIVEN, SETTINGS, RunConfig
from simulator.settings.kinds import several
from simulator.settings.options import add_run_arguments, config_from, make_config, values_of
from simulator.settings.values import FILE, WORKERS

HERE = Path(__file__)

EVERYTHING = {
    "policy": "max_min_fairness_water_filling_perf",
    "cluster": {"v100": 8, "k80": 4},
    "engine": "highs",
    "tie_break": "efficient",
    "fallback": ("ecos", "ortools"),
    "grouping": False,
    "tolerance": 1e-5,
    "solver_timeout": 30.0,
    "gpus_per_server": {"v100": 4},
    "round_seconds": 720,
    "workload": "paper",
    "interarrival": 1234.5,
    "window": (3, 9),
    "seed": 7,
    "multi_gpu": True,
    "multi_priority": True,
    "fixed_duration": 0.1,
    "ideal": True,
    "replay": HERE,
    "throughputs": HERE,
    "prices": HERE,
    "slos": True,
    "entities": {"weights": [1.0, 2.5], "within": "fifo"},
    "profiling_percentage": 0.25,
    "reference_models": 3,
    "saturation": ("completion-rate", {"ratio": 0.4, "hours": 24.0}),
    "max_simulated_hours": 99.5,
    "timeout": 3.5,
}
"""A value of every setting that is not the default; jobs and trace are other workloads, and this policy
can be set to nothing by ``--set``."""


def parse(words: list[str]) -> RunConfig:
    parser = argparse.ArgumentParser()
    add_run_arguments(parser)
    return config_from(parser.parse_args(words))


def test_every_setting_is_here():
    assert set(EVERYTHING) | {"jobs", "trace", "policy_settings"} == set(SETTINGS)


def test_json_and_back():
    config = make_config(**EVERYTHING)
    assert RunConfig.from_json(config.to_json()) == config
    assert list(config.to_json()) == list(SETTINGS)


def test_the_command_repeats_the_run():
    config = make_config(**EVERYTHING)
    assert parse(config.words()) == config
    assert config.command().startswith("gavel-sim run --policy max_min")


@pytest.mark.parametrize("workload", [{"jobs": 5}, {"trace": HERE}])
def test_the_command_repeats_other_workloads(workload):
    config = make_config(policy="fifo", **workload)
    assert parse(config.words()) == config
    said = [word for name, value in workload.items() for word in (f"--{name}", str(value))]
    cluster = "k80=36,p100=36,v100=36"
    head = ["--policy", "fifo", "--cluster", cluster, "--engine", "auto"]
    assert config.words() == head + said  # and nothing that is the default


def test_text_from_python_is_read_as_on_the_command_line():
    found = make_config(policy="fifo", jobs="5", window="1:3", cluster="2:2:2", seed="4")
    assert (found.jobs, found.window, found.seed) == (5, (1, 3), 4)
    assert found.cluster == {"k80": 2, "p100": 2, "v100": 2}
    assert make_config(policy="fifo", rate="4", window=[1, 3]).interarrival == 900.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"jobs": "five"}, "--jobs: 'five' is not a positive whole number"),
        ({"jobs": 5.5}, "--jobs: 5.5 is not a positive whole number"),
        ({"jobs": True}, "--jobs: True is not"),
        ({"jobs": 5, "seed": -1}, "--seed: -1 is not a whole number of at least 0"),
        ({"jobs": 5, "window": "1-3"}, "--window: '1-3' is not START:END, as in 4000:5000; with"),
        ({"jobs": 5, "window": (1, 2, 3)}, "is not START:END"),
        ({"jobs": 5, "window": 3}, "--window: 3 is not START:END"),
        (
            {"jobs": 5, "cluster": [36, 36, 36]},
            "--cluster: [36, 36, 36] is not a number of workers",
        ),
        ({"jobs": 5, "cluster": {"v100": 2.5}}, "--cluster: v100=2.5 is not a whole number"),
        ({"jobs": 5, "cluster": {"v100": True}}, "--cluster: v100=True is not a whole number"),
        ({"jobs": 5, "window": (False, True)}, "--window: (False, True) is not START:END"),
        ({"jobs": 5, "multi_gpu": "yes"}, "--multi-gpu: 'yes' is not true or false"),
        ({"jobs": 5, "round_seconds": 9, "round": 8}, "--round: is given twice"),
        ({"jobs": 5, "policy": ["fifo"]}, "unknown policy (--policy)"),
        ({"jobs": 5, "trace": HERE}, "--trace: cannot be combined with --jobs"),
        ({"trace": 3.5}, "--trace: 3.5 is not the name of a file"),
        ({"jobs": 5, "saturation": 3}, "--saturation: 3 is not a rule"),
        ({"rate": "4,5", "window": (1, 2)}, "--rate: takes one value here, found '4,5'"),
    ],
)
def test_wrong_values_from_python_are_one_line(given, said):
    with pytest.raises(InputError) as wrong:
        make_config(**({"policy": "fifo"} | given))
    assert said in str(wrong.value)


def test_lists_with_commas_spaces_and_ranges():
    rate, seed = GIVEN["rate"], GIVEN["seed"]
    assert values_of("4,5", rate) == values_of(["4", "5"], rate) == values_of("4, 5", rate)
    assert values_of("4:6:0.4", rate) == [4.0, 4.4, 4.8, 5.2, 5.6, 6.0]
    assert values_of("0-3,7,2", seed) == [0, 1, 2, 3, 7]
    assert values_of(["0-1", 3], seed) == [0, 1, 3]
    assert values_of("4:6:1", seed) == [4, 5, 6]
    for wrong in ("", " , ", "9-0", "6:4:1", "4:6:0", "0-9999999", "1.1.1:2:3"):
        with pytest.raises(InputError, match="--seed: "):
            values_of(wrong, seed)


def test_values_with_commas_of_their_own_stay_whole():
    def split(name: str, text: str) -> list[str]:
        return several(text, GIVEN[name].kind, GIVEN[name].flag)

    assert split("cluster", "v100=3,k80=2") == ["v100=3,k80=2"]
    assert split("cluster", "2:2:2,4:4:4") == ["2:2:2", "4:4:4"]
    assert split("cluster", "v100=3,v100=6,k80=1") == ["v100=3", "v100=6,k80=1"]
    assert split("saturation", "long-queue,completion-rate:ratio=0.4,hours=9,off") == [
        "long-queue",
        "completion-rate:ratio=0.4,hours=9",
        "off",
    ]
    assert split("entities", "1:2,fifo,1:3") == ["1:2,fifo", "1:3"]
    assert split("fallback", "highs,ecos") == ["highs,ecos"]
    assert several("a,b", FILE, "--trace") == ["a", "b"]
    assert several([{"v100": 2}], WORKERS, "--cluster") == [{"v100": 2}]


def test_no_limit_is_null():
    config = make_config(policy="fifo", jobs=3)
    assert config.to_json()["timeout"] is None
    assert RunConfig.from_json(config.to_json()).timeout == math.inf


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({"policy": "fifo", "engine": "highs", "tolerance": 1e-5}, ["--engine", "--tolerance"]),
        ({"policy": "fifo", "grouping": False}, ["--no-grouping"]),
        ({"policy": "isolated", "ideal": True, "record": "placements"}, ["--record"]),
        ({"policy": "isolated", "reference_models": 16}, ["--reference-models"]),
        ({"policy": "max_min_fairness_perf", "solver_timeout": 1.0}, ["--solver-timeout"]),
        ({"policy": "isolated", "ideal": True, "round_seconds": 100}, ["--round"]),
        ({"policy": "isolated", "saturation": "convergence"}, ["--saturation"]),
        ({"policy": "max_min_fairness_perf", "engine": "highs", "solver_timeout": 9.0}, []),
        ({"policy": "isolated", "cluster": "9:9:9", "trace": "example", "slos": True}, ["--slos"]),
    ],
)
def test_what_has_no_effect_is_said(given, flags):
    workload = {} if "trace" in given else {"jobs": 2}
    notes = simulator.run(**{"cluster": "2:2:2", **workload, **given}).summary["notes"]
    assert [note.split()[0] for note in notes] == flags


def test_a_replay_says_that_it_solves_nothing():
    recording = Path(__file__).parent / "replays" / "static50-max_sum_throughput_perf-s0.json.gz"
    found = simulator.run(
        "max_sum_throughput_perf", jobs=50, replay=recording, engine="highs", grouping=False
    )
    notes = found.summary["notes"]
    assert [note.split()[0] for note in notes] == ["--engine", "--no-grouping"]
    assert all(note.endswith("with --replay nothing is solved") for note in notes)
