"""Ray: the same bits as local, nothing lost with a node or a worker; skipped where Ray is not installed."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import work_for_tests as work

from simulator.studies.batches.batch import Task, run_batch
from simulator.studies.batches.run_folders import RunFolders, payload_of, simulate, tidy
from simulator.studies.executors import make_executor
from simulator.studies.sweeps.sweep_folder import entries_of
from simulator.studies.sweeps.sweep_plan import make_plan

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.slow

SETTINGS = {"policy": ["gandiva", "isolated"], "rate": [4, 5], "window": "400:500", "seed": "0-5"}


POLICIES = """
import os, signal
from pathlib import Path
from gavel_opt import Policy
LOG = Path({log!r})
class Fine(Policy):
    begun = False
    def shares(self, state):
        if not self.begun and state.job.size:
            self.begun = True
            with LOG.open("a") as log:
                log.write(type(self).__name__ + "\\n")
            if self.dies():
                os.kill(os.getpid(), signal.SIGKILL)
        return state.workers / state.workers.sum() * (0 * state.job[:, None] + 1.0 / max(1, state.job.size))
    def dies(self):
        return False
class Once(Fine):
    def dies(self):
        return LOG.read_text().count("Once") == 1
class Lethal(Fine):
    def dies(self):
        return True
"""


def _tasks(*settings: dict[str, Any]) -> list[Task]:
    entries = entries_of(make_plan([("", one) for one in settings or (SETTINGS,)]))
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


@pytest.mark.parametrize("others", [3, 30], ids=["alone in a task", "among others"])
def test_a_killed_worker_costs_nothing_but_its_own_run(tmp_path: Path, others: int) -> None:
    """By SIGKILL, as the kernel does where memory runs out: tried again once, then reported with its command."""
    log = tmp_path / "log"
    file = tmp_path / "own.py"
    file.write_text(POLICIES.format(log=str(log)))
    small = {"cluster": "2:2:2", "jobs": 6}
    tasks = _tasks(
        {**small, "policy": f"{file}:Lethal", "seed": "0"},
        {**small, "policy": f"{file}:Fine", "seed": f"0-{others - 1}"},
        {**small, "policy": f"{file}:Once", "seed": "0"},
        {**small, "policy": "isolated", "seed": "0-1"},
    )
    store, executor = RunFolders(tmp_path / "ray"), make_executor("ray", 2)
    try:
        batch = run_batch(executor, simulate, tasks, store, "ray", tmp_path / "failures")
    finally:
        executor.close()
    assert len(batch.done) == len(tasks) - 1
    ((name, reason),) = batch.failed.items()
    assert "Lethal" in name
    assert reason.startswith("its process died twice (")
    assert f"; by itself: gavel-sim run --policy {file}:Lethal" in reason
    begun = Counter(log.read_text().split())
    in_a_batch = others > 3  # one that dies there was the batch's
    assert begun == {"Fine": others, "Once": 2, "Lethal": 2 + in_a_batch}
    tidy(store.folder)
    assert {path.name for path in store.folder.iterdir()} == {*batch.done}
