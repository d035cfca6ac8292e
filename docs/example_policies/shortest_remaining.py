"""No program: shortest remaining work first, each job on the free type where it is fastest."""

import numpy as np

from gavel_opt import ClusterState, Policy, Traits
from gavel_opt.arrays import Floats


class ShortestRemaining(Policy):
    """The job with the least work left, at its best speed, goes first."""

    traits = Traits(by_arrival=True)

    def shares(self, state: ClusterState) -> Floats:
        """Return all of the time on one type, or nothing."""
        x = np.zeros((state.job.size, state.workers.size))
        rate, free = state.throughputs.alone[state.key], state.workers.copy()
        for m in np.argsort(state.steps_left / rate.max(axis=1, initial=1e-9), kind="stable"):
            fits = np.flatnonzero((free >= state.scale_factor[m]) & (rate[m] > 0.0))
            if fits.size:
                best = fits[rate[m, fits].argmax()]
                x[m, best] = 1.0
                free[best] -= state.scale_factor[m]
        return x
