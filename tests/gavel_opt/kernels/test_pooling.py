"""Pools are made by compiled code: what it returns are arrays in order, which a kernel may hand over."""

from __future__ import annotations

import numpy as np

from gavel_opt.engines.proportional_jobs import _pooled
from gavel_opt.kernels.arguments import ArrayForm, form_of
from gavel_opt.kernels.compiling import lower_kernel


def test_pooling_can_be_compiled():
    groups = 4
    given = (
        np.array([0, 0, 1, 1]),
        np.zeros(groups, dtype=bool),
        np.ones((groups, 2)),
        np.ones(groups),
        np.ones(groups),
    )
    lowered = lower_kernel(_pooled, tuple(map(form_of, given)), lambda: None)
    assert [type(form) for form in lowered.result.members] == [ArrayForm] * 5
