"""Ray: the same bits as local, nothing lost with a node; skipped where Ray is not installed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import work_for_tests as work

from simulator.studies.batches.batch import Task, run_batch
from simulator.studies.batches.run_folders import RunFolders, payload_of, simulate
from simulator.studies.executors import make_executor
from simulator.studies.sweeps.sweep_folder import entries_of
from simulator.studies.sweeps.sweep_plan import make_plan

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.slow

SETTINGS = {"policy": ["gandiva", "isolated"], "rate": [4, 5], "window": "400:500", "seed": "0-5"}


def _tasks() -> list[Task]:
    entries = entries_of(make_plan([("", SETTINGS)]))
    return [Task(one.name, payload_of(one.config, one.identity)) for one in entries]


def _jct(folder: Path) -> dict[str, dict[str, float]]:
    found = {path.parent.name: path for path in folder.glob("*/summary.json")}
    return {name: json.loads(path.read_text())["jct"] for name, path in sorted(found.items())}


def test_every_payload_has_one_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # workers import the work
    executor = make_executor("ray", 2)
    try:
        payloads = [{"how": "fine"}, {"how": "input"}, {"how": "fine"}, {"how": "bug"}]
        found = {one.index: one for one in executor.run(work.sometimes, payloads)}
    finally:
        executor.close()
    assert [found[index].value for index in (0, 2)] == [{"value": "fine"}] * 2
    assert found[1].error == "no such thing"
    assert found[3].error == "ZeroDivisionError: a bug"


def test_a_node_killed_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    local = make_executor("local", 2)
    run_batch(local, simulate, _tasks(), RunFolders(tmp_path / "local"), "local", tmp_path / "log")
    local.close()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    lost = cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    store, killed = RunFolders(tmp_path / "ray"), []
    executor = make_executor("ray", address=cluster.address)

    class Watched:
        """The executor, with a node that dies after some results."""

        def run(self, work, payloads):  # type: ignore[no-untyped-def]
            for place, outcome in enumerate(executor.run(work, payloads)):
                if place == 5 and not killed:
                    killed.append(time.monotonic())
                    cluster.remove_node(lost, allow_graceful=False)
                yield outcome

        def close(self) -> None:
            executor.close()

    try:
        batch = run_batch(Watched(), simulate, _tasks(), store, "ray", tmp_path / "log")
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert killed
    assert not batch.failed
    assert len(batch.done) == 24
    assert _jct(tmp_path / "ray") == _jct(tmp_path / "local")
