"""DeDe on a sum of throughputs, in an environment of its own: ``python dede_worker.py IN.npz OUT.npz``.

The package (0.1.6) asks for cvxpy 1.4.0, which needs numpy 1 and scipy below 1.12, so it cannot stand
beside this one's. Needs nothing of this project.
"""

import contextlib
import functools
import io
import operator
import sys
import time

import dede
import numpy as np
import ray


def main(given: str, found: str) -> None:
    with np.load(given) as file:
        worth, use, workers = file["worth"], file["use"], file["workers"]
    x = dede.Variable(worth.shape, nonneg=True)
    used = [use @ x[:, j] <= workers[j] for j in range(workers.size)]
    spent = [x[g, :].sum() <= 1 for g in range(use.size)]
    parts = [worth[g] @ x[g, :] for g in np.flatnonzero(worth.any(axis=1))]
    started = time.perf_counter()
    problem = dede.Problem(dede.Maximize(functools.reduce(operator.add, parts)), used, spent)
    with contextlib.redirect_stdout(io.StringIO()):
        problem.solve(num_cpus=1, num_iter=0, solver=dede.ECOS)  # its actors, once for all solves
        built = time.perf_counter()
        problem.solve(num_cpus=1, solver=dede.ECOS)
    solved = time.perf_counter()
    share = np.zeros(worth.size)
    actors = problem._subprob_cache.probs
    places = ray.get([actor.get_solution_idx_d.remote() for actor in actors])
    places = [place for of_actor in places for place in of_actor]
    for (variable, place), value in zip(places, problem.sol_d, strict=True):
        if variable == x.id:
            share[place] = value
    np.savez(
        found,
        share=share.reshape(worth.shape, order="F"),
        built=built - started,
        solved=solved - built,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
