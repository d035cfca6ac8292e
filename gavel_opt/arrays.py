"""Names for the array types that travel between modules, and helpers that make them as they must be."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Singles: TypeAlias = NDArray[np.float32]
SmallInts: TypeAlias = NDArray[np.int32]
Bytes: TypeAlias = NDArray[np.int8]


def frozen_floats(values: ArrayLike) -> Floats:
    """Return ``values`` as a contiguous read-only float64 array, copied only if it must be."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def plain_array(array: Any) -> Any:
    """Contiguous and writable, as the kernels are compiled for; other kinds would compile anew."""
    flags = array.flags
    return array if flags.carray else np.require(array, requirements=["C", "W"])


def whole(values: Ints) -> Ints:
    """The same numbers as int64."""
    return np.asarray(values, dtype=np.int64)
