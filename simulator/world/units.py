"""Units: simulated time is in seconds."""

from __future__ import annotations

HOUR = 3600.0
"""Seconds in an hour."""
