"""The pace of a policy that puts each job on a type at random and leaves it there: arithmetic, given the workers in use.

Jobs on slow workers stay for weeks, so it takes a queue as long until those that run are the usual ones; until then it is
worked off too fast (plain FIFO with multi-GPU jobs: by 4 % in 60 hours, 2 % in 500). But each type gets jobs of
all kinds, as many as it gets done, so what a job costs there is known beforehand, and all that has to be measured is which part
of the workers is in use.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats

_ENOUGH = 1e-9
"""Part by which the rates of the types may differ in the end."""

_MOST_STEPS = 200


def rate_of_types_at_random(needed: Floats, in_use: Floats) -> float:
    r"""Jobs per hour that so many workers get done if a job's type is drawn without a look at the job.

    A job of key k goes to type j, where it fits, with a probability in proportion to :math:`q_j`. The rate is the one
    :math:`\lambda` at which every type has as much to do as it does, which :math:`q` is searched for:

    .. math::

        \lambda \sum_k n_{kj} \frac{q_j}{\sum_{i\ \text{fits}\ k} q_i} = u_j

    Parameters
    ----------
    needed
        Workers of each type that a job per hour keeps busy, by key, if all of the key are there, shape ``(K, J)``; inf where
        it does not fit.
    in_use
        Workers of each type that are in use on average, shape ``(J,)``.
    """
    come = (needed > 0.0).all(axis=1) & np.isfinite(needed).any(
        axis=1
    )  # of others there is no work
    needed = needed[come]
    used = np.flatnonzero((in_use > 0.0) & np.isfinite(needed).any(axis=0))
    needed, in_use = needed[:, used], in_use[used]
    fits = np.isfinite(needed)
    if not used.size or not fits.any(axis=1).all():
        return 0.0  # somebody gets no turn
    each = np.where(fits, needed, 0.0)
    chance = in_use / each.sum(axis=0)
    for _ in range(_MOST_STEPS):
        part = fits * chance
        part /= part.sum(axis=1, keepdims=True)
        rates = in_use / (part * each).sum(axis=0)
        if np.ptp(rates) <= _ENOUGH * rates.max():
            break
        chance = chance * rates / rates.mean()
    return float(in_use.sum() / (part * each).sum())
