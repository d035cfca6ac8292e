"""What follows from who ran where equals what the simulator counted itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from simulator.viewer.library import Library, NotThereError
from simulator.viewer.run_folder import read_run
from simulator.viewer.run_parts import thinned
from simulator.viewer.segments import (
    Segments,
    active_by_scale,
    busy_by_scale,
    lease_counts,
    leaving_times,
    read_segments,
)
from tests.simulator.test_readers_refuse import wide_run


@pytest.mark.parametrize("name", ["gavel", "las", "packed"])
def test_leases_and_jobs_by_size_are_those_that_the_simulator_counted(
    runs: Path, name: str
) -> None:
    run = read_run(runs / name)
    jobs, rounds = run.tables["jobs"], run.tables["rounds"]
    segments = read_segments(run.tables["placements"])
    left = leaving_times(segments, jobs, rounds)
    extensions, opportunities = lease_counts(segments, left, jobs, rounds)
    assert extensions.sum() == run.summary["lease_extensions"]
    assert opportunities.sum() == run.summary["lease_extension_opportunities"]
    running = busy_by_scale(segments, jobs["scale_factor"], rounds["time"].size)
    active = active_by_scale(left, jobs, rounds)
    assert np.array_equal(sum(running.values()), rounds["running"])
    assert np.array_equal(sum(active.values()), rounds["active"])
    assert {1, 2, 4} <= set(running) <= {1, 2, 4, 8}


def test_thinned_placements_are_right_in_the_rounds_that_are_kept(runs: Path) -> None:
    run = read_run(runs / "las")
    whole = read_segments(run.tables["placements"])
    coarse = thinned(whole, 4)
    assert coarse.worker.size < whole.worker.size
    for number in range(0, run.tables["rounds"]["time"].size, 4):
        assert _at(coarse, number) == _at(whole, number)


def _at(segments: Segments, number: int) -> dict[int, tuple[int, int]]:
    here = (segments.first <= number) & (number <= segments.last)
    return {
        int(worker): (int(job), int(partner))
        for worker, job, partner in zip(
            segments.worker[here], segments.job[here], segments.partner[here], strict=True
        )
    }


@pytest.mark.parametrize(
    ("table", "column", "value", "says"),
    [
        ("placements", "worker", 2**26, "placements name worker 67108864 of 6"),
        ("placements", "worker", -1, "placements name worker -1 of 6"),
        ("placements", "job", 4, "placements name job 4 of 4"),
        ("placements", "partner", 2**30, "placements name job 1073741824 of 4"),
        ("placements", "last_round", 2**30, "placements name round 1073741824 of "),
        ("allocations", "allocation", 2**30, "allocations name recomputation 1,073,741,824"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused_before_anything_is_made_of_them(
    tmp_path: Path, table: str, column: str, value: int, says: str
) -> None:
    wide_run(tmp_path / "a")
    path = tmp_path / "a" / f"{table}.parquet"
    whole = parquet.read_table(path)
    place = whole.schema.get_field_index(column)
    numbers = whole[column].to_numpy().copy()
    numbers[-1] = value
    changed = pa.array(numbers, whole.schema.field(place).type)
    parquet.write_table(whole.set_column(place, whole.schema.field(place), changed), path)
    library = Library([tmp_path / "a"])
    (run,) = library.catalog()["runs"]
    with pytest.raises(NotThereError, match="do not fit together") as refused:
        library.part(run["id"], table)
    assert says in str(refused.value)
