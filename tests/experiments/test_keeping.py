"""Points are kept one by one, in whole, and never run twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gavel_opt import InputError
from simulator.studies.batches.batch import Task, file_name, run_batch
from simulator.studies.batches.stores import PointStore
from simulator.studies.executors import Executor, Outcome, Payload, Work


class _Here:
    """Carries payloads out in this process and stops as if killed after some."""

    def __init__(self, until: int | None = None) -> None:
        self.until = until
        self.carried_out: list[int] = []

    def run(self, work: Work, payloads: list[Payload]):  # type: ignore[no-untyped-def]
        for index, payload in enumerate(payloads):
            if len(self.carried_out) == self.until:
                raise KeyboardInterrupt
            self.carried_out.append(payload["payload"]["n"])
            yield Outcome(index, work(payload))


TASKS = [Task(f"n={n}", {"n": n, "settings": {"a": 1, "b": [1, 2]}}) for n in range(5)]


def square(payload: Payload) -> dict[str, int]:
    return {"square": payload["n"] ** 2}


def _run(executor: Executor, store: PointStore, tasks: list[Task] = TASKS):  # type: ignore[no-untyped-def]
    return run_batch(executor, square, tasks, store, "test", store.folder / "log")


def test_a_killed_batch_goes_on_without_what_it_had(tmp_path: Path) -> None:
    store = PointStore(tmp_path / "points")
    with pytest.raises(KeyboardInterrupt):
        _run(_Here(until=3), store)
    rest = _Here()
    batch = _run(rest, store)
    assert rest.carried_out == [3, 4]
    assert batch.resumed == 3
    assert [batch.done[task.name]["result"]["square"] for task in TASKS] == [0, 1, 4, 9, 16]
    assert all(kept["cpu_seconds"] >= 0.0 for kept in batch.done.values())
    assert not (tmp_path / "points" / ".claims").exists()


def test_a_point_of_other_settings_is_refused_and_kept(tmp_path: Path) -> None:
    store = PointStore(tmp_path)
    _run(_Here(), store)
    before = store.path(TASKS[2].name).read_bytes()
    other = [Task("n=2", {"n": 2, "settings": {"a": 1, "b": [1, 3]}})]
    with pytest.raises(InputError, match=r"b: \[1, 2\] there, \[1, 3\] here"):
        _run(_Here(), store, other)
    assert store.path(TASKS[2].name).read_bytes() == before


def test_a_point_cut_short_is_named(tmp_path: Path) -> None:
    store = PointStore(tmp_path)
    _run(_Here(), store)
    path = store.path(TASKS[1].name)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match=r"cannot read .*n=1\.json"):
        _run(_Here(), store)


def test_a_result_that_is_no_json_is_not_kept(tmp_path: Path) -> None:
    store = PointStore(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.keep("n=0", TASKS[0].payload, {"value": float("nan")}, 0.0, 0.0)
    assert list(tmp_path.iterdir()) == []
    store.keep("n=0", TASKS[0].payload, {"value": 1.5}, 0.0, 0.0)
    assert json.loads(store.path(TASKS[0].name).read_text())["result"] == {"value": 1.5}
    assert [path.name for path in tmp_path.iterdir()] == ["n=0.json"]


def test_file_names() -> None:
    assert file_name([("", "fifo"), ("rate", 0.4), ("seed", 0)]) == "fifo,rate=0.4,seed=0"
    assert file_name([("trace", "../a b/c.trace")]) == "trace=..-a-b-c.trace"
    assert file_name([("", "..")]) == "run"


@pytest.mark.parametrize(
    ("limit", "ending"), [("timeout", "timeout"), ("max_simulated_hours", "horizon")]
)
def test_a_run_out_of_time_is_run_again_only_with_other_patience(
    tmp_path: Path, limit: str, ending: str
) -> None:
    store = PointStore(tmp_path)

    def payload(patience: float | None) -> Payload:
        return {"n": 0, "config": {"seed": 0, limit: patience}}

    store.keep("n=0", payload(5.0), {"status": ending}, 0.0, 0.0)
    assert store.load("n=0", payload(5.0)) is not None
    assert store.load("n=0", payload(None)) is None
    store.keep("n=0", payload(5.0), {"status": "completed"}, 0.0, 0.0)
    assert store.load("n=0", payload(None)) is not None
    with pytest.raises(InputError, match="seed: 0 there, 1 here"):
        store.load("n=0", {"n": 0, "config": {"seed": 1, limit: 5.0}})
