"""Jobs to places in lines in the way that takes less time."""

from __future__ import annotations

from gavel_opt.arrays import Ints
from gavel_opt.kernels.assignment.all_columns import assign_at_all_columns
from gavel_opt.kernels.assignment.few_places import assign_at_few_places
from gavel_opt.kernels.assignment.lines import Lines, find_twins
from gavel_opt.kernels.jit import compiled

FEW_LENGTHS = 20
"""Lengths of jobs, beside workers by type, up to which looking at all columns takes less time."""
ALIKE = 10
"""Jobs of a length that there have to be for that."""


@compiled
def assign(lines: Lines, jobs: int, workers: Ints, places: int) -> None:
    """Give each of the first ``jobs`` a column (``job.column``) of ``workers``, ``(J,)``, with so many places each."""
    if not _are_alike(lines, jobs, workers) or not assign_at_all_columns(
        lines, jobs, workers, places
    ):
        assign_at_few_places(lines, jobs, workers, places)


@compiled
def _are_alike(lines: Lines, jobs: int, workers: Ints) -> bool:
    """Whether to look at all columns, as most of those that a job stands about are as near; notes the twins."""
    lengths, types, many = find_twins(lines, jobs), 0, 0
    for j in range(workers.size):
        types += int(workers[j] > 0)
        many += workers[j]
    return bool(lengths * many <= FEW_LENGTHS * types and ALIKE * lengths <= jobs)
