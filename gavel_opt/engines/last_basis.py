"""The last optimal bases of an engine: often the next program's optimum, found without the solver.

Most rounds change a few numbers and leave a basis optimal that was so before. A simplex code finds that out as
well, but only after it has looked at the whole model several times. So the vertices of the last bases are
computed first, and one with an exact proof is the answer. If there is none, the solver goes on from
the basis that it kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import AllocationProgram, Answer
from gavel_opt.model.answers import Tables, certificate_of
from gavel_opt.model.solution import Certificate

_REMEMBERED = 4
"""Bases kept: clusters and policies with several programs a round come back to earlier ones."""

_PATIENCE, _PAUSE = 8, 32
"""After so many programs in a row that had none of these bases only every so manieth is tried."""

_EXACT = 1e-12
"""Residuals and gap of a basis that is optimal, up to rounding."""


@dataclass(slots=True)
class _Basis:
    key: Ints
    mark: Ints
    full: int
    price: Floats


@dataclass(slots=True)
class LastBases:
    """Optimal bases of the last programs, the last one first.

    Attributes
    ----------
    apart
        Keys of groups that were in no pool lastly (:mod:`~gavel_opt.engines.proportional_jobs`).
    """

    apart: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    _bases: list[_Basis] = field(default_factory=list)
    _missed: int = 0

    def answer(self, keys: Ints, given: Tables) -> tuple[Answer, Certificate] | tuple[None, None]:
        """The optimum of the program with these keys and tables, if it has one of the bases."""
        if not self._tried:
            return None, None
        # Compiled, so it is loaded only where allocation programs are solved.
        from gavel_opt.engines.vertex import marks_of, vertex

        rate, use, _, _, floor, _ = given
        for place, basis in enumerate(self._bases):
            mark = basis.mark
            if keys.size != basis.key.size or not (keys == basis.key).all():
                mark = marks_of(basis.key, mark, basis.price, keys, rate, use, floor)
                if mark.size != keys.size:
                    continue
            x, level_dual, price, proof = vertex(*given, mark, basis.full)
            t, objective, primal, dual, gap = proof
            if primal <= _EXACT and dual <= _EXACT and gap <= _EXACT:
                del self._bases[place]
                self._bases.insert(0, _Basis(keys, mark, basis.full, price))
                self._missed = 0
                return Answer(x, objective, t, level_dual, price), certificate_of(proof)
        return None, None

    def remember(self, keys: Ints, given: Tables, answer: Answer) -> None:
        """Read the basis off a solver's answer, which should be a vertex."""
        self._missed += 1
        if self._tried:
            from gavel_opt.engines.vertex import basis_of

            mark, full = basis_of(*given, answer.x, answer.level)
            self._bases.insert(0, _Basis(keys, mark, full, answer.capacity_dual))
            del self._bases[_REMEMBERED:]

    @property
    def _tried(self) -> bool:
        return self._missed < _PATIENCE or self._missed % _PAUSE == 0


def keys_of(program: AllocationProgram) -> Ints:
    """What tells a program's groups apart: their keys, or their places."""
    blocks = program.blocks
    return np.arange(blocks.groups) if blocks.key is None else blocks.key
