"""``gavel-sim explain`` says what the mechanism did, and why, to the last bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gavel_opt import InputError
from simulator.cli import main
from simulator.mechanism.inspection import inspect
from simulator.runs.simulation import Simulation
from simulator.settings.options import make_config
from simulator.viewer.choice_again import agrees, choose_again
from simulator.viewer.explanation import Explainer
from simulator.viewer.library import Library
from simulator.viewer.prices import prices_of
from simulator.viewer.run_folder import read_run
from tests.viewer.conftest import CLUSTER


@pytest.mark.parametrize(
    "settings",
    [
        {"policy": "max_min_fairness_perf", "jobs": 40},
        {"policy": "max_min_fairness", "rate": 3.0, "window": (20, 60)},
        {"policy": "fifo", "jobs": 40},
        {"policy": "max_min_fairness_packed", "jobs": 25},
        {"policy": "gandiva", "jobs": 25},
        {"policy": "finish_time_fairness_perf", "rate": 2.0, "window": (10, 40)},
    ],
    ids=lambda settings: settings["policy"],
)
def test_a_choice_made_again_is_the_one_that_was_made(settings: dict[str, Any]) -> None:
    config = make_config(cluster=CLUSTER, multi_gpu=True, seed=1, **settings)
    simulation = Simulation(config)
    traits = simulation.driver.policy.traits  # type: ignore[union-attr]
    paired = simulation.measurements.table(simulation.cluster.worker_types).paired
    for number in range(40):
        simulation.advance(1)
        standing = inspect(simulation.mechanism)  # type: ignore[arg-type]
        queues = choose_again(
            standing,
            simulation.cluster.workers,
            traits.packing,
            traits.skips_zero_priority,
            config.round_seconds / 2,
            lambda one, two: paired[one, two],  # type: ignore[index]
        )
        assert agrees(queues, standing, simulation.cluster.first_worker), number
    busy = [queue for queue in queues if any(one.decision == "taken" for one in queue.candidates)]
    rest = [queue for queue in queues if queue is not busy[0]]
    assert not agrees(rest, standing, simulation.cluster.first_worker)


@pytest.mark.parametrize("policy", ["max_min_fairness_perf", "finish_time_fairness_perf"])
def test_prices_explain_every_share(policy: str) -> None:
    config = make_config(
        cluster=CLUSTER, multi_gpu=True, seed=1, policy=policy, rate=8.0, window=(10, 60)
    )
    explainer = Explainer(config)
    explainer._go_to(50)
    memory, state, given = explainer._listener.last  # type: ignore[union-attr,misc]
    prices = prices_of(config, memory, state)
    assert prices is not None
    size = max(prices.cost.max(), prices.worth.max())
    assert prices.too_dear.min() > -1e-7 * size
    # With a share, an hour is worth what it costs.
    assert prices.too_dear[given.x > 1e-6].max() < 1e-6 * size
    assert prices.too_dear.max() > 0.01 * size


def test_a_life_agrees_with_who_ran_where(runs: Path) -> None:
    run = read_run(runs / "gavel")
    explainer = Explainer(run.config, run.tables["rounds"])
    placed = run.tables["placements"]
    for job in (5, 17):
        answer = explainer.explain(job, None)
        ran = sum(int(count) for what, count in answer.queues[0].rows if what.startswith("ran"))
        mine = placed["job"] == job
        stays = zip(placed["first_round"][mine], placed["last_round"][mine], strict=True)
        rounds = {number for first, last in stays for number in range(first, last + 1)}
        assert ran == len(rounds)


def test_every_round_of_a_job_has_its_reason(runs: Path) -> None:
    run = read_run(runs / "gavel")
    explainer = Explainer(run.config, run.tables["rounds"])
    arrival, finish = run.tables["jobs"]["arrival"][15], run.tables["jobs"]["finish"][15]
    time = run.tables["rounds"]["time"]
    seen = set()
    for number in np.flatnonzero((time >= arrival - 3000) & (time <= finish + 3000))[::3]:
        answer = explainer.explain(15, int(number))
        seen.add(answer.reason)
        assert answer.headline.startswith("Job 15 ")
        if answer.reason not in ("not arrived", "left"):
            assert len(answer.queues) == 3
            assert any("v100 (8):" in line for line in answer.lines)
    assert {"not arrived", "ran", "left"} <= seen


def test_the_command_answers_in_words_and_in_json(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(runs / "gavel"), "--job", "15", "--round", "60"]) == 0
    words = capsys.readouterr().out
    assert words.startswith("Job 15 ")
    assert main(["explain", str(runs / "gavel"), "--job", "15", "--round", "60", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["headline"] == words.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--job", "4", "--round", "99999"], "--round: the run has rounds 0 to"),
        (["--job", "99999"], "--job: the run has jobs 0 to"),
        (["--job", "x"], "--job"),
    ],
)
def test_what_there_is_not_is_refused(
    runs: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(runs / "gavel"), *words]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_code_of_a_run_folder_is_not_run_unasked(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hostile"
    shutil.copytree(runs / "gavel", folder)
    (folder / "policy.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass P: pass\n")
    summary = json.loads((folder / "summary.json").read_text())
    summary["config"]["policy"] = f"{folder}/policy.py:P"
    (folder / "summary.json").write_text(json.dumps(summary))
    assert main(["explain", str(folder), "--job", "1"]) == 2
    assert "--run-code" in capsys.readouterr().err
    with pytest.raises(InputError, match="--run-code"):
        Library([folder]).explain("r0", 1, 2)
    (folder / "placements.parquet").unlink()
    with pytest.raises(InputError, match="--run-code"):
        Library([folder]).simulate("r0")
    assert not (tmp_path / "ran").exists()


def test_a_run_of_another_make_is_not_explained(runs: Path) -> None:
    run = read_run(runs / "gavel")
    other = {name: values.copy() for name, values in run.tables["rounds"].items()}
    other["active"][20] += 1
    with pytest.raises(InputError, match="from round 20 on"):
        Explainer(run.config, other).explain(5, 40)
