"""The optimum of a product program, as the rest of the package sees it."""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import plain_array
from gavel_opt.kernels.jit import make_ready
from gavel_opt.model.allocation_program import Answer, ProductProgram
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.empty_types import served_part, widened
from gavel_opt.solver.largest_product.method import proven_product

_MANY_SHARES = 300
"""Shares from which on a program is not interpreted: that takes a second."""


def product_optimum(program: ProductProgram) -> tuple[Answer, Certificate]:
    """Solve ``program``: its levels, which are the only ones, at shares in the centre of those that have them.

    Returns
    -------
    answer, certificate
        To be used only if the certificate is good enough.
    """
    if (part := served_part(program)) is not None:
        answer, proof = product_optimum(part[0])
        return widened(program, answer, part[1]), proof
    blocks = program.blocks
    groups, types = blocks.rate.shape
    shared = (
        *(plain_array(blocks.rate), plain_array(blocks.use)),
        *(plain_array(blocks.count), plain_array(blocks.workers)),
    )
    x, price = program.near or (np.empty((0, types)), np.empty(0))
    near = plain_array(x), plain_array(price)
    found = np.zeros((groups, types)), np.zeros(types), np.zeros(groups), np.zeros(groups)
    task = shared, near, found
    if groups * types >= _MANY_SHARES:
        make_ready(proven_product, task)
    objective, primal, gap = proven_product(*task)
    x, price, _, unit = found
    return Answer(x, objective, math.nan, unit, price), Certificate(float(primal), 0.0, float(gap))
