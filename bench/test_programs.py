"""The published programs are those that were solved, and their optima hold for a reader of the files."""

from __future__ import annotations

import csv
from pathlib import Path

from bench.programs import Family, write
from gavel_opt import solve


def test_files_have_the_optima_that_stand_beside_them(tmp_path: Path) -> None:
    families = (
        Family("throughput-different-24", "max_sum_throughput_perf", "distinct", 24, 2),
        Family("packed-24", "max_min_fairness_packed", "single-GPU", 24, 1),
    )
    assert write(tmp_path, families) == 0
    with (tmp_path / "optima.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row in rows:
        found = solve(tmp_path / row["file"], "pulp")
        assert abs(found.objective / float(row["objective"]) - 1.0) <= 1e-8
        assert float(row["gap"]) <= 1e-9
