"""Dollars per worker and hour."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gavel_opt import InputError
from simulator.world.names import meant
from simulator.world.untrusted_text import LARGEST, csv_rows, number, read_text, shown

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
    prices = _shipped() if path is None else _read(source)
    priced = {name: meant(name, prices) for name in worker_types}
    missing = [name for name, known in priced.items() if known is None]
    if missing and path is not None:
        raise InputError(f"{source}: no price for {missing[0]!r}; add a line for it")
    return np.array([0.0 if known is None else prices[known] for known in priced.values()])


@functools.cache
def _shipped() -> dict[str, float]:
    return _read(_SHIPPED)


def _read(source: Path) -> dict[str, float]:
    """Read a file of prices: dollars per hour by worker type."""
    rows = csv_rows(str(source), read_text(source, "--prices"))
    _, header = next(rows, (1, []))
    if [field.strip() for field in header] != ["worker_type", "dollars_per_hour"]:
        raise InputError(f"{source}:1: expected the header worker_type,dollars_per_hour")
    prices: dict[str, float] = {}
    for line, fields in rows:
        if not fields:
            continue
        price = number(fields[1].strip()) if len(fields) == 2 else None
        if price is None:
            raise InputError(
                f"{source}:{line}: expected a worker type and dollars per hour, found "
                f"{shown(','.join(fields))}"
            )
        if not 0 <= price <= LARGEST:
            limit = "0 or more" if price < 0 else f"{LARGEST:g} or less"
            raise InputError(
                f"{source}:{line}: expected a price of {limit}, found {shown(fields[1])}"
            )
        name = fields[0].strip()
        if (before := meant(name, prices)) is not None:
            alike = "" if before == name else f", after one for {shown(before)}"
            raise InputError(f"{source}:{line}: a second price for {shown(name)}{alike}")
        prices[name] = abs(price)  # no zero with a sign
    return prices
