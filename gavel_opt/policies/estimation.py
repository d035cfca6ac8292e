r"""Estimated co-located throughputs (paper, section 6 and figure 16).

Measuring every pair of job types is expensive. Instead a few *reference* types are measured with each
other beforehand, and a new job is profiled beside a fraction of them only. With normalised throughputs
:math:`r_{a,(j,b)}` (speed of :math:`a` beside :math:`b` on worker type :math:`j`, divided by its speed
alone) the new job is one more row of a matrix of low rank; its missing entries are completed,

.. math::

    \min_u \sum_{c\ \text{profiled}} \left( r_c - (u^T B)_c \right)^2 + \mu \lVert u \rVert^2,
    \qquad B = \Sigma_k V_k^T,

with the truncated singular value decomposition :math:`U \Sigma V^T` of the reference rows, and the job
is matched to the reference type at the smallest cosine distance. From then on it is taken to behave
beside others as its reference type does.

This is alternating least squares, the method of the package that the reference uses
(``matrix_completion``, not maintained since 2019), in the one step that remains when every row but one
is known in full, so scipy's linear algebra does it. On Gavel's measurements (16 reference types, 20%
profiled) it finds the best reference type as often (0.64 against 0.65) at 1/200 of the time. Masked
CP decomposition of tensorly, which is maintained, found it for 0.17 to 0.50 of the types only: it starts
missing entries from zero. scikit-learn has no low-rank completion; its ``IterativeImputer``, which
regresses column on column, finds the best type half as often and takes half a second for a job. The
reference reads a wrong column where it looks up a profiled entry (an offset among reference types used
among all types); here the entry is the profiled one.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from scipy import linalg

from gavel_opt.arrays import Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.model.cluster_state import ThroughputTable
from gavel_opt.policies.fifo import random_state, set_random_state

RANK = 10
"""Rank of the completion, as in the reference."""

RIDGE = 1e-2
"""Its regularisation, as in the reference."""


class ThroughputEstimator:
    """Matches new jobs to reference types from a few measurements.

    Parameters
    ----------
    truth
        All measured throughputs, co-located ones included; speeds alone are taken as known.
    types
        Keys of ``truth`` that are estimated, in the order of the workload's job types (all of
        scale factor 1 in the paper). Others keep their measured throughputs.
    references
        How many of ``types``, drawn at random, are reference types.
    profiled
        Fraction of a new job's co-located throughputs that is measured, in [0, 1].
    seed
        Seed of the draws.

    Attributes
    ----------
    table
        What policies see: the rows of ``truth``, then one row for each pair of a type and a
        reference type it may be matched to (key = type, scale factor, matched reference).

    Raises
    ------
    InputError
        For a number of reference types or a fraction out of range, or missing measurements.
    """

    def __init__(
        self,
        truth: ThroughputTable,
        types: Ints,
        references: int,
        profiled: float,
        seed: int = 0,
    ) -> None:
        if not 1 <= references <= types.size:
            raise InputError(
                f"number of reference models (--reference-models) is {references}, expected "
                f"1 to {types.size}"
            )
        if not 0.0 <= profiled <= 1.0:
            raise InputError(
                f"profiling percentage (--profiling-percentage) is {profiled}, expected 0 to 1"
            )
        if truth.paired is None:
            raise InputError("throughput estimation needs co-located throughputs to profile from")
        self._random = random.Random(seed)
        self._place: dict[int, int] = {int(key): place for place, key in enumerate(types)}
        self._profiled = profiled
        self._known = int(truth.alone.shape[0])
        alone = truth.alone[types]
        together = truth.paired[np.ix_(types, types)][:, :, 0]
        normal = np.divide(
            together,
            alone[:, None],
            out=np.zeros_like(together),
            where=np.broadcast_to(alone[:, None] > 0.0, together.shape),
        )
        chosen = np.array(sorted(self._random.sample(range(types.size), references)))
        # one row a type, columns worker type by worker type, reference types within
        self._rows: Floats = np.concatenate(list(np.moveaxis(normal[:, chosen], 2, 0)), axis=1)
        self._reference: Floats = self._rows[chosen]
        self._norms: Floats = np.linalg.norm(self._reference, axis=1)
        _, size, basis = linalg.svd(self._reference, full_matrices=False)
        self._basis: Floats = size[:RANK, None] * basis[:RANK]
        self.references: Ints = types[chosen]
        self.table = _matched_table(truth, types, normal[np.ix_(chosen, chosen)])

    def match(self, key: int) -> int:
        """Profile a new job and match it: its key in :attr:`table`.

        Parameters
        ----------
        key
            The job's true key in the measured table.
        """
        place = self._place.get(key)
        if place is None:
            return key
        return self._known + place * int(self.references.size) + self._nearest(place)

    def _nearest(self, place: int) -> int:
        """Place of the reference type that the type at ``place`` looks most like."""
        row = self._rows[place]
        draw = self._random.random
        seen = np.array([draw() <= self._profiled for _ in range(row.size)])
        guess = row if seen.all() else np.where(seen, row, complete(self._basis, row, seen))
        if not guess.any():
            return self._random.randrange(int(self.references.size))
        likeness = np.full(self._norms.size, -1.0)
        np.divide(self._reference @ guess, self._norms, out=likeness, where=self._norms > 0.0)
        return int(np.argmax(likeness))

    def snapshot(self) -> dict[str, Any]:
        """Return the state of the random stream."""
        return {"random": random_state(self._random)}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        set_random_state(self._random, memory["random"])


def complete(basis: Floats, row: Floats, seen: np.ndarray) -> Floats:
    """Complete a row from its seen entries, within [0, 1].

    Parameters
    ----------
    basis
        Rows that span the low-rank space, shape ``(k, n)``.
    row, seen
        Values and which of them count, shape ``(n,)``.
    """
    part = basis[:, seen]
    normal = part @ part.T + RIDGE * np.eye(len(basis))
    # as `linalg.solve(..., assume_a="pos")`, without its checks, which take ten times as long
    _, weights, wrong = linalg.lapack.dposv(normal, part @ row[seen])
    if wrong:
        raise linalg.LinAlgError("the completion's normal equations are singular")
    completed: Floats = np.clip(weights @ basis, 0.0, 1.0)
    return completed


def _matched_table(truth: ThroughputTable, types: Ints, normal: Floats) -> ThroughputTable:
    """Add a row for each (type, reference type) to the measured table.

    ``normal`` holds the normalised throughputs among reference types, shape ``(R, R, J)``.
    """
    assert truth.paired is not None
    known, workers = truth.alone.shape
    references = normal.shape[0]
    alone = np.concatenate([truth.alone, np.repeat(truth.alone[types], references, axis=0)])
    keys = alone.shape[0]
    paired = np.zeros((keys, keys, 2, workers))
    paired[:known, :known] = truth.paired
    own = np.tile(normal, (types.size, types.size, 1))
    speed = alone[known:]
    paired[known:, known:, 0] = own * speed[:, None]
    paired[known:, known:, 1] = own.transpose(1, 0, 2) * speed[None, :]
    return ThroughputTable(alone, paired, truth.reference)
