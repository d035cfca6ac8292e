"""The way of a program and of a job through the code: functions in the order in which each is first entered.

``python tests/docs/walk.py`` prints every place with its room and counts them (docs/architecture.md says what is
counted). Kernels run as plain Python, so that their places count as well.
"""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CARRIERS = ("kernels/jit.py", "kernels/records.py", "kernels/arguments.py")
"""What calls of kernels and fields of records go through: no places of the way."""


def _heights() -> dict[str, int]:
    """How far below the top each room is, as the import contracts have it; gavel_opt is below the simulator."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = {one["layers"][0]: one["layers"] for one in contracts["contracts"] if "layers" in one}
    order = [*layers["simulator.api"], *layers["gavel_opt.cli"]]
    return {room: at for at, layer in enumerate(order) for room in layer.split(" | ")}


HEIGHTS = _heights()


class Place(NamedTuple):
    """A function, and where it stands."""

    file: str
    name: str

    @property
    def room(self) -> str:
        """Its folder, or its file where that stands in no folder of a package."""
        folder, _, file = self.file.rpartition("/")
        return folder if "/" in folder else f"{folder}/{file}"

    @property
    def height(self) -> int:
        """How far below the top the room is; what a package says of itself is at its top."""
        package, inner, *_ = self.file.removesuffix(".py").split("/")
        return HEIGHTS.get(f"{package}.{inner}", min(HEIGHTS.values()))


class Walk(NamedTuple):
    """Places in order, and calls from a room to one above it."""

    places: list[Place]
    upward: list[tuple[Place, Place]]

    @property
    def rooms(self) -> int:
        """How many rooms the way goes through."""
        return len({one.room for one in self.places})

    @property
    def climbs(self) -> int:
        """How often the next place is in a room above the one before."""
        pairs = zip(self.places, self.places[1:], strict=False)
        return sum(after.height < before.height for before, after in pairs)


def place_of(frame: FrameType) -> Place | None:
    """The place of a frame; None outside the packages, and for what has no name of its own."""
    code = frame.f_code
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT) or code.co_name.startswith("<"):
        return None
    file = str(path.relative_to(ROOT))
    if not file.startswith(("simulator/", "gavel_opt/")) or file.endswith(CARRIERS):
        return None
    return Place(file, code.co_qualname)


def walk(run: Callable[[], object]) -> Walk:
    """Note each place at its first call."""
    seen: dict[Place, None] = {}
    upward: dict[tuple[Place, Place], None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        here = place_of(frame) if event == "call" else None
        if here is None:
            return
        seen.setdefault(here)
        before = frame.f_back
        while before is not None and (caller := place_of(before)) is None:
            before = before.f_back
        if before is not None and caller is not None and here.height < caller.height:
            upward.setdefault((caller, here))

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return Walk(list(seen), list(upward))


def program_on(engine: str) -> Walk:
    """From a state of twelve jobs to its allocation under max-min fairness, on one engine."""
    import numpy as np

    from gavel_opt import ClusterState, Driver, ThroughputTable, make_policy

    def state(seed: int) -> ClusterState:
        draws = np.random.default_rng(seed)
        return ClusterState(
            worker_types=("k80", "p100", "v100"),
            workers=np.array([4, 4, 4]),
            throughputs=ThroughputTable(draws.uniform(1.0, 5.0, (12, 3))),
            job=np.arange(12),
            key=np.arange(12),
            scale_factor=np.ones(12, dtype=np.int64),
            weight=np.ones(12),
            steps_left=np.full(12, 1e5),
            age=np.zeros(12),
        )

    driver = Driver(make_policy("max_min_fairness_perf"), engine)
    driver.allocate(state(0))  # what is loaded and made once
    return walk(lambda: driver.allocate(state(1)))


def job_in_a_run() -> Walk:
    """From the command line to the summary of a run of three jobs."""
    from simulator.cli import main

    def run(folder: str) -> None:
        words = ["run", "--policy", "max_min_fairness_perf", "--cluster", "1:1:1", "--jobs", "3"]
        shown = sys.stdout
        with Path(os.devnull).open("w") as sys.stdout:
            try:
                main([*words, "--json", "--output", folder])
            finally:
                sys.stdout = shown

    with tempfile.TemporaryDirectory() as folder:
        run(f"{folder}/first")
        return walk(lambda: run(f"{folder}/second"))


def all_ways() -> dict[str, Walk]:
    """What docs/architecture.md counts; to be asked for where nothing is compiled."""
    return {
        "a program on structured": program_on("structured"),
        "a program on highs": program_on("highs"),
        "a job in a run": job_in_a_run(),
    }


if __name__ == "__main__":
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    for title, found in all_ways().items():
        print(
            f"{title}: {len(found.places)} places, {found.rooms} rooms, {found.climbs} climbs, "
            f"{len(found.upward)} calls upward"
        )
        if "--places" in sys.argv:
            print(*(f"  {one.file}: {one.name}" for one in found.places), sep="\n")
        for caller, called in found.upward:
            print(f"  upward: {caller.file}: {caller.name} -> {called.file}: {called.name}")
