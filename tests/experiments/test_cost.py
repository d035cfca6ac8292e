"""The cost experiment: jobs whose cheapest workers are those that the paper says."""

import csv

import numpy as np
import pytest

from simulator.studies.experiments.cost import COST_EXPERIMENT, EARLY, LATER, TABLES
from simulator.studies.experiments.experiment import Choices
from simulator.world.throughputs import DATA, load_throughputs

TYPES = ("k80", "p100", "v100")
RESNETS = [f"ResNet-50 (batch size {size})" for size in (16, 32, 64, 128)]


def _cheapest(table, job):
    """Worker type on which a step costs least, at the prices that ship."""
    with (DATA / "prices.csv").open(encoding="utf-8") as file:
        prices = {
            row["worker_type"]: float(row["dollars_per_hour"]) for row in csv.DictReader(file)
        }
    measurements = load_throughputs(TABLES[table])
    speed = measurements.table(TYPES).alone[measurements.row(job, 1)]
    return TYPES[int(np.argmin(np.array([prices[name] for name in TYPES]) / speed))]


@pytest.mark.parametrize("job", RESNETS)
def test_resnet_50_is_cheapest_on_a_v100_with_the_papers_throughputs_alone(job):
    assert _cheapest(EARLY, job) == "v100"
    assert _cheapest(LATER, job) == "p100"


def test_a3c_is_cheapest_on_a_k80_with_either():
    assert [_cheapest(table, "A3C") for table in TABLES] == ["k80", "k80"]


def test_both_tables_are_run():
    tasks = COST_EXPERIMENT.tasks(Choices(seeds=(0,)))
    assert len(tasks) == len({task.name for task in tasks}) == 6
    assert {task.payload["throughputs"] for task in tasks} == {EARLY, LATER}
