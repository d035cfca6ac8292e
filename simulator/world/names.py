"""Names of worker types and job types: the one that is meant, and the nearest for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Say what ``name`` may have been meant to be: ``"; did you mean v100?"``."""
    names = sorted(known)
    # Comparing takes time in the square of the length, and no name is that long.
    near = [] if len(name) > 200 else difflib.get_close_matches(name, names, n=3)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; choose one of: {', '.join(names[:30])}{', ...' if len(names) > 30 else ''}"


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` stands for: itself, or the only one that differs in case."""
    names = set(known)
    if name in names:
        return name
    alike = [one for one in names if one.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None
