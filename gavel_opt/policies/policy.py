"""What a policy is: a generator of programs that knows no engine."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:  # names are listed without loading what policies need
    from gavel_opt.model.allocation_program import Allocation, Answer, ProductProgram, Program
    from gavel_opt.model.cluster_state import ClusterState

Programs: TypeAlias = "Generator[Program | ProductProgram, Answer, Allocation]"
"""Yields programs, receives their answers, returns the allocation."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the mechanism and the command line need to know of a policy.

    Attributes
    ----------
    packing
        Jobs may share workers: pairs of jobs are in play.
    shuffles
        The mechanism visits worker types in random order (policies that are not
        performance-aware, ``mechanism.md``).
    skips_zero_priority
        Jobs of priority 0 are not chosen (the FIFO policies).
    single_gpu_only
        Jobs of scale factor above 1 are refused (AlloX).
    solves
        Yields programs; False for policies without a linear program.
    needs_prices, needs_deadlines
        What else of the state it reads.
    """

    packing: bool = False
    shuffles: bool = False
    skips_zero_priority: bool = False
    single_gpu_only: bool = False
    solves: bool = True
    needs_prices: bool = False
    needs_deadlines: bool = False


class Policy(Protocol):
    """One scheduling policy; may remember things between recomputations."""

    name: str
    traits: Traits

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Generate the programs of one recomputation and return the allocation.

        Parameters
        ----------
        state
            The cluster now, with at least one job.
        merge
            Whether identical jobs become one group; without it every job is its own group, in
            order of job number, and coefficients are computed in the reference's order of
            operations.
        """
        ...

    def snapshot(self) -> dict[str, Any]:
        """What it remembers, as JSON values and arrays, for a checkpoint."""
        ...

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        ...
