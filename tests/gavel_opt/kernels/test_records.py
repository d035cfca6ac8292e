"""Records mean the same to numpy and to plain Python."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from gavel_opt.kernels.records import plain, record

SPEED = record(steps="f8", rank="i4", known="?")


class Speeds(NamedTuple):
    table: np.ndarray
    order: np.ndarray


def test_plain_records_share_the_array_s_memory() -> None:
    array = np.zeros((2, 3), SPEED)
    table = plain(Speeds(array, np.arange(3))).table
    table[1, 2].steps += 1.5
    table[1][0].rank = np.int64(7)
    table[1, 2].known = True
    table[0, 0] = table[1, 2]
    array["steps"][1, 1] = 2.0
    assert array["steps"].tolist() == [[1.5, 0.0, 0.0], [0.0, 2.0, 1.5]]
    assert table[1, 0].rank == 7
    assert table[1, 1].steps == 2.0
    assert array[0, 0]["known"]
    assert table.shape == (2, 3)
    assert len(table) == 2
    with pytest.raises(TypeError):
        table[0, 0].rank = 0.5


def test_other_arrays_stay_as_they_are() -> None:
    order = np.arange(3)
    assert plain(order) is order
