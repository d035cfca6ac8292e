"""AlloX places a single job where the assignment would."""

from __future__ import annotations

import numpy as np

from gavel_opt import ClusterState, ThroughputTable, make_policy
from gavel_opt.policies.allox import heads_of_lines


def test_one_job_goes_where_the_assignment_puts_it():
    rng = np.random.default_rng(3)
    for _ in range(200):
        types = int(rng.integers(1, 5))
        workers = rng.integers(0, 3, types)
        workers[rng.integers(types)] += 1
        speed = rng.choice([1.0, 2.0, 3.0], (1, types))
        steps, age = rng.uniform(1.0, 1e5, 1), rng.uniform(0.0, 1e20, 1)  # which hides differences
        state = ClusterState(
            tuple("abcd"[:types]),
            workers,
            ThroughputTable(speed),
            job=np.array([7]),
            key=np.array([0]),
            scale_factor=np.array([1]),
            weight=np.ones(1),
            steps_left=steps,
            age=age,
        )
        place = np.flatnonzero(heads_of_lines(steps[:, None] / speed, age, workers) == 0)[0]
        kind = np.repeat(np.arange(types), workers)[place]
        assert make_policy("allox").shares(state).x[0].argmax() == kind
