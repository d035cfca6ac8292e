"""What an experiment is: pieces of work that are kept as they finish, and a report on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from gavel_opt import InputError, unknown_name
from simulator.studies.batches.batch import Batch, Task
from simulator.studies.executors import Work
from simulator.studies.experiments.comparison import Comparison
from simulator.studies.tables import exact

PAPER_WINDOW = (4000, 5000)
"""Jobs that the paper measures."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user may set; each experiment says which of it has no meaning there.

    Attributes
    ----------
    seeds
        Seeds to average over.
    policies
        Curves to run, by policy or by the curve's own name; None for the paper's.
    at
        Values of the horizontal axis to run, of those that the paper has; None for all.
    window
        Measured jobs, first and one past the last.
    engine, tie_break
        Who solves, and which of several optima.
    timeout
        Seconds of wall clock that one run may take.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    policies: tuple[str, ...] | None = None
    at: tuple[float, ...] | None = None
    window: tuple[int, int] = PAPER_WINDOW
    engine: str = "auto"
    tie_break: str = "canonical"
    timeout: float = float("inf")

    @property
    def as_published(self) -> bool:
        """Whether the measured jobs are the paper's, so that its values may stand beside ours."""
        return self.window == PAPER_WINDOW

    @property
    def named_seeds(self) -> str:
        """Say which seeds: ``seed 0`` or ``mean over seeds 0, 1, 2``."""
        if len(self.seeds) == 1:
            return f"seed {self.seeds[0]}"
        return f"mean over seeds {', '.join(map(str, self.seeds))}"


class Experiment(Protocol):
    """One figure."""

    @property
    def figure(self) -> str:
        """Number of the figure, or its name."""
        ...

    @property
    def title(self) -> str:
        """One line."""
        ...

    @property
    def one_at_a_time(self) -> bool:
        """Whether tasks measure time and must not share the machine."""
        ...

    @property
    def names(self) -> Collection[str]:
        """Policies and curves that it knows."""
        ...

    def with_own(self, policies: Mapping[str, dict[str, Any]]) -> Experiment:
        """Return the experiment with a curve for each policy of the user's, settings by name.

        Raises
        ------
        InputError
            If it has no place for one.
        """
        ...

    @property
    def work(self) -> Work:
        """What carries out one task, in any process."""
        ...

    def tasks(self, choices: Choices) -> list[Task]:
        """Return the pieces of work, the longest first where that is known.

        Raises
        ------
        InputError
            If a choice is wrong.
        """
        ...

    def write(self, folder: Path, choices: Choices, batch: Batch) -> str:
        """Write tables and data into a folder; return the table for the terminal."""
        ...

    def plot(self, folder: Path, choices: Choices, batch: Batch) -> list[Path]:
        """Draw the figure into a folder; return the files."""
        ...

    def compare(self, choices: Choices, batch: Batch) -> list[Comparison]:
        """Set the paper's headlines beside what came out."""
        ...

    def quick(self, choices: Choices) -> Choices:
        """Return choices that show the same shapes within seconds."""
        ...


class OfFixedPolicies:
    """What experiments have in common that compare certain policies and no others."""

    __slots__ = ()
    figure: str
    names: ClassVar[Collection[str]]

    def with_own(self, policies: Mapping[str, dict[str, Any]]) -> Self:
        """Refuse policies of the user's."""
        for policy in policies:
            raise InputError(
                f"--policy: figure {self.figure} has no place for {policy}; figures of curves have, such as 9"
            )
        return self

    def _policies(self, choices: Choices) -> list[str]:
        return chosen(choices.policies, [(name, name) for name in self.names], list(self.names))


def chosen(
    policies: Sequence[str] | None, names: Sequence[tuple[str, str]], default: Sequence[str]
) -> list[str]:
    """Return the curves that the user chose.

    Parameters
    ----------
    policies
        What the user wrote: policies or curves; None for the default.
    names
        (curve, its policy) of all curves of the figure.
    default
        Curves that run unasked.

    Raises
    ------
    InputError
        For a name that the figure does not have.
    """
    if policies is None:
        return list(default)
    known = {name for pair in names for name in pair}
    for policy in policies:
        if policy not in known:
            raise unknown_name("policy of this figure (--policy)", policy, known)
    return [curve for curve, policy in names if curve in policies or policy in policies]


def nearest_values(
    at: Sequence[float] | None,
    known: Sequence[float],
    whose: str = "this figure",
) -> list[float]:
    """Return the values of the axis that the user chose, of those that there are.

    Raises
    ------
    InputError
        For a value that the figure does not have.
    """
    if at is None:
        return list(known)
    for value in at:
        if not any(abs(value - one) < 1e-9 for one in known):
            raise InputError(
                f"--at: {exact(value)} is not a point of {whose}: {', '.join(map(exact, known))}"
            )
    return [one for one in known if any(abs(value - one) < 1e-9 for value in at)]
