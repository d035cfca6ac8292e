"""Columns come back as they were, and whole numbers take little room."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.viewer.column_file import pack, unpack


@pytest.mark.parametrize(
    "values",
    [
        np.array([], dtype=np.int64),
        np.array([0, 1, 255]),
        np.array([-1, 5, 127]),
        np.array([70_000, 70_001, 70_003]),
        np.array([2**31 - 1, -(2**31) + 1]),
        np.array([0.1, np.nan, -0.0, np.inf, 1e300]),
        np.array([1.0, 2.0, 3.0]),
        np.array([-0.0, 1.0]),
        np.array([2.0**40, 1.0]),
        np.array([True, False]),
        np.arange(1000) * 7,
    ],
)
def test_columns_come_back_to_the_last_bit(values: np.ndarray) -> None:
    header, columns = unpack(pack({"name": "x"}, {"values": values}))
    assert header == {"name": "x"}
    expected = np.asarray(values, dtype=np.float64)
    assert columns["values"].astype(np.float64).tobytes() == expected.tobytes()


def test_what_grows_by_little_is_stored_in_a_byte_each() -> None:
    large = pack({}, {"values": np.random.default_rng(0).integers(0, 2**30, 50_000)})
    small = pack({}, {"values": np.cumsum(np.random.default_rng(0).integers(0, 2, 50_000))})
    assert len(small) < len(large) / 10


def test_something_else_is_no_block() -> None:
    import gzip

    with pytest.raises(ValueError, match="not a block"):
        unpack(gzip.compress(b"something else"))
