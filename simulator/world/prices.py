"""Dollars per worker and hour."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gavel_opt import InputError

_SHIPPED = Path(__file__).parents[1] / "data" / "prices.csv"


def load_prices(path: Path | None, worker_types: Sequence[str]) -> np.ndarray:
    """Load prices: a CSV file with the header ``worker_type,dollars_per_hour``.

    Parameters
    ----------
    path
        The file; None for the prices that ship with the package, where a type without a price is
        free.
    worker_types
        Types of the cluster, J of them.

    Returns
    -------
    prices
        Shape ``(J,)``.

    Raises
    ------
    InputError
        Naming file and line, or the worker type that has no price.
    """
    source = path or _SHIPPED
    try:
        lines = list(csv.reader(Path(source).read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--prices: cannot read {source}: {error}") from None
    if not lines or [field.strip() for field in lines[0]] != ["worker_type", "dollars_per_hour"]:
        raise InputError(f"{source}:1: expected the header worker_type,dollars_per_hour")
    prices: dict[str, float] = {}
    for line, fields in enumerate(lines[1:], start=2):
        if not fields:
            continue
        try:
            name, text = fields
            prices[name.strip()] = float(text)
        except ValueError:
            raise InputError(
                f"{source}:{line}: expected a worker type and dollars per hour, found "
                f"{','.join(fields)!r}"
            ) from None
        if not 0 <= prices[name.strip()] < math.inf:
            raise InputError(f"{source}:{line}: expected a price of 0 or more, found {text}")
    missing = [name for name in worker_types if name not in prices]
    if missing and path is not None:
        raise InputError(f"{source}: no price for {missing[0]!r}; add a line for it")
    return np.array([prices.get(name, 0.0) for name in worker_types])
