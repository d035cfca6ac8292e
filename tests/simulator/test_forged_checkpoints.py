"""What a checkpoint says in places of its tree is held to what belongs there, whatever its checksum."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gavel_opt import InputError
from gavel_opt.policies.max_min import MaxMinFairness
from simulator.files.seal import sealed
from simulator.runs.checkpoint import Checkpoint, load, save
from simulator.runs.policy_of_run import named_policy
from simulator.runs.runner import Checkpointing, execute
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config

SETTINGS = {
    "cluster": "2:2:2",
    "rate": 6.0,
    "window": (1, 5),
    "seed": 3,
    "fixed_duration": 3600.0,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tmp_path_factory.mktemp("run") / "checkpoint.npz"
    config = make_config(policy="isolated", **SETTINGS)
    execute(config, record=("allocations",), checkpointing=Checkpointing(path, rounds=25))
    return load(path, "--resume")


def places(tree: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(tree, dict):
        for name, part in tree.items():
            yield from places(part, *path, name)
    if path and not hasattr(tree, "dtype"):
        yield path


def put(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    tree = copy.deepcopy(tree)
    *way, last = path
    inner = tree
    for name in way:
        inner = inner[name]
    inner[last] = value
    return tree


@pytest.mark.parametrize("value", ["soon", ["soon"], {"soon": 1}], ids=["text", "list", "table"])
def test_other_kinds_of_values_are_refused_or_play_no_part(written: Checkpoint, value: Any) -> None:
    for part in ("snapshot", "runner"):
        tree = getattr(written, part)
        for path in places(tree):
            forged = {"snapshot": written.snapshot, "runner": written.runner}
            forged[part] = put(tree, path, value)
            try:
                execute(written.config, resume=Checkpoint(written.config, **forged))
            except InputError as wrong:
                assert "the checkpoint is not one of this run: " in str(wrong), path  # noqa: PT017


@pytest.mark.parametrize("part", ["snapshot", "runner"])
@pytest.mark.parametrize("value", [1, [False], None], ids=["number", "list", "nothing"])
def test_parts_without_names_are_refused(
    written: Checkpoint, tmp_path: Path, part: str, value: Any
) -> None:
    """When it is read: a run under another policy puts what that remembers into the snapshot."""
    path, archive = tmp_path / "checkpoint.npz", io.BytesIO()
    save(path, written)
    with np.load(path, allow_pickle=False) as whole:
        arrays = {name: whole[name] for name in whole.files}
    assert all(name == "tree" or name[1:].isdigit() for name in arrays)
    tree = json.loads(arrays["tree"].tobytes()) | {part: value}
    arrays["tree"] = np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8)
    np.savez(archive, **arrays)
    path.write_bytes(sealed(archive))
    with pytest.raises(InputError, match=f"is not a checkpoint .*'{part}' has no names"):
        load(path, "--resume")


def test_parameters_of_a_rule_are_numbers(written: Checkpoint) -> None:
    said = copy.deepcopy(written.config.to_json())
    assert RunConfig.from_json(said) == written.config
    said["saturation"][1]["hours"] = {"soon": 1}
    with pytest.raises(ValueError, match="saturation"):
        RunConfig.from_json(said)


class Remembers(MaxMinFairness):
    """A user's policy: what it remembers is of another kind once there was a job."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__("remembers", "perf")
        self.memory: dict[str, Any] = {"best": 0, "last": None, "of": {"nobody": 1}, "two": [0, 0]}

    def programs(self, state: Any, merge: bool) -> Any:
        """Remember something of the state."""
        found = yield from super().programs(state, merge)
        self.memory = {
            "best": float(state.age.max()) / 7,
            "last": {"job": int(state.job[-1])},
            "of": dict.fromkeys(state.job.tolist(), 0.5),
            "two": [None, 0.5, "x"],
        }
        return found

    def snapshot(self) -> dict[str, Any]:
        return copy.deepcopy(self.memory)

    def restore(self, memory: dict[str, Any]) -> None:
        self.memory = copy.deepcopy(memory)


def test_a_users_policy_remembers_what_it_likes(tmp_path: Path) -> None:
    name, made = named_policy(Remembers)
    config = make_config(made, policy=name, **SETTINGS)
    path = tmp_path / "checkpoint.npz"
    whole = execute(config, policy=made, checkpointing=Checkpointing(path, rounds=25))
    resumed = execute(config, policy=made, resume=load(path, "--resume"))
    assert resumed.summary["jct"] == whole.summary["jct"]


def test_a_checkpoint_comes_back_as_it_was(written: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "again.npz"
    save(path, written)
    again = load(path, "--resume")
    resumed = execute(again.config, resume=again)
    assert resumed.summary["jct"] == execute(written.config).summary["jct"]
