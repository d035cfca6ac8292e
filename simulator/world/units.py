"""Units: simulated time is in seconds; and how a number of things is said."""

from __future__ import annotations

HOUR = 3600.0
"""Seconds in an hour."""


def counted(count: int, thing: str) -> str:
    """Say how many of a thing there are: ``1 run``, ``2,000 runs``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
