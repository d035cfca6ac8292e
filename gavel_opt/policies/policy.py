"""What a policy is: a generator of programs that knows no engine."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from gavel_opt.errors import InputError

if TYPE_CHECKING:  # names are listed without loading what policies need
    from gavel_opt.arrays import Floats
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
    needs_prices, needs_deadlines, needs_reference
        What else of the state it reads; the last is the throughputs on the reference worker type.
    many_pairs
        An allocation may have many more pairs than there are jobs: all that the optimum has a part for.
    by_arrival
        Who came first matters, so that equal jobs may get different shares; the conformance
        suite asks for equal shares of all others.
    """

    packing: bool = False
    shuffles: bool = False
    skips_zero_priority: bool = False
    single_gpu_only: bool = False
    needs_prices: bool = False
    needs_deadlines: bool = False
    by_arrival: bool = False
    many_pairs: bool = False
    needs_reference: bool = False

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not isinstance(value, bool):
                raise InputError(f"Traits: {one.name} is {value!r}, expected True or False")


class Policy(Protocol):
    """One scheduling policy; may remember things between recomputations.

    Derive from it and override :meth:`programs`, or :meth:`shares` for a policy that solves
    nothing; the rest has defaults. Any object that has all of this will do as well.

    Attributes
    ----------
    name
        What it is called in summaries and messages; the name of the class unless it says so.
    traits
        What the mechanism needs to know of it.
    """

    name: str = "policy"
    traits: Traits = Traits()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

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
        from gavel_opt.model.allocation_program import Allocation

        found = self.shares(state)
        return found if isinstance(found, Allocation) else Allocation(state.job, found)
        yield  # a generator that yields nothing

    def shares(self, state: ClusterState) -> Floats | Allocation:
        """Fractions of time without a program, shape ``(n, J)``, or an allocation if pairs share workers.

        A state without jobs is allowed here and matters to a policy that remembers: everybody has left.
        """
        raise InputError(f"policy {self.name!r} overrides neither programs nor shares")

    def snapshot(self) -> dict[str, Any]:
        """What it remembers, as JSON values and arrays, for a checkpoint; nothing by default."""
        return {}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""


_WITHOUT_PROGRAMS = Policy.programs


def solves(policy: Policy) -> bool:
    """Whether a policy yields programs: False for one that only overrides :meth:`Policy.shares`."""
    return getattr(policy.programs, "__func__", None) is not _WITHOUT_PROGRAMS
